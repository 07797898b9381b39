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
_u1_rows = types.Array(types.uint8, 2, "C")
_u1_rows_read = types.Array(types.uint8, 2, "C", readonly=True)


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


@compiled(types.void, _u8_read, _u8_read, _u8_read, _u8_read, _u8, _u8)
def merge_halves(
    older_high: Halves, older_low: Halves, newer_high: Halves, newer_low: Halves, high: Halves, low: Halves
) -> None:
    """Merge two runs of hashes, each sorted by the first halves, into ``high`` and ``low``, which hold all."""
    n_older, n_newer = older_high.size, newer_high.size
    older, newer = 0, 0
    while older < n_older and newer < n_newer:
        is_newer = newer_high[newer] < older_high[older]
        # Selections instead of branches: which of the two is next nobody foresees.
        high[older + newer] = newer_high[newer] if is_newer else older_high[older]
        low[older + newer] = newer_low[newer] if is_newer else older_low[older]
        newer, older = newer + int(is_newer), older + int(not is_newer)
    for at in range(older, n_older):
        high[at + newer], low[at + newer] = older_high[at], older_low[at]
    for at in range(newer, n_newer):
        high[older + at], low[older + at] = newer_high[at], newer_low[at]


@compiled(types.uint64, _u1_rows_read, types.int64)
def _low_of(rows: NDArray[np.uint8], row: int) -> Any:
    low = np.uint64(0)
    for place in range(8):
        low |= np.uint64(rows[row, place]) << np.uint64(8 * place)
    return low


@compiled(types.void, _u1_rows_read, types.int64, _u1_rows, types.int64)
def _copy(rows: NDArray[np.uint8], row: int, found: NDArray[np.uint8], at: int) -> None:
    # The compiler makes it whole; copying a piece of an array would cost three times as much.
    for place in range(found.shape[1]):
        found[at, place] = rows[row, place]


@compiled(types.int64, _u8_read, _u1_rows_read, _u8_read, _u1_rows_read, _u8, _u1_rows)
def merge_rows(
    older_high: Halves,
    older: NDArray[np.uint8],
    newer_high: Halves,
    newer: NDArray[np.uint8],
    high: Halves,
    rows: NDArray[np.uint8],
) -> int:
    """Merge two runs of rows, each sorted by hash and each hash once; of one that both have the newer row stays.

    Parameters
    ----------
    older_high, newer_high
        First halves of the hashes.
    older, newer
        A row's bytes each: the second half of its hash first, little end first.
    high, rows
        Take what is left; they have room for all.

    Returns
    -------
    int
        How many rows are left.
    """
    n_older, n_newer = older_high.size, newer_high.size
    i, j, n = 0, 0, 0
    while i < n_older and j < n_newer:
        is_newer = newer_high[j] < older_high[i]
        if newer_high[j] == older_high[i]:
            low, other = _low_of(newer, j), _low_of(older, i)
            is_newer = low <= other
            i += int(low == other)
        if is_newer:
            high[n] = newer_high[j]
            _copy(newer, j, rows, n)
            j += 1
        else:
            high[n] = older_high[i]
            _copy(older, i, rows, n)
            i += 1
        n += 1
    for at in range(i, n_older):
        high[n] = older_high[at]
        _copy(older, at, rows, n)
        n += 1
    for at in range(j, n_newer):
        high[n] = newer_high[at]
        _copy(newer, at, rows, n)
        n += 1
    return n
