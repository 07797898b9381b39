"""Events that came as columns, checked against their model's schema a column at a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.baseline import Baseline
from driftwatch.core.column_reading import as_names, as_times
from driftwatch.core.events import LabelBatch, PredictionBatch
from driftwatch.core.raw_column import RawColumn, RawKind
from driftwatch.core.records import ColumnKind, Task
from driftwatch.core.table import Ages, Names, Numbers, Table, Values
from driftwatch.core.texts import Repeated, Texts
from driftwatch.core.windows import MICROSECONDS, to_microseconds
from driftwatch.errors import EventError
from driftwatch.pipeline.columns import LARGEST_TIME_SECONDS, check_classes, check_finite, time_values
from driftwatch.pipeline.ingest_limits import FieldProblems, IngestLimits, Problems, checked_ids, made_ids
from driftwatch.wire.columnar import LONE_SCORE, LabelColumns, PredictionColumns

_NUMBERS = frozenset({RawKind.NUMBER, RawKind.INTEGER})


def checked_predictions(
    baseline: Baseline,
    given: PredictionColumns,
    limits: IngestLimits,
    now: datetime,
    problems: Problems,
    indexes: Sequence[int],
) -> PredictionBatch:
    """Columns as the schema asks for them; rows that do not fit are reported, and still in the batch.

    Parameters
    ----------
    baseline, limits, now
        What events are held against.
    given
        Of one version.
    problems
        Takes what is wrong, by row.
    indexes
        Of the rows in the request.

    Raises
    ------
    EventError
        A whole column cannot be what the schema asks for, or there are too many.
    """
    schema, n_rows = baseline.schema, given.n_rows
    if len(given.features) > limits.features:
        text = f"has {len(given.features):,} entries; at most {limits.features:,} are taken."
        raise EventError(text, field="features")
    known = {column.name: column for column in schema.features}
    # Of a row's problems the first counts: fields are looked at in the order in which those of single events are.
    prediction_ids = _ids(given.prediction_ids, n_rows, limits, problems.at("prediction_id", indexes))
    event_time = _times(given.event_time, n_rows, limits, now, problems.at("event_time", indexes))
    columns: dict[str, Values] = {}
    for name, column in known.items():
        raw, field = given.features.get(name), f"features.{name}"
        if column.is_age:
            columns[name] = _ages(raw, event_time, field, problems.at(field, indexes))
        else:
            columns[name] = _values(raw, column.kind, n_rows, field)
    extra: dict[str, Values] = {
        name: _as_it_is(raw, f"features.{name}") for name, raw in given.features.items() if name not in known
    }
    if schema.prediction is None:
        extra["prediction"] = _as_it_is(given.prediction, "prediction")
    else:
        columns[schema.prediction] = _targets(baseline, given.prediction, problems.at("prediction", indexes))
    columns |= _scores(baseline, given)
    return PredictionBatch(
        model=baseline.model,
        model_version=baseline.model_version,
        prediction_ids=prediction_ids,
        event_time=event_time,
        segments=_segments(given.segments, n_rows, limits, problems.at("segment", indexes)),
        columns=Table(columns, n_rows),
        extra=Table(extra, n_rows),
        prediction=schema.prediction,
        scores=schema.scores,
    )


def checked_labels(
    baseline: Baseline,
    given: LabelColumns,
    limits: IngestLimits,
    now: datetime,
    problems: Problems,
    indexes: Sequence[int],
) -> LabelBatch:
    """Labels likewise; parameters and errors as in `checked_predictions`."""
    nameless = problems.at("prediction_id", indexes)
    ids = given.prediction_ids
    if not isinstance(ids, Texts):
        for row, one in enumerate(ids):
            if one is None:
                nameless(row, "is missing.")
        ids = [one or "" for one in ids]
    return LabelBatch(
        model=baseline.model,
        prediction_ids=checked_ids(ids, limits, nameless),
        event_time=_times(given.event_time, given.n_rows, limits, now, problems.at("event_time", indexes)),
        labels=_targets(baseline, given.label, problems.at("label", indexes)),
    )


def _ids(given: Sequence[str | None] | None, n_rows: int, limits: IngestLimits, problem: FieldProblems) -> Texts:
    return made_ids(n_rows) if given is None else checked_ids(given, limits, problem)


def _values(raw: RawColumn | None, kind: ColumnKind, n_rows: int, field: str) -> Values:
    """A column of the schema; missing where nothing was sent."""
    if raw is None or raw.kind is RawKind.EMPTY:
        missing: Values = Numbers(np.full(n_rows, np.nan))
        return missing if kind is ColumnKind.NUMERIC else Names(np.full(n_rows, -1, dtype=np.int32), ())
    return _numbers(raw, field) if kind is ColumnKind.NUMERIC else as_names(raw, field, EventError)


def _ages(raw: RawColumn | None, event_time: NDArray[np.int64], field: str, problem: FieldProblems) -> Ages:
    """Times as ages; texts are read one by one, so that a bad one is named with its row."""
    if raw is None:
        return Ages.of(np.full(len(event_time), np.nan), event_time)
    if isinstance(raw.values, Names) and raw.kind in (RawKind.TEXT, RawKind.CATEGORY):
        return Ages.of(time_values(raw.values.to_list(), problem), event_time)
    times = as_times(raw, field, EventError)
    for row in np.flatnonzero(np.abs(times) >= LARGEST_TIME_SECONDS * MICROSECONDS).tolist():
        problem(row, "is no time: it is too many seconds since 1970.")
    return Ages.of(times, event_time)


def _numbers(raw: RawColumn, field: str) -> Numbers:
    if raw.kind not in _NUMBERS or not isinstance(raw.values, Numbers):
        raise EventError(f"must be a column of numbers, not of {raw.kind.words}.", field=field)
    return raw.values


def _as_it_is(raw: RawColumn, field: str) -> Values:
    """A column that the schema does not know."""
    if raw.kind is RawKind.OPAQUE:
        raise EventError(f"holds {raw.kind.words}, which the log cannot keep.", field=field, remedy="Leave it out.")
    return raw.values


def _targets(baseline: Baseline, raw: RawColumn, problem: FieldProblems) -> Values:
    """Predictions and labels are both values of the label's kind."""
    if baseline.schema.task is Task.REGRESSION:
        if raw.kind is RawKind.EMPTY:
            raw = RawColumn(RawKind.NUMBER, raw.values)
        numbers = _numbers(raw, problem.name)
        check_finite(numbers, problem)
        return numbers
    names = as_names(raw, problem.name, EventError)
    check_classes(names, baseline.schema.classes, problem)
    return names


