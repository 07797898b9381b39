"""A spool in memory."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from datetime import datetime, timedelta

import numpy as np

from driftwatch.core.events import Batch, PredictionBatch
from driftwatch.errors import InputError, StoreError, StoreFull
from driftwatch.ports import SpoolEntry, SpoolReceipt, SpoolRoom


class MemorySpool:
    """Acknowledged batches in memory; see `driftwatch.ports.Spool`.

    Each batch is its own entry, and its future is done when `append` returns.

    Parameters
    ----------
    horizon_seconds
        How long a prediction id is known, in received time.
    max_rows
        The most rows that may wait; beyond it `append` raises `StoreFull`.
    """

    def __init__(self, *, horizon_seconds: float = 7 * 86_400.0, max_rows: int = 5_000_000) -> None:
        self._horizon = timedelta(seconds=horizon_seconds)
        self._max_rows = max_rows
        self._changed = threading.Condition()
        self._entries: list[SpoolEntry] = []
        self._known: dict[tuple[str, str], datetime] = {}
        self._last = 0
        self._closed = False
        self._trouble: str | None = None

    def append(self, batch: Batch, received_time: datetime) -> Future[SpoolReceipt]:
        """See `driftwatch.ports.Spool.append`.

        Raises
        ------
        StoreFull
            ``max_rows`` is reached.
        InputError
            The batch has more rows than that.
        StoreError
            The spool is closed.
        """
        future: Future[SpoolReceipt] = Future()
        with self._changed:
            self._check_open()
            held = self.pending_rows()
            if len(batch) > self._max_rows:
                raise InputError(f"{len(batch):,} rows at once are more than the spool may hold.")
            if held + len(batch) > self._max_rows:
                self._trouble = (
                    f"The spool holds {held:,} of at most {self._max_rows:,} rows. "
                    "Try again when the pipeline has caught up."
                )
                raise StoreFull(self._trouble)
            duplicates: tuple[int, ...] = ()
            if isinstance(batch, PredictionBatch):
                duplicates = self._remember(batch, received_time)
                batch = batch.take(np.setdiff1d(np.arange(len(batch)), np.array(duplicates, dtype=np.intp)))
            sequence = None
            if len(batch):
                self._last = sequence = self._last + 1
                self._entries.append(SpoolEntry(sequence=sequence, received_time=received_time, batch=batch))
            self._changed.notify_all()
        future.set_result(SpoolReceipt(sequence=sequence, accepted=len(batch), duplicates=duplicates))
        return future

    def read(self, after: int, limit: int) -> list[SpoolEntry]:
        """See `driftwatch.ports.Spool.read`."""
        found: list[SpoolEntry] = []
        rows = 0
        with self._changed:
            for entry in self._entries:
                if entry.sequence > after and rows < limit:
                    found.append(entry)
                    rows += len(entry.batch)
        return found

    def last_of(self, after: int, limit: int) -> int:
        """See `driftwatch.ports.Spool.last_of`."""
        return max((entry.sequence for entry in self.read(after, limit)), default=after)

    def remove_through(self, sequence: int) -> None:
        """See `driftwatch.ports.Spool.remove_through`.

        Raises
        ------
        StoreError
            The spool is closed.
        """
        with self._changed:
            self._check_open()
            self._entries = [entry for entry in self._entries if entry.sequence > sequence]

    def pending_rows(self) -> int:
        """See `driftwatch.ports.Spool.pending_rows`."""
        return self.rows_after(0)

    def rows_after(self, sequence: int) -> int:
        """See `driftwatch.ports.Spool.rows_after`."""
        return sum(len(entry.batch) for entry in self._entries if entry.sequence > sequence)

    def last_sequence(self) -> int:
        """See `driftwatch.ports.Spool.last_sequence`."""
        return self._last

    def room(self) -> SpoolRoom:
        """See `driftwatch.ports.Spool.room`. Entries in memory have no size."""
        held = self.pending_rows()
        if held <= 0.9 * self._max_rows:
            self._trouble = None
        return SpoolRoom(
            rows=held,
            most_rows=self._max_rows,
            size_bytes=0,
            most_bytes=0,
            disk_free_bytes=None,
            trouble=self._trouble,
        )

    def wait(self, after: int, timeout_seconds: float) -> bool:
        """See `driftwatch.ports.Spool.wait`."""

        def arrived() -> bool:
            return any(entry.sequence > after for entry in self._entries)

        with self._changed:
            self._changed.wait_for(lambda: arrived() or self._closed, timeout_seconds)
            return arrived()

    def close(self) -> None:
        """End: nothing more is taken, and nobody waits."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError("The spool is closed. Open another one.")

    def _remember(self, batch: PredictionBatch, received_time: datetime) -> tuple[int, ...]:
        oldest = received_time - self._horizon
        self._known = {one: since for one, since in self._known.items() if since >= oldest}
        duplicates = []
        for position, prediction_id in enumerate(batch.prediction_ids):
            key = batch.model, prediction_id
            if key in self._known:
                duplicates.append(position)
            else:
                self._known[key] = received_time
        return tuple(duplicates)
