"""``driftwatch check``: compare a file with a baseline, once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table as RichTable
from rich.text import Text

from driftwatch.cli.files import read_baseline
from driftwatch.cli.hashing import HashedColumns, HashKeyFile, hashed
from driftwatch.cli.output import Format, console, progress_notice
from driftwatch.comparison import DEFAULT_BUDGET, Report
from driftwatch.core.records import Status, Threshold, ThresholdOrigin
from driftwatch.errors import FileError

DRIFTED = 1
_COLORS = {Status.OK: "green", Status.WARNING: "yellow", Status.DRIFT: "red", Status.ERROR: "red"}


def check(  # noqa: PLR0913, PLR0917 - one parameter an option of the command
    baseline: Annotated[Path, typer.Argument(help="A baseline file.")],
    current: Annotated[Path, typer.Argument(help="The rows to compare (.csv .parquet .arrow .ndjson).")],
    output_format: Annotated[Format, typer.Option("--format", help="How to print the findings.")] = Format.TABLE,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write JSON to this file too.")] = None,
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

    Example: driftwatch check baseline.json last-week.parquet

    Example: driftwatch check baseline.json last-week.parquet --threshold psi=0.2 --p-value amount.ks=0.001
    """
    from driftwatch.cli.judging import JudgingOptions, chosen_policy
    from driftwatch.comparison import compare
    from driftwatch.sources.files import read_table

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
            _limit(finding.threshold),
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


def _limit(threshold: Threshold) -> str:
    if threshold.origin is ThresholdOrigin.FIXED_P_VALUE:
        return f"p < {threshold.value:.3g} fixed"
    return f"{threshold.value:.3g} {threshold.origin.value}"
