"""Measures that are a share of rows: accuracy, precision, recall, specificity, base rates. Intervals are Wilson's.

Those of one class are undefined where no row is of the kind that they are a share of.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from driftwatch.core.performance.confusion import Confusion
from driftwatch.core.performance.measure import (
    BINARY,
    CLASSIFICATION,
    Better,
    Measure,
    MeasureKind,
    share,
)

if TYPE_CHECKING:
    from driftwatch.core.performance.sums import PerformanceSums

_POSITIVE, _NEGATIVE = 1, 0


def _binary(hits_and_rows: Callable[[Confusion], tuple[int, int]]) -> Callable[[PerformanceSums], Measure]:
    def measured(sums: PerformanceSums) -> Measure:
        return share(*map(int, hits_and_rows(Confusion.of(sums))))

    return measured


ERROR_RATE = MeasureKind(
    name="error_rate",
    tasks=CLASSIFICATION,
    better=Better.LOWER,
    measure=_binary(lambda matrix: (matrix.n - int(matrix.hits.sum()), matrix.n)),
)
ACCURACY = MeasureKind(
    name="accuracy",
    tasks=CLASSIFICATION,
    better=Better.HIGHER,
    measure=_binary(lambda matrix: (int(matrix.hits.sum()), matrix.n)),
)
PRECISION = MeasureKind(
    name="precision",
    tasks=BINARY,
    better=Better.HIGHER,
    measure=_binary(lambda matrix: (matrix.hits[_POSITIVE], matrix.predicted[_POSITIVE])),
)
RECALL = MeasureKind(
    name="recall",
    tasks=BINARY,
    better=Better.HIGHER,
    measure=_binary(lambda matrix: (matrix.hits[_POSITIVE], matrix.labelled[_POSITIVE])),
)
SPECIFICITY = MeasureKind(
    name="specificity",
    tasks=BINARY,
    better=Better.HIGHER,
    measure=_binary(lambda matrix: (matrix.hits[_NEGATIVE], matrix.labelled[_NEGATIVE])),
)
ACTUAL_RATE = MeasureKind(
    name="actual_rate",
    tasks=BINARY,
    better=Better.NEITHER,
    measure=_binary(lambda matrix: (matrix.labelled[_POSITIVE], matrix.n)),
)
PREDICTED_RATE = MeasureKind(
    name="predicted_rate",
    tasks=BINARY,
    better=Better.NEITHER,
    measure=_binary(lambda matrix: (matrix.predicted[_POSITIVE], matrix.n)),
)
