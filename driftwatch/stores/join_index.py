"""Which rows the join knows: runs by stretch of event time, the newest in memory, and what is due to be merged.

What a transaction adds is one row of the table ``join_recent`` a stretch, with all its rows as one blob, written in the
transaction that takes the events on. When many have gathered, a thread writes them as a sorted run to a file, and
runs of like size into larger ones; a later transaction then says that the file counts, and what it was made of no
longer. A crash at any point leaves either the blobs or the file, or both: what counts stands in the database.

Rows of all models lie together, so that a thousand small models need no thousand files. A stretch's runs go all at once
when no model has rows in it any more.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, delete, insert, select

from driftwatch.crash_points import reached
from driftwatch.errors import StoreError
from driftwatch.stores import state_tables as tables
from driftwatch.stores.id_hash import Hashes
from driftwatch.stores.join_rows import GONE, WAITING, Rows, Run, chosen, merged, united, written

_IN_MEMORY_BYTES = 16 << 20
"""Rows that gather in memory before they become a file."""
_MOST_IN_MEMORY = 4
"""Where writing files is too slow for what comes, transactions wait when this many times as much has gathered."""
_SMALLEST_CLASS = 1 << 14
_ALIKE = 4
"""Runs of like size that are made into one; also the ratio between sizes."""
_GROWTH = 3
"""A run in memory that is at most this many times as long as the next one is merged with it."""
_LET_GO_BYTES = 1 << 20

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Shelf:
    """Rows of a kind (their number of values; `join_rows.WAITING`) from ``start`` to before ``end`` in event time."""

    width: int
    start: int
    end: int


@dataclass(frozen=True, slots=True, eq=False)
class Settling:
    """Neighbouring runs of a shelf that are being written into one file."""

    shelf: Shelf
    before: tuple[Run, ...]
    after: Future[Run]


@dataclass(frozen=True, slots=True, eq=False)
class Hits:
    """Rows of one run that were asked for: ``asked`` are positions among the questions."""

    shelf: Shelf
    asked: NDArray[np.intp]
    rows: Rows


class JoinIndex:
    """The runs that count, between transactions. Used by one thread at a time, the one that writes the state.

    Parameters
    ----------
    folder
        Where files come to lie; made when the first is written. It belongs to the index alone.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._shelves: dict[Shelf, tuple[Run, ...]] = {}
        self._number = 0
        self._settling: Settling | None = None
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="driftwatch-join")
        self._retry_at = _IN_MEMORY_BYTES

    def load(self, connection: Connection) -> None:
        """Read what counts; remove files that do not.

        Raises
        ------
        StoreError
            If a file that the database counts on is absent or cut short.
        """
        shelves: dict[Shelf, list[Run]] = {}
        files, recent = tables.join_run, tables.join_recent
        known = set()
        for row in connection.execute(select(files).order_by(files.c.last_number)):
            path = self._folder / row.name
            known.add(row.name)
            try:
                run = Run.opened(path, row.width, rows=row.rows, capacity=row.capacity, last_number=row.last_number)
            except (OSError, ValueError) as error:
                raise StoreError(
                    f"The state's file {path} cannot be read: {error}. Restore the whole data folder from a backup."
                ) from error
            shelves.setdefault(Shelf(row.width, row.start, row.end), []).append(run)
        in_memory: dict[Shelf, list[Run]] = {}
        for row in connection.execute(select(recent).order_by(recent.c.number)):
            run = Run.from_bytes(row.rows, row.width, number=row.number)
            in_memory.setdefault(Shelf(row.width, row.start, row.end), []).append(run)
        for shelf, runs in in_memory.items():
            shelves.setdefault(shelf, []).append(united(runs))
        self._shelves = {shelf: tuple(runs) for shelf, runs in shelves.items()}
        self._number = max((runs[-1].last_number for runs in self._shelves.values()), default=0)
        if self._folder.exists():
            for path in self._folder.iterdir():
                if path.name not in known:
                    path.unlink()

    def change(self, connection: Connection) -> JoinChange:
        """What a transaction sees and changes. Hand it to `kept` after the commit, or drop it."""
        return JoinChange(connection, self._shelves, self._number, self._settling)

    def kept(self, change: JoinChange) -> None:
        """After the commit: take over what the transaction wrote."""
        self._shelves = {shelf: tuple(runs) for shelf, runs in change.shelves.items() if runs}
        self._number = change.number
        if change.settled is not None:
            reached("join.file_counted")
        for path in change.retired:
            # What cannot be removed now is removed at the next opening.
            with suppress(OSError):
                path.unlink()
        if change.settled is not None:
            self._settling = None
            problem = change.settled.after.exception()
            self._retry_at = _IN_MEMORY_BYTES
            if problem is not None:
                _log.warning("Rows could not be written to %s, and stay in the database: %s", self._folder, problem)
                self._retry_at = 2 * self._in_memory_bytes()
        if self._settling is None:
            self._settle()
        elif self._in_memory_bytes() > _MOST_IN_MEMORY * self._retry_at:
            wait([self._settling.after])

    def close(self) -> None:
        """Wait for a file that is being written. What does not count yet is written again after the next opening."""
        self._worker.shutdown(wait=True)

    def _in_memory_bytes(self) -> int:
        return sum(run.size_bytes for runs in self._shelves.values() for run in runs if run.path is None)

    def _settle(self) -> None:
        """Begin to write a file, where one is due: the largest shelf's rows in memory, or files that are alike."""
        found = self._crowded()
        if found is None and self._in_memory_bytes() >= self._retry_at:
            sizes = {shelf: sum(run.size_bytes for run in _in_memory(runs)) for shelf, runs in self._shelves.items()}
            shelf = max(sizes, key=sizes.__getitem__)
            found = shelf, _in_memory(self._shelves[shelf])
        if found is not None:
            shelf, runs = found
            kind = "labels" if shelf.width == WAITING else "predictions"
            path = self._folder / f"{kind}-{shelf.start}-{secrets.token_hex(8)}.rows"
            self._settling = Settling(shelf, runs, self._worker.submit(written, runs, path, shelf.width))

    def _crowded(self) -> tuple[Shelf, tuple[Run, ...]] | None:
        """The newest files of a shelf of which enough are of one size or less."""
        for shelf, runs in self._shelves.items():
            files = [run for run in runs if run.path is not None]
            for size in range(_size_class(max(files, key=len)) + 1) if files else ():
                alike = 0
                while alike < len(files) and _size_class(files[-1 - alike]) <= size:
                    alike += 1
                if alike >= _ALIKE:
                    return shelf, tuple(files[-alike:])
        return None


