"""What files of sorted hashes have in common: they are read in place, and merged part by part.

A process does not grow with what lies on the disk: pages that were read are let go, and merging goes over the space of
hashes in parts, so that it needs little memory however long the runs are.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

PART_ROWS = 1 << 17
"""About how many rows a part of the space of hashes holds."""

_SPACE = 1 << 64


def mapped(path: Path, size_bytes: int) -> mmap.mmap:
    """A file to read in place.

    Raises
    ------
    OSError, ValueError
        If it is absent or not of the size that it should have.
    """
    with path.open("rb") as file:
        if path.stat().st_size != size_bytes:
            raise ValueError(f"{path.name} has {path.stat().st_size} bytes and should have {size_bytes}")
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def let_go(file: mmap.mmap) -> None:
    """Keep no page of a file in this process's memory; the system may keep it in its own."""
    if hasattr(mmap, "MADV_DONTNEED"):
        # Advice that a system does not know is no loss.
        with suppress(OSError):
            file.madvise(mmap.MADV_DONTNEED)


def parts(runs: Sequence[NDArray[np.uint64]]) -> Iterator[list[slice]]:
    """Cut ascending first halves of hashes at the same places: part by part, which rows of each run are in it.

    Hashes are spread evenly, so parts are of about the same size; equal ones are in the same part.

    Examples
    --------
    >>> import numpy as np
    >>> list(parts([np.array([1, 2**63], dtype=np.uint64), np.array([5], dtype=np.uint64)]))
    [[slice(0, 2, None), slice(0, 1, None)]]
    """
    n_parts = max(1, -(-sum(map(len, runs)) // PART_ROWS))
    edges = np.array([part * _SPACE // n_parts for part in range(1, n_parts)], dtype=np.uint64)
    bounds = [[0, *np.searchsorted(run, edges).tolist(), len(run)] for run in runs]
    for part in range(n_parts):
        yield [slice(bound[part], bound[part + 1]) for bound in bounds]
