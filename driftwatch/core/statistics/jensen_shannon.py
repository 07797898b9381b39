r"""Jensen-Shannon distance: between 0 and 1, symmetric, and finite whatever is empty.

.. math:: JS = \sqrt{\tfrac12 \sum_i p_i \log_2(p_i / m_i) + \tfrac12 \sum_i q_i \log_2(q_i / m_i)},
    \quad m = (p + q) / 2

with ``p`` the reference's and ``q`` the window's shares over the baseline's bins (`driftwatch.core.statistics.binned`).
It is the square root of the divergence, to base 2, which other tools show too. Missing and non-finite values are bins
like others; without rows on one side it is ``nan``; between equal constants it is 0, between different ones 1.

Of raw samples it depends on the bins, and tools choose differently: `jensen_shannon_of_samples` takes any rule of
``numpy.histogram_bin_edges`` on the reference, such as ``"doane"``.

How sure
--------
The squared distance is at least the squared Hellinger distance: term by term, their ratio is smallest, 1, where one of
the two shares is zero. So shares within the tolerance lie in the Hellinger ball of the same size, and the p-value is
that of having left it (`driftwatch.core.statistics.outside`).

References
----------
Lin, J. (1991). Divergence measures based on the Shannon entropy. IEEE Transactions on Information Theory 37(1).
doi:10.1109/18.61115

Endres, D. M., Schindelin, J. E. (2003). A new metric for probability distributions. IEEE Transactions on Information
Theory 49(7). doi:10.1109/TIT.2003.813506
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import rel_entr

from driftwatch.core.records import ColumnKind, Measurement
from driftwatch.core.statistics.binned import (
    binned_live,
    binned_reference,
    p_value_outside_ball,
    shares_of,
    squared_effect_of_sampling,
)
from driftwatch.core.statistics.outside import kl_to_hellinger_ball
from driftwatch.core.statistics.statistic import Statistic

if TYPE_CHECKING:
    from driftwatch.core.baseline import ColumnBaseline
    from driftwatch.core.profile import ColumnProfile


def jensen_shannon(reference_counts: NDArray[np.int64], live_counts: NDArray[np.int64]) -> float:
    """The distance, to base 2, of two sets of counts over the same bins.

    Parameters
    ----------
    reference_counts, live_counts
        Shape ``(B,)``.

    Returns
    -------
    float
        Between 0 and 1, as ``scipy.spatial.distance.jensenshannon(..., base=2)``; ``nan`` where one side has no row.

    Examples
    --------
    >>> import numpy as np
    >>> jensen_shannon(np.array([5, 0]), np.array([0, 9]))
    1.0
    """
    if not reference_counts.any() or not live_counts.any():
        return math.nan
    p, q = shares_of(reference_counts), shares_of(live_counts)
    middle = (p + q) / 2.0
    nats = float((rel_entr(p, middle) + rel_entr(q, middle)).sum()) / 2.0
    return math.sqrt(min(max(nats / math.log(2.0), 0.0), 1.0))


def jensen_shannon_of_samples(
    reference: NDArray[np.float64], live: NDArray[np.float64], bins: str | int | NDArray[np.float64] = "doane"
) -> float:
    """The distance of two samples of numbers, over bins that are chosen from the reference.

    Parameters
    ----------
    reference, live
        Any lengths. Missing and infinite values are left out.
    bins
        A rule's name, a number of equal bins over the reference's range, or edges: whatever
        ``numpy.histogram_bin_edges`` takes. Live values beyond the outer edges share one more bin.

    Returns
    -------
    float
        ``nan`` where one sample has no value.

    Examples
    --------
    >>> import numpy as np
    >>> jensen_shannon_of_samples(np.arange(8.0), np.array([0.0, 1.0, 6.0, 7.0, 0.5, 6.5]), bins=2)
    0.0
    """
    first, second = reference[np.isfinite(reference)], live[np.isfinite(live)]
    if len(first) == 0 or len(second) == 0:
        return math.nan
    edges = np.histogram_bin_edges(first, bins=bins)
    counts = [np.histogram(values, bins=edges)[0] for values in (first, second)]
    of_first, of_second = (
        np.append(inside, len(values) - inside.sum()) for inside, values in zip(counts, (first, second), strict=True)
    )
    return jensen_shannon(of_first, of_second)


def measure(baseline: ColumnBaseline, profile: ColumnProfile) -> Measurement:
    """The distance over the baseline's bins; it has no p-value of its own."""
    reference, live = binned_reference(baseline), binned_live(baseline, profile)
    return Measurement(
        statistic="jensen_shannon",
        score=jensen_shannon(reference.counts, live),
        p_value=None,
        n_reference=reference.n,
        n_live=int(live.sum()),
        binning=reference.text,
    )


def sampling_error(baseline: ColumnBaseline, doubt: float) -> float:
    """The distance that the reference may have from the truth: ``8 ln(2) n * JS**2`` is nearly chi-square."""
    return math.sqrt(squared_effect_of_sampling(baseline, doubt) / (8.0 * math.log(2.0)))


def exceedance(baseline: ColumnBaseline, profile: ColumnProfile, tolerance: float) -> float:
    """The p-value of "the true distance is at most the tolerance"; see the module's text."""
    return p_value_outside_ball(baseline, profile, kl_to_hellinger_ball, math.sqrt(8.0) * tolerance)


JENSEN_SHANNON = Statistic(
    name="jensen_shannon",
    kinds=frozenset(ColumnKind),
    tolerance=0.12,
    power=1,
    measure=measure,
    sampling_error=sampling_error,
    exceedance=exceedance,
)
