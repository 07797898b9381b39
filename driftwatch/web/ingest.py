"""Predictions and labels: (model, body, headers) to an answer, without a framework in between."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import replace
from enum import StrEnum
from functools import lru_cache, partial
from http import HTTPStatus
from typing import cast

import msgspec

from driftwatch.errors import DriftwatchError, EventError, StoreError, StoreFull
from driftwatch.pipeline.ingest import Ingest, Submission
from driftwatch.pipeline.telemetry import Telemetry
from driftwatch.ports import SpoolReceipt
from driftwatch.web.answer import Answer
from driftwatch.web.gathering import Gathering, Outcome
from driftwatch.web.names import NAME_RULE, is_model_name
from driftwatch.web.problem_document import Refused
from driftwatch.web.problems import problem, problem_of, sentence
from driftwatch.wire import FORMATS, Format
from driftwatch.wire.columnar import LabelColumns, PredictionColumns
from driftwatch.wire.json_texts import json_list
from driftwatch.wire.native import JSON, Decoded, LabelEvent, PredictionEvent, Rejection
from driftwatch.wire.typed_json import TypedEvent, TypedJson

_TO_THREAD_BYTES = 32 * 1024
"""From here on, decoding would keep the event loop from other requests for longer than a thread costs."""

USUAL_TYPE = "application/json"
"""The content type of a body that has none."""

Then = Callable[[Answer | BaseException], None]
"""What is to be done with an answer, or with an error that nobody foresaw."""

AnyDecoded = Decoded[PredictionEvent] | Decoded[LabelEvent] | PredictionColumns | LabelColumns


class Kind(StrEnum):
    """What is sent; the last part of the address."""

    PREDICTIONS = "predictions"
    LABELS = "labels"


class Taken(msgspec.Struct, frozen=True):
    """The answer to events of which at least one was taken, or none was sent."""

    accepted: int
    duplicates: int
    rejected: list[Refused]
    prediction_ids: tuple[str, ...]


class IngestRoutes:
    """Takes events in for the HTTP server."""

    def __init__(self, ingest: Ingest, telemetry: Telemetry) -> None:
        self._ingest = ingest
        self._telemetry = telemetry
        self._typed_predictions = Gathering(self._submit_typed)
        self._single_predictions = Gathering(self._submit_predictions)
        self._single_labels = Gathering(self._submit_labels)

    async def take(self, kind: Kind, model: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Decode, check, spool; answer when everything that was taken is durable."""
        if not is_model_name(model):
            return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-input", NAME_RULE, field="model")
        content_type = headers.get("content-type", USUAL_TYPE)
        try:
            wire_format = _format_called(content_type)
        except EventError as error:
            return problem(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                "unsupported-type",
                f"{error.problem} {error.remedy}",
                field=error.field,
                headers=((b"accept-post", ", ".join(FORMATS).encode()),),
            )
        alone: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        if self.take_one(kind, model, content_type, body, partial(_settle, alone)):
            return await alone
        try:
            if len(body) >= _TO_THREAD_BYTES:
                decoded, submission = await asyncio.to_thread(self._submitted, kind, model, body, wire_format)
            else:
                decoded, submission = self._submitted(kind, model, body, wire_format)
            receipts = [await _receipt(one) for one in submission.receipts]
        except _Unreadable as unreadable:
            found = unreadable.error
            detail = f"{found.problem} {found.remedy}" if found.remedy else found.problem
            return problem(HTTPStatus.BAD_REQUEST, "unreadable-body", detail, field=found.field)
        except DriftwatchError as refused:
            return self._refused(kind, refused)
        return _answer(isinstance(decoded, Decoded) and decoded.single, submission, receipts)

    def take_one(self, kind: Kind, model: str, content_type: str, body: bytes, then: Then) -> bool:
        """Take an event that is alone in its body, as `take` does, with a call in place of waiting.

        Parameters
        ----------
        kind, content_type, body
            What was sent.
        model
            A name that a model may have.
        then
            Is called with the answer, or with an error that nobody foresaw, after this returned.

        Returns
        -------
        taken
            False where the body is large, holds anything else, or cannot be read: `take` says what is the matter.
        """
        if body[:1] != b"{" or len(body) >= _TO_THREAD_BYTES:
            return False
        try:
            wire_format = _format_called(content_type)
            if wire_format is not JSON:
                return False
            typed = self._ingest.typed_json(model) if kind is Kind.PREDICTIONS else None
            event = None if typed is None else typed[0].one(wire_format, body, typed[1])
            decoded = _decoded(kind, body, wire_format) if event is None else None
        except (EventError, _Unreadable):
            return False

        def tell(outcome: Outcome | BaseException) -> None:
            if isinstance(outcome, Outcome):
                then(_answer_of_one(outcome))
            else:
                then(self._refused(kind, outcome) if isinstance(outcome, DriftwatchError) else outcome)

        if event is not None and typed is not None:
            self._typed_predictions.put((model, typed[0]), event, tell)
            return True
        if not (isinstance(decoded, Decoded) and decoded.single and decoded.rows):
            return False
        (_, alone), *_ = decoded.rows
        if isinstance(alone, PredictionEvent):
            self._single_predictions.put(model, alone, tell)
        else:
            self._single_labels.put(model, alone, tell)
        return True

    def _refused(self, kind: Kind, error: DriftwatchError) -> Answer:
        if isinstance(error, StoreError):
            reason = "no_room" if isinstance(error, StoreFull) else "store_trouble"
            self._telemetry.count("requests_refused_total", kind=kind.value, reason=reason)
        return problem_of(error)

    def _submit_typed(self, key: tuple[str, TypedJson], events: list[TypedEvent]) -> Submission:
        model, reader = key
        return self._ingest.typed_events(model, reader, events)

    def _submit_predictions(self, model: str, events: list[PredictionEvent]) -> Submission:
        return self._ingest.predictions(model, list(enumerate(events)))

    def _submit_labels(self, model: str, events: list[LabelEvent]) -> Submission:
        return self._ingest.labels(model, list(enumerate(events)))

    def _submitted(self, kind: Kind, model: str, body: bytes, wire_format: Format) -> tuple[AnyDecoded, Submission]:
        decoded = self._decoded(kind, model, body, wire_format)
        return decoded, self._submit(kind, model, decoded)

    def _decoded(self, kind: Kind, model: str, body: bytes, wire_format: Format) -> AnyDecoded:
        if kind is Kind.PREDICTIONS and (typed := self._ingest.typed_json(model)) is not None:
            reader, version = typed
            columns = reader.read(wire_format, body, version)
            if columns is not None:
                return columns
        return _decoded(kind, body, wire_format)

    def _submit(self, kind: Kind, model: str, decoded: AnyDecoded) -> Submission:
        if isinstance(decoded, PredictionColumns):
            return self._ingest.prediction_columns(model, decoded)
        if isinstance(decoded, LabelColumns):
            return self._ingest.label_columns(model, decoded)
        take = self._ingest.predictions if kind is Kind.PREDICTIONS else self._ingest.labels
        submission = take(model, decoded.rows)  # type: ignore[arg-type] # the kind says which events they are
        return self._with(submission, decoded.rejections, kind, model)

    def _with(self, submission: Submission, malformed: list[Rejection], kind: Kind, model: str) -> Submission:
        if not malformed:
            return submission
        self._telemetry.count("events_rejected_total", len(malformed), model=model, kind=kind.value, reason="malformed")
        rejections = sorted((*submission.rejections, *malformed), key=lambda one: one.index)
        return replace(submission, rejections=tuple(rejections))


