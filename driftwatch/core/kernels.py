"""The loops over values that all counting rests on, compiled: what every value goes through.

Importing it takes a second, so it is imported where the first value is counted. The machine code is kept beside this
file (or in the user's cache folder), so that only the first import ever compiles.

Every loop goes over blocks that stay in a core's first cache, and most are written so that the compiler does four
values at once: no branches, selections instead. Nothing here allows the compiler to reorder floating-point operations:
the results are those of the written formulas, on every processor.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit, types
from numpy.typing import NDArray

from driftwatch.core.sums import (
    FAR_SQUARES,
    FAR_SUM,
    FINE,
    FINE_LOW,
    FINE_ROUNDER,
    FINE_SQUARES,
    FINE_SQUARES_LOW,
    FINE_SQUARES_ROUNDER,
    HIGHEST,
    LARGEST_DEVIATION,
    LOW_BITS,
    LOWEST,
    N_FAR,
    N_FINITE,
    N_SUMS,
    NO_KEY,
    ROUNDER,
    SLOTS,
    SQUARES,
    SQUARES_LOW,
    SQUARES_ROUNDER,
    SUM,
    SUM_LOW,
    WITHOUT_SIGN,
)

_HALF = SLOTS // 2 - 1
BLOCK = 2_048
_ROUNDER_BITS = int(np.float64(ROUNDER).view(np.int64))
_SQUARES_ROUNDER_BITS = int(np.float64(SQUARES_ROUNDER).view(np.int64))
_FINE_ROUNDER_BITS = int(np.float64(FINE_ROUNDER).view(np.int64))
_FINE_SQUARES_ROUNDER_BITS = int(np.float64(FINE_SQUARES_ROUNDER).view(np.int64))
LARGEST = float(np.finfo(np.float64).max)
_LOW_32 = 0xFFFFFFFF
_FRACTION = (1 << 52) - 1
_LOW_PART = (1 << LOW_BITS) - 1

F = TypeVar("F", bound=Callable[..., Any])
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Index = tuple[float, float, NDArray[np.uint16], NDArray[np.int32], Floats, Floats, Floats, int]

_f8_read = types.Array(types.float64, 1, "C", readonly=True)
_i8 = types.Array(types.int64, 1, "C")
_i4 = types.Array(types.int32, 1, "C")
_i4_read = types.Array(types.int32, 1, "C", readonly=True)
_u4_read = types.Array(types.uint32, 1, "C", readonly=True)
_u2_read = types.Array(types.uint16, 1, "C", readonly=True)
_index = cast(Any, types).Tuple(
    (types.float64, types.float64, _u2_read, _i4_read, _f8_read, _f8_read, _f8_read, types.int64)
)
_steps = cast(Any, types).UniTuple(types.float64, 3)


def compiled(result: Any, *arguments: Any) -> Callable[[F], F]:
    """Compile for these types alone, so that no call ever waits for a compiler; other threads run meanwhile."""

    def of_function(function: F) -> F:
        signature = result(*arguments)
        try:
            return cast(F, njit(signature, cache=True, nogil=True, error_model="numpy")(function))
        except (RuntimeError, OSError):
            # There is no folder to keep the machine code in, or none to write to: it is made again in each process.
            return cast(F, njit(signature, nogil=True, error_model="numpy")(function))

    return of_function


@compiled(types.void, _f8_read, types.float64, types.float64, _i4)
def slots_of_block(block: Floats, middle: float, factor: float, slots: NDArray[np.int32]) -> None:
    """Write each value's slot: see `driftwatch.core.slots`."""
    for i in range(block.size):
        y = (block[i] - middle) * factor
        t = _HALF / (1.0 + abs(y))
        # Of what is no number, nothing is greater: it comes out far above.
        k = np.int32(t + 0.5) if t > 0.0 else np.int32(0)
        slots[i] = k if y < 0.0 else np.int32(SLOTS) - k


@compiled(types.void, _f8_read, types.float64, types.float64, _i4)
def slots_of(values: Floats, middle: float, factor: float, slots: NDArray[np.int32]) -> None:
    """Each value's slot, from 0 to ``SLOTS``, ascending with the values; ``nan`` gives ``SLOTS``."""
    for start in range(0, values.size, BLOCK):
        block = values[start : start + BLOCK]
        slots_of_block(block, middle, factor, slots[start : start + BLOCK])


