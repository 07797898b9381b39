"""Sorted runs of id hashes: how the spool knows an id again without holding all of them in memory.

A run is two arrays of equal length, the halves of the hashes, sorted by the first. Small runs are in memory; large
ones are files, mapped, so that the operating system keeps in memory what is used. Runs never change: merging makes
a new one. Looking up costs a few guesses a run, which does not slow down as a B-tree's random writes do.
"""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from driftwatch.crash_points import reached
from driftwatch.stores import sorted_hashes
from driftwatch.stores.disk import appearing_whole
from driftwatch.stores.id_hash import Hashes
from driftwatch.stores.sorted_files import let_go, mapped, parts
from driftwatch.stores.sorted_hashes import first_of_each, found, ranked

_BYTES_A_HASH = 16


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Run:
    """Hashes that were taken in a stretch of time.

    Attributes
    ----------
    high, low
        Halves of the hashes, sorted by ``high``.
    stretch
        Which stretch of time they belong to; only runs of the same one merge.
    newest
        The latest time at which one of them was taken, in microseconds since 1970.
    last_number
        The last row of the spool's table of recent ids that is in it; 0 for a file.
    path, mapped
        The file, where it is one.
    """

    high: NDArray[np.uint64]
    low: NDArray[np.uint64]
    stretch: int
    newest: int
    last_number: int = 0
    path: Path | None = None
    mapped: mmap.mmap | None = None

    def __len__(self) -> int:
        return len(self.high)

    @property
    def mapped_bytes(self) -> int:
        """How much of this process's memory its file may come to take; 0 where there is none."""
        return 0 if self.mapped is None else len(self.mapped)

    @classmethod
    def of(cls, hashes: Hashes, *, stretch: int, newest: int, last_number: int) -> Run:
        """A run in memory of hashes in any order."""
        return cls.in_order(ranked(hashes)[1], stretch=stretch, newest=newest, last_number=last_number)

    @classmethod
    def in_order(cls, hashes: Hashes, *, stretch: int, newest: int, last_number: int) -> Run:
        """A run in memory of hashes that are sorted by their first halves."""
        high, low = np.ascontiguousarray(hashes.T)
        return cls(high=high, low=low, stretch=stretch, newest=newest, last_number=last_number)

    @classmethod
    def opened(cls, path: Path, *, stretch: int, newest: int, ids: int) -> Run:
        """A run that lies in a file.

        Raises
        ------
        OSError, ValueError
            If the file is absent or not of the size that ``ids`` says.
        """
        file = mapped(path, ids * _BYTES_A_HASH)
        halves = np.frombuffer(file, dtype="<u8").reshape(2, ids)
        return cls(high=halves[0], low=halves[1], stretch=stretch, newest=newest, path=path, mapped=file)

    def strike_known(self, hashes: Hashes, fresh: NDArray[np.bool_]) -> None:
        """Write False for hashes that are in the run. Sorted questions are answered faster."""
        known, _ = found(self.high, self.low.__getitem__, hashes)
        fresh[known] = False

    def let_go(self) -> None:
        """Keep no page of the file in this process's memory."""
        if self.mapped is not None:
            let_go(self.mapped)


def merged(older: Run, newer: Run) -> Run:
    """Two runs of one stretch as a single one in memory."""
    high, low = sorted_hashes.merged((older.high, older.low), (newer.high, newer.low))
    return Run(
        high=high,
        low=low,
        stretch=older.stretch,
        newest=max(older.newest, newer.newest),
        last_number=max(older.last_number, newer.last_number),
    )


def written(runs: Sequence[Run], path: Path) -> Run:
    """Runs of one stretch as a single one in a file, which is there when this returns.

    Raises
    ------
    OSError
        As the disk says; then there is no file.
    """
    n_ids = sum(len(run) for run in runs)
    done = 0
    with appearing_whole(path) as temporary, temporary.open("wb") as file:
        for part in parts([run.high for run in runs]):
            pieces = [(run.high[rows], run.low[rows]) for run, rows in zip(runs, part, strict=True)]
            high, low = reduce(sorted_hashes.merged, pieces)
            for start, half in ((done, high), (n_ids + done, low)):
                file.seek(start * half.itemsize)
                file.write(half.astype("<u8", copy=False).data)
            done += len(high)
            for run in runs:
                run.let_go()
    reached("ids.file_written")
    return Run.opened(path, stretch=runs[0].stretch, newest=max(run.newest for run in runs), ids=n_ids)


def fresh(hashes: Hashes, runs: Sequence[Run]) -> NDArray[np.bool_]:
    """For each hash, whether it is its first appearance: neither earlier in ``hashes`` nor in any run."""
    order, inorder = ranked(hashes)
    first = first_of_each(inorder)
    for run in runs:
        run.strike_known(inorder, first)
    answer = np.empty(len(order), dtype=np.bool_)
    answer[order] = first
    return answer
