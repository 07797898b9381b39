"""The compiled loops of two samples: where their distribution functions may differ most, and by how much.

They call `slots_of_block` of another file: who changes that one changes this one too, since kept machine code is made
anew when its own file changes.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numba import types
from numpy.typing import NDArray

from driftwatch.core.kernels import BLOCK, LARGEST, Floats, Integers, compiled, slots_of_block

_f8 = types.Array(types.float64, 1, "C")
_f8_read = types.Array(types.float64, 1, "C", readonly=True)
_i8_read = types.Array(types.int64, 1, "C", readonly=True)
_u1 = types.Array(types.uint8, 1, "C")
_u1_read = types.Array(types.uint8, 1, "C", readonly=True)
_pair = cast(Any, types).Tuple((types.float64, types.int64))


@compiled(types.float64, _i8_read, _i8_read, types.int64)
def largest_difference(live: Integers, reference_up_to: Integers, m: int) -> float:
    """The largest difference between two distribution functions, at the ends of the same cells.

    Parameters
    ----------
    live
        Counts; ``m`` in all.
    reference_up_to
        Cumulated counts.
    """
    of_live, of_reference = 1.0 / m, 1.0 / reference_up_to[-1]
    largest, up_to = 0.0, np.int64(0)
    for i in range(live.size):
        up_to += live[i]
        largest = max(largest, abs(up_to * of_live - reference_up_to[i] * of_reference))
    return largest


@compiled(_pair, _i8_read, _i8_read, _u1_read, types.int64, types.float64, _u1)
def looked_into(
    by_slot: Integers,
    reference_up_to: Integers,
    uncertain: NDArray[np.uint8],
    m: int,
    largest: float,
    wanted: NDArray[np.uint8],
) -> tuple[float, int]:
    """Mark the slots inside which a difference may exceed the largest one known.

    Parameters
    ----------
    by_slot
        Live counts; ``m`` in all.
    reference_up_to, uncertain
        Of the reference: see `driftwatch.core.two_samples.KeptNumbers`.
    largest
        A difference that is known already.
    wanted
        Takes the marks.

    Returns
    -------
    tuple
        The largest difference at the ends of slots and so far, and the number of live values in the marked ones.
    """
    of_live, of_reference = 1.0 / m, 1.0 / reference_up_to[-1]
    up_to, before, n_inside = np.int64(0), 0.0, np.int64(0)
    for slot in range(by_slot.size):
        here = by_slot[slot]
        up_to += here
        end = up_to * of_live - reference_up_to[slot] * of_reference
        largest = max(largest, abs(end))
        # Inside, it stays between what it is before plus all live rows, and at the end minus them.
        share = here * of_live
        is_wanted = (uncertain[slot] > 0) & (here > 0) & (max(before + share, share - end) > largest)
        wanted[slot] = is_wanted
        n_inside += here if is_wanted else 0
        before = end
    return largest, int(n_inside)


@compiled(types.void, _f8_read, types.float64, types.float64, _u1_read, _f8)
def values_in(values: Floats, middle: float, factor: float, wanted: NDArray[np.uint8], inside: Floats) -> None:
    """Copy the finite values of the wanted slots."""
    slots = np.empty(BLOCK, dtype=np.int32)
    found = 0
    for start in range(0, values.size, BLOCK):
        block = values[start : start + BLOCK]
        slots_of_block(block, middle, factor, slots)
        for i in range(block.size):
            if wanted[np.uint32(slots[i])] > 0 and abs(block[i]) <= LARGEST:
                inside[found] = block[i]
                found += 1


@compiled(types.float64, _f8_read, _u1_read, _i8_read, _i8_read, _f8_read, types.int64, types.float64)
def largest_inside(
    inside: Floats,
    wanted: NDArray[np.uint8],
    by_slot: Integers,
    reference_up_to: Integers,
    reference: Floats,
    m: int,
    largest: float,
) -> float:
    """Merge the live values of the wanted slots with the reference's: ``largest``, or what exceeds it.

    Parameters
    ----------
    inside, reference
        Ascending.
    m
        How many live values there are in all.
    """
    n = reference_up_to[-1]
    up_to, taken = np.int64(0), 0
    for slot in range(by_slot.size):
        if wanted[slot] > 0:
            at = reference_up_to[slot - 1] if slot > 0 else np.int64(0)
            end, last = reference_up_to[slot], taken + by_slot[slot]
            live = up_to
            while taken < last:
                value = inside[taken]
                while at < end and reference[at] < value:
                    at += 1
                largest = max(largest, at / n - live / m)
                while taken < last and inside[taken] == value:
                    taken += 1
                    live += 1
                while at < end and reference[at] == value:
                    at += 1
                largest = max(largest, live / m - at / n)
        up_to += by_slot[slot]
    return largest