@compiled(types.uint64, types.uint32, types.float64, _index)
def _cell_of(slot: Any, value: float, index: Index) -> Any:
    """The cell of a value; missing and non-finite values follow the last one."""
    _, _, cells, low, first, second, edges, n_deep = index
    cell: Any = np.uint64(cells[slot])
    n_whole = np.uint64(edges.size + 3)
    if cell < n_whole:
        return cell
    cut = cell - n_whole
    if cut >= np.uint64(n_deep):
        return np.uint64(low[cut]) + np.uint64(value > first[cut]) + np.uint64(value > second[cut])
    if not abs(value) <= LARGEST:
        return np.uint64(edges.size + 1) if np.isnan(value) else np.uint64(edges.size + 2)
    lower, upper = 0, edges.size
    while lower < upper:
        at = (lower + upper) >> 1
        if edges[at] < value:
            lower = at + 1
        else:
            upper = at
    return np.uint64(lower)


@compiled(types.void, _f8_read, _index, _i4)
def codes_of(values: Floats, index: Index, codes: NDArray[np.int32]) -> None:
    """Each value's cell; missing and non-finite values follow the last one."""
    slots = np.empty(BLOCK, dtype=np.int32)
    for start in range(0, values.size, BLOCK):
        block = values[start : start + BLOCK]
        slots_of_block(block, index[0], index[1], slots)
        for i in range(block.size):
            codes[start + i] = _cell_of(np.uint32(slots[i]), block[i], index)


@compiled(types.void, _i4_read, _i8)
def names_counted(codes: NDArray[np.int32], counts: Integers) -> None:
    """Add each code to its count, and missing ones (``-1``) to the last: in four counters in turns, as below."""
    n = np.uint64(counts.size)
    turns = np.zeros((4, counts.size), dtype=np.int64)
    for i in range(codes.size):
        # As a number without sign -1 is above every code.
        turns[i & 3, min(np.uint64(np.uint32(codes[i])), n - np.uint64(1))] += 1
    for code in range(counts.size):
        counts[code] += turns[0, code] + turns[1, code] + turns[2, code] + turns[3, code]


@compiled(types.void, types.float64, _i8)
def _add_exactly(value: float, limbs: Integers) -> None:
    """Add a finite number to a sum in digits of 32 bits, the first in units of ``2**-1074``."""
    bits: Any = np.float64(value).view(np.int64)
    exponent = (bits >> 52) & 0x7FF
    fraction = bits & _FRACTION
    shift = 0
    if exponent > 0:
        fraction |= 1 << 52
        shift = exponent - 1
    at, by = shift >> 5, shift & 31
    lower, upper = (fraction & _LOW_32) << by, (fraction >> 32) << by
    sign = -1 if bits < 0 else 1
    limbs[at] += sign * (lower & _LOW_32)
    limbs[at + 1] += sign * ((lower >> 32) + (upper & _LOW_32))
    limbs[at + 2] += sign * (upper >> 32)


@compiled(types.void, _f8_read, types.float64, _i8)
def add_exactly(values: Floats, largest: float, limbs: Integers) -> None:
    """Add finite numbers to a sum in digits of 32 bits; beyond ``largest`` they count as that."""
    for i in range(values.size):
        _add_exactly(min(max(values[i], -largest), largest), limbs)