class JoinChange:
    """The runs as one transaction sees them, with what it adds. Made by `JoinIndex.change`.

    Attributes
    ----------
    shelves
        The runs of each, oldest first.
    number
        The last row of the table of recent rows.
    retired
        Files that count no longer when the transaction is kept.
    settled
        What the thread had finished when the transaction began.
    """

    def __init__(
        self,
        connection: Connection,
        shelves: dict[Shelf, tuple[Run, ...]],
        number: int,
        settling: Settling | None,
    ) -> None:
        self.shelves = {shelf: list(runs) for shelf, runs in shelves.items()}
        self.number = number
        self.retired: list[Path] = []
        self.settled = settling if settling is not None and settling.after.done() else None
        self._connection = connection
        self._busy = settling.before if settling is not None and self.settled is None else ()
        if self.settled is not None and self.settled.after.exception() is None:
            self._take_over(self.settled, self.settled.after.result())

    def add(self, shelf: Shelf, high: NDArray[np.uint64], rows: Rows) -> None:
        """Write rows down; of an id that the shelf has already, these are what is known from now on."""
        self.number += 1
        run = Run.of(high, rows, number=self.number)
        self._connection.execute(
            insert(tables.join_recent),
            {
                "number": self.number,
                "width": shelf.width,
                "start": shelf.start,
                "end": shelf.end,
                "rows": run.to_bytes(),
            },
        )
        reached("join.rows_written")
        _append(self.shelves.setdefault(shelf, []), run, self._busy)

    def search(self, hashes: Hashes, *, waiting: bool, after: int) -> list[Hits]:
        """The newest row of each id in shelves that end after ``after``: an id is looked for until it is found.

        Parameters
        ----------
        hashes
            Sorted by their first halves.
        waiting
            Look among labels that wait, where rows that are gone do not count as found; else among predictions.
        after
            In microseconds since 1970.
        """
        hits: list[Hits] = []
        left = np.arange(len(hashes))
        for shelf, runs in sorted(self.shelves.items(), key=lambda one: one[0].start, reverse=True):
            if (shelf.width == WAITING) is not waiting or shelf.end <= after:
                continue
            gone = []
            for run in reversed(runs):
                if not len(left):
                    break
                known, positions = run.find(hashes[left])
                if len(known):
                    rows = run.take(positions)
                    asked = left[known]
                    left = np.delete(left, known)
                    if waiting and not (live := rows["state"] != GONE).all():
                        gone.append(asked[~live])
                        asked, rows = asked[live], chosen(rows, live)
                    hits.append(Hits(shelf, asked, rows))
                if run.size_bytes >= _LET_GO_BYTES:
                    run.let_go()
            if gone:
                # An older row of the same shelf does not count, one of another shelf does.
                left = np.sort(np.concatenate([left, *gone]))
        return hits

    def drop(self, shelves: Sequence[Shelf]) -> None:
        """Forget everything in these shelves."""
        for shelf in shelves:
            runs = self.shelves.pop(shelf, [])
            self.retired += [run.path for run in runs if run.path is not None]
            for table in (tables.join_recent, tables.join_run):
                self._connection.execute(
                    delete(table).where(
                        table.c.width == shelf.width, table.c.start == shelf.start, table.c.end == shelf.end
                    )
                )

    def _take_over(self, settled: Settling, run: Run) -> None:
        """Count a file from now on, unless its shelf was dropped in the meantime."""
        runs = self.shelves.get(settled.shelf, [])
        if settled.before[0] not in runs or run.path is None:
            self.retired += [run.path] if run.path is not None else []
            return
        position = runs.index(settled.before[0])
        runs[position : position + len(settled.before)] = [run]
        recent, files = tables.join_recent, tables.join_run
        for numbers in _in_steps([number for one in settled.before for number in one.numbers]):
            self._connection.execute(delete(recent).where(recent.c.number.in_(numbers)))
        for one in settled.before:
            if one.path is not None:
                self._connection.execute(delete(files).where(files.c.name == one.path.name))
                self.retired.append(one.path)
        self._connection.execute(
            insert(files),
            {
                "name": run.path.name,
                "width": settled.shelf.width,
                "start": settled.shelf.start,
                "end": settled.shelf.end,
                "last_number": run.last_number,
                "rows": len(run),
                "capacity": run.capacity,
            },
        )


def _append(runs: list[Run], run: Run, busy: Sequence[Run]) -> None:
    """Put a run at the end of a shelf. Runs in memory that are not much longer join it: there are never many."""
    while runs and (last := runs[-1]).path is None and last not in busy and len(last) <= _GROWTH * len(run):
        run = merged(runs.pop(), run)
    runs.append(run)


def _in_memory(runs: Sequence[Run]) -> tuple[Run, ...]:
    return tuple(run for run in runs if run.path is None)


def _size_class(run: Run) -> int:
    return (len(run) // _SMALLEST_CLASS).bit_length() // (_ALIKE.bit_length() - 1)


def _in_steps(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(numbers), 500):
        yield numbers[start : start + 500]
