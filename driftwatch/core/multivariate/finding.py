"""What is found of several columns at once."""

from __future__ import annotations

import math
from dataclasses import dataclass

from driftwatch.core.records import Status, Threshold

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class JointFinding:
    """One test of several columns at once: a number, what is much, and what carries it.

    Attributes
    ----------
    test
        Its name.
    score
        ``nan`` where it is undefined.
    interval
        In which the true score lies, with 95 % confidence; ``nan`` where it is undefined.
    threshold
        A true score up to this is nothing to act on.
    p_value
        Of "the true score is at most the threshold", at these numbers of rows, which are taken for independent.
    n_reference, n_live
        Rows that were looked at: of many, a uniform sample.
    status
        `drift` and `warning` by the p-value and the test's share of the budget.
    columns, pairs
        What carries a drift, strongest first; empty without one, and where a test cannot tell.
    text
        What changed, in one short phrase.
    error_bound
        The most that the score's own approximation is likely to add or take.
    note
        What else one should know.
    """

    test: str
    score: float
    interval: tuple[float, float]
    threshold: Threshold
    p_value: float
    n_reference: int
    n_live: int
    status: Status
    columns: tuple[str, ...] = ()
    pairs: tuple[Pair, ...] = ()
    text: str = ""
    error_bound: float = 0.0
    note: str = ""


UNDEFINED = (math.nan, math.nan)
"""The interval of a score that is undefined."""
