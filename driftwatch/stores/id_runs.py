"""Sorted runs of id hashes: how the spool knows an id again without holding all of them in memory.

A run is two arrays of equal length, the halves of the hashes, sorted by the first. Small runs are in memory; large
ones are files, mapped, so that the operating system keeps in memory what is used. Runs never change: merging makes
a new one. Looking up costs a binary search a run, which does not slow down as a B-tree's random writes do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from driftwatch.crash_points import reached
from driftwatch.stores.disk import appearing_whole
from driftwatch.stores.id_hash import Hashes

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
    path
        The file, where it is one.
    """

    high: NDArray[np.uint64]
    low: NDArray[np.uint64]
    stretch: int
    newest: int
    last_number: int = 0
    path: Path | None = None

    def __len__(self) -> int:
        return len(self.high)

    @classmethod
    def of(cls, hashes: Hashes, *, stretch: int, newest: int, last_number: int) -> Run:
        """A run in memory of hashes in any order."""
        order = np.argsort(hashes[:, 0], kind="stable")
        return cls(high=hashes[order, 0], low=hashes[order, 1], stretch=stretch, newest=newest, last_number=last_number)

    @classmethod
    def opened(cls, path: Path, *, stretch: int, newest: int, ids: int) -> Run:
        """A run that lies in a file.

        Raises
        ------
        OSError, ValueError
            If the file is absent or not of the size that ``ids`` says.
        """
        if path.stat().st_size != ids * _BYTES_A_HASH:
            raise ValueError(f"{path.name} has not the {ids} ids that it should have")
        halves = np.memmap(path, dtype="<u8", mode="r", shape=(2, ids))
        return cls(high=halves[0], low=halves[1], stretch=stretch, newest=newest, path=path)

    def contains(self, high: NDArray[np.uint64], low: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """For each hash, whether it is in the run. Sorted questions are answered faster."""
        found = np.zeros(len(high), dtype=np.bool_)
        position = np.searchsorted(self.high, high)
        asked = np.flatnonzero(position < len(self))
        asked = asked[self.high[position[asked]] == high[asked]]
        while len(asked):
            same = self.low[position[asked]] == low[asked]
            found[asked[same]] = True
            # Two hashes may share their first half: then the answer may be one further on.
            asked = asked[~same]
            position[asked] += 1
            asked = asked[position[asked] < len(self)]
            asked = asked[self.high[position[asked]] == high[asked]]
        return found


def merged(runs: Sequence[Run]) -> Run:
    """Runs of one stretch as a single one in memory."""
    high = np.concatenate([run.high for run in runs])
    low = np.concatenate([run.low for run in runs])
    order = np.argsort(high, kind="stable")
    return Run(
        high=high[order],
        low=low[order],
        stretch=runs[0].stretch,
        newest=max(run.newest for run in runs),
        last_number=max(run.last_number for run in runs),
    )


def written(runs: Sequence[Run], path: Path) -> Run:
    """Runs of one stretch as a single one in a file, which is there when this returns.

    Raises
    ------
    OSError
        As the disk says; then there is no file.
    """
    run = merged(runs)
    with appearing_whole(path) as temporary, temporary.open("wb") as file:
        file.write(np.ascontiguousarray(run.high, dtype="<u8").data)
        file.write(np.ascontiguousarray(run.low, dtype="<u8").data)
    reached("ids.file_written")
    return Run.opened(path, stretch=run.stretch, newest=run.newest, ids=len(run))


def fresh(hashes: Hashes, runs: Sequence[Run]) -> NDArray[np.bool_]:
    """For each hash, whether it is its first appearance: neither earlier in ``hashes`` nor in any run."""
    order = np.argsort(hashes[:, 0], kind="stable")
    high, low = hashes[order, 0], hashes[order, 1]
    first = np.ones(len(order), dtype=np.bool_)
    first[1:] = (high[1:] != high[:-1]) | (low[1:] != low[:-1])
    for run in runs:
        first &= ~run.contains(high, low)
    answer = np.empty(len(order), dtype=np.bool_)
    answer[order] = first
    return answer
