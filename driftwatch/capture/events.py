"""Recorded calls, made into events as the service takes them. Runs in the background."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from math import isfinite
from typing import Any, NamedTuple

from driftwatch.capture.prediction_ids import prediction_ids
from driftwatch.capture.rows import Form, ListRows, Rows, UnreadableRows
from driftwatch.capture.values import class_name, class_names, plain, plain_list, rfc_3339

Event = dict[str, Any]


class Answer(IntEnum):
    """What a recorded method gives back: where several were asked about the same rows, the first of these counts."""

    PREDICTIONS = 0
    PROBABILITIES = 1
    DECISIONS = 2


@dataclass(frozen=True, slots=True)
class Known:
    """What the service's baseline knows of the model; None where it was not asked, or does not say."""

    features: tuple[str, ...] | None = None
    classes: tuple[str, ...] | None = None


NOTHING_KNOWN = Known()

# What scikit-learn's detectors predict, by the sign of their decision.
_OUTLIER_AND_INLIER = (-1, 1)


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
        if known is None and _kind_of(self.model) == "outlier_detector":
            return list(_OUTLIER_AND_INLIER)
        return None if known is None else list(known)


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """What the caller said of the rows beforehand; each is a value a row, or one value for all rows."""

    ids: tuple[str, ...] | None = None
    event_times: tuple[object, ...] | None = None
    segments: tuple[str, ...] | None = None


NOTHING_GIVEN = Given()


class Call(NamedTuple):
    """One recorded call. ``n_rows`` rows were predicted; the first ``kept`` of them were copied.

    ``first`` is the number of the first row, from which its id follows. ``answers`` has a bit for each method that was
    called on the same rows, its own included, and is 0 for the first of them: all of them make one event a row.

    A tuple, since it is made in every prediction, and all that one leaves behind for the garbage collector to look at:
    the rows of an array are bytes, and their form is shared.
    """

    target: Target
    answer: Answer
    data: bytes | None
    form: Form | None
    result_data: bytes | None
    result_form: Form | None
    n_rows: int
    kept: int
    time_ns: int
    first: int
    given: Given
    size_bytes: int
    answers: int = 0

    @property
    def paired(self) -> bool:
        """Whether its events are those of another call."""
        return self.answers != 0

    @property
    def rows(self) -> Rows | None:
        """The rows, to read; None where they were not copied."""
        return None if self.form is None else self.form.opened(self.data)

    @property
    def result(self) -> Rows | None:
        """The result, likewise."""
        return None if self.result_form is None else self.result_form.opened(self.result_data)

    def prediction_ids(self) -> tuple[str, ...]:
        """The ids of all rows, also of those that were not kept."""
        if self.given.ids is not None:
            return self.given.ids
        return prediction_ids(self.time_ns, self.first, self.n_rows)


def _kind_of(model: Any) -> object:
    """What scikit-learn calls an estimator of this kind: in its tags, before version 1.6 in an attribute."""
    try:
        tags = getattr(model, "__sklearn_tags__", None)
        return getattr(model, "_estimator_type", None) if tags is None else tags().estimator_type
    except Exception:  # noqa: BLE001 - what is no estimator may have anything under these names
        return None


def events_of(call: Call, partner: Call | None = None, known: Known = NOTHING_KNOWN) -> list[Event]:
    """The events of a call, one a kept row; ``partner`` is another method's call on the same rows.

    Predictions come from ``predict`` where it was called, else they are the classes with the largest probability, or
    those that ``decision_function`` decides for. The score is the probability of the last class where there are two,
    else one probability a class. What a decision function gives is no probability, and no score.

    Raises
    ------
    UnreadableRows
        If the rows, the result or what was given do not fit each other.
    ValueError, TypeError
        If an event time is no time, or a probability no number.
    """
    kept = call.kept
    rows = call.rows
    if rows is None:
        raise UnreadableRows("rows that were not copied")
    ids = call.prediction_ids()
    _expect(len(ids), "ids", call.n_rows)
    names = call.target.names()
    features = rows.features(known.features if names is None and not rows.named else names, kept)
    events: list[Event] = [
        {"prediction_id": one, "features": row} for one, row in zip(ids[:kept], features, strict=True)
    ]
    _add_answers(events, call, known)
    if partner is not None and partner.kept == kept:
        _add_answers(events, partner, known)
    _add(events, "event_time", _event_times(call))
    if call.target.model_version is not None:
        _add(events, "model_version", [call.target.model_version] * kept)
    if call.given.segments is not None:
        _add(events, "segment", _a_value_a_row(call.given.segments, call, "segments"))
    return events


