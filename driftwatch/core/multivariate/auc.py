r"""The area under the ROC curve, and how sure it is.

.. math:: A = P(s > r) + P(s = r) / 2

for a score ``s`` of one class and ``r`` of the other. The *placement* of a row is the share of the other class's rows
that it lies above (of a live row) or below (of a reference row), ties counting half; the AUC is the mean placement of
either class, and its variance is that of the placements over the rows, class by class (DeLong, DeLong and
Clarke-Pearson).

References
----------
DeLong, E. R., DeLong, D. M., Clarke-Pearson, D. L. (1988). Comparing the areas under two or more correlated receiver
operating characteristic curves: a nonparametric approach. Biometrics 44(3). doi:10.2307/2531595

Sun, X., Xu, W. (2014). Fast implementation of DeLong's algorithm for comparing the areas under correlated receiver
operating characteristic curves. IEEE Signal Processing Letters 21(11). doi:10.1109/LSP.2014.2337313
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Placements:
    """Each row's placement among the other class's rows.

    Attributes
    ----------
    reference, live
        Shapes ``(n,)`` and ``(m,)``, between 0 and 1.
    """

    reference: NDArray[np.float64]
    live: NDArray[np.float64]

    @classmethod
    def of(cls, reference: NDArray[np.float64], live: NDArray[np.float64]) -> Placements:
        """Place the scores of two samples.

        Parameters
        ----------
        reference, live
            Finite scores, at least one each; live ones are expected to be higher.

        Examples
        --------
        >>> placed = Placements.of(np.array([1.0, 2.0]), np.array([2.0, 3.0, 4.0]))
        >>> round(placed.auc, 4), placed.live.tolist()
        (0.9167, [0.75, 1.0, 1.0])
        """
        return cls(1.0 - share_below(live, reference), share_below(reference, live))

    @property
    def auc(self) -> float:
        """Between 0 and 1."""
        return float(self.live.mean())

    @property
    def variance(self) -> float:
        """DeLong's estimate of the AUC's variance; ``nan`` with fewer than two rows of a class."""
        return _variance(self.reference) + _variance(self.live)

    @property
    def variance_without_difference(self) -> float:
        """The AUC's exact variance where both classes have one continuous distribution."""
        n, m = len(self.reference), len(self.live)
        return (n + m + 1) / (12.0 * n * m)

    def variance_of_drop(self, other: Placements) -> float:
        """The variance of the difference to another AUC of the same rows."""
        return _variance(self.reference - other.reference) + _variance(self.live - other.live)


def share_below(sample: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """For each value the share of a sample below it, half of what is equal to it included.

    Examples
    --------
    >>> share_below(np.array([1.0, 2.0, 2.0, 3.0]), np.array([2.0, 9.0])).tolist()
    [0.5, 1.0]
    """
    ascending = np.sort(sample)
    both = np.searchsorted(ascending, values, "left") + np.searchsorted(ascending, values, "right")
    return np.asarray(both / (2.0 * len(sample)))


def _variance(placements: NDArray[np.float64]) -> float:
    n = len(placements)
    return float(placements.var(ddof=1)) / n if n > 1 else math.nan
