"""Means and their standard errors from exact sums: no cancellation, however far the mean is from zero."""

from __future__ import annotations

from driftwatch.core.moments import UNIT_EXPONENT, from_units
from driftwatch.core.performance.measure import ANY, Measure, normal, standard_error, undefined


def mean_of(total: int, squares: int, n: int, *, within: tuple[float, float] = ANY) -> Measure:
    """The mean of rows, from exact sums of them and of their squares; undefined without rows.

    Examples
    --------
    >>> import numpy as np
    >>> from driftwatch.core.moments import exact_sum
    >>> rows = np.array([1.0, 2.0, 6.0])
    >>> mean = mean_of(exact_sum(rows), exact_sum(rows * rows), 3)
    >>> mean.value, round(mean.standard_error, 4)
    (3.0, 1.5275)
    """
    if n == 0:
        return undefined(0)
    return normal(from_units(total, n), standard_error(spread(squares, total, n), n), n, within=within)


def spread(squares: int, total: int, n: int) -> float:
    """The variance with ``n`` as its divisor, from exact sums; infinite where no float is that large."""
    return max(covariance(squares, total, total, n), 0.0)


def covariance(products: int, one: int, other: int, n: int) -> float:
    """The covariance of two kinds of rows with ``n`` as its divisor, from exact sums of products and of both."""
    scaled = (products * n << -UNIT_EXPONENT) - one * other
    try:
        return scaled / (n * n << -2 * UNIT_EXPONENT)
    except OverflowError:
        return float("inf") if scaled > 0 else float("-inf")
