"""The findings of each column, and which column comes first: what asks for a look, the strongest before the others."""

from __future__ import annotations

import math
from dataclasses import dataclass

from driftwatch.core.baseline import Baseline
from driftwatch.core.compare import Report
from driftwatch.core.records import AlertKind, Finding, Status, ThresholdOrigin

URGENCY = (Status.DRIFT, Status.WARNING, Status.ERROR, Status.INSUFFICIENT_DATA, Status.OK)


@dataclass(frozen=True, slots=True)
class ColumnFindings:
    """What was found of one column: never empty.

    ``status`` is drift where a verdict names the column, else the most urgent of its findings'.
    """

    name: str
    status: Status
    findings: tuple[Finding, ...]

    @property
    def strongest(self) -> Finding:
        """The finding with most evidence; among equals the one farthest above its threshold."""
        return max(self.findings, key=_strength)


def ordered(report: Report) -> tuple[ColumnFindings, ...]:
    """Columns that have findings, the most urgent first, the strongest of equals first, then as the report has them."""
    by_column: dict[str, list[Finding]] = {}
    for finding in report.findings:
        if is_of_a_column(report.baseline, finding):
            by_column.setdefault(finding.column, []).append(finding)
    columns = [ColumnFindings(name, _status(report, name, found), tuple(found)) for name, found in by_column.items()]
    return tuple(sorted(columns, key=_place))


def is_of_a_column(baseline: Baseline | None, finding: Finding) -> bool:
    """Whether a finding is about one column: not about the model's quality, nor about several columns at once."""
    of_quality = finding.kind in (AlertKind.QUALITY, AlertKind.CONCEPT_DRIFT)
    return not of_quality and (baseline is None or finding.column in baseline.columns)


def _status(report: Report, name: str, findings: list[Finding]) -> Status:
    if name in report.drifted_columns:
        return Status.DRIFT
    return min((one.status for one in findings), key=URGENCY.index)


def _place(column: ColumnFindings) -> tuple[float, float, float]:
    evidence, ratio = _strength(column.strongest)
    return URGENCY.index(column.status), -evidence, -ratio


def beyond(finding: Finding) -> float:
    """How many times its threshold a finding reaches: above 1 is much; 0.0 where that is not defined."""
    value, limit = finding.score, finding.threshold.value
    if finding.threshold.origin is ThresholdOrigin.FIXED_P_VALUE:
        value, limit = limit, max(finding.p_value, 1e-300)
    ratio = value / limit if limit else math.nan
    return ratio if math.isfinite(ratio) else 0.0


def _strength(finding: Finding) -> tuple[float, float]:
    return finding.evidence, beyond(finding)
