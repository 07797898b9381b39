r"""Kolmogorov-Smirnov: the largest difference between two distribution functions.

.. math:: D = \sup_x |F_{live}(x) - F_{reference}(x)|

Over finite values only; missing and non-finite ones are the business of statistics that count cells. From a profile,
``D`` is taken over the ends of the baseline's cells. That is exact for cells that hold one repeated value and for the
open cells at both ends; inside another cell the two functions may differ by a little more, at most by what the cell
holds, and ``error_bound`` says by how much.

How sure
--------
*p-value.* If the rows come from ``Q`` with ``sup|Q - reference| <= tolerance``, then ``D - tolerance`` is at most
``sup|F_live - Q|``, which the Dvoretzky-Kiefer-Wolfowitz inequality with Massart's constant bounds at every number of
rows, for every ``Q`` with or without ties: ``p = min(1, 2 exp(-2 n (D - tolerance)**2))``.

*Bets.* At a fixed point ``x`` the number of rows up to ``x`` is binomial with a share of at most
``q = F_reference(x) + tolerance``. The likelihood ratio of the binomials with shares ``q'`` and ``q``, where
``q'`` has the odds of ``q`` times ``exp(s)``, is an e-value for any ``s > 0``: its expectation is 1 at ``q`` and
falls with the share. No limit theorem is needed, so it holds at every number of rows. A bet is one point, one side
and one ``s``; several are placed side by side, because nobody knows how the data will change.

References
----------
Massart, P. (1990). The tight constant in the Dvoretzky-Kiefer-Wolfowitz inequality. Annals of Probability 18(3).
doi:10.1214/aop/1176990746

Shin, J., Ramdas, A., Rinaldo, A. (2024). E-detectors: a nonparametric framework for sequential change detection.
New England Journal of Statistics in Data Science 2(2). doi:10.51387/23-NEJSDS51
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import kolmogorov

from driftwatch.core.cells import NumericCells
from driftwatch.core.records import ColumnKind, Measurement
from driftwatch.core.statistics.statistic import Statistic

if TYPE_CHECKING:
    from driftwatch.core.baseline import ColumnBaseline
    from driftwatch.core.profile import ColumnProfile

POINTS = np.array([0.05, 0.2, 0.35, 0.5, 0.65, 0.8, 0.95])
"""The reference's quantiles at which bets are placed; the cell ends that come nearest."""

LOG_ODDS = np.array([0.15, 0.4, 1.0, 2.5])
"""The changes that are bet on, in log odds beyond the tolerance: from a small one in many rows to a plain one."""

_ODDS_LESS_ONE = np.expm1(LOG_ODDS)
_LARGEST_LOG = 600.0


@dataclass(frozen=True, slots=True)
class KolmogorovSmirnov:
    """The statistic of two samples and the p-value of Kolmogorov's limit distribution."""

    statistic: float
    p_value: float


def ks_two_sample(reference: NDArray[np.float64], live: NDArray[np.float64]) -> KolmogorovSmirnov:
    """The exact two-sample statistic of raw values.

    Parameters
    ----------
    reference, live
        Any lengths. Missing values (``nan``) are left out; infinities are values like others.

    Returns
    -------
    KolmogorovSmirnov
        The statistic equals ``scipy.stats.ks_2samp``'s; the p-value is that of Kolmogorov's limit. Both are ``nan``
        where one sample has no value.

    Examples
    --------
    >>> import numpy as np
    >>> ks_two_sample(np.array([1.0, 2.0, 3.0, 4.0]), np.array([3.0, 4.0, 5.0, np.nan])).statistic
    0.5
    """
    first = np.sort(reference[~np.isnan(reference)])
    second = np.sort(live[~np.isnan(live)])
    n, m = len(first), len(second)
    if n == 0 or m == 0:
        return KolmogorovSmirnov(math.nan, math.nan)
    values = np.concatenate([first, second])
    difference = np.searchsorted(first, values, side="right") / n - np.searchsorted(second, values, side="right") / m
    statistic = float(np.abs(difference).max())
    return KolmogorovSmirnov(statistic, float(kolmogorov(statistic * math.sqrt(n * m / (n + m)))))


class _Reference(NamedTuple):
    """What follows from the reference alone: worked out once a baseline."""

    n: int
    below: NDArray[np.float64]
    ends: NDArray[np.intp]
    shares: NDArray[np.float64]
    wide: NDArray[np.bool_]
    is_wide_anywhere: bool


