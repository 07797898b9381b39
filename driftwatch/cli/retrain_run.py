"""``driftwatch retrain run``: train the next version from a recipe, and promote it if it is better."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from driftwatch.cli.logged import LogSource, Stretch
from driftwatch.cli.output import Format, console, print_json
from driftwatch.cli.service import Authority, TokenFile, connected
from driftwatch.errors import InputError, ServiceError, ServiceRejected, TrainingError, TrainingFailed

if TYPE_CHECKING:
    import pyarrow as pa

    from driftwatch.capture.client import Client
    from driftwatch.core.baseline import Baseline
    from driftwatch.core.records import Alert, RetrainEpisode, RetrainState
    from driftwatch.training.chosen import Trial
    from driftwatch.training.recipe import Recipe
    from driftwatch.training.run import Job, Run

NOT_PROMOTED = 1
_NOT_FOUND = 404


def run(  # noqa: PLR0913, PLR0917 - one parameter an option of the command
    recipe: Annotated[Path, typer.Argument(help="The recipe (TOML): docs/training.md says what it can say.")],
    url: Annotated[
        str | None, typer.Option(help="Where driftwatch serve is: rows come from it, and it is told how it goes.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Data folder of a service that is stopped: rows come from its log.")
    ] = None,
    file: Annotated[Path | None, typer.Option(help="Rows from a file (.parquet .csv .arrow .ndjson).")] = None,
    start: Annotated[str | None, typer.Option("--from", help="Event time to begin with.")] = None,
    end: Annotated[
        str | None, typer.Option("--to", help="Event time to end before; with --retrain-id, that of the request.")
    ] = None,
    retrain_id: Annotated[
        str | None,
        typer.Option(
            envvar="DRIFTWATCH_RETRAIN_ID", help="The retrain that asked for this: its evidence goes into the card."
        ),
    ] = None,
    new_version: Annotated[
        str | None, typer.Option(help="What to call the new version; the next number, or the time, if left out.")
    ] = None,
    allow_package: Annotated[
        list[str] | None, typer.Option(help="Package besides sklearn that the recipe may name estimators of.")
    ] = None,
    token_file: TokenFile = None,
    ca: Authority = None,
    output_format: Annotated[Format, typer.Option("--format", help="How to print the result.")] = Format.TABLE,
) -> None:
    """Train the next version, compare it with the live one, and promote it only if it is better.

    Exit code 0: promoted; 1: rejected, stopped by the training guard, or failed; 2: wrong use.

    Example: driftwatch retrain run flights.toml --url http://localhost:8000
    """
    from driftwatch.training.recipe import read_recipe
    from driftwatch.training.run import Nobody, failures_reported, train

    with ExitStack() as stack:
        stack.enter_context(_terminated_like_interrupted())
        client = None if url is None else stack.enter_context(connected(url, token_file, ca))
        service = Nobody() if client is None else _Reports(client, retrain_id)
        with failures_reported(service):
            read = read_recipe(recipe)
        source = LogSource(model=read.model, url=url, data=data, token_file=token_file, ca=ca)
        asked = _Asked(start=start, end=end, file=file, new_version=new_version, allowed=tuple(allow_package or ()))
        try:
            episode = None if retrain_id is None else _episode(client, retrain_id, read.model)
            with failures_reported(service):
                job = _job(read, recipe.resolve().parent, asked, client, episode, source, stack)
            shown = stack.enter_context(_progress())
            done = train(job, service, say=shown.say, on_trial=shown.on_trial)
        except (TrainingError, ServiceError) as error:
            typer.echo(f"driftwatch: {error}", err=True)
            raise typer.Exit(NOT_PROMOTED) from None
    _print(done, read, output_format)
    if not done.promoted:
        raise typer.Exit(NOT_PROMOTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What the command line says."""

    start: str | None
    end: str | None
    file: Path | None
    new_version: str | None
    allowed: tuple[str, ...]


