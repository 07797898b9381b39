r"""G-test: the likelihood-ratio test of equal shares, and the effect size that it measures.

The score does not grow with the number of rows as G does:

.. math:: w_G = \sqrt{2 \sum_i q_i \ln(q_i / p_i)}

with ``p`` the reference's and ``q`` the window's shares over the baseline's bins (`driftwatch.core.statistics.binned`);
what sampling adds to the square on average, ``(B - 1) / n``, is taken off first, and the score is never below 0. For
small changes it is Cohen's w, of which 0.1 is small, 0.3 medium, 0.5 large. Missing and non-finite values are bins like
others; without rows on one side it is ``nan``; between constants it is 0.

The p-value of the measurement is that of the plain two-sample test of no difference at all.

How sure
--------
As for the Kullback-Leibler divergence: the p-value of having left the ball of shares within the tolerance.

References
----------
Woolf, B. (1957). The log likelihood ratio test (the G-test). Annals of Human Genetics 21(4).
doi:10.1111/j.1469-1809.1972.tb00293.x
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, rel_entr

from driftwatch.core.records import ColumnKind, Measurement
from driftwatch.core.statistics.binned import (
    binned_live,
    binned_reference,
    p_value_outside_ball,
    squared_effect_of_sampling,
)
from driftwatch.core.statistics.kullback_leibler import kl_to_kl_ball, kullback_leibler
from driftwatch.core.statistics.statistic import Statistic

if TYPE_CHECKING:
    from driftwatch.core.baseline import ColumnBaseline
    from driftwatch.core.profile import ColumnProfile


@dataclass(frozen=True, slots=True)
class GTest:
    """The likelihood-ratio test of two samples."""

    statistic: float
    p_value: float
    degrees: int


def g_test(reference_counts: NDArray[np.int64], live_counts: NDArray[np.int64]) -> GTest:
    """The likelihood-ratio test of two sets of counts over the same bins.

    Parameters
    ----------
    reference_counts, live_counts
        Shape ``(B,)``. Bins that are empty on both sides are left out.

    Returns
    -------
    GTest
        As ``scipy.stats.chi2_contingency(..., correction=False, lambda_="log-likelihood")`` computes it. Statistic
        and p-value are ``nan`` where one side has no row or only one bin is used.

    Examples
    --------
    >>> import numpy as np
    >>> result = g_test(np.array([10, 20]), np.array([20, 10]))
    >>> round(result.statistic, 4), round(result.p_value, 4)
    (6.796, 0.0091)
    """
    n, m = int(reference_counts.sum()), int(live_counts.sum())
    both = reference_counts + live_counts
    degrees = int(np.count_nonzero(both)) - 1
    if n == 0 or m == 0 or degrees < 1:
        return GTest(math.nan, math.nan, max(degrees, 0))
    share = both / (n + m)
    divergence = rel_entr(reference_counts, n * share).sum() + rel_entr(live_counts, m * share).sum()
    statistic = max(2.0 * float(divergence), 0.0)
    return GTest(statistic, float(chdtrc(degrees, statistic)), degrees)


def measure(baseline: ColumnBaseline, profile: ColumnProfile) -> Measurement:
    """The effect size without what sampling adds to it; the p-value is that of the plain two-sample test."""
    reference, live = binned_reference(baseline), binned_live(baseline, profile)
    m = int(live.sum())
    score = math.nan
    test = g_test(reference.counts, live)
    if reference.n and m:
        score = math.sqrt(max(2.0 * kullback_leibler(reference.counts, live) - test.degrees / m, 0.0))
    return Measurement(
        statistic="g_test",
        score=score,
        p_value=None if math.isnan(test.p_value) else test.p_value,
        n_reference=reference.n,
        n_live=m,
        binning=reference.text,
    )


def sampling_error(baseline: ColumnBaseline, doubt: float) -> float:
    """The effect size that the reference may have against the truth: ``n * w**2`` is nearly chi-square."""
    return math.sqrt(squared_effect_of_sampling(baseline, doubt))


def exceedance(baseline: ColumnBaseline, profile: ColumnProfile, tolerance: float) -> float:
    """The p-value of "the true effect size is at most the tolerance"; see the module's text."""
    return p_value_outside_ball(baseline, profile, kl_to_kl_ball, tolerance)


G_TEST = Statistic(
    name="g_test",
    kinds=frozenset(ColumnKind),
    tolerance=0.25,
    power=1,
    has_test=True,
    measure=measure,
    sampling_error=sampling_error,
    exceedance=exceedance,
)
