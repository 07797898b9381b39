"""How long the cells of a numeric column are, and what its mean says of the rows beyond them.

Lengths are in scales of the column's moments, so that neither huge nor tiny numbers overflow. The open cells at both
ends have no length; but the window's exact mean, minimum and maximum enclose how far its rows out there reach.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.cells import NumericCells
from driftwatch.core.moments import Moments, from_units
from driftwatch.core.statistics.steps import reference_steps
from driftwatch.core.sums import LARGEST_DEVIATION

if TYPE_CHECKING:
    from driftwatch.core.baseline import ColumnBaseline
    from driftwatch.core.profile import ColumnProfile
    from driftwatch.core.statistics.steps import Steps

CORE = (0.01, 0.99)
"""Between these shares of the reference a distance proves something; in the tails one row may weigh any amount."""

LARGEST_SCALES = 2.0**1020
"""Values farther from the centre count as so many scales away."""
_ROUNDING = 1e-12
_LARGEST_FLOAT = float(np.finfo(np.float64).max)
_SMALLEST_FLOAT = float(np.finfo(np.float64).smallest_subnormal)


class Stretches(NamedTuple):
    """Of one column's cells, in scales.

    ``lengths`` are those of the cells, the open ones having 0; ``core`` are the same with the cells of the tails
    at 0, too.
    """

    scale: float
    ends: NDArray[np.float64]
    lengths: NDArray[np.float64]
    core: NDArray[np.float64]


class Reach(NamedTuple):
    """Between what the sum of rows' distances from an outer edge lies, over all rows; and the farthest of them.

    ``farthest`` is infinite where it cannot be told: the value is too many scales away.
    """

    least: float
    most: float
    farthest: float

    @property
    def middle(self) -> float:
        """The middle of the enclosure."""
        return (self.least + self.most) / 2.0


@lru_cache(maxsize=1024)
def stretches(baseline: ColumnBaseline) -> Stretches:
    """The lengths of a column's cells; of a column without finite values there are none.

    Raises
    ------
    TypeError
        If the column is not numeric.
    """
    moments = baseline.moments
    if moments is None or not isinstance(baseline.cells, NumericCells):
        raise TypeError("lengths need a numeric column")
    reference = reference_steps(baseline)
    ends = in_scales(baseline.cells.edges, moments)
    lengths = np.zeros(baseline.cells.n_cells)
    lengths[1:-1] = np.diff(ends)
    inner = (reference.after > CORE[0]) & (reference.before < CORE[1])
    return Stretches(moments.scale, ends, lengths, np.where(inner, lengths, 0.0))


def in_scales(values: NDArray[np.float64], moments: Moments) -> NDArray[np.float64]:
    """Deviations from the moments' centre in their scale, at most ``2**1020`` of them."""
    with np.errstate(over="ignore"):
        deviations = (values - moments.centre) * (1.0 / moments.scale)
    return np.clip(deviations, -LARGEST_SCALES, LARGEST_SCALES)


def reaches(baseline: ColumnBaseline, profile: ColumnProfile, found: Steps) -> tuple[Reach, Reach]:
    """How far the window's rows reach below the first and above the last edge of the baseline."""
    here = stretches(baseline)
    moments = profile.moments
    if moments is None:
        raise TypeError("lengths need a numeric column")
    lowest, highest = in_scales(np.array([moments.minimum, moments.maximum]), moments).tolist()
    first, last = float(here.ends[0]), float(here.ends[-1])
    below, above = int(found.live_counts[0]) / found.m, int(found.live_counts[-1]) / found.m
    under, over = _beyond(below, first - lowest), _beyond(above, highest - last)
    if max(-lowest, highest) >= LARGEST_DEVIATION:
        # So far out the mean counts values as nearer than they are.
        return under, over
    shares = found.live_counts[1:-1] / found.m
    inside = float(shares @ here.ends[:-1]), float(shares @ here.ends[1:])
    mean = from_units(moments.total, moments.count)
    slack = _ROUNDING * (abs(first) + abs(last) + abs(mean) + under.most + over.most)
    # How much farther the rows above reach than those below: what of the mean the rows inside do not account for.
    rest = mean - below * first - above * last
    more, less = rest - inside[0] + slack, rest - inside[1] - slack
    return (
        _narrowed(under, over.least - more, over.most - less),
        _narrowed(over, under.least + less, under.most + more),
    )


def _beyond(share: float, distance: float) -> Reach:
    if share == 0.0:
        return Reach(0.0, 0.0, 0.0)
    farthest = max(distance, 0.0)
    return Reach(0.0, share * farthest, farthest if farthest < LARGEST_SCALES / 2.0 else math.inf)


def _narrowed(reach: Reach, least: float, most: float) -> Reach:
    high = min(max(most, 0.0), reach.most)
    return Reach(min(max(least, 0.0), high), high, reach.farthest)


def within_one(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Finite values divided by a power of two, so that differences neither overflow nor round to nothing.

    Examples
    --------
    >>> import numpy as np
    >>> within_one(np.array([-6.0, 8.0]))
    (array([-0.75,  1.  ]), 8.0)
    """
    exponent = math.frexp(float(np.abs(values).max(initial=0.0)))[1] - 1
    return np.ldexp(values, -exponent), math.ldexp(1.0, exponent)


def in_units(value: float, unit: float) -> float:
    """A length in scales as one in the column's unit; the largest float where it would be infinite.

    Examples
    --------
    >>> in_units(3.0, 0.5), in_units(1e200, 1e200)
    (1.5, 1.7976931348623157e+308)
    """
    return min(value * unit, _LARGEST_FLOAT)


def at_least_tiny(value: float) -> float:
    """The value, or the smallest positive float for 0: a sampling error is never nothing."""
    return max(value, _SMALLEST_FLOAT) if not math.isnan(value) else math.inf
