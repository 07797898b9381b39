"""A log in memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from driftwatch.core.events import Batch, LabelBatch, PredictionBatch
from driftwatch.core.row_groups import rows_by_value
from driftwatch.core.windows import from_microseconds, to_microseconds
from driftwatch.errors import StoreError
from driftwatch.ports import LogFile, SpoolEntry

_DAY = 86_400_000_000


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    sequence: int
    batch: Batch


class MemoryLog:
    """Predictions and labels in memory, in "files" that are only names; see `driftwatch.ports.Log`."""

    def __init__(self) -> None:
        self._changing = threading.Lock()
        self._files: dict[str, list[_Part]] = {}

    def write(self, entries: Sequence[SpoolEntry]) -> list[LogFile]:
        """See `driftwatch.ports.Log.write`."""
        if not entries:
            return []
        first = min(entry.sequence for entry in entries)
        last = max(entry.sequence for entry in entries)
        parts: dict[tuple[str, str, int], list[_Part]] = {}
        for entry in entries:
            kind = "predictions" if isinstance(entry.batch, PredictionBatch) else "labels"
            for number, positions in rows_by_value(entry.batch.event_time // _DAY):
                part = _Part(entry.sequence, _rows(entry.batch, positions))
                parts.setdefault((kind, entry.batch.model, number), []).append(part)
        written = []
        for (kind, model, day_number), rows_of_file in sorted(parts.items(), key=lambda item: item[0]):
            day = from_microseconds(day_number * _DAY).date()
            path = f"{kind}/model={model}/date={day}/{first}-{last}"
            with self._changing:
                self._files[path] = rows_of_file
            rows = sum(len(part.batch) for part in rows_of_file)
            written.append(
                LogFile(
                    path=path,
                    kind=kind,
                    model=model,
                    day=day,
                    first_sequence=first,
                    last_sequence=last,
                    rows=rows,
                    size_bytes=rows,
                )
            )
        return written

    def read_predictions(
        self, files: Sequence[LogFile], start: datetime | None, end: datetime | None
    ) -> Iterator[PredictionBatch]:
        """See `driftwatch.ports.Log.read_predictions`; here a batch per entry and file.

        Raises
        ------
        StoreError
            A file is not there.
        """
        for file in files:
            for part in self._parts(file):
                batch = part.batch
                if isinstance(batch, PredictionBatch):
                    wanted = np.ones(len(batch), dtype=np.bool_)
                    if start is not None:
                        wanted &= batch.event_time >= to_microseconds(start)
                    if end is not None:
                        wanted &= batch.event_time < to_microseconds(end)
                    if wanted.any():
                        yield batch.take(np.flatnonzero(wanted))

    def read_labels(self, files: Sequence[LogFile]) -> Iterator[LabelBatch]:
        """See `driftwatch.ports.Log.read_labels`.

        Raises
        ------
        StoreError
            A file is not there.
        """
        parts = [part for file in files for part in self._parts(file)]
        for part in sorted(parts, key=lambda part: part.sequence):
            if isinstance(part.batch, LabelBatch):
                yield part.batch

    def alike(self, files: Sequence[LogFile]) -> list[list[LogFile]]:
        """See `driftwatch.ports.Log.alike`; here all are."""
        return [list(files)] if files else []

    def name_together(self, files: Sequence[LogFile]) -> str:
        """See `driftwatch.ports.Log.name_together`."""
        first, last = min(one.first_sequence for one in files), max(one.last_sequence for one in files)
        return f"{files[0].path.rpartition('/')[0]}/{first}-{last}"

    def write_together(self, files: Sequence[LogFile]) -> LogFile:
        """See `driftwatch.ports.Log.write_together`."""
        in_order = sorted(files, key=lambda one: one.first_sequence)
        parts = [part for file in in_order for part in self._parts(file)]
        path = self.name_together(files)
        with self._changing:
            self._files[path] = parts
        rows = sum(one.rows for one in files)
        last = in_order[-1].last_sequence
        return replace(in_order[0], path=path, last_sequence=last, rows=rows, size_bytes=rows)

    def hide(self, files: Sequence[LogFile]) -> None:
        """See `driftwatch.ports.Log.hide`; nobody sees them anyway."""

    def remove(self, files: Sequence[LogFile]) -> None:
        """See `driftwatch.ports.Log.remove`."""
        with self._changing:
            for file in files:
                self._files.pop(file.path, None)

    def _parts(self, file: LogFile) -> list[_Part]:
        try:
            return self._files[file.path]
        except KeyError:
            raise StoreError(
                f"The log has no file {file.path}. The state and the log do not belong together."
            ) from None


def _rows(batch: Batch, rows: np.ndarray) -> Batch:
    if isinstance(batch, PredictionBatch):
        return batch.take(rows)
    return LabelBatch(
        model=batch.model,
        prediction_ids=tuple(batch.prediction_ids[row] for row in rows.tolist()),
        event_time=batch.event_time[rows],
        labels=batch.labels.take(rows),
    )
