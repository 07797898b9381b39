r"""How surely counts come from outside a ball around the reference's shares.

``n`` rows fall into ``k`` cells with shares ``q`` that may lie anywhere in a ball around the reference's shares ``p``.
The likelihood-ratio statistic

.. math:: G = 2 n \inf_{q \in ball} KL(\hat q \| q)

is at most ``2 n KL(q_hat || q)`` for the true ``q``, which is chi-square with ``k - 1`` degrees of freedom in the
limit of many rows: the first bound on its tail. In that limit ``sqrt(G)`` is also how far a normal vector lies outside
a ball of radius ``r = sqrt(n) * radius``. Its length has a normal tail beyond its median (Borell, Sudakov and
Tsirelson), which is at most ``sqrt(r**2 + k - 1)``: the second bound, ``Phi(sqrt(r**2 + k - 1) - r - sqrt(G))``, much
sharper for a ball that is large beside the noise. Half the radius is used, since balls are not quite round. The p-value
is the smaller of the two bounds.

The exponent of G's tail is right at any number of rows (Sanov), unlike that of Pearson's sum, which one rare cell can
blow up. What is left is the middle: cells in which fewer than two rows are expected are pooled (all together may
still expect fewer), G is divided by Williams' correction, and the p-value is doubled; in simulation the chi-square tail
was too small by a factor of 1.6 at most. Pooling cells never moves a distribution out of a ball of a divergence.

The infimum is a convex problem with one unknown; the value of its dual is used, which bounds it from below wherever
the search for the unknown ends.

References
----------
Williams, D. A. (1976). Improved likelihood ratio tests for complete contingency tables. Biometrika 63(1).
doi:10.1093/biomet/63.1.33
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, ndtr

EXPECTED_ROWS = 2.0
"""Cells in which fewer rows are expected are pooled before a tail is read."""

_CAUTION = 2.0
_NOT_WORTH_A_SEARCH = 0.25
_SEARCH_STEPS = 60

Distance = Callable[[NDArray[np.float64], NDArray[np.float64], float], float]


class Pooled(NamedTuple):
    """Reference shares and live counts over the same, fewer cells."""

    shares: NDArray[np.float64]
    counts: NDArray[np.float64]


def smoothed_shares(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Shares of the reference with half a row added to each cell, so that none is zero."""
    weights = counts + 0.5
    shares: NDArray[np.float64] = weights / weights.sum()
    return shares


def pooled(shares: NDArray[np.float64], counts: NDArray[np.int64], smallest_share: float) -> Pooled:
    """Pool cells, smallest first, until each has at least ``smallest_share`` of the reference."""
    return _grouped(shares, counts, smallest_share, keep_rest=False)


def _grouped(
    shares: NDArray[np.float64], counts: NDArray[np.int64], smallest_share: float, *, keep_rest: bool
) -> Pooled:
    """Pool small cells; a rest that stays too small joins the group before it.

    Where it is the only one, it joins the next cell, or stays as it is for ``keep_rest``: joined to a large cell,
    rows where none belong would not be seen.
    """
    small = shares < smallest_share
    n_small = int(np.count_nonzero(small))
    if n_small == 0:
        return Pooled(shares, counts.astype(np.float64))
    order = np.argsort(shares, kind="stable")
    sorted_shares = shares[order]
    group = np.zeros(len(shares), dtype=np.intp)
    mass, current = 0.0, 0
    for position, share in enumerate(sorted_shares[:n_small].tolist()):
        group[position] = current
        mass += share
        if mass >= smallest_share:
            mass, current = 0.0, current + 1
    if mass > 0.0:
        alone = current == 0
        group[:n_small] = np.minimum(group[:n_small], max(current - 1, 0))
        current = max(current, 1) if keep_rest or not alone else 0
    group[n_small:] = np.arange(current, current + len(shares) - n_small)
    return Pooled(_sums(group, sorted_shares), _sums(group, counts[order]))


def _sums(group: NDArray[np.intp], values: NDArray[np.float64] | NDArray[np.int64]) -> NDArray[np.float64]:
    return np.bincount(group, values).astype(np.float64)


