"""Columns of any kind as one matrix of numbers, over the scale of reference rows.

*Numbers* become normal scores: the share of the scale's rows below a value (half of those equal to it included), as a
quantile of the standard normal distribution, at most 3 away from 0. No tail, however heavy, outweighs the rest, and no
unit does.
A missing value is 0, and 1 in a feature of its own. *Names* become one feature for each of the most common ones, one
for all others (rare or never seen) and one for missing; of two names the first is enough. All features are centred on
the scale's mean, so that a column's features vary by about 1 together, or less.

The scale is fitted on reference rows that are compared with nothing: given them, the other reference rows and live rows
of the same distribution cannot be told apart by anything that is computed from the matrices.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from driftwatch.core.table import Names, Numbers, Table, Values

MOST_NAMES = 20
"""Names of a column that have a feature of their own."""

SMALLEST_SHARE = 0.01
"""A rarer name has none."""

_FEWEST_ROWS = 5

_FARTHEST = 3.0

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class NumberScale:
    """The scale of a column of numbers: the reference's values, ascending, without missing ones."""

    values: NDArray[np.float64]

    @classmethod
    def of(cls, values: Numbers) -> NumberScale:
        """Fit it."""
        return cls(np.sort(values.values[~np.isnan(values.values)]))

    def features(self, values: Numbers) -> Matrix:
        """Shape ``(rows, 2)``: the normal score, and whether it is missing; not centred."""
        missing = np.isnan(values.values)
        found = np.zeros((len(values), 2))
        found[missing, 1] = 1.0
        if len(self.values):
            found[~missing, 0] = self._scores(values.values[~missing])
        return found

    def _scores(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        n = len(self.values)
        ranks = np.searchsorted(self.values, values, "left") + np.searchsorted(self.values, values, "right")
        scores: NDArray[np.float64] = ndtri(np.clip(ranks / (2.0 * n), 0.5 / n, 1.0 - 0.5 / n))
        return np.clip(scores, -_FARTHEST, _FARTHEST)


@dataclass(frozen=True, slots=True, eq=False)
class NameScale:
    """The scale of a column of names: the common ones, the most common first."""

    names: tuple[str, ...]

    @classmethod
    def of(cls, values: Names) -> NameScale:
        """Fit it."""
        counts = np.bincount(values.codes[values.codes >= 0], minlength=len(values.names))
        order = np.argsort(-counts, kind="stable")[:MOST_NAMES].tolist()
        fewest = max(SMALLEST_SHARE * len(values), _FEWEST_ROWS)
        return cls(tuple(values.names[code] for code in order if counts[code] >= fewest))

    def features(self, values: Names) -> Matrix:
        """Shape ``(rows, names + 2)``: one a name (of two names only the first), others, missing; not centred."""
        codes = values.recoded(self.names)
        shown = 1 if len(self.names) == 2 else len(self.names)
        found = np.zeros((len(values), shown + 2))
        for code in range(shown):
            found[:, code] = codes == code
        found[:, shown] = codes == len(self.names)
        found[:, shown + 1] = codes < 0
        return found


Scale = NumberScale | NameScale


@dataclass(frozen=True, slots=True, eq=False)
class Encoding:
    """How rows become a matrix.

    Attributes
    ----------
    scales
        By column.
    owners
        For each feature the position of its column in ``scales``.
    centre
        Each feature's mean over the scale's rows.

    Examples
    --------
    >>> from driftwatch.core.table import Names, Numbers, Table
    >>> rows = Table({"x": Numbers(np.arange(5.0)), "c": Names.of(["a", "a", "a", "a", "a"])}, 5)
    >>> encoding, matrix = Encoding.fitted(rows)
    >>> matrix.shape, encoding.owners.tolist()
    ((5, 5), [0, 0, 1, 1, 1])
    >>> matrix[:, 0].round(2).tolist()
    [-1.28, -0.52, 0.0, 0.52, 1.28]
    """

    scales: Mapping[str, Scale]
    owners: NDArray[np.intp]
    centre: NDArray[np.float64]

    @classmethod
    def fitted(cls, rows: Table) -> tuple[Encoding, Matrix]:
        """Fit it to reference rows; they come back as a matrix."""
        scales = {name: _scale(values) for name, values in rows.columns.items()}
        parts = [_features(scale, rows[name]) for name, scale in scales.items()]
        owners = np.repeat(np.arange(len(parts), dtype=np.intp), [part.shape[1] for part in parts])
        matrix = _joined(parts, len(rows))
        centre = matrix.mean(axis=0) if len(rows) else np.zeros(matrix.shape[1])
        return cls(scales, owners, centre), matrix - centre

    def matrix(self, rows: Table) -> Matrix:
        """Rows as a matrix of shape ``(rows, features)``."""
        return _joined([_features(scale, rows[name]) for name, scale in self.scales.items()], len(rows)) - self.centre


def _scale(values: Values) -> Scale:
    return NumberScale.of(values) if isinstance(values, Numbers) else NameScale.of(values)


def _features(scale: Scale, values: Values) -> Matrix:
    if isinstance(scale, NumberScale) and isinstance(values, Numbers):
        return scale.features(values)
    if isinstance(scale, NameScale) and isinstance(values, Names):
        return scale.features(values)
    raise TypeError("a scale of numbers is for numbers, one of names for names")


def _joined(parts: Sequence[Matrix], n_rows: int) -> Matrix:
    return np.hstack(parts) if parts else np.zeros((n_rows, 0))
