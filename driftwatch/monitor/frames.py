"""Frames of events as what the pipeline takes in: predictions and labels as columns, each row with its time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.column_reading import as_names, as_numbers, as_times
from driftwatch.core.event_names import EventNames
from driftwatch.core.frames import column_names, missing_column, table_from
from driftwatch.core.raw_column import RawColumn, RawKind
from driftwatch.core.records import ColumnKind, Task
from driftwatch.core.schema import Schema
from driftwatch.core.table import Names, Numbers
from driftwatch.core.windows import MICROSECONDS
from driftwatch.errors import EventError
from driftwatch.monitor.memory import MADE_HERE
from driftwatch.wire.columnar import LONE_SCORE, LabelColumns, PredictionColumns

FIRST_MOMENT = 946_684_800 * MICROSECONDS
"""When the first row of a stream without times is said to have happened: 2000-01-01 UTC. The others follow, a second
each."""

_NUMBERS = frozenset({RawKind.NUMBER, RawKind.INTEGER})


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class EventRows:
    """Rows of one frame, in its order.

    Attributes
    ----------
    columns
        What the pipeline is given of them; their times are in ``times``.
    times
        Event times in microseconds since 1970 UTC; a row without one has that of the row before.
    ids
        One a row.
    named
        Whether the ids were given, so that labels may come for them later.
    labels
        None where there is no such column.
    label_times
        When each label became known; the row's own time where that is not said.
    seen
        How many rows of the stream have been seen with each; it counts those that were passed over.
    passed_over
        Rows of other versions of the model, which are not among these.
    """

    columns: PredictionColumns
    times: NDArray[np.int64]
    ids: tuple[str, ...]
    named: bool
    labels: RawColumn | None
    label_times: NDArray[np.int64]
    seen: NDArray[np.int64]
    passed_over: int = 0

    def __len__(self) -> int:
        return len(self.times)

    def labels_known(self, rows: slice, latest: int) -> LabelColumns | None:
        """Labels of some rows that are known by ``latest``; None where there are none."""
        if self.labels is None:
            return None
        chosen = np.flatnonzero(_present(_part(self.labels, rows)) & (self.label_times[rows] <= latest))
        return self._labels(chosen + (rows.start or 0)) if len(chosen) else None

    def labels_unknown(self, rows: slice, latest: int) -> LabelColumns | None:
        """Those that are known later than that."""
        if self.labels is None:
            return None
        chosen = np.flatnonzero(_present(_part(self.labels, rows)) & (self.label_times[rows] > latest))
        return self._labels(chosen + (rows.start or 0)) if len(chosen) else None

    def _labels(self, rows: NDArray[np.intp]) -> LabelColumns:
        assert self.labels is not None
        return LabelColumns(
            n_rows=len(rows),
            prediction_ids=tuple(map(self.ids.__getitem__, rows.tolist())),
            label=RawColumn(self.labels.kind, self.labels.values.take(rows)),
            event_time=RawColumn(RawKind.TIME, Numbers(self.label_times[rows].astype(np.float64))),
        )

    def predictions(self, rows: slice) -> PredictionColumns:
        """Some of them, as the pipeline takes them."""
        given = self.columns
        return PredictionColumns(
            n_rows=len(self.times[rows]),
            features={name: _part(one, rows) for name, one in given.features.items()},
            prediction=_part(given.prediction, rows),
            scores={name: _part(one, rows) for name, one in given.scores.items()},
            event_time=RawColumn(RawKind.TIME, Numbers(self.times[rows].astype(np.float64))),
            prediction_ids=self.ids[rows],
            segments=None if given.segments is None else given.segments[rows],
        )


def event_rows(frame: Any, names: EventNames, schema: Schema, version: str, *, before: int, latest: int) -> EventRows:
    """Read a frame.

    Parameters
    ----------
    frame
        Whatever `driftwatch.core.frames.table_from` reads.
    names
        Which column is what.
    schema, version
        Of the baseline. Rows of other versions are passed over.
    before
        How many rows came in frames before this one.
    latest
        The latest event time until then, in microseconds.

    Raises
    ------
    EventError
        If a feature or the prediction is not there, or a column cannot be read as its kind.
    """
    existing = column_names(frame)
    for column in schema.features:
        if column.name not in existing:
            raise missing_column(column.name, existing, EventError, of="the frame")
    raw = table_from(frame)
    columns, n_rows = raw.columns, raw.n_rows
    passed_over = 0
    seen = before + np.arange(1, n_rows + 1, dtype=np.int64)
    if names.model_version is not None:
        other = _other_versions(columns[names.model_version], version)
        passed_over = int(np.count_nonzero(other))
        if passed_over:
            columns = {name: RawColumn(one.kind, one.values.take(~other)) for name, one in columns.items()}
            n_rows, seen = n_rows - passed_over, seen[~other]
    ids = None if names.prediction_id is None else _texts(columns[names.prediction_id], names.prediction_id)
    times = _times(columns, names.event_time, n_rows, before=before, latest=latest)
    label_times = times
    if names.label_time is not None:
        told = as_times(columns[names.label_time], names.label_time)
        label_times = np.where(np.isnan(told), times, told).astype(np.int64)
    segments = None
    if names.segment is not None:
        segments = _texts(columns[names.segment], names.segment)
    made = tuple(f"{MADE_HERE}{before + row}" for row in range(n_rows))
    return EventRows(
        columns=PredictionColumns(
            n_rows=n_rows,
            features=_features(columns, names, schema),
            prediction=columns[names.prediction] if names.prediction is not None else _nothing(n_rows),
            scores=_scores(columns, names, schema),
            segments=segments,
        ),
        times=times,
        ids=made if ids is None else tuple(one or made[row] for row, one in enumerate(ids)),
        named=ids is not None,
        labels=None if names.label is None else _labels(columns[names.label], names.label, schema),
        label_times=label_times,
        seen=seen,
        passed_over=passed_over,
    )


def label_rows(frame: Any, names: EventNames, schema: Schema, *, latest: int) -> LabelColumns:
    """Read a frame of labels: ``prediction_id``, ``label``, and where it has it ``label_time``.

    Labels without a time of their own are known now.

    Raises
    ------
    EventError
        If one of the first two is not there.
    """
    raw = table_from(frame)
    for wanted, name in (("prediction_id", names.prediction_id), ("label", names.label)):
        if name is None:
            raise missing_column(wanted, list(raw.columns), EventError, of="the frame")
    assert names.prediction_id is not None
    assert names.label is not None
    times = np.full(raw.n_rows, math.nan)
    if names.label_time is not None:
        times = as_times(raw.columns[names.label_time], names.label_time)
    known = np.where(np.isnan(times), float(latest), times)
    ids, label = _texts(raw.columns[names.prediction_id], names.prediction_id), raw.columns[names.label]
    label = _labels(label, names.label, schema)
    rows = np.flatnonzero(_present(label) & np.array([one is not None for one in ids], dtype=bool))
    return LabelColumns(
        n_rows=len(rows),
        prediction_ids=tuple(map(ids.__getitem__, rows.tolist())),
        label=RawColumn(label.kind, label.values.take(rows)),
        event_time=RawColumn(RawKind.TIME, Numbers(known[rows])),
    )


def _labels(raw: RawColumn, name: str, schema: Schema) -> RawColumn:
    """In the kind of the task, however a frame spells them."""
    if schema.task is Task.REGRESSION:
        return RawColumn(RawKind.NUMBER, as_numbers(raw, name))
    return RawColumn(RawKind.TEXT, as_names(raw, name))


def _features(columns: Mapping[str, RawColumn], names: EventNames, schema: Schema) -> dict[str, RawColumn]:
    """The features that the schema knows, numbers as numbers: files spell them in several ways."""
    found = {}
    for column in schema.features:
        one = columns[column.name]
        if column.kind is ColumnKind.NUMERIC and not column.is_age and one.kind not in _NUMBERS:
            one = RawColumn(RawKind.NUMBER, as_numbers(one, column.name))
        found[column.name] = one
    return found


def _scores(columns: Mapping[str, RawColumn], names: EventNames, schema: Schema) -> dict[str, RawColumn]:
    if not names.scores or not schema.scores:
        return {}
    classes = [LONE_SCORE] if len(names.scores) == 1 else schema.classes
    return {
        one: RawColumn(RawKind.NUMBER, as_numbers(columns[name], name))
        for one, name in zip(classes, names.scores, strict=True)
    }


def _times(
    columns: Mapping[str, RawColumn], name: str | None, n_rows: int, *, before: int, latest: int
) -> NDArray[np.int64]:
    if name is None:
        return FIRST_MOMENT + MICROSECONDS * np.arange(before, before + n_rows, dtype=np.int64)
    times = as_times(columns[name], name)
    missing = np.isnan(times)
    if missing.any():
        known = np.where(missing, 0, np.arange(1, n_rows + 1))
        times = np.concatenate([[float(latest)], times])[np.maximum.accumulate(known)]
    return np.clip(times, 0.0, 2.0**62).astype(np.int64)


def _other_versions(column: RawColumn, version: str) -> NDArray[np.bool_]:
    values = as_names(column, "model_version")
    mine = np.array([*(name == version for name in values.names), True])
    other: NDArray[np.bool_] = ~mine[values.codes]
    return other


def _texts(column: RawColumn, name: str) -> list[str | None]:
    return as_names(column, name).to_list()


def _present(column: RawColumn) -> NDArray[np.bool_]:
    values = column.values
    found: NDArray[np.bool_] = values.codes >= 0 if isinstance(values, Names) else ~np.isnan(values.values)
    return found


def _nothing(n_rows: int) -> RawColumn:
    return RawColumn(RawKind.EMPTY, Numbers(np.full(n_rows, math.nan)))


def _part(column: RawColumn, rows: slice) -> RawColumn:
    values = column.values
    if isinstance(values, Names):
        return RawColumn(column.kind, Names(values.codes[rows], values.names))
    return RawColumn(column.kind, Numbers(values.values[rows]))


__all__ = ["FIRST_MOMENT", "EventRows", "event_rows", "label_rows"]
