"""What every statistic offers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.records import ColumnKind, Measurement

if TYPE_CHECKING:
    from driftwatch.core.baseline import ColumnBaseline
    from driftwatch.core.profile import ColumnProfile


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistic:
    """One number from a column's baseline and profile, and what can be proved about it. It knows no threshold.

    Attributes
    ----------
    name
        Under which it is listed, shown and stored.
    kinds
        The kinds of column that it fits.
    tolerance
        In units of the score: a true distance up to this is nothing to act on, unless somebody says otherwise.
    power
        With which power of a change the score grows, where the change is small: 1 for a distance, 2 for PSI.
    has_test
        Whether there is a plain two-sample test, whose p-value is in the measurement.
    measure
        ``(baseline, profile) -> Measurement``: the score, with the p-value of the plain two-sample test where there
        is one. The score is ``nan`` where it is undefined.
    sampling_error
        ``(baseline, doubt) -> float``: how far, in units of the score, the reference may lie from the distribution
        that it was drawn from; farther with probability ``doubt`` at most. ``inf`` for an empty reference.
    exceedance
        ``(baseline, profile, tolerance) -> float``: the p-value of "the rows come from a distribution whose distance
        from the reference is at most the tolerance", at this number of rows. 1.0 where the score is undefined.
    bets
        ``(baseline, profile, tolerance) -> array``, or None: e-values of the same hypothesis, always of the same
        length for one baseline; each pays for the change that it bets on. Where None, the one bet is made of the
        p-value (`driftwatch.core.evidence.calibrated`).
    """

    name: str
    kinds: frozenset[ColumnKind]
    tolerance: float
    power: int
    measure: Callable[[ColumnBaseline, ColumnProfile], Measurement]
    sampling_error: Callable[[ColumnBaseline, float], float]
    exceedance: Callable[[ColumnBaseline, ColumnProfile, float], float]
    bets: Callable[[ColumnBaseline, ColumnProfile, float], NDArray[np.float64]] | None = None
    has_test: bool = False
