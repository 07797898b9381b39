"""``driftwatch.compare``: two frames, or a baseline and a frame, to a report."""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from driftwatch.core import compare as core
from driftwatch.core.baseline import Baseline, ColumnBaseline
from driftwatch.core.cells import NumericCells, counts_by_slot
from driftwatch.core.evidence import FalseAlarmBudget
from driftwatch.core.frames import columns_of, read_column
from driftwatch.core.judge import JudgePolicy
from driftwatch.core.multivariate.finding import JointFinding
from driftwatch.core.multivariate.rows import RowSample
from driftwatch.core.multivariate.samples import MOST_ROWS
from driftwatch.core.multivariate.together import Choice, chosen_tests, for_columns, judged_together
from driftwatch.core.performance import PerformanceSums
from driftwatch.core.profile import ColumnProfile, Profile
from driftwatch.core.records import ColumnRole, Measurement
from driftwatch.core.schema import Column
from driftwatch.core.table import Numbers, Values, present
from driftwatch.core.two_samples import KeptNumbers, measured_exactly
from driftwatch.errors import EventError, FileError, InputError, ReferenceDataError
from driftwatch.reports.quality_document import quality_document

if TYPE_CHECKING:
    import pandas

DEFAULT_BUDGET = "1 per 1000 windows"

MANY_ROWS = 50_000
"""With fewer rows, threads cost more than they save."""

_MOST_WORKERS = 4
"""Each needs memory for a column."""


class Report(core.Report):
    """What a comparison found, with ways to show it."""

    def to_frame(self) -> pandas.DataFrame:
        """The findings as a pandas frame, one row a column and statistic."""
        import pandas

        return pandas.DataFrame(self.rows())

    def to_json(self) -> str:
        """The report as JSON; what is undefined is ``null``."""
        document = {
            "model": self.model,
            "model_version": self.model_version,
            "status": self.status.value,
            "rows": {"reference": self.n_reference, "live": self.n_live},
            "drifted_columns": list(self.drifted_columns),
            "verdicts": [
                {
                    "kind": verdict.kind.value,
                    "status": verdict.status.value,
                    "reason": verdict.reason.value,
                    "evidence": _finite(verdict.evidence),
                    "limit": _finite(verdict.limit.value),
                    "columns": list(verdict.columns),
                    "text": verdict.text,
                }
                for verdict in self.verdicts
            ],
            "findings": [{name: _finite(value) for name, value in row.items()} for row in self.rows()],
            "together": [_joint_document(one) for one in self.joint],
            "quality": quality_document(self),
        }
        return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)

    def to_html(self) -> str:
        """The report as one HTML page, with both distributions of every column over each other.

        It runs no script and loads nothing: it can be mailed, archived and opened without a network.
        """
        from driftwatch.reports.page import rendered

        return rendered(self)

    def save_html(self, path: str | os.PathLike[str]) -> None:
        """Write `to_html` to a file.

        Raises
        ------
        FileError
            If it cannot be written.
        """
        try:
            # A name may hold half of a surrogate pair, which UTF-8 has no bytes for.
            Path(path).write_bytes(self.to_html().encode("utf-8", "backslashreplace"))
        except OSError as error:
            problem = f"cannot be written ({error.strerror})."
            raise FileError(problem, field=str(path), remedy="Check the folder and its space.") from None


