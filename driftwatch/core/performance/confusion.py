"""The confusion matrix as shares, and the delta method over it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.performance.measure import standard_error

if TYPE_CHECKING:
    from driftwatch.core.performance.sums import PerformanceSums

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Confusion:
    """Counts by label (row) and prediction (column); the last row and column gather names outside the classes.

    Two names outside the classes are no hit: they may be different ones.
    """

    counts: NDArray[np.int64]

    @classmethod
    def of(cls, sums: PerformanceSums) -> Confusion:
        """The matrix of sums of classification."""
        size = len(sums.classes) + 1
        return cls(np.array(sums.confusion, dtype=np.int64).reshape(size, size))

    @cached_property
    def n(self) -> int:
        """Rows."""
        return int(self.counts.sum())

    @cached_property
    def hits(self) -> NDArray[np.int64]:
        """Of each class, rows predicted rightly."""
        hits = np.diagonal(self.counts).copy()
        hits[-1] = 0
        return hits

    @cached_property
    def labelled(self) -> NDArray[np.int64]:
        """Of each class, rows with this label."""
        labelled: NDArray[np.int64] = self.counts.sum(axis=1)
        return labelled

    @cached_property
    def predicted(self) -> NDArray[np.int64]:
        """Of each class, rows with this prediction."""
        predicted: NDArray[np.int64] = self.counts.sum(axis=0)
        return predicted

    @cached_property
    def occurs(self) -> NDArray[np.bool_]:
        """The classes that occur in labels or predictions."""
        return (self.labelled + self.predicted) > 0

    @cached_property
    def hit_matrix(self) -> Floats:
        """1 where label and prediction are the same class."""
        matrix = np.eye(len(self.counts))
        matrix[-1, -1] = 0.0
        return matrix

    def error_of(self, gradient: Floats) -> float:
        """The standard error of a smooth function of the shares ``counts / n``, by the delta method.

        Parameters
        ----------
        gradient
            Of the function by each share, or anything that differs from it by one constant. Counts being multinomial,
            the variance is that of the gradient over the rows.
        """
        if self.n == 0:
            return float("nan")
        shares = self.counts / self.n
        mean = float((shares * gradient).sum())
        return standard_error(float((shares * np.square(gradient - mean)).sum()), self.n)


def divided(numerator: NDArray[np.number], divisor: NDArray[np.number]) -> Floats:
    """The quotients; 0 where the divisor is."""
    quotients: Floats = np.divide(numerator, divisor, out=np.zeros(len(divisor)), where=divisor != 0)
    return quotients
