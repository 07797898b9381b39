"""The model's quality in a terminal: reference and live, with intervals."""

from __future__ import annotations

import math

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from driftwatch.core.compare import Report
from driftwatch.core.performance import Measure
from driftwatch.reports.summary import quality_lines, quality_notices
from driftwatch.reports.wording import number


def print_quality(report: Report, out: Console) -> None:
    """Print a line a measure; nothing where no live row has a label."""
    lines = quality_lines(report)
    if not lines or report.sums is None or report.sums.n == 0:
        return
    table = RichTable(box=None, pad_edge=False, padding=(0, 1))
    table.add_column("quality", no_wrap=True)
    for heading in ("reference", "live", "95 %"):
        table.add_column(heading, no_wrap=True, justify="right")
    for line in lines:
        table.add_row(line.measure, _value(line.reference), _value(line.live), _interval(line.live))
    out.print(table, soft_wrap=False)
    labelled = f"{report.sums.n:,} of {report.n_live:,} live rows are labelled"
    out.print(Text(f"quality: {labelled}", style="dim"))
    for notice in quality_notices(report):
        out.print(Text(f"quality: {notice}", style="yellow"))
    out.print()


def _value(measure: Measure | None) -> str:
    return "–" if measure is None else number(measure.value)


def _interval(measure: Measure | None) -> str:
    if measure is None or math.isnan(measure.lower):
        return ""
    return f"{number(measure.lower)} to {number(measure.upper)}"
