"""Rows of the join in sorted runs: how labels find their predictions without a tree that slows down as it grows.

A run is rows sorted by the 128-bit hash of their prediction's id, each hash once. It has two parts: the first halves of
the hashes by themselves, which are searched, and the rows, the second half of their hash first. Small runs are in
memory, large ones are files, mapped. Runs never change: what is learnt later of an id is a row in a newer run, and
merging keeps the newest row of each.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftwatch.crash_points import reached
from driftwatch.stores.disk import appearing_whole
from driftwatch.stores.id_hash import Hashes
from driftwatch.stores.sorted_files import let_go, mapped, parts
from driftwatch.stores.sorted_hashes import found

NO_LABEL, NUMBER, NAME, GONE = range(4)
"""What the field ``state`` says: no label yet, a number, the number of a name; the row counts no longer."""

WAITING = -1
"""The width of rows of labels that wait for their prediction: they have no values."""

_HIGH_BYTES = 8
_READ_AT_ONCE_BYTES = 1 << 25
"""How much of a file is in memory at most while rows are taken out of it."""

Rows = NDArray[np.void]
"""Of a type that `row_type` makes."""


def row_type(width: int) -> np.dtype[np.void]:
    """Fields of a row with so many values: the prediction, and its scores.

    Examples
    --------
    >>> row_type(1).names
    ('low', 'time', 'label', 'version', 'segment', 'state', 'values')
    >>> row_type(1).itemsize
    41
    """
    return np.dtype(
        [
            ("low", "<u8"),
            ("time", "<i8"),
            ("label", "<f8"),
            ("version", "<u4"),
            ("segment", "<i4"),
            ("state", "u1"),
            ("values", "<f8", (max(width, 0),)),
        ]
    )


def chosen(rows: Rows, which: NDArray[np.intp] | NDArray[np.bool_]) -> Rows:
    """Copies of rows by position or mask: whole rows are moved at once, eight times as fast as NumPy moves fields."""
    whole: Rows = rows.view(_whole(rows))[which].view(rows.dtype)
    return whole


def chained(pieces: Sequence[Rows]) -> Rows:
    """Rows of one type, at least one piece, one after another."""
    whole: Rows = np.concatenate([piece.view(_whole(piece)) for piece in pieces]).view(pieces[0].dtype)
    return whole


def _bytes(rows: Rows) -> NDArray[np.uint8]:
    return rows.view(np.uint8).reshape(len(rows), rows.dtype.itemsize)


def _whole(rows: Rows) -> np.dtype[np.void]:
    return np.dtype(("V", rows.dtype.itemsize))


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Run:
    """Rows of ids, each id once.

    Attributes
    ----------
    high
        First halves of the hashes, ascending; where they are equal, the second halves ascend.
    rows
        In the same order.
    last_number
        The last row of the table of recent rows that is in it: runs that hold the same id are told apart by it.
    numbers
        Rows of that table that are in it; none for a file.
    path, mapped
        The file, where it is one.
    capacity
        How many rows the file has room for.
    """

    high: NDArray[np.uint64]
    rows: Rows
    last_number: int
    numbers: tuple[int, ...] = ()
    path: Path | None = None
    mapped: mmap.mmap | None = None
    capacity: int = 0

    def __len__(self) -> int:
        return len(self.high)

    @property
    def size_bytes(self) -> int:
        """What its rows take."""
        return len(self) * (_HIGH_BYTES + self.rows.dtype.itemsize)

    @classmethod
    def of(cls, high: NDArray[np.uint64], rows: Rows, *, number: int) -> Run:
        """A run in memory, of rows in any order, which are its own from now on; the last of an id counts."""
        # What was asked for by hash is in order already.
        in_order = bool((high[1:] > high[:-1]).all())
        whole = {"high": np.ascontiguousarray(high), "rows": rows} if in_order else _united([(high, rows)])
        return cls(**whole, last_number=number, numbers=(number,))

    @classmethod
    def from_bytes(cls, data: bytes, width: int, *, number: int) -> Run:
        """The inverse of `to_bytes`.

        Raises
        ------
        ValueError
            If ``data`` is cut short.
        """
        kind = row_type(width)
        n_rows, rest = divmod(len(data), _HIGH_BYTES + kind.itemsize)
        if rest:
            raise ValueError("rows of the join are cut short")
        high = np.frombuffer(data, dtype="<u8", count=n_rows)
        rows = np.frombuffer(data, dtype=kind, offset=_HIGH_BYTES * n_rows)
        return cls(high=high, rows=rows, last_number=number, numbers=(number,))

    def to_bytes(self) -> bytes:
        """The hashes' first halves, then the rows."""
        return self.high.astype("<u8", copy=False).tobytes() + self.rows.tobytes()

    @classmethod
    def opened(cls, path: Path, width: int, *, rows: int, capacity: int, last_number: int) -> Run:
        """A run that lies in a file.

        Raises
        ------
        OSError, ValueError
            If the file is absent or not of the size that it should have.
        """
        kind = row_type(width)
        start = capacity * _HIGH_BYTES
        file = mapped(path, start + rows * kind.itemsize)
        return cls(
            high=np.frombuffer(file, dtype="<u8", count=rows),
            rows=np.frombuffer(file, dtype=kind, count=rows, offset=start),
            last_number=last_number,
            path=path,
            mapped=file,
            capacity=capacity,
        )

    def find(self, hashes: Hashes) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Which of the hashes are in the run, and where. Questions are sorted."""
        return found(self.high, self._lows, hashes)

    def take(self, positions: NDArray[np.intp]) -> Rows:
        """Copies of rows by ascending position."""
        if not self._is_long:
            return chosen(self.rows, positions)
        return chained([chosen(self.rows, piece) for piece in self._pieces(positions)])

    def let_go(self) -> None:
        """Keep no page of the file in this process's memory; the system may keep it in its own."""
        if self.mapped is not None:
            let_go(self.mapped)

    def _lows(self, positions: NDArray[np.intp]) -> NDArray[np.uint64]:
        if not self._is_long:
            return self.rows["low"][positions]
        return np.concatenate([self.rows["low"][piece] for piece in self._pieces(positions)])

    @property
    def _is_long(self) -> bool:
        return self.mapped is not None and self.size_bytes > _READ_AT_ONCE_BYTES

    def _pieces(self, positions: NDArray[np.intp]) -> Iterator[NDArray[np.intp]]:
        """Positions, which ascend, by the part of the file in which they lie; its pages are let go after each."""
        step = _READ_AT_ONCE_BYTES // self.rows.dtype.itemsize
        bounds = np.searchsorted(positions, np.arange(0, len(self) + step, step))
        for begin, end in pairwise(bounds.tolist()):
            yield positions[begin:end]
            self.let_go()


