"""What is made of a window: findings, verdicts, and what to remember for the next one.

Pure decisions: the same baseline, profile, memory and policy give the same judgement, whenever and wherever.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np

from driftwatch.core.baseline import Baseline
from driftwatch.core.change import describe
from driftwatch.core.evidence import (
    LARGEST_SHARE,
    WARNING_SHARE,
    EvidenceMemory,
    FalseAlarmBudget,
    KindMemory,
    blamed,
    calibrated,
    gathered,
)
from driftwatch.core.loss import tested_loss
from driftwatch.core.performance import LOSS_MEASURE, PerformanceSums
from driftwatch.core.profile import Profile
from driftwatch.core.records import (
    AlertKind,
    Change,
    ColumnKind,
    ColumnRole,
    Direction,
    Finding,
    Status,
    Threshold,
    ThresholdOrigin,
    Verdict,
    VerdictReason,
)
from driftwatch.core.schema import Column, Schema
from driftwatch.core.statistics import DEFAULT_STATISTICS, STATISTICS
from driftwatch.core.thresholds import REFERENCE_DOUBT, Tolerances, natural_tolerance, threshold

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What was found and decided, and what to hand back with the next window."""

    findings: tuple[Finding, ...]
    verdicts: tuple[Verdict, ...]
    memory: EvidenceMemory


def judged_kinds(baseline: Baseline) -> tuple[AlertKind, ...]:
    """The kinds of alert that this baseline can give, in the order of `AlertKind`."""
    kinds = {KIND_OF_ROLE[column.role] for column in baseline.schema.columns}
    if baseline.performance is not None:
        kinds.add(AlertKind.QUALITY)
    return tuple(kind for kind in AlertKind if kind in kinds)


def judge_inputs(
    baseline: Baseline, profile: Profile, memory: EvidenceMemory, policy: JudgePolicy, window_seconds: float | None
) -> Judgement:
    """Judge what came in and what the model answered: features, predictions and scores.

    Parameters
    ----------
    baseline
        What the model was trained on.
    profile
        Of the window, over the baseline's cells.
    memory
        As the judgement of the window before handed it back; an empty one at first.
    policy
        What the user asked for.
    window_seconds
        The window's duration; None where windows are counts of rows.
    """
    kinds = (AlertKind.FEATURE_DRIFT, AlertKind.PREDICTION_DRIFT)
    return _judged(kinds, baseline, profile, memory, policy, window_seconds)


def judge_labels(
    baseline: Baseline,
    profile: Profile,
    sums: PerformanceSums,
    memory: EvidenceMemory,
    policy: JudgePolicy,
    window_seconds: float | None,
) -> Judgement:
    """Judge what the labels say once they had their time: label drift, and the model's quality.

    Parameters as in `judge_inputs`; ``sums`` are those of the window's labelled rows.
    """
    drift = _judged((AlertKind.LABEL_DRIFT,), baseline, profile, memory, policy, window_seconds)
    quality = judge_quality(baseline, sums, drift.memory, policy, window_seconds)
    return Judgement(
        findings=drift.findings + quality.findings,
        verdicts=drift.verdicts + quality.verdicts,
        memory=quality.memory,
    )


def judge_quality(
    baseline: Baseline,
    sums: PerformanceSums,
    memory: EvidenceMemory,
    policy: JudgePolicy,
    window_seconds: float | None,
) -> Judgement:
    """Judge the realized mean loss against the reference's; see `driftwatch.core.loss`."""
    kind = AlertKind.QUALITY
    limit = policy.limit(kind, baseline, window_seconds)
    live = sums.loss()
    if baseline.performance is None:
        if live.n == 0:
            return Judgement(findings=(), verdicts=(), memory=memory)
        text = "The baseline holds no reference quality to compare with."
        return _unjudged(kind, VerdictReason.NO_REFERENCE, text, limit, memory)
    if live.n < policy.minimum_labels:
        text = f"{live.n} labels are too few: {policy.minimum_labels} are needed."
        return _unjudged(kind, VerdictReason.TOO_FEW_LABELS, text, limit, memory)
    reference = baseline.performance.loss
    natural = None if window_seconds is None else baseline.natural.loss_tolerance(window_seconds)
    tested = tested_loss(
        baseline.schema.task, reference, live, ratio=policy.quality_ratio, natural=natural, doubt=REFERENCE_DOUBT
    )
    statistic = LOSS_MEASURE[baseline.schema.task]
    column = baseline.schema.prediction or "prediction"
    before = memory.of(kind)
    e_value = calibrated(tested.p_value)
    bets = gathered(before.of(column, statistic), np.array([e_value]), LARGEST_SHARE * limit.value)
    after = KindMemory(alarmed=before.alarmed, bets={column: {statistic: bets}})
    moved = live.value - reference.value
    finding = Finding(
        kind=kind,
        column=column,
        statistic=statistic,
        score=live.value,
        threshold=tested.threshold,
        p_value=tested.p_value,
        e_value=e_value,
        evidence=bets[0],
        n_reference=reference.n,
        n_live=live.n,
        status=Status.OK,
        change=Change(
            direction=Direction.UP if moved > 0.0 else Direction.DOWN if moved < 0.0 else Direction.NONE,
            text=f"{statistic} {reference.value:.4g} -> {live.value:.4g}",
        ),
    )
    return _concluded(kind, [finding], after, memory, policy, limit)


