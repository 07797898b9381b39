"""What model servers' loggers send, taken as CloudEvents: an empty 200 as soon as it is on disk."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import parse_qs

from driftwatch.errors import DriftwatchError, EventError, StoreError
from driftwatch.pipeline.pairing import Pairing
from driftwatch.pipeline.telemetry import Telemetry
from driftwatch.web.answer import Answer
from driftwatch.web.names import NAME_RULE, is_model_name
from driftwatch.web.problems import problem, problem_of
from driftwatch.wire.cloudevents import DecodedEvents, decode, is_cloudevent

_TO_THREAD_BYTES = 256 * 1024
"""From here on, an envelope takes longer to read than a thread costs."""
_LONGEST_VERSION = 256

# Knative takes a body for an event that is sent in reply, and refuses an answer with any other.
_TAKEN = Answer(HTTPStatus.OK.value, b"", content_type="")


class CloudEventsRoute:
    """``POST /v1/cloudevents`` and ``POST /``.

    Parameters
    ----------
    pairing
        Who keeps the events; None where nobody does.
    telemetry
        Counts what is no event.
    """

    def __init__(self, pairing: Pairing | None, telemetry: Telemetry) -> None:
        self._pairing = pairing
        self._telemetry = telemetry

    async def take(self, headers: Mapping[str, str], body: bytes, query: bytes) -> Answer:
        """Answer when every event that says something of a prediction is on disk."""
        if self._pairing is None:
            return problem(HTTPStatus.NOT_FOUND, "not-found", "This service takes no CloudEvents.")
        if not is_cloudevent(headers):
            self._malformed(1)
            detail = "The request is no CloudEvent: it has no ce- headers, and no content type of CloudEvents."
            return problem(HTTPStatus.BAD_REQUEST, "unreadable-body", detail, field="Content-Type")
        model, version = _asked(query, "model"), _asked(query, "model_version")
        if model is not None and not is_model_name(model):
            return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-input", NAME_RULE, field="model")
        if version is not None and len(version) > _LONGEST_VERSION:
            detail = f"A version has at most {_LONGEST_VERSION} characters."
            return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-input", detail, field="model_version")
        try:
            if len(body) >= _TO_THREAD_BYTES:
                found = await asyncio.to_thread(decode, headers, body)
            else:
                found = decode(headers, body)
        except EventError as error:
            self._malformed(1)
            detail = f"{error.problem} {error.remedy}" if error.remedy else error.problem
            return problem(HTTPStatus.BAD_REQUEST, "unreadable-body", detail, field=error.field)
        return await self._kept(self._pairing, found, model, version)

    async def _kept(self, pairing: Pairing, found: DecodedEvents, model: str | None, version: str | None) -> Answer:
        if found.rejections:
            self._malformed(len(found.rejections))
            if not found.rows:
                first = found.rejections[0]
                return problem(HTTPStatus.BAD_REQUEST, "unreadable-body", first.problem, field=first.field or None)
        try:
            future = pairing.take([event for _, event in found.rows], model, version)
            if future is not None:
                # Shielded: a logger that goes away must not take back what others wait for in the same commit.
                await asyncio.shield(asyncio.wrap_future(future))
        except DriftwatchError as refused:
            if isinstance(refused, StoreError):
                self._telemetry.count("requests_refused_total", kind="cloudevents", reason="no_room")
            return problem_of(refused)
        return _TAKEN

    def _malformed(self, count: int) -> None:
        self._telemetry.count("cloudevents_total", count, kind="other", outcome="malformed")


def _asked(query: bytes, name: str) -> str | None:
    try:
        found = parse_qs(query.decode("latin-1"), max_num_fields=20).get(name)
    except ValueError:
        return None
    return found[-1] if found else None


__all__ = ["CloudEventsRoute"]
