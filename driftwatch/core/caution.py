r"""How much one window may prove where the world has good and bad days.

A statistic's bets hold if the true distance of the window is at most the tolerance. Where the reference has event
times, windows are known to differ from each other with nothing wrong: the tolerance is the largest distance that its
own windows showed, and a new window lies beyond it with the probability ``tail`` that a rank among so many windows
has. No bet may therefore win more than such odds. With the cap ``1 / tail``, half of the capped bet has an
expectation of at most 1:

.. math:: E[\min(e, 1/t)] \le P(\delta \le tolerance) \cdot 1 + P(\delta > tolerance) / t \le 2

Windows far beyond are rarer. Distances between windows are allowed a heavy tail, ``P(delta > k * tolerance) <= tail /
k**2``, and so the same bet is placed at two and at four times the tolerance too, with caps four and sixteen times as
high; the average of the three counts. One odd day, a holiday, then alarms nobody; a break does on the second day, and
a lasting change in a few.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.evidence import calibrated
from driftwatch.core.statistics import Statistic

if TYPE_CHECKING:
    from driftwatch.core.baseline import ColumnBaseline
    from driftwatch.core.profile import ColumnProfile

MULTIPLES = (1, 2, 4)
"""Of the tolerance, in units of distance: where the bets are placed."""


def cautious_bets(
    statistic: Statistic, baseline: ColumnBaseline, profile: ColumnProfile, tolerance: float, tail: float | None
) -> NDArray[np.float64]:
    """A statistic's e-values for one window; see the module's text.

    Parameters
    ----------
    statistic, baseline, profile
        What is bet on.
    tolerance
        In units of the score.
    tail
        The probability that a window lies beyond the tolerance with nothing wrong; None where windows are random
        samples as far as anybody knows, and bets win what they win.

    Returns
    -------
    array
        As many e-values as the statistic has bets, one where it has none of its own.
    """
    if tail is None:
        return _bets(statistic, baseline, profile, tolerance)
    held = [
        0.5 * np.minimum(_bets(statistic, baseline, profile, tolerance * multiple**statistic.power), multiple**2 / tail)
        for multiple in MULTIPLES
    ]
    return np.mean(held, axis=0)  # type: ignore[no-any-return]


def _bets(
    statistic: Statistic, baseline: ColumnBaseline, profile: ColumnProfile, tolerance: float
) -> NDArray[np.float64]:
    if statistic.bets is None:
        return np.array([calibrated(statistic.exceedance(baseline, profile, tolerance))])
    return statistic.bets(baseline, profile, tolerance)
