"""Recorded calls, made into events as the service takes them. Runs in the background."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any

from driftwatch.capture.prediction_ids import prediction_ids
from driftwatch.capture.rows import Rows, UnreadableRows
from driftwatch.capture.values import class_names, plain_list, rfc_3339

Event = dict[str, Any]


class Answer(IntEnum):
    """What a recorded method gives back."""

    PREDICTIONS = 0
    PROBABILITIES = 1


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Target:
    """The model that answers at the moment, and what is known of it."""

    model: Any
    model_version: str | None
    feature_names: tuple[str, ...] | None
    classes: tuple[object, ...] | None

    def names(self) -> Sequence[str] | None:
        """The model's columns: as given, or as scikit-learn remembers them from a frame."""
        if self.feature_names is not None:
            return self.feature_names
        remembered = getattr(self.model, "feature_names_in_", None)
        return None if remembered is None else tuple(str(name) for name in remembered)

    def class_values(self) -> list[object] | None:
        """The classes in the order of the model's probabilities."""
        known = self.classes if self.classes is not None else getattr(self.model, "classes_", None)
        return None if known is None else list(known)


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """What the caller said of the rows beforehand; each is a value a row, or one value for all rows."""

    ids: tuple[str, ...] | None = None
    event_times: tuple[object, ...] | None = None
    segments: tuple[str, ...] | None = None


NOTHING_GIVEN = Given()


class Call:
    """One recorded call. ``count`` rows were predicted; the first ``kept`` of them were copied.

    ``first`` is the number of the first row, from which its id follows. ``paired`` says that the other method had
    been called on the same rows: both make one event a row. ``accounted`` belongs to the buffer.
    """

    __slots__ = (
        "accounted",
        "answer",
        "count",
        "first",
        "given",
        "kept",
        "paired",
        "result",
        "rows",
        "size_bytes",
        "target",
        "time_ns",
    )

    def __init__(  # noqa: PLR0917 - keywords would cost a quarter of a microsecond in every prediction
        self,
        target: Target,
        answer: Answer,
        rows: Rows | None,
        result: Rows | None,
        count: int,
        kept: int,
        time_ns: int,
        first: int,
        given: Given,
        size_bytes: int,
    ) -> None:
        self.target = target
        self.answer = answer
        self.rows = rows
        self.result = result
        self.count = count
        self.kept = kept
        self.time_ns = time_ns
        self.first = first
        self.given = given
        self.size_bytes = size_bytes
        self.paired = False
        self.accounted = False

    def prediction_ids(self) -> tuple[str, ...]:
        """The ids of all rows, also of those that were not kept."""
        if self.given.ids is not None:
            return self.given.ids
        return prediction_ids(self.time_ns, self.first, self.count)


def events_of(call: Call, partner: Call | None = None) -> list[Event]:
    """The events of a call, one a kept row; ``partner`` is the other method's call on the same rows.

    Predictions come from ``predict`` where it was called, else they are the classes with the largest probability.
    The score is the probability of the last class where there are two, else one probability a class.

    Raises
    ------
    UnreadableRows
        If the rows, the result or what was given do not fit each other.
    ValueError, TypeError
        If an event time is no time, or a probability no number.
    """
    kept = call.kept
    if call.rows is None:
        raise UnreadableRows("rows that were not copied")
    ids = call.prediction_ids()
    _expect(len(ids), "ids", call.count)
    features = call.rows.features(call.target.names(), kept)
    events: list[Event] = [
        {"prediction_id": one, "features": row} for one, row in zip(ids[:kept], features, strict=True)
    ]
    _add_answers(events, call)
    if partner is not None and partner.kept == kept:
        _add_answers(events, partner)
    _add(events, "event_time", _event_times(call))
    if call.target.model_version is not None:
        _add(events, "model_version", [call.target.model_version] * kept)
    if call.given.segments is not None:
        _add(events, "segment", _a_value_a_row(call.given.segments, call, "segments"))
    return events


def _add_answers(events: list[Event], call: Call) -> None:
    if call.result is None:
        raise UnreadableRows("a result that was not copied")
    values = call.result.values()
    _expect(len(values), "predictions", call.kept)
    if call.answer is Answer.PREDICTIONS and isinstance(values[0], list) and len(values[0]) == 1:
        values = [one for (one,) in values]
    if not isinstance(values[0], list):
        if call.answer is Answer.PREDICTIONS:
            _add(events, "prediction", values)
            return
        values = [[1 - one, one] for one in values]
    classes = call.target.class_values()
    width = len(values[0])
    if classes is None and call.answer is Answer.PROBABILITIES:
        classes = list(range(width))
    if classes is None or len(classes) != width:
        raise UnreadableRows(f"{width} values a row, which are not one a class")
    if not all(isinstance(one, int | float) for row in values for one in row):
        raise UnreadableRows("probabilities that are not numbers")
    _add_probabilities(events, values, classes)


def _add_probabilities(events: list[Event], rows: list[list[float]], classes: list[object]) -> None:
    plain_classes = plain_list(classes)
    names = class_names(classes)
    for event, row in zip(events, rows, strict=True):
        event.setdefault("prediction", plain_classes[max(range(len(row)), key=row.__getitem__)])
        event["score"] = row[-1] if len(row) == 2 else dict(zip(names, row, strict=True))


def _event_times(call: Call) -> list[str | None]:
    if call.given.event_times is None:
        return [rfc_3339(datetime.fromtimestamp(call.time_ns / 1e9, UTC))] * call.kept
    return [rfc_3339(moment) for moment in _a_value_a_row(call.given.event_times, call, "event times")]


def _a_value_a_row(given: tuple[Any, ...], call: Call, what: str) -> list[Any]:
    if len(given) == 1:
        return [given[0]] * call.kept
    _expect(len(given), what, call.count)
    return list(given[: call.kept])


def _expect(found: int, what: str, rows: int) -> None:
    if found != rows:
        raise UnreadableRows(f"{found} {what} for {rows} rows")


def _add(events: list[Event], name: str, values: Sequence[object]) -> None:
    for event, value in zip(events, values, strict=True):
        event[name] = value


__all__ = ["NOTHING_GIVEN", "Answer", "Call", "Event", "Given", "Target", "events_of"]
