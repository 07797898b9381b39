"""Accepted predictions and labels, as columns: what ingest hands to the spool and the spool to the pipeline."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.table import Table, Values, concatenated
from driftwatch.core.texts import Texts, chained, taken

_ID_BYTES = 100
"""Of an id that is an object of its own."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PredictionBatch:
    """Predictions of one version of one model, checked against its schema; all columns have equal length.

    ``event_time`` is in microseconds since 1970-01-01 UTC. ``columns`` holds the features, the prediction and
    the scores under the names that the baseline's schema gives them; ``prediction`` and ``scores`` are the names
    of those among them, as the schema has them, so that the log can call them what they are. ``extra`` holds
    features that the schema does not know: they are kept in the log and judged by nobody.
    """

    model: str
    model_version: str
    prediction_ids: Sequence[str]
    event_time: NDArray[np.int64]
    segments: Sequence[str]
    columns: Table
    extra: Table
    prediction: str | None = None
    scores: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.prediction_ids)

    def take(self, rows: NDArray[np.intp]) -> PredictionBatch:
        """The rows chosen by position."""
        return replace(
            self,
            prediction_ids=taken(self.prediction_ids, rows),
            event_time=self.event_time[rows],
            segments=taken(self.segments, rows),
            columns=self.columns.take(rows),
            extra=self.extra.take(rows),
        )


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class LabelBatch:
    """Labels of one model. ``event_time`` is when the label became known, in microseconds since 1970 UTC."""

    model: str
    prediction_ids: Sequence[str]
    event_time: NDArray[np.int64]
    labels: Values

    def __len__(self) -> int:
        return len(self.prediction_ids)

    def take(self, rows: NDArray[np.intp]) -> LabelBatch:
        """The rows chosen by position."""
        ids = taken(self.prediction_ids, rows)
        return LabelBatch(
            model=self.model, prediction_ids=ids, event_time=self.event_time[rows], labels=self.labels.take(rows)
        )


Batch = PredictionBatch | LabelBatch


def size_bytes(batch: Batch) -> int:
    """About how much memory the rows of a batch take."""
    columns: Iterable[Values]
    if isinstance(batch, LabelBatch):
        columns = (batch.labels,)
    else:
        columns = chain(batch.columns.columns.values(), batch.extra.columns.values())
    ids = batch.prediction_ids
    of_ids = ids.size_bytes if isinstance(ids, Texts) else _ID_BYTES * len(ids)
    return of_ids + batch.event_time.nbytes + sum(values.size_bytes for values in columns)


def joined_predictions(batches: Sequence[PredictionBatch]) -> PredictionBatch:
    """Batches of one version of one model, one after another; ``extra`` is left out.

    Raises
    ------
    ValueError
        Where versions differ or nothing is given.
    """
    if len({(batch.model, batch.model_version) for batch in batches}) != 1:
        raise ValueError("batches of one version can be joined, and at least one is needed")
    first = batches[0]
    if len(batches) == 1:
        return replace(first, extra=Table({}, len(first)))
    n_rows = sum(len(batch) for batch in batches)
    columns = {name: concatenated([batch.columns[name] for batch in batches]) for name in first.columns.columns}
    return PredictionBatch(
        model=first.model,
        model_version=first.model_version,
        prediction_ids=chained([batch.prediction_ids for batch in batches]),
        event_time=np.concatenate([batch.event_time for batch in batches]),
        segments=chained([batch.segments for batch in batches]),
        columns=Table(columns, n_rows),
        extra=Table({}, n_rows),
        prediction=first.prediction,
        scores=first.scores,
    )


def joined_labels(batches: Sequence[LabelBatch]) -> LabelBatch:
    """Label batches of one model, one after another.

    Raises
    ------
    ValueError
        Where models differ or nothing is given.
    """
    if len({batch.model for batch in batches}) != 1:
        raise ValueError("label batches of one model can be joined, and at least one is needed")
    return LabelBatch(
        model=batches[0].model,
        prediction_ids=chained([batch.prediction_ids for batch in batches]),
        event_time=np.concatenate([batch.event_time for batch in batches]),
        labels=concatenated([batch.labels for batch in batches]),
    )
