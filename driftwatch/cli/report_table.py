"""A report in a terminal: a line a column and statistic, what drifted first, and the verdicts below.

The table keeps to the terminal's width: long names are cut in the middle, changes wrap where they stand.
"""

from __future__ import annotations

import math
from io import StringIO

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from driftwatch.cli.output import PIPE_WIDTH
from driftwatch.cli.quality_table import print_quality
from driftwatch.core.compare import Report
from driftwatch.core.records import AlertKind, Finding, Status, ThresholdOrigin
from driftwatch.reports.order import ColumnFindings, ordered
from driftwatch.reports.summary import ORIGINS
from driftwatch.reports.wording import limit, number, p_value, words

_COLORS = {Status.OK: "green", Status.WARNING: "yellow", Status.DRIFT: "red", Status.ERROR: "red"}
_TITLES = {AlertKind.QUALITY: "(quality)", AlertKind.CONCEPT_DRIFT: "(concept)"}
_MARKS = {ThresholdOrigin.SAMPLING: "*", ThresholdOrigin.NATURAL: "†"}
_SHORT = {Status.INSUFFICIENT_DATA: "too few"}
_LONGEST_NAME = 28
_NARROW = 110
"""Below this a change stands under its column's name and not beside the numbers."""


def print_table(report: Report, out: Console) -> None:
    """Print findings and verdicts."""
    narrow = out.width < _NARROW
    table = RichTable(box=None, pad_edge=False, padding=(0, 1))
    table.add_column("column", overflow="fold", ratio=1 if narrow else None)
    table.add_column("status", no_wrap=True)
    table.add_column("statistic", no_wrap=True)
    for heading in ("score", "threshold", "p-value"):
        table.add_column(heading, no_wrap=True, justify="right")
    if not narrow:
        table.add_column("change", overflow="fold", ratio=1)
    for column in _rows(report):
        findings, name, change = column.findings, shortened(column.name, _LONGEST_NAME), plain(_said(column.findings))
        table.add_row(
            Text.assemble(name, "\n", (change.plain, "dim")) if narrow else name,
            Text(_SHORT.get(column.status, column.status.value), style=_COLORS.get(column.status, "")),
            "\n".join(one.statistic for one in findings),
            "\n".join(number(one.score) if one.statistic else "" for one in findings),
            "\n".join(_threshold(one) for one in findings),
            "\n".join(p_value(one.p_value) if one.statistic else "" for one in findings),
            *([] if narrow else [change]),
        )
    out.print(table, soft_wrap=False)
    out.print()
    if report.joint:
        print_joint(report, out)
    print_quality(report, out)
    origins = {one.threshold.origin for one in report.findings if one.statistic}
    for origin, mark in _MARKS.items():
        if origin in origins:
            out.print(Text(f"{mark} set by {ORIGINS[origin]}", style="dim"))
    print_verdicts(report, out)


def print_joint(report: Report, out: Console) -> None:
    """Print what was found of several columns at once."""
    narrow = out.width < _NARROW
    table = RichTable(box=None, pad_edge=False, padding=(0, 1))
    table.add_column("together", overflow="fold", ratio=1 if narrow else None)
    table.add_column("status", no_wrap=True)
    for heading in ("score", "95 %", "threshold"):
        table.add_column(heading, no_wrap=True, justify="right")
    if not narrow:
        table.add_column("change", overflow="fold", ratio=1)
    for finding in report.joint:
        change = plain(finding.text)
        low, high = finding.interval
        table.add_row(
            Text.assemble(finding.test, "\n", (change.plain, "dim")) if narrow else finding.test,
            Text(_SHORT.get(finding.status, finding.status.value), style=_COLORS.get(finding.status, "")),
            number(finding.score),
            "" if math.isnan(low) else f"{number(low)} to {number(high)}",
            limit(finding.threshold),
            *([] if narrow else [change]),
        )
    out.print(table, soft_wrap=False)
    out.print(Text(f"together: {report.joint[0].note}", style="dim"))
    out.print()


def print_summary(report: Report, out: Console) -> None:
    """Print the verdicts, and which columns could not be read: all that a terminal gets where a file has the rest."""
    print_verdicts(report, out)
    for finding in report.findings:
        if finding.status is Status.ERROR:
            line = Text.assemble((finding.status.value, _COLORS[Status.ERROR]), "  ", plain(finding.note))
            out.print(line, highlight=False)


def table_text(report: Report) -> str:
    """What `print_table` prints, without colours, for a file."""
    file = StringIO()
    print_table(report, Console(file=file, width=PIPE_WIDTH, no_color=True, soft_wrap=True))
    return file.getvalue()


def print_verdicts(report: Report, out: Console) -> None:
    """Print a line a verdict, under one that says what was compared."""
    rows = f"{report.n_live:,} rows against {report.n_reference:,} of the reference"
    out.print(plain(f"{report.model} {report.model_version}: {rows}"), highlight=False)
    for verdict in report.verdicts:
        line = Text.assemble(
            (words(verdict.status.value), _COLORS.get(verdict.status, "")),
            f"  {words(verdict.kind.value)}: ",
            plain(verdict.text),
        )
        out.print(line, highlight=False)


def shortened(name: str, longest: int) -> Text:
    """A name with its middle left out, where names that differ at the end still differ.

    Examples
    --------
    >>> shortened("the_mean_of_the_last_30_days", 16).plain, shortened("age", 16).plain
    ('the_mean…30_days', 'age')
    """
    text = plain(name).plain
    if len(text) > longest:
        tail = (longest - 1) // 2
        text = f"{text[: longest - 1 - tail]}…{text[-tail:]}"
    return Text(text)


def plain(text: str) -> Text:
    r"""Text of the data as it is: no markup is read from it, and what would steer a terminal is spelled out.

    Examples
    --------
    >>> plain("[red]a\x1b[2Jb").plain
    '[red]a\\x1b[2Jb'
    """
    return Text("".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text))


def _rows(report: Report) -> tuple[ColumnFindings, ...]:
    """What drifted first; what is about no single column comes after."""
    columns = ordered(report)
    known = {column.name for column in columns}
    others = [one for one in report.findings if one.kind in _TITLES or one.column not in known]
    return (*columns, *(ColumnFindings(_title(one), one.status, (one,)) for one in others))


def _title(finding: Finding) -> str:
    return _TITLES.get(finding.kind, finding.column)


def _threshold(finding: Finding) -> str:
    """Its value, with a mark where nobody chose it; a space takes the mark's place."""
    return f"{limit(finding.threshold)}{_MARKS.get(finding.threshold.origin, ' ')}" if finding.statistic else ""


def _said(findings: tuple[Finding, ...]) -> str:
    """What changed; of a column that was not read, why."""
    return next((one.note for one in findings if one.status is Status.ERROR and one.note), findings[0].change.text)
