"""One window compared with a baseline, from scratch: the same judgement as in a stream, with nothing remembered.

With a single window a budget of one false alarm in ``A`` windows is a test at level ``1 / A``, over all columns.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from driftwatch.core.baseline import Baseline
from driftwatch.core.conclusion import worst
from driftwatch.core.estimators.estimate import Estimate, EstimateSums
from driftwatch.core.estimators.estimator import estimated
from driftwatch.core.evidence import EvidenceMemory
from driftwatch.core.impact import Impact, impacts
from driftwatch.core.judge import KIND_OF_ROLE, JudgePolicy, Measured, judge_inputs, judge_labels
from driftwatch.core.multivariate.finding import JointFinding
from driftwatch.core.multivariate.loss_split import LossSplit
from driftwatch.core.performance import Measure, PerformanceSums
from driftwatch.core.profile import Profile
from driftwatch.core.records import (
    Change,
    Direction,
    Finding,
    FindingReason,
    Status,
    Threshold,
    ThresholdOrigin,
    Verdict,
)
from driftwatch.core.selection import compared_labelled
from driftwatch.core.weak_segments import WeakSegments
from driftwatch.core.window_quality import LabelSelection
from driftwatch.errors import DriftwatchError


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
        One a kind of alert that could be judged; and one more of feature drift where columns were looked at together.
    joint
        What was found of several columns at once, where that was asked for.
    split
        How much of a change of quality the shifted inputs explain, where rows of both sides had labels.
    baseline, profile
        What was compared, as counts: figures are drawn from them. None in a report that has none to draw.
    sums
        Of the labelled live rows; None where there were no labels.
    own
        The user's own measures that are of all rows at once.
    selection
        Where some live rows have a label and others have none: how they differ, column by column.
    estimate
        The quality that is expected of the live rows without their labels, or why none is; None where nobody looked.
    run_length
        One false alarm in so many windows was asked for; ``nan`` where nobody said.
    """

    model: str
    model_version: str
    n_reference: int
    n_live: int
    findings: tuple[Finding, ...]
    verdicts: tuple[Verdict, ...]
    joint: tuple[JointFinding, ...] = ()
    split: LossSplit | None = None
    baseline: Baseline | None = field(default=None, repr=False, compare=False)
    profile: Profile | None = field(default=None, repr=False, compare=False)
    sums: PerformanceSums | None = field(default=None, repr=False, compare=False)
    own: Mapping[str, Measure] = field(default_factory=dict, repr=False, compare=False)
    selection: tuple[LabelSelection, ...] = ()
    estimate: Estimate | None = field(default=None, repr=False, compare=False)
    run_length: float = math.nan
    weak: WeakSegments | None = None

    @property
    def impacts(self) -> tuple[Impact, ...]:
        """The features that drift or may, those that matter most to the model first."""
        if self.baseline is None or self.profile is None:
            return ()
        return impacts(self.baseline, self.profile, self.findings, self.verdicts)

    @property
    def status(self) -> Status:
        """The worst of the verdicts; ``error`` where a column could not be read and no other drifted.

        Without any verdict ``insufficient_data``.
        """
        found = [one.status for one in self.verdicts]
        found += [Status.ERROR for one in self.findings if one.status is Status.ERROR]
        found += [Status.ERROR for one in self.joint if one.status is Status.ERROR]
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
                "reason": "" if finding.reason is None else finding.reason.value,
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
    own
        The user's own measures that are of all rows at once.
    labelled
        The profile of the rows that have a label, where some have none.
    estimate
        What quality is estimated from; None where nobody looked.
    unread
        Columns that could not be read, with the reason.
    """

    profile: Profile
    sums: PerformanceSums | None = None
    own: Mapping[str, Measure] = field(default_factory=dict)
    labelled: Profile | None = None
    measured: Measured = field(default_factory=dict)
    estimate: EstimateSums | None = None
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
    try:
        findings, verdicts = _judged(baseline, live, policy)
        unread = live.unread
    except DriftwatchError:
        raise
    except Exception:
        broken = _broken(baseline, live, policy)
        if not broken:
            raise
        unread = {**broken, **live.unread}
        sound = [column.name for column in baseline.schema.columns if column.name not in broken]
        findings, verdicts = _judged(_only(baseline, sound), live, policy)
    return Report(
        model=baseline.model,
        model_version=baseline.model_version,
        n_reference=baseline.n_rows,
        n_live=live.profile.n_rows,
        findings=_with_errors(findings, baseline, unread),
        verdicts=verdicts,
        baseline=baseline,
        profile=live.profile,
        sums=live.sums,
        own=live.own,
        selection=_selection(baseline, live, policy),
        estimate=_estimate(baseline, live, policy),
        run_length=policy.budget.run_length(None),
    )


def _estimate(baseline: Baseline, live: Live, policy: JudgePolicy) -> Estimate | None:
    if live.estimate is None:
        return None
    return estimated(baseline, live.estimate, live.profile, policy.minimum_rows)


def _selection(baseline: Baseline, live: Live, policy: JudgePolicy) -> tuple[LabelSelection, ...]:
    if live.labelled is None:
        return ()
    return compared_labelled(baseline, live.profile, live.labelled, level=1.0 / policy.budget.run_length(None))


def words_of(error: Exception) -> str:
    """What went wrong, for a finding: an error that was raised on purpose speaks for itself."""
    return str(error) if isinstance(error, DriftwatchError) else f"{type(error).__name__}: {error}".removesuffix(": ")


def _judged(baseline: Baseline, live: Live, policy: JudgePolicy) -> tuple[tuple[Finding, ...], tuple[Verdict, ...]]:
    judged = judge_inputs(baseline, live.profile, EvidenceMemory(), policy, None, measured=live.measured)
    if live.sums is None:
        return judged.findings, judged.verdicts
    labelled = judge_labels(baseline, live.profile, live.sums, judged.memory, policy, None, measured=live.measured)
    return judged.findings + labelled.findings, judged.verdicts + labelled.verdicts


def _broken(baseline: Baseline, live: Live, policy: JudgePolicy) -> dict[str, str]:
    """The columns that cannot be judged even by themselves, and why."""
    broken = {}
    for name in baseline.columns:
        try:
            _judged(_only(baseline, [name]), live, policy)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one column, the others are compared
            broken[name] = f"{name}: it cannot be measured ({words_of(error)})."
    return broken


def _only(baseline: Baseline, names: Sequence[str]) -> Baseline:
    """A baseline of some of the columns."""
    columns = tuple(column for column in baseline.schema.columns if column.name in names)
    schema = replace(baseline.schema, columns=columns)
    return replace(baseline, schema=schema, columns={name: baseline.columns[name] for name in names})


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
            reason=FindingReason.UNREADABLE,
            change=Change(direction=Direction.NONE, text="not read"),
            note=unread[column.name],
        )
        for column in baseline.schema.columns
        if column.name in unread
    )
    return errors + tuple(finding for finding in findings if finding.column not in unread)
