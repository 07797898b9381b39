r"""Energy distance: as Wasserstein, with large differences of shares weighing more than long ways.

.. math:: E = \sqrt{2 \int (F_{live}(x) - F_{reference}(x))^2 \, dx}

in the square root of the column's own unit. It is the square root of ``2 E|X - Y| - E|X - X'| - E|Y - Y'|`` for
independent rows of the two.

Over finite values only: missing and infinite ones are left out, in raw samples too. ``nan`` where one side has no
finite value; 0 between equal constants. From a profile the functions are known at the ends of cells: the score takes
them as straight in between, the rows beyond the reference's range reach as far as the window's exact mean says, and
``error_bound`` encloses whatever may be.

How sure
--------
As for Wasserstein: by the inequality of Dvoretzky, Kiefer and Wolfowitz, between the 1 % and 99 % points of the
reference; the tails count in the score but prove nothing. The tolerance is 0 for the same reason, too: choose your own.

References
----------
Székely, G. J., Rizzo, M. L. (2013). Energy statistics: a class of statistics based on distances. Journal of Statistical
Planning and Inference 143(8). doi:10.1016/j.jspi.2013.03.018
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.records import ColumnKind, Measurement
from driftwatch.core.statistics.statistic import Statistic
from driftwatch.core.statistics.steps import p_value_beyond, pooled_counts, reference_steps, sampling_band, steps
from driftwatch.core.statistics.stretches import Reach, at_least_tiny, in_units, reaches, stretches, within_one

if TYPE_CHECKING:
    from driftwatch.core.baseline import ColumnBaseline
    from driftwatch.core.profile import ColumnProfile


def energy_distance(reference: NDArray[np.float64], live: NDArray[np.float64]) -> float:
    """The exact distance of two samples.

    Parameters
    ----------
    reference, live
        Any lengths. Missing and infinite values are left out.

    Returns
    -------
    float
        As ``scipy.stats.energy_distance``; ``nan`` where one sample has no finite value.

    Examples
    --------
    >>> import numpy as np
    >>> round(energy_distance(np.array([0.0, 8.0]), np.array([0.0, 8.0, 8.0, 8.0])), 12)
    1.0
    """
    values, a, b = pooled_counts(reference, live)
    if not a.any() or not b.any():
        return math.nan
    scaled, unit = within_one(values)
    difference = (b.cumsum() / b.sum() - a.cumsum() / a.sum())[:-1]
    return math.sqrt(2.0 * float((difference * difference * np.diff(scaled)).sum())) * math.sqrt(unit)


def _beyond(reach: Reach, share: float) -> tuple[float, float]:
    """Between what the integral of the squared share of rows farther out lies."""
    least = reach.least * (reach.least / reach.farthest) if reach.farthest > 0.0 else 0.0
    return least, share * reach.most


def measure(baseline: ColumnBaseline, profile: ColumnProfile) -> Measurement:
    """The distance, from the ends of the baseline's cells; it has no p-value of its own."""
    found = steps(baseline, profile)
    score, error_bound = math.nan, 0.0
    if found is not None:
        here = stretches(baseline)
        a, b = found.before, found.after
        straight = np.clip((a * a + a * b + b * b) / 3.0, found.least**2, found.most**2)
        under, over = reaches(baseline, profile, found)
        below = _beyond(under, int(found.live_counts[0]) / found.m)
        above = _beyond(over, int(found.live_counts[-1]) / found.m)
        outside = below[0] + above[0], below[1] + above[1]
        least, most = (
            float((here.lengths * one * one).sum()) + end
            for one, end in zip((found.least, found.most), outside, strict=True)
        )
        middle = float((here.lengths * straight).sum()) + sum(outside) / 2.0
        # Twice the integral, and in the unit's root.
        lower, score, upper = (math.sqrt(2.0 * one) * math.sqrt(here.scale) for one in (least, middle, most))
        if math.isinf(under.farthest + over.farthest):
            upper = math.inf
        error_bound = in_units(max(upper - score, score - lower) + 1e-12 * score, 1.0)
    return Measurement(
        statistic="energy_distance",
        score=score,
        p_value=None,
        n_reference=reference_steps(baseline).n,
        n_live=int(profile.counts[:-2].sum()),
        binning=f"{baseline.cells.n_cells} cells",
        error_bound=error_bound,
    )


def sampling_error(baseline: ColumnBaseline, doubt: float) -> float:
    """The distance that the reference may have from the truth between its 1 % and 99 % points."""
    n = reference_steps(baseline).n
    here = stretches(baseline)
    if n == 0:
        return math.inf
    length = math.sqrt(2.0 * float(here.core.sum())) * math.sqrt(here.scale)
    return at_least_tiny(in_units(length, sampling_band(n, doubt)))


def exceedance(baseline: ColumnBaseline, profile: ColumnProfile, tolerance: float) -> float:
    """The p-value of "the true distance is at most the tolerance"; see the module's text."""
    found = steps(baseline, profile)
    if found is None:
        return 1.0
    here = stretches(baseline)
    return p_value_beyond(found.least, 2.0 * here.core, 2, tolerance / math.sqrt(here.scale), found.m)


ENERGY_DISTANCE = Statistic(
    name="energy_distance",
    kinds=frozenset({ColumnKind.NUMERIC}),
    tolerance=0.0,
    power=1,
    measure=measure,
    sampling_error=sampling_error,
    exceedance=exceedance,
)
