"""What is made of a window: findings, verdicts, and what to remember for the next one.

Pure decisions: the same baseline, profile, memory and policy give the same judgement, whenever and wherever.
"""

from __future__ import annotations

import math
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from driftwatch.core.baseline import Baseline
from driftwatch.core.caution import cautious_bets
from driftwatch.core.change import describe
from driftwatch.core.concept.judge import judge_concept, with_concept
from driftwatch.core.conclusion import Judgement, concluded, evidence_by_column, mean, unjudged, weighted_average
from driftwatch.core.data_quality import describe_quality, is_as_usual, is_notable, with_usual_gaps
from driftwatch.core.evidence import (
    ALONE,
    LARGEST_SHARE,
    Bets,
    EvidenceMemory,
    KindMemory,
    Turn,
    calibrated,
    gathered,
)
from driftwatch.core.loss import compared_loss
from driftwatch.core.performance import PerformanceSums
from driftwatch.core.plan import Plan
from driftwatch.core.policy import DEFAULT_SHARES, KIND_OF_ROLE, JudgePolicy, judged_kinds
from driftwatch.core.profile import Profile
from driftwatch.core.records import (
    AlertKind,
    Change,
    Direction,
    Finding,
    FindingReason,
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
    "judge_without_reference",
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
    turn: Turn = ALONE,
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
    turn
        Whose turn it is where windows overlap, and the share of the budget that this window may stake.
    measured
        Takes the place of what statistics measure from the profile.
    """
    kinds = (AlertKind.FEATURE_DRIFT, AlertKind.PREDICTION_DRIFT, AlertKind.DATA_QUALITY)
    return _judged(kinds, _Window.of(baseline, profile, policy, window_seconds, turn, measured), memory)


def judge_labels(
    baseline: Baseline,
    profile: Profile,
    sums: PerformanceSums,
    memory: EvidenceMemory,
    policy: JudgePolicy,
    window_seconds: float | None,
    *,
    turn: Turn = ALONE,
    measured: Measured = _NOTHING,
    place: str = "",
) -> Judgement:
    """Judge what the labels say once they had their time: label drift, the model's quality, and concept drift.

    Parameters as in `judge_inputs`; ``sums`` are those of the window's labelled rows, and ``place`` says in words where
    it begins.
    """
    window = _Window.of(baseline, profile, policy, window_seconds, turn, measured)
    drift = _judged((AlertKind.LABEL_DRIFT,), window, memory)
    quality = judge_quality(baseline, sums, drift.memory, policy, window_seconds, turn=turn)
    concept = judge_concept(baseline, sums, quality.memory.concept, policy, window_seconds, turn=turn, place=place)
    findings, verdicts = drift.findings + quality.findings, drift.verdicts + quality.verdicts
    return with_concept(Judgement(findings=findings, verdicts=verdicts, memory=quality.memory), concept)


def judge_without_reference(
    baseline: Baseline,
    kinds: Container[AlertKind],
    memory: EvidenceMemory,
    policy: JudgePolicy,
    window_seconds: float | None,
    *,
    segment: str,
    turn: Turn = ALONE,
) -> Judgement:
    """Say of each of these kinds that there is nothing to compare with.

    So of a segment that the reference had too few rows of, that the baseline was not told to tell apart, or that only
    events name. The whole reference does not take its place: a segment is no random sample of all rows, so that it
    would seem to drift for ever, and the false-alarm budget holds for the null hypothesis of no drift alone.
    """
    text = _without_reference(segment)
    verdicts = tuple(
        Verdict(
            kind=kind,
            status=Status.INSUFFICIENT_DATA,
            reason=VerdictReason.NO_REFERENCE,
            evidence=0.0,
            limit=policy.limit(kind, baseline, window_seconds, turn.of),
            text=text,
        )
        for kind in judged_kinds(baseline)
        if kind in kinds
    )
    return Judgement(findings=(), verdicts=verdicts, memory=memory)


def _without_reference(segment: str) -> str:
    column, found, value = segment.partition("=")
    if found:
        return (
            f"The baseline holds no reference of {segment} to compare with: it was fitted without --segment {column}, "
            f"or the reference had too few rows of {value}."
        )
    return (
        f"Events name the segment {segment} themselves, so that the reference has no rows of it to compare with. "
        "Its rows are counted and its quality is measured. Make it a column of the model, and fit the baseline with "
        "--segment, to have it judged."
    )


def judge_quality(
    baseline: Baseline,
    sums: PerformanceSums,
    memory: EvidenceMemory,
    policy: JudgePolicy,
    window_seconds: float | None,
    *,
    turn: Turn = ALONE,
) -> Judgement:
    """Judge the realized mean loss against the reference's; see `driftwatch.core.loss`."""
    plan = Plan.of_quality(baseline, policy, window_seconds, turn.of)
    live = sums.loss()
    (column, (statistic,)), *_ = plan.statistics.items()
    before = memory.of(plan.kind)
    held = before.evidence(column, statistic)
    if baseline.performance is None:
        if live.n == 0:
            return Judgement(findings=(), verdicts=(), memory=memory)
        text = "The baseline holds no reference quality to compare with."
        return unjudged(plan, VerdictReason.NO_REFERENCE, text, held, memory)
    if live.n < policy.minimum_labels:
        text = f"{live.n} labels are too few: {policy.minimum_labels} are needed."
        return unjudged(plan, VerdictReason.TOO_FEW_LABELS, text, held, memory)
    reference = baseline.performance.loss
    natural = None if window_seconds is None else baseline.natural.loss_variation(window_seconds)
    tested = compared_loss(
        baseline.schema.task, reference, live, ratio=policy.quality_ratio, natural=natural, doubt=REFERENCE_DOUBT
    )
    e_value = calibrated(tested.p_value)
    bets = gathered(before.of(column, statistic), np.array([e_value]), LARGEST_SHARE * plan.limit.value, turn)
    after = KindMemory(alarmed=before.alarmed, bets={column: {statistic: bets}})
    moved = live.value - reference.value
    finding = Finding(
        kind=plan.kind,
        column=column,
        statistic=statistic,
        score=live.value,
        threshold=tested.threshold,
        p_value=tested.p_value,
        e_value=e_value,
        evidence=mean(bets),
        n_reference=reference.n,
        n_live=live.n,
        status=Status.OK,
        change=Change(
            direction=Direction.UP if moved > 0.0 else Direction.DOWN if moved < 0.0 else Direction.NONE,
            text=f"{statistic} {reference.value:.4g} -> {live.value:.4g}",
        ),
    )
    return concluded(plan, [finding], after, memory)


@dataclass(frozen=True, slots=True)
class _Window:
    """A window with all that judging it needs."""

    baseline: Baseline
    profile: Profile
    policy: JudgePolicy
    seconds: float | None
    turn: Turn
    measured: Measured
    enough_rows: int

    @classmethod
    def of(
        cls,
        baseline: Baseline,
        profile: Profile,
        policy: JudgePolicy,
        seconds: float | None,
        turn: Turn,
        measured: Measured,
    ) -> _Window:
        return cls(baseline, profile, policy, seconds, turn, measured, policy.enough_rows(baseline, seconds))

    def without_gaps(self) -> _Window:
        """The same with gaps as usual in every feature: see `driftwatch.core.data_quality`."""
        columns = dict(self.profile.columns)
        for column in self.baseline.schema.features:
            columns[column.name] = with_usual_gaps(self.baseline.columns[column.name], columns[column.name])
        return replace(self, profile=replace(self.profile, columns=columns))


def _judged(kinds: Sequence[AlertKind], window: _Window, memory: EvidenceMemory) -> Judgement:
    findings: tuple[Finding, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    for kind in kinds:
        of_role = AlertKind.FEATURE_DRIFT if kind is AlertKind.DATA_QUALITY else kind
        columns = [column for column in window.baseline.schema.columns if KIND_OF_ROLE[column.role] is of_role]
        if columns:
            one = _judged_kind(kind, columns, window, memory)
            findings, verdicts, memory = findings + one.findings, verdicts + one.verdicts, one.memory
    return Judgement(findings=findings, verdicts=verdicts, memory=memory)


def _judged_kind(kind: AlertKind, columns: Sequence[Column], window: _Window, memory: EvidenceMemory) -> Judgement:
    before = memory.of(kind)
    plan = Plan.of(kind, columns, window.baseline, window.policy, window.seconds, window.turn.of)
    if not plan.statistics:
        return Judgement(findings=(), verdicts=(), memory=memory)
    if kind is AlertKind.FEATURE_DRIFT:
        window = window.without_gaps()
    findings: list[Finding] = []
    bets: dict[str, dict[str, Bets]] = {}
    as_usual = False
    for column, names in plan.statistics.items():
        sides = window.baseline.columns[column], window.profile.columns[column]
        change = describe(*sides) if kind is not AlertKind.DATA_QUALITY else _UNCHANGED
        largest = LARGEST_SHARE * plan.limit.value / (plan.weight(column) or 1.0)
        bets[column] = {}
        for name in names:
            fixed = plan.fixed.get((column, name))
            if fixed is not None:
                finding = _held_to(fixed, kind, column, STATISTICS[name], change, window)
            else:
                finding, held = _found(
                    kind, column, STATISTICS[name], change, window, held=before.of(column, name), largest=largest
                )
                if held:
                    bets[column][name] = held
            if kind is AlertKind.DATA_QUALITY:
                if is_as_usual(finding) and not _is_asked_for(finding, window):
                    # Without evidence: two lines a column would hide the rest.
                    as_usual = True
                    continue
                finding = replace(finding, change=describe_quality(name, *sides))
            findings.append(finding)
    if not as_usual and all(finding.status is Status.INSUFFICIENT_DATA for finding in findings):
        rows = max(window.profile.columns[column.name].n for column in columns)
        evidence = weighted_average(evidence_by_column(findings, plan), plan)
        judgement = unjudged(plan, VerdictReason.TOO_FEW_ROWS, _too_few(rows, window), evidence, memory, findings)
    else:
        judgement = concluded(plan, findings, KindMemory(alarmed=before.alarmed, bets=bets), memory)
    if kind is not AlertKind.DATA_QUALITY:
        return judgement
    said = tuple(one for one in judgement.findings if is_notable(one) or _is_asked_for(one, window))
    return replace(judgement, findings=said)


_UNCHANGED = Change(direction=Direction.NONE, text="no change")


def _is_asked_for(finding: Finding, window: _Window) -> bool:
    return window.policy.asks_for(window.baseline.schema.by_name[finding.column], finding.statistic)


def _too_few(rows: int, window: _Window) -> str:
    needed = window.enough_rows
    why = "" if needed == window.policy.minimum_rows else ", as natural variation was learned from windows of so many"
    return f"{rows} rows are too few: {needed} are needed{why}."


def _held_to(
    much: Threshold, kind: AlertKind, column: str, statistic: Statistic, change: Change, window: _Window
) -> Finding:
    """One statistic of one column against a fixed threshold or p-value: no bet, no evidence."""
    baseline, live = window.baseline.columns[column], window.profile.columns[column]
    measured = window.measured.get((column, statistic.name)) or statistic.measure(baseline, live)
    enough = live.n >= window.enough_rows
    p_value = 1.0
    if much.origin is ThresholdOrigin.FIXED_P_VALUE:
        p_value = 1.0 if measured.p_value is None else measured.p_value
    elif enough and measured.score > much.value:
        p_value = statistic.exceedance(baseline, live, much.value)
    return _finding(kind, column, measured, much, change, p_value=p_value, enough=enough)


def _found(
    kind: AlertKind, column: str, statistic: Statistic, change: Change, window: _Window, *, held: Bets, largest: float
) -> tuple[Finding, Bets]:
    """One statistic of one column: what was found, and what its bets hold now."""
    baseline, live, policy = window.baseline.columns[column], window.profile.columns[column], window.policy
    natural = natural_tolerance(window.baseline, column, statistic.name, window.seconds)
    much = threshold(statistic, baseline, policy.tolerances.chosen(column, statistic), natural)
    measured = window.measured.get((column, statistic.name)) or statistic.measure(baseline, live)
    p_value, e_value = 1.0, 1.0
    enough = live.n >= window.enough_rows
    if kind is AlertKind.DATA_QUALITY and not held and not measured.score > much.value:
        # As nearly always. Bets that would be lost from nothing are spared: less evidence never breaks the budget.
        return _finding(kind, column, measured, much, change, p_value=1.0, enough=enough), held
    # A score within the threshold surprises nobody: the search for a p-value is spared.
    if enough and not measured.score <= much.value:
        p_value = statistic.exceedance(baseline, live, much.value)
    if enough and not math.isnan(measured.score):
        tail = None if window.seconds is None else window.baseline.natural.tail(window.seconds)
        if tail is None and statistic.bets is None:
            e_values = np.array([calibrated(p_value)])
        else:
            e_values = cautious_bets(statistic, baseline, live, much.value, tail)
        e_value = float(e_values.sum()) / len(e_values)
        held = gathered(held, e_values, largest, window.turn)
    finding = _finding(kind, column, measured, much, change, p_value=p_value, enough=enough, e_value=e_value, held=held)
    return finding, held


def _finding(
    kind: AlertKind,
    column: str,
    measured: Measurement,
    much: Threshold,
    change: Change,
    *,
    p_value: float,
    enough: bool,
    e_value: float = 1.0,
    held: Bets = (),
) -> Finding:
    """A finding whose status and reason wait for the conclusion, but for one of too few rows."""
    return Finding(
        kind=kind,
        column=column,
        statistic=measured.statistic,
        score=measured.score,
        threshold=much,
        p_value=p_value,
        e_value=e_value,
        evidence=mean(held),
        n_reference=measured.n_reference,
        n_live=measured.n_live,
        status=Status.OK if enough else Status.INSUFFICIENT_DATA,
        reason=None if enough else FindingReason.TOO_FEW_ROWS,
        change=change,
        binning=measured.binning,
        error_bound=measured.error_bound,
    )