def _scores(baseline: Baseline, given: PredictionColumns) -> dict[str, Values]:
    """The schema's score columns; a lone one is the probability of a binary model's last class."""
    schema = baseline.schema
    if len(schema.scores) == 1:
        wanted = [LONE_SCORE if LONE_SCORE in given.scores else schema.classes[-1]]
    else:
        wanted = list(schema.classes) if schema.scores else []
    return {
        name: _values(given.scores.get(one), ColumnKind.NUMERIC, given.n_rows, "score")
        for name, one in zip(schema.scores, wanted, strict=True)
    }


def _times(
    raw: RawColumn | None, n_rows: int, limits: IngestLimits, now: datetime, problem: FieldProblems
) -> NDArray[np.int64]:
    """Microseconds since 1970; the time of receipt where none was sent."""
    received = to_microseconds(now)
    if raw is None:
        return np.full(n_rows, received, dtype=np.int64)
    latest = to_microseconds(now + limits.ahead)
    times = as_times(raw, "event_time", EventError)
    for row in np.flatnonzero(times < 0.0).tolist():
        problem(row, "lies before 1970.")
    for row in np.flatnonzero(times > latest).tolist():
        problem(row, "lies in the future. Check the sender's clock and time zone.")
    # Missing times are those of receipt; what was just reported is left out, and must only be no number out of bounds.
    return np.where((times >= 0.0) & (times <= latest), times, float(received)).astype(np.int64)


def _segments(
    given: Sequence[str | None] | None, n_rows: int, limits: IngestLimits, problem: FieldProblems
) -> Repeated:
    if given is None:
        return Repeated.one("", n_rows)
    for row, one in enumerate(given):
        if one is not None and len(one) > limits.id_characters:
            problem(row, f"must be a text of at most {limits.id_characters} characters.")
    return Repeated.of([one or "" for one in given])
