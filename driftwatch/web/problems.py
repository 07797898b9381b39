"""Every error as ``application/problem+json`` (RFC 9457): what is wrong, in which field, and what to do.

``type`` names the kind of problem for programs, ``detail`` tells people, ``field`` is the path of the field at fault.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from http import HTTPStatus

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from driftwatch.errors import (
    DriftwatchError,
    InputError,
    StateConflict,
    StoreError,
    StoreFull,
    UnknownAlert,
    UnknownMessage,
    UnknownModel,
    UnknownRetrain,
    UnknownVersion,
)
from driftwatch.web.answer import Answer, HeaderPairs
from driftwatch.web.problem_document import PROBLEM_JSON, Problem, Refused

RETRY_AFTER_SECONDS = 5
TIME_RULE = "Must be a time with an offset, such as 2026-01-31T08:00:00Z."

_URN = "urn:problem-type:driftwatch:"


_KINDS: tuple[tuple[type[DriftwatchError], HTTPStatus, str], ...] = (
    (UnknownModel, HTTPStatus.NOT_FOUND, "unknown-model"),
    (UnknownVersion, HTTPStatus.NOT_FOUND, "unknown-version"),
    (UnknownRetrain, HTTPStatus.NOT_FOUND, "unknown-retrain"),
    (UnknownAlert, HTTPStatus.NOT_FOUND, "unknown-alert"),
    (UnknownMessage, HTTPStatus.NOT_FOUND, "unknown-message"),
    (StateConflict, HTTPStatus.CONFLICT, "conflict"),
    (InputError, HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-input"),
    (StoreFull, HTTPStatus.SERVICE_UNAVAILABLE, "no-room"),
    (StoreError, HTTPStatus.SERVICE_UNAVAILABLE, "store-trouble"),
)
_FIELDS: dict[type[DriftwatchError], str] = {
    UnknownModel: "model",
    UnknownVersion: "model_version",
    UnknownRetrain: "retrain_id",
    UnknownAlert: "alert_id",
    UnknownMessage: "message_id",
}


class ProblemError(Exception):
    """A problem that is an answer already."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        super().__init__(answer.status)


def problem(
    status: HTTPStatus,
    kind: str,
    detail: str,
    *,
    field: str | None = None,
    rejected: Sequence[Refused] = (),
    headers: HeaderPairs = (),
) -> Answer:
    """An error as an answer.

    Examples
    --------
    >>> problem(HTTPStatus.NOT_FOUND, "not-found", "Nothing here.").body
    b'{"type":"urn:problem-type:driftwatch:not-found","title":"Not Found","status":404,"detail":"Nothing here."}'
    """
    document = Problem(
        type=_URN + kind,
        title=status.phrase,
        status=status.value,
        detail=detail,
        field=field or None,
        rejected=tuple(rejected),
    )
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        headers = (*headers, (b"retry-after", b"%d" % RETRY_AFTER_SECONDS))
    return Answer(status.value, msgspec.json.encode(document), PROBLEM_JSON, headers)


def problem_of(error: DriftwatchError) -> Answer:
    """What driftwatch raised on purpose, as an answer; unforeseen kinds say no more than that."""
    for kind, status, name in _KINDS:
        if isinstance(error, kind):
            if isinstance(error, InputError):
                detail = f"{error.problem} {error.remedy}" if error.remedy else error.problem
                return problem(status, name, sentence(detail), field=error.field)
            # What a store says may name folders of this machine.
            own_words = kind is not StoreError
            detail = str(error) if own_words else "The service cannot reach its stores at the moment. Try again."
            return problem(status, name, detail, field=_FIELDS.get(kind))
    return unforeseen()


def unforeseen() -> Answer:
    """The answer to a defect: nothing of the inside is shown."""
    return problem(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "unforeseen",
        "Something unforeseen happened. The log of the service says what.",
    )


def sentence(text: str) -> str:
    """Begin with a capital letter: messages are written to follow a field's name."""
    return text[:1].upper() + text[1:]


def add_problem_handlers(app: FastAPI) -> None:
    """Make every error of ``app`` a problem document."""

    async def on_purpose(_: Request, error: Exception) -> Response:
        assert isinstance(error, DriftwatchError)
        return response_of(problem_of(error))

    async def ready_made(_: Request, error: Exception) -> Response:
        assert isinstance(error, ProblemError)
        return response_of(error.answer)

    async def of_framework(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return response_of(_framework_problem(request, error))

    async def of_validation(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return response_of(_validation_problem(error))

    async def of_defect(_: Request, __: Exception) -> Response:
        return response_of(unforeseen())

    app.add_exception_handler(DriftwatchError, on_purpose)
    app.add_exception_handler(ProblemError, ready_made)
    app.add_exception_handler(HTTPException, of_framework)
    app.add_exception_handler(RequestValidationError, of_validation)
    app.add_exception_handler(Exception, of_defect)


def response_of(answer: Answer) -> Response:
    """The answer in FastAPI's terms."""
    response = Response(answer.body, answer.status)
    response.raw_headers = answer.header_pairs()
    return response


def _framework_problem(request: Request, error: HTTPException) -> Answer:
    status = HTTPStatus(error.status_code)
    headers = tuple((name.lower().encode(), value.encode()) for name, value in (error.headers or {}).items())
    if status is HTTPStatus.NOT_FOUND:
        return problem(status, "not-found", "There is nothing at this address. GET /docs lists what there is.")
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = ", ".join(_methods(request)) or (error.headers or {}).get("Allow", "another method")
        detail = f"{request.method} is not possible here; {allowed} is."
        return problem(status, "method-not-allowed", detail, headers=((b"allow", allowed.encode()),))
    return problem(status, "http", str(error.detail), headers=headers)


def _methods(request: Request) -> list[str]:
    """All methods of the address: the framework names those of one route only."""
    paths: dict[str, dict[str, object]] = request.app.openapi()["paths"]
    here = request.url.path
    found = [item for path, item in paths.items() if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", path), here)]
    return sorted({method.upper() for item in found for method in item})


def _validation_problem(error: RequestValidationError) -> Answer:
    rows = [(_field_of(one["loc"]), in_words(one["type"], one["msg"])) for one in error.errors()]
    field, detail = rows[0]
    refused = [Refused(index, name, text) for index, (name, text) in enumerate(rows)] if len(rows) > 1 else []
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-input", detail, field=field, rejected=refused)


def _field_of(location: Sequence[object]) -> str:
    return ".".join(str(part) for part in location[1:]) or str(location[0])


def in_words(kind: str, message: str) -> str:
    """What a validator says, as a sentence.

    Examples
    --------
    >>> in_words("timezone_aware", "Input should have timezone info")
    'Must be a time with an offset, such as 2026-01-31T08:00:00Z.'
    >>> in_words("value_error", "Value error, must lie after 1970")
    'Must lie after 1970.'
    """
    if kind.startswith(("datetime", "timezone")):
        return TIME_RULE
    text = message.removeprefix("Value error, ").replace("Input should be", "Must be").rstrip(".")
    return f"{sentence(text)}."


__all__ = [
    "ProblemError",
    "add_problem_handlers",
    "in_words",
    "problem",
    "problem_of",
    "response_of",
    "sentence",
    "unforeseen",
]
