r"""How far rows lie from the directions that the reference mostly varies in: principal components.

The directions are those of the scale's rows: as few as explain two thirds of the variance. A row's error is its
distance to the space that they span,

.. math:: e(x) = \lVert (x - \mu) - V V^T (x - \mu) \rVert

and the score is the shift of the mean error from the reference's rows to the live ones, in standard deviations of the
reference's, up or down. Columns that go together in another way, or that do not any more, shift it, even where each of
them looks the same by itself. Tolerance: an eighth of a standard deviation, as with `mean_shift`. ``nan`` where fewer
than two features vary.

How sure
--------
Directions and errors have different rows: given the directions, the errors of each side are independent, and bounded,
since the features are. Their mean is normal for the number of rows that is asked for; the p-value is that of a true
shift as large as the tolerance. The columns named are those whose own squared errors shifted, by the same test, at a
false-discovery rate, and by more than a tenth of what all columns' did.

References
----------
Jackson, J. E., Mudholkar, G. S. (1979). Control procedures for residuals associated with principal component
analysis. Technometrics 21(3). doi:10.1080/00401706.1979.10489779

Qahtan, A. A., Alharbi, B., Wang, S., Zhang, X. (2015). A PCA-based change detection framework for multidimensional
data streams. Proceedings of KDD 2015. doi:10.1145/2783258.2783359
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.multivariate.encoding import Matrix
from driftwatch.core.multivariate.joint_test import JointMeasurement, JointTest
from driftwatch.core.multivariate.samples import Samples
from driftwatch.core.multivariate.several import Z_95, named, p_value_beyond

EXPLAINED = 2.0 / 3.0
"""The share of the reference's variance that the directions explain, at least."""

_SMALLEST_PART = 0.1
"""Of all columns' shifts of squared errors, that a column must have more of to be named."""

_SMALLEST_SPREAD = 1e-9
"""Errors that vary by less are those of rounding: the directions reach every row."""


@dataclass(frozen=True, slots=True, eq=False)
class Directions:
    """Principal components of some rows.

    Attributes
    ----------
    centre
        Shape ``(features,)``.
    axes
        Orthonormal, shape ``(features, components)``.
    """

    centre: NDArray[np.float64]
    axes: Matrix

    @classmethod
    def of(cls, rows: Matrix, explained: float = EXPLAINED) -> Directions:
        """Find them; at least one is kept, and at least one is not.

        Parameters
        ----------
        rows
            Shape ``(rows, features)``, with two features and two rows at least.
        explained
            Between 0 and 1.

        Examples
        --------
        >>> rows = np.array([[1.0, 1.1], [2.0, 1.9], [3.0, 3.0]])
        >>> Directions.of(rows).residuals(rows + [0.1, -0.1]).round(2).tolist()
        [[0.07, -0.07], [0.15, -0.15], [0.07, -0.08]]
        """
        centre = rows.mean(axis=0)
        values, vectors = np.linalg.eigh(np.cov(rows, rowvar=False))
        values, vectors = np.maximum(values[::-1], 0.0), vectors[:, ::-1]
        reached = np.cumsum(values) >= explained * values.sum()
        kept = min(int(np.argmax(reached)) + 1, len(values) - 1)
        return cls(centre, vectors[:, :kept])

    def residuals(self, rows: Matrix) -> Matrix:
        """What of each row the directions do not reach; same shape."""
        centred = rows - self.centre
        left: Matrix = centred - (centred @ self.axes) @ self.axes.T
        return left

    def errors(self, rows: Matrix) -> NDArray[np.float64]:
        """The distance of each row."""
        return np.asarray(np.linalg.norm(self.residuals(rows), axis=1))


def measure(samples: Samples, tolerance: float, rate: float) -> JointMeasurement:
    """The shift of the mean reconstruction error, with the columns whose errors shifted."""
    if samples.scale.shape[1] < 2 or len(samples.scale) < 2:
        return JointMeasurement.undefined(samples, tolerance, "fewer than two features vary")
    directions = Directions.of(samples.scale)
    reference, live = directions.residuals(samples.reference), directions.residuals(samples.live)
    before, after = np.linalg.norm(reference, axis=1), np.linalg.norm(live, axis=1)
    spread = float(before.std(ddof=1))
    if not spread > _SMALLEST_SPREAD:
        return JointMeasurement.undefined(samples, tolerance, "the reference's errors do not vary")
    moved = float(after.mean() - before.mean()) / spread
    error = float(_error_of_difference(before[:, None], after[:, None])[0]) / spread
    p_value = float(p_value_beyond(moved, error, tolerance))
    farther = "farther from" if moved > 0.0 else "nearer to"
    return JointMeasurement(
        score=abs(moved),
        threshold=tolerance,
        p_value=p_value,
        n_reference=len(before),
        n_live=len(after),
        interval=(max(abs(moved) - Z_95 * error, 0.0), abs(moved) + Z_95 * error),
        columns=_named_columns(samples, reference, live, tolerance, rate),
        text=(
            f"rows lie {farther} the reference's {directions.axes.shape[1]} main directions: "
            f"mean error {before.mean():.3g} -> {after.mean():.3g}"
        ),
    )


def _error_of_difference(before: Matrix, after: Matrix) -> NDArray[np.float64]:
    """The standard error of the difference of two means, by column."""
    variance = before.var(axis=0, ddof=1) / len(before) + after.var(axis=0, ddof=1) / len(after)
    return np.asarray(np.sqrt(variance))


def _named_columns(samples: Samples, reference: Matrix, live: Matrix, tolerance: float, rate: float) -> tuple[str, ...]:
    before, after = (_by_column(samples, residuals) for residuals in (reference, live))
    difference, error = after.mean(axis=0) - before.mean(axis=0), _error_of_difference(before, after)
    # In units of the reference's own spread, as the score is; and what leaks into other columns, since directions are
    # estimates, is a small part of the whole.
    much = np.maximum(tolerance * before.std(axis=0, ddof=1), _SMALLEST_PART * np.abs(difference).sum())
    found = named(p_value_beyond(difference, error, much), rate)
    strength = (np.abs(difference) - much) / np.where(error > 0.0, error, math.inf)
    return tuple(samples.columns[position] for position in sorted(found, key=lambda at: -strength[at]))


def _by_column(samples: Samples, residuals: Matrix) -> Matrix:
    """Squared errors, summed over each column's features."""
    summed = np.zeros((len(residuals), len(samples.columns)))
    for feature, owner in enumerate(samples.owners.tolist()):
        summed[:, owner] += residuals[:, feature] ** 2
    return summed


PCA_RECONSTRUCTION = JointTest(name="pca_reconstruction", tolerance=0.125, minimum_rows=100, measure=measure)
