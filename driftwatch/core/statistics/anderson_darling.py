r"""Anderson-Darling: as Cramér-von Mises, with the tails weighed as much as the middle.

The score is a distance that does not grow with the number of rows:

.. math:: A = \sqrt{\int \frac{(F_{live} - F_{reference})^2}{H (1 - H)} \, dH}

with ``H`` the distribution function of all rows together, whose last value is left out. ``A**2 * n * m / (n + m)`` is
the two-sample statistic of ``n`` and ``m`` rows before it is standardised, by Scholz and Stephens' equation 6.

Over finite values only: missing and infinite ones are left out, in raw samples too. ``nan`` where one side has no
finite value; 0 between equal constants. From a profile the functions are known at the ends of cells: the score takes
them as straight in between, and ``error_bound`` encloses whatever they may be.

The p-value of the plain test is interpolated in a table, as scipy does it: it ends at .25 and at .001.

How sure
--------
By the inequality of Dvoretzky, Kiefer and Wolfowitz (`driftwatch.core.statistics.steps`). The distance that is held
against the tolerance has the reference's own distribution function ``F`` for ``H``, as it nearly is where windows are
small beside the reference, and 0.01 is added to ``F (1 - F)``, lest the outermost rows decide everything.

References
----------
Scholz, F. W., Stephens, M. A. (1987). K-sample Anderson-Darling tests. Journal of the American Statistical Association
82(399). doi:10.1080/01621459.1987.10478517
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma

from driftwatch.core.records import ColumnKind, Measurement
from driftwatch.core.statistics.statistic import Statistic
from driftwatch.core.statistics.steps import (
    Steps,
    p_value_beyond,
    pooled_counts,
    reference_steps,
    sampling_band,
    steps,
)

if TYPE_CHECKING:
    from driftwatch.core.baseline import ColumnBaseline
    from driftwatch.core.profile import ColumnProfile

_CRITICAL = np.array([0.325, 1.226, 1.961, 2.718, 3.752, 4.592, 6.546])
"""Scholz and Stephens' table 2 for two samples, at the levels below."""

_LOG_LEVELS = np.log(np.array([0.25, 0.1, 0.05, 0.025, 0.01, 0.005, 0.001]))
_PARABOLA = np.polyfit(_CRITICAL, _LOG_LEVELS, 2)
_MANY_ROWS = 200_000
_ADDED = 0.01
_NODES, _NODE_WEIGHTS = np.polynomial.legendre.leggauss(4)


@dataclass(frozen=True, slots=True)
class AndersonDarling:
    """The score, the standardised two-sample statistic by middle ranks, and its p-value between .001 and .25."""

    distance: float
    statistic: float
    p_value: float


def anderson_darling(reference: NDArray[np.float64], live: NDArray[np.float64]) -> AndersonDarling:
    """The exact two-sample statistic of raw values.

    Parameters
    ----------
    reference, live
        Any lengths. Missing and infinite values are left out.

    Returns
    -------
    AndersonDarling
        ``statistic`` and ``p_value`` equal ``scipy.stats.anderson_ksamp([reference, live], variant="midrank")``. They
        are ``nan`` where there are fewer than four values or only one distinct value; all are ``nan`` where one
        sample has no finite value.

    Examples
    --------
    >>> import numpy as np
    >>> a = np.array([38.7, 41.5, 43.8, 44.5, 45.5, 46.0, 47.7, 58.0])
    >>> b = np.array([39.2, 39.3, 39.7, 41.4, 41.8, 42.9, 43.3, 45.8])
    >>> round(anderson_darling(a, b).p_value, 4)
    0.0635
    """
    _, a, b = pooled_counts(reference, live)
    n, m = int(a.sum()), int(b.sum())
    if n == 0 or m == 0:
        return AndersonDarling(math.nan, math.nan, math.nan)
    total = float(n + m)
    rows, up_to_a, up_to_b = (a + b).astype(np.float64), a.cumsum(), b.cumsum()
    up_to = rows.cumsum()
    inner = slice(0, -1)
    difference = up_to_b[inner] / m - up_to_a[inner] / n
    distance = total * float((rows[inner] * difference**2 / (up_to[inner] * (total - up_to[inner]))).sum())
    if len(rows) < 2 or total < 4.0:
        return AndersonDarling(math.sqrt(distance), math.nan, math.nan)
    middle = up_to - rows / 2.0
    spread = middle * (total - middle) - total * rows / 4.0
    difference = (up_to_b - b / 2.0) / m - (up_to_a - a / 2.0) / n
    squared = (total - 1.0) / total * n * m * float((rows * difference**2 / spread).sum())
    statistic = _standardised(squared, n, m)
    return AndersonDarling(math.sqrt(distance), statistic, _p_value(statistic))


