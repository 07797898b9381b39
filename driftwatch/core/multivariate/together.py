r"""What the tests of several columns come to: findings, and one verdict for all of them.

*The budget.* A report's false-alarm budget is one level for everything in it. Where columns are looked at together,
that takes a fifth of it (`JOINT_SHARE`), and the columns one by one keep four fifths (`for_columns`): by the union
bound the whole report keeps the budget. The tests share their fifth evenly (Bonferroni), whatever their dependence, and
however many of them could not be done.

*Evidence* is here ``1 / (k p)``, with the smallest p-value ``p`` of ``k`` tests, and it alarms at the run length over
the share: ``k p`` is at most the level then. A tenth of that is a warning.

The verdict is one of feature drift, beside the one of the columns one by one.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from driftwatch.core.evidence import LARGEST_SHARE, WARNING_SHARE, FalseAlarmBudget
from driftwatch.core.limits import closest
from driftwatch.core.multivariate import JOINT_TESTS, JointTest
from driftwatch.core.multivariate.finding import UNDEFINED, JointFinding
from driftwatch.core.multivariate.samples import MOST_COLUMNS, Samples
from driftwatch.core.policy import JudgePolicy
from driftwatch.core.records import AlertKind, Status, Threshold, ThresholdOrigin, Verdict, VerdictReason
from driftwatch.core.table import Table
from driftwatch.errors import DriftwatchError, SettingError

JOINT_SHARE = 0.2
"""The part of a report's false-alarm budget that looking at columns together takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Together:
    """What was found of several columns at once, and what follows."""

    findings: tuple[JointFinding, ...]
    verdict: Verdict


Choice = bool | str | Collection[str] | Mapping[str, float]
"""Which tests to do: True for all of them, False for none, names of some; with their tolerances, where it is a mapping.

A tolerance is in the unit that the test's module names.
"""


def chosen_tests(together: Choice) -> tuple[JointTest, ...]:
    """The tests to do.

    Raises
    ------
    SettingError
        If there is no test of a name, or a tolerance is no number of 0 or more.

    Examples
    --------
    >>> [test.name for test in chosen_tests("mmd")], len(chosen_tests(True)), chosen_tests(False)
    (['mmd'], 4, ())
    >>> chosen_tests({"correlation_change": 0.2})[0].tolerance
    0.2
    """
    if isinstance(together, bool):
        return tuple(JOINT_TESTS.values()) if together else ()
    names = (together,) if isinstance(together, str) else tuple(dict.fromkeys(together))
    for name in names:
        if name not in JOINT_TESTS:
            raise SettingError(f"there is no test {name!r}.", field="together", remedy=closest(name, list(JOINT_TESTS)))
    chosen = tuple(JOINT_TESTS[name] for name in names)
    if not isinstance(together, Mapping):
        return chosen
    for name, tolerance in together.items():
        if isinstance(tolerance, bool) or not isinstance(tolerance, int | float) or not 0.0 <= tolerance < math.inf:
            raise SettingError(
                f"{tolerance!r} is no number of 0 or more.", field=f"together.{name}", remedy="Write one such as 0.1."
            )
    return tuple(replace(test, tolerance=float(together[test.name])) for test in chosen)


def for_columns(budget: FalseAlarmBudget) -> FalseAlarmBudget:
    """What is left of a budget for the columns one by one.

    Examples
    --------
    >>> for_columns(FalseAlarmBudget.parse("1 per 1000 windows")).run_length(None)
    1250.0
    """
    return replace(budget, alarms=budget.alarms * (1.0 - JOINT_SHARE))


def judged_together(
    reference: Table,
    live: Table,
    tests: Sequence[JointTest],
    policy: JudgePolicy,
    *,
    unread: Mapping[str, str] | None = None,
) -> Together:
    """Compare rows as wholes.

    Parameters
    ----------
    reference, live
        Rows, or uniform samples of them. Columns that only one of them has are left out.
    tests
        At least one.
    policy
        Its budget must be in windows.
    unread
        Columns that are missing because they could not be read, for the note.

    Raises
    ------
    SettingError
        If the budget is in time.
    """
    names = [name for name in reference.columns if name in live]
    limit = Threshold(value=policy.budget.run_length(None) / JOINT_SHARE, origin=ThresholdOrigin.BUDGET)
    before, after = (Table({name: table[name] for name in names}, len(table)) for table in (reference, live))
    rows = _Rows(before, after, _note(len(names), tuple(unread or ())))
    findings = tuple(_finding(test, rows, policy, limit.value * len(tests)) for test in tests)
    return Together(findings=findings, verdict=_verdict(findings, limit))


