"""Which prediction ids were accepted within the horizon: the spool's memory for duplicates.

What was accepted is first a row of hashes in the spool's own database, written in the transaction that accepts it.
When many have gathered, a thread writes them as a sorted run to a file, and runs of like size into larger ones; the
next transaction then says that the file counts. A crash at any point leaves either the rows or the file, or both.

The horizon is cut into eight stretches, and an id is forgotten with its stretch: at the earliest when the horizon is
over, at the latest an eighth of it later.
"""

from __future__ import annotations

import logging
import secrets
import sqlite3
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from driftwatch.crash_points import reached
from driftwatch.errors import StoreError
from driftwatch.stores.id_hash import Hashes
from driftwatch.stores.id_runs import Run, fresh, merged, written

SCHEMA = (
    "CREATE TABLE recent_ids (number INTEGER PRIMARY KEY AUTOINCREMENT, received_time INTEGER, hashes BLOB)",
    "CREATE TABLE id_run (name TEXT PRIMARY KEY, stretch INTEGER, newest INTEGER, ids INTEGER)",
)

_STRETCHES = 8
_IN_MEMORY = 1 << 18
"""Ids that gather in memory (4 MB) before they become a file."""
_ALIKE = 4
"""Runs of like size that are made into one; also the ratio between sizes."""
_ROWS_FORGOTTEN_AT_ONCE = 1_000
_MAPPED_BYTES = 16 << 20
"""Files of ids that are larger together do not stay in this process's memory."""
_ASKED = 512
"""After so many questions their pages are let go: each brings in a few neighbours of the page that it looks at."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settling:
    """Runs that are being written into one file."""

    before: tuple[Run, ...]
    after: Future[Run]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a transaction has written about ids: the index takes it over when the transaction is kept."""

    gathered: Run | None
    expired: tuple[Run, ...]
    settled: Settling | None


