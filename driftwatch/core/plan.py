"""How one kind of alert is judged: what is measured of each column, by which limit, with which weight.

It follows from the baseline and the policy alone, and is the same for every window.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from driftwatch.core.baseline import Baseline
from driftwatch.core.importance import column_weights
from driftwatch.core.performance import LOSS_MEASURE
from driftwatch.core.policy import JudgePolicy
from driftwatch.core.records import AlertKind, Threshold, ThresholdOrigin
from driftwatch.core.schema import Column


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How one kind of alert is judged.

    Attributes
    ----------
    kind
        Of alert.
    limit
        The evidence at which it alarms.
    blame_rate
        False-discovery rate of the columns that an alarm names.
    statistics
        By column, the names of those to measure, in their order.
    fixed
        By column and statistic, the fixed thresholds and p-values by which those are judged.
    weights
        By column, how much its evidence counts; they add up to 1. Columns of which everything is fixed have none.
    """

    kind: AlertKind
    limit: Threshold
    blame_rate: float
    statistics: Mapping[str, tuple[str, ...]]
    fixed: Mapping[tuple[str, str], Threshold]
    weights: Mapping[str, float]

    @classmethod
    def of(
        cls,
        kind: AlertKind,
        columns: Sequence[Column],
        baseline: Baseline,
        policy: JudgePolicy,
        window_seconds: float | None,
        overlap: int = 1,
    ) -> Plan:
        """The plan for the columns of one kind; ``overlap`` windows begin in the length of one."""
        measured = {column.name: policy.measured_for(kind, column) for column in columns}
        statistics = {column: names for column, names in measured.items() if names}
        pairs = [(column, name) for column, names in statistics.items() for name in names]
        fixed = {pair: limit for pair in pairs if (limit := policy.fixed(*pair)) is not None}
        if policy.bonferroni:
            fixed = _corrected(fixed)
        gathering = list(dict.fromkeys(column for column, name in pairs if (column, name) not in fixed))
        importance = baseline.importance if policy.importance is None else policy.importance
        return cls(
            kind=kind,
            limit=policy.limit(kind, baseline, window_seconds, overlap),
            blame_rate=policy.blame_rate,
            statistics=statistics,
            fixed=fixed,
            weights=column_weights(gathering, importance),
        )

    @classmethod
    def of_quality(
        cls, baseline: Baseline, policy: JudgePolicy, window_seconds: float | None, overlap: int = 1
    ) -> Plan:
        """The plan for the mean loss, which is judged as one statistic of the prediction."""
        column = baseline.schema.prediction or "prediction"
        return cls(
            kind=AlertKind.QUALITY,
            limit=policy.limit(AlertKind.QUALITY, baseline, window_seconds, overlap),
            blame_rate=policy.blame_rate,
            statistics={column: (LOSS_MEASURE[baseline.schema.task],)},
            fixed={},
            weights={column: 1.0},
        )

    def weight(self, column: str) -> float:
        """How much the evidence of each of a column's statistics counts; 0.0 where all of them are fixed."""
        n = self.gathering(column)
        return self.weights[column] / n if n else 0.0

    def gathering(self, column: str) -> int:
        """How many of a column's statistics gather evidence: those that are not fixed."""
        if not self.fixed:
            return len(self.statistics[column])
        return sum((column, name) not in self.fixed for name in self.statistics[column])


def _corrected(fixed: Mapping[tuple[str, str], Threshold]) -> dict[tuple[str, str], Threshold]:
    """With Bonferroni's correction of the p-values."""
    n = sum(one.origin is ThresholdOrigin.FIXED_P_VALUE for one in fixed.values())
    return {
        pair: replace(one, value=one.value / n) if one.origin is ThresholdOrigin.FIXED_P_VALUE else one
        for pair, one in fixed.items()
    }
