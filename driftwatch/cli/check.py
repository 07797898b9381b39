"""``driftwatch check``: compare a file with a baseline, once."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from driftwatch.cli.files import read_baseline
from driftwatch.cli.hashing import HashedColumns, HashKeyFile, hashed
from driftwatch.cli.output import check_writable, console, progress_notice, write_whole
from driftwatch.comparison import DEFAULT_BUDGET
from driftwatch.core.records import Status

if TYPE_CHECKING:
    from driftwatch.comparison import Report

DRIFTED = 1


class ReportFormat(StrEnum):
    """How a report is written."""

    TABLE = "table"
    JSON = "json"
    HTML = "html"


_BY_EXTENSION = {".json": ReportFormat.JSON, ".html": ReportFormat.HTML, ".htm": ReportFormat.HTML}


def check(  # noqa: PLR0913, PLR0917 - one parameter an option of the command
    baseline: Annotated[Path, typer.Argument(help="A baseline file.")],
    current: Annotated[Path, typer.Argument(help="The rows to compare (.csv .parquet .arrow .ndjson).")],
    report_format: Annotated[
        ReportFormat | None,
        typer.Option("--format", help="A table, JSON, or a page with figures.", show_default="by extension, or table"),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write to this file, and print the verdicts alone.")
    ] = None,
    false_alarms: Annotated[
        str, typer.Option(help="One false alarm in so many checks, over all columns.")
    ] = DEFAULT_BUDGET,
    threshold: Annotated[
        list[str] | None,
        typer.Option(help="Fixed score above which is drift: psi=0.2, or amount.psi=0.1 for a column."),
    ] = None,
    p_value: Annotated[
        list[str] | None,
        typer.Option(help="Fixed p-value of the plain two-sample test below which is drift: ks=0.001."),
    ] = None,
    bonferroni: Annotated[bool, typer.Option("--bonferroni", help="Divide --p-value by the number of tests.")] = False,
    tolerance: Annotated[
        list[str] | None, typer.Option(help="Score that nobody needs to act on: ks=0.1, or amount.ks=0.2.")
    ] = None,
    statistics: Annotated[
        list[str] | None, typer.Option(help="What is measured of a kind of column: numeric=ks,wasserstein_std.")
    ] = None,
    share: Annotated[
        list[str] | None, typer.Option(help="A kind of alert's part of the false alarms: label_drift=0.3.")
    ] = None,
    hash_columns: HashedColumns = None,
    hash_key_file: HashKeyFile = None,
) -> None:
    """Compare rows with a baseline. The exit code is 1 when they drifted: usable in a CI pipeline.

    Example: driftwatch check baseline.json last-week.parquet -o report.html

    Example: driftwatch check baseline.json last-week.parquet --threshold psi=0.2 --p-value amount.ks=0.001
    """
    from driftwatch.cli.judging import JudgingOptions, chosen_policy
    from driftwatch.cli.report_table import print_table, print_verdicts
    from driftwatch.comparison import compare
    from driftwatch.sources.files import read_table

    if output is not None:
        check_writable(output)
    fitted = read_baseline(baseline)
    policy = chosen_policy(
        JudgingOptions(
            false_alarms=false_alarms,
            thresholds=threshold or (),
            p_values=p_value or (),
            bonferroni=bonferroni,
            tolerances=tolerance or (),
            statistics=statistics or (),
            shares=share or (),
        ),
        fitted,
    )
    with progress_notice(f"Reading {current} …"):
        rows = hashed(read_table(current), hash_columns, hash_key_file)
    with progress_notice(f"Comparing {rows.num_rows:,} rows …"):
        report = compare(fitted, rows, policy=policy)
    wanted = report_format or _BY_EXTENSION.get("" if output is None else output.suffix.lower(), ReportFormat.TABLE)
    if output is not None:
        write_whole(output, _written(report, wanted))
        print_verdicts(report, console())
    elif wanted is ReportFormat.TABLE:
        print_table(report, console())
    else:
        typer.echo(_written(report, wanted))
    if report.status in (Status.DRIFT, Status.ERROR):
        raise typer.Exit(DRIFTED)


def _written(report: Report, wanted: ReportFormat) -> str:
    if wanted is ReportFormat.HTML:
        return report.to_html()
    if wanted is ReportFormat.JSON:
        return report.to_json()
    from driftwatch.cli.report_table import table_text

    return table_text(report)
