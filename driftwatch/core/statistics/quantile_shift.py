r"""Quantile shift: the farthest that one of five quantiles moved, in interquartile ranges of the reference.

.. math:: \max_p |Q_{live}(p) - Q_{reference}(p)| \,/\, (Q_{reference}(3/4) - Q_{reference}(1/4)),
    \quad p \in \{0.1, 0.25, 0.5, 0.75, 0.9\}

with ``Q(p)`` the smallest value that a share ``p`` of the rows does not exceed (numpy's ``inverted_cdf``). No single
value, however wild, moves it: it is at home where tails are heavy.

Over finite values only: missing and infinite ones are left out, in raw samples too. Where the interquartile range is
zero, that between the first and the last decile is taken, then the whole range; ``nan`` where that is zero, too, or one
side has no finite value. From a profile, a quantile is known to lie in a cell: the score takes its rows as evenly
spread, and ``error_bound`` says how far that may be off.

How sure
--------
If a quantile moved by the tolerance at most, a share of at least ``p`` of the rows lies up to that distance above the
reference's quantile, and of at most ``p`` below it by more than that. *p-value*: exact binomial tails at both sides of
five quantiles, the smallest times ten. *Bets*: binomial likelihood ratios (`driftwatch.core.statistics.shares`) at the
same points. Both hold at every number of rows, whatever the distribution.

References
----------
Doksum, K. (1974). Empirical probability plots and statistical inference for nonlinear models in the two-sample case.
Annals of Statistics 2(2). doi:10.1214/aos/1176342662
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, bdtrc

from driftwatch.core.moments import Moments
from driftwatch.core.records import ColumnKind, Measurement
from driftwatch.core.statistics.mean_shift import both_moments
from driftwatch.core.statistics.shares import likelihood_ratios
from driftwatch.core.statistics.statistic import Statistic
from driftwatch.core.statistics.steps import reference_steps
from driftwatch.core.statistics.stretches import LARGEST_SCALES, in_scales, in_units, stretches, within_one

if TYPE_CHECKING:
    from driftwatch.core.baseline import ColumnBaseline
    from driftwatch.core.profile import ColumnProfile

TWENTIETHS = np.array([2, 5, 10, 15, 18])
"""The quantiles that are compared, as twentieths: so that their ranks are not rounded."""

LEVELS = TWENTIETHS / 20.0

_SPREADS = ((1, 3), (0, 4))
"""Which of the quantiles the score is measured in: the quartiles, else the outer deciles."""


def quantile_shift(reference: NDArray[np.float64], live: NDArray[np.float64]) -> float:
    """The exact shift of two samples.

    Parameters
    ----------
    reference, live
        Any lengths. Missing and infinite values are left out.

    Returns
    -------
    float
        ``nan`` where one sample has no finite value or the reference is constant.

    Examples
    --------
    >>> import numpy as np
    >>> quantile_shift(np.arange(100.0), np.arange(100.0) + 25.0)
    0.5
    """
    first, second = np.sort(reference[np.isfinite(reference)]), np.sort(live[np.isfinite(live)])
    if len(first) == 0 or len(second) == 0:
        return math.nan
    # The reference may be small beside the window: its spread is taken on its own scale.
    alone, its_unit = within_one(first)
    spread = _spread(alone[_ranks(len(first)) - 1], float(alone[-1] - alone[0]))
    if not spread > 0.0:
        return math.nan
    scaled, unit = within_one(np.concatenate([first, second]))
    before, after = (one[_ranks(len(one)) - 1] for one in (scaled[: len(first)], scaled[len(first) :]))
    farthest = float(np.abs(after - before).max()) / spread
    return in_units(farthest, unit / its_unit) if farthest > 0.0 else 0.0


def _ranks(n: int) -> NDArray[np.int64]:
    ranks: NDArray[np.int64] = -(-TWENTIETHS * n // 20)
    return ranks


def _spread(quantiles: NDArray[np.float64], whole: float) -> float:
    spreads = (float(quantiles[high] - quantiles[low]) for low, high in _SPREADS)
    return next((one for one in spreads if one > 0.0), whole)


class _Quantiles(NamedTuple):
    """Between what they lie, and where they are if rows are spread evenly; in scales."""

    least: NDArray[np.float64]
    even: NDArray[np.float64]
    most: NDArray[np.float64]


def _quantiles(
    baseline: ColumnBaseline, counts: NDArray[np.int64], moments: Moments, ranks: NDArray[np.int64]
) -> _Quantiles:
    ends = stretches(baseline).ends
    lowest, highest = in_scales(np.array([moments.minimum, moments.maximum]), moments)
    up_to = counts.cumsum()
    cell = np.searchsorted(up_to, ranks)
    low = np.concatenate([[min(lowest, ends[0])], ends])[cell]
    high = np.concatenate([ends, [max(highest, ends[-1])]])[cell]
    low = np.where(reference_steps(baseline).alone[cell], high, low)
    part = (ranks - (up_to - counts)[cell]) / counts[cell]
    return _Quantiles(low, low + (high - low) * part, high)


class _Reference(NamedTuple):
    """What follows from the reference alone: worked out once a baseline. The spread is in scales."""

    n: int
    quantiles: _Quantiles
    least_spread: float
    spread: float
    most_spread: float


@lru_cache(maxsize=1024)
def _reference(baseline: ColumnBaseline) -> _Reference | None:
    """None where the reference has no finite value or does not vary."""
    steps = reference_steps(baseline)
    moments = baseline.moments
    if steps.n == 0 or moments is None:
        return None
    found = _quantiles(baseline, steps.counts, moments, _ranks(steps.n))
    lowest, highest = in_scales(np.array([moments.minimum, moments.maximum]), moments).tolist()
    spread = _spread(found.even, highest - lowest)
    if not spread > 0.0:
        return None
    for low, high in _SPREADS:
        if found.even[high] > found.even[low]:
            least = float(found.least[high] - found.most[low])
            most = float(found.most[high] - found.least[low])
            return _Reference(steps.n, found, max(least, 0.0), spread, most)
    return _Reference(steps.n, found, spread, spread, spread)


def measure(baseline: ColumnBaseline, profile: ColumnProfile) -> Measurement:
    """The shift in interquartile ranges of the reference; it has no p-value of its own."""
    reference, live = _reference(baseline), profile.counts[:-2]
    m = int(live.sum())
    score, error_bound = math.nan, 0.0
    if reference is not None and m:
        before = reference.quantiles
        after = _quantiles(baseline, live, both_moments(baseline, profile)[1], _ranks(m))
        score = in_units(float(np.abs(after.even - before.even).max()), 1.0 / reference.spread)
        least = max(float(np.maximum(after.least - before.most, before.least - after.most).max()), 0.0)
        most = float(np.maximum(after.most - before.least, before.most - after.least).max())
        known = reference.least_spread > 0.0 and most < LARGEST_SCALES / 2.0
        upper = in_units(most, 1.0 / reference.least_spread) if known else in_units(math.inf, 1.0)
        doubt = max(upper - score, score - least / reference.most_spread, 0.0)
        error_bound = in_units(doubt + 1e-12 * score, 1.0)
    return Measurement(
        statistic="quantile_shift",
        score=score,
        p_value=None,
        n_reference=reference_steps(baseline).n,
        n_live=m,
        binning=f"{baseline.cells.n_cells} cells",
        error_bound=error_bound,
    )


@lru_cache(maxsize=4096)
def sampling_error(baseline: ColumnBaseline, doubt: float) -> float:
    """How far one of the reference's quantiles may lie from the true one, by exact ranks.

    ``inf`` where it has so few rows that a quantile may lie beyond all of them.
    """
    reference = _reference(baseline)
    if reference is None or baseline.moments is None:
        return math.inf
    n, each = reference.n, doubt / (2.0 * len(LEVELS))
    ranks = np.array([_rank_limits(n, float(level), each) for level in LEVELS])
    if ranks.min() < 1 or ranks.max() > n:
        return math.inf
    counts = reference_steps(baseline).counts
    low = _quantiles(baseline, counts, baseline.moments, ranks[:, 0]).least
    high = _quantiles(baseline, counts, baseline.moments, ranks[:, 1]).most
    farthest = np.maximum(high - reference.quantiles.least, reference.quantiles.most - low).max()
    return max(float(farthest) / reference.spread, float(np.finfo(np.float64).tiny))


def _rank_limits(n: int, level: float, doubt: float) -> tuple[int, int]:
    """Ranks of rows below and above a true quantile, each but for a probability of ``doubt``; 0, ``n + 1``: none."""
    reach = 12.0 * math.sqrt(n * level * (1.0 - level)) + 40.0
    first, last = max(math.floor(n * level - reach), 1), min(math.ceil(n * level + reach), n)
    ranks = np.arange(first, last + 1)
    below = ranks[bdtr(ranks - 1.0, n, level) <= doubt]
    above = ranks[bdtrc(ranks - 1.0, n, level) <= doubt]
    return (int(below[-1]) if len(below) else 0), (int(above[0]) if len(above) else n + 1)


def _points(
    baseline: ColumnBaseline, reference: _Reference, profile: ColumnProfile, tolerance: float
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_]]:
    """Rows above the upper and up to the lower ends of what is allowed for each quantile, and where there are such."""
    ends = stretches(baseline).ends
    up_to = profile.counts[:-2].cumsum()
    allowed = tolerance * reference.most_spread
    above = np.searchsorted(ends, reference.quantiles.most + allowed, side="left")
    below = np.searchsorted(ends, reference.quantiles.least - allowed, side="left") - 1
    last = len(ends) - 1
    return up_to[-1] - up_to[np.minimum(above, last)], up_to[np.maximum(below, 0)], above <= last, below >= 0


def exceedance(baseline: ColumnBaseline, profile: ColumnProfile, tolerance: float) -> float:
    """The p-value of "no true quantile moved by more than the tolerance"; see the module's text."""
    reference, m = _reference(baseline), int(profile.counts[:-2].sum())
    if reference is None or m == 0:
        return 1.0
    higher, lower, is_above, is_below = _points(baseline, reference, profile, tolerance)
    tails = np.concatenate([
        np.where(is_above, bdtr((m - higher).astype(np.float64), m, LEVELS), 1.0),
        np.where(is_below & (lower > 0), bdtrc(np.maximum(lower - 1.0, 0.0), m, LEVELS), 1.0),
    ])  # fmt: skip
    return min(1.0, len(tails) * float(tails.min()))


def bets(baseline: ColumnBaseline, profile: ColumnProfile, tolerance: float) -> NDArray[np.float64]:
    """One e-value a quantile, side and change of log odds: first the bets on higher, then on lower quantiles.

    Returns
    -------
    array of shape ``(2 * len(LEVELS) * len(LOG_ODDS),)``
        0 where no cell ends as far out; empty where the score is undefined.
    """
    reference, m = _reference(baseline), int(profile.counts[:-2].sum())
    if reference is None or m == 0:
        return np.zeros(0)
    higher, lower, is_above, is_below = _points(baseline, reference, profile, tolerance)
    share = np.where(np.concatenate([is_above, is_below]), np.concatenate([1.0 - LEVELS, LEVELS]), 1.0)
    return likelihood_ratios(np.concatenate([higher, lower]), m, share)


QUANTILE_SHIFT = Statistic(
    name="quantile_shift",
    kinds=frozenset({ColumnKind.NUMERIC}),
    tolerance=0.15,
    power=1,
    measure=measure,
    sampling_error=sampling_error,
    exceedance=exceedance,
    bets=bets,
)