def merged(older: Run, newer: Run) -> Run:
    """Two runs in memory as one."""
    from driftwatch.core.sorted_kernels import merge_rows

    room = len(older) + len(newer)
    high, rows = np.empty(room, dtype=np.uint64), np.empty(room, dtype=older.rows.dtype)
    n_rows = merge_rows(older.high, _bytes(older.rows), newer.high, _bytes(newer.rows), high, _bytes(rows))
    return Run(
        high=high[:n_rows],
        rows=rows[:n_rows],
        last_number=newer.last_number,
        numbers=older.numbers + newer.numbers,
    )


def united(runs: Sequence[Run]) -> Run:
    """Many runs in memory as one, given oldest first, without compiled loops: a service that comes back may wait."""
    return Run(
        **_united([(run.high, run.rows) for run in runs]),
        last_number=runs[-1].last_number,
        numbers=tuple(number for run in runs for number in run.numbers),
    )


def written(runs: Sequence[Run], path: Path, width: int) -> Run:
    """Runs as one in a file, given oldest first. The file is there, synced, when this returns.

    Raises
    ------
    OSError
        As the disk says; then there is no file.
    """
    capacity = sum(len(run) for run in runs)
    kind = row_type(width)
    start = capacity * _HIGH_BYTES
    n_rows = 0
    with appearing_whole(path) as temporary, temporary.open("wb") as file:
        for part in parts([run.high for run in runs]):
            pieces = [(run.high[rows], run.rows[rows]) for run, rows in zip(runs, part, strict=True)]
            united = _united(pieces)
            file.seek(n_rows * _HIGH_BYTES)
            file.write(united["high"].astype("<u8", copy=False).data)
            file.seek(start + n_rows * kind.itemsize)
            file.write(united["rows"].tobytes())
            n_rows += len(united["high"])
            for run in runs:
                run.let_go()
    reached("join.file_written")
    return Run.opened(path, width, rows=n_rows, capacity=capacity, last_number=runs[-1].last_number)


def _united(pieces: Sequence[tuple[NDArray[np.uint64], Rows]]) -> dict[str, Any]:
    """Rows sorted by hash; of those with the same one the last stays."""
    high = np.concatenate([piece[0] for piece in pieces])
    rows = chained([piece[1] for piece in pieces])
    order = np.argsort(high, kind="stable")
    ranked = high[order]
    same = ranked[1:] == ranked[:-1]
    if same.any():
        low = rows["low"]
        ranked_low = low[order]
        if (same & (ranked_low[1:] != ranked_low[:-1])).any():
            order = np.lexsort((low, high))
            ranked, ranked_low = high[order], low[order]
        last = np.ones(len(order), dtype=np.bool_)
        last[:-1] = (ranked[1:] != ranked[:-1]) | (ranked_low[1:] != ranked_low[:-1])
        order = order[last]
        ranked = high[order]
    return {"high": ranked, "rows": chosen(rows, order)}