def _job(  # noqa: PLR0917 - all of it is the command's
    recipe: Recipe,
    base: Path,
    asked: _Asked,
    client: Client | None,
    episode: RetrainEpisode | None,
    source: LogSource,
    stack: ExitStack,
) -> Job:
    import msgspec

    from driftwatch.training.estimators import ALLOWED
    from driftwatch.training.model_card import Evidence
    from driftwatch.training.model_store import ModelStore
    from driftwatch.training.run import Job

    former = _former(client, recipe.model)
    if recipe.guard.metrics_file is not None:
        guard = msgspec.structs.replace(recipe.guard, metrics_file=str(base / recipe.guard.metrics_file))
        recipe = msgspec.structs.replace(recipe, guard=guard)
    store = ModelStore(base / recipe.output.folder, recipe.model, packages=asked.allowed)
    version = asked.new_version or _next_version(None if former is None else former.model_version, store.versions())
    batches, words = _rows(recipe, asked, source, episode, stack)
    evidence = None
    if episode is not None:
        evidence = Evidence(
            retrain_id=episode.retrain_id,
            reason=episode.reason,
            triggered=episode.triggered,
            until=episode.until,
            model_version=episode.model_version,
            alert_ids=episode.alert_ids,
            alerts=_alerts(client, episode),
        )
    return Job(
        recipe=recipe,
        version=version,
        batches=batches,
        source=words,
        store=store,
        former=former,
        evidence=evidence,
        allowed=ALLOWED | set(asked.allowed),
        base=base,
    )


class _Reports:
    """Tells the service how the retrain goes that it asked for, and gives it the new baseline."""

    def __init__(self, client: Client, retrain_id: str | None) -> None:
        self._client = client
        self._retrain_id = retrain_id

    def report(self, state: RetrainState, note: str, new_version: str | None = None) -> None:
        """Say how it goes, where a retrain was asked for."""
        if self._retrain_id is not None:
            self._client.retrain_status(self._retrain_id, state, note, new_version)

    def register(self, baseline: Baseline) -> None:
        """Put it up."""
        self._client.register(baseline)


def _episode(client: Client | None, retrain_id: str, model: str) -> RetrainEpisode:
    if client is None:
        raise InputError("needs the service that asked.", field="--retrain-id", remedy="Give --url.")
    try:
        found = client.retrain(retrain_id)
    except ServiceRejected as error:
        if error.status != _NOT_FOUND:
            raise
        raise InputError(f"no retrain has the id {retrain_id!r}.", field="--retrain-id") from None
    if found.model != model:
        raise InputError(f"is about {found.model!r}; the recipe is for {model!r}.", field="--retrain-id")
    return found


def _alerts(client: Client | None, episode: RetrainEpisode) -> tuple[Alert, ...]:
    """The alerts that called for it, as far as the service still lists them."""
    listed = () if client is None else client.alerts(model=episode.model)
    return tuple(one for one in listed if one.alert_id in episode.alert_ids)


def _former(client: Client | None, model: str) -> Baseline | None:
    """The baseline of the version that is live; None where the service does not know the model."""
    if client is None:
        return None
    from driftwatch.core.baseline import Baseline

    try:
        return Baseline.from_json(client.baseline(model))
    except ServiceRejected as error:
        if error.status != _NOT_FOUND:
            raise
        return None


def _next_version(former: str | None, known: list[str]) -> str:
    numbers = [int(one) for one in (*known, former or "") if one.isdecimal()]
    if numbers and (former is None or former.isdecimal()):
        return str(max(numbers) + 1)
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"


def _stretch(recipe: Recipe, asked: _Asked, episode: RetrainEpisode | None, latest: Callable[[], datetime]) -> Stretch:
    """The stretch that was asked for; where it is only said how long it is, it reaches back from its end.

    ``latest`` says where rows end that have no other end.
    """
    end = asked.end if asked.end is not None or episode is None else episode.until.isoformat()
    stretch = Stretch(start=asked.start, end=end)
    if recipe.data.stretch is None or asked.start is not None:
        return stretch
    until = stretch.moments()[1] or latest()
    return Stretch(start=(until - recipe.data.stretch).isoformat(), end=end)


