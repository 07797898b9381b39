"""What a report says at the top and at the bottom: the headline, the verdicts, quality, and how it was judged."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from driftwatch.core.compare import Report
from driftwatch.core.performance import DEFAULT_MEASURES, LOSS_MEASURE, Measure
from driftwatch.core.performance.business_value import measured
from driftwatch.core.performance.measure import TRAINING_ROWS
from driftwatch.core.records import AlertKind, Finding, Status, ThresholdOrigin, Verdict
from driftwatch.core.reference_performance import PerformanceSource
from driftwatch.reports.cards import Card
from driftwatch.reports.wording import counted, limit, number, share, words

ORIGINS = {
    ThresholdOrigin.FIXED: "the chosen tolerance",
    ThresholdOrigin.FIXED_P_VALUE: "the chosen p-value",
    ThresholdOrigin.SAMPLING: "the reference's sampling error",
    ThresholdOrigin.NATURAL: "the reference's own windows",
    ThresholdOrigin.BUDGET: "the false-alarm budget",
}
"""Where a threshold came from, for people."""


@dataclass(frozen=True, slots=True)
class VerdictLine:
    """A verdict with its evidence against the limit: ``filled`` from 0 to 1, on a scale of orders."""

    kind: str
    status: Status
    text: str
    filled: float
    evidence: str
    limit: str


@dataclass(frozen=True, slots=True)
class QualityLine:
    """A measure of the model's quality on both sides; ``judged`` is the one that the verdict is about.

    ``estimated`` is what was expected of the live rows without their labels.
    """

    measure: str
    reference: Measure | None
    estimated: Measure | None
    live: Measure | None
    judged: bool


@dataclass(frozen=True, slots=True)
class ThresholdLine:
    """The thresholds of one statistic, and of how many columns each came from where."""

    statistic: str
    values: str
    origins: str


def headline(report: Report, shown: Sequence[Card]) -> str:
    """The whole report in one sentence."""
    drifted = sum(card.status is Status.DRIFT for card in shown)
    worse = any(one.kind is AlertKind.QUALITY and one.status is Status.DRIFT for one in report.verdicts)
    if drifted:
        moved = f"{drifted:,} of {counted(len(shown), 'column')} drifted"
        return f"{moved}, and the model got worse" if worse else moved
    if worse:
        return "The model got worse, though no column drifted"
    unread = sum(card.status is Status.ERROR for card in shown)
    return {
        Status.DRIFT: "The live rows drifted",
        Status.WARNING: "Something may be moving",
        Status.ERROR: f"{counted(unread, 'column')} could not be read",
        Status.INSUFFICIENT_DATA: "Too little data to tell",
        Status.OK: f"No drift in {counted(len(shown), 'column')}",
    }[report.status]


def verdict_lines(report: Report) -> tuple[VerdictLine, ...]:
    """The verdicts, with where their limits came from."""
    return tuple(
        VerdictLine(
            kind=one.kind.value,
            status=one.status,
            text=one.text,
            filled=_filled(one),
            evidence=f"evidence {number(one.evidence)} of {number(one.limit.value)}",
            limit=_limit_text(report, one),
        )
        for one in report.verdicts
    )


def _filled(verdict: Verdict) -> float:
    full = verdict.limit.value
    if not (verdict.evidence > 0.0 and 0.0 < full < math.inf):
        return 0.0
    return math.log1p(min(verdict.evidence, full)) / math.log1p(full)


def _limit_text(report: Report, verdict: Verdict) -> str:
    text = f"limit {number(verdict.limit.value)}, from {ORIGINS[verdict.limit.origin]}"
    if verdict.limit.origin is not ThresholdOrigin.BUDGET or not math.isfinite(report.run_length):
        return text
    part = ""
    if verdict.limit.value > report.run_length:
        part = f", of which {words(verdict.kind.value)} has {share(report.run_length / verdict.limit.value)}"
    return f"{text}: one in {number(report.run_length)} windows{part}"


def quality_lines(report: Report) -> tuple[QualityLine, ...]:
    """Reference quality, what is expected without labels, and what labels show, as far as they are known."""
    if report.baseline is None:
        return ()
    schema, sums = report.baseline.schema, report.sums
    shown = DEFAULT_MEASURES[schema.task]
    live: dict[str, Measure] = {}
    if sums is not None and sums.n:
        shown = (*shown, *(name for name, _ in sums.own))
        live = {**measured(schema, sums, shown), **report.own}
    expected = report.estimate.measures if report.estimate is not None else {}
    known = report.baseline.performance
    reference = measured(schema, known.sums, shown) if known is not None else {}
    names = [*live, *(name for name in shown if name in expected and name not in live)]
    judged = LOSS_MEASURE[schema.task]
    return tuple(
        QualityLine(name, reference.get(name), expected.get(name), live.get(name), name == judged) for name in names
    )


def quality_notices(report: Report) -> tuple[str, ...]:
    """What to know of the quality besides its values; empty where no live row has a label."""
    if report.sums is None or report.sums.n == 0:
        return ()
    known = report.baseline.performance if report.baseline is not None else None
    trained = (TRAINING_ROWS,) if known is not None and known.source is PerformanceSource.REFERENCE else ()
    split = () if report.split is None else (report.split.text,)
    return (*(one.text for one in report.selection if one.is_notable), *trained, *split)


def threshold_lines(findings: Sequence[Finding]) -> tuple[ThresholdLine, ...]:
    """What was much, by statistic."""
    by_statistic: dict[str, list[Finding]] = {}
    for finding in findings:
        if finding.statistic and math.isfinite(finding.threshold.value):
            by_statistic.setdefault(finding.statistic, []).append(finding)
    return tuple(_thresholds(statistic, found) for statistic, found in by_statistic.items())


def _thresholds(statistic: str, found: Sequence[Finding]) -> ThresholdLine:
    limits = sorted((one.threshold for one in found), key=lambda threshold: threshold.value)
    lowest, highest = limit(limits[0]), limit(limits[-1])
    origins = Counter(one.threshold.origin for one in found)
    return ThresholdLine(
        statistic=statistic,
        values=lowest if lowest == highest else f"{lowest} to {highest}",
        origins=", ".join(f"{ORIGINS[origin]} ({n:,})" for origin, n in origins.most_common()),
    )
