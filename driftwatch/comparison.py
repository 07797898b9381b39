"""``driftwatch.compare``: two frames, or a baseline and a frame, to a report."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from driftwatch.core import compare as core
from driftwatch.core.baseline import Baseline
from driftwatch.core.cells import NumericCells
from driftwatch.core.evidence import FalseAlarmBudget
from driftwatch.core.frames import columns_of, read_column
from driftwatch.core.judge import JudgePolicy
from driftwatch.core.multivariate.finding import JointFinding
from driftwatch.core.multivariate.loss_split import split_loss
from driftwatch.core.multivariate.rows import RowSample
from driftwatch.core.multivariate.samples import MOST_ROWS
from driftwatch.core.multivariate.together import Choice, chosen_tests, for_columns, judged_together
from driftwatch.core.performance.own import OwnMeasure
from driftwatch.core.row_loss import LabelledRows
from driftwatch.core.table import Numbers, Table
from driftwatch.core.two_samples import KeptNumbers
from driftwatch.errors import FileError, InputError, ReferenceDataError
from driftwatch.live_rows import Kept, counted_live
from driftwatch.reports.quality_document import estimate_document, quality_document

if TYPE_CHECKING:
    import pandas

DEFAULT_BUDGET = "1 per 1000 windows"


class Report(core.Report):
    """What a comparison found, with ways to show it."""

    def to_frame(self) -> pandas.DataFrame:
        """The findings as a pandas frame, one row a column and statistic."""
        import pandas

        return pandas.DataFrame(self.rows())

    def to_json(self) -> str:
        """The report as JSON; what is undefined is ``null``."""
        document: dict[str, Any] = {
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
            "estimate": estimate_document(self.estimate),
            "matters": [one.to_document() for one in self.impacts],
        }
        if self.weak is not None:
            document["weak_segments"] = self.weak.to_document()
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
    measures: Mapping[str, OwnMeasure] | None = None,
    weak_segments: bool = False,
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
        (`driftwatch.core.multivariate.together`). With labels on both sides the report then says, too, how much of a
        change of the model's quality the shifted inputs explain (`driftwatch.core.multivariate.loss_split`).
    reference_rows
        Where ``reference`` is a baseline, which holds none: the rows for ``together``, a frame or an iterator of
        frames. Of many rows a uniform sample is kept.
    measures
        Your own measures of quality, by name: functions of the labelled rows, which they get as a mapping of the
        baseline's columns to arrays (numbers as ``float64``, names as objects). One that answers with a number a row
        is their mean; one that answers with one number is what it says, and needs ``live`` to be one frame.
    weak_segments
        Look among the labelled rows for segments that the model is worse on (`driftwatch.core.weak_segments`): the
        report's ``weak``.
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
    MeasureError
        If an own measure fails, or gives numbers of another shape.
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

    With labels, what the model's answers were worth:

    >>> rows = {"x": rng.normal(size=2_000), "y": rng.normal(size=2_000)}
    >>> rows["guess"] = rows["y"] + 0.1
    >>> worth = lambda rows: 5.0 - np.abs(rows["guess"] - rows["y"])
    >>> report = compare(rows, rows, label="y", prediction="guess", measures={"worth": worth})
    >>> round(report.sums.measures()["worth"].value, 6)
    4.9
    """
    tests = chosen_tests(together)
    if isinstance(reference, Baseline):
        if fit:
            raise TypeError(f"a fitted baseline takes no options for fitting: {', '.join(sorted(fit))}")
        baseline = reference
        kept: Kept = baseline.kept.get
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
    labelled = LabelledRows(baseline.schema) if weak_segments else None
    aside = [] if labelled is None else [labelled.sample]
    if not tests:
        alone = core.compared(baseline, counted_live(baseline, live, kept, aside, own=measures or {}), judging)
        return _shown(replace(alone, weak=None if labelled is None else labelled.found()))
    timestamp = baseline.schema.timestamp
    columns = baseline.schema.columns
    sample = RowSample(columns, MOST_ROWS, timestamp=timestamp)
    by_column = replace(judging, budget=for_columns(judging.budget))
    counted = counted_live(baseline, live, kept, [*aside, sample], own=measures or {})
    report = core.compared(baseline, counted, by_column)
    rows = RowSample(columns, timestamp=timestamp, error=ReferenceDataError)
    for part in _parts(reference_rows):
        rows.add(part)
    features = {one.name for one in baseline.schema.features}
    unread = {name: why for name, why in {**rows.unread, **sample.unread}.items() if name in features}
    was, now = rows.table(), sample.table()
    found = judged_together(_only(was, features), _only(now, features), tests, judging, unread=unread)
    return _shown(
        replace(
            report,
            joint=found.findings,
            verdicts=(*report.verdicts, found.verdict),
            split=split_loss(baseline.schema, was, now),
            run_length=judging.budget.run_length(None),
            weak=None if labelled is None else labelled.found(),
        )
    )


def _shown(report: core.Report) -> Report:
    return Report(**{one.name: getattr(report, one.name) for one in fields(report)})


def _only(table: Table, names: Collection[str]) -> Table:
    return Table({name: values for name, values in table.columns.items() if name in names}, len(table))


def _parts(rows: Any) -> Iterator[Any]:
    """One frame, or one after another."""
    return rows if isinstance(rows, Iterator) else iter((rows,))


def _sorted_when_asked(baseline: Baseline, reference: Any) -> Kept:
    """Read a column of the reference again when its turn has come: all of them at once would be a second copy."""
    columns = columns_of(reference, ReferenceDataError)

    def kept(name: str) -> KeptNumbers | None:
        column = baseline.columns[name]
        values = read_column(columns, column.column, baseline.schema.timestamp, ReferenceDataError)
        if isinstance(column.cells, NumericCells) and isinstance(values, Numbers):
            return KeptNumbers.of(column.cells, values)
        return None

    return kept


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
