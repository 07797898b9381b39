"""A backtest as one HTML file: a picture of each run, what was told and asked for, and runs side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from driftwatch import __version__
from driftwatch.core.history import AlertPoint, History
from driftwatch.core.records import AlertKind
from driftwatch.core.weak_segments import WeakSegments
from driftwatch.reports import backtest_words, wording
from driftwatch.reports.rendering import environment, style
from driftwatch.reports.timeline import HEIGHT, WIDTH, Timeline

MOST_ALERTS = 200
"""Of a run's table: what is beyond is in the picture, and in the JSON."""


@dataclass(frozen=True, slots=True)
class RunLine:
    """A run beside the others: its settings, how many alerts of each kind, when the first came, triggers."""

    name: str
    settings: tuple[str, ...]
    alerts: tuple[int, ...]
    first: str
    triggers: int
    detections: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """A known change, and after how much each kind of alert told of it."""

    where: str
    found: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """A run as it is shown."""

    history: History
    anchor: str
    headline: str
    extent: str
    timeline: Timeline
    alerts: tuple[tuple[AlertPoint, str, str, str], ...]
    changes: tuple[ChangeLine, ...]
    settings: tuple[tuple[str, str], ...]


def rendered(title: str, histories: Sequence[History], weak: WeakSegments | None = None) -> str:
    """The page.

    Parameters
    ----------
    title
        Such as the model's name and version.
    histories
        One a run, of the same stream; at least one.
    weak
        The weak segments of its labelled rows, where they were looked for.

    Returns
    -------
    str
        A whole document without a script, which refers to nothing outside of itself.
    """
    kinds = _kinds(histories)
    names = backtest_words.told_apart(histories)
    page: str = (
        environment()
        .get_template("backtest.html")
        .render(
            title=title,
            runs=[_shown(one, at, names) for at, one in enumerate(histories, 1)],
            lines=[_line(one, kinds, names) for one in histories],
            kinds=[kind.value for kind in kinds],
            setting_names=names,
            changes=[backtest_words.place(histories[0], one.row, one.at) for one in histories[0].changes],
            most=MOST_ALERTS,
            weak=weak,
            style=style("report.css", "backtest.css"),
            version=__version__,
            width=WIDTH,
            height=HEIGHT,
        )
    )
    return page


def _kinds(histories: Sequence[History]) -> tuple[AlertKind, ...]:
    found = {kind for one in histories for kind in one.kinds}
    return tuple(kind for kind in AlertKind if kind in found)


def _shown(history: History, at: int, names: Sequence[str]) -> Shown:
    return Shown(
        history=history,
        anchor=f"run-{at}",
        headline=backtest_words.headline(history),
        extent=backtest_words.extent(history),
        timeline=Timeline.of(history),
        alerts=tuple(
            (
                one,
                backtest_words.place(history, one.row, one.at),
                backtest_words.place(history, one.start_row, one.start),
                backtest_words.alert_delay(history, one),
            )
            for one in history.alerts[:MOST_ALERTS]
        ),
        changes=_changes(history),
        settings=tuple((name, history.settings[name]) for name in names if name in history.settings),
    )


def _changes(history: History) -> tuple[ChangeLine, ...]:
    found = history.detections()
    return tuple(
        ChangeLine(
            where=backtest_words.place(history, change.row, change.at),
            found=tuple(
                f"{wording.words(one.kind.value)} {backtest_words.detection_text(history, one)}"
                for one in found
                if one.change == change and one.alert is not None
            ),
        )
        for change in history.changes
    )


def _line(history: History, kinds: Sequence[AlertKind], names: Sequence[str]) -> RunLine:
    first = history.alerts[0] if history.alerts else None
    detections = history.detections()
    return RunLine(
        name=history.name,
        settings=tuple(history.settings.get(name, "") for name in names),
        alerts=tuple(sum(one.kind is kind for one in history.alerts) for kind in kinds),
        first="" if first is None else backtest_words.place(history, first.row, first.at),
        triggers=len(history.triggers),
        detections=tuple(
            min(
                (
                    (one.delay_rows, f"{backtest_words.detection_text(history, one)} ({wording.words(one.kind.value)})")
                    for one in detections
                    if one.change == change and one.delay_rows is not None
                ),
                default=(0, "missed"),
            )[1]
            for change in history.changes
        ),
    )


__all__ = ["MOST_ALERTS", "rendered"]
