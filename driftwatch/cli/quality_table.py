"""The model's quality in a terminal: reference, estimated and live, with intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from driftwatch.core.compare import Report
from driftwatch.core.performance import Measure
from driftwatch.core.window_quality import EstimateReason
from driftwatch.reports.summary import QualityLine, quality_lines, quality_notices
from driftwatch.reports.wording import number

_WITHOUT_A_WORD = frozenset({EstimateReason.NO_REFERENCE, EstimateReason.TOO_FEW_ROWS})
"""Reasons that the user knows anyway."""


def print_quality(report: Report, out: Console) -> None:
    """Print a line a measure, and what the figures come from; nothing where no quality is known or expected."""
    lines = quality_lines(report)
    labels = report.sums.n if report.sums is not None else 0
    if lines:
        out.print(_table(lines, has_labels=labels > 0), soft_wrap=False)
    for text in _sources(report, labels, any(line.estimated is not None for line in lines)):
        out.print(Text(text, style="dim"))
    for notice in quality_notices(report):
        out.print(Text(f"quality: {notice}", style="yellow"))
    if lines:
        out.print()


def _table(lines: Sequence[QualityLine], *, has_labels: bool) -> RichTable:
    table = RichTable(box=None, pad_edge=False, padding=(0, 1))
    table.add_column("quality", no_wrap=True)
    has_estimate = any(line.estimated is not None for line in lines)
    headings = ["reference", *(["estimated"] if has_estimate else []), *(["live"] if has_labels else []), "95 %"]
    for heading in headings:
        table.add_column(heading, no_wrap=True, justify="right")
    for line in lines:
        estimated = [_value(line.estimated)] if has_estimate else []
        live = [_value(line.live)] if has_labels else []
        known = line.live if has_labels else line.estimated
        table.add_row(line.measure, _value(line.reference), *estimated, *live, _interval(known))
    return table


def _sources(report: Report, labels: int, has_estimate: bool) -> Sequence[str]:
    said = [f"quality: {labels:,} of {report.n_live:,} live rows are labelled"] if labels else []
    if has_estimate and not labels:
        said.append("estimated without labels: right as long as only inputs change, not what they mean")
    estimate = report.estimate
    if estimate is not None and estimate.reason is not None and estimate.reason not in _WITHOUT_A_WORD:
        said.append(f"not estimated: {estimate.text.removesuffix('.')}")
    return said


def _value(measure: Measure | None) -> str:
    return "–" if measure is None else number(measure.value)


def _interval(measure: Measure | None) -> str:
    if measure is None or math.isnan(measure.lower):
        return ""
    return f"{number(measure.lower)} to {number(measure.upper)}"
