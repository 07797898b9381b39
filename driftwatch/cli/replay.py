"""``driftwatch replay``: send a file of events to a running service."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from driftwatch.cli.output import console
from driftwatch.cli.sending import Result, Sending, Tally
from driftwatch.cli.service import URL, Authority, TokenFile, Url, connected
from driftwatch.errors import FileError, ServiceUnavailable

_INTERRUPTED = 130
_REJECTED = 2
_PART_ROWS = 20_000


def replay(  # noqa: PLR0917 - one parameter an option of the command
    events: Annotated[
        Path,
        typer.Argument(
            help="The events (.csv .parquet .arrow .ndjson). Its columns prediction, score, label, event_time, "
            "label_time, prediction_id, segment and model_version, or those that the baseline names, are what "
            "they say; all others are features."
        ),
    ],
    model: Annotated[str, typer.Option(help="Name of the model, as it was registered.")],
    url: Url = URL,
    token_file: TokenFile = None,
    ca: Authority = None,
    speed: Annotated[
        float | None, typer.Option(min=1e-6, help="Times faster than life; as fast as the service takes if left out.")
    ] = None,
    by_time: Annotated[bool, typer.Option("--by-time", help="Send by event_time instead of the file's order.")] = False,
    batch: Annotated[int, typer.Option(min=1, max=20_000, help="Events in one request at most.")] = 1_000,
) -> None:
    """Send events to a running service, each label when it had become known. Sent again, they change nothing.

    Example: driftwatch replay march.parquet --model flights --speed 10000
    """
    from driftwatch.cli.events_file import count_rows, read_parts
    from driftwatch.core.baseline import Baseline

    began = time.monotonic()
    with connected(url, token_file, ca) as client:
        schema = Baseline.from_json(client.baseline(model)).schema
        parts = read_parts(events, schema, rows=_PART_ROWS, by_time=by_time)
        with _progress(events, count_rows(events)) as on_progress:
            sending = Sending(client, model, batch=batch, speed=speed, on_progress=on_progress)
            try:
                sending.run(parts)
            except KeyboardInterrupt:
                stopped = True
            except FileError as error:
                raise FileError(error.problem, field=str(events), remedy=error.remedy) from None
            except ServiceUnavailable as error:
                raise _stopped_by(error, sending.result) from error
            else:
                stopped = False
    _print_summary(sending.result, time.monotonic() - began)
    if stopped:
        typer.echo("Stopped. The same command goes on: what the service has is not counted again.", err=True)
        raise typer.Exit(_INTERRUPTED)
    if sending.result.predictions.rejected + sending.result.labels.rejected and not _taken(sending.result):
        raise typer.Exit(_REJECTED)


@contextmanager
def _progress(events: Path, total: int | None) -> Iterator[Callable[[Result], object]]:
    """A bar on a terminal, nothing elsewhere."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    shown = console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=shown, disable=not sys.stderr.isatty(), transient=True) as progress:
        task = progress.add_task(events.name, total=total)
        yield lambda result: progress.update(task, completed=result.rows)


def _print_summary(result: Result, seconds: float) -> None:
    rate = f"{result.rows / seconds:,.0f} rows a second" if seconds > 0 else ""
    typer.echo(f"{result.rows:,} rows in {seconds:.1f} s ({rate})")
    typer.echo(f"predictions: {_words(result.predictions)}")
    typer.echo(f"labels: {_words(result.labels)}")
    if result.refusals:
        typer.echo(f"rejected, for example {'; '.join(result.refusals)}", err=True)


def _words(tally: Tally) -> str:
    return f"{tally.accepted:,} accepted, {tally.duplicates:,} known already, {tally.rejected:,} rejected"


def _taken(result: Result) -> int:
    return sum(one.accepted + one.duplicates for one in (result.predictions, result.labels))


def _stopped_by(error: ServiceUnavailable, result: Result) -> ServiceUnavailable:
    return ServiceUnavailable(
        f"{error.detail} {result.rows:,} rows had been sent; the same command goes on when the service is back.",
        status=error.status,
    )
