"""Rows back out of the log: predictions, with the labels that have arrived."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.events import LabelBatch, PredictionBatch
from driftwatch.core.table import Names, Numbers, Values
from driftwatch.ports import LogFile

NO_LABEL = np.iinfo(np.int64).min
"""The label time of a row without a label."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class EventPart:
    """Some predictions and what became of them; columns of equal length."""

    predictions: PredictionBatch
    labels: Values
    label_time: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Label:
    value: float | str
    time: int


class ReadableLog(Protocol):
    """What is read of a log."""

    def read_predictions(
        self, files: Sequence[LogFile], start: datetime | None, end: datetime | None
    ) -> Iterator[PredictionBatch]:
        """See `driftwatch.ports.Log.read_predictions`."""
        ...

    def read_labels(self, files: Sequence[LogFile]) -> Iterator[LabelBatch]:
        """See `driftwatch.ports.Log.read_labels`."""
        ...


def labelled_events(
    log: ReadableLog,
    prediction_files: Sequence[LogFile],
    label_files: Sequence[LogFile],
    *,
    start: datetime | None,
    end: datetime | None,
    only_labelled: bool,
) -> Iterator[EventPart]:
    """Predictions with ``start <= event_time < end``, each with its latest label.

    Labels of the wanted rows are held in memory while this runs, predictions only a file at a time.
    """
    # A label may carry an earlier time than its prediction only by clock error: a day is plenty.
    first_day = (start - timedelta(days=1)).date() if start is not None else None
    last_day = end.date() if end is not None else None
    wanted = [one for one in label_files if first_day is None or one.day >= first_day]
    labels: dict[str, _Label] = {}
    for batch in log.read_labels(wanted):
        times = batch.event_time.tolist()
        for prediction_id, value, time in zip(batch.prediction_ids, batch.labels.to_list(), times, strict=True):
            if value is not None:
                labels[prediction_id] = _Label(value, time)
    files = [
        one
        for one in prediction_files
        if (first_day is None or one.day >= first_day) and (last_day is None or one.day <= last_day)
    ]
    for predictions in log.read_predictions(files, start, end):
        part = _labelled(predictions, labels, only_labelled=only_labelled)
        if len(part.predictions):
            yield part


def _labelled(predictions: PredictionBatch, labels: Mapping[str, _Label], *, only_labelled: bool) -> EventPart:
    found = [labels.get(one) for one in predictions.prediction_ids]
    if only_labelled:
        rows = np.array([row for row, one in enumerate(found) if one is not None], dtype=np.intp)
        return _labelled(predictions.take(rows), labels, only_labelled=False)
    times = np.array([NO_LABEL if one is None else one.time for one in found], dtype=np.int64)
    return EventPart(predictions=predictions, labels=_values(found), label_time=times)


def _values(found: Sequence[_Label | None]) -> Values:
    values = [None if one is None else one.value for one in found]
    if any(isinstance(one, str) for one in values):
        return Names.of([None if one is None else str(one) for one in values])
    return Numbers(np.array(values, dtype=np.float64))
