r"""Mean shift: how far the mean moved, in standard deviations of the reference.

.. math:: \delta = |\bar x_{live} - \bar x_{reference}| / s_{reference}

over finite values, from exact moments: the score has no error but for values beyond 2**500 scales, which count as that.
``nan`` where one side has no finite value or the reference does not vary. Cohen calls 0.2 a small effect, 0.5 a medium,
0.8 a large one. One wild value in the reference makes its standard deviation, and every shift small: where tails are
heavy, `quantile_shift` sees more.

The p-value of the measurement is that of Welch's test of equal means.

How sure
--------
Nothing at all can be proved about a mean without limits on the tails (Bahadur and Savage). *It is assumed that the
true variance of the rows is at most 4 times the reference's*: one that moves more is for other statistics to see. Then,
for the true mean ``mu`` and any ``l``,

.. math:: \exp\left(l \sum (x - \mu) - l^2 \sum (x - \mu)^2 / 6 - n\, l^2 \sigma^2 / 3\right)

has an expectation of at most 1 at any number of rows, since ``exp(x - x**2 / 6) <= 1 + x + x**2 / 3``. It is an
e-value of each mean that the tolerance allows if ``mu`` is the one of them that pays least, which is one of the ends.
Bets are placed on both sides with several ``l``; the p-value is 1 over their average.

References
----------
Welch, B. L. (1947). The generalization of "Student's" problem when several different population variances are
involved. Biometrika 34(1-2). doi:10.1093/biomet/34.1-2.28

Delyon, B. (2009). Exponential inequalities for sums of weakly dependent variables. Electronic Journal of Probability
14. doi:10.1214/EJP.v14-636

Bahadur, R. R., Savage, L. J. (1956). The nonexistence of certain statistical procedures in nonparametric problems.
Annals of Mathematical Statistics 27(4). doi:10.1214/aoms/1177728077
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from driftwatch.core.moments import Moments, from_units, scale_of
from driftwatch.core.records import ColumnKind, Measurement
from driftwatch.core.statistics.statistic import Statistic

if TYPE_CHECKING:
    from driftwatch.core.baseline import ColumnBaseline
    from driftwatch.core.profile import ColumnProfile

LARGEST_VARIANCE = 4.0
"""Times the reference's: what the true variance is assumed to be at most."""

SHIFTS = np.array([0.1, 0.25, 0.6, 1.5])
"""The shifts beyond the tolerance that are bet on, in standard deviations."""

_LARGEST_LOG = 600.0
_LARGEST_RATIO = 1e150


@dataclass(frozen=True, slots=True)
class MeanShift:
    """The score, Welch's test, and the p-value of Student's, which takes the variances for equal."""

    shift: float
    statistic: float
    p_value: float
    student_p_value: float


def mean_shift(reference: NDArray[np.float64], live: NDArray[np.float64]) -> MeanShift:
    """The shift of two samples, and Welch's test of equal means.

    Parameters
    ----------
    reference, live
        Any lengths. Missing and infinite values are left out.

    Returns
    -------
    MeanShift
        ``statistic`` and ``p_value`` as ``scipy.stats.ttest_ind(live, reference, equal_var=False)``, and
        ``student_p_value`` as with ``equal_var=True``; ``nan`` where one sample has fewer than two values or neither
        varies.

    Examples
    --------
    >>> import numpy as np
    >>> found = mean_shift(np.array([1.0, 2.0, 3.0]), np.array([4.0, 6.0]))
    >>> found.shift, round(found.statistic, 4), round(found.p_value, 4)
    (3.0, 2.5981, 0.1444)
    """
    finite = reference[np.isfinite(reference)]
    centre, scale = scale_of(np.sort(finite)) if len(finite) else (0.0, 1.0)
    of_live = Moments.of(live[np.isfinite(live)], centre, scale)
    return _of_moments(Moments.of(finite, centre, scale), of_live)


def _deviation(moments: Moments) -> float:
    """The mean's deviation from the centre, in scales."""
    return from_units(moments.total, moments.count) if moments.count else math.nan


