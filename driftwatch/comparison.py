"""``driftwatch.compare``: two frames, or a baseline and a frame, to a report."""

from __future__ import annotations

import json
import math
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from driftwatch.core import compare as core
from driftwatch.core.baseline import Baseline
from driftwatch.core.evidence import FalseAlarmBudget
from driftwatch.core.frames import to_table
from driftwatch.core.judge import JudgePolicy
from driftwatch.core.performance import PerformanceSums
from driftwatch.core.profile import Profile
from driftwatch.core.table import Names, Table

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
        }
        return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)


def compare(
    reference: Any, live: Any, *, false_alarms: str | None = None, policy: JudgePolicy | None = None, **fit: Any
) -> Report:
    """Compare live rows with a reference.

    Parameters
    ----------
    reference
        A `Baseline`, or the rows to fit one from: whatever `Baseline.fit` takes.
    live
        The rows to compare, likewise; columns that the baseline does not know are not looked at. Labels are
        optional: with them and predictions, quality and label drift are judged too.
    false_alarms
        Budget such as ``"1 per 1000 windows"``: with one window, a test at level 1/1000 over all columns. By default
        the policy's, which is ``"1 per 1000 windows"``.
    policy
        Everything else that can be chosen.
    **fit
        For `Baseline.fit`, where ``reference`` is rows.

    Returns
    -------
    Report
        ``status``, ``findings``, ``verdicts``, ``to_frame()``, ``to_json()``.

    Raises
    ------
    ReferenceDataError
        If no baseline can be fitted from ``reference``.
    EventError
        If ``live`` lacks a feature, or a column is not of the baseline's kind.
    SettingError
        If the budget cannot be read, or is in time.
    TypeError
        If options for fitting come with a fitted baseline.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> reference = {"age": rng.normal(40, 10, 5_000), "plan": rng.choice(["a", "b"], 5_000)}
    >>> live = {"age": rng.normal(48, 10, 1_000), "plan": rng.choice(["a", "b"], 1_000)}
    >>> report = compare(reference, live)
    >>> report.status.value, report.drifted_columns, report.findings[0].change.direction.value
    ('drift', ('age',), 'up')
    """
    if isinstance(reference, Baseline):
        if fit:
            raise TypeError(f"a fitted baseline takes no options for fitting: {', '.join(sorted(fit))}")
        baseline = reference
    else:
        baseline = Baseline.fit(reference, **fit)
    judging = policy or JudgePolicy(budget=FalseAlarmBudget.parse(DEFAULT_BUDGET))
    if false_alarms is not None:
        judging = replace(judging, budget=FalseAlarmBudget.parse(false_alarms))
    table = to_table(live, baseline.schema)
    profile, sums = _counted(baseline, table)
    report = core.compared(baseline, profile, sums, judging)
    return Report(**{one.name: getattr(report, one.name) for one in fields(report)})


def _counted(baseline: Baseline, table: Table) -> tuple[Profile, PerformanceSums | None]:
    """The live rows as counts; a row without a label counts for everything but labels."""
    schema = baseline.schema
    if schema.label is None or schema.label not in table:
        return Profile.of(baseline, table), None
    label = table[schema.label]
    rest = Table({name: values for name, values in table.columns.items() if name != schema.label}, len(table))
    known = label.codes >= 0 if isinstance(label, Names) else np.isfinite(label.values)
    labelled = Table({schema.label: label.take(known)}, int(np.count_nonzero(known)))
    profile = Profile.of(baseline, rest) + Profile.of(baseline, labelled, n_rows=0)
    if schema.prediction is None or schema.prediction not in table:
        return profile, PerformanceSums.empty(schema.task, schema.classes)
    return profile, PerformanceSums.of(schema.task, schema.classes, table[schema.prediction], label)


def _finite(value: str | float) -> str | float | None:
    return None if isinstance(value, float) and not math.isfinite(value) else value
