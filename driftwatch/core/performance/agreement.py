"""Agreement of labels and predictions over all classes: balanced accuracy, and Matthews' correlation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from driftwatch.core.performance.averages import recall
from driftwatch.core.performance.confusion import Confusion
from driftwatch.core.performance.measure import (
    CLASSIFICATION,
    SHARE,
    Better,
    Measure,
    MeasureKind,
    normal,
    undefined,
)

if TYPE_CHECKING:
    from driftwatch.core.performance.sums import PerformanceSums


def balanced_accuracy(sums: PerformanceSums) -> Measure:
    """The mean recall of the classes that have labels; undefined without rows."""
    matrix = Confusion.of(sums)
    if matrix.n == 0:
        return undefined(0)
    has_labels = matrix.labelled > 0
    values, gradients = recall(matrix)
    row, _, hit = np.where(has_labels, gradients, 0.0) / int(has_labels.sum())
    gradient = row[:, np.newaxis] + np.diag(hit)
    return normal(float(values[has_labels].mean()), matrix.error_of(gradient), matrix.n, within=SHARE)


def matthews(sums: PerformanceSums) -> Measure:
    """Matthews' correlation coefficient; undefined where all labels or all predictions are of one class.

    Scikit-learn says 0 there.

    References
    ----------
    Gorodkin, J. (2004): Comparing two K-category assignments by a K-category correlation coefficient.
    https://doi.org/10.1016/j.compbiolchem.2004.09.006
    """
    matrix = Confusion.of(sums)
    if matrix.n == 0:
        return undefined(0)
    labelled, predicted = matrix.labelled / matrix.n, matrix.predicted / matrix.n
    of_labels, of_predictions = 1.0 - float(labelled @ labelled), 1.0 - float(predicted @ predicted)
    if min(np.count_nonzero(matrix.labelled), np.count_nonzero(matrix.predicted)) < 2:
        return undefined(matrix.n)
    root = float(np.sqrt(of_labels * of_predictions))
    covariance = float(matrix.hits.sum()) / matrix.n - float(labelled @ predicted)
    value = covariance / root
    # Of the covariance by a cell, and of the logarithm of the root.
    by_covariance = matrix.hit_matrix - predicted[:, np.newaxis] - labelled
    by_root = -labelled[:, np.newaxis] / of_labels - predicted / of_predictions
    return normal(value, matrix.error_of(by_covariance / root - value * by_root), matrix.n, within=(-1.0, 1.0))


BALANCED_ACCURACY = MeasureKind(
    name="balanced_accuracy", tasks=CLASSIFICATION, better=Better.HIGHER, measure=balanced_accuracy
)
MATTHEWS = MeasureKind(name="matthews", tasks=CLASSIFICATION, better=Better.HIGHER, measure=matthews)
