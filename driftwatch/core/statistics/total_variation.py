r"""Total variation: the share of rows that would have to change their bin.

.. math:: TV = \tfrac12 \sum_i |q_i - p_i|

with ``p`` the reference's and ``q`` the window's shares over the baseline's bins (`driftwatch.core.statistics.binned`);
between 0 and 1. Missing and non-finite values are bins like others; without rows on one side it is ``nan``.

How sure
--------
Twice the smaller of two bounds, both of which hold at any number of rows.

*Many bins.* The distance obeys the triangle inequality, so within the tolerance ``TV - tolerance`` is at most the
distance of the rows' shares from those that they were drawn from. That is ``sqrt((B - 1) / n) / 2`` or less on average
(Jensen), and one row changes it by ``1 / n``: ``exp(-2 n (TV - tolerance - sqrt((B - 1) / n) / 2)**2)`` by McDiarmid's
inequality.

*Few bins.* Within the tolerance no set of bins has a share above that of the reference plus the tolerance. The share
of rows in one set is binomial, with Chernoff's tail, and there are ``2**B`` sets.

References
----------
McDiarmid, C. (1989). On the method of bounded differences. Surveys in Combinatorics 141.
doi:10.1017/CBO9781107359949.008
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import rel_entr

from driftwatch.core.records import ColumnKind, Measurement
from driftwatch.core.statistics.binned import binned_live, binned_reference, shares_of
from driftwatch.core.statistics.statistic import Statistic

if TYPE_CHECKING:
    from driftwatch.core.baseline import ColumnBaseline
    from driftwatch.core.profile import ColumnProfile


def total_variation(reference_counts: NDArray[np.int64], live_counts: NDArray[np.int64]) -> float:
    """The distance of two sets of counts over the same bins.

    Parameters
    ----------
    reference_counts, live_counts
        Shape ``(B,)``.

    Returns
    -------
    float
        Between 0 and 1; ``nan`` where one side has no row.

    Examples
    --------
    >>> import numpy as np
    >>> total_variation(np.array([50, 50, 0]), np.array([5, 3, 2]))
    0.2
    """
    return float(np.abs(shares_of(live_counts) - shares_of(reference_counts)).sum()) / 2.0


def measure(baseline: ColumnBaseline, profile: ColumnProfile) -> Measurement:
    """The distance over the baseline's bins; it has no p-value of its own."""
    reference, live = binned_reference(baseline), binned_live(baseline, profile)
    return Measurement(
        statistic="total_variation",
        score=total_variation(reference.counts, live),
        p_value=None,
        n_reference=reference.n,
        n_live=int(live.sum()),
        binning=reference.text,
    )


def _mean_at_most(n_bins: int, n: int) -> float:
    return math.sqrt((n_bins - 1) / n) / 2.0


def sampling_error(baseline: ColumnBaseline, doubt: float) -> float:
    """The distance that the reference may have from the truth, by the same inequality."""
    reference = binned_reference(baseline)
    if reference.n == 0:
        return math.inf
    return _mean_at_most(len(reference.counts), reference.n) + math.sqrt(math.log(1.0 / doubt) / (2.0 * reference.n))


def exceedance(baseline: ColumnBaseline, profile: ColumnProfile, tolerance: float) -> float:
    """The p-value of "the true distance is at most the tolerance"; see the module's text."""
    reference, live = binned_reference(baseline), binned_live(baseline, profile)
    m = int(live.sum())
    if reference.n == 0 or m == 0:
        return 1.0
    excess = max(total_variation(reference.counts, live) - tolerance - _mean_at_most(len(live), m), 0.0)
    of_sets = m * _largest_divergence(reference.counts / reference.n, live / m, tolerance) - len(live) * math.log(2.0)
    return min(1.0, 2.0 * math.exp(-max(2.0 * m * excess * excess, of_sets)))


def _largest_divergence(p: NDArray[np.float64], q: NDArray[np.float64], tolerance: float) -> float:
    """How far the share of a set of bins is beyond what the tolerance allows, as a binary divergence.

    Of the sets of the ``k`` bins that grew most, relative to what they were.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        order = np.argsort(-np.where(q > 0.0, q / p, 0.0), kind="stable")
    share, allowed = np.minimum(q[order].cumsum(), 1.0), p[order].cumsum() + tolerance
    beyond = (share > allowed) & (allowed < 1.0)
    share, allowed = share[beyond], allowed[beyond]
    return float((rel_entr(share, allowed) + rel_entr(1.0 - share, 1.0 - allowed)).max(initial=0.0))


TOTAL_VARIATION = Statistic(
    name="total_variation",
    kinds=frozenset(ColumnKind),
    tolerance=0.1,
    power=1,
    measure=measure,
    sampling_error=sampling_error,
    exceedance=exceedance,
)
