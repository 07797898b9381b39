r"""Hellinger distance: between 0 and 1, whatever the shares, and infinite for no empty bin.

.. math:: H = \sqrt{\tfrac12 \sum_i (\sqrt{q_i} - \sqrt{p_i})^2}

with ``p`` the reference's and ``q`` the window's shares over the baseline's bins (`driftwatch.core.statistics.binned`).
Missing and non-finite values are bins like others; without rows on one side it is ``nan``; between equal constants it
is 0, between different ones 1. Without any drift ``8 n H**2`` is nearly chi-square.

How sure
--------
The ball of shares within the tolerance is a ball of the kind that `driftwatch.core.statistics.outside` projects onto,
with the radius ``sqrt(8) * tolerance``: its p-value.

References
----------
Hellinger, E. (1909). Neue Begründung der Theorie quadratischer Formen von unendlichvielen Veränderlichen. Journal für
die reine und angewandte Mathematik 136. doi:10.1515/crll.1909.136.210
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

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


def hellinger(reference_counts: NDArray[np.int64], live_counts: NDArray[np.int64]) -> float:
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
    >>> round(hellinger(np.array([16, 18, 16, 14, 12, 12]), np.array([16, 16, 16, 16, 16, 8])), 5)
    0.06813
    """
    roots = np.sqrt(shares_of(live_counts)) - np.sqrt(shares_of(reference_counts))
    return min(math.sqrt(0.5) * float(np.linalg.norm(roots)), 1.0) if live_counts.any() else math.nan


def measure(baseline: ColumnBaseline, profile: ColumnProfile) -> Measurement:
    """The distance over the baseline's bins; it has no p-value of its own."""
    reference, live = binned_reference(baseline), binned_live(baseline, profile)
    return Measurement(
        statistic="hellinger",
        score=hellinger(reference.counts, live),
        p_value=None,
        n_reference=reference.n,
        n_live=int(live.sum()),
        binning=reference.text,
    )


def sampling_error(baseline: ColumnBaseline, doubt: float) -> float:
    """The distance that the reference may have from the truth: ``8 n * H**2`` is nearly chi-square."""
    return math.sqrt(squared_effect_of_sampling(baseline, doubt) / 8.0)


def exceedance(baseline: ColumnBaseline, profile: ColumnProfile, tolerance: float) -> float:
    """The p-value of "the true distance is at most the tolerance"; see the module's text."""
    return p_value_outside_ball(baseline, profile, kl_to_hellinger_ball, math.sqrt(8.0) * tolerance)


HELLINGER = Statistic(
    name="hellinger",
    kinds=frozenset(ColumnKind),
    tolerance=0.1,
    power=1,
    measure=measure,
    sampling_error=sampling_error,
    exceedance=exceedance,
)
