"""``driftwatch backtest``: what would have been alerted, when, under some settings."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from driftwatch.cli.check import ReportFormat
from driftwatch.cli.hashing import HashedColumns, HashKeyFile, hashed
from driftwatch.cli.output import check_writable, console, write_whole
from driftwatch.errors import InputError, SettingError

if TYPE_CHECKING:
    import pyarrow as pa

    from driftwatch.core.event_names import EventNames
    from driftwatch.core.row_loss import LabelledRows
    from driftwatch.core.schema import Schema

ALERTED = 1

_BY_EXTENSION = {".json": ReportFormat.JSON, ".html": ReportFormat.HTML, ".htm": ReportFormat.HTML}
_PART_ROWS = 20_000


def backtest(  # noqa: PLR0913, PLR0917 - one parameter an option of the command
    baseline: Annotated[Path, typer.Argument(help="A baseline file.")],
    events: Annotated[
        Path,
        typer.Argument(
            help="The events, in their order (.csv .parquet .arrow .ndjson). Its columns prediction, score, label, "
            "event_time, label_time, prediction_id, segment and model_version, or those that the baseline names, are "
            "what they say; all others are features."
        ),
    ],
    window: Annotated[
        str | None,
        typer.Option(help="Length of a window: 1h, 7d, 1000rows.", show_default="1d of rows with times, or 1000rows"),
    ] = None,
    false_alarms: Annotated[
        str | None,
        typer.Option(
            help="Budget: '1 per 90d', '1 per 1000 windows'.",
            show_default="1 per 90d, or for windows of rows 1 per 1000 windows",
        ),
    ] = None,
    slide: Annotated[str | None, typer.Option(help="From one window's start to the next.")] = None,
    lateness: Annotated[str | None, typer.Option(help="How long a window stays open for late events.")] = None,
    label_wait: Annotated[str | None, typer.Option(help="How long a window waits for labels.")] = None,
    segment: Annotated[
        list[str] | None, typer.Option(help="Column whose values are segments with windows of their own.")
    ] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", help="Any other setting of the service: quality_ratio=1.5, retrain_cooldown=1d."),
    ] = None,
    config: Annotated[
        list[Path] | None,
        typer.Option(help="A service's settings in TOML. Given several times, they are compared side by side."),
    ] = None,
    known_change: Annotated[
        list[str] | None,
        typer.Option(help="Row (from 0) or time at which something is known to have changed: delays count from there."),
    ] = None,
    prediction: Annotated[str | None, typer.Option(help="Column with the model's prediction.")] = None,
    score: Annotated[list[str] | None, typer.Option(help="Column with a probability; one a class.")] = None,
    label: Annotated[str | None, typer.Option(help="Column with the truth.")] = None,
    timestamp: Annotated[str | None, typer.Option(help="Column with the time of each row.")] = None,
    weak_segments: Annotated[
        bool,
        typer.Option("--weak-segments", help="Find segments of the labelled rows that the model is worse on, too."),
    ] = False,
    hash_columns: HashedColumns = None,
    hash_key_file: HashKeyFile = None,
    report_format: Annotated[
        ReportFormat | None,
        typer.Option("--format", help="A table, JSON, or a page with pictures.", show_default="by extension, or table"),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write to this file, and print the table.")
    ] = None,
    fail_on_alert: Annotated[bool, typer.Option("--fail-on-alert", help="Exit with 1 if there was an alert.")] = False,
) -> None:
    """Go over past events as the service would have: what would have been alerted and asked for, when, how late.

    The exit code is 0 whatever would have been alerted: it is a report. With --fail-on-alert it is 1 then.

    Example: driftwatch backtest baseline.json events.parquet --window 1000rows --false-alarms '1 per 1000 windows'

    Example: driftwatch backtest baseline.json events.parquet --config daily.toml --config hourly.toml -o compared.html

    Example: driftwatch backtest baseline.json events.csv --known-change 25000 --format json
    """
    from driftwatch.cli.backtest_table import as_document, print_histories, table_text
    from driftwatch.cli.files import read_baseline
    from driftwatch.cli.where_table import print_weak_segments
    from driftwatch.core.event_names import EventNames
    from driftwatch.core.row_loss import LabelledRows
    from driftwatch.monitor.backtest import backtest as run_backtest
    from driftwatch.sources.files import FileBatches

    if output is not None:
        check_writable(output)
    fitted = read_baseline(baseline)
    options = {
        **_settings(setting or []),
        **{
            "window": window,
            "false_alarms": false_alarms,
            "slide": slide,
            "lateness": lateness,
            "label_wait": label_wait,
            "segments": tuple(segment) if segment else None,
        },
    }
    options = {name: value for name, value in options.items() if value is not None}
    labelled = LabelledRows(fitted.schema) if weak_segments else None
    names = EventNames(prediction=prediction, scores=tuple(score or ()), label=label, event_time=timestamp)
    with _progress(events) as went_by:
        parts = FileBatches(events, _PART_ROWS, on_progress=went_by)
        histories = run_backtest(
            fitted,
            _watched((hashed(part, hash_columns, hash_key_file) for part in parts), labelled, fitted.schema, names),
            _runs(config or [], options),
            columns=names,
            known_changes=[_change(one) for one in known_change or ()],
        )
    weak = None if labelled is None else labelled.found()
    title = f"{fitted.model} {fitted.model_version}"
    wanted = report_format or _BY_EXTENSION.get("" if output is None else output.suffix.lower(), ReportFormat.TABLE)

    def written() -> str:
        if wanted is ReportFormat.HTML:
            from driftwatch.reports.backtest_page import rendered

            return rendered(title, histories, weak)
        if wanted is ReportFormat.JSON:
            return json.dumps(as_document(histories, weak), indent=2, ensure_ascii=False, allow_nan=False)
        return table_text(title, histories)

    if output is not None:
        write_whole(output, written())
    if output is None and wanted is not ReportFormat.TABLE:
        typer.echo(written())
    else:
        print_histories(title, histories, console())
        if weak is not None:
            print_weak_segments(weak, console())
    if fail_on_alert and any(one.alerts for one in histories):
        raise typer.Exit(ALERTED)


def _watched(
    parts: Iterator[pa.Table], labelled: LabelledRows | None, schema: Schema, given: EventNames
) -> Iterator[pa.Table]:
    """The parts of the file, each shown to who looks for weak segments under the baseline's names."""
    from driftwatch.core.event_names import EventNames

    for part in parts:
        if labelled is not None:
            names = EventNames.found(part.column_names, schema, given)
            own = {names.prediction: schema.prediction, names.label: schema.label, names.event_time: schema.timestamp}
            labelled.add({own.get(name) or name: part[name] for name in part.column_names})
        yield part