@lru_cache(maxsize=64)
def _double_sum(total: int) -> float:
    if total > _MANY_ROWS:
        return math.pi**2 / 6.0
    falling = (1.0 / np.arange(total - 1, 1, -1)).cumsum()
    return float((falling / np.arange(2, total)).sum())


def _standardised(squared: float, n: int, m: int) -> float:
    """The statistic less its mean, by its standard deviation, both exact for so many rows without drift."""
    total = n + m
    both = 1.0 / n + 1.0 / m
    h, g = float(digamma(total)) + np.euler_gamma, _double_sum(total)
    a = (4.0 * g - 6.0) + (10.0 - 6.0 * g) * both
    b = (2.0 * g - 4.0) * 4.0 + 16.0 * h + (2.0 * g - 14.0 * h - 4.0) * both - 8.0 * h + 4.0 * g - 6.0
    c = (6.0 * h + 2.0 * g - 2.0) * 4.0 + (4.0 * h - 4.0 * g + 6.0) * 2.0 + (2.0 * h - 6.0) * both + 4.0 * h
    d = (2.0 * h + 6.0) * 4.0 - 8.0 * h
    size = float(total)
    variance = (((a * size + b) * size + c) * size + d) / ((size - 1.0) * (size - 2.0) * (size - 3.0))
    return (squared - 1.0) / math.sqrt(variance)


def _p_value(statistic: float) -> float:
    if statistic < _CRITICAL[0] or statistic > _CRITICAL[-1]:
        return 0.25 if statistic < _CRITICAL[0] else 0.001
    return math.exp(float(np.polyval(_PARABOLA, statistic)))


class _Enclosure(NamedTuple):
    """What the square of the score may be, and what it is with straight functions inside the cells."""

    least: float
    straight: float
    most: float


def _enclosure(found: Steps) -> _Enclosure:
    size = float(found.n + found.m)
    held = found.counts + found.live_counts > 0
    rows = (found.counts + found.live_counts)[held].astype(np.float64)
    before, after, cell_least, cell_most = (one[held] for one in (found.before, found.after, found.least, found.most))
    up_to = rows.cumsum()
    below = up_to - rows
    alone = found.reference.alone[held]
    at_end = after**2 * np.where(up_to < size, _weight(up_to, size), 0.0)
    nodes = (_NODES[:, None] + 1.0) / 2.0
    inside = (before + nodes * (after - before)) ** 2 * _weight(below + nodes * rows, size)
    straight = np.where(alone, at_end, (_NODE_WEIGHTS / 2.0) @ inside)
    # The weight is smallest in the middle of all rows. The last row has none, and nobody knows how many tie with it.
    light = _weight(np.clip(size / 2.0, np.minimum(below + 1.0, size - 1.0), np.minimum(up_to, size - 1.0)), size)
    least = np.where(alone, at_end, np.where(up_to < size, cell_least**2 * light, 0.0))
    smaller = min(found.n, found.m)
    most = np.where(alone, at_end, _largest_term(_Cells(below, up_to, before, after, cell_most), size, smaller))
    return _Enclosure(*(float((rows * term).sum()) for term in (least, np.clip(straight, least, most), most)))