@lru_cache(maxsize=1024)
def _reference(baseline: ColumnBaseline) -> _Reference:
    if not isinstance(baseline.cells, NumericCells):
        raise TypeError("the Kolmogorov-Smirnov statistic needs a numeric column")
    counts, edges = baseline.counts[:-2], baseline.cells.edges
    n = int(counts.sum())
    below = np.cumsum(counts) / max(n, 1)
    after = np.minimum(np.searchsorted(below, POINTS), len(below) - 1)
    before = np.maximum(after - 1, 0)
    ends = np.where(POINTS - below[before] < below[after] - POINTS, before, after)
    shares = np.concatenate([below[ends], 1.0 - below[ends]])
    wide = np.nextafter(edges[:-1], np.inf) < edges[1:]
    return _Reference(n, below, ends, shares, wide, bool(wide.any()))


def _score(reference: _Reference, below: NDArray[np.float64]) -> float:
    difference = below - reference.below
    return max(float(difference.max()), -float(difference.min()))


def measure(baseline: ColumnBaseline, profile: ColumnProfile) -> Measurement:
    """The statistic at the ends of the baseline's cells, with what it may differ from the raw rows'."""
    reference = _reference(baseline)
    up_to = profile.counts[:-2].cumsum()
    n, m = reference.n, int(up_to[-1])
    score, error_bound = math.nan, 0.0
    p_value: float | None = None
    if n and m:
        below = up_to / m
        score = _score(reference, below)
        p_value = float(kolmogorov(score * math.sqrt(n * m / (n + m))))
        error_bound = _error_bound(reference, below, score)
    return Measurement(
        statistic="ks",
        score=score,
        p_value=p_value,
        n_reference=n,
        n_live=m,
        binning=f"{len(up_to)} cells",
        error_bound=error_bound,
    )


def _error_bound(reference: _Reference, below: NDArray[np.float64], score: float) -> float:
    """How much larger the difference can be inside a cell than at all cell ends."""
    if not reference.is_wide_anywhere:
        return 0.0
    above = below[1:-1] - reference.below[:-2]
    under = reference.below[1:-1] - below[:-2]
    return max(float(np.maximum(above, under)[reference.wide].max()) - score, 0.0)


def sampling_error(baseline: ColumnBaseline, doubt: float) -> float:
    """How far the reference's distribution function may lie from the true one (Dvoretzky-Kiefer-Wolfowitz)."""
    n = _reference(baseline).n
    return math.sqrt(math.log(2.0 / doubt) / (2.0 * n)) if n else math.inf


def exceedance(baseline: ColumnBaseline, profile: ColumnProfile, tolerance: float) -> float:
    """The p-value of "the true difference is at most the tolerance"; see the module's text."""
    reference = _reference(baseline)
    up_to = profile.counts[:-2].cumsum()
    m = int(up_to[-1])
    if reference.n == 0 or m == 0:
        return 1.0
    excess = _score(reference, up_to / m) - tolerance
    return 1.0 if excess <= 0.0 else min(1.0, 2.0 * math.exp(-2.0 * m * excess * excess))


def bets(baseline: ColumnBaseline, profile: ColumnProfile, tolerance: float) -> NDArray[np.float64]:
    """One e-value for each point, side and change of log odds; see the module's text.

    Returns
    -------
    array of shape ``(2 * len(POINTS) * len(LOG_ODDS),)``
        First the bets on more rows up to each point, then those on fewer. 0 where a share cannot exceed the
        tolerance; empty where one side has no finite value.
    """
    reference = _reference(baseline)
    up_to = profile.counts[:-2].cumsum()
    m = int(up_to[-1])
    if reference.n == 0 or m == 0:
        return np.zeros(0)
    at_ends = up_to[reference.ends]
    rows = np.concatenate([at_ends, m - at_ends])
    costs, possible = _at_points(baseline, tolerance)
    values: NDArray[np.float64] = np.exp(np.minimum(LOG_ODDS * rows[:, None] - m * costs, _LARGEST_LOG))
    values *= possible
    return values.ravel()


@lru_cache(maxsize=1024)
def _at_points(baseline: ColumnBaseline, tolerance: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What each bet costs a row, and 1 where a share can be beyond the tolerance, else 0."""
    share = (_reference(baseline).shares + tolerance)[:, None]
    return np.log1p(np.where(share < 1.0, share, 0.5) * _ODDS_LESS_ONE), (share < 1.0).astype(np.float64)


KS = Statistic(
    name="ks",
    kinds=frozenset({ColumnKind.NUMERIC}),
    tolerance=0.05,
    power=1,
    has_test=True,
    measure=measure,
    sampling_error=sampling_error,
    exceedance=exceedance,
    bets=bets,
)
