r"""F1, and averages over classes of precision, recall, F1 and specificity. Intervals are by the delta method.

``macro`` averages are over the classes that occur in labels or predictions, ``weighted`` ones by the number of labels,
``micro`` ones over all rows at once. As by default in scikit-learn, a class that occurs counts 0 where its precision or
recall has no divisor.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from driftwatch.core.performance.confusion import Confusion, Floats, divided
from driftwatch.core.performance.measure import (
    BINARY,
    CLASSIFICATION,
    MULTICLASS,
    SHARE,
    Better,
    Measure,
    MeasureKind,
    normal,
    share,
    undefined,
)

if TYPE_CHECKING:
    from driftwatch.core.performance.sums import PerformanceSums

PerClass = Callable[[Confusion], tuple[Floats, Floats]]
"""``matrix -> (values, gradients)``: a measure of each class, and its derivatives.

Those are, in shape ``(3, k)``, by the share of the class's labels, of its predictions, and of rows that have both.
"""


def precision(matrix: Confusion) -> tuple[Floats, Floats]:
    """Of each class, the share of its predictions that are right."""
    value = divided(matrix.hits, matrix.predicted)
    by = divided(np.full(len(value), matrix.n), matrix.predicted)
    return value, np.stack([np.zeros(len(value)), -value * by, _of_hits(by)])


def recall(matrix: Confusion) -> tuple[Floats, Floats]:
    """Of each class, the share of its labels that are found."""
    value = divided(matrix.hits, matrix.labelled)
    by = divided(np.full(len(value), matrix.n), matrix.labelled)
    return value, np.stack([-value * by, np.zeros(len(value)), _of_hits(by)])


def f1(matrix: Confusion) -> tuple[Floats, Floats]:
    """Of each class, ``2 hits / (labels + predictions)``."""
    both = matrix.labelled + matrix.predicted
    value = divided(2 * matrix.hits, both)
    by = divided(np.full(len(value), matrix.n), both)
    return value, np.stack([-value * by, -value * by, _of_hits(2.0 * by)])


def specificity(matrix: Confusion) -> tuple[Floats, Floats]:
    """Of each class, the share of other labels that are predicted to be another class."""
    others = matrix.n - matrix.labelled
    false = matrix.predicted - np.diagonal(matrix.counts)
    value = divided(others - false, others)
    # With q = P(prediction is the class) - P(so are both), r = P(label is it): 1 - q / (1 - r).
    by = divided(np.full(len(value), matrix.n), others)
    return value, np.stack([-(1.0 - value) * by, -by, by])


def _of_hits(by: Floats) -> Floats:
    """Names outside the classes are no hit, whatever they are."""
    return np.where(np.arange(len(by)) == len(by) - 1, 0.0, by)


def _macro(per_class: PerClass) -> Callable[[PerformanceSums], Measure]:
    def measured(sums: PerformanceSums) -> Measure:
        matrix = Confusion.of(sums)
        values, gradients = per_class(matrix)
        weights = np.where(matrix.occurs, 1.0, 0.0) / max(int(matrix.occurs.sum()), 1)
        return _averaged(matrix, values, gradients, weights)

    return measured


def _weighted(per_class: PerClass) -> Callable[[PerformanceSums], Measure]:
    def measured(sums: PerformanceSums) -> Measure:
        matrix = Confusion.of(sums)
        values, gradients = per_class(matrix)
        gradients = gradients * (matrix.labelled / max(matrix.n, 1))
        # The weights are shares of labels themselves.
        return _averaged(matrix, values, gradients, None)

    return measured


def _averaged(matrix: Confusion, values: Floats, gradients: Floats, weights: Floats | None) -> Measure:
    if matrix.n == 0:
        return undefined(0)
    of_labels = np.zeros(len(values))
    if weights is None:
        weights, of_labels = matrix.labelled / matrix.n, values
    else:
        gradients = gradients * weights
    row, column, hit = gradients
    gradient = (row + of_labels)[:, np.newaxis] + column + np.diag(hit)
    return normal(float(weights @ values), matrix.error_of(gradient), matrix.n, within=SHARE)


def _f1(sums: PerformanceSums) -> Measure:
    matrix = Confusion.of(sums)
    if not matrix.occurs[1]:
        return undefined(0)
    values, (row, column, hit) = f1(matrix)
    chosen = np.arange(len(values)) == 1
    row, column, hit = (np.where(chosen, one, 0.0) for one in (row, column, hit))
    gradient = row[:, np.newaxis] + column + np.diag(hit)
    return normal(float(values[1]), matrix.error_of(gradient), matrix.n, within=SHARE)


def _micro(sums: PerformanceSums) -> Measure:
    """With one label and one prediction a row, micro precision, recall and F1 are the accuracy."""
    matrix = Confusion.of(sums)
    return share(int(matrix.hits.sum()), matrix.n)


def _kind(name: str, measure: Callable[[PerformanceSums], Measure], *, binary: bool = False) -> MeasureKind:
    tasks = CLASSIFICATION if binary else MULTICLASS
    return MeasureKind(name=name, tasks=tasks, better=Better.HIGHER, measure=measure)


F1 = MeasureKind(name="f1", tasks=BINARY, better=Better.HIGHER, measure=_f1)
MACRO_F1 = _kind("macro_f1", _macro(f1), binary=True)
MICRO_F1 = _kind("micro_f1", _micro, binary=True)
WEIGHTED_F1 = _kind("weighted_f1", _weighted(f1), binary=True)
MACRO_PRECISION = _kind("macro_precision", _macro(precision), binary=True)
WEIGHTED_PRECISION = _kind("weighted_precision", _weighted(precision), binary=True)
MACRO_RECALL = _kind("macro_recall", _macro(recall), binary=True)
WEIGHTED_RECALL = _kind("weighted_recall", _weighted(recall), binary=True)
MACRO_SPECIFICITY = _kind("macro_specificity", _macro(specificity))