def _add_answers(events: list[Event], call: Call, known: Known) -> None:
    result = call.result
    if result is None:
        raise UnreadableRows("a result that was not copied")
    if isinstance(result, ListRows) and result.named:
        _add_named_answers(events, result.rows)
        return
    values = result.values()
    _expect(len(values), "predictions", call.kept)
    if call.answer is Answer.PREDICTIONS and isinstance(values[0], list) and len(values[0]) == 1:
        values = [one for (one,) in values]
    if not isinstance(values[0], list):
        if call.answer is Answer.PREDICTIONS:
            _add(events, "prediction", values)
            return
        values = [[-one, one] if call.answer is Answer.DECISIONS else [1 - one, one] for one in values]
    classes = call.target.class_values()
    width = len(values[0])
    if classes is None and known.classes and len(known.classes) == width:
        classes = list(known.classes)
    if classes is None and call.answer is not Answer.PREDICTIONS:
        classes = list(range(width))
    if classes is None or len(classes) != width:
        raise UnreadableRows(f"{width} values a row, which are not one a class")
    if not all(isinstance(one, int | float) for row in values for one in row):
        raise UnreadableRows("probabilities that are not numbers")
    if call.answer is Answer.DECISIONS:
        _add_likeliest(events, values, classes)
    else:
        _add_probabilities(events, values, classes)


def _add_named_answers(events: list[Event], rows: Sequence[Any]) -> None:
    """Answers that are mappings say themselves what is what."""
    _expect(len(rows), "predictions", len(events))
    for event, row in zip(events, rows, strict=True):
        if not isinstance(row, dict) or "prediction" not in row:
            raise UnreadableRows("an answer with names and no 'prediction' among them")
        event["prediction"] = plain(row["prediction"])
        score = row.get("score")
        if score is not None:
            scores = isinstance(score, Mapping)
            event["score"] = {class_name(key): plain(one) for key, one in score.items()} if scores else plain(score)


def _add_likeliest(events: list[Event], rows: list[list[float]], classes: list[object]) -> None:
    plain_classes = plain_list(classes)
    for event, row in zip(events, rows, strict=True):
        event.setdefault("prediction", plain_classes[max(range(len(row)), key=row.__getitem__)])


def _add_probabilities(events: list[Event], rows: list[list[float]], classes: list[object]) -> None:
    _add_likeliest(events, rows, classes)
    names = class_names(classes)
    for event, row in zip(events, rows, strict=True):
        event["score"] = row[-1] if len(row) == 2 else dict(zip(names, row, strict=True))


def _event_times(call: Call) -> Sequence[str | float | None]:
    times = call.given.event_times
    if times is None:
        return [call.time_ns / 1e9] * call.kept
    return [_moment(one) for one in _a_value_a_row(times, call, "event times")]


def _moment(given: object) -> str | float | None:
    """Seconds since 1970 are sent as they are: writing a time out takes longer than everything else of an event."""
    return given if type(given) is float and isfinite(given) else rfc_3339(given)


def _a_value_a_row(given: tuple[Any, ...], call: Call, what: str) -> list[Any]:
    if len(given) == 1:
        return [given[0]] * call.kept
    _expect(len(given), what, call.n_rows)
    return list(given[: call.kept])


def _expect(found: int, what: str, rows: int) -> None:
    if found != rows:
        raise UnreadableRows(f"{found} {what} for {rows} rows")


def _add(events: list[Event], name: str, values: Sequence[object]) -> None:
    for event, value in zip(events, values, strict=True):
        event[name] = value


__all__ = ["NOTHING_GIVEN", "NOTHING_KNOWN", "Answer", "Call", "Event", "Given", "Known", "Target", "events_of"]
