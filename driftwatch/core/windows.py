"""Event time cut into slices and windows, and how far a stream has come.

Everything here is whole microseconds since 1970-01-01 UTC, so that nothing is rounded. Windows of whole weeks
begin on Mondays, of whole days at midnight UTC, of hours on the hour.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from driftwatch.errors import InputError

MICROSECONDS = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_MONDAY = 4 * 86_400 * MICROSECONDS
"""The first Monday after 1970-01-01, in microseconds: where all windows are cut from."""

UNIT_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3_600, "d": 86_400, "w": 604_800}
"""The units that lengths of time are written in."""

_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(s|m|min|h|d|w)\s*")


def parse_duration(text: str) -> timedelta:
    """Read a length of time such as ``"90s"``, ``"15min"``, ``"1h"``, ``"7d"`` or ``"2w"``.

    Raises
    ------
    InputError
        For anything else.

    Examples
    --------
    >>> parse_duration("7d")
    datetime.timedelta(days=7)
    """
    match = _DURATION.fullmatch(text)
    if match is None:
        raise InputError(f"{text!r} is no length of time.", remedy="Write one such as 90s, 15min, 1h, 7d or 2w.")
    return timedelta(seconds=float(match[1]) * UNIT_SECONDS[match[2]])


def format_duration(length: timedelta) -> str:
    """Write a length of time in the largest unit that divides it.

    Examples
    --------
    >>> format_duration(timedelta(hours=36)), format_duration(timedelta(days=7))
    ('36h', '7d')
    """
    seconds = length.total_seconds()
    for unit in ("d", "h", "min", "s"):
        if seconds % UNIT_SECONDS[unit] == 0:
            return f"{int(seconds // UNIT_SECONDS[unit])}{unit}"
    return f"{seconds:g}s"


def to_microseconds(moment: datetime) -> int:
    """Whole microseconds since 1970 of an aware ``datetime``.

    Examples
    --------
    >>> to_microseconds(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))
    1000000
    """
    return (moment - _EPOCH) // timedelta(microseconds=1)


def from_microseconds(moment: int) -> datetime:
    """The aware UTC ``datetime`` of whole microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=moment)


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowPlan:
    """How event time is cut, and how long to wait before judging.

    A slice is what is profiled; a window is the slices that are judged together. A window closes, and its inputs
    are judged, when the stream is ``lateness`` past its end; it is complete, and its labels and quality are
    judged, when the stream is ``label_wait`` past its end.
    """

    window: timedelta
    lateness: timedelta
    label_wait: timedelta
    slice: timedelta | None = None

    def __post_init__(self) -> None:
        if self.window <= timedelta(0):
            raise InputError("must be longer than nothing.", field="window")
        if self.lateness < timedelta(0):
            raise InputError("cannot be negative.", field="lateness")
        if self.label_wait < self.lateness:
            raise InputError(
                "cannot be shorter than the allowed lateness.", field="label_wait", remedy="Labels come after inputs."
            )
        if self.window_us % self.slice_us:
            raise InputError("must divide the window.", field="slice")

    @property
    def window_us(self) -> int:
        """A window's length in microseconds."""
        return self.window // timedelta(microseconds=1)

    @property
    def slice_us(self) -> int:
        """A slice's length in microseconds: the window's where none is given."""
        return (self.slice or self.window) // timedelta(microseconds=1)

    def slice_starts(self, event_time: NDArray[np.int64]) -> NDArray[np.int64]:
        """The start of the slice that each event belongs to; same shape, microseconds."""
        return event_time - (event_time - FIRST_MONDAY) % self.slice_us

    def window_start(self, moment: int) -> int:
        """The start of the window that ``moment`` lies in."""
        return moment - (moment - FIRST_MONDAY) % self.window_us

    def closed_before(self, watermark: int) -> int:
        """Every window that begins before this is closed when the stream has come to ``watermark``."""
        return self.window_start(watermark - self.lateness // timedelta(microseconds=1))

    def complete_before(self, watermark: int) -> int:
        """Every window that begins before this is complete when the stream has come to ``watermark``."""
        return self.window_start(watermark - self.label_wait // timedelta(microseconds=1))


def watermark(latest_event: int, latest_received: int, now: int) -> int:
    """How far a stream has come: its latest event, and the time that has passed since that came in.

    So windows also close when a stream falls silent, and a stream of old events (a replay) is judged by its own
    time. All in microseconds since 1970.

    Examples
    --------
    >>> watermark(latest_event=1_000, latest_received=50_000, now=50_020)
    1020
    """
    return latest_event + max(0, now - latest_received)
