"""The coefficient of determination: what share of the labels' variance the predictions explain."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from driftwatch.core.moments import from_units
from driftwatch.core.performance.error_sums import ErrorSums
from driftwatch.core.performance.errors import LABEL, LABEL_SQUARED, SQUARED
from driftwatch.core.performance.measure import REGRESSION, Better, Measure, MeasureKind, normal, undefined
from driftwatch.core.performance.moments_of_sums import spread

if TYPE_CHECKING:
    from driftwatch.core.performance.sums import PerformanceSums

_ROUNDED = 2.0**-52
"""Squares are rounded when they are made: a spread of no more than that is none."""


def r2(sums: PerformanceSums) -> Measure:
    """One minus the mean squared error by the variance of the labels; undefined of fewer than two rows.

    Of labels that do not differ 1 without any error, else 0, as scikit-learn says. The standard error is by the delta
    method; it is ``nan`` where the labels' mean is so far from 0 that their fourth powers say nothing of their spread.
    """
    n = sums.n
    if n < 2:
        return undefined(n)
    squared, label, label_squared = sums.sums[SQUARED], sums.sums[LABEL], sums.sums[LABEL_SQUARED]
    variance = spread(label_squared, label, n)
    if not variance > _ROUNDED * from_units(label_squared, n):
        return Measure(value=float(squared == 0), standard_error=math.nan, n=n)
    mean_square = from_units(squared, n)
    value = 1.0 - mean_square / variance
    return normal(value, _error(sums, mean_square, variance), n, within=(-math.inf, 1.0))


def _error(sums: PerformanceSums, mean_square: float, variance: float) -> float:
    """Of the quotient: the rows' ``e**2 - q * (y - mean)**2`` over the variance, with ``q`` the quotient."""
    more, n = sums.details, sums.n
    if not isinstance(more, ErrorSums):
        return math.nan
    mean, q = from_units(sums.sums[LABEL], n), mean_square / variance
    e4, y4 = from_units(more.fourth, n), from_units(more.fourth_label, n)
    e2y, e2y2, y3 = (
        from_units(total, n) for total in (more.squared_with_label, more.squared_with_squared, more.cubed_label)
    )
    y2 = from_units(sums.sums[LABEL_SQUARED], n)
    # Products become infinite where powers would be an error.
    square = mean * mean
    central_fourth = y4 - 4.0 * mean * y3 + 6.0 * square * y2 - 3.0 * square * square
    crossed = e2y2 - 2.0 * mean * e2y + square * mean_square
    size = y4 + 6.0 * square * y2 + 3.0 * square * square
    if not (math.isfinite(size) and central_fourth > 2.0**-40 * size):
        return math.nan
    # The mean of e**2 - q * (y - mean)**2 is 0.
    return math.sqrt(max(e4 - 2.0 * q * crossed + q * q * central_fourth, 0.0) / (n - 1)) / variance


R2 = MeasureKind(name="r2", tasks=REGRESSION, better=Better.HIGHER, measure=r2)
