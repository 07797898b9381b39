"""``driftwatch check``: compare a file with a baseline, once."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from driftwatch.cli.checked_rows import CheckedRows, chosen_joint_tests, read_reference
from driftwatch.cli.hashing import HashedColumns, HashKeyFile, hashed
from driftwatch.cli.logged import LogSource, Stretch
from driftwatch.cli.output import check_writable, console, write_whole
from driftwatch.cli.service import Authority, TokenFile
from driftwatch.comparison import DEFAULT_BUDGET
from driftwatch.core.records import Status

if TYPE_CHECKING:
    import pyarrow as pa

    from driftwatch.comparison import Report

DRIFTED = 1


class ReportFormat(StrEnum):
    """How a report is written."""

    TABLE = "table"
    JSON = "json"
    HTML = "html"


_BY_EXTENSION = {".json": ReportFormat.JSON, ".html": ReportFormat.HTML, ".htm": ReportFormat.HTML}


def check(  # noqa: PLR0913, PLR0917 - one parameter an option of the command
    baseline: Annotated[Path, typer.Argument(help="A baseline file, or a file of reference rows.")],
    current: Annotated[
        Path | None,
        typer.Argument(help="The rows to compare (.csv .parquet .arrow .ndjson); or leave it out, and give --from."),
    ] = None,
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
    weak_segments: Annotated[
        bool,
        typer.Option("--weak-segments", help="Find segments of the labelled rows that the model is worse on."),
    ] = False,
    hash_columns: HashedColumns = None,
    hash_key_file: HashKeyFile = None,
    together: Annotated[
        bool, typer.Option("--together", help="Look at the features together, too; needs rows of the reference.")
    ] = False,
    joint_test: Annotated[
        list[str] | None,
        typer.Option(help="Together by this test alone, with a tolerance or without: correlation_change=0.2."),
    ] = None,
    reference: Annotated[Path | None, typer.Option(help="Rows of the reference, for --together.")] = None,
    reference_start: Annotated[
        str | None, typer.Option("--reference-from", help="Or those of the log, from this event time on.")
    ] = None,
    reference_end: Annotated[str | None, typer.Option("--reference-to", help="Event time to end before.")] = None,
    start: Annotated[
        str | None, typer.Option("--from", help="Compare the log's rows from this event time on, such as 2013-04-01.")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="Event time to end before.")] = None,
    model: Annotated[str | None, typer.Option(help="Whose log; the baseline's model if left out.")] = None,
    model_version: Annotated[str | None, typer.Option(help="Only the log's rows of this version.")] = None,
    url: Annotated[str | None, typer.Option(help="The service that has the log.")] = None,
    data: Annotated[Path | None, typer.Option(help="Or the data folder of a service that is stopped.")] = None,
    token_file: TokenFile = None,
    ca: Authority = None,
) -> None:
    """Compare rows with a baseline. The exit code is 1 when they drifted: usable in a CI pipeline.

    Example: driftwatch check baseline.json last-week.parquet -o report.html

    Example: driftwatch check train.parquet last-week.parquet --together

    Example: driftwatch check baseline.json --url http://localhost:8000 --from 2013-04-01 --to 2013-05-01

    Example: driftwatch check baseline.json --data ./driftwatch-data --from 2013-04-01 --weak-segments

    Example: driftwatch check baseline.json last-week.parquet --threshold psi=0.2 --p-value amount.ks=0.001
    """
    from driftwatch.cli.judging import JudgingOptions, chosen_policy
    from driftwatch.cli.report_table import print_summary, print_table
    from driftwatch.cli.where_table import print_where

    def prepared(rows: pa.Table) -> pa.Table:
        return hashed(rows, hash_columns, hash_key_file)

    if output is not None:
        check_writable(output)
    fitted, fitted_rows = read_reference(baseline, prepared)
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
    tests = chosen_joint_tests(joint_test or [], together=together)
    rows = CheckedRows(
        baseline=fitted,
        current=current,
        stretch=Stretch(start=start, end=end),
        reference=fitted_rows,
        reference_file=reference,
        reference_stretch=Stretch(
            start=reference_start, end=reference_end, options=("--reference-from", "--reference-to")
        ),
        log=LogSource(
            model=model or fitted.model, model_version=model_version, url=url, data=data, token_file=token_file, ca=ca
        ),
        prepared=prepared,
    )
    report = rows.compared(policy, tests, weak_segments=weak_segments)
    wanted = report_format or _BY_EXTENSION.get("" if output is None else output.suffix.lower(), ReportFormat.TABLE)
    if output is not None:
        write_whole(output, _written(report, wanted))
        print_summary(report, console())
        print_where(report, console())
    elif wanted is ReportFormat.TABLE:
        print_table(report, console())
        print_where(report, console())
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
