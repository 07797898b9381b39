"""What one commit of the spool holds: batches that wait together, their duplicates taken out, joined where alike.

Encoding a batch of one row costs as much as one of five hundred, so rows of many small requests become one entry.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.events import Batch, LabelBatch, PredictionBatch, joined_labels
from driftwatch.core.table import Names, Table, Values, concatenated
from driftwatch.core.texts import chained
from driftwatch.ports import SpoolReceipt
from driftwatch.stores.id_hash import Hashes, IdHash

_CLOSE_TOGETHER = 100_000
"""Microseconds of received time within which batches may become one entry."""
_ENTRY_ROWS = 10_000
"""An entry is not joined beyond this many rows."""
_FEW_ROWS = 16


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Waiting:
    """A batch that waits for its commit. ``received`` is in microseconds since 1970."""

    batch: Batch
    received: int
    future: Future[SpoolReceipt]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Group:
    """Batches that are stored as one entry, without their duplicates."""

    members: tuple[int, ...]
    received: int
    batch: Batch


def hashed(waiting: Sequence[Waiting], ids: IdHash) -> Hashes:
    """Hashes of all prediction ids, in the order of the batches; labels have none."""
    parts: list[Hashes] = [np.empty((0, 2), dtype=np.uint64)]
    run: list[PredictionBatch] = []
    for one in waiting:
        if isinstance(one.batch, PredictionBatch):
            if run and run[0].model != one.batch.model:
                parts.append(_hashed_run(run, ids))
                run = []
            run.append(one.batch)
    if run:
        parts.append(_hashed_run(run, ids))
    return np.concatenate(parts)


def _hashed_run(batches: Sequence[PredictionBatch], ids: IdHash) -> Hashes:
    return ids.of(batches[0].model, chained([batch.prediction_ids for batch in batches]))


def without_duplicates(
    waiting: Sequence[Waiting], fresh: NDArray[np.bool_]
) -> tuple[list[Batch], list[tuple[int, ...]]]:
    """What is left of each batch, and the positions of the rows that are not.

    Parameters
    ----------
    waiting
        The batches.
    fresh
        For each row of the prediction batches, one after another, whether it is new.
    """
    left: list[Batch] = []
    duplicates: list[tuple[int, ...]] = []
    start = 0
    for one in waiting:
        batch = one.batch
        gone: tuple[int, ...] = ()
        if isinstance(batch, PredictionBatch):
            mine = fresh[start : start + len(batch)]
            start += len(batch)
            if not mine.all():
                gone = tuple(np.flatnonzero(~mine).tolist())
                batch = batch.take(np.flatnonzero(mine))
        left.append(batch)
        duplicates.append(gone)
    return left, duplicates


@dataclass(slots=True)
class _Gathered:
    members: list[int]
    rows: int
    since: int

    def takes(self, rows: int, received: int) -> bool:
        return abs(received - self.since) <= _CLOSE_TOGETHER and self.rows + rows <= _ENTRY_ROWS


def grouped(batches: Sequence[Batch], received: Sequence[int]) -> Iterator[Group]:
    """Join batches that fit, in the order of their first rows; empty ones are in no group."""
    gathering: dict[object, _Gathered] = {}
    closed: list[_Gathered] = []
    for position, batch in enumerate(batches):
        if not len(batch):
            continue
        key = _likeness(batch)
        group = gathering.get(key)
        if group is None or not group.takes(len(batch), received[position]):
            if group is not None:
                closed.append(group)
            group = gathering[key] = _Gathered([], 0, received[position])
        group.members.append(position)
        group.rows += len(batch)
    for members in sorted(group.members for group in [*closed, *gathering.values()]):
        yield Group(
            members=tuple(members),
            received=max(received[one] for one in members),
            batch=_joined([batches[one] for one in members]),
        )


def _likeness(batch: Batch) -> object:
    if isinstance(batch, LabelBatch):
        return batch.model, isinstance(batch.labels, Names)
    return (
        batch.model,
        batch.model_version,
        batch.prediction,
        batch.scores,
        _layout(batch.columns),
        _layout(batch.extra),
    )


def _layout(table: Table) -> tuple[object, ...]:
    return tuple(table.columns), tuple(map(type, table.columns.values()))


def _joined(batches: Sequence[Batch]) -> Batch:
    if len(batches) == 1:
        return batches[0]
    labels = [batch for batch in batches if isinstance(batch, LabelBatch)]
    if labels:
        return joined_labels(labels)
    predictions = [batch for batch in batches if isinstance(batch, PredictionBatch)]
    return replace(
        predictions[0],
        prediction_ids=chained([batch.prediction_ids for batch in predictions]),
        event_time=np.concatenate([batch.event_time for batch in predictions]),
        segments=chained([batch.segments for batch in predictions]),
        columns=_joined_tables(batch.columns for batch in predictions),
        extra=_joined_tables(batch.extra for batch in predictions),
    )


def _joined_tables(tables: Iterable[Table]) -> Table:
    parts = list(tables)
    n_rows = sum(map(len, parts))
    # Few rows a part, as with one event a request: reading them one by one beats translating codes part by part.
    by_row = n_rows < _FEW_ROWS * len(parts)
    columns: dict[str, Values] = {}
    for name in parts[0].columns:
        values = [part.columns[name] for part in parts]
        if by_row and isinstance(values[0], Names):
            columns[name] = Names.of(
                list(chain.from_iterable(one.to_list() for one in values if isinstance(one, Names)))
            )
        else:
            columns[name] = concatenated(values)
    return Table(columns, n_rows)
