"""One window compared with a baseline, from scratch: the same judgement as in a stream, with nothing remembered.

With a single window a budget of one false alarm in ``A`` windows is a test at level ``1 / A``, over all columns.
"""

from __future__ import annotations

from dataclasses import dataclass

from driftwatch.core.baseline import Baseline
from driftwatch.core.evidence import EvidenceMemory
from driftwatch.core.judge import JudgePolicy, judge_inputs, judge_labels
from driftwatch.core.performance import PerformanceSums
from driftwatch.core.profile import Profile
from driftwatch.core.records import Finding, Status, Verdict

_SEVERITY = (Status.INSUFFICIENT_DATA, Status.OK, Status.WARNING, Status.DRIFT, Status.ERROR)


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
        """The worst of the verdicts; ``insufficient_data`` where there is none."""
        return max((one.status for one in self.verdicts), key=_SEVERITY.index, default=Status.INSUFFICIENT_DATA)

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


def compared(baseline: Baseline, profile: Profile, sums: PerformanceSums | None, policy: JudgePolicy) -> Report:
    """Judge one window with nothing remembered.

    Parameters
    ----------
    baseline
        The reference.
    profile
        Of the live rows, over the baseline's cells.
    sums
        Of the labelled live rows; None where there are no labels, which leaves label drift and quality unjudged.
    policy
        As for a stream; its budget must be in windows.

    Raises
    ------
    SettingError
        If the budget is in time.
    """
    judged = judge_inputs(baseline, profile, EvidenceMemory(), policy, None)
    findings, verdicts = judged.findings, judged.verdicts
    if sums is not None:
        labelled = judge_labels(baseline, profile, sums, judged.memory, policy, None)
        findings, verdicts = findings + labelled.findings, verdicts + labelled.verdicts
    return Report(
        model=baseline.model,
        model_version=baseline.model_version,
        n_reference=baseline.n_rows,
        n_live=profile.n_rows,
        findings=findings,
        verdicts=verdicts,
    )
