"""A measured value with its interval, and the intervals that more than one measure has.

All intervals are for 95 %: of many windows drawn from one world, so many cover the world's value.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from driftwatch.core.records import Task

if TYPE_CHECKING:
    from driftwatch.core.performance.sums import PerformanceSums

LEVEL = 0.95
"""Of the intervals."""

Z = 1.959963984540054
"""The normal distribution's quantile that goes with it."""

TRAINING_ROWS = (
    "The reference's quality was measured on the rows that the baseline was fitted on: if the model was too, it looks "
    "better there than it is."
)
"""What to say where no held-out rows are known."""

ANY = (-math.inf, math.inf)
NOT_NEGATIVE = (0.0, math.inf)
SHARE = (0.0, 1.0)
"""Where values can lie: intervals are cut there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A measure of quality.

    Attributes
    ----------
    value
        ``nan`` where it is undefined.
    standard_error
        Of the value as an estimate of the world's; ``nan`` where it has none.
    n
        Labelled rows that it was measured on, or for a share those that it is a share of.
    lower, upper
        Its interval; ``nan`` where there is none.
    error_bound
        The most that the value can differ from that of the raw rows.
    """

    value: float
    standard_error: float
    n: int
    lower: float = math.nan
    upper: float = math.nan
    error_bound: float = 0.0


class Better(StrEnum):
    """Which way quality goes with a measure."""

    HIGHER = "higher"
    LOWER = "lower"
    NEITHER = "neither"


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureKind:
    """One measure of quality, as the table lists it.

    Attributes
    ----------
    name
        Under which it is listed, shown and stored.
    tasks
        The tasks that have it.
    better
        Which way quality goes with it.
    measure
        ``sums -> Measure``: from sums alone; ``nan`` where undefined. None where the sums have nothing for it, such as
        no scores.
    """

    name: str
    tasks: frozenset[Task]
    better: Better
    measure: Callable[[PerformanceSums], Measure | None]


CLASSIFICATION = frozenset({Task.BINARY, Task.MULTICLASS})
BINARY = frozenset({Task.BINARY})
MULTICLASS = frozenset({Task.MULTICLASS})
REGRESSION = frozenset({Task.REGRESSION})


def undefined(n: int) -> Measure:
    """A measure that has no value."""
    return Measure(value=math.nan, standard_error=math.nan, n=n)


def normal(
    value: float, standard_error: float, n: int, *, within: tuple[float, float] = ANY, error_bound: float = 0.0
) -> Measure:
    """A measure whose estimate is about normal: the interval is 1.96 standard errors wide to both sides.

    Parameters
    ----------
    value, standard_error, n
        Of the measure.
    within
        Where values can lie.
    error_bound
        Widens the interval to both sides.
    """
    reach = Z * standard_error + error_bound
    return Measure(
        value=value,
        standard_error=standard_error,
        n=n,
        lower=max(value - reach, within[0]) if math.isfinite(reach) else math.nan,
        upper=min(value + reach, within[1]) if math.isfinite(reach) else math.nan,
        error_bound=error_bound,
    )


def logit(value: float, standard_error: float, n: int, *, error_bound: float = 0.0) -> Measure:
    """A measure between 0 and 1 whose interval is made on the logit scale, where it stays between them.

    Where the standard error is 0, as of a perfect ranking, the interval is that of a share of ``n``.
    """
    if not (0.0 < value < 1.0 and standard_error > 0.0):
        lower, upper = wilson(value, n)
    else:
        centre, reach = math.log(value / (1.0 - value)), Z * standard_error / (value * (1.0 - value))
        lower, upper = (_inverse_logit(end) for end in (centre - reach, centre + reach))
    return Measure(
        value=value,
        standard_error=standard_error,
        n=n,
        lower=max(lower - error_bound, 0.0),
        upper=min(upper + error_bound, 1.0),
        error_bound=error_bound,
    )


def _inverse_logit(at: float) -> float:
    return 1.0 / (1.0 + math.exp(-at)) if at > -700.0 else 0.0


def wilson(share: float, n: int) -> tuple[float, float]:
    """Wilson's interval of a share of ``n``; ``nan`` of nothing.

    References
    ----------
    Wilson, E. B. (1927): Probable inference, the law of succession, and statistical inference.
    https://doi.org/10.1080/01621459.1927.10502953

    Examples
    --------
    >>> [round(end, 4) for end in wilson(0.0, 10)]
    [0.0, 0.2775]
    """
    if n == 0 or math.isnan(share):
        return math.nan, math.nan
    square = Z * Z / n
    centre = (share + square / 2.0) / (1.0 + square)
    reach = Z * math.sqrt(share * (1.0 - share) / n + square / (4.0 * n)) / (1.0 + square)
    # At the ends the two are equal, but for rounding.
    return (0.0 if share == 0.0 else max(centre - reach, 0.0)), (1.0 if share == 1.0 else min(centre + reach, 1.0))


def share(hits: int, n: int) -> Measure:
    """A share with Wilson's interval; undefined of nothing."""
    if n == 0:
        return undefined(0)
    value = hits / n
    error = math.sqrt(value * (1.0 - value) / (n - 1)) if n > 1 else math.nan
    lower, upper = wilson(value, n)
    return Measure(value=value, standard_error=error, n=n, lower=lower, upper=upper)


def standard_error(variance: float, n: int) -> float:
    """Of a mean of ``n`` rows, from their variance with ``n`` as its divisor; ``nan`` of fewer than two."""
    return math.sqrt(max(variance, 0.0) / (n - 1)) if n > 1 else math.nan