@compiled(types.void, _f8_read, _steps, _i8)
def _add_up(block: Floats, steps: tuple[float, float, float], sums: Integers) -> None:
    centre, inverse, limit = steps
    total, squares, fine, fine_squares = np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    n_near, n_finite = np.int64(0), np.int64(0)
    for i in range(block.size):
        deviation = (block[i] - centre) * inverse
        is_near = abs(deviation) <= limit
        deviation = deviation if is_near else 0.0
        square = deviation * deviation
        n_near += np.int64(is_near)
        on_grid, square_on_grid = deviation + ROUNDER, square + SQUARES_ROUNDER
        total += np.float64(on_grid).view(np.int64) - _ROUNDER_BITS
        squares += np.float64(square_on_grid).view(np.int64) - _SQUARES_ROUNDER_BITS
        # Both differences are exact.
        left, square_left = deviation - (on_grid - ROUNDER), square - (square_on_grid - SQUARES_ROUNDER)
        fine += np.float64(left + FINE_ROUNDER).view(np.int64) - _FINE_ROUNDER_BITS
        fine_squares += np.float64(square_left + FINE_SQUARES_ROUNDER).view(np.int64) - _FINE_SQUARES_ROUNDER_BITS
    sums[SUM] += total >> LOW_BITS
    sums[SUM_LOW] += total & _LOW_PART
    sums[FINE] += fine >> LOW_BITS
    sums[FINE_LOW] += fine & _LOW_PART
    sums[SQUARES] += squares >> LOW_BITS
    sums[SQUARES_LOW] += squares & _LOW_PART
    sums[FINE_SQUARES] += fine_squares >> LOW_BITS
    sums[FINE_SQUARES_LOW] += fine_squares & _LOW_PART
    lowest, highest = np.int64(NO_KEY), np.int64(-NO_KEY)
    for i in range(block.size):
        is_finite = abs(block[i]) <= LARGEST
        n_finite += np.int64(is_finite)
        # As whole numbers floats keep their order, once those below zero are turned around; 0.0 is added to -0.0.
        bits = np.float64(block[i] + 0.0).view(np.int64)
        key = bits ^ ((bits >> 63) & WITHOUT_SIGN)
        lowest = min(lowest, key if is_finite else np.int64(NO_KEY))
        highest = max(highest, key if is_finite else np.int64(-NO_KEY))
    sums[LOWEST] = min(sums[LOWEST], lowest)
    sums[HIGHEST] = max(sums[HIGHEST], highest)
    sums[N_FINITE] += n_finite
    if n_near == n_finite:
        return
    far, far_squares = sums[FAR_SUM:FAR_SQUARES], sums[FAR_SQUARES:N_SUMS]
    for i in range(block.size):
        deviation = (block[i] - centre) * inverse
        if not abs(deviation) <= limit and abs(block[i]) <= LARGEST:
            deviation = min(max(deviation, -LARGEST_DEVIATION), LARGEST_DEVIATION)
            sums[N_FAR] += 1
            _add_exactly(deviation, far)
            _add_exactly(deviation * deviation, far_squares)


@compiled(types.void, _f8_read, _steps, _i8)
def added_up(values: Floats, steps: tuple[float, float, float], sums: Integers) -> None:
    """Add the moments of all finite values to ``sums`` (length ``N_SUMS``)."""
    for start in range(0, values.size, BLOCK):
        _add_up(values[start : start + BLOCK], steps, sums)


@compiled(types.void, _f8_read, _u4_read, _index, _i8, _i8)
def _count(block: Floats, slots: NDArray[np.uint32], index: Index, evens: Integers, odds: Integers) -> None:
    """Count over cells; two counters each, in turns: adding to the one that was just added to would wait for it."""
    for i in range(0, block.size - 1, 2):
        one, other = _cell_of(slots[i], block[i], index), _cell_of(slots[i + 1], block[i + 1], index)
        evens[one] += 1
        odds[other] += 1
    if block.size & 1:
        evens[_cell_of(slots[block.size - 1], block[block.size - 1], index)] += 1


@compiled(types.void, _f8_read, _index, _steps, _i8, _i8, _i8)
def profiled(
    values: Floats,
    index: Index,
    steps: tuple[float, float, float],
    counts: Integers,
    sums: Integers,
    by_slot: Integers,
) -> None:
    """Count values over cells, add up their moments, and count them over slots, in one pass.

    Parameters
    ----------
    values
        Any.
    index
        Of the cells: see `driftwatch.core.slots.CellIndex`.
    steps
        Of the moments: see `driftwatch.core.moments.Moments`.
    counts
        Takes the counts: over the cells, then of missing and of non-finite values.
    sums
        Is added to; of length 0 where moments are not wanted.
    by_slot
        Takes the counts of finite values over slots; of length 0 where they are not wanted.
    """
    slots = np.empty(BLOCK, dtype=np.int32)
    evens, odds = np.zeros(counts.size, dtype=np.int64), np.zeros(counts.size, dtype=np.int64)
    for start in range(0, values.size, BLOCK):
        block = values[start : start + BLOCK]
        slots_of_block(block, index[0], index[1], slots)
        _count(block, slots.view(np.uint32), index, evens, odds)
        if by_slot.size > 0:
            for i in range(block.size):
                by_slot[np.uint32(slots[i])] += 1
        if sums.size > 0:
            _add_up(block, steps, sums)
    for cell in range(counts.size):
        counts[cell] = evens[cell] + odds[cell]
    if by_slot.size > 0 and counts[-2] + counts[-1] > 0:
        for i in range(values.size):
            if not abs(values[i]) <= LARGEST:
                by_slot[0 if values[i] < 0.0 else SLOTS] -= 1