def compare(
    reference: Any,
    live: Any,
    *,
    false_alarms: str | None = None,
    policy: JudgePolicy | None = None,
    together: Choice = False,
    reference_rows: Any = None,
    **fit: Any,
) -> Report:
    """Compare live rows with a reference.

    Parameters
    ----------
    reference
        A `Baseline`, or the rows to fit one from: whatever `Baseline.fit` takes. With rows, or with a baseline that
        keeps them (``keep_reference=True``), the Kolmogorov-Smirnov statistic is that of all values; else that at
        the ends of the baseline's cells, with its error bound.
    live
        The rows to compare, likewise; columns that the baseline does not know are not looked at. Labels are
        optional: with them and predictions, quality and label drift are judged too. An iterator of frames is counted
        one after another, in memory for one of them, and over the baseline's cells.
    false_alarms
        Budget such as ``"1 per 1000 windows"``: with one window, a test at level 1/1000 over all columns. By default
        the policy's, which is ``"1 per 1000 windows"``.
    policy
        Everything else that can be chosen.
    together
        Look at the features together, too: True for all tests of `driftwatch.core.multivariate.JOINT_TESTS`, names of
        some, or a mapping of names to tolerances. A fifth of the budget is theirs then
        (`driftwatch.core.multivariate.together`). reference_rows
        Where ``reference`` is a baseline, which holds none: the rows for ``together``, a frame or an iterator of
        frames. Of many rows a uniform sample is kept.
    **fit
        For `Baseline.fit`, where ``reference`` is rows.

    Returns
    -------
    Report
        ``status``, ``findings``, ``verdicts``, ``joint``, ``to_frame()``, ``to_json()``, ``to_html()``,
        ``save_html(path)``. A feature that ``live`` lacks, and a column that cannot be read as the baseline's kind or
        has another length than the others, has a finding of status ``error`` that says why; the others are compared.

    Raises
    ------
    ReferenceDataError
        If no baseline can be fitted from ``reference``.
    EventError
        If ``live`` is no frame and no mapping of columns.
    SettingError
        If the budget cannot be read, or is in time, or there is no test of a name in ``together``.
    InputError
        If columns are to be looked at together and there are no rows of the reference.
    TypeError
        If options for fitting come with a fitted baseline, or ``reference_rows`` with one that is not.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> reference = {"age": rng.normal(40, 10, 5_000), "plan": rng.choice(["a", "b"], 5_000)}
    >>> live = {"age": rng.normal(48, 10, 1_000), "plan": rng.choice(["a", "b"], 1_000)}
    >>> report = compare(reference, live)
    >>> report.status.value, report.drifted_columns, report.findings[0].change.direction.value
    ('drift', ('age',), 'up')

    Two columns that go together in another way, each of them being as it was:

    >>> x, noise = rng.normal(size=(2, 2_000))
    >>> reference, live = {"a": x, "b": x + noise}, {"a": x, "b": noise - x}
    >>> compare(reference, live).status.value
    'ok'
    >>> report = compare(reference, live, together="correlation_change")
    >>> report.status.value, report.joint[0].pairs, report.joint[0].text
    ('drift', (('a', 'b'),), 'rank correlation of a and b 0.70 -> -0.69')
    """
    tests = chosen_tests(together)
    if isinstance(reference, Baseline):
        if fit:
            raise TypeError(f"a fitted baseline takes no options for fitting: {', '.join(sorted(fit))}")
        baseline = reference
        kept: _Kept = baseline.kept.get
        if tests and reference_rows is None:
            raise InputError(
                "a baseline holds no rows, and columns can only be looked at together in rows.",
                field="together",
                remedy="Give the reference's rows too (reference_rows=...), or as the reference.",
            )
    else:
        if reference_rows is not None:
            raise TypeError("reference_rows go with a fitted baseline: here the reference's own are taken")
        reference_rows = reference
        baseline = Baseline.fit(reference, **fit)
        kept = _sorted_when_asked(baseline, reference)
    judging = policy or JudgePolicy(budget=FalseAlarmBudget.parse(DEFAULT_BUDGET))
    if false_alarms is not None:
        judging = replace(judging, budget=FalseAlarmBudget.parse(false_alarms))
    if not tests:
        return _shown(core.compared(baseline, _live(baseline, live, kept), judging))
    timestamp = baseline.schema.timestamp
    sample = RowSample(baseline.schema.features, MOST_ROWS, timestamp=timestamp)
    by_column = replace(judging, budget=for_columns(judging.budget))
    report = core.compared(baseline, _live(baseline, live, kept, sample), by_column)
    rows = RowSample(baseline.schema.features, timestamp=timestamp, error=ReferenceDataError)
    for part in _parts(reference_rows):
        rows.add(part)
    unread = {**rows.unread, **sample.unread}
    found = judged_together(rows.table(), sample.table(), tests, judging, unread=unread)
    return _shown(
        replace(
            report,
            joint=found.findings,
            verdicts=(*report.verdicts, found.verdict),
            run_length=judging.budget.run_length(None),
        )
    )


def _shown(report: core.Report) -> Report:
    return Report(**{one.name: getattr(report, one.name) for one in fields(report)})


def _parts(rows: Any) -> Iterator[Any]:
    """One frame, or one after another."""
    return rows if isinstance(rows, Iterator) else iter((rows,))


def _live(baseline: Baseline, live: Any, kept: _Kept, sample: RowSample | None = None) -> core.Live:
    """The live rows as counts, and a sample of them where one is wanted."""
    if not isinstance(live, Iterator):
        if sample is not None:
            sample.add(live)
        return _counted(baseline, live, kept)
    profile, sums = Profile.empty(baseline), None
    unread: dict[str, str] = {}
    for part in live:
        if sample is not None:
            sample.add(part)
        counted = _counted(baseline, part, _nothing_kept)
        profile += counted.profile
        unread.update(counted.unread)
        if counted.sums is not None:
            sums = counted.sums if sums is None else sums + counted.sums
    return core.Live(profile=profile, sums=sums, unread=unread)


_Kept = Callable[[str], KeptNumbers | None]
"""The reference's values of a numeric column, by its name; None where they are not known."""


def _nothing_kept(name: str) -> None:
    """Part by part, exact statistics cannot be had."""


def _sorted_when_asked(baseline: Baseline, reference: Any) -> _Kept:
    """Read a column of the reference again when its turn has come: all of them at once would be a second copy."""
    columns = columns_of(reference, ReferenceDataError)

    def kept(name: str) -> KeptNumbers | None:
        column = baseline.columns[name]
        values = read_column(columns, column.column, baseline.schema.timestamp, ReferenceDataError)
        if isinstance(column.cells, NumericCells) and isinstance(values, Numbers):
            return KeptNumbers.of(column.cells, values)
        return None

    return kept


