r"""Wasserstein distance: how far rows would have to be carried, on average, to turn the reference into the window.

.. math:: W = \int |F_{live}(x) - F_{reference}(x)| \, dx

in the column's own unit (``wasserstein``), and divided by the reference's standard deviation (``wasserstein_std``),
which makes columns comparable. One wild value far outside moves it by its distance over the number of rows.

Over finite values only: missing and infinite ones are left out, in raw samples too. ``nan`` where one side has no
finite value, and divided, where the reference's standard deviation is zero or infinite. A distance beyond the largest
float counts as that. From a profile the functions are known at the ends of cells: the score takes them as straight in
between, the rows beyond the reference's range reach as far as the window's exact mean says, and ``error_bound``
encloses whatever may be: about the length of the range times the share of a cell.

How sure
--------
By the inequality of Dvoretzky, Kiefer and Wolfowitz (`driftwatch.core.statistics.steps`), with lengths as weights,
between the 1 % and 99 % points of the reference. What happens in the tails counts in the score but proves nothing:
without limits on the tails no number of rows proves anything about them. See `out_of_range_share` for those.

No tolerance in the column's own unit fits every column: that of ``wasserstein`` is 0, so that whatever surely exceeds
the reference's sampling error is drift, until somebody says how much is too much.

References
----------
Vallender, S. S. (1974). Calculation of the Wasserstein distance between probability distributions on the line. Theory
of Probability and Its Applications 18(4). doi:10.1137/1118101
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.records import ColumnKind, Measurement
from driftwatch.core.statistics.statistic import Statistic
from driftwatch.core.statistics.steps import p_value_beyond, pooled_counts, reference_steps, sampling_band, steps
from driftwatch.core.statistics.stretches import at_least_tiny, in_units, reaches, stretches, within_one

if TYPE_CHECKING:
    from driftwatch.core.baseline import ColumnBaseline
    from driftwatch.core.profile import ColumnProfile


def wasserstein(reference: NDArray[np.float64], live: NDArray[np.float64]) -> float:
    """The exact distance of two samples, in their unit.

    Parameters
    ----------
    reference, live
        Any lengths. Missing and infinite values are left out.

    Returns
    -------
    float
        As ``scipy.stats.wasserstein_distance``; ``nan`` where one sample has no finite value.

    Examples
    --------
    >>> import numpy as np
    >>> wasserstein(np.array([0.0, 1.0, 3.0]), np.array([5.0, 6.0, 8.0, np.nan]))
    5.0
    """
    values, a, b = pooled_counts(reference, live)
    if not a.any() or not b.any():
        return math.nan
    scaled, unit = within_one(values)
    difference = np.abs(b.cumsum() / b.sum() - a.cumsum() / a.sum())[:-1]
    return in_units(float((difference * np.diff(scaled)).sum()), unit)


def wasserstein_std(reference: NDArray[np.float64], live: NDArray[np.float64]) -> float:
    """The exact distance of two samples, divided by the reference's standard deviation (divisor ``n - 1``).

    Parameters and return value as in `wasserstein`; ``nan`` too where the standard deviation is zero or infinite.

    Examples
    --------
    >>> import numpy as np
    >>> wasserstein_std(np.array([0.0, 2.0, 4.0]), np.array([3.0, 5.0, 7.0]))
    1.5
    """
    finite = reference[np.isfinite(reference)]
    with np.errstate(over="ignore", invalid="ignore"):
        spread = float(np.std(finite, ddof=1)) if len(finite) > 1 else 0.0
    return wasserstein(reference, live) / spread if 0.0 < spread < math.inf else math.nan


def _enclosed(baseline: ColumnBaseline, profile: ColumnProfile) -> tuple[float, float]:
    """The distance and its error bound, in scales; ``nan`` and 0 where it is undefined."""
    found = steps(baseline, profile)
    if found is None:
        return math.nan, 0.0
    lengths = stretches(baseline).lengths
    a, b = np.abs(found.before), np.abs(found.after)
    both = a + b
    crosses = found.before * found.after < 0.0
    straight = np.where(crosses, (a * a + b * b) / np.where(both > 0.0, both, 1.0), both) / 2.0
    straight = np.clip(straight, found.least, found.most)
    doubt = np.maximum(found.most - straight, straight - found.least)
    under, over = reaches(baseline, profile, found)
    score = float((lengths * straight).sum()) + under.middle + over.middle
    bound = float((lengths * doubt).sum()) + (under.most - under.least + over.most - over.least) / 2.0
    if math.isinf(under.farthest + over.farthest):
        bound = math.inf
    return score, bound + 1e-12 * score


def _measured(name: str, baseline: ColumnBaseline, profile: ColumnProfile, unit: float) -> Measurement:
    score, error_bound = _enclosed(baseline, profile)
    return Measurement(
        statistic=name,
        score=in_units(score, unit) if not math.isnan(unit) else math.nan,
        p_value=None,
        n_reference=reference_steps(baseline).n,
        n_live=int(profile.counts[:-2].sum()),
        binning=f"{baseline.cells.n_cells} cells",
        error_bound=at_least_tiny(in_units(error_bound, unit)) if error_bound > 0.0 and not math.isnan(unit) else 0.0,
    )


def _per_deviation(baseline: ColumnBaseline) -> float:
    """Scales a standard deviation, as what a length in scales is multiplied by; ``nan`` where there is none."""
    moments = baseline.moments
    if moments is None or not 0.0 < moments.std < math.inf:
        return math.nan
    return moments.scale / moments.std


def measure(baseline: ColumnBaseline, profile: ColumnProfile) -> Measurement:
    """The distance in the column's unit; it has no p-value of its own."""
    return _measured("wasserstein", baseline, profile, stretches(baseline).scale)


