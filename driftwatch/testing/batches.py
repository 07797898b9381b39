"""Batches by hand, and batches as plain rows to compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from driftwatch.core.events import Batch, LabelBatch, PredictionBatch
from driftwatch.core.table import Names, Numbers, Table, Values
from driftwatch.ports import JoinedLabels

Given = Sequence[float | None] | Sequence[str | None]
"""One column: numbers or names, None where missing."""


def prediction_batch(
    ids: Sequence[str],
    columns: Mapping[str, Given] | None = None,
    *,
    model: str = "model",
    model_version: str = "1",
    event_time: int | Sequence[int] = 0,
    segment: str = "",
    extra: Mapping[str, Given] | None = None,
    prediction: str | None = None,
    scores: tuple[str, ...] = (),
) -> PredictionBatch:
    """Predictions with these ids; without ``columns``, a feature ``x`` that counts up from 0.

    Parameters
    ----------
    ids
        One a row.
    columns, extra
        Columns by name, each as long as ``ids``.
    model, model_version, segment, prediction, scores
        As in `PredictionBatch`; every row has the same segment.
    event_time
        Microseconds since 1970: one for all rows, or one a row.

    Examples
    --------
    >>> as_rows(prediction_batch(["a", "b"], event_time=7))[1]
    {'prediction_id': 'b', 'event_time': 7, 'segment': '', 'x': 1.0}
    """
    n_rows = len(ids)
    given = columns if columns is not None else {"x": [float(row) for row in range(n_rows)]}
    return PredictionBatch(
        model=model,
        model_version=model_version,
        prediction_ids=tuple(ids),
        event_time=np.broadcast_to(np.asarray(event_time, dtype=np.int64), n_rows).copy(),
        segments=(segment,) * n_rows,
        columns=Table({name: column_of(values) for name, values in given.items()}, n_rows),
        extra=Table({name: column_of(values) for name, values in (extra or {}).items()}, n_rows),
        prediction=prediction,
        scores=scores,
    )


def label_batch(
    ids: Sequence[str], labels: Given, *, model: str = "model", event_time: int | Sequence[int] = 0
) -> LabelBatch:
    """Labels of these predictions.

    Examples
    --------
    >>> as_rows(label_batch(["a"], ["late"]))
    [{'prediction_id': 'a', 'event_time': 0, 'label': 'late'}]
    """
    return LabelBatch(
        model=model,
        prediction_ids=tuple(ids),
        event_time=np.broadcast_to(np.asarray(event_time, dtype=np.int64), len(ids)).copy(),
        labels=column_of(labels),
    )


def column_of(values: Given) -> Values:
    """Numbers where no value is a text, else names; None is missing."""
    if any(isinstance(value, str) for value in values):
        return Names.of([None if value is None else str(value) for value in values])
    return Numbers(np.array([np.nan if value is None else float(value) for value in values], dtype=np.float64))


def as_rows(batch: Batch) -> list[dict[str, object]]:
    """One dictionary a row, None where missing; two batches that say the same give the same."""
    columns: dict[str, Sequence[object]] = {
        "prediction_id": batch.prediction_ids,
        "event_time": batch.event_time.tolist(),
    }
    if isinstance(batch, LabelBatch):
        columns["label"] = batch.labels.to_list()
    else:
        columns["segment"] = batch.segments
        for table in (batch.columns, batch.extra):
            columns |= {name: values.to_list() for name, values in table.columns.items()}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def joined_rows(ids: Sequence[str], joined: Sequence[JoinedLabels]) -> list[dict[str, object]]:
    """What a join answered, one dictionary a row in the order of the batch, None where missing.

    Parameters
    ----------
    ids
        Of the predictions or labels that the join was given.
    joined
        Its answer.
    """
    found: list[tuple[int, dict[str, object]]] = []
    for one in joined:
        columns = {
            "segment": one.segments.to_list(),
            "event_time": one.event_time.tolist(),
            "values": one.values.tolist(),
            "label": one.labels.to_list(),
            "label_time": one.label_time.tolist(),
            "replaced": one.replaced.to_list(),
        }
        for row, values in zip(one.rows.tolist(), zip(*columns.values(), strict=True), strict=True):
            known = {"prediction_id": ids[row], "model_version": one.model_version}
            found.append((row, known | dict(zip(columns, values, strict=True))))
    return [row for _, row in sorted(found, key=lambda one: one[0])]
