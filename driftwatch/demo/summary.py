"""What came of the replay: the table week by week, the totals, and the checks that decide the exit code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from driftwatch.core.episodes import SUCCEEDED
from driftwatch.core.records import Alert, AlertKind, RetrainEpisode, RetrainState
from driftwatch.demo.flights import LABEL, SCHEDULED
from driftwatch.training.job import Run

ALONE = "alone"
SERVED = "served"

NOT_BEFORE = datetime(2013, 4, 15, tzinfo=UTC)
"""Until here the error has not risen."""
NOT_AFTER = datetime(2013, 6, 15, tzinfo=UTC)
"""By then it has, for weeks."""
YEAR_END = datetime(2014, 1, 1, tzinfo=UTC)
MOST_LIVE_ERROR = 9.6
LEAST_ALONE_ERROR = 11.5


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Replayed:
    """Everything that is known after the replay.

    ``flights`` has, for every replayed flight, ``scheduled``, ``air_time`` (missing where there never was a label),
    ``alone`` and ``served``: what the first model says and what was really served. ``trainings`` are the trainer's own
    words on its runs. ``shadows`` is how the service compares a shadow with each live version. ``kept`` is how many
    different predictions the service holds, ``kept_twice`` how many it holds more than once.
    """

    flights: pd.DataFrame
    until: datetime
    alerts: Sequence[Alert]
    retrains: Sequence[RetrainEpisode]
    trainings: Sequence[Run]
    kept: int
    kept_twice: int
    seconds: float
    shadows: Sequence[Mapping[str, Any]] = ()

    @property
    def alone_error(self) -> float:
        """Mean absolute error of the model left alone, minutes."""
        return _error(self.flights, ALONE)

    @property
    def live_error(self) -> float:
        """Mean absolute error of what was served, minutes."""
        return _error(self.flights, SERVED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """A row of the table; a week begins on Monday. Errors are nan where no flight has a label."""

    start: datetime
    flights: int
    alone_error: float
    live_error: float
    events: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One sentence that makes the story; ``passed`` is None where the replay was too short to tell."""

    text: str
    passed: bool | None


def weeks(replayed: Replayed) -> list[Week]:
    """The replay week by week, with what was alerted and asked for in each."""
    flights = replayed.flights
    monday = flights[SCHEDULED].dt.normalize() - pd.to_timedelta(flights[SCHEDULED].dt.day_of_week, unit="D")
    rows = []
    for start, part in flights.groupby(monday):
        begin = pd.Timestamp(str(start)).to_pydatetime()
        end = begin + timedelta(days=7)
        told = [(one.started, _words_of_alert(one)) for one in replayed.alerts if begin <= one.started < end]
        told += [(one.triggered, _words_of_retrain(one)) for one in replayed.retrains if begin <= one.triggered < end]
        rows.append(
            Week(
                start=begin,
                flights=len(part),
                alone_error=_error(part, ALONE),
                live_error=_error(part, SERVED),
                events=tuple(words for _, words in sorted(told)),
            )
        )
    return rows


def checks(replayed: Replayed) -> list[Check]:
    """Whether the story happened, sentence by sentence."""
    triggers = sorted(one.triggered for one in replayed.retrains)
    early = [one for one in triggers if one < NOT_BEFORE]
    first = f"{triggers[0]:%Y-%m-%d}" if triggers else "none"
    timely = bool(triggers) and NOT_BEFORE <= triggers[0] < NOT_AFTER + timedelta(days=1)
    promoted = [one for one in replayed.retrains if one.state in SUCCEEDED]
    drifts = [one for one in replayed.alerts if one.kind is AlertKind.FEATURE_DRIFT]
    sent = len(replayed.flights)
    whole = replayed.until >= YEAR_END
    late = replayed.until > NOT_AFTER
    return [
        Check(text=f"no retrain was asked for before {NOT_BEFORE:%Y-%m-%d}: {len(early)}", passed=not early),
        Check(
            text=f"the first was asked for by {NOT_AFTER:%Y-%m-%d}: {first}",
            passed=timely if late or triggers else None,
        ),
        Check(
            text=f"retrained models went live: {len(promoted)} of {len(triggers)}",
            passed=bool(promoted) if late else None,
        ),
        Check(
            text=f"mean error left alone is at least {LEAST_ALONE_ERROR} min: {replayed.alone_error:.2f}",
            passed=replayed.alone_error >= LEAST_ALONE_ERROR if whole else None,
        ),
        Check(
            text=f"mean error with driftwatch is at most {MOST_LIVE_ERROR} min: {replayed.live_error:.2f}",
            passed=replayed.live_error <= MOST_LIVE_ERROR if whole else None,
        ),
        Check(text=f"no alert about features, which do not drift: {len(drifts)}", passed=not drifts),
        Check(
            text=f"every prediction is kept exactly once: {replayed.kept:,} of {sent:,}"
            + (f", {replayed.kept_twice:,} twice" if replayed.kept_twice else ""),
            passed=replayed.kept == sent and not replayed.kept_twice,
        ),
    ]