@dataclass(frozen=True, eq=False)
class _Rows:
    reference: Table
    live: Table
    note: str

    @cached_property
    def samples(self) -> Samples:
        return Samples.of(self.reference, self.live)


def _note(n_columns: int, unread: Sequence[str]) -> str:
    parts = ["rows are taken for independent"]
    if n_columns > MOST_COLUMNS:
        parts.append(f"{MOST_COLUMNS} of {n_columns} columns, drawn at random")
    if unread:
        parts.append(f"without {', '.join(unread)}")
    return "; ".join(parts)


def _finding(test: JointTest, rows: _Rows, policy: JudgePolicy, limit: float) -> JointFinding:
    """One test; whatever goes wrong in it, the others are done. ``limit`` is 1 over its own level."""
    nothing = JointFinding(
        test=test.name,
        score=math.nan,
        interval=UNDEFINED,
        threshold=Threshold(value=math.nan, origin=ThresholdOrigin.FIXED),
        p_value=1.0,
        n_reference=len(rows.reference),
        n_live=len(rows.live),
        status=Status.INSUFFICIENT_DATA,
        note=rows.note,
    )
    if min(len(rows.reference), len(rows.live)) < test.minimum_rows:
        return replace(nothing, text=f"too few rows: {test.minimum_rows} are needed on each side")
    try:
        measured = test.measure(rows.samples, test.tolerance, policy.blame_rate)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with one test, the others are done
        words = str(error) if isinstance(error, DriftwatchError) else f"{type(error).__name__}: {error}"
        return replace(nothing, status=Status.ERROR, text=f"not measured: {words.removesuffix(': ')}")
    if math.isnan(measured.score):
        return replace(nothing, text=f"undefined: {measured.text}")
    evidence = 1.0 / max(measured.p_value, 1e-300)
    status = Status.OK
    if evidence >= WARNING_SHARE * limit:
        status = Status.DRIFT if evidence >= limit else Status.WARNING
    drifted = status is Status.DRIFT
    return JointFinding(
        test=test.name,
        score=measured.score,
        interval=measured.interval,
        threshold=Threshold(value=measured.threshold, origin=ThresholdOrigin.FIXED),
        p_value=measured.p_value,
        n_reference=measured.n_reference,
        n_live=measured.n_live,
        status=status,
        columns=measured.columns if drifted else (),
        pairs=measured.pairs if drifted else (),
        text=measured.text,
        error_bound=measured.error_bound,
        note=rows.note,
    )


def _verdict(findings: Sequence[JointFinding], limit: Threshold) -> Verdict:
    measured = [one for one in findings if one.status not in (Status.INSUFFICIENT_DATA, Status.ERROR)]
    if not measured:
        return Verdict(
            kind=AlertKind.FEATURE_DRIFT,
            status=Status.INSUFFICIENT_DATA,
            reason=VerdictReason.TOO_FEW_ROWS,
            evidence=0.0,
            limit=limit,
            text=f"Columns together: {findings[0].text}.",
        )
    smallest = min(one.p_value for one in measured)
    evidence = min(1.0 / max(len(findings) * smallest, 1e-300), LARGEST_SHARE * limit.value)
    drifted = sorted((one for one in measured if one.status is Status.DRIFT), key=lambda one: one.p_value)
    status, reason, words = Status.OK, VerdictReason.WITHIN_TOLERANCE, "within tolerance"
    if drifted:
        status, reason = Status.DRIFT, VerdictReason.EVIDENCE_REACHED_BUDGET
        words = "; ".join(f"{one.text} ({one.test} {one.score:.3g})" for one in drifted)
    elif evidence >= WARNING_SHARE * limit.value:
        status, reason, words = Status.WARNING, VerdictReason.EVIDENCE_GROWING, "something may be moving"
    return Verdict(
        kind=AlertKind.FEATURE_DRIFT,
        status=status,
        reason=reason,
        evidence=evidence,
        limit=limit,
        columns=tuple(dict.fromkeys(name for one in drifted for name in one.columns)),
        text=f"Columns together: {words}; evidence {_short(evidence)} of {_short(limit.value)}.",
    )


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 10.0 else f"{value:.2g}"
