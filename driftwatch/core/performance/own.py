"""A user's own measure: a function that gives each labelled row a number, the mean of which is the measure.

Such numbers are summed exactly, so that own measures add up over windows and batches as all others do. A function of
all rows at once, which gives one number, can only be had of rows that are all there: `of_all_rows`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.moments import LARGEST_SUMMAND, decoded_units, encoded_units, exact_sum
from driftwatch.core.performance.measure import Measure
from driftwatch.core.performance.moments_of_sums import mean_of
from driftwatch.core.table import Numbers, Values
from driftwatch.errors import MeasureError

Rows = Mapping[str, NDArray[Any]]
"""Columns of labelled rows by name: ``float64`` with ``nan`` where missing, or objects, texts and None."""

OwnMeasure = Callable[[Rows], Any]
"""``rows -> array`` with a number a row; rows where it is not finite do not count."""

RESAMPLED = 200
"""Sets of rows, drawn with replacement, by which the interval of one number is had."""


@dataclass(frozen=True, slots=True)
class OwnSums:
    """Count, exact sum and exact sum of squares of a row's numbers, in units of ``2**-1074``."""

    n: int
    total: int
    squares: int

    @classmethod
    def of(cls, numbers: NDArray[np.float64]) -> OwnSums:
        """Sum up the finite ones."""
        found = np.clip(numbers[np.isfinite(numbers)], -math.sqrt(LARGEST_SUMMAND), math.sqrt(LARGEST_SUMMAND))
        return cls(len(found), exact_sum(found), exact_sum(found * found))

    def combined(self, other: OwnSums, sign: int) -> OwnSums:
        """The sums of both sets of rows, or of the one without the other."""
        return OwnSums(self.n + sign * other.n, self.total + sign * other.total, self.squares + sign * other.squares)

    def measure(self) -> Measure:
        """The mean with its interval."""
        return mean_of(self.total, self.squares, self.n)

    def to_document(self) -> list[Any]:
        """A JSON-able form, exact."""
        return [self.n, encoded_units(self.total), encoded_units(self.squares)]

    @classmethod
    def from_document(cls, document: Any) -> OwnSums:
        """The inverse of `to_document`."""
        n, total, squares = document
        if not isinstance(n, int) or n < 0:
            raise ValueError("own sums have a count")
        return cls(n, decoded_units(total), decoded_units(squares))


def unlike_ours(measures: Mapping[str, OwnMeasure]) -> Mapping[str, OwnMeasure]:
    """The same measures.

    Raises
    ------
    MeasureError
        If one has the name of a measure of driftwatch.
    """
    from driftwatch.core.performance import MEASURES
    from driftwatch.core.performance.business_value import BUSINESS_VALUE

    for name in measures:
        if name in MEASURES or name == BUSINESS_VALUE:
            raise MeasureError("driftwatch has a measure of this name.", field=name, remedy="Name yours otherwise.")
    return measures


def arrays_of(columns: Mapping[str, Values]) -> Rows:
    """Columns as an own measure is given them.

    Examples
    --------
    >>> from driftwatch.core.table import Names
    >>> arrays_of({"y": Names.of(["a", None])})["y"].tolist()
    ['a', None]
    """
    return {
        name: values.values.copy() if isinstance(values, Numbers) else np.array(values.to_list(), dtype=object)
        for name, values in columns.items()
    }


def own_sums(measure: OwnMeasure, rows: Rows, n: int) -> OwnSums | None:
    """The sums of a measure's numbers; None where it gives one number for all rows.

    Raises
    ------
    ValueError
        If it gives neither a number a row nor one number.
    """
    found = np.asarray(measure(rows), dtype=np.float64)
    if found.shape == (n,):
        return OwnSums.of(np.ascontiguousarray(found))
    if found.shape == ():
        return None
    raise ValueError(f"it gave numbers of shape {found.shape} for {n} rows")


def of_all_rows(measure: OwnMeasure, rows: Rows, n: int) -> Measure:
    """The one number that a measure gives for all rows; its interval by the bootstrap's quantiles, with a fixed seed.

    Examples
    --------
    >>> rows = {"y": np.arange(100.0)}
    >>> found = of_all_rows(lambda rows: np.median(rows["y"]), rows, 100)
    >>> found.value, round(found.lower), round(found.upper)
    (49.5, 41, 59)
    """
    value = float(measure(rows))
    if n < 2:
        return Measure(value=value, standard_error=math.nan, n=n)
    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(RESAMPLED):
        chosen = rng.integers(0, n, n)
        drawn.append(float(measure({name: column[chosen] for name, column in rows.items()})))
    known = np.array(drawn)[np.isfinite(drawn)]
    if len(known) < RESAMPLED // 2:
        return Measure(value=value, standard_error=math.nan, n=n)
    lower, upper = np.quantile(known, [0.025, 0.975])
    return Measure(
        value=value, standard_error=float(known.std(ddof=1)), n=n, lower=min(lower, value), upper=max(upper, value)
    )
