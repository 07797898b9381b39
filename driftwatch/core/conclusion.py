"""What the findings of one kind of alert come to: a verdict, the columns to name, what to remember."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from driftwatch.core.evidence import WARNING_SHARE, EvidenceMemory, KindMemory, blamed
from driftwatch.core.plan import Plan
from driftwatch.core.records import (
    AlertKind,
    Finding,
    FindingReason,
    Status,
    ThresholdOrigin,
    Verdict,
    VerdictReason,
)

_COLUMNS_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What was found and decided, and what to hand back with the next window."""

    findings: tuple[Finding, ...]
    verdicts: tuple[Verdict, ...]
    memory: EvidenceMemory


_SEVERITY = (Status.INSUFFICIENT_DATA, Status.OK, Status.WARNING, Status.ERROR, Status.DRIFT)


def worst(statuses: Iterable[Status]) -> Status:
    """The gravest of some statuses; ``insufficient_data`` where there is none.

    Examples
    --------
    >>> worst([Status.OK, Status.DRIFT, Status.WARNING]).value, worst([]).value
    ('drift', 'insufficient_data')
    """
    return max(statuses, key=_SEVERITY.index, default=Status.INSUFFICIENT_DATA)


def unjudged(
    plan: Plan,
    reason: VerdictReason,
    text: str,
    evidence: float,
    memory: EvidenceMemory,
    findings: Sequence[Finding] = (),
) -> Judgement:
    """A window of which this kind cannot be told; nothing that is remembered changes."""
    verdict = Verdict(
        kind=plan.kind,
        status=Status.INSUFFICIENT_DATA,
        reason=reason,
        evidence=evidence,
        limit=plan.limit,
        text=text,
    )
    return Judgement(findings=tuple(findings), verdicts=(verdict,), memory=memory)


def mean(values: Sequence[float]) -> float:
    """The average; 0.0 of nothing."""
    return math.fsum(values) / len(values) if values else 0.0


def evidence_by_column(findings: Sequence[Finding], plan: Plan) -> dict[str, float]:
    """The average over each column's statistics, but for those that are judged by fixed limits.

    A statistic without a finding has no evidence.
    """
    gathered: dict[str, list[float]] = {}
    for finding in findings:
        if (finding.column, finding.statistic) not in plan.fixed:
            gathered.setdefault(finding.column, []).append(finding.evidence)
    return {column: math.fsum(values) / plan.gathering(column) for column, values in gathered.items()}


def weighted_average(own: Mapping[str, float], plan: Plan) -> float:
    """The evidence of a kind, from that of its columns."""
    return math.fsum(plan.weights[column] * value for column, value in own.items())


def concluded(plan: Plan, findings: Sequence[Finding], after: KindMemory, memory: EvidenceMemory) -> Judgement:
    """Say what the findings of one kind come to, and mark those that carry it."""
    own = evidence_by_column(findings, plan)
    evidence = weighted_average(own, plan)
    status, reason = _decided(evidence, plan.limit.value, after.alarmed)
    fixed = [finding for finding in findings if (finding.column, finding.statistic) in plan.fixed]
    passed = dict.fromkeys(finding.column for finding in fixed if _passes(finding))
    columns: tuple[str, ...] = ()
    if status is Status.DRIFT:
        strongest = max(own, key=lambda column: plan.weights[column] * own[column])
        columns = blamed(own, plan.blame_rate, plan.weights) or (strongest,)
    elif passed:
        status, reason = Status.DRIFT, VerdictReason.FIXED_THRESHOLD_PASSED
    carried = frozenset(columns)
    columns += tuple(column for column in passed if column not in carried)
    marked = tuple(_marked(finding, finding.column in carried, plan) for finding in findings)
    alarmed = status is Status.DRIFT and reason is not VerdictReason.FIXED_THRESHOLD_PASSED
    recovered = after.alarmed and not alarmed
    verdict = Verdict(
        kind=plan.kind,
        status=status,
        reason=reason,
        evidence=evidence,
        limit=plan.limit,
        columns=columns,
        text=_sentence(reason, evidence, plan.limit.value, _carriers(columns, marked)),
    )
    kept = KindMemory() if recovered else replace(after, alarmed=alarmed)
    return Judgement(findings=marked, verdicts=(verdict,), memory=memory.with_kind(plan.kind, kept))


def _decided(evidence: float, limit: float, alarmed: bool) -> tuple[Status, VerdictReason]:
    if alarmed and evidence >= WARNING_SHARE * limit:
        return Status.DRIFT, VerdictReason.STILL_DRIFTING
    if evidence >= limit:
        return Status.DRIFT, VerdictReason.EVIDENCE_REACHED_BUDGET
    if evidence >= WARNING_SHARE * limit:
        return Status.WARNING, VerdictReason.EVIDENCE_GROWING
    return Status.OK, VerdictReason.WITHIN_TOLERANCE


