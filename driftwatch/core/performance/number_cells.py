"""Fixed cells for numbers, the same for every model: what is counted over them adds up across versions.

**Scores.** Probabilities are rounded to so many significant digits, counted from the nearer of 0 and 1: with three
digits .0123 and .9877 have cells of their own. A score that is written with so few digits is the value of its cell, and
two such scores in a cell are equal.

**Magnitudes.** Other numbers are counted by sign, power of two, and `STEPS` equal steps within it: a cell is never
wider than a `STEPS`-th of its lower end.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

DECADES = 6
"""Powers of ten below .1 in which digits are counted from the first that is not 0: down to ``1e-7``."""

STEPS = 64
"""Cells in a power of two."""

_DECADE_STARTS = np.array([1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1])
_POWERS = np.array([1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9])

_LOWEST_POWER, _HIGHEST_POWER = -160, 512
MAGNITUDES = (_HIGHEST_POWER - _LOWEST_POWER + 1) * STEPS
"""Magnitude cells on one side of 0."""


def score_cells(scores: NDArray[np.float64], digits: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The cell of each score, and whether the score is the value of its cell.

    Parameters
    ----------
    scores
        Finite. Those outside of 0 to 1 are no probabilities: they lie in magnitude cells below and above the others.
    digits
        2 or 3: about 1,200 or 12,000 cells from 0 to 1.

    Returns
    -------
    cells
        Numbered in the order of the scores.
    exact
        True where the score is the value of its cell.

    Examples
    --------
    >>> cells, exact = score_cells(np.array([0.0, 0.01234, 0.5, 0.97, 1.0]), 3)
    >>> cells.tolist(), exact.tolist()
    ([0, 4623, 5900, 7000, 11800], [True, False, True, True, True])
    """
    whole, per_decade = 10**digits, 9 * 10 ** (digits - 1)
    mirrored = scores > 0.5
    inside = (scores >= 0.0) & (scores <= 1.0)
    distance = np.where(inside, np.where(mirrored, 1.0 - scores, scores), 0.0)
    zeros = DECADES - np.searchsorted(_DECADE_STARTS, distance, side="right")
    scale = _POWERS[zeros + digits]
    steps = np.rint(distance * scale).astype(np.int64)
    exact = inside & (np.where(mirrored, scale - steps, steps) / scale == scores)
    # What is rounded up to the next power of ten is its first value.
    up = (steps == whole) & (zeros > 0)
    steps, zeros = np.where(up, whole // 10, steps), zeros - up
    first = whole + (DECADES - 1 - zeros) * per_decade
    cells = np.where(zeros == DECADES, steps, first + steps - whole // 10)
    half = whole + (DECADES - 1) * per_decade + whole // 2 - whole // 10
    cells = np.where(mirrored, 2 * half - cells, cells)
    if not inside.all():
        beyond = magnitude_cells(scores)
        cells = np.where(inside, cells, np.where(scores < 0.0, beyond, 2 * half + beyond))
    return cells, exact


def magnitude_cells(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """The cell of each finite number: 0 for 0, positive above it, negative below.

    Examples
    --------
    >>> cells = magnitude_cells(np.array([-1.0, 0.0, 1.0, 1.01, 1.02]))
    >>> (cells - cells[2]).tolist()
    [-20610, -10305, 0, 0, 1]
    """
    fraction, power = np.frexp(np.abs(values))
    step = np.floor((fraction - 0.5) * (2 * STEPS)).astype(np.int64)
    at = (power.astype(np.int64) - _LOWEST_POWER) * STEPS + step + 1
    at = np.where(values == 0.0, 0, np.clip(at, 1, MAGNITUDES))
    return np.where(values < 0.0, -at, at)


def magnitude_ends(cells: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The lower and the upper end of magnitude cells.

    Examples
    --------
    >>> lower, upper = magnitude_ends(magnitude_cells(np.array([0.0, 1.0, -1.0])))
    >>> lower.tolist(), upper.tolist()
    ([0.0, 1.0, -1.015625], [0.0, 1.015625, -1.0])
    """
    at = np.abs(cells) - 1
    power, step = at // STEPS + _LOWEST_POWER, at % STEPS
    near = np.ldexp(0.5 + step / (2 * STEPS), power.astype(np.int32))
    far = np.ldexp(0.5 + (step + 1) / (2 * STEPS), power.astype(np.int32))
    near, far = np.where(cells == 0, 0.0, near), np.where(cells == 0, 0.0, far)
    below = cells < 0
    return np.where(below, -far, near), np.where(below, -near, far)
