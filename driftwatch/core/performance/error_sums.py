"""Exact sums over the errors of a regression's labelled rows beyond the first five, and cells of the errors."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.moments import decoded_units, encoded_units, exact_sum
from driftwatch.core.performance.cell_counts import CellCounts
from driftwatch.core.performance.number_cells import MAGNITUDES, magnitude_cells

_SMALLEST_LABEL = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorSums:
    """Sums over labelled rows, ``e`` being the prediction minus the label ``y``.

    Attributes
    ----------
    n
        Rows.
    logs
        Rows whose label and prediction are above -1: those that have a logarithm of one plus it.
    fourth, signed, with_label, squared_with_label, squared_with_squared, cubed_label, fourth_label
        Exact sums in units of ``2**-1074``: of ``e**4, e*|e|, e*y, e**2*y, e**2*y**2, y**3, y**4``.
    relative, relative_squares
        Of ``|e| / |y|`` and its square; labels nearer to 0 than ``2**-52`` count as that.
    symmetric, symmetric_squares
        Of ``2 |e| / (|y| + |prediction|)`` and its square; 0 where both are 0.
    log_squared, log_fourth
        Of the squared difference of ``log(1 + .)`` of both and its square, over the rows that have it.
    cells
        Of ``e``: magnitude cells (`driftwatch.core.performance.number_cells`).
    """

    n: int = 0
    logs: int = 0
    fourth: int = 0
    signed: int = 0
    with_label: int = 0
    squared_with_label: int = 0
    squared_with_squared: int = 0
    cubed_label: int = 0
    fourth_label: int = 0
    relative: int = 0
    relative_squares: int = 0
    symmetric: int = 0
    symmetric_squares: int = 0
    log_squared: int = 0
    log_fourth: int = 0
    cells: CellCounts

    @classmethod
    def empty(cls) -> ErrorSums:
        """No rows yet."""
        return cls(cells=CellCounts.empty())

    @classmethod
    def of(cls, error: NDArray[np.float64], label: NDArray[np.float64], prediction: NDArray[np.float64]) -> ErrorSums:
        """Sum up rows whose error and label are finite and bounded; all of shape ``(n,)``."""
        with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
            size, square, label_square = np.abs(error), error * error, label * label
            relative = size / np.maximum(np.abs(label), _SMALLEST_LABEL)
            both = np.abs(label) / 2.0 + np.abs(prediction) / 2.0
            symmetric = np.where(both > 0.0, size / both, 0.0)
            above = (label > -1.0) & (prediction > -1.0)
            logs = np.square(np.log1p(prediction[above]) - np.log1p(label[above]))
            return cls(
                n=len(error),
                logs=len(logs),
                fourth=exact_sum(square * square),
                signed=exact_sum(error * size),
                with_label=exact_sum(error * label),
                squared_with_label=exact_sum(square * label),
                squared_with_squared=exact_sum(square * label_square),
                cubed_label=exact_sum(label_square * label),
                fourth_label=exact_sum(label_square * label_square),
                relative=exact_sum(relative),
                relative_squares=exact_sum(relative * relative),
                symmetric=exact_sum(symmetric),
                symmetric_squares=exact_sum(symmetric * symmetric),
                log_squared=exact_sum(logs),
                log_fourth=exact_sum(logs * logs),
                cells=CellCounts.of(magnitude_cells(error)),
            )

    def __add__(self, other: ErrorSums) -> ErrorSums:
        """The sums of both sets of rows."""
        return self._combined(other, 1, self.cells + other.cells)

    def __sub__(self, other: ErrorSums) -> ErrorSums:
        """The sums without rows that were counted before.

        Raises
        ------
        ValueError
            If more is taken out than there is.
        """
        return self._combined(other, -1, self.cells - other.cells)

    def _combined(self, other: ErrorSums, sign: int, cells: CellCounts) -> ErrorSums:
        summed = {name: getattr(self, name) + sign * getattr(other, name) for name in (*_COUNTS, *_EXACT)}
        return replace(self, **summed, cells=cells)

    def to_document(self) -> dict[str, Any]:
        """A JSON-able form, exact."""
        document: dict[str, Any] = {name: getattr(self, name) for name in _COUNTS}
        document |= {name: encoded_units(getattr(self, name)) for name in _EXACT}
        return {**document, "cells": self.cells.to_text()}

    @classmethod
    def from_document(cls, document: Any) -> ErrorSums:
        """The inverse of `to_document`.

        Raises
        ------
        KeyError, TypeError, ValueError
            If the document is not such a form.
        """
        result = cls(
            **{name: int(document[name]) for name in _COUNTS},
            **{name: decoded_units(document[name]) for name in _EXACT},
            cells=CellCounts.from_text(document["cells"]),
        )
        within = np.abs(result.cells.keys).max(initial=0) <= MAGNITUDES
        if not within or not 0 <= result.logs <= result.n or result.cells.n != result.n:
            raise ValueError("sums of errors do not fit each other")
        return result


_COUNTS = ("n", "logs")
_EXACT = tuple(one.name for one in fields(ErrorSums) if one.name not in (*_COUNTS, "cells"))
