"""Measures of a regression's errors, ``e`` being the prediction minus the label: means of rows, and roots of such."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from driftwatch.core.performance.error_sums import ErrorSums
from driftwatch.core.performance.measure import (
    NOT_NEGATIVE,
    REGRESSION,
    Better,
    Measure,
    MeasureKind,
    normal,
    undefined,
)
from driftwatch.core.performance.moments_of_sums import mean_of

if TYPE_CHECKING:
    from driftwatch.core.performance.sums import PerformanceSums

ABSOLUTE, SIGNED, SQUARED, LABEL, LABEL_SQUARED = range(5)
"""Where the sums of `PerformanceSums.sums` stand."""


def mae(sums: PerformanceSums) -> Measure:
    """The mean of ``|e|``."""
    return mean_of(sums.sums[ABSOLUTE], sums.sums[SQUARED], sums.n, within=NOT_NEGATIVE)


def bias(sums: PerformanceSums) -> Measure:
    """The mean of ``e``: above 0 where predictions are too high."""
    return mean_of(sums.sums[SIGNED], sums.sums[SQUARED], sums.n)


def mse(sums: PerformanceSums) -> Measure:
    """The mean of ``e**2``."""
    if not isinstance(sums.details, ErrorSums):
        return Measure(value=mean_of(sums.sums[SQUARED], 0, sums.n).value, standard_error=math.nan, n=sums.n)
    return mean_of(sums.sums[SQUARED], sums.details.fourth, sums.n, within=NOT_NEGATIVE)


def mape(sums: PerformanceSums) -> Measure | None:
    """The mean of ``|e| / |label|``, as a share; labels nearer to 0 than ``2**-52`` count as that."""
    if not isinstance(sums.details, ErrorSums):
        return None
    return mean_of(sums.details.relative, sums.details.relative_squares, sums.n, within=NOT_NEGATIVE)


def smape(sums: PerformanceSums) -> Measure | None:
    """The mean of ``2 |e| / (|label| + |prediction|)``, from 0 to 2; 0 of a row where both are 0."""
    if not isinstance(sums.details, ErrorSums):
        return None
    return mean_of(sums.details.symmetric, sums.details.symmetric_squares, sums.n, within=(0.0, 2.0))


def msle(sums: PerformanceSums) -> Measure | None:
    """The mean squared difference of ``log(1 + .)``; undefined where a label or a prediction is not above -1."""
    if not isinstance(sums.details, ErrorSums):
        return None
    if sums.details.logs < sums.n:
        return undefined(sums.n)
    return mean_of(sums.details.log_squared, sums.details.log_fourth, sums.n, within=NOT_NEGATIVE)


def _root(of: Callable[[PerformanceSums], Measure | None]) -> Callable[[PerformanceSums], Measure | None]:
    """The square root of a mean, with a standard error by the delta method."""

    def measured(sums: PerformanceSums) -> Measure | None:
        mean = of(sums)
        if mean is None or math.isnan(mean.value):
            return mean
        value = math.sqrt(mean.value)
        if math.isnan(mean.standard_error):
            return Measure(value=value, standard_error=math.nan, n=mean.n)
        error = mean.standard_error / (2.0 * value) if value > 0.0 else 0.0
        return normal(value, error, mean.n, within=NOT_NEGATIVE)

    return measured


def _kind(
    name: str, measure: Callable[[PerformanceSums], Measure | None], better: Better = Better.LOWER
) -> MeasureKind:
    return MeasureKind(name=name, tasks=REGRESSION, better=better, measure=measure)


MAE = _kind("mae", mae)
MSE = _kind("mse", mse)
RMSE = _kind("rmse", _root(mse))
BIAS = _kind("bias", bias, Better.NEITHER)
MAPE = _kind("mape", mape)
SMAPE = _kind("smape", smape)
MSLE = _kind("msle", msle)
RMSLE = _kind("rmsle", _root(msle))