def _judged(
    kinds: Sequence[AlertKind],
    baseline: Baseline,
    profile: Profile,
    memory: EvidenceMemory,
    policy: JudgePolicy,
    window_seconds: float | None,
) -> Judgement:
    findings: tuple[Finding, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    for kind in kinds:
        columns = _columns(baseline.schema, kind)
        if not columns:
            continue
        one = _judged_kind(kind, columns, baseline, profile, memory, policy, window_seconds)
        findings, verdicts, memory = findings + one.findings, verdicts + one.verdicts, one.memory
    return Judgement(findings=findings, verdicts=verdicts, memory=memory)


def _columns(schema: Schema, kind: AlertKind) -> list[Column]:
    return [column for column in schema.columns if KIND_OF_ROLE[column.role] is kind]


def _judged_kind(
    kind: AlertKind,
    columns: Sequence[Column],
    baseline: Baseline,
    profile: Profile,
    memory: EvidenceMemory,
    policy: JudgePolicy,
    window_seconds: float | None,
) -> Judgement:
    limit = policy.limit(kind, baseline, window_seconds)
    before = memory.of(kind)
    findings: list[Finding] = []
    bets: dict[str, dict[str, tuple[float, ...]]] = {}
    for column in columns:
        fitted, live = baseline.columns[column.name], profile.columns[column.name]
        change = describe(fitted, live)
        bets[column.name] = {}
        names = policy.statistics[column.kind]
        for name in names:
            statistic = STATISTICS[name]
            measured = statistic.measure(fitted, live)
            natural = natural_tolerance(baseline, column.name, name, window_seconds)
            much = threshold(statistic, fitted, policy.tolerances.chosen(column.name, statistic), natural)
            held = before.of(column.name, name)
            status, p_value, e_value = Status.INSUFFICIENT_DATA, 1.0, 1.0
            if name in policy.fixed:
                much = Threshold(value=policy.fixed[name], origin=ThresholdOrigin.FIXED)
            if live.n >= policy.minimum_rows:
                status = Status.OK
                p_value = statistic.exceedance(fitted, live, much.value)
                if name not in policy.fixed and not math.isnan(measured.score):
                    if statistic.bets is None:
                        e_values = np.array([calibrated(p_value)])
                    else:
                        e_values = statistic.bets(fitted, live, much.value)
                    e_value = float(e_values.mean()) if len(e_values) else 1.0
                    held = gathered(held, e_values, LARGEST_SHARE * limit.value * len(columns) * len(names))
            bets[column.name][name] = held
            findings.append(
                Finding(
                    kind=kind,
                    column=column.name,
                    statistic=name,
                    score=measured.score,
                    threshold=much,
                    p_value=p_value,
                    e_value=e_value,
                    evidence=math.fsum(held) / len(held) if held else 0.0,
                    n_reference=measured.n_reference,
                    n_live=measured.n_live,
                    status=status,
                    change=change,
                    binning=measured.binning,
                    error_bound=measured.error_bound,
                )
            )
    if all(finding.status is Status.INSUFFICIENT_DATA for finding in findings):
        rows = max(profile.columns[column.name].n for column in columns)
        text = f"{rows} rows are too few: {policy.minimum_rows} are needed."
        return _unjudged(kind, VerdictReason.TOO_FEW_ROWS, text, limit, memory, findings)
    return _concluded(kind, findings, KindMemory(alarmed=before.alarmed, bets=bets), memory, policy, limit)


def _unjudged(
    kind: AlertKind,
    reason: VerdictReason,
    text: str,
    limit: Threshold,
    memory: EvidenceMemory,
    findings: Sequence[Finding] = (),
) -> Judgement:
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
    by_column = _by_column(findings) if findings else {
        column: [memory.evidence(column, name) for name in statistics] for column, statistics in memory.bets.items()
    }
    if not by_column:
        return 0.0
    return math.fsum(math.fsum(values) / len(values) for values in by_column.values() if values) / len(by_column)


def _by_column(findings: Sequence[Finding]) -> dict[str, list[float]]:
    by_column: dict[str, list[float]] = {}
    for finding in findings:
        by_column.setdefault(finding.column, []).append(finding.evidence)
    return by_column


def _concluded(
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
        replace(
            finding,
            status=_marked(finding, finding.column in columns, alone * len(by_column[finding.column]), policy),
            note=_note(finding),
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
        text=_sentence(status, reason, evidence, limit.value, [one for one in marked if one.column in columns]),
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


def _sentence(
    status: Status, reason: VerdictReason, evidence: float, limit: float, carriers: Sequence[Finding]
) -> str:
    shown: dict[str, Finding] = {}
    for finding in carriers:
        held = shown.get(finding.column)
        if held is None or (finding.status is Status.DRIFT, finding.evidence) > (
            held.status is Status.DRIFT,
            held.evidence,
        ):
            shown[finding.column] = finding
    named = "; ".join(
        f"{one.column} ({one.change.text}; {one.statistic} {one.score:.3g}, threshold {one.threshold.value:.3g})"
        for one in list(shown.values())[:3]
    )
    more = f" and {len(shown) - 3} more" if len(shown) > 3 else ""
    enough = f"evidence {_short(evidence)} of {_short(limit)}"
    if reason is VerdictReason.FIXED_THRESHOLD_PASSED:
        return f"Above the fixed threshold: {named}{more}."
    if reason is VerdictReason.STILL_DRIFTING:
        return f"Still moved: {named}{more}; {enough}."
    if status is Status.DRIFT:
        return f"Moved: {named}{more}; {enough}."
    if status is Status.WARNING:
        return f"Something may be moving; {enough}."
    return f"Within tolerance; {enough}."


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 10.0 else f"{value:.2g}"
