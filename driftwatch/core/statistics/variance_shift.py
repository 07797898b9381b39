r"""Variance shift: by which part the standard deviation grew or shrank.

.. math:: |s_{live} / s_{reference} - 1|

over finite values, from exact moments: the score has no error but for values beyond 2**500 scales, which count as that.
A standard deviation of nothing is a score of 1, a doubled one is 1, too: the finding's direction says which. ``nan``
where one side has fewer than two finite values or the reference does not vary.

The p-value of the measurement is that of the F-test of equal variances. It is exact for normal values, and for others
it is not: heavy tails make it too small.

How sure
--------
*Never.* One row in a million can carry most of a variance, so that no number of rows proves anything about it without
limits on the tails (Bahadur and Savage), and no limit that holds for a variance is plain enough to assume it. The
p-value of "the true score is at most the tolerance" is always 1: this statistic gathers no evidence. Judge it by a
fixed threshold, or watch a changing spread by `ks`, `wasserstein` or `quantile_shift`, which can be sure.

References
----------
Bahadur, R. R., Savage, L. J. (1956). The nonexistence of certain statistical procedures in nonparametric problems.
Annals of Mathematical Statistics 27(4). doi:10.1214/aoms/1177728077

Box, G. E. P. (1953). Non-normality and tests on variances. Biometrika 40(3-4). doi:10.1093/biomet/40.3-4.318
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtr, fdtrc, ndtri

from driftwatch.core.moments import Moments, scale_of
from driftwatch.core.records import ColumnKind, Measurement
from driftwatch.core.statistics.mean_shift import both_moments, spread_in_scales
from driftwatch.core.statistics.statistic import Statistic

if TYPE_CHECKING:
    from driftwatch.core.baseline import ColumnBaseline
    from driftwatch.core.profile import ColumnProfile

_LARGEST_FLOAT = float(np.finfo(np.float64).max)


@dataclass(frozen=True, slots=True)
class VarianceShift:
    """The score, the live variance over the reference's, and the two-sided p-value of the F-test."""

    shift: float
    ratio: float
    p_value: float


def variance_shift(reference: NDArray[np.float64], live: NDArray[np.float64]) -> VarianceShift:
    """The shift of two samples, and the F-test of equal variances.

    Parameters
    ----------
    reference, live
        Any lengths. Missing and infinite values are left out.

    Returns
    -------
    VarianceShift
        ``nan`` where one sample has fewer than two values or the reference does not vary.

    Examples
    --------
    >>> import numpy as np
    >>> found = variance_shift(np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 6.0]))
    >>> found.shift, found.ratio, found.p_value
    (1.0, 4.0, 0.4)
    """
    finite = reference[np.isfinite(reference)]
    centre, scale = scale_of(np.sort(finite)) if len(finite) else (0.0, 1.0)
    of_live = Moments.of(live[np.isfinite(live)], centre, scale)
    return _of_moments(Moments.of(finite, centre, scale), of_live)


def _of_moments(reference: Moments, live: Moments) -> VarianceShift:
    before, after = spread_in_scales(reference), spread_in_scales(live)
    if math.isnan(after) or not 0.0 < before < math.inf:
        return VarianceShift(math.nan, math.nan, math.nan)
    by = after / before
    ratio = by * by
    degrees = live.count - 1.0, reference.count - 1.0
    tail = min(float(fdtr(*degrees, ratio)), float(fdtrc(*degrees, ratio)))
    return VarianceShift(min(abs(by - 1.0), _LARGEST_FLOAT), ratio, min(2.0 * tail, 1.0))


def measure(baseline: ColumnBaseline, profile: ColumnProfile) -> Measurement:
    """By which part the standard deviation changed, with the p-value of the F-test."""
    reference, live = both_moments(baseline, profile)
    found = _of_moments(reference, live)
    return Measurement(
        statistic="variance_shift",
        score=found.shift,
        p_value=None if math.isnan(found.p_value) else found.p_value,
        n_reference=reference.count,
        n_live=live.count,
        binning="exact moments",
    )


def sampling_error(baseline: ColumnBaseline, doubt: float) -> float:
    """How far the reference's standard deviation may lie from the true one, as it is of normal values."""
    moments = baseline.moments
    if moments is None or moments.count < 2:
        return math.inf
    return -float(ndtri(doubt / 2.0)) / math.sqrt(2.0 * (moments.count - 1))


def exceedance(baseline: ColumnBaseline, profile: ColumnProfile, tolerance: float) -> float:
    """Always 1.0: no number of rows proves anything about a variance; see the module's text."""
    return 1.0


VARIANCE_SHIFT = Statistic(
    name="variance_shift",
    kinds=frozenset({ColumnKind.NUMERIC}),
    tolerance=0.2,
    power=1,
    has_test=True,
    measure=measure,
    sampling_error=sampling_error,
    exceedance=exceedance,
)
