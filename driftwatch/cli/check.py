"""``driftwatch check``: compare a file with a baseline, once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table as RichTable
from rich.text import Text

from driftwatch.cli.files import read_baseline
from driftwatch.cli.output import Format, console, progress_notice
from driftwatch.comparison import Report
from driftwatch.core.records import Status
from driftwatch.errors import FileError

DRIFTED = 1
_COLORS = {Status.OK: "green", Status.WARNING: "yellow", Status.DRIFT: "red", Status.ERROR: "red"}


def check(
    baseline: Annotated[Path, typer.Argument(help="A baseline file.")],
    current: Annotated[Path, typer.Argument(help="The rows to compare (.csv .parquet .arrow .ndjson).")],
    output_format: Annotated[Format, typer.Option("--format", help="How to print the findings.")] = Format.TABLE,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write JSON to this file too.")] = None,
) -> None:
    """Compare rows with a baseline. The exit code is 1 when they drifted: usable in a CI pipeline.

    Example: driftwatch check baseline.json last-week.parquet
    """
    from driftwatch.comparison import compare
    from driftwatch.sources.files import read_table

    fitted = read_baseline(baseline)
    with progress_notice(f"Reading {current} …"):
        rows = read_table(current)
    with progress_notice(f"Comparing {rows.num_rows:,} rows …"):
        report = compare(fitted, rows)
    if output is not None:
        try:
            output.write_text(report.to_json())
        except OSError as error:
            raise FileError(f"cannot be written ({error.strerror}).", field=str(output)) from None
    if output_format is Format.JSON:
        typer.echo(report.to_json())
    else:
        _print_table(report)
    if report.status in (Status.DRIFT, Status.ERROR):
        raise typer.Exit(DRIFTED)


def _print_table(report: Report) -> None:
    table = RichTable(box=None, pad_edge=False)
    for heading in ("column", "statistic", "score", "threshold", "status", "change"):
        table.add_column(heading, justify="right" if heading in {"score", "threshold"} else "left", overflow="fold")
    for finding in report.findings:
        table.add_row(
            finding.column,
            finding.statistic,
            f"{finding.score:.4g}",
            f"{finding.threshold.value:.3g} {finding.threshold.origin.value}",
            Text(finding.status.value, style=_COLORS.get(finding.status, "")),
            finding.change.text,
        )
    out = console()
    out.print(table)
    out.print()
    for verdict in report.verdicts:
        line = Text.assemble(
            (verdict.status.value, _COLORS.get(verdict.status, "")),
            f"  {verdict.kind.value.replace('_', ' ')}: {verdict.text}",
        )
        out.print(line, highlight=False)
