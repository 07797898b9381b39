"""The compiled loops over sorted hashes: put in order, looked up, merged.

A hash is two halves of 64 bits, and whole hashes are spread evenly: that tells where in a run one lies, but for the
square root of how far it is from what was looked at last. A few guesses, each from where the one before led, come as
near as a glance of one or two lines of the cache reaches. Where hashes are not spread evenly the guesses are wrong, and
doubling steps and halving find the place in twice the logarithm of the run's length.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numpy.typing import NDArray

from driftwatch.core.kernels import Integers, compiled

Halves = NDArray[np.uint64]

_BLOCK = 128
"""So many guesses are made at a time: none waits for what the one before it reads from memory."""
_GLANCE = 16
_NEAR = 4.0
"""A guess that is off by this on average is left at that: the glance reaches twice as far to both sides."""
_MOST_IN_A_BUCKET = 32
_PER_PLACE = 2.0**-64

_u8 = types.Array(types.uint64, 1, "C")
_u8_read = types.Array(types.uint64, 1, "C", readonly=True)
_u8_rows = types.Array(types.uint64, 2, "C")
_u8_rows_read = types.Array(types.uint64, 2, "C", readonly=True)
_i8 = types.Array(types.int64, 1, "C")
_b1 = types.Array(types.boolean, 1, "C")


@compiled(types.boolean, _u8_rows_read, _i8, _u8_rows)
def put_in_order(hashes: Halves, order: Integers, ranked: Halves) -> bool:
    """Sort hashes by both halves; equal ones stay in their order.

    Parameters
    ----------
    hashes
        Shape ``(n, 2)``.
    order
        Takes, for each place, the position of what belongs there.
    ranked
        Takes the sorted hashes.

    Returns
    -------
    bool
        False if too many hashes have the same leading bits to be sorted this way; nothing is sorted then.
    """
    n = len(hashes)
    leading = 1
    while (1 << leading) < n:
        leading += 1
    shift = np.uint64(64 - leading)
    ends = np.zeros((1 << leading) + 1, dtype=np.int64)
    for i in range(n):
        ends[np.int64(hashes[i, 0] >> shift) + 1] += 1
    for bucket in range(1, ends.size):
        if ends[bucket] > _MOST_IN_A_BUCKET:
            return False
        ends[bucket] += ends[bucket - 1]
    for i in range(n):
        into = np.int64(hashes[i, 0] >> shift)
        order[ends[into]] = i
        ends[into] += 1
    for i in range(n):
        row = order[i]
        high, low = hashes[row, 0], hashes[row, 1]
        at = i
        while at > 0 and (ranked[at - 1, 0] > high or (ranked[at - 1, 0] == high and ranked[at - 1, 1] > low)):
            ranked[at, 0], ranked[at, 1], order[at] = ranked[at - 1, 0], ranked[at - 1, 1], order[at - 1]
            at -= 1
        ranked[at, 0], ranked[at, 1], order[at] = high, low, row
    return True


@compiled(types.int64, _u8_read, types.uint64, types.int64)
def _first_from(high: Halves, value: Any, guess: int) -> int:
    """The place of the first of ascending values that is not below ``value``, looked for about a guess."""
    n = high.size
    lower, upper = 0, n
    if n >= _GLANCE:
        start = min(max(guess - _GLANCE // 2, 0), n - _GLANCE)
        below = 0
        # Without branches: where in the glance it lies nobody foresees.
        for at in range(_GLANCE):
            below += int(high[start + at] < value)
        step = _GLANCE
        if below == _GLANCE:
            lower = start + _GLANCE
            while lower + step <= n and high[lower + step - 1] < value:
                lower += step
                step *= 2
            upper = min(lower + step, n)
        elif below == 0:
            upper = start
            while upper - step >= 0 and high[upper - step] >= value:
                upper -= step
                step *= 2
            lower = max(upper - step, 0)
        else:
            return start + below
    while lower < upper:
        middle = (lower + upper) >> 1
        if high[middle] < value:
            lower = middle + 1
        else:
            upper = middle
    return lower


@compiled(types.void, _u8_read, _u8_rows_read, _i8)
def _guess(high: Halves, asked: Halves, guesses: Integers) -> None:
    """Where each of a few hashes should lie in a run that is not empty."""
    last = np.int64(high.size - 1)
    each = high.size * _PER_PLACE
    for i in range(len(asked)):
        guesses[i] = min(np.int64(np.float64(asked[i, 0]) * each), last)
    off = 0.5 * np.sqrt(high.size)
    while off > _NEAR:
        for i in range(len(asked)):
            step = np.int64(np.float64(np.int64(asked[i, 0] - high[guesses[i]])) * each)
            guesses[i] = min(max(guesses[i] + step, np.int64(0)), last)
        off = np.sqrt(off)


@compiled(types.int64, _u8_read, _u8_rows_read, _i8)
def places_of(high: Halves, asked: Halves, places: Integers) -> int:
    """Write where the first halves of hashes first are in a run, ``-1`` where they are not; answers how many are.

    Parameters
    ----------
    high
        Ascending.
    asked
        Hashes, shape ``(n, 2)``. In any order; sorted ones are looked up faster.
    places
        Takes the places.
    """
    places[:] = -1
    if high.size == 0:
        return 0
    found = 0
    guesses = np.empty(_BLOCK, dtype=np.int64)
    for start in range(0, len(asked), _BLOCK):
        block = asked[start : start + _BLOCK]
        _guess(high, block, guesses)
        for i in range(len(block)):
            at = _first_from(high, block[i, 0], guesses[i])
            if at < high.size and high[at] == block[i, 0]:
                places[start + i] = at
                found += 1
    return found


@compiled(types.void, _u8_read, _u8_read, _u8_rows_read, _b1)
def strike_known(high: Halves, low: Halves, asked: Halves, fresh: NDArray[np.bool_]) -> None:
    """Write False for hashes that are in a run.

    Parameters
    ----------
    high, low
        Halves of the run's hashes; the first ascend.
    asked
        Hashes, shape ``(n, 2)``. In any order; sorted ones are looked up faster.
    fresh
        Is written to; what is not in the run stays as it is.
    """
    if high.size == 0:
        return
    guesses = np.empty(_BLOCK, dtype=np.int64)
    for start in range(0, len(asked), _BLOCK):
        block = asked[start : start + _BLOCK]
        _guess(high, block, guesses)
        for i in range(len(block)):
            at = _first_from(high, block[i, 0], guesses[i])
            # Two hashes may share their first half: then the answer may be one further on.
            while at < high.size and high[at] == block[i, 0]:
                if low[at] == block[i, 1]:
                    fresh[start + i] = False
                    break
                at += 1


@compiled(types.void, _u8_rows_read, _b1)
def strike_repeated(ranked: Halves, fresh: NDArray[np.bool_]) -> None:
    """Write False for each of sorted hashes that is the same as the one before it."""
    for i in range(1, len(ranked)):
        if ranked[i, 0] == ranked[i - 1, 0] and ranked[i, 1] == ranked[i - 1, 1]:
            fresh[i] = False
