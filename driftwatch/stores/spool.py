"""The spool: what was acknowledged, on disk, until the pipeline has done with it.

One thread writes. It takes every batch that waits, has them written together, and resolves their futures when they are
on the disk: see `driftwatch.stores.spool_writer`. While one commit runs the next batches
gather, so that a busy spool commits large groups and an idle one at once: nothing ever waits for company.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from driftwatch.core.events import Batch
from driftwatch.core.windows import from_microseconds, to_microseconds
from driftwatch.crash_points import reached
from driftwatch.errors import StoreError, StoreFull
from driftwatch.ports import SpoolEntry, SpoolReceipt, SpoolRoom
from driftwatch.stores.disk import disk_failure
from driftwatch.stores.durable_sqlite import connected
from driftwatch.stores.id_hash import IdHash
from driftwatch.stores.id_index import IdIndex
from driftwatch.stores.spool_bodies import SpoolBodies
from driftwatch.stores.spool_file import (
    bodies_folder,
    body_files,
    contents,
    last_of,
    prepared,
    stored_after,
)
from driftwatch.stores.spool_groups import Waiting
from driftwatch.stores.spool_recent import RecentEntries
from driftwatch.stores.spool_room import Room
from driftwatch.stores.spool_writer import SpoolWriter
from driftwatch.wire.arrow import decode

_COMMIT_ROWS = 20_000
"""A commit takes no further batch beyond this many rows, so that nobody waits long behind it."""
_TRY_AGAIN_SECONDS = 1.0
"""How long after the disk failed it is tried again, where nobody appends."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _Removal:
    sequence: int
    done: Future[None]


