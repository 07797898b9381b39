r"""Kullback-Leibler divergence: how much is lost by taking the window's rows for the reference's, in nats.

.. math:: KL = \sum_i q_i \ln(q_i / p_i)

with ``p`` the reference's and ``q`` the window's shares over the baseline's bins (`driftwatch.core.statistics.binned`).
It is not symmetric: rows where the reference has few weigh much, rows that stay away weigh little. A bin that is empty
in the reference would make it infinite; it counts as half a row there. Missing and non-finite values are bins like
others; without rows on one side it is ``nan``; between constants it is 0.

How sure
--------
The p-value is that of having left the ball of all shares ``q`` with ``KL(q || p)`` up to the tolerance
(`driftwatch.core.statistics.outside`), onto which `kl_to_kl_ball` projects.

References
----------
Kullback, S., Leibler, R. A. (1951). On information and sufficiency. Annals of Mathematical Statistics 22(1).
doi:10.1214/aoms/1177729694
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import rel_entr, wrightomega

from driftwatch.core.records import ColumnKind, Measurement
from driftwatch.core.statistics.binned import (
    binned_live,
    binned_reference,
    p_value_outside_ball,
    squared_effect_of_sampling,
)
from driftwatch.core.statistics.statistic import Statistic

if TYPE_CHECKING:
    from driftwatch.core.baseline import ColumnBaseline
    from driftwatch.core.profile import ColumnProfile

_HALVINGS = 60


def kullback_leibler(reference_counts: NDArray[np.int64], live_counts: NDArray[np.int64]) -> float:
    """The divergence of the live from the reference's shares, from counts over the same bins.

    Parameters
    ----------
    reference_counts, live_counts
        Shape ``(B,)``. A bin that only the reference lacks counts as half a row there.

    Returns
    -------
    float
        In nats, as ``scipy.stats.entropy(live_counts, reference_counts)`` gives it where no bin is empty; at least 0.
        ``nan`` where one side has no row.

    Examples
    --------
    >>> import numpy as np
    >>> round(kullback_leibler(np.array([50, 50]), np.array([75, 25])), 6)
    0.130812
    """
    n, m = int(reference_counts.sum()), int(live_counts.sum())
    if n == 0 or m == 0:
        return math.nan
    p = np.where((reference_counts == 0) & (live_counts > 0), 0.5, reference_counts) / n
    return max(float(rel_entr(live_counts / m, p).sum()), 0.0)


def kl_to_kl_ball(live: NDArray[np.float64], shares: NDArray[np.float64], radius: float) -> float:
    """The least ``KL(live || q)`` over ``q`` with ``2 KL(q || shares) <= radius**2``, or a little less.

    The minimiser of the Lagrangian is known for each multiplier; its dual value is a bound from below for any.

    Parameters
    ----------
    live, shares
        Of shape ``(k,)``, each adding up to 1; ``shares`` positive.
    radius
        Cohen's w of a small change that far away.

    Examples
    --------
    >>> import numpy as np
    >>> half = np.array([0.5, 0.5])
    >>> kl_to_kl_ball(np.array([0.6, 0.4]), half, 0.5), round(kl_to_kl_ball(np.array([0.9, 0.1]), half, 0.5), 3)
    (0.0, 0.077)
    """
    limit = radius * radius / 2.0
    if float(rel_entr(live, shares).sum()) <= limit:
        return 0.0
    ratio = live / shares
    with np.errstate(divide="ignore"):
        log_ratio = np.log(ratio)

    def nearest(multiplier: float) -> NDArray[np.float64]:
        # Where the derivative vanishes: multiplier * y * ln(y) + slope * y = live / shares, for y = q / shares.
        slope = 1.0 - multiplier * limit
        root = wrightomega(log_ratio - math.log(multiplier) + slope / multiplier)
        y: NDArray[np.float64] = np.exp(np.minimum(root - slope / multiplier, 700.0))
        return shares * y

    low, high = -15.0, 25.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        if float(nearest(math.exp(middle)).sum()) < 1.0:
            low = middle
        else:
            high = middle
        if high - low < 1e-7:
            break
    multiplier = math.exp(high)
    q = nearest(multiplier)
    excess = float(q.sum()) - 1.0
    penalty = multiplier * (float(rel_entr(q, shares).sum()) - limit)
    penalty += (1.0 - multiplier * (limit + 1.0)) * excess
    return max(float(rel_entr(live, q).sum()) + penalty, 0.0)


def measure(baseline: ColumnBaseline, profile: ColumnProfile) -> Measurement:
    """The divergence over the baseline's bins; it has no p-value of its own (`g_test` has)."""
    reference, live = binned_reference(baseline), binned_live(baseline, profile)
    return Measurement(
        statistic="kullback_leibler",
        score=kullback_leibler(reference.counts, live),
        p_value=None,
        n_reference=reference.n,
        n_live=int(live.sum()),
        binning=reference.text,
    )


def sampling_error(baseline: ColumnBaseline, doubt: float) -> float:
    """The divergence that the reference may have from the truth: ``2 n * KL`` is nearly chi-square."""
    return squared_effect_of_sampling(baseline, doubt) / 2.0


def exceedance(baseline: ColumnBaseline, profile: ColumnProfile, tolerance: float) -> float:
    """The p-value of "the true divergence is at most the tolerance"; see the module's text."""
    return p_value_outside_ball(baseline, profile, kl_to_kl_ball, math.sqrt(2.0 * tolerance))


KULLBACK_LEIBLER = Statistic(
    name="kullback_leibler",
    kinds=frozenset(ColumnKind),
    tolerance=0.05,
    power=2,
    measure=measure,
    sampling_error=sampling_error,
    exceedance=exceedance,
)
