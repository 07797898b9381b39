"""ROC AUC and average precision from counts over cells of the scores.

Where every score is the value of its cell, rows in one cell are ties, and the value is that of the rows. Else they are
taken to lie in any order (half of them above a row, as the area has it of ties), and ``error_bound`` is the most by
which their order can change the value.

Undefined where a class has no rows or no others, and where a label is none of the classes. Over several classes: of
each against all others, then the mean, or that by the number of labels (``weighted``). The standard error of such a
mean is at most the mean of the standard errors, which is what is given.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma

from driftwatch.core.performance.measure import (
    CLASSIFICATION,
    MULTICLASS,
    Better,
    Measure,
    MeasureKind,
    logit,
    undefined,
)
from driftwatch.core.performance.score_sums import ScoreSums

if TYPE_CHECKING:
    from driftwatch.core.performance.sums import PerformanceSums

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Ranked:
    """A measure of one class against the others."""

    value: float
    standard_error: float
    error_bound: float


def roc_auc(positive: Counts, negative: Counts, *, tied: bool = True) -> Ranked:
    """The area under the ROC curve: how often a positive row scores above a negative one, ties counting half.

    Parameters
    ----------
    positive, negative
        Rows of both kinds by cell, in ascending order of the score; at least one of each.
    tied
        Whether rows in one cell have one score. It makes no difference: a tie counts half, and so does any order.

    References
    ----------
    DeLong, E. R., DeLong, D. M., Clarke-Pearson, D. L. (1988): Comparing the areas under two or more correlated
    receiver operating characteristic curves. https://doi.org/10.2307/2531595

    Examples
    --------
    >>> found = roc_auc(np.array([1, 2, 3]), np.array([3, 2, 1]))
    >>> round(found.value, 4), round(found.error_bound, 4)
    (0.7222, 0.1389)
    """
    n_positive, n_negative = int(positive.sum()), int(negative.sum())
    below = (np.cumsum(negative) - negative / 2.0) / n_negative
    above = (n_positive - np.cumsum(positive) + positive / 2.0) / n_positive
    value = float(positive @ below) / n_positive
    error = math.sqrt(
        float(positive @ np.square(below - value)) / max(n_positive - 1, 1) / n_positive
        + float(negative @ np.square(above - value)) / max(n_negative - 1, 1) / n_negative
    )
    return Ranked(value, error, float(positive @ negative) / (2.0 * n_positive * n_negative))


def average_precision(positive: Counts, negative: Counts, *, tied: bool = True) -> Ranked:
    """The mean precision at the scores of the positive rows, as scikit-learn defines it.

    Parameters as of `roc_auc`; where rows in a cell are not ``tied``, positive and negative ones alternate evenly in
    it. The standard error is by the delta method over the counts.

    Examples
    --------
    >>> round(average_precision(np.array([1, 2, 3]), np.array([3, 2, 1])).value, 4)
    0.6667
    """
    positive, negative = positive[::-1], negative[::-1]
    n_positive, n = int(positive.sum()), int(positive.sum() + negative.sum())
    found, taken = np.cumsum(positive), np.cumsum(positive + negative)
    precision = found / taken
    value = float(positive @ precision) / n_positive
    # What one row more at a cell changes: its own precision, and that at every lower score.
    ahead = positive / taken
    gained, lost = np.cumsum(ahead[::-1])[::-1], np.cumsum((ahead * precision)[::-1])[::-1]
    of_positive = (precision + gained - value - lost) * n / n_positive
    of_negative = -lost * n / n_positive
    before, found_before = taken - positive - negative, found - positive
    if not tied:
        value = float(positive @ _evenly(positive, negative, before, found_before)) / n_positive
    mean = (float(positive @ of_positive) + float(negative @ of_negative)) / n
    squares = float(positive @ np.square(of_positive - mean)) + float(negative @ np.square(of_negative - mean))
    error = math.sqrt(squares / n / max(n - 1, 1))
    others = before - found_before
    best = positive @ (found / np.maximum(found + others, 1))
    # Positive rows behind all negative ones of their cell: a sum of (a + j) / (b + j) over j = 1 .. positive.
    behind = taken - positive
    missed = (behind - found_before) * (digamma(behind + positive + 1.0) - digamma(behind + 1.0))
    worst = float((positive - missed).sum())
    bound = max(float(best) / n_positive - value, value - worst / n_positive, 0.0)
    return Ranked(value, error, bound)


def _evenly(positive: Counts, negative: Counts, before: Counts, found_before: Counts) -> NDArray[np.float64]:
    """The mean precision at a cell's positive rows, where both kinds alternate evenly: an integral over the cell."""
    size = positive + negative
    slope = positive / size
    with np.errstate(divide="ignore", invalid="ignore"):
        beyond = (found_before - slope * before) / size * np.log1p(size / before)
    mean: NDArray[np.float64] = slope + np.where(before > 0, beyond, 0.0)
    return mean


def _ranked(rank: Callable[..., Ranked], *, weighted: bool) -> Callable[[PerformanceSums], Measure | None]:
    def measured(sums: PerformanceSums) -> Measure | None:
        scores = sums.details
        if not isinstance(scores, ScoreSums) or not scores.ranked_classes:
            return None
        if scores.unseen or not scores.n:
            return undefined(0)
        value = error = bound = 0.0
        smallest = scores.n
        for which in scores.ranked_classes:
            positive, negative = scores.by_cell(which)
            n_positive, n_negative = int(positive.sum()), int(negative.sum())
            weight = n_positive / scores.n if weighted else 1.0 / len(scores.ranked_classes)
            if weight == 0.0:
                continue
            if not (n_positive and n_negative):
                return undefined(scores.n)
            one = rank(positive, negative, tied=2 * scores.off_grid <= scores.n)
            value, error, bound = (
                total + weight * part
                for total, part in ((value, one.value), (error, one.standard_error), (bound, one.error_bound))
            )
            smallest = min(smallest, n_positive, n_negative)
        bound = bound if scores.off_grid else 0.0
        measure = logit(min(value, 1.0), error, scores.n, error_bound=bound)
        return measure if error > 0.0 else _of_few(measure, smallest)

    return measured


def _of_few(measure: Measure, n: int) -> Measure:
    """A ranking without any error says no more than that none was seen in the smaller class."""
    few = logit(measure.value, 0.0, n, error_bound=measure.error_bound)
    return Measure(
        value=measure.value,
        standard_error=measure.standard_error,
        n=measure.n,
        lower=few.lower,
        upper=few.upper,
        error_bound=measure.error_bound,
    )


ROC_AUC = MeasureKind(
    name="roc_auc", tasks=CLASSIFICATION, better=Better.HIGHER, measure=_ranked(roc_auc, weighted=False)
)
WEIGHTED_ROC_AUC = MeasureKind(
    name="weighted_roc_auc", tasks=MULTICLASS, better=Better.HIGHER, measure=_ranked(roc_auc, weighted=True)
)
AVERAGE_PRECISION = MeasureKind(
    name="average_precision",
    tasks=CLASSIFICATION,
    better=Better.HIGHER,
    measure=_ranked(average_precision, weighted=False),
)
WEIGHTED_AVERAGE_PRECISION = MeasureKind(
    name="weighted_average_precision",
    tasks=MULTICLASS,
    better=Better.HIGHER,
    measure=_ranked(average_precision, weighted=True),
)
