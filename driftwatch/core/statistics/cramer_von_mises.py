r"""Cramér-von Mises: how far two distribution functions are apart, averaged over all rows.

The score is a distance between 0 and 1 that does not grow with the number of rows:

.. math:: \omega = \sqrt{\int (F_{live} - F_{reference})^2 \, dH}

with ``H`` the distribution function of all rows together. Without ties ``omega**2 * n * m / (n + m)`` is the two-sample
statistic T of ``n`` and ``m`` rows. (With ties T depends on how they are ranked: by middle ranks, scipy's choice, it
is above 0 even for two constants that are equal. The score is not: it takes each value's rows as one step.)

Over finite values only: missing and infinite ones are left out, in raw samples too. ``nan`` where one side has no
finite value; 0 between equal constants. From a profile the functions are known at the ends of cells: the score takes
them as straight in between, and ``error_bound`` encloses whatever they may be.

How sure
--------
By the inequality of Dvoretzky, Kiefer and Wolfowitz (`driftwatch.core.statistics.steps`). The distance that is held
against the tolerance has the reference's own distribution function for ``H``, as it nearly is where windows are small
beside the reference.

References
----------
Anderson, T. W. (1962). On the distribution of the two-sample Cramér-von Mises criterion. Annals of Mathematical
Statistics 33(3). doi:10.1214/aoms/1177704477

Csörgő, S., Faraway, J. J. (1996). The exact and asymptotic distributions of Cramér-von Mises statistics. Journal of
the Royal Statistical Society B 58(1). doi:10.1111/j.2517-6161.1996.tb02077.x
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, kve

from driftwatch.core.records import ColumnKind, Measurement
from driftwatch.core.statistics.statistic import Statistic
from driftwatch.core.statistics.steps import (
    p_value_beyond,
    pooled_counts,
    reference_steps,
    sampling_band,
    steps,
)

if TYPE_CHECKING:
    from driftwatch.core.baseline import ColumnBaseline
    from driftwatch.core.profile import ColumnProfile

_TERMS = 40
_FAR_OUT = 2.0
"""Beyond, the series for the distribution function is 1 but for rounding errors."""


@dataclass(frozen=True, slots=True)
class CramerVonMises:
    """The score, the two-sample statistic T by middle ranks, and the p-value of T's limit distribution."""

    distance: float
    statistic: float
    p_value: float


def cramer_von_mises(reference: NDArray[np.float64], live: NDArray[np.float64]) -> CramerVonMises:
    """The exact two-sample statistic of raw values.

    Parameters
    ----------
    reference, live
        Any lengths. Missing and infinite values are left out.

    Returns
    -------
    CramerVonMises
        ``statistic`` and ``p_value`` equal ``scipy.stats.cramervonmises_2samp(..., method="asymptotic")``; all are
        ``nan`` where one sample has no finite value.

    Examples
    --------
    >>> import numpy as np
    >>> found = cramer_von_mises(np.array([1.0, 2.0, 3.0, 4.0]), np.array([3.5, 5.0, 6.0]))
    >>> round(found.distance, 4), round(found.statistic, 4)
    (0.4787, 0.3929)
    """
    _, a, b = pooled_counts(reference, live)
    n, m = int(a.sum()), int(b.sum())
    if n == 0 or m == 0:
        return CramerVonMises(math.nan, math.nan, math.nan)
    up_to_a, up_to_b = a.cumsum(), b.cumsum()
    difference = up_to_b / m - up_to_a / n
    distance = math.sqrt(float(((a + b) * difference * difference).sum()) / (n + m))
    # Ranks less their mean inside a tie are the other sample's rows below it and half of those in it.
    first = (a * np.square(up_to_b - b / 2.0) + a * (np.square(a.astype(np.float64)) - 1.0) / 12.0).sum()
    second = (b * np.square(up_to_a - a / 2.0) + b * (np.square(b.astype(np.float64)) - 1.0) / 12.0).sum()
    total, product = n + m, float(n) * float(m)
    statistic = (n * float(first) + m * float(second)) / (product * total) - (4.0 * product - 1.0) / (6.0 * total)
    return CramerVonMises(distance, statistic, _p_value(statistic, n, m))


def _p_value(statistic: float, n: int, m: int) -> float:
    """Of the limit distribution, with mean and variance of the statistic matched to those of so many rows."""
    total, product = float(n + m), float(n) * float(m)
    mean = (1.0 + 1.0 / total) / 6.0
    variance = (total + 1.0) * (4.0 * product * total - 3.0 * (float(n) ** 2 + float(m) ** 2) - 2.0 * product)
    variance /= 45.0 * total * total * 4.0 * product
    if variance <= 0.0:
        return 1.0
    x = 1.0 / 6.0 + (statistic - mean) / math.sqrt(45.0 * variance)
    if x < 0.003:
        return 1.0
    if x > _FAR_OUT:
        # Of the sum of squared normals that the limit is, the first decides alone.
        return math.sqrt(2.0) * math.erfc(math.pi * math.sqrt(x / 2.0))
    k = np.arange(_TERMS)
    y = 4.0 * k + 1.0
    q = y * y / (16.0 * x)
    terms = np.exp(gammaln(k + 0.5) - gammaln(k + 1.0) - 2.0 * q) * np.sqrt(y) * kve(0.25, q)
    return float(min(max(1.0 - float(terms.sum()) / (math.pi**1.5 * math.sqrt(x)), 0.0), 1.0))


def measure(baseline: ColumnBaseline, profile: ColumnProfile) -> Measurement:
    """The distance, from the ends of the baseline's cells; the p-value is that of the plain two-sample test."""
    found = steps(baseline, profile)
    score, error_bound = math.nan, 0.0
    p_value: float | None = None
    if found is not None:
        n, m, a, b = found.n, found.m, found.before, found.after
        share = (found.counts + found.live_counts) / (n + m)
        at_ends, alone = b * b, found.reference.alone
        straight = np.where(alone, at_ends, (a * a + a * b + b * b) / 3.0)
        least = math.sqrt(float((share * np.where(alone, at_ends, found.least**2)).sum()))
        most = math.sqrt(float((share * np.where(alone, at_ends, found.most**2)).sum()))
        score = min(max(math.sqrt(float((share * straight).sum())), least), most)
        error_bound = max(most - score, score - least)
        p_value = _p_value(score * score * n * (m / (n + m)), n, m)
    return Measurement(
        statistic="cramer_von_mises",
        score=score,
        p_value=p_value,
        n_reference=reference_steps(baseline).n,
        n_live=int(profile.counts[:-2].sum()),
        binning=f"{baseline.cells.n_cells} cells",
        error_bound=error_bound,
    )


def sampling_error(baseline: ColumnBaseline, doubt: float) -> float:
    """The distance that the reference may have from the truth: at most that of the largest difference."""
    return sampling_band(reference_steps(baseline).n, doubt)


def exceedance(baseline: ColumnBaseline, profile: ColumnProfile, tolerance: float) -> float:
    """The p-value of "the true distance is at most the tolerance"; see the module's text."""
    found = steps(baseline, profile)
    if found is None:
        return 1.0
    differences = np.where(found.reference.alone, np.abs(found.after), found.least)
    return p_value_beyond(differences, found.counts / found.n, 2, tolerance, found.m)


CRAMER_VON_MISES = Statistic(
    name="cramer_von_mises",
    kinds=frozenset({ColumnKind.NUMERIC}),
    tolerance=0.04,
    power=1,
    has_test=True,
    measure=measure,
    sampling_error=sampling_error,
    exceedance=exceedance,
)
