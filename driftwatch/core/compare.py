"""One window compared with a baseline, from scratch: the same judgement as in a stream, with nothing remembered.

With a single window a budget of one false alarm in ``A`` windows is a test at level ``1 / A``, over all columns.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from driftwatch.core.baseline import Baseline
from driftwatch.core.conclusion import worst
from driftwatch.core.evidence import EvidenceMemory
from driftwatch.core.judge import KIND_OF_ROLE, JudgePolicy, Measured, judge_inputs, judge_labels
from driftwatch.core.performance import PerformanceSums
from driftwatch.core.profile import Profile
from driftwatch.core.records import Change, Direction, Finding, Status, Threshold, ThresholdOrigin, Verdict


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a comparison found.

    Attributes
    ----------
    model, model_version
        Whose baseline it was.
    n_reference, n_live
        Rows on both sides.
    findings
        One a column and statistic, and one of the model's quality where labels were given.
    verdicts
        One a kind of alert that could be judged.
    """

    model: str
    model_version: str
    n_reference: int
    n_live: int
    findings: tuple[Finding, ...]
    verdicts: tuple[Verdict, ...]

    @property
    def status(self) -> Status:
        """The worst of the verdicts; ``error`` where a column could not be read and no other drifted.

        Without any verdict ``insufficient_data``.
        """
        found = [one.status for one in self.verdicts]
        found += [Status.ERROR for one in self.findings if one.status is Status.ERROR]
        return worst(found)

    @property
    def drifted_columns(self) -> tuple[str, ...]:
        """The columns that the verdicts name, in their order."""
        return tuple(dict.fromkeys(name for verdict in self.verdicts for name in verdict.columns))

    def rows(self) -> list[dict[str, str | float | int]]:
        """One flat mapping a finding, for tables and frames."""
        return [
            {
                "kind": finding.kind.value,
                "column": finding.column,
                "statistic": finding.statistic,
                "score": finding.score,
                "threshold": finding.threshold.value,
                "threshold_origin": finding.threshold.origin.value,
                "p_value": finding.p_value,
                "e_value": finding.e_value,
                "evidence": finding.evidence,
                "n_reference": finding.n_reference,
                "n_live": finding.n_live,
                "status": finding.status.value,
                "direction": finding.change.direction.value,
                "change": finding.change.text,
                "binning": finding.binning,
                "error_bound": finding.error_bound,
                "note": finding.note,
            }
            for finding in self.findings
        ]


@dataclass(frozen=True, kw_only=True)
class Live:
    """The live rows of a comparison, as far as they were needed.

    Attributes
    ----------
    profile
        Over the baseline's cells; of a column that could not be read, nothing.
    sums
        Of the labelled rows; None where there are no labels, which leaves label drift and quality unjudged.
    measured
        What was measured from both samples, by column and statistic.
    unread
        Columns that could not be read, with the reason.
    """

    profile: Profile
    sums: PerformanceSums | None = None
    measured: Measured = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)


def compared(baseline: Baseline, live: Live, policy: JudgePolicy) -> Report:
    """Judge one window with nothing remembered.

    Parameters
    ----------
    baseline
        The reference.
    live
        What came in.
    policy
        As for a stream; its budget must be in windows.

    Raises
    ------
    SettingError
        If the budget is in time.
    """
    profile = live.profile
    judged = judge_inputs(baseline, profile, EvidenceMemory(), policy, None, measured=live.measured)
    findings, verdicts = judged.findings, judged.verdicts
    if live.sums is not None:
        labelled = judge_labels(baseline, profile, live.sums, judged.memory, policy, None, measured=live.measured)
        findings, verdicts = findings + labelled.findings, verdicts + labelled.verdicts
    return Report(
        model=baseline.model,
        model_version=baseline.model_version,
        n_reference=baseline.n_rows,
        n_live=profile.n_rows,
        findings=_with_errors(findings, baseline, live.unread),
        verdicts=verdicts,
    )


def _with_errors(findings: tuple[Finding, ...], baseline: Baseline, unread: Mapping[str, str]) -> tuple[Finding, ...]:
    """A column that could not be read has one finding, which says so."""
    errors = tuple(
        Finding(
            kind=KIND_OF_ROLE[column.role],
            column=column.name,
            statistic="",
            score=math.nan,
            threshold=Threshold(value=math.nan, origin=ThresholdOrigin.FIXED),
            p_value=1.0,
            e_value=1.0,
            evidence=0.0,
            n_reference=baseline.columns[column.name].n,
            n_live=0,
            status=Status.ERROR,
            change=Change(direction=Direction.NONE, text="not read"),
            note=unread[column.name],
        )
        for column in baseline.schema.columns
        if column.name in unread
    )
    return errors + tuple(finding for finding in findings if finding.column not in unread)
