"""Quantiles of a regression's errors, and pinball loss: what a mean does not tell of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.moments import from_units
from driftwatch.core.performance.error_sums import ErrorSums
from driftwatch.core.performance.errors import ABSOLUTE, SIGNED, SQUARED
from driftwatch.core.performance.measure import (
    NOT_NEGATIVE,
    REGRESSION,
    Better,
    Measure,
    MeasureKind,
    Z,
    normal,
    standard_error,
    undefined,
)
from driftwatch.core.performance.number_cells import magnitude_ends

if TYPE_CHECKING:
    from driftwatch.core.performance.sums import PerformanceSums


def quantile(sums: PerformanceSums, level: float) -> Measure | None:
    """A quantile of the error, prediction minus label: of ``n`` rows the one of rank ``level * (n - 1)``, rounded.

    The value is the middle of its cell, half of which is the error bound: at most 1/128 of the value. The interval is
    that of ranks, by the normal approximation of the binomial distribution.

    Parameters
    ----------
    sums
        Of a regression.
    level
        From 0 to 1.
    """
    more, n = sums.details, sums.n
    if not isinstance(more, ErrorSums):
        return None
    if n == 0:
        return undefined(0)
    lower, upper = magnitude_ends(more.cells.keys)
    up_to = np.cumsum(more.cells.counts)
    rank = level * (n - 1)
    reach = Z * math.sqrt(n * level * (1.0 - level))
    at, first, last = (_at(up_to, place) for place in (rank, rank - reach, rank + reach))
    middle, half = (lower[at] + upper[at]) / 2.0, (upper[at] - lower[at]) / 2.0
    return Measure(
        value=float(middle),
        standard_error=math.nan,
        n=n,
        lower=float(lower[first]),
        upper=float(upper[last]),
        error_bound=float(half),
    )


def _at(up_to: NDArray[np.int64], rank: float) -> int:
    """Where the row of a rank is, ranks beyond the ends being those of the ends."""
    return int(np.searchsorted(up_to, min(max(round(rank), 0), int(up_to[-1]) - 1), side="right"))


def pinball(sums: PerformanceSums, level: float) -> Measure | None:
    """The mean pinball loss of a prediction of the label's ``level`` quantile.

    Parameters
    ----------
    sums
        Of a regression.
    level
        From 0 to 1: what a label above the prediction costs, one below it costing ``1 - level``.
    """
    more, n = sums.details, sums.n
    if not isinstance(more, ErrorSums):
        return None
    if n == 0:
        return undefined(0)
    absolute, signed = from_units(sums.sums[ABSOLUTE], n), from_units(sums.sums[SIGNED], n)
    squared, signed_square = from_units(sums.sums[SQUARED], n), from_units(more.signed, n)
    below, above = (absolute - signed) / 2.0, (absolute + signed) / 2.0
    value = level * below + (1.0 - level) * above
    squares = level**2 * (squared - signed_square) / 2.0 + (1.0 - level) ** 2 * (squared + signed_square) / 2.0
    return normal(value, standard_error(squares - value * value, n), n, within=NOT_NEGATIVE)


def _quantile(level: float) -> MeasureKind:
    return MeasureKind(
        name=f"error_p{round(100 * level):02}",
        tasks=REGRESSION,
        better=Better.NEITHER,
        measure=lambda sums: quantile(sums, level),
    )


def _pinball(level: float) -> MeasureKind:
    return MeasureKind(
        name=f"pinball_{round(100 * level):02}",
        tasks=REGRESSION,
        better=Better.LOWER,
        measure=lambda sums: pinball(sums, level),
    )


ERROR_P05, ERROR_P25, ERROR_P50, ERROR_P75, ERROR_P95 = map(_quantile, (0.05, 0.25, 0.5, 0.75, 0.95))
PINBALL_10, PINBALL_50, PINBALL_90 = map(_pinball, (0.1, 0.5, 0.9))