def measure_std(baseline: ColumnBaseline, profile: ColumnProfile) -> Measurement:
    """The distance in standard deviations of the reference; it has no p-value of its own."""
    return _measured("wasserstein_std", baseline, profile, _per_deviation(baseline))


def _sampling_error(baseline: ColumnBaseline, doubt: float, unit: float) -> float:
    n = reference_steps(baseline).n
    if n == 0 or math.isnan(unit):
        return math.inf
    return at_least_tiny(in_units(float(stretches(baseline).core.sum()) * sampling_band(n, doubt), unit))


def sampling_error(baseline: ColumnBaseline, doubt: float) -> float:
    """The distance that the reference may have from the truth between its 1 % and 99 % points."""
    return _sampling_error(baseline, doubt, stretches(baseline).scale)


def sampling_error_std(baseline: ColumnBaseline, doubt: float) -> float:
    """The same in standard deviations of the reference; ``inf`` where it has none."""
    return _sampling_error(baseline, doubt, _per_deviation(baseline))


def _exceedance(baseline: ColumnBaseline, profile: ColumnProfile, tolerance: float, unit: float) -> float:
    found = steps(baseline, profile)
    if found is None or math.isnan(unit):
        return 1.0
    return p_value_beyond(found.least, stretches(baseline).core, 1, tolerance / unit, found.m)


def exceedance(baseline: ColumnBaseline, profile: ColumnProfile, tolerance: float) -> float:
    """The p-value of "the true distance is at most the tolerance"; see the module's text."""
    return _exceedance(baseline, profile, tolerance, stretches(baseline).scale)


def exceedance_std(baseline: ColumnBaseline, profile: ColumnProfile, tolerance: float) -> float:
    """The same with the tolerance in standard deviations of the reference; 1.0 where it has none."""
    return _exceedance(baseline, profile, tolerance, _per_deviation(baseline))


WASSERSTEIN = Statistic(
    name="wasserstein",
    kinds=frozenset({ColumnKind.NUMERIC}),
    tolerance=0.0,
    power=1,
    measure=measure,
    sampling_error=sampling_error,
    exceedance=exceedance,
)

WASSERSTEIN_STD = Statistic(
    name="wasserstein_std",
    kinds=frozenset({ColumnKind.NUMERIC}),
    tolerance=0.125,
    power=1,
    measure=measure_std,
    sampling_error=sampling_error_std,
    exceedance=exceedance_std,
)