def _passes(finding: Finding) -> bool:
    """Whether a finding is beyond the limit that was fixed for it."""
    if finding.status is Status.INSUFFICIENT_DATA or math.isnan(finding.score):
        return False
    if finding.threshold.origin is ThresholdOrigin.FIXED_P_VALUE:
        return finding.p_value < finding.threshold.value
    return finding.score > finding.threshold.value


def _marked(finding: Finding, is_blamed: bool, plan: Plan) -> Finding:
    """A finding with its status, the reason for it and a note."""
    status: Status
    if finding.status is Status.INSUFFICIENT_DATA:
        status, reason = finding.status, FindingReason.TOO_FEW_ROWS
    elif (finding.column, finding.statistic) in plan.fixed:
        status, reason = _against_fixed(finding)
    else:
        # So much evidence of this statistic is a warning, if there were no other.
        alone = WARNING_SHARE * plan.limit.value / plan.weight(finding.column)
        status, reason = _by_evidence(finding, plan.blame_rate if is_blamed else 0.0, alone)
    return replace(finding, status=status, reason=reason, note=_note(finding, status))


def _against_fixed(finding: Finding) -> tuple[Status, FindingReason]:
    if math.isnan(finding.score):
        return Status.OK, FindingReason.UNDEFINED
    if not _passes(finding):
        return Status.OK, FindingReason.WITHIN_THRESHOLD
    if finding.threshold.origin is ThresholdOrigin.FIXED_P_VALUE:
        return Status.DRIFT, FindingReason.FIXED_P_VALUE_PASSED
    return Status.DRIFT, FindingReason.FIXED_THRESHOLD_PASSED


def _by_evidence(finding: Finding, blame_rate: float, alone: float) -> tuple[Status, FindingReason]:
    if finding.evidence * blame_rate >= 1.0:
        return Status.DRIFT, FindingReason.CARRIES_THE_ALARM
    if finding.evidence >= alone:
        return Status.WARNING, FindingReason.EVIDENCE_GROWING
    if math.isnan(finding.score):
        return Status.OK, FindingReason.UNDEFINED
    beyond = finding.score > finding.threshold.value
    return Status.OK, FindingReason.TOO_LITTLE_EVIDENCE if beyond else FindingReason.WITHIN_THRESHOLD


def _note(finding: Finding, status: Status) -> str:
    if math.isnan(finding.score):
        return "undefined: no value to measure"
    is_limit = finding.threshold.origin is not ThresholdOrigin.FIXED_P_VALUE
    above = is_limit and finding.score > finding.threshold.value
    if above and status is Status.OK and finding.p_value > 0.05:
        return f"so high a score is within chance at {finding.n_live} rows"
    return ""


_VERBS = {AlertKind.QUALITY: "Worse", AlertKind.DATA_QUALITY: "Off"}
"""How a sentence about an alarm of a kind begins; others have moved."""


def _sentence(reason: VerdictReason, evidence: float, limit: float, carriers: Sequence[Finding]) -> str:
    enough = f"evidence {_short(evidence)} of {_short(limit)}"
    if reason is VerdictReason.WITHIN_TOLERANCE:
        return f"Within tolerance; {enough}."
    if reason is VerdictReason.EVIDENCE_GROWING:
        return f"Something may be moving; {enough}."
    named = "; ".join(_clause(finding) for finding in carriers[:_COLUMNS_SHOWN])
    if len(carriers) > _COLUMNS_SHOWN:
        named += f"; and {len(carriers) - _COLUMNS_SHOWN} more"
    if reason is VerdictReason.FIXED_THRESHOLD_PASSED:
        return f"Beyond what was fixed: {named}."
    what = _VERBS.get(carriers[0].kind, "Moved") if carriers else "Moved"
    return f"{f'Still {what.lower()}' if reason is VerdictReason.STILL_DRIFTING else what}: {named}; {enough}."


def _clause(finding: Finding) -> str:
    threshold = f"threshold {finding.threshold.value:.4g}"
    if finding.kind is AlertKind.QUALITY:
        return f"{finding.change.text} ({threshold})"
    score = f"{finding.statistic} {finding.score:.3g}"
    if finding.threshold.origin is ThresholdOrigin.FIXED_P_VALUE:
        threshold = f"p-value {finding.p_value:.2g} below {finding.threshold.value:.2g}"
    return f"{finding.column}: {finding.change.text} ({score}, {threshold})"


def _carriers(columns: Sequence[str], findings: Sequence[Finding]) -> list[Finding]:
    """The finding that says most of each named column."""
    return [
        max(
            (finding for finding in findings if finding.column == column),
            key=lambda finding: (finding.status is Status.DRIFT, finding.evidence),
        )
        for column in columns
    ]


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 10.0 else f"{value:.2g}"
