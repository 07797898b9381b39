"""Hashes in order: how the spool's runs of ids and the join's runs of rows sort them, look them up and merge them.

The loops are compiled, and give way to other threads. They are loaded when many hashes come at once; see `id_hash.FEW`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from driftwatch.stores.id_hash import FEW, Hashes

_FEW_MERGED = 32 * FEW
"""What came few at a time is merged without compiled loops, too, until it is many times as much."""

Halves = NDArray[np.uint64]
Positions = NDArray[np.intp]


def ranked(hashes: Hashes) -> tuple[Positions, Hashes]:
    """Hashes sorted by both halves, equal ones as they came: their positions, and the hashes themselves.

    Examples
    --------
    >>> order, inorder = ranked(np.array([[7, 2], [3, 9], [7, 1]], dtype=np.uint64))
    >>> order.tolist(), inorder.tolist()
    ([1, 2, 0], [[3, 9], [7, 1], [7, 2]])
    """
    if len(hashes) > FEW:
        from driftwatch.core.sorted_kernels import put_in_order

        places, found = np.empty(len(hashes), dtype=np.int64), np.empty((len(hashes), 2), dtype=np.uint64)
        if put_in_order(np.ascontiguousarray(hashes), places, found):
            return places.astype(np.intp, copy=False), found
    order = np.lexsort((hashes[:, 1], hashes[:, 0]))
    return order, hashes[order]


def first_of_each(inorder: Hashes) -> NDArray[np.bool_]:
    """For each of sorted hashes, whether it is not the same as the one before it."""
    first = np.ones(len(inorder), dtype=np.bool_)
    high, low = inorder[:, 0], inorder[:, 1]
    first[1:] = (high[1:] != high[:-1]) | (low[1:] != low[:-1])
    return first


def found(high: Halves, lows: Callable[[Positions], Halves], hashes: Hashes) -> tuple[Positions, Positions]:
    """Which of the hashes are in a run, ascending, and where. Sorted questions are answered faster.

    Parameters
    ----------
    high
        The first halves of the run's hashes, ascending.
    lows
        Answers the second halves at some positions.
    hashes
        What is asked for.

    Examples
    --------
    >>> high, low = np.array([3, 7, 7], dtype=np.uint64), np.array([5, 1, 2], dtype=np.uint64)
    >>> asked, where = found(high, low.__getitem__, np.array([[3, 0], [7, 2]], dtype=np.uint64))
    >>> asked.tolist(), where.tolist()
    ([1], [2])
    """
    asked, position = _alike(high, hashes)
    known, where = [asked[:0]], [position[:0]]
    while len(asked):
        same = lows(position) == hashes[asked, 1]
        known.append(asked[same])
        where.append(position[same])
        # Two hashes may share their first half: then the answer may be one further on.
        asked, position = asked[~same], position[~same] + 1
        asked, position = asked[position < len(high)], position[position < len(high)]
        alike = high[position] == hashes[asked, 0]
        asked, position = asked[alike], position[alike]
    if len(known) <= 2:
        return known[-1], where[-1]
    order = np.argsort(np.concatenate(known))
    return np.concatenate(known)[order], np.concatenate(where)[order]


def merged(older: tuple[Halves, Halves], newer: tuple[Halves, Halves]) -> tuple[Halves, Halves]:
    """Both halves of two runs as one, sorted by the first ones as they are."""
    n_hashes = len(older[0]) + len(newer[0])
    if n_hashes <= _FEW_MERGED:
        order = np.argsort(np.concatenate([older[0], newer[0]]), kind="stable")
        return np.concatenate([older[0], newer[0]])[order], np.concatenate([older[1], newer[1]])[order]
    from driftwatch.core.sorted_kernels import merge_halves

    high, low = np.empty((2, n_hashes), dtype=np.uint64)
    merge_halves(*older, *newer, high, low)
    return high, low


def _alike(high: Halves, hashes: Hashes) -> tuple[Positions, Positions]:
    """Which of the hashes have a first half that is in the run, and where it is first."""
    if len(hashes) > FEW:
        from driftwatch.core.sorted_kernels import places_of

        places = np.empty(len(hashes), dtype=np.int64)
        n_found = places_of(high, np.ascontiguousarray(hashes), places)
        asked = np.flatnonzero(places >= 0) if n_found else np.empty(0, dtype=np.intp)
        return asked, places[asked].astype(np.intp, copy=False)
    position = np.searchsorted(high, hashes[:, 0])
    asked = np.flatnonzero(position < len(high))
    asked = asked[high[position[asked]] == hashes[asked, 0]]
    return asked, position[asked]


__all__ = ["first_of_each", "found", "merged", "ranked"]
