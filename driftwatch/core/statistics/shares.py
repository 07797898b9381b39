r"""One share of the rows against the reference's: exact at every number of rows.

The score is the difference of the two shares, without its sign. The p-value of the measurement is that of Fisher's
exact test of the two by two table (`driftwatch.core.statistics.two_by_two`).

How sure
--------
If the rows come from a share within the tolerance of the reference's, their number is binomial. *p-value*: twice the
smaller of the two exact tails at the two edges of what is allowed. *Bets*: the likelihood ratio of the binomials with
shares ``q'`` and ``q``, the edge, where ``q'`` has the odds of ``q`` times ``exp(s)``: its expectation is 1 at ``q``
and falls with the share. So none of this needs many rows.

References
----------
Clopper, C. J., Pearson, E. S. (1934). The use of confidence or fiducial limits illustrated in the case of the binomial.
Biometrika 26(4). doi:10.1093/biomet/26.4.404
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, bdtrc, betaincinv

from driftwatch.core.records import Measurement
from driftwatch.core.statistics.two_by_two import fisher_exact

LOG_ODDS = np.array([0.15, 0.4, 1.0, 2.5])
"""The changes that are bet on, in log odds beyond the tolerance."""

_LARGEST_LOG = 600.0


class Rows(NamedTuple):
    """How many of how many."""

    held: int
    n: int

    @property
    def share(self) -> float:
        """``nan`` of no rows."""
        return self.held / self.n if self.n else math.nan


def measured_share(name: str, reference: Rows, live: Rows, binning: str) -> Measurement:
    """The difference of two shares, without its sign; ``nan`` where one side has no row."""
    p_value = None
    if reference.n and live.n and not reference.held and not live.held:
        # As nearly always where nothing is missing or new: no test is needed to tell nothing from nothing.
        p_value = 1.0
    elif reference.n and live.n:
        table = ((reference.held, reference.n - reference.held), (live.held, live.n - live.held))
        p_value = fisher_exact(table).p_value
    return Measurement(
        statistic=name,
        score=abs(live.share - reference.share),
        p_value=p_value,
        n_reference=reference.n,
        n_live=live.n,
        binning=binning,
    )


def share_error(reference: Rows, doubt: float) -> float:
    """How far the reference's share may lie from the true one: Clopper and Pearson's exact interval.

    Examples
    --------
    >>> round(share_error(Rows(0, 1000), 0.05), 5)
    0.00368
    """
    if reference.n == 0:
        return math.inf
    held, n = reference.held, reference.n
    upper = float(betaincinv(held + 1.0, n - held, 1.0 - doubt / 2.0)) if held < n else 1.0
    lower = float(betaincinv(held, n - held + 1.0, doubt / 2.0)) if held else 0.0
    return max(upper - held / n, held / n - lower)


def p_value_of_share(reference: Rows, live: Rows, tolerance: float) -> float:
    """The p-value of "the true share is within the tolerance of the reference's"; 1.0 where one side has no row.

    Examples
    --------
    >>> round(p_value_of_share(Rows(10, 100), Rows(5, 10), 0.05), 5)
    0.01975
    >>> p_value_of_share(Rows(10, 100), Rows(1, 10), 0.05)
    1.0
    """
    if reference.n == 0 or live.n == 0:
        return 1.0
    at_most, at_least = reference.share + tolerance, reference.share - tolerance
    more = float(bdtrc(live.held - 1, live.n, at_most)) if at_most < 1.0 and live.held else 1.0
    fewer = float(bdtr(live.held, live.n, at_least)) if at_least > 0.0 else 1.0
    return min(1.0, 2.0 * min(more, fewer))


def bets_on_share(reference: Rows, live: Rows, tolerance: float) -> NDArray[np.float64]:
    """One e-value a change of log odds: first the bets on a larger share, then on a smaller one.

    Returns
    -------
    array of shape ``(2 * len(LOG_ODDS),)``
        0 where a share cannot exceed the tolerance; empty where one side has no row.
    """
    if reference.n == 0 or live.n == 0:
        return np.zeros(0)
    rows = np.array([live.held, live.n - live.held])
    return likelihood_ratios(rows, live.n, np.array([reference.share, 1.0 - reference.share]) + tolerance)


def likelihood_ratios(rows: NDArray[np.int64], n: int, share: NDArray[np.float64]) -> NDArray[np.float64]:
    """E-values of "the true shares are at most these", one a share and change of log odds.

    Parameters
    ----------
    rows
        How many of ``n``, for each share.
    n
        How many rows there are.
    share
        The largest that are allowed, at least 0; of one that is 1 or more nothing can be told.

    Returns
    -------
    array of shape ``(len(share) * len(LOG_ODDS),)``

    Examples
    --------
    >>> likelihood_ratios(np.array([9]), 10, np.array([0.5])).round(1)
    array([ 1.8,  4.1, 16.4, 38.2])
    """
    possible = share < 1.0
    capped = np.where(possible, share, 0.5)[:, None]
    logs = LOG_ODDS * rows[:, None] - n * np.log1p(capped * np.expm1(LOG_ODDS))
    values: NDArray[np.float64] = np.exp(np.minimum(logs, _LARGEST_LOG))
    values[~possible] = 0.0
    return values.ravel()
