"""What the findings of one kind of alert come to: a verdict, the columns to name, what to remember."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from driftwatch.core.evidence import WARNING_SHARE, EvidenceMemory, KindMemory, blamed
from driftwatch.core.policy import JudgePolicy
from driftwatch.core.records import AlertKind, Finding, Status, Threshold, Verdict, VerdictReason

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
    kind: AlertKind,
    reason: VerdictReason,
    text: str,
    limit: Threshold,
    memory: EvidenceMemory,
    findings: Sequence[Finding] = (),
) -> Judgement:
    """A window of which this kind cannot be told; nothing that is remembered changes."""
    verdict = Verdict(
        kind=kind,
        status=Status.INSUFFICIENT_DATA,
        reason=reason,
        evidence=_total(memory.of(kind), findings),
        limit=limit,
        text=text,
    )
    return Judgement(findings=tuple(findings), verdicts=(verdict,), memory=memory)


def _total(memory: KindMemory, findings: Sequence[Finding]) -> float:
    """The average over columns of the average over each column's statistics."""
    by_column = (
        _by_column(findings)
        if findings
        else {
            column: [memory.evidence(column, name) for name in statistics] for column, statistics in memory.bets.items()
        }
    )
    if not by_column:
        return 0.0
    return math.fsum(math.fsum(values) / len(values) for values in by_column.values() if values) / len(by_column)


def _by_column(findings: Sequence[Finding]) -> dict[str, list[float]]:
    by_column: dict[str, list[float]] = {}
    for finding in findings:
        by_column.setdefault(finding.column, []).append(finding.evidence)
    return by_column


def concluded(
    kind: AlertKind,
    findings: Sequence[Finding],
    after: KindMemory,
    memory: EvidenceMemory,
    policy: JudgePolicy,
    limit: Threshold,
) -> Judgement:
    """Say what the findings of one kind come to, and mark those that carry it."""
    by_column = _by_column(findings)
    evidence = _total(after, findings)
    status, reason = _decided(evidence, limit.value, after.alarmed)
    fixed = {finding.column for finding in findings if _passes_fixed(finding, policy)}
    columns: tuple[str, ...] = ()
    if status is Status.DRIFT:
        own = {column: math.fsum(values) / len(values) for column, values in by_column.items()}
        columns = blamed(own, policy.blame_rate) or (max(own, key=lambda column: own[column]),)
    elif fixed:
        status, reason = Status.DRIFT, VerdictReason.FIXED_THRESHOLD_PASSED
    columns += tuple(column for column in by_column if column in fixed and column not in columns)
    alone = WARNING_SHARE * limit.value * len(by_column)
    marked = tuple(
        _with(
            finding,
            _marked(finding, finding.column in columns, alone * len(by_column[finding.column]), policy),
            _note(finding),
        )
        for finding in findings
    )
    alarmed = status is Status.DRIFT and reason is not VerdictReason.FIXED_THRESHOLD_PASSED
    recovered = after.alarmed and not alarmed
    verdict = Verdict(
        kind=kind,
        status=status,
        reason=reason,
        evidence=evidence,
        limit=limit,
        columns=columns,
        text=_sentence(reason, evidence, limit.value, _carriers(columns, marked)),
    )
    kept = KindMemory() if recovered else replace(after, alarmed=alarmed)
    return Judgement(findings=marked, verdicts=(verdict,), memory=memory.with_kind(kind, kept))


def _decided(evidence: float, limit: float, alarmed: bool) -> tuple[Status, VerdictReason]:
    if alarmed and evidence >= WARNING_SHARE * limit:
        return Status.DRIFT, VerdictReason.STILL_DRIFTING
    if evidence >= limit:
        return Status.DRIFT, VerdictReason.EVIDENCE_REACHED_BUDGET
    if evidence >= WARNING_SHARE * limit:
        return Status.WARNING, VerdictReason.EVIDENCE_GROWING
    return Status.OK, VerdictReason.WITHIN_TOLERANCE


def _passes_fixed(finding: Finding, policy: JudgePolicy) -> bool:
    limit = policy.fixed.get(finding.statistic)
    return finding.status is not Status.INSUFFICIENT_DATA and limit is not None and finding.score > limit


def _with(finding: Finding, status: Status, note: str) -> Finding:
    unchanged = finding.status is status and finding.note == note
    return finding if unchanged else replace(finding, status=status, note=note)


def _marked(finding: Finding, is_blamed: bool, alone: float, policy: JudgePolicy) -> Status:
    if finding.status is Status.INSUFFICIENT_DATA:
        return finding.status
    if finding.statistic in policy.fixed:
        return Status.DRIFT if _passes_fixed(finding, policy) else Status.OK
    if is_blamed and finding.evidence >= 1.0 / policy.blame_rate:
        return Status.DRIFT
    return Status.WARNING if finding.evidence >= alone else Status.OK


def _note(finding: Finding) -> str:
    if math.isnan(finding.score):
        return "undefined: no value to measure"
    above = finding.score > finding.threshold.value
    if above and finding.status is Status.OK and finding.p_value > 0.05:
        return f"so high a score is within chance at {finding.n_live} rows"
    return ""


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
        return f"Above the fixed threshold: {named}."
    what = "Worse" if carriers and carriers[0].kind is AlertKind.QUALITY else "Moved"
    return f"{f'Still {what.lower()}' if reason is VerdictReason.STILL_DRIFTING else what}: {named}; {enough}."


def _clause(finding: Finding) -> str:
    threshold = f"threshold {finding.threshold.value:.4g}"
    if finding.kind is AlertKind.QUALITY:
        return f"{finding.change.text} ({threshold})"
    return f"{finding.column}: {finding.change.text} ({finding.statistic} {finding.score:.3g}, {threshold})"


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