class SqliteSpool:
    """Acknowledged batches under a SQLite file; see `driftwatch.ports.Spool` for what it promises.

    Prediction ids are known again by 128-bit hashes: a new id is taken for a known one with probability below
    ``n * 2**-128`` among ``n`` known ones. An id is forgotten between one and nine eighths of the horizon after
    it was accepted, in received time. Small batches that are committed together and are alike (same model,
    version and columns, received within 100 ms) become one entry: their receipts have the same sequence, and the
    entry the latest of their received times.

    Parameters
    ----------
    path
        The database file; made where it is missing. Beside it come to lie what was acknowledged, in ``PATH.bodies``,
        and files of ids, in ``PATH.ids``.
    horizon_seconds
        How long a prediction id is known.
    max_rows, max_bytes
        The most that may wait for the pipeline; beyond it `append` raises `StoreFull`.
    max_pending_batches, max_pending_rows
        The most that may wait in memory for its commit.
    reserve_bytes
        Nothing is taken where the disk has less free than this, so that the pipeline has room to empty the spool.

    Raises
    ------
    StoreError
        If the file cannot be made, opened or written, or a later driftwatch wrote it.
    """

    def __init__(
        self,
        path: Path,
        *,
        horizon_seconds: float = 7 * 86_400.0,
        max_rows: int = 20_000_000,
        max_bytes: int = 2**63 - 1,
        max_pending_batches: int = 10_000,
        max_pending_rows: int = 1_000_000,
        reserve_bytes: int = 0,
    ) -> None:
        self._max_pending_batches = max_pending_batches
        self._max_pending_rows = max_pending_rows
        self._room = Room(Path(path).parent, most_rows=max_rows, most_bytes=max_bytes, reserve_bytes=reserve_bytes)
        self._wake = threading.Condition()
        self._queue: deque[Waiting | _Removal] = deque()
        self._queued_rows = 0
        self._queued_batches = 0
        self._closing = False
        self._recent = RecentEntries()
        self._reading = threading.Lock()
        with ExitStack() as undo:
            try:
                writer = undo.enter_context(closing(connected(Path(path))))
                self._reader = undo.enter_context(closing(connected(Path(path))))
                key = prepared(writer, self._reader, Path(path))
                self._bodies = SpoolBodies(bodies_folder(Path(path)), tuple(body_files(writer)))
                folder = Path(path).with_name(f"{Path(path).name}.ids")
                ids = IdIndex(writer, folder, round(horizon_seconds * 1_000_000))
                self._writer = SpoolWriter(writer, self._bodies, ids, IdHash(key))
                first, self._room.rows, self._room.size_bytes, self._last = contents(writer)
            except (OSError, sqlite3.Error) as error:
                raise disk_failure(error, f"The spool {path} cannot be opened") from error
            undo.pop_all()
        self._removed_through = self._last if first is None else first - 1
        self._thread = threading.Thread(target=self._write_until_closed, name="driftwatch-spool", daemon=True)
        self._thread.start()

    def append(self, batch: Batch, received_time: datetime) -> Future[SpoolReceipt]:
        """See `driftwatch.ports.Spool.append`. Never waits; safe to call from any thread.

        Raises
        ------
        StoreFull
            From the call where a bound is reached, from the future where the disk is full or near to it.
        InputError
            The batch has more rows than may wait at all.
        StoreError
            The spool is closed; from the future: the disk fails, or the batch holds text that is no Unicode.
        """
        future: Future[SpoolReceipt] = Future()
        waiting = Waiting(batch=batch, received=to_microseconds(received_time), future=future)
        with self._wake:
            if self._closing:
                raise StoreError("The spool is closed. Open it again to append.")
            self._room.check(len(batch), self._queued_rows)
            if self._queued_batches >= self._max_pending_batches:
                raise StoreFull(f"{self._queued_batches:,} batches wait for the disk, as many as may. Try again soon.")
            if self._queued_rows and self._queued_rows + len(batch) > self._max_pending_rows:
                raise StoreFull(f"{self._queued_rows:,} rows wait for the disk, as many as may. Try again soon.")
            self._queue.append(waiting)
            self._queued_rows += len(batch)
            self._queued_batches += 1
            self._wake.notify_all()
        return future

    def read(self, after: int, limit: int) -> list[SpoolEntry]:
        """See `driftwatch.ports.Spool.read`.

        Raises
        ------
        StoreError
            If the file cannot be read, or an entry was altered.
        """
        with self._wake:
            recent = self._recent.read(max(after, self._removed_through), limit)
        if recent is not None:
            return recent
        with self._asking() as connection:
            found = stored_after(connection, after, limit)
        try:
            return [
                SpoolEntry(sequence=one.sequence, received_time=from_microseconds(one.received), batch=decode(body))
                for one, body in zip(found, self._bodies.read([one.place for one in found]), strict=True)
                if body is not None
            ]
        except OSError as error:
            raise disk_failure(error, "The spool cannot be read") from error

    def last_of(self, after: int, limit: int) -> int:
        """See `driftwatch.ports.Spool.last_of`.

        Raises
        ------
        StoreError
            If the file cannot be read.
        """
        with self._asking() as connection:
            return last_of(connection, after, limit)

    def remove_through(self, sequence: int) -> None:
        """See `driftwatch.ports.Spool.remove_through`; it is on disk when this returns.

        Raises
        ------
        StoreError
            If the spool is closed or cannot be written; then nothing is removed.
        """
        done: Future[None] = Future()
        with self._wake:
            if self._closing:
                raise StoreError("The spool is closed. Open it again to remove entries.")
            self._queue.append(_Removal(sequence=sequence, done=done))
            self._wake.notify_all()
        done.result()

    def pending_rows(self) -> int:
        """See `driftwatch.ports.Spool.pending_rows`. Costs nothing."""
        return self._room.rows

    def room(self) -> SpoolRoom:
        """See `driftwatch.ports.Spool.room`.

        Raises
        ------
        StoreError
            The disk cannot be asked.
        """
        try:
            free = self._room.disk_free()
        except OSError as error:
            raise disk_failure(error, "The spool's disk cannot be asked") from error
        with self._wake:
            return self._room.seen(free)

    def rows_after(self, sequence: int) -> int:
        """See `driftwatch.ports.Spool.rows_after`.

        Raises
        ------
        StoreError
            If the file cannot be read.
        """
        with self._asking() as connection:
            (rows,) = connection.execute(
                "SELECT coalesce(sum(rows), 0) FROM entry WHERE sequence > ?", (sequence,)
            ).fetchone()
        return int(rows)

    def last_sequence(self) -> int:
        """See `driftwatch.ports.Spool.last_sequence`. Costs nothing."""
        return self._last

    def wait(self, after: int, timeout_seconds: float) -> bool:
        """See `driftwatch.ports.Spool.wait`. Returns early, with what is so, when the spool is closed."""
        deadline = time.monotonic() + timeout_seconds
        with self._wake:
            while not (found := self._last > max(after, self._removed_through)) and not self._closing:
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                self._wake.wait(left)
        return found

    def close(self) -> None:
        """Commit what waits, then let go of the files. A second call does nothing."""
        with self._wake:
            if self._closing:
                return
            self._closing = True
            self._wake.notify_all()
        self._thread.join()
        self._writer.close()
        with self._reading:
            self._reader.close()

    @contextmanager
    def _asking(self) -> Iterator[sqlite3.Connection]:
        with self._reading:
            try:
                yield self._reader
            except sqlite3.Error as error:
                raise disk_failure(error, "The spool cannot be read") from error

    def _write_until_closed(self) -> None:
        while (taken := self._taken()) != []:
            if taken is None:
                self._try_disk()
                continue
            appended = [one for one in taken if isinstance(one, Waiting)]
            # A batch whose caller stopped waiting before its commit began is not written.
            wanted = [one for one in appended if one.future.set_running_or_notify_cancel()]
            self._commit(wanted, [one for one in taken if isinstance(one, _Removal)])
            with self._wake:
                self._queued_rows -= sum(len(one.batch) for one in appended)
                self._wake.notify_all()

    def _taken(self) -> list[Waiting | _Removal] | None:
        """Everything that waits, up to a commit's bound; nothing when the spool is closed and empty.

        None when the disk failed before and it is time to try it again.
        """
        taken: list[Waiting | _Removal] = []
        rows = 0
        with self._wake:
            while not self._queue and not self._closing:
                if not self._wake.wait(_TRY_AGAIN_SECONDS if self._room.disk_failed else None):
                    return None
            while self._queue and rows < _COMMIT_ROWS:
                one = self._queue.popleft()
                if isinstance(one, Waiting):
                    rows += len(one.batch)
                    self._queued_batches -= 1
                taken.append(one)
        return taken

    def _commit(self, wanted: Sequence[Waiting], removals: Sequence[_Removal]) -> None:
        """Write all of it, or say to each why not."""
        try:
            reached("spool.begun")
            receipts = self._write(wanted, max((one.sequence for one in removals), default=0))
        except (OSError, sqlite3.Error, StoreFull) as error:
            problem = error if isinstance(error, StoreFull) else disk_failure(error, "The spool cannot be written")
            self._room.failed(problem)
            _fail(problem, [one.future for one in wanted])
            if wanted:
                # Where the disk is full, removing may still work, and makes room.
                self._commit((), removals)
            else:
                _fail(problem, [one.done for one in removals])
        except Exception as error:  # noqa: BLE001 - whoever waits must hear of it, and the thread must live on
            if len(wanted) + len(removals) > 1:
                # One batch that cannot be written must not take its neighbours with it.
                for one in wanted:
                    self._commit([one], ())
                for removal in removals:
                    self._commit((), [removal])
                return
            problem = error if isinstance(error, StoreError) else StoreError(f"A batch cannot be written: {error!r}.")
            _fail(problem, [one.future for one in wanted])
            _fail(problem, [one.done for one in removals])
        else:
            for one, receipt in zip(wanted, receipts, strict=True):
                one.future.set_result(receipt)
            for removal in removals:
                removal.done.set_result(None)
            reached("spool.acknowledged")

    def _write(self, wanted: Sequence[Waiting], remove_through: int) -> tuple[SpoolReceipt, ...]:
        """One transaction; when it returns, it is on disk."""
        if wanted:
            self._room.check_disk()
        written = self._writer.write(wanted, remove_through if remove_through > self._removed_through else None)
        with self._wake:
            self._removed_through = max(self._removed_through, min(remove_through, self._last))
            self._last = max((one.sequence for one in written.entries), default=self._last)
            self._room.rows += sum(len(one.batch) for one in written.entries) - written.removed_rows
            self._room.size_bytes += written.size_bytes - written.removed_bytes
            self._recent.add(written.entries)
            self._recent.remove_through(self._removed_through)
            if written.entries:
                self._room.wrote()
            self._wake.notify_all()
        return written.receipts

    def _try_disk(self) -> None:
        """After a failure, find out whether the disk takes something again: nobody may append before it says so."""
        try:
            self._room.try_disk()
            self._writer.touch()
        except StoreFull as problem:
            self._room.failed(problem)
        except (OSError, sqlite3.Error) as error:
            self._room.failed(disk_failure(error, "The spool cannot be written"))
        else:
            self._room.wrote()


def _fail(problem: StoreError, futures: Iterable[Future[SpoolReceipt]] | Iterable[Future[None]]) -> None:
    for future in futures:
        future.set_exception(problem)