@dataclass(frozen=True, slots=True, eq=False)
class _LiveColumn:
    """What is left of one column of the live rows."""

    profile: ColumnProfile
    measured: Measurement | None = None
    values: Values | None = None
    """Of labels, predictions and scores, which are needed side by side."""
    unread: str = ""


def _counted(baseline: Baseline, live: Any, kept: _Kept) -> core.Live:
    """The live rows as counts, each column by itself; a row without a label counts for everything but labels."""
    schema = baseline.schema
    given = columns_of(live)
    n_rows = _common_length({column.name: given[column.name] for column in schema.columns if column.name in given})

    def counted(column: Column) -> _LiveColumn:
        try:
            values = read_column(given, column, schema.timestamp)
            return _counted_column(baseline.columns[column.name], values, n_rows, kept)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one column, the others are compared
            return _LiveColumn(ColumnProfile.empty(baseline.columns[column.name]), unread=core.words_of(error))

    columns = [column for column in schema.columns if column.name in given or column.role is ColumnRole.FEATURE]
    workers = min(_processors(), _MOST_WORKERS) if n_rows >= MANY_ROWS else 1
    with ThreadPoolExecutor(workers) as pool:
        found = dict(zip((column.name for column in columns), pool.map(counted, columns), strict=True))
    profiles = {
        name: found[name].profile if name in found else ColumnProfile.empty(column)
        for name, column in baseline.columns.items()
    }
    return core.Live(
        profile=Profile(n_rows, profiles, baseline.layout),
        sums=_performance(baseline, found),
        measured={(name, one.measured.statistic): one.measured for name, one in found.items() if one.measured},
        unread={name: one.unread for name, one in found.items() if one.unread},
    )


def _counted_column(fitted: ColumnBaseline, values: Values, n_rows: int, kept: _Kept) -> _LiveColumn:
    column = fitted.column
    if len(values) != n_rows:
        problem = f"it has {len(values):,} values where other columns have {n_rows:,}."
        raise EventError(problem, field=column.name, remedy="Give columns of equal length.")
    aside = values if column.role is not ColumnRole.FEATURE else None
    if column.role is ColumnRole.LABEL:
        values = present(values)
    if not isinstance(fitted.cells, NumericCells) or not isinstance(values, Numbers):
        return _LiveColumn(ColumnProfile.of(fitted, values), values=aside)
    reference = kept(column.name)
    if reference is None or fitted.moments is None:
        return _LiveColumn(ColumnProfile.of(fitted, values), values=aside)
    counts, moments, by_slot = counts_by_slot(fitted.cells, values, fitted.moments)
    measured = measured_exactly(fitted.cells, reference, values, counts, by_slot)
    return _LiveColumn(ColumnProfile(counts, moments), measured=measured, values=aside)


def _common_length(columns: Mapping[str, Any]) -> int:
    """The length that most columns have: one that is cut short is a finding, not the end."""
    lengths = Counter(length for length in map(_length, columns.values()) if length is not None)
    return lengths.most_common(1)[0][0] if lengths else 0


def _length(values: Any) -> int | None:
    try:
        return len(values)
    except TypeError:
        return None


def _processors() -> int:
    """How many of them this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _performance(baseline: Baseline, found: Mapping[str, _LiveColumn]) -> PerformanceSums | None:
    """Sums over the rows that have a label; None where there are no labels."""
    schema = baseline.schema
    if schema.label is None or schema.label not in found:
        return None
    label = found[schema.label].values
    answered = None if schema.prediction is None else found.get(schema.prediction)
    prediction = None if answered is None else answered.values
    if label is None or prediction is None:
        return PerformanceSums.empty(schema.task, schema.classes)
    scores = [one.values for name in schema.scores if (one := found.get(name)) and isinstance(one.values, Numbers)]
    arrays = [one.values for one in scores] if len(scores) == len(schema.scores) else []
    return PerformanceSums.of(schema.task, schema.classes, prediction, label, arrays)


def _joint_document(finding: JointFinding) -> dict[str, Any]:
    return {
        "test": finding.test,
        "score": _finite(finding.score),
        "interval": [_finite(end) for end in finding.interval],
        "threshold": _finite(finding.threshold.value),
        "threshold_origin": finding.threshold.origin.value,
        "p_value": finding.p_value,
        "n_reference": finding.n_reference,
        "n_live": finding.n_live,
        "status": finding.status.value,
        "columns": list(finding.columns),
        "pairs": [list(pair) for pair in finding.pairs],
        "text": finding.text,
        "error_bound": finding.error_bound,
        "note": finding.note,
    }


def _finite(value: str | float) -> str | float | None:
    return None if isinstance(value, float) and not math.isfinite(value) else value
