"""Where the kernels put what they add up: the layout that they share with those who read it."""

from __future__ import annotations

SLOTS = 1 << 15
"""Slots are numbered from 0, what lies far below, to this, what lies far above."""

N_LIMBS = 70
"""Digits of 32 bits that sums of floats of up to ``2**1000`` need, in units of ``2**-1074``."""

(
    SUM,
    SUM_LOW,
    FINE,
    FINE_LOW,
    SQUARES,
    SQUARES_LOW,
    FINE_SQUARES,
    FINE_SQUARES_LOW,
    LOWEST,
    HIGHEST,
    N_FINITE,
    N_FAR,
    FAR_SUM,
) = range(13)
FAR_SQUARES = FAR_SUM + N_LIMBS
N_SUMS = FAR_SQUARES + N_LIMBS

LOW_BITS = 24
"""Sums on the grids come in two parts: the high one in units of ``2**LOW_BITS``."""

LARGEST_ON_GRID = 31.0
"""Deviations (in scales) up to this are put on grids, those beyond it are added as they are."""

LARGEST_DEVIATION = 2.0**500
"""Deviations (in scales) beyond this are counted as this, so that their squares stay finite."""

GRID_BITS, SQUARES_GRID_BITS = 46, 41
"""Deviations are rounded to ``2**-46`` scales, their squares to ``2**-41``."""

FINE_BITS = 52
"""What that leaves is rounded to a grid that is finer by so many bits."""

ROUNDER, SQUARES_ROUNDER = 96.0, 3072.0
FINE_ROUNDER, FINE_SQUARES_ROUNDER = 1.5 * 2.0**-GRID_BITS, 1.5 * 2.0**-SQUARES_GRID_BITS
"""Added to these, the last bit of a deviation, of a square, and of what is left of them is a unit of its grid."""

WITHOUT_SIGN = 0x7FFFFFFFFFFFFFFF
"""Turns around the bits of floats below zero, which then are, as whole numbers, in the order of floats."""

NO_KEY = 0x7FEFFFFFFFFFFFFF
"""The order key of the largest float; its negative is below the smallest one's."""
