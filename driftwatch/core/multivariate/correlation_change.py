r"""Pairs of columns that go together in another way: the change of their rank correlation.

Spearman's coefficient of each pair, on each side over its own ranks: a column that moved, stretched or grew tails by
itself changes none of its pairs. Yes-or-no columns take part as 0 and 1; rows where one of a pair is missing are left
out of that pair. The score is the change of the pair that says most; tolerance: a correlation may change by 0.1.
``nan`` where a side is constant.

How sure
--------
.. math:: \hat\rho - \rho \approx \frac1n \sum_i \psi(x_i, y_i)

with the influence function ``psi`` of the coefficient, that of the estimated ranks included, ties or not; its mean
square over the rows is the variance, whatever the distribution (Croux and Dehon). It is never taken for smaller than
``(1 - rho**2)**2``, what two normal columns have at least. A pair's p-value is that of a true change as large as the
tolerance. The p-value of all pairs is the smallest times their number (Bonferroni), which no dependence breaks; its
interval is that of all pairs at once, too. The pairs named are those of Benjamini and Hochberg.

References
----------
Spearman, C. (1904). The proof and measurement of association between two things. American Journal of Psychology 15(1).
doi:10.2307/1412159

Croux, C., Dehon, C. (2010). Influence functions of the Spearman and Kendall correlation measures. Statistical Methods
and Applications 19(4). doi:10.1007/s10260-010-0142-z
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from driftwatch.core.multivariate.auc import share_below
from driftwatch.core.multivariate.encoding import Matrix
from driftwatch.core.multivariate.finding import Pair
from driftwatch.core.multivariate.joint_test import JointMeasurement, JointTest
from driftwatch.core.multivariate.samples import SEED, Samples
from driftwatch.core.multivariate.several import named, p_value_beyond

MOST_ROWS = 4_000
"""Rows of each side; of more, the first: samples are in random order."""

MOST_COLUMNS = 40
"""Columns whose pairs are looked at; of more, a uniform sample."""

_PAIRS_SHOWN = 3


@dataclass(frozen=True, slots=True, eq=False)
class Correlations:
    """Coefficients between all columns of a sample.

    Attributes
    ----------
    values
        Shape ``(columns, columns)``; ``nan`` where a column is constant, or fewer than three rows have both.
    variances
        Of the coefficients, as estimates.
    """

    values: Matrix
    variances: Matrix


def spearman(rows: Matrix) -> Correlations:
    """Spearman's coefficients, each over the rows that have both values.

    Parameters
    ----------
    rows
        Shape ``(rows, columns)``, ``nan`` where missing; infinite values are the largest and the smallest.

    Examples
    --------
    >>> found = spearman(np.array([[1.0, 2.0], [2.0, 4.0], [3.0, 3.0], [4.0, 9.0], [5.0, 7.0]]))
    >>> round(float(found.values[0, 1]), 2)
    0.8
    """
    holes: NDArray[np.bool_] = np.asarray(np.isnan(rows).any(axis=0))
    found = Correlations(*(np.full((rows.shape[1], rows.shape[1]), math.nan) for _ in range(2)))
    whole = np.flatnonzero(~holes)
    _put(found, whole, _complete(rows[:, whole]))
    for first in range(rows.shape[1]):
        for second in range(first):
            if holes[first] or holes[second]:
                pair = np.array([first, second])
                both = rows[:, pair]
                _put(found, pair, _complete(both[~np.isnan(both).any(axis=1)]))
    return found


def pearson(rows: Matrix) -> Correlations:
    """Pearson's coefficients of complete rows, with the variances that their influence function gives.

    Every outlier moves them; the test goes by `spearman`.

    Examples
    --------
    >>> found = pearson(np.array([[1.0, 2.0], [2.0, 4.0], [3.0, 3.0], [4.0, 9.0]]))
    >>> round(float(found.values[0, 1]), 4)
    0.8305
    """
    centred = rows - rows.mean(axis=0)
    return _coefficients(centred, np.zeros((rows.shape[1], *rows.shape)))


def _put(into: Correlations, columns: NDArray[np.intp], found: Correlations) -> None:
    block = np.ix_(columns, columns)
    into.values[block], into.variances[block] = found.values, found.variances


def _complete(rows: Matrix) -> Correlations:
    n, columns = rows.shape
    if n < 3 or columns == 0:
        return Correlations(*(np.full((columns, columns), math.nan) for _ in range(2)))
    ranks = np.stack([share_below(column, column) for column in rows.T], axis=1) - 0.5
    of_ranks = np.empty((columns, n, columns))
    for column in range(columns):
        of_ranks[column] = _rank_influence(rows[:, column], ranks)
    return _coefficients(ranks, of_ranks)


def _rank_influence(values: NDArray[np.float64], others: Matrix) -> Matrix:
    """What each row does to the mean product of a column's ranks with other columns, by being counted in the ranks.

    The mean over the rows ``j`` above it (half of those equal to it) of ``others[j]``, less its own mean over rows.
    """
    order = np.argsort(values, kind="stable")
    ascending = values[order]
    sums = np.vstack([np.zeros(others.shape[1]), np.cumsum(others[order], axis=0)])
    left, right = np.searchsorted(ascending, values, "left"), np.searchsorted(ascending, values, "right")
    above = (sums[-1] - 0.5 * (sums[left] + sums[right])) / len(values)
    return np.asarray(above - above.mean(axis=0))


def _coefficients(centred: Matrix, of_ranks: Matrix) -> Correlations:
    """Coefficients of centred columns; ``of_ranks[x, i, y]`` is row ``i``'s influence on ``x``'s values, with ``y``."""
    n, columns = centred.shape
    products = centred.T @ centred / n
    squares = np.diag(products).copy()
    squares[squares <= 0.0] = math.nan
    values = products / np.sqrt(np.outer(squares, squares))
    variances = np.full((columns, columns), math.nan)
    # Of each column with itself: what a row does to its sum of squares, in shares of it.
    own = np.stack([centred[:, x] ** 2 + 2.0 * of_ranks[x, :, x] for x in range(columns)], axis=1) / squares - 1.0
    for x in range(columns):
        with_x = centred[:, [x]] * centred + of_ranks[x] + of_ranks[:, :, x].T
        with_x = (with_x - products[x]) / np.sqrt(squares[x] * squares)
        influence = with_x - 0.5 * values[x] * (own[:, [x]] + own)
        variances[x] = np.maximum((influence**2).mean(axis=0), (1.0 - values[x] ** 2) ** 2) / n
    return Correlations(np.clip(values, -1.0, 1.0), variances)


def measure(samples: Samples, tolerance: float, rate: float) -> JointMeasurement:
    """The change of the pair that says most, and the pairs that changed."""
    chosen = np.arange(len(samples.ordered))
    if len(chosen) > MOST_COLUMNS:
        chosen = np.sort(np.random.default_rng(SEED).choice(chosen, MOST_COLUMNS, replace=False))
    before, after = samples.reference_numbers[:, chosen], samples.live_numbers[:MOST_ROWS, chosen]
    before = before[-MOST_ROWS:]
    reference, live = spearman(before), spearman(after)
    first, second = np.triu_indices(len(chosen), 1)
    moved = live.values[first, second] - reference.values[first, second]
    error = np.sqrt(reference.variances[first, second] + live.variances[first, second])
    known = np.flatnonzero(np.isfinite(moved) & np.isfinite(error))
    if len(known) == 0:
        return JointMeasurement.undefined(samples, tolerance, "no two columns of numbers vary on both sides")
    first, second, moved, error = first[known], second[known], moved[known], error[known]
    p_values = p_value_beyond(moved, error, tolerance)
    strength = (np.abs(moved) - tolerance) / error
    best = int(np.argmax(strength))

    def pair(at: int) -> Pair:
        return samples.ordered[chosen[first[at]]], samples.ordered[chosen[second[at]]]

    def words(at: int) -> str:
        x, y = first[at], second[at]
        return f"{' and '.join(pair(at))} {reference.values[x, y]:.2f} -> {live.values[x, y]:.2f}"

    found = sorted(named(p_values, rate), key=lambda at: -strength[at])
    shown = "; ".join(words(at) for at in (found or [best])[:_PAIRS_SHOWN])
    more = f"; and {len(found) - _PAIRS_SHOWN} more" if len(found) > _PAIRS_SHOWN else ""
    sure = float(ndtri(1.0 - 0.025 / len(known))) * float(error[best])
    size = abs(float(moved[best]))
    return JointMeasurement(
        score=size,
        threshold=tolerance,
        p_value=min(float(p_values.min()) * len(known), 1.0),
        n_reference=len(before),
        n_live=len(after),
        interval=(max(size - sure, 0.0), min(size + sure, 2.0)),
        columns=tuple(dict.fromkeys(name for at in found for name in pair(at))),
        pairs=tuple(pair(at) for at in found),
        text=f"rank correlation of {shown}{more}",
    )


CORRELATION_CHANGE = JointTest(name="correlation_change", tolerance=0.1, minimum_rows=100, measure=measure)
