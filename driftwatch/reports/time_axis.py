"""The axis of a stream: event time where rows have it, else the number of rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from driftwatch.core.history import History
from driftwatch.reports.axis import Axis, Spacing, Tick

_MOST_TICKS = 7
_DAY = 86_400
_STEPS_SECONDS = (60, 300, 900, 3_600, 10_800, 21_600, 43_200, _DAY, 2 * _DAY, 7 * _DAY, 14 * _DAY)
_STEPS_MONTHS = (1, 2, 3, 6, 12, 24, 60, 120)


@dataclass(frozen=True, slots=True)
class StreamAxis:
    """From the first moment (or row 0) at 0 to the last at 1.

    Attributes
    ----------
    first, last
        Event times; None where rows are counted.
    rows
        How many there were.
    """

    first: datetime | None
    last: datetime | None
    rows: int

    @classmethod
    def of(cls, history: History) -> StreamAxis:
        """The axis of a stream."""
        if not history.timed or history.first is None or history.last is None or history.first >= history.last:
            return cls(None, None, history.rows)
        last = max([history.last, *(one.end for one in history.windows[-1:])])
        return cls(history.first, last, history.rows)

    def position(self, at: datetime, row: int) -> float:
        """Where something is that came at a time, when so many rows had been seen: between 0 and 1."""
        if self.first is None or self.last is None:
            return min(row / max(self.rows, 1), 1.0)
        return min(max((at - self.first) / (self.last - self.first), 0.0), 1.0)

    def ticks(self) -> tuple[Tick, ...]:
        """Round times, or round numbers of rows.

        Examples
        --------
        >>> axis = StreamAxis(datetime(2026, 1, 10, tzinfo=UTC), datetime(2026, 6, 20, tzinfo=UTC), 500)
        >>> [tick.text for tick in axis.ticks()]
        ['Feb 2026', 'Mar', 'Apr', 'May', 'Jun']
        >>> [tick.text for tick in StreamAxis(None, None, 50_000).ticks()]
        ['0', '10,000', '20,000', '30,000', '40,000', '50,000']
        """
        if self.first is None or self.last is None:
            return Axis(Spacing.LINEAR).ticks(0.0, float(max(self.rows, 1)))
        seconds = (self.last - self.first).total_seconds()
        for step in _STEPS_SECONDS:
            if seconds / step <= _MOST_TICKS:
                return self._named(_multiples(self.first, self.last, step), step)
        for months in _STEPS_MONTHS:
            if seconds / (months * 30.44 * _DAY) <= _MOST_TICKS:
                return self._named(_months(self.first, self.last, months), months * 30 * _DAY)
        return ()

    def _named(self, moments: list[datetime], step: float) -> tuple[Tick, ...]:
        ticks: list[Tick] = []
        before: datetime | None = None
        for moment in moments:
            ticks.append(Tick(round(self.position(moment, 0), 4), _text(moment, before, step)))
            before = moment
        return tuple(ticks)


def _multiples(first: datetime, last: datetime, step: int) -> list[datetime]:
    start = datetime(1970, 1, 5, tzinfo=UTC)
    at = start + timedelta(seconds=step * -(-(first - start) // timedelta(seconds=step)))
    found = []
    while at <= last:
        found.append(at)
        at += timedelta(seconds=step)
    return found


def _months(first: datetime, last: datetime, every: int) -> list[datetime]:
    found = []
    month = first.year * 12 + first.month - 1
    month += -month % every
    while (at := datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC)) <= last:
        if at >= first:
            found.append(at)
        month += every
    return found


def _text(moment: datetime, before: datetime | None, step: float) -> str:
    """As short as it can be after the tick before it."""
    if step < _DAY:
        if before is None or before.date() != moment.date():
            return f"{moment.day} {moment:%b %H:%M}"
        return f"{moment:%H:%M}"
    if step < 28 * _DAY:
        if before is None or before.year != moment.year:
            return f"{moment.day} {moment:%b %Y}"
        return f"{moment.day} {moment:%b}"
    if step >= 360 * _DAY:
        return f"{moment:%Y}"
    return f"{moment:%b %Y}" if before is None or before.year != moment.year else f"{moment:%b}"


__all__ = ["StreamAxis"]