def happened(made: Sequence[Check]) -> bool:
    """Whether no check failed."""
    return all(one.passed is not False for one in made)


def show(replayed: Replayed, console: Console) -> bool:
    """Print the table, the totals and the checks; answers whether the story happened."""
    made = checks(replayed)
    console.print("Mean error in minutes, left alone and with driftwatch")
    console.print(_table(weeks(replayed)))
    for line in trainings(replayed):
        console.print(line, highlight=False, markup=False)
    for line in shadows(replayed):
        console.print(line, highlight=False, markup=False)
    saved = 1 - replayed.live_error / replayed.alone_error
    console.print(
        f"{len(replayed.flights):,} flights, {int(replayed.flights[LABEL].notna().sum()):,} labels. Mean error left "
        f"alone {replayed.alone_error:.2f} min, with driftwatch {replayed.live_error:.2f} min ({saved:.0%} less).",
        highlight=False,
    )
    console.print(f"It took {replayed.seconds:.0f} s.\n", highlight=False)
    console.print(_marks(made))
    return happened(made)


def trainings(replayed: Replayed) -> list[str]:
    """What came of each training: what was chosen by what, what the guard said, and how the two models did."""
    lines: list[str] = []
    for done in replayed.trainings:
        card = done.card
        lines.append(f"Training of version {done.version}: {done.outcome.value} ({done.reason})")
        if card is None:
            lines.append(f"  {done.text}")
            continue
        training, paired = card.training, card.comparison.paired
        chosen = ", ".join(f"{name} {value:g}" for name, value in training.parameters.items())
        parts = ", ".join(
            f"{one.segment.partition('=')[2]} {one.paired.gain.value:.1f}" for one in card.comparison.segments
        )
        stopped = len(training.guard_stops)
        lines.append(
            f"  {len(training.trials)} trials, {chosen} by {card.data.validation.rows:,} rows; guard stops: {stopped}"
        )
        lines.append(
            f"  {paired.rows:,} test rows: {paired.champion.value:.1f} min served, {paired.challenger.value:.1f} now;"
        )
        lines.append(f"  better by {paired.gain.low:.1f} to {paired.gain.high:.1f} min; by airport: {parts}")
    return lines


def shadows(replayed: Replayed) -> list[str]:
    """What a shadow would have been worth, by the live versions beside which it answered; nothing without pairs."""
    found = [one for one in replayed.shadows if one["labelled"]]
    lines = [f"Shadow {one['model_version']}, which decided nothing:" for one in found[:1]]
    for one in sorted(found, key=lambda one: str(one["live_version"])):
        gain = one["mean_gain"]
        lines.append(
            f"  beside version {one['live_version']}, {one['labelled']:,} flights: mean error "
            f"{-gain['value']:+.1f} min ({-gain['upper']:+.1f} to {-gain['lower']:+.1f})"
        )
    return lines


def _table(rows: Sequence[Week]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("week of", no_wrap=True)
    table.add_column("flights", justify="right", no_wrap=True)
    table.add_column("alone", justify="right", no_wrap=True)
    table.add_column("with", justify="right", no_wrap=True)
    table.add_column("alerted, and why", ratio=1)
    for week in rows:
        table.add_row(
            f"{week.start:%Y-%m-%d}",
            f"{week.flights:,}",
            f"{week.alone_error:.1f}",
            f"{week.live_error:.1f}",
            Text("\n".join(week.events)),
        )
    return table


def _marks(made: Sequence[Check]) -> RenderableType:
    signs = {True: ("✓", "green"), False: ("✗", "bold red"), None: ("-", "dim")}
    return Group(*(Text.assemble(signs[one.passed], " ", one.text) for one in made))


def _words_of_alert(alert: Alert) -> str:
    """What moved and how far; the evidence behind it is the status page's to tell."""
    moved = alert.reason.rpartition("; evidence")[0].partition(": ")[2] or alert.reason
    return f"{alert.kind.value.replace('_', ' ')}: {moved}"


def _words_of_retrain(retrain: RetrainEpisode) -> str:
    words = retrain.state.value.replace("_", " ")
    if retrain.new_version is None:
        end = words
    elif retrain.state is RetrainState.PROMOTED:
        end = f"promoted as version {retrain.new_version}"
    else:
        end = f"promoted as version {retrain.new_version}, {words}"
    return f"retrain asked {retrain.triggered:%m-%d}: {end}"


def _error(rows: pd.DataFrame, column: str) -> float:
    return float((rows[LABEL] - rows[column]).abs().mean())