class IdIndex:
    """Accepted ids by their hashes. Used by one thread, the spool's writer.

    Parameters
    ----------
    connection
        The spool's database; all SQL runs inside the caller's transactions.
    folder
        Where files of ids go; made when the first is written.
    horizon
        How long an id is known, in microseconds.

    Raises
    ------
    StoreError
        If a file that the database counts on is absent or cut short.
    """

    def __init__(self, connection: sqlite3.Connection, folder: Path, horizon: int) -> None:
        self._folder = folder
        self._horizon = horizon
        self._stretch_length = max(1, -(-horizon // _STRETCHES))
        self._runs: list[Run] = []
        self._clock = 0
        self._forgotten_through = 0
        self._settling: Settling | None = None
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="driftwatch-ids")
        self._retry_at = _IN_MEMORY
        self._asked = 0
        self._load(connection)

    def fresh(self, hashes: Hashes, received: int) -> NDArray[np.bool_]:
        """For each hash, whether no accepted id within the horizon, nor an earlier row, has it."""
        oldest = max(received, self._clock) - self._horizon
        runs = [run for run in self._runs if run.newest >= oldest]
        answer = fresh(hashes, runs)
        self._asked += len(hashes)
        if self._asked >= _ASKED and sum(run.mapped_bytes for run in runs) > _MAPPED_BYTES:
            for run in runs:
                run.let_go()
            self._asked = 0
        return answer

    def write(self, connection: sqlite3.Connection, hashes: Hashes, received: int) -> Change:
        """Inside a transaction: write down accepted hashes, and what else is due."""
        now = max(received, self._clock)
        gathered = None
        if len(hashes):
            number = connection.execute(
                "INSERT INTO recent_ids (received_time, hashes) VALUES (?, ?)", (now, hashes.astype("<u8").tobytes())
            ).lastrowid
            gathered = Run.of(
                hashes, stretch=now // self._stretch_length, newest=now, last_number=number if number else 0
            )
        settled = self._settling if self._settling is not None and self._settling.after.done() else None
        busy = set(self._settling.before) if self._settling is not None else set()
        expired = tuple(run for run in self._runs if run.newest < now - self._horizon and run not in busy)
        connection.executemany(
            "DELETE FROM id_run WHERE name = ?", [(run.path.name,) for run in expired if run.path is not None]
        )
        if settled is not None and settled.after.exception() is None:
            run = settled.after.result()
            connection.executemany(
                "DELETE FROM id_run WHERE name = ?", [(one.path.name,) for one in settled.before if one.path]
            )
            connection.execute(
                "INSERT INTO id_run (name, stretch, newest, ids) VALUES (?, ?, ?, ?)",
                (run.path.name if run.path else "", run.stretch, run.newest, len(run)),
            )
        if self._forgotten_through:
            connection.execute(
                "DELETE FROM recent_ids WHERE number <= min(?, (SELECT min(number) FROM recent_ids) + ?)",
                (self._forgotten_through, _ROWS_FORGOTTEN_AT_ONCE),
            )
        return Change(gathered=gathered, expired=expired, settled=settled)

    def kept(self, change: Change) -> None:
        """After the commit: take over what the transaction wrote."""
        if change.expired:
            self._drop(change.expired)
        if change.settled is not None:
            self._take_over(change.settled)
        if change.gathered is not None:
            self._clock = max(self._clock, change.gathered.newest)
            self._add(change.gathered)
        if self._settling is None:
            self._settle()

    def close(self) -> None:
        """Wait for a file that is being written. What does not count yet is written again after the next opening."""
        self._worker.shutdown(wait=True)

    def _add(self, run: Run) -> None:
        busy = set(self._settling.before) if self._settling is not None else set()
        # A run that is at least half as long as the one before it joins it: there are never many, and every hash
        # is moved a logarithmic number of times.
        while self._runs and (last := self._runs[-1]).path is None and last not in busy:
            if last.stretch != run.stretch or len(last) > 2 * len(run):
                break
            run = merged(self._runs.pop(), run)
        self._runs.append(run)

    def _drop(self, runs: tuple[Run, ...]) -> None:
        gone = set(runs)
        self._runs = [run for run in self._runs if run not in gone]
        for run in runs:
            self._forgotten_through = max(self._forgotten_through, run.last_number)
            if run.path is not None:
                # What cannot be removed now is removed at the next opening.
                with suppress(OSError):
                    run.path.unlink()

    def _take_over(self, settled: Settling) -> None:
        reached("ids.file_counted")
        self._settling = None
        problem = settled.after.exception()
        if problem is not None:
            _log.warning("Ids could not be written to %s, and stay in memory: %s", self._folder, problem)
            self._retry_at = 2 * self._in_memory()
            return
        self._drop(settled.before)
        self._runs.insert(0, settled.after.result())
        self._retry_at = _IN_MEMORY

    def _in_memory(self) -> int:
        return sum(len(run) for run in self._runs if run.path is None)

    def _settle(self) -> None:
        """Begin to write a file, where one is due."""
        due: tuple[Run, ...] = ()
        if self._in_memory() >= self._retry_at:
            # Recent rows are forgotten up to a number, so the oldest stretch goes first.
            oldest = min(run.stretch for run in self._runs if run.path is None)
            due = tuple(run for run in self._runs if run.path is None and run.stretch == oldest)
        else:
            files = [run for run in self._runs if run.path is not None]
            sizes = Counter((run.stretch, self._size_class(run)) for run in files)
            for (stretch, size), count in sizes.items():
                if count >= _ALIKE:
                    due = tuple(run for run in files if (run.stretch, self._size_class(run)) == (stretch, size))
                    break
        if due:
            path = self._folder / f"{due[0].stretch}-{secrets.token_hex(8)}.ids"
            self._settling = Settling(before=due, after=self._worker.submit(written, due, path))

    @staticmethod
    def _size_class(run: Run) -> int:
        return max(0, len(run) // _IN_MEMORY).bit_length() // (_ALIKE.bit_length() - 1)

    def _load(self, connection: sqlite3.Connection) -> None:
        counted = connection.execute("SELECT name, stretch, newest, ids FROM id_run ORDER BY stretch").fetchall()
        for name, stretch, newest, ids in counted:
            try:
                self._runs.append(Run.opened(self._folder / name, stretch=stretch, newest=newest, ids=ids))
            except (OSError, ValueError) as error:
                raise StoreError(
                    f"The spool's file of known ids {self._folder / name} cannot be read: {error}. "
                    "Stop the service and run driftwatch doctor --repair: it builds it again from the log."
                ) from error
        known = {name for name, *_ in counted}
        if self._folder.exists():
            for path in self._folder.iterdir():
                if path.name not in known:
                    path.unlink()
        by_stretch: dict[int, list[tuple[int, int, bytes]]] = {}
        for row in connection.execute("SELECT number, received_time, hashes FROM recent_ids ORDER BY number"):
            by_stretch.setdefault(row[1] // self._stretch_length, []).append(row)
        for stretch, rows in by_stretch.items():
            hashes = np.frombuffer(b"".join(row[2] for row in rows), dtype="<u8").astype(np.uint64).reshape(-1, 2)
            # Not by compiled loops: a service that comes back may wait for long, and is small until something comes.
            inorder = hashes[np.argsort(hashes[:, 0])]
            self._runs.append(Run.in_order(inorder, stretch=stretch, newest=rows[-1][1], last_number=rows[-1][0]))
        self._clock = max((run.newest for run in self._runs), default=0)