def p_value_outside(shares: NDArray[np.float64], counts: NDArray[np.int64], distance: Distance, radius: float) -> float:
    """The p-value of "the rows come from within the ball".

    Parameters
    ----------
    shares
        Of the reference: positive, adding up to 1, shape ``(k,)``.
    counts
        Of the window, shape ``(k,)``.
    distance
        `kl_to_chi_square_ball` or `kl_to_hellinger_ball`.
    radius
        Of the ball, as Cohen's w of a small change.

    Returns
    -------
    float
        1.0 without rows or with a single cell, and where even a ball of no size would not be left surely.
    """
    n = int(counts.sum())
    if n == 0:
        return 1.0
    enough = EXPECTED_ROWS / n
    shares, cells = _grouped(shares, counts, enough, keep_rest=True)
    degrees = len(shares) - 1
    if degrees < 1:
        return 1.0
    live = cells / n
    scale = 2.0 * n / (1.0 + (float((1.0 / shares[shares >= enough]).sum()) - 1.0) / (6.0 * n * degrees))
    if _CAUTION * float(chdtrc(degrees, scale * _kl(live, shares))) >= _NOT_WORTH_A_SEARCH:
        return 1.0
    g = scale * distance(live, shares, radius)
    half = radius / 2.0 * math.sqrt(n)
    beyond = half + math.sqrt(g) - math.sqrt(half * half + degrees)
    return min(1.0, _CAUTION * float(min(chdtrc(degrees, g), ndtr(-beyond))))


def _kl(live: NDArray[np.float64], shares: NDArray[np.float64]) -> float:
    seen = live > 0.0
    return max(float((live[seen] * np.log(live[seen] / shares[seen])).sum()), 0.0)


def kl_to_chi_square_ball(live: NDArray[np.float64], shares: NDArray[np.float64], radius: float) -> float:
    """The least ``KL(live || q)`` over ``q`` with ``sum((q - p)**2 / p) <= radius**2``, or a little less."""
    limit = 1.0 + radius * radius
    ratio = live / shares
    if float((live * ratio).sum()) <= limit:
        return 0.0

    def nearest(multiplier: float) -> NDArray[np.float64]:
        slope = 1.0 - 2.0 * multiplier * limit
        root = np.sqrt(slope * slope + 8.0 * multiplier * ratio)
        if slope > 0.0:
            return 2.0 * live / (slope + root)
        at_least: NDArray[np.float64] = shares * (root - slope) / (4.0 * multiplier)
        return at_least

    multiplier = _root(lambda m: float(nearest(m).sum()) - 1.0)
    q = nearest(multiplier)
    slope = 1.0 - 2.0 * multiplier * limit
    penalty = multiplier * (float((q * q / shares).sum()) - limit) + slope * (float(q.sum()) - 1.0)
    return _at_least(live, q, penalty)


def kl_to_hellinger_ball(live: NDArray[np.float64], shares: NDArray[np.float64], radius: float) -> float:
    """The least ``KL(live || q)`` over ``q`` with ``4 sum((sqrt(q) - sqrt(p))**2) <= radius**2``, or a little less."""
    affinity = 1.0 - radius * radius / 8.0
    roots = np.sqrt(shares)
    if float((np.sqrt(live) * roots).sum()) >= affinity or affinity <= 0.0:
        return 0.0

    def nearest_root(multiplier: float) -> NDArray[np.float64]:
        slope = 1.0 + multiplier * affinity / 2.0
        half = multiplier / 2.0 * roots
        nearest: NDArray[np.float64] = (half + np.sqrt(half * half + 4.0 * slope * live)) / (2.0 * slope)
        return nearest

    def excess(multiplier: float) -> float:
        root = nearest_root(multiplier)
        return float((root * root).sum()) - 1.0

    multiplier = _root(excess)
    root = nearest_root(multiplier)
    slope = 1.0 + multiplier * affinity / 2.0
    penalty = -multiplier * (float((root * roots).sum()) - affinity) + slope * (float((root * root).sum()) - 1.0)
    return _at_least(live, root * root, penalty)


def _at_least(live: NDArray[np.float64], q: NDArray[np.float64], penalty: float) -> float:
    seen = live > 0.0
    return max(float((live[seen] * np.log(live[seen] / q[seen])).sum()) + penalty, 0.0)


def _root(function: Callable[[float], float]) -> float:
    """Where a function of a positive number turns from negative to positive, on a scale of logarithms.

    Regula falsi with the Illinois rule. Where there is no turn between the ends, the nearer end.
    """
    low, high = -25.0, 25.0
    at_low, at_high = function(math.exp(low)), function(math.exp(high))
    if at_low >= 0.0:
        return math.exp(low)
    if at_high <= 0.0:
        return math.exp(high)
    # The function is flat far from its root: halve until both ends have left the plains.
    middle = 0.0
    for step in range(_SEARCH_STEPS):
        middle = (low + high) / 2.0 if step < 6 else (low * at_high - high * at_low) / (at_high - at_low)
        value = function(math.exp(middle))
        if abs(value) < 1e-7 or high - low < 1e-6:
            break
        if value < 0.0:
            low, at_low, at_high = middle, value, at_high / 2.0
        else:
            high, at_high, at_low = middle, value, at_low / 2.0
    return math.exp(middle)
