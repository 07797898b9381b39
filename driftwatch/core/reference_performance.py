"""How good the model was when the baseline was fitted, and on which rows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from driftwatch.core.performance import Measure, PerformanceSums


class PerformanceSource(StrEnum):
    """Which rows the reference performance was measured on."""

    HELD_OUT = "held_out"
    REFERENCE = "reference"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferencePerformance:
    """How good the model was when the baseline was fitted.

    ``source`` is ``held_out`` where rows were given that the model had not been fitted on. ``reference`` means
    the reference rows themselves: a model looks better on those than it is, so live quality will seem worse.
    """

    sums: PerformanceSums
    source: PerformanceSource

    @property
    def loss(self) -> Measure:
        """The mean loss of a row (``mae`` or ``error_rate``) with its standard error."""
        return self.sums.loss()
