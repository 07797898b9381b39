"""Hashes in order: how the spool's runs of ids and the join's runs of rows sort them and look them up.

The loops are compiled, and give way to other threads. They are loaded when the first hash comes, as those that count
are: a service that nobody sends anything to does without them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from driftwatch.stores.id_hash import Hashes


def ranked(hashes: Hashes) -> tuple[NDArray[np.int64], Hashes]:
    """Hashes sorted by both halves, equal ones as they came: their positions, and the hashes themselves.

    Examples
    --------
    >>> order, inorder = ranked(np.array([[7, 2], [3, 9], [7, 1]], dtype=np.uint64))
    >>> order.tolist(), inorder.tolist()
    ([1, 2, 0], [[3, 9], [7, 1], [7, 2]])
    """
    from driftwatch.core.sorted_kernels import put_in_order

    order, found = np.empty(len(hashes), dtype=np.int64), np.empty((len(hashes), 2), dtype=np.uint64)
    if put_in_order(np.ascontiguousarray(hashes), order, found):
        return order, found
    order = np.lexsort((hashes[:, 1], hashes[:, 0])).astype(np.int64, copy=False)
    return order, hashes[order]


def first_of_each(inorder: Hashes) -> NDArray[np.bool_]:
    """For each of sorted hashes, whether it is not the same as the one before it."""
    from driftwatch.core.sorted_kernels import strike_repeated

    first = np.ones(len(inorder), dtype=np.bool_)
    strike_repeated(inorder, first)
    return first


def places(high: NDArray[np.uint64], hashes: Hashes) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Which of the hashes have a first half that is among ascending ones, and where it is first.

    Examples
    --------
    >>> asked, where = places(np.array([3, 7, 7], dtype=np.uint64), np.array([[5, 0], [7, 0]], dtype=np.uint64))
    >>> asked.tolist(), where.tolist()
    ([1], [1])
    """
    from driftwatch.core.sorted_kernels import places_of

    found = np.empty(len(hashes), dtype=np.int64)
    if not places_of(high, np.ascontiguousarray(hashes), found):
        return np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp)
    asked = np.flatnonzero(found >= 0)
    return asked, found[asked].astype(np.intp, copy=False)


__all__ = ["first_of_each", "places", "ranked"]