def _of_moments(reference: Moments, live: Moments) -> MeanShift:
    spread = spread_in_scales(reference)
    moved = _deviation(live) - _deviation(reference)
    shift = abs(moved) / spread if 0.0 < spread < math.inf else math.nan
    if min(reference.count, live.count) < 2:
        return MeanShift(shift, math.nan, math.nan, math.nan)
    both = reference, live
    errors = [spread_in_scales(one) / math.sqrt(one.count) for one in both]
    error = math.hypot(*errors)
    if not 0.0 < error < math.inf:
        return MeanShift(shift, math.nan, math.nan, math.nan)
    statistic = moved / error
    parts = [(one / error) ** 4 / (moments.count - 1) for one, moments in zip(errors, both, strict=True)]
    degrees = reference.count + live.count - 2
    pooled = math.hypot(*(one * math.sqrt(m.count * (m.count - 1)) for one, m in zip(errors, both, strict=True)))
    student = moved / (pooled * math.sqrt((1.0 / reference.count + 1.0 / live.count) / degrees))
    p_values = (2.0 * float(stdtr(df, -abs(t))) for df, t in ((1.0 / sum(parts), statistic), (degrees, student)))
    return MeanShift(shift, statistic, *p_values)


def spread_in_scales(moments: Moments) -> float:
    """The standard deviation, in scales of the moments; ``nan`` of fewer than two values."""
    return Moments(0.0, 1.0, moments.count, moments.total, moments.total_squares).std


def both_moments(baseline: ColumnBaseline, profile: ColumnProfile) -> tuple[Moments, Moments]:
    """The reference's and the window's.

    Raises
    ------
    TypeError
        If the column is not numeric.
    """
    if baseline.moments is None or profile.moments is None:
        raise TypeError("moments need a numeric column")
    return baseline.moments, profile.moments


def measure(baseline: ColumnBaseline, profile: ColumnProfile) -> Measurement:
    """The shift in standard deviations of the reference, with the p-value of Welch's test."""
    reference, live = both_moments(baseline, profile)
    found = _of_moments(reference, live)
    return Measurement(
        statistic="mean_shift",
        score=found.shift,
        p_value=None if math.isnan(found.p_value) else found.p_value,
        n_reference=reference.count,
        n_live=live.count,
        binning="exact moments",
    )


def sampling_error(baseline: ColumnBaseline, doubt: float) -> float:
    """How far the reference's mean may lie from the true one, by the same inequality and assumption.

    With the best ``l`` it is ``sqrt(6 ln(2 / doubt) / n)`` standard deviations.
    """
    moments = baseline.moments
    if moments is None or moments.count == 0:
        return math.inf
    return math.sqrt(6.0 * math.log(2.0 / doubt) / moments.count)


def bets(baseline: ColumnBaseline, profile: ColumnProfile, tolerance: float) -> NDArray[np.float64]:
    """One e-value a side and shift: first those on a larger mean, then on a smaller one; see the module's text.

    Returns
    -------
    array of shape ``(2 * len(SHIFTS),)``
        Empty where the score is undefined.
    """
    reference, live = both_moments(baseline, profile)
    spread = spread_in_scales(reference)
    if live.count == 0 or not 0.0 < spread < math.inf:
        return np.zeros(0)
    m = live.count
    moved = max(min((_deviation(live) - _deviation(reference)) / spread, _LARGEST_RATIO), -_LARGEST_RATIO)
    own = min(spread_in_scales(live) / spread, _LARGEST_RATIO) if m > 1 else 0.0
    stakes = np.concatenate([SHIFTS, -SHIFTS]) / 3.0
    logs = [
        stakes * m * (moved - mean)
        - stakes**2 * ((m - 1) * own**2 + m * (moved - mean) ** 2 + 2.0 * m * LARGEST_VARIANCE) / 6.0
        for mean in (-tolerance, tolerance)
    ]
    return np.exp(np.minimum(np.minimum(*logs), _LARGEST_LOG))


def exceedance(baseline: ColumnBaseline, profile: ColumnProfile, tolerance: float) -> float:
    """The p-value of "the true shift is at most the tolerance", under the module's assumption."""
    values = bets(baseline, profile, tolerance)
    return 1.0 / max(float(values.mean()), 1.0) if len(values) else 1.0


MEAN_SHIFT = Statistic(
    name="mean_shift",
    kinds=frozenset({ColumnKind.NUMERIC}),
    tolerance=0.125,
    power=1,
    has_test=True,
    measure=measure,
    sampling_error=sampling_error,
    exceedance=exceedance,
    bets=bets,
)
