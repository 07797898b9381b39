r"""Chi-square: how far shares moved, each move weighed by the share it moved from.

The score is Cohen's effect size, which does not grow with the number of rows as Pearson's sum does:

.. math:: w = \sqrt{\sum_i (q_i - p_i)^2 / p_i}

with ``p`` the reference's and ``q`` the window's shares; what sampling adds to the sum on average, ``(k - 1) / n``, is
taken off first, and the score is never below 0. Cells with less than 1 % of the reference are pooled, missing and
unseen among them: in the sum over many rare cells one new name would outweigh all the others. Cohen calls 0.1 a
small effect, 0.3 a medium, 0.5 a large one.

How sure
--------
The p-value is that of having left the ball of all shares within ``tolerance``
(`driftwatch.core.statistics.outside`).

References
----------
Cohen, J. (1988). Statistical power analysis for the behavioral sciences, chapter 7. doi:10.4324/9780203771587
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, chdtri

from driftwatch.core.records import ColumnKind, Measurement
from driftwatch.core.statistics.outside import (
    Pooled,
    kl_to_chi_square_ball,
    p_value_outside,
    pooled,
    smoothed_shares,
)
from driftwatch.core.statistics.statistic import Statistic

if TYPE_CHECKING:
    from driftwatch.core.baseline import ColumnBaseline
    from driftwatch.core.profile import ColumnProfile

SMALLEST_SHARE = 0.01
"""Cells with less of the reference than this are pooled."""


@dataclass(frozen=True, slots=True)
class ChiSquare:
    """Pearson's test of two samples."""

    statistic: float
    p_value: float
    degrees: int


def chi_square(reference_counts: NDArray[np.int64], live_counts: NDArray[np.int64]) -> ChiSquare:
    """Pearson's two-sample test of counts over the same cells, as ``scipy.stats.chi2_contingency`` computes it.

    Parameters
    ----------
    reference_counts, live_counts
        Shape ``(k,)``. Cells that are empty on both sides are left out.

    Returns
    -------
    ChiSquare
        Statistic and p-value are ``nan`` where one side has no row or only one cell is used.

    Examples
    --------
    >>> import numpy as np
    >>> result = chi_square(np.array([4, 2, 0]), np.array([1, 1, 4]))
    >>> round(result.statistic, 5), round(result.p_value, 8)
    (6.13333, 0.04657615)
    """
    n, m = int(reference_counts.sum()), int(live_counts.sum())
    both = reference_counts + live_counts
    used = both > 0
    degrees = int(np.count_nonzero(used)) - 1
    if n == 0 or m == 0 or degrees < 1:
        return ChiSquare(math.nan, math.nan, max(degrees, 0))
    share = both[used] / (n + m)
    statistic = sum(
        float((np.square(counts[used] - size * share) / (size * share)).sum())
        for counts, size in ((reference_counts, n), (live_counts, m))
    )
    return ChiSquare(statistic, float(chdtrc(degrees, statistic)), degrees)


def chi_square_fit(reference_counts: NDArray[np.int64], live_counts: NDArray[np.int64]) -> ChiSquare:
    """Pearson's test of the live counts against the reference's shares, taken as known exactly.

    Parameters
    ----------
    reference_counts, live_counts
        Shape ``(k,)``. Cells that are empty on both sides are left out.

    Returns
    -------
    ChiSquare
        As ``scipy.stats.chisquare`` computes it with the reference scaled to the live total. The statistic is
        infinite where rows lie in a cell that the reference never had; ``nan`` where one side has no row or only
        one cell is used.

    Examples
    --------
    >>> import numpy as np
    >>> round(chi_square_fit(np.array([16, 18, 16, 14, 12, 12]), np.array([16, 16, 16, 16, 16, 8])).p_value, 5)
    0.67309
    """
    n, m = int(reference_counts.sum()), int(live_counts.sum())
    used = (reference_counts > 0) | (live_counts > 0)
    degrees = int(np.count_nonzero(used)) - 1
    if n == 0 or m == 0 or degrees < 1:
        return ChiSquare(math.nan, math.nan, max(degrees, 0))
    expected = reference_counts[used] * (m / n)
    with np.errstate(divide="ignore"):
        statistic = float((np.square(live_counts[used] - expected) / expected).sum())
    return ChiSquare(statistic, float(chdtrc(degrees, statistic)), degrees)


def measure(baseline: ColumnBaseline, profile: ColumnProfile) -> Measurement:
    """Cohen's w without what sampling adds to it; the p-value is that of Pearson's two-sample test."""
    n, m = int(baseline.counts.sum()), int(profile.counts.sum())
    score = math.nan
    p_value: float | None = None
    cells = _cells(baseline, profile.counts)
    if n and m:
        live = cells.counts / m
        total = float((np.square(live - cells.shares) / cells.shares).sum())
        score = math.sqrt(max(total - (len(cells.shares) - 1) / m, 0.0))
        test = chi_square(baseline.counts, profile.counts)
        p_value = None if math.isnan(test.p_value) else test.p_value
    return Measurement(
        statistic="chi_square",
        score=score,
        p_value=p_value,
        n_reference=n,
        n_live=m,
        binning=f"{len(cells.shares)} cells",
    )


@lru_cache(maxsize=1024)
def _shares(baseline: ColumnBaseline) -> NDArray[np.float64]:
    return smoothed_shares(baseline.counts)


def _cells(baseline: ColumnBaseline, live: NDArray[np.int64]) -> Pooled:
    return pooled(_shares(baseline), live, SMALLEST_SHARE)


@lru_cache(maxsize=4096)
def sampling_error(baseline: ColumnBaseline, doubt: float) -> float:
    """The effect size that the reference may have against the truth: ``n * w**2`` is nearly chi-square."""
    n = int(baseline.counts.sum())
    degrees = max(len(_cells(baseline, baseline.counts).shares) - 1, 1)
    return math.sqrt(float(chdtri(degrees, doubt)) / n) if n else math.inf


def exceedance(baseline: ColumnBaseline, profile: ColumnProfile, tolerance: float) -> float:
    """The p-value of "the true effect size is at most the tolerance"; see the module's text."""
    if not baseline.counts.any():
        return 1.0
    cells = _cells(baseline, profile.counts)
    return p_value_outside(cells.shares, cells.counts.astype(np.int64), kl_to_chi_square_ball, tolerance)


CHI_SQUARE = Statistic(
    name="chi_square",
    kinds=frozenset({ColumnKind.CATEGORICAL, ColumnKind.BOOLEAN}),
    tolerance=0.25,
    power=1,
    has_test=True,
    measure=measure,
    sampling_error=sampling_error,
    exceedance=exceedance,
)
