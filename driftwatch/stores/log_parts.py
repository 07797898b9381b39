"""Entries of the spool cut into what becomes one file of the log each."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.events import Batch, LabelBatch, PredictionBatch, joined_labels
from driftwatch.core.row_groups import rows_by_value
from driftwatch.core.table import MISSING_CODE, Ages, Names, Numbers, Table, Values, concatenated
from driftwatch.core.texts import chained
from driftwatch.core.windows import from_microseconds, to_microseconds
from driftwatch.ports import SpoolEntry

DAY_MICROSECONDS = 86_400_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Rows of one entry that go to one file. ``rows`` are their positions in the entry."""

    entry: SpoolEntry
    rows: NDArray[np.intp]

    @property
    def whole(self) -> bool:
        """Whether these are all rows of the entry."""
        return len(self.rows) == len(self.entry.batch)


@dataclass(frozen=True, slots=True, order=True)
class FileKey:
    """What the rows of one file have in common. ``layout`` tells versions and columns apart, in a few letters."""

    kind: str
    model: str
    day: date
    layout: str


def cut(entries: Sequence[SpoolEntry]) -> dict[FileKey, list[Part]]:
    """The entries' rows by file, in the order of the entries."""
    found: dict[FileKey, list[Part]] = {}
    for entry in entries:
        kind, layout = _layout(entry.batch)
        for day, rows in _days(entry.batch.event_time):
            found.setdefault(FileKey(kind, entry.batch.model, day, layout), []).append(Part(entry, rows))
    return found


def _days(event_time: NDArray[np.int64]) -> Iterator[tuple[date, NDArray[np.intp]]]:
    numbers = event_time // DAY_MICROSECONDS
    for number, rows in rows_by_value(numbers):
        yield from_microseconds(number * DAY_MICROSECONDS).date(), rows


def _layout(batch: Batch) -> tuple[str, str]:
    if isinstance(batch, LabelBatch):
        return "labels", "names" if isinstance(batch.labels, Names) else "numbers"
    columns = [
        (name, "times" if isinstance(values, Ages) else isinstance(values, Names))
        for name, values in batch.columns.columns.items()
    ]
    text = json.dumps([batch.model_version, batch.prediction, batch.scores, columns])
    return "predictions", hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def extra_of(parts: Sequence[Part]) -> dict[str, bool]:
    """The extra features of all parts, in order of first appearance, and whether any of them holds names."""
    found: dict[str, bool] = {}
    for part in parts:
        if isinstance(part.entry.batch, PredictionBatch):
            for name, values in part.entry.batch.extra.columns.items():
                found[name] = found.get(name, False) or isinstance(values, Names)
    return found


def joined_predictions_of(parts: Sequence[Part], extra: Mapping[str, bool]) -> PredictionBatch:
    """All rows as one batch, with these extra features, which hold names or numbers; missing where a part lacks one."""
    batches = [
        part.entry.batch if part.whole else part.entry.batch.take(part.rows)
        for part in parts
        if isinstance(part.entry.batch, PredictionBatch)
    ]
    first = batches[0]
    n_rows = sum(map(len, batches))
    return PredictionBatch(
        model=first.model,
        model_version=first.model_version,
        prediction_ids=chained([batch.prediction_ids for batch in batches]),
        event_time=np.concatenate([batch.event_time for batch in batches]),
        segments=chained([batch.segments for batch in batches]),
        columns=Table(
            {name: concatenated([batch.columns[name] for batch in batches]) for name in first.columns.columns}, n_rows
        ),
        extra=Table({name: _joined_extra(name, batches, holds_names=names) for name, names in extra.items()}, n_rows),
        prediction=first.prediction,
        scores=first.scores,
    )


def joined_labels_of(parts: Sequence[Part]) -> LabelBatch:
    """All rows as one batch."""
    return joined_labels(
        [
            part.entry.batch if part.whole else part.entry.batch.take(part.rows)
            for part in parts
            if isinstance(part.entry.batch, LabelBatch)
        ]
    )


def received_of(parts: Sequence[Part]) -> NDArray[np.int64]:
    """When each row was received, in microseconds since 1970."""
    moments = [to_microseconds(part.entry.received_time) for part in parts]
    return np.repeat(np.array(moments, dtype=np.int64), [len(part.rows) for part in parts])


def sequences_of(parts: Sequence[Part]) -> NDArray[np.int64]:
    """The sequence of each row's entry."""
    sequences = [part.entry.sequence for part in parts]
    return np.repeat(np.array(sequences, dtype=np.int64), [len(part.rows) for part in parts])


def as_names(values: Values) -> Names:
    """Numbers as the texts that Python writes for them; names as they are."""
    if isinstance(values, Names):
        return values
    return Names.of([None if one is None else str(one) for one in values.to_list()])


def _joined_extra(name: str, batches: Sequence[PredictionBatch], holds_names: bool) -> Values:
    given = [batch.extra.columns.get(name) for batch in batches]
    if holds_names:
        return concatenated(
            [
                Names(np.full(len(batch), MISSING_CODE, dtype=np.int32), ()) if values is None else as_names(values)
                for batch, values in zip(batches, given, strict=True)
            ]
        )
    return concatenated(
        [
            Numbers(np.full(len(batch), np.nan)) if values is None else values
            for batch, values in zip(batches, given, strict=True)
        ]
    )
