"""What every test of several columns at once offers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from driftwatch.core.multivariate.finding import UNDEFINED, Pair
from driftwatch.core.multivariate.samples import Samples


@dataclass(frozen=True, slots=True, kw_only=True)
class JointMeasurement:
    """What a test says of two samples. It knows no level and no budget.

    ``threshold`` is the tolerance in units of the score; ``columns`` and ``pairs`` are those that carry the
    difference, by a test of their own: none of them is a sign of drift where the p-value is none.
    """

    score: float
    threshold: float
    p_value: float
    n_reference: int
    n_live: int
    interval: tuple[float, float] = UNDEFINED
    columns: tuple[str, ...] = ()
    pairs: tuple[Pair, ...] = ()
    text: str = ""
    error_bound: float = 0.0

    @classmethod
    def undefined(cls, samples: Samples, threshold: float, why: str) -> JointMeasurement:
        """Nothing to measure."""
        n, m = len(samples.reference), len(samples.live)
        return cls(score=math.nan, threshold=threshold, p_value=1.0, n_reference=n, n_live=m, text=why)


@dataclass(frozen=True, slots=True, kw_only=True)
class JointTest:
    """One number from two samples of several columns, and a p-value. It knows no level.

    Attributes
    ----------
    name
        Under which it is listed, shown and chosen.
    tolerance
        A difference up to this is nothing to act on, unless somebody says otherwise; in the unit that the test's
        module names.
    minimum_rows
        Fewer on either side say ``insufficient_data``.
    measure
        ``(samples, tolerance, rate) -> JointMeasurement``: ``rate`` is the false-discovery rate of what is named.
    """

    name: str
    tolerance: float
    minimum_rows: int
    measure: Callable[[Samples, float, float], JointMeasurement]
