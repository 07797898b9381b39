"""What is made of a window: findings, verdicts, and what to remember for the next one.

Pure decisions: the same baseline, profile, memory and policy give the same judgement, whenever and wherever.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from driftwatch.core.baseline import Baseline
from driftwatch.core.caution import cautious_bets
from driftwatch.core.change import describe
from driftwatch.core.conclusion import Judgement, concluded, unjudged
from driftwatch.core.evidence import LARGEST_SHARE, Bets, EvidenceMemory, KindMemory, calibrated, gathered
from driftwatch.core.loss import compared_loss
from driftwatch.core.performance import LOSS_MEASURE, PerformanceSums
from driftwatch.core.policy import DEFAULT_SHARES, KIND_OF_ROLE, JudgePolicy, judged_kinds
from driftwatch.core.profile import Profile
from driftwatch.core.records import (
    AlertKind,
    Change,
    Direction,
    Finding,
    Measurement,
    Status,
    Threshold,
    ThresholdOrigin,
    Verdict,
    VerdictReason,
)
from driftwatch.core.schema import Column
from driftwatch.core.statistics import STATISTICS, Statistic
from driftwatch.core.thresholds import REFERENCE_DOUBT, natural_tolerance, threshold

__all__ = [
    "DEFAULT_SHARES",
    "KIND_OF_ROLE",
    "JudgePolicy",
    "Judgement",
    "judge_inputs",
    "judge_labels",
    "judge_quality",
    "judged_kinds",
]


Measured = Mapping[tuple[str, str], Measurement]
"""What was measured from rows, by column and statistic, where that is more exact than a profile's answer."""

_NOTHING: Measured = {}


def judge_inputs(
    baseline: Baseline,
    profile: Profile,
    memory: EvidenceMemory,
    policy: JudgePolicy,
    window_seconds: float | None,
    *,
    measured: Measured = _NOTHING,
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
    measured
        Takes the place of what statistics measure from the profile.
    """
    kinds = (AlertKind.FEATURE_DRIFT, AlertKind.PREDICTION_DRIFT)
    return _judged(kinds, _Window(baseline, profile, policy, window_seconds, measured), memory)


def judge_labels(
    baseline: Baseline,
    profile: Profile,
    sums: PerformanceSums,
    memory: EvidenceMemory,
    policy: JudgePolicy,
    window_seconds: float | None,
    *,
    measured: Measured = _NOTHING,
) -> Judgement:
    """Judge what the labels say once they had their time: label drift, and the model's quality.

    Parameters as in `judge_inputs`; ``sums`` are those of the window's labelled rows.
    """
    drift = _judged((AlertKind.LABEL_DRIFT,), _Window(baseline, profile, policy, window_seconds, measured), memory)
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
        return unjudged(kind, VerdictReason.NO_REFERENCE, text, limit, memory)
    if live.n < policy.minimum_labels:
        text = f"{live.n} labels are too few: {policy.minimum_labels} are needed."
        return unjudged(kind, VerdictReason.TOO_FEW_LABELS, text, limit, memory)
    reference = baseline.performance.loss
    natural = None if window_seconds is None else baseline.natural.loss_variation(window_seconds)
    tested = compared_loss(
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
    return concluded(kind, [finding], after, memory, policy, limit)


@dataclass(frozen=True, slots=True)
class _Window:
    """A window with all that judging it needs."""

    baseline: Baseline
    profile: Profile
    policy: JudgePolicy
    seconds: float | None
    measured: Measured = field(default_factory=dict)


def _judged(kinds: Sequence[AlertKind], window: _Window, memory: EvidenceMemory) -> Judgement:
    findings: tuple[Finding, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    for kind in kinds:
        columns = [column for column in window.baseline.schema.columns if KIND_OF_ROLE[column.role] is kind]
        if columns:
            one = _judged_kind(kind, columns, window, memory)
            findings, verdicts, memory = findings + one.findings, verdicts + one.verdicts, one.memory
    return Judgement(findings=findings, verdicts=verdicts, memory=memory)


def _judged_kind(kind: AlertKind, columns: Sequence[Column], window: _Window, memory: EvidenceMemory) -> Judgement:
    policy = window.policy
    limit = policy.limit(kind, window.baseline, window.seconds)
    before = memory.of(kind)
    findings: list[Finding] = []
    bets: dict[str, dict[str, Bets]] = {}
    for column in columns:
        change = describe(window.baseline.columns[column.name], window.profile.columns[column.name])
        bets[column.name] = {}
        names = policy.statistics[column.kind]
        for name in names:
            held = before.of(column.name, name)
            largest = LARGEST_SHARE * limit.value * len(columns) * len(names)
            finding, held = _found(kind, column.name, STATISTICS[name], change, window, held=held, largest=largest)
            findings.append(finding)
            bets[column.name][name] = held
    if all(finding.status is Status.INSUFFICIENT_DATA for finding in findings):
        rows = max(window.profile.columns[column.name].n for column in columns)
        text = f"{rows} rows are too few: {policy.minimum_rows} are needed."
        return unjudged(kind, VerdictReason.TOO_FEW_ROWS, text, limit, memory, findings)
    return concluded(kind, findings, KindMemory(alarmed=before.alarmed, bets=bets), memory, policy, limit)


def _found(
    kind: AlertKind, column: str, statistic: Statistic, change: Change, window: _Window, *, held: Bets, largest: float
) -> tuple[Finding, Bets]:
    """One statistic of one column: what was found, and what its bets hold now."""
    baseline, live, policy = window.baseline.columns[column], window.profile.columns[column], window.policy
    fixed = policy.fixed.get(statistic.name)
    if fixed is None:
        natural = natural_tolerance(window.baseline, column, statistic.name, window.seconds)
        much = threshold(statistic, baseline, policy.tolerances.chosen(column, statistic), natural)
    else:
        much = Threshold(value=fixed, origin=ThresholdOrigin.FIXED)
    measured = window.measured.get((column, statistic.name)) or statistic.measure(baseline, live)
    status, p_value, e_value = Status.INSUFFICIENT_DATA, 1.0, 1.0
    if live.n >= policy.minimum_rows:
        status = Status.OK
        # A score within the threshold surprises nobody: the search for a p-value is spared.
        if not measured.score <= much.value:
            p_value = statistic.exceedance(baseline, live, much.value)
        if fixed is None and not math.isnan(measured.score):
            tail = None if window.seconds is None else window.baseline.natural.tail(window.seconds)
            if tail is None and statistic.bets is None:
                e_values = np.array([calibrated(p_value)])
            else:
                e_values = cautious_bets(statistic, baseline, live, much.value, tail)
            e_value = float(e_values.sum()) / len(e_values)
            held = gathered(held, e_values, largest)
    finding = Finding(
        kind=kind,
        column=column,
        statistic=statistic.name,
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
    return finding, held