def _weight(up_to: NDArray[np.float64], size: float) -> NDArray[np.float64]:
    """Of a row with so many up to it; kept finite where there are none or all."""
    kept = np.clip(up_to, 0.5, size - 0.5)
    weight: NDArray[np.float64] = size / (kept * (size - kept))
    return weight


class _Cells(NamedTuple):
    """Cells that hold rows: how many lie below them and up to their ends, and the difference there."""

    below: NDArray[np.float64]
    up_to: NDArray[np.float64]
    before: NDArray[np.float64]
    after: NDArray[np.float64]
    most: NDArray[np.float64]


def _largest_term(cells: _Cells, size: float, smaller: int) -> NDArray[np.float64]:
    """What one row of each cell can add at most.

    The weight is steep at both ends, where the difference is small: so cells are cut where the number of rows up to
    there, from either end, doubles.
    """
    doublings = 2.0 ** np.arange(math.ceil(math.log2(size)))
    cuts = np.unique(np.concatenate([[0.0], cells.up_to, doublings, size - doublings]))
    cuts = cuts[cuts >= 0.0]
    first, last = cuts[:-1] + 1.0, cuts[1:]
    cell = np.searchsorted(cells.up_to, last)
    from_before = np.abs(cells.before[cell]) + (last - cells.below[cell]) / smaller
    from_after = np.abs(cells.after[cell]) + (cells.up_to[cell] - first) / smaller
    difference = np.minimum(np.minimum(from_before, from_after), cells.most[cell])
    steepest = np.maximum(_weight(first, size), _weight(np.minimum(last, size - 1.0), size))
    largest = np.zeros(len(cells.up_to))
    np.maximum.at(largest, cell, np.where(first < size, difference**2 * steepest, 0.0))
    return largest


def measure(baseline: ColumnBaseline, profile: ColumnProfile) -> Measurement:
    """The distance, from the ends of the baseline's cells; the p-value is that of the plain two-sample test."""
    found = steps(baseline, profile)
    score, error_bound = math.nan, 0.0
    p_value: float | None = None
    if found is not None:
        enclosure = _enclosure(found)
        least, score, most = (math.sqrt(square) for square in enclosure)
        error_bound = max(most - score, score - least)
        if found.n + found.m >= 4:
            squared = enclosure.straight * found.n * (found.m / (found.n + found.m))
            p_value = _p_value(_standardised(squared, found.n, found.m))
    return Measurement(
        statistic="anderson_darling",
        score=score,
        p_value=p_value,
        n_reference=reference_steps(baseline).n,
        n_live=int(profile.counts[:-2].sum()),
        binning=f"{baseline.cells.n_cells} cells",
        error_bound=error_bound,
    )


@lru_cache(maxsize=1024)
def _tested_weights(baseline: ColumnBaseline) -> NDArray[np.float64]:
    """At most those of the distance that is tested, over the cells."""
    reference = reference_steps(baseline)
    widest = np.where(reference.alone, reference.after, np.clip(0.5, reference.before, reference.after))
    weights: NDArray[np.float64] = reference.counts / reference.n / (widest * (1.0 - widest) + _ADDED)
    return weights


def sampling_error(baseline: ColumnBaseline, doubt: float) -> float:
    """The distance that the reference may have from the truth, in the weights of the distance that is tested."""
    n = reference_steps(baseline).n
    return sampling_band(n, doubt) * math.sqrt(float(_tested_weights(baseline).sum())) if n else math.inf


def exceedance(baseline: ColumnBaseline, profile: ColumnProfile, tolerance: float) -> float:
    """The p-value of "the true distance is at most the tolerance"; see the module's text."""
    found = steps(baseline, profile)
    if found is None:
        return 1.0
    differences = np.where(found.reference.alone, np.abs(found.after), found.least)
    return p_value_beyond(differences, _tested_weights(baseline), 2, tolerance, found.m)


ANDERSON_DARLING = Statistic(
    name="anderson_darling",
    kinds=frozenset({ColumnKind.NUMERIC}),
    tolerance=0.1,
    power=1,
    has_test=True,
    measure=measure,
    sampling_error=sampling_error,
    exceedance=exceedance,
)
