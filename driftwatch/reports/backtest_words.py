"""What a backtest found, in words: headlines, delays, and the settings that tell runs apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from driftwatch.core.history import AlertPoint, Detection, History
from driftwatch.reports.wording import counted, words

_ALWAYS_SHOWN = ("window", "false_alarms")


def headline(history: History) -> str:
    """A whole run in one sentence.

    Examples
    --------
    >>> headline(History(name="", rows=0, labels=0, first=None, last=None, timed=False, counted=True, settings={}))
    'No alert'
    """
    if not history.alerts:
        return "No alert"
    kinds = Counter(one.kind for one in history.alerts)
    named = ", ".join(f"{n} of {words(kind.value)}" for kind, n in kinds.items())
    asked = f", and {counted(len(history.triggers), 'retrain')} asked for" if history.triggers else ""
    return f"{counted(len(history.alerts), 'alert')} ({named}){asked}"


def extent(history: History) -> str:
    """How much there was."""
    text = f"{counted(history.rows, 'row')}, {counted(history.labels, 'label')}"
    if history.timed and history.first is not None and history.last is not None:
        text += f", {moment(history.first)} to {moment(history.last)}"
    return f"{text}, {counted(len(history.windows), 'window')}"


def moment(at: datetime) -> str:
    """A time, to the second where it has any.

    Examples
    --------
    >>> from datetime import UTC
    >>> moment(datetime(2026, 5, 1, 12, 30, tzinfo=UTC)), moment(datetime(2026, 5, 1, tzinfo=UTC))
    ('2026-05-01 12:30', '2026-05-01')
    """
    if at.second:
        return f"{at:%Y-%m-%d %H:%M:%S}"
    return f"{at:%Y-%m-%d %H:%M}" if at.hour or at.minute else f"{at:%Y-%m-%d}"


def length(duration: timedelta) -> str:
    """A duration in the largest unit that it has two of.

    Examples
    --------
    >>> length(timedelta(hours=36)), length(timedelta(days=9)), length(timedelta(seconds=30))
    ('36 h', '9 d', '30 s')
    """
    seconds = duration.total_seconds()
    for unit, name in ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min")):
        if seconds >= 2.0 * unit:
            return f"{seconds / unit:.3g} {name}"
    return f"{seconds:.3g} s"


def place(history: History, row: int, at: datetime) -> str:
    """Where something is in a stream."""
    return f"row {row:,}, {moment(at)}" if history.timed else f"row {row:,}"


def delay(history: History, rows: int, duration: timedelta) -> str:
    """How long something took."""
    return f"{counted(rows, 'row')}, {length(duration)}" if history.timed else counted(rows, "row")


def alert_delay(history: History, alert: AlertPoint) -> str:
    """How long an alert came after the estimated start of what it tells of."""
    return delay(history, alert.delay_rows, alert.delay)


def detection_text(history: History, found: Detection) -> str:
    """What became of a known change."""
    if found.delay_rows is None or found.delay is None:
        return "no alert"
    return f"after {delay(history, found.delay_rows, found.delay)}"


def told_apart(histories: Sequence[History]) -> tuple[str, ...]:
    """The settings to show beside runs: the window, the budget, and whatever differs."""
    names = list(histories[0].settings) if histories else []
    differing = [name for name in names if len({one.settings.get(name) for one in histories}) > 1]
    return tuple(dict.fromkeys([*(name for name in _ALWAYS_SHOWN if name in names), *differing]))


__all__ = [
    "alert_delay",
    "delay",
    "detection_text",
    "extent",
    "headline",
    "length",
    "moment",
    "place",
    "told_apart",
]