def _runs(configs: list[Path], options: dict[str, Any]) -> list[Any]:
    from driftwatch.monitor.backtest import Run

    if not configs:
        return [Run(name="these settings", options=options)]
    stems = [one.stem for one in configs]
    names = stems if len(set(stems)) == len(stems) else [str(one) for one in configs]
    return [Run(name=name, config=one, options=options) for name, one in zip(names, configs, strict=True)]


def _settings(texts: list[str]) -> dict[str, Any]:
    """Settings by name, from texts such as ``quality_ratio=1.5``; tables and lists as JSON, as in the environment."""
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise SettingError(f"{text!r} has no value.", field="--set", remedy="Write it like quality_ratio=1.5.")
        found[name.strip()] = _value(value)
    return found


def _value(text: str) -> Any:
    if text[:1] not in {"[", "{"}:
        return text
    try:
        return json.loads(text)
    except ValueError:
        remedy = 'Write it like segments=["country"].'
        raise SettingError(f"{text!r} is no JSON.", field="--set", remedy=remedy) from None


def _change(text: str) -> int | datetime:
    from driftwatch.core.column_reading import parsed_time

    digits = text.replace(",", "").replace("_", "")
    if digits.isdecimal():
        return int(digits)
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=parsed_time(text))
    except ValueError:
        remedy = "Write 25000, or 2026-05-01T12:00Z."
        raise InputError(f"{text!r} is neither a row nor a time.", field="--known-change", remedy=remedy) from None


@contextmanager
def _progress(events: Path) -> Iterator[Callable[[int, float], None]]:
    """A bar on a terminal, nothing elsewhere."""
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    shown = console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=shown, disable=not shown.is_terminal, transient=True) as progress:
        task = progress.add_task(events.name, total=1.0)

        def went_by(times_read: int, share: float) -> None:
            words = "finding types" if times_read < 0 else "going over it"
            progress.update(task, description=f"{events.name}: {words}", completed=share)

        yield went_by