class _Unreadable(Exception):
    """A body that holds no events at all."""

    def __init__(self, error: EventError) -> None:
        self.error = error
        super().__init__(str(error))


@lru_cache(maxsize=64)
def _format_called(content_type: str) -> Format:
    given, _, parameters = content_type.partition(";")
    found = FORMATS.get(given.strip().lower())
    if found is None:
        raise EventError(
            "The service does not read this type.", field="Content-Type", remedy=f"Send {' or '.join(FORMATS)}."
        )
    charset = re.search(r"charset\s*=\s*\"?([^\";\s]+)", parameters, re.IGNORECASE)
    if charset and charset[1].lower() not in {"utf-8", "utf8", "us-ascii"}:
        raise EventError("The service does not read this charset.", field="Content-Type", remedy="Send UTF-8.")
    return found


def _decoded(kind: Kind, body: bytes, wire_format: Format) -> AnyDecoded:
    try:
        return wire_format.predictions(body) if kind is Kind.PREDICTIONS else wire_format.labels(body)
    except EventError as error:
        raise _Unreadable(error) from None


async def _receipt(future: Future[SpoolReceipt]) -> SpoolReceipt:
    # Shielded: a request that is given up must not take back what others wait for in the same commit.
    return await asyncio.shield(asyncio.wrap_future(future))


def _settle(waiting: asyncio.Future[Answer], found: Answer | BaseException) -> None:
    if waiting.done():
        return
    if isinstance(found, BaseException):
        waiting.set_exception(found)
    else:
        waiting.set_result(found)


def _answer_of_one(outcome: Outcome) -> Answer:
    if outcome.rejection is not None:
        return _refusal(single=True, refused=[_refused(outcome.rejection)])
    duplicates = int(outcome.is_duplicate)
    taken = Taken(1 - duplicates, duplicates, [], (outcome.prediction_id,))
    return Answer(HTTPStatus.ACCEPTED.value, msgspec.json.encode(taken))


def _answer(single: bool, submission: Submission, receipts: list[SpoolReceipt]) -> Answer:
    refused = [_refused(one) for one in submission.rejections]
    accepted = sum(one.accepted for one in receipts)
    duplicates = sum(len(one.duplicates) for one in receipts)
    if refused and not accepted and not duplicates:
        return _refusal(single=single, refused=refused)
    # Made here already: thousands of texts would each become an object first.
    ids = cast(tuple[str, ...], msgspec.Raw(json_list(submission.prediction_ids)))
    taken = Taken(accepted, duplicates, refused, ids)
    return Answer(HTTPStatus.ACCEPTED.value, msgspec.json.encode(taken))


def _refused(rejection: Rejection) -> Refused:
    return Refused(rejection.index, rejection.field, sentence(rejection.problem))


def _refusal(*, single: bool, refused: list[Refused]) -> Answer:
    """The answer where nothing was taken."""
    first = refused[0]
    detail = first.error
    if not single and len(refused) > 1:
        detail = f"None of the {len(refused):,} events was taken; first: {first.error}"
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-input", detail, field=first.field, rejected=refused)


__all__ = ["USUAL_TYPE", "IngestRoutes", "Kind", "Taken"]