def _rows(
    recipe: Recipe, asked: _Asked, source: LogSource, episode: RetrainEpisode | None, stack: ExitStack
) -> tuple[Iterable[pa.Table], str]:
    """The rows, from the beginning each time, and where they are from."""
    from driftwatch.sources.files import FileBatches

    if asked.file is not None:
        batches: Iterable[pa.Table] = FileBatches(asked.file)
        stretch = _stretch(recipe, asked, episode, lambda: _latest(batches, recipe.data.time))
        if stretch:
            batches = _Between(batches, recipe.data.time, stretch.moments())
        return batches, f"the file {asked.file.name}"
    stretch = _stretch(recipe, asked, episode, lambda: datetime.now(UTC))
    path = stack.enter_context(source.file(stretch, labelled=True))
    first, last = ("" if one is None else f"{one:%Y-%m-%d %H:%M}" for one in stretch.moments())
    words = " ".join(part for part in (f"from {first}" if first else "", f"until {last}" if last else "") if part)
    if not _rows_of(path):
        raise TrainingFailed(f"The log of {recipe.model} has no rows with labels in this stretch of time.")
    return FileBatches(path), f"the log of {recipe.model} {words}".rstrip()


def _rows_of(path: Path) -> int:
    from pyarrow.parquet import read_metadata

    return int(read_metadata(path).num_rows)


class _Between:
    """The rows of a stretch of event time."""

    def __init__(self, batches: Iterable[pa.Table], time: str, ends: tuple[datetime | None, datetime | None]) -> None:
        self._batches = batches
        self._time = time
        self._start, self._end = ends

    def __iter__(self) -> Iterator[pa.Table]:
        import pyarrow.compute as pc

        for table in self._batches:
            at = _times(table, self._time)
            kept = pc.is_valid(at)
            if self._start is not None:
                kept = pc.and_(kept, pc.greater_equal(at, _as(self._start, at.type)))
            if self._end is not None:
                kept = pc.and_(kept, pc.less(at, _as(self._end, at.type)))
            yield table.filter(kept)


def _times(table: pa.Table, name: str) -> Any:
    import pyarrow as pa

    if name not in table.column_names or not pa.types.is_timestamp(table[name].type):
        raise InputError("holds no times to choose rows by.", field=name, remedy="Check data.time.")
    return table[name]


def _latest(batches: Iterable[pa.Table], time: str) -> datetime:
    """Just after the latest time of the rows."""
    import pyarrow.compute as pc

    found = [pc.max(_times(table, time)).as_py() for table in batches]
    known = [one if one.tzinfo else one.replace(tzinfo=UTC) for one in found if one is not None]
    if not known:
        raise InputError("holds no time.", field=time, remedy="Check data.time.")
    latest: datetime = max(known)
    return latest.replace(microsecond=0) + timedelta(seconds=1)


def _as(moment: datetime, kind: Any) -> Any:
    import pyarrow as pa

    return pa.scalar(moment if kind.tz else moment.astimezone(UTC).replace(tzinfo=None), type=kind)


@dataclass(frozen=True, slots=True)
class _Shown:
    say: Callable[[str], object]
    on_trial: Callable[[Trial, float | None], object]


@contextmanager
def _progress() -> Iterator[_Shown]:
    """Lines and a bar, on a terminal only."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    shown = console(stderr=True)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=shown, disable=not shown.is_terminal, transient=True) as progress:
        task = progress.add_task("", total=1.0, visible=False)

        def say(text: str) -> None:
            if shown.is_terminal:
                progress.console.print(text, markup=False, highlight=False)

        def on_trial(trial: Trial, share: float | None) -> None:
            words = f"trial {trial.number}: {trial.state.value} {trial.value:.4g}"
            progress.update(task, completed=share or 0.0, description=words, visible=True)

        yield _Shown(say, on_trial)


@contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """Whoever ends the process by SIGTERM has it end as by Ctrl-C: the service is told, and nothing is left behind."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _print(done: Run, recipe: Recipe, output_format: Format) -> None:
    card = done.card
    if output_format is Format.JSON:
        print_json(
            {
                "model": recipe.model,
                "model_version": done.version,
                "outcome": done.outcome,
                "reason": done.reason,
                "text": done.text,
                "folder": None if done.folder is None else str(done.folder),
                "comparison": None if card is None else card.comparison,
            }
        )
        return
    lines = [f"{recipe.model} {done.version}: {done.outcome.value} ({done.reason})", done.text]
    if done.folder is not None:
        lines.append(f"The card is {done.folder / 'card.md'}")
    for line in lines:
        console().print(line, markup=False, highlight=False)
