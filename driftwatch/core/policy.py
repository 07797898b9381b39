"""What the user asks of the judge, and how the kinds of alert share the false-alarm budget."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from driftwatch.core.baseline import Baseline
from driftwatch.core.evidence import FalseAlarmBudget
from driftwatch.core.records import AlertKind, ColumnKind, ColumnRole, Threshold, ThresholdOrigin
from driftwatch.core.statistics import DEFAULT_STATISTICS
from driftwatch.core.thresholds import Tolerances

KIND_OF_ROLE: Mapping[ColumnRole, AlertKind] = MappingProxyType(
    {
        ColumnRole.FEATURE: AlertKind.FEATURE_DRIFT,
        ColumnRole.PREDICTION: AlertKind.PREDICTION_DRIFT,
        ColumnRole.SCORE: AlertKind.PREDICTION_DRIFT,
        ColumnRole.LABEL: AlertKind.LABEL_DRIFT,
    }
)
"""Which kind of alert a column belongs to."""

DEFAULT_SHARES: Mapping[AlertKind, float] = MappingProxyType(
    {
        AlertKind.FEATURE_DRIFT: 0.4,
        AlertKind.PREDICTION_DRIFT: 0.2,
        AlertKind.LABEL_DRIFT: 0.1,
        AlertKind.QUALITY: 0.3,
    }
)
"""How the kinds share the false-alarm budget; those that a model lacks leave theirs to the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgePolicy:
    """What the user asked of the judge.

    Attributes
    ----------
    budget
        How often a false alarm may come, over all kinds and columns of the model.
    shares
        How the kinds divide it, as relative weights.
    quality_ratio
        A mean loss of up to this times the reference's is nothing to act on.
    minimum_rows, minimum_labels
        Fewer say ``insufficient_data`` and change nothing that is remembered.
    blame_rate
        False-discovery rate of the columns that an alarm names.
    statistics
        Names of the statistics to measure, by kind of column.
    tolerances
        Distances that nobody needs to act on.
    fixed
        Statistics judged by their score alone, such as ``{"psi": 0.2}``: drift above it, no evidence, no budget.
    """

    budget: FalseAlarmBudget = field(default_factory=lambda: FalseAlarmBudget(windows=1000.0))
    shares: Mapping[AlertKind, float] = field(default_factory=lambda: DEFAULT_SHARES)
    quality_ratio: float = 1.25
    minimum_rows: int = 30
    minimum_labels: int = 30
    blame_rate: float = 0.05
    statistics: Mapping[ColumnKind, tuple[str, ...]] = field(default_factory=lambda: DEFAULT_STATISTICS)
    tolerances: Tolerances = field(default_factory=Tolerances)
    fixed: Mapping[str, float] = field(default_factory=dict)

    def limit(self, kind: AlertKind, baseline: Baseline, window_seconds: float | None) -> Threshold:
        """The evidence at which a kind alarms: the budget's run length over the kind's share of it."""
        weights = {one: self.shares.get(one, 0.0) for one in judged_kinds(baseline)}
        share = weights.get(kind, 0.0) / (math.fsum(weights.values()) or 1.0)
        run_length = self.budget.run_length(window_seconds)
        return Threshold(value=run_length / share if share else math.inf, origin=ThresholdOrigin.BUDGET)


def judged_kinds(baseline: Baseline) -> tuple[AlertKind, ...]:
    """The kinds of alert that this baseline can give, in the order of `AlertKind`."""
    kinds = {KIND_OF_ROLE[column.role] for column in baseline.schema.columns}
    if baseline.performance is not None:
        kinds.add(AlertKind.QUALITY)
    return tuple(kind for kind in AlertKind if kind in kinds)
