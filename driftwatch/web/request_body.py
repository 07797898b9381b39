"""Bodies of the quieter routes, within the same bounds as those of ingest."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from driftwatch.web.bodies import Disconnected, headers_of, read_body
from driftwatch.web.problems import ProblemError, in_words, problem

ModelT = TypeVar("ModelT", bound=BaseModel)


async def text_body(request: Request, most_bytes: int) -> str:
    """The body as text.

    Raises
    ------
    ProblemError
        Too large, too slow, damaged, or no UTF-8.
    """
    try:
        body = await read_body(request.receive, headers_of(request.scope), most_bytes)
        return body.decode()
    except UnicodeDecodeError:
        raise ProblemError(problem(HTTPStatus.BAD_REQUEST, "unreadable-body", "The body is not UTF-8.")) from None
    except Disconnected:
        raise ProblemError(problem(HTTPStatus.BAD_REQUEST, "unreadable-body", "The body broke off.")) from None


async def json_body(request: Request, kind: type[ModelT], most_bytes: int) -> ModelT:
    """The body as a record.

    Raises
    ------
    ProblemError
        400 where it is no JSON, 422 with the field where it does not fit, and as `text_body`.
    """
    text = await text_body(request, most_bytes)
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        if first["type"] == "json_invalid":
            detail = f"The body is no JSON: {first['msg'].removeprefix('Invalid JSON: ')}."
            raise ProblemError(problem(HTTPStatus.BAD_REQUEST, "unreadable-body", detail)) from None
        field = ".".join(str(part) for part in first["loc"]) or None
        detail = in_words(first["type"], first["msg"])
        raise ProblemError(problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-input", detail, field=field)) from None


def documented_body(schema: dict[str, Any]) -> dict[str, Any]:
    """How a route that reads its body itself documents it."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


__all__ = ["documented_body", "json_body", "text_body"]
