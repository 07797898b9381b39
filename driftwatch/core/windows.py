"""A stream cut into slices and windows, and how far it has come.

A row has a *position*, a whole number. Where windows are lengths of time it is the row's event time in microseconds
since 1970-01-01 UTC, so that nothing is rounded: windows of whole weeks begin on Mondays, of whole days at midnight
UTC, of hours on the hour. Where windows are counts of rows it is the row's ordinal, from 0, in the order of
acknowledgement. Slices and windows are half-open ranges of positions, and everything here is the same for both.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from driftwatch.errors import InputError, SettingError

MICROSECONDS = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_MONDAY = 4 * 86_400 * MICROSECONDS
"""The first Monday after 1970-01-01, in microseconds: where all windows are cut from."""

UNIT_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3_600, "d": 86_400, "w": 604_800}
"""The units that lengths of time are written in."""

_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(s|m|min|h|d|w)\s*")
_ROWS = re.compile(r"\s*(\d[\d_,]*)\s*rows?\s*")

Length = timedelta | int
"""How long a window or a slice is: a time, or a number of rows."""

MOST_OVERLAPPING = 60
"""Most windows that hold the same row: each of them has evidence of its own, which is kept."""


_LONGEST_SECONDS = 36_500 * 86_400.0


def parse_duration(text: str) -> timedelta:
    """Read a length of time such as ``"90s"``, ``"15min"``, ``"1h"``, ``"7d"`` or ``"2w"``.

    Raises
    ------
    InputError
        For anything else, and for more than a hundred years: a calendar has no times so far ahead.

    Examples
    --------
    >>> parse_duration("7d")
    datetime.timedelta(days=7)
    """
    match = _DURATION.fullmatch(text)
    if match is None:
        raise InputError(f"{text!r} is no length of time.", remedy="Write one such as 90s, 15min, 1h, 7d or 2w.")
    seconds = float(match[1]) * UNIT_SECONDS[match[2]]
    if seconds > _LONGEST_SECONDS:
        raise InputError("the length of time is more than a hundred years.", remedy="Write one such as 90d.")
    return timedelta(seconds=seconds)


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


def parse_length(text: str) -> Length:
    """Read a window's length: a time such as ``"1d"``, or rows such as ``"1000 rows"``.

    Raises
    ------
    InputError
        For anything else.

    Examples
    --------
    >>> parse_length("1h"), parse_length("1000 rows"), parse_length("5,000rows")
    (datetime.timedelta(seconds=3600), 1000, 5000)
    """
    match = _ROWS.fullmatch(text)
    if match is not None:
        return int(match[1].replace(",", "").replace("_", ""))
    if _DURATION.fullmatch(text) is None:
        raise InputError(
            f"{text!r} is neither a length of time nor a number of rows.", remedy="Write it like 1h, 7d or 1000 rows."
        )
    return parse_duration(text)


def format_length(length: Length) -> str:
    """Write a window's length as `parse_length` reads it.

    Examples
    --------
    >>> format_length(timedelta(days=1)), format_length(1000)
    ('1d', '1000 rows')
    """
    return f"{length} rows" if isinstance(length, int) else format_duration(length)


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
    """How a stream is cut, how long to wait before judging, and how long afterwards to judge again.

    A slice is what is profiled; a window is the slices that are judged together; a window begins every ``slide``.
    Windows of time close, and their inputs are judged, when the stream is ``lateness`` past their end; windows of
    rows close with their last row, and no row is late for them. Either is complete, and its labels and quality are
    judged, when the stream is ``label_wait`` past its end. What comes later still is added, and the window is judged
    again: rows until the stream is another ``keep`` further, labels until it is ``label_horizon`` past the end.

    Attributes
    ----------
    window
        A time, or a number of rows.
    slide
        From the start of one window to the start of the next; the window itself by default (tumbling windows). It
        divides the window.
    slice
        The slide by default, which it divides.

    Examples
    --------
    >>> plan = WindowPlan(window=100, slide=50, lateness=timedelta(0), label_wait=timedelta(hours=1))
    >>> plan.counted, plan.overlap, list(plan.windows_over(120)), plan.closed_before(199)
    (True, 2, [50, 100], 100)
    """

    window: Length
    lateness: timedelta
    label_wait: timedelta
    slice: Length | None = None
    slide: Length | None = None
    keep: timedelta = timedelta(days=7)
    label_horizon: timedelta = timedelta(days=90)

    def __post_init__(self) -> None:
        lengths = {"window": self.window, "slice": self.slice, "slide": self.slide}
        for field, length in lengths.items():
            if length is None:
                continue
            if isinstance(length, int) is not self.counted:
                raise SettingError(
                    f"must be {'a number of rows' if self.counted else 'a length of time'}, as the window is.",
                    field=field,
                    remedy=f"The window is {format_length(self.window)}.",
                )
            if _units(length) <= 0:
                raise SettingError("must be longer than nothing.", field=field)
        for field in ("lateness", "keep", "label_horizon"):
            if getattr(self, field) < timedelta(0):
                raise SettingError("cannot be negative.", field=field)
        if self.label_wait < self.lateness:
            raise SettingError(
                "cannot be shorter than the allowed lateness.", field="label_wait", remedy="Labels come after inputs."
            )
        if self.window_length % self.slide_length:
            raise SettingError("must divide the window.", field="slide", remedy=self._remedy())
        if self.slide_length % self.slice_length:
            what = "window" if self.slide is None else "slide"
            raise SettingError(f"must divide the {what}.", field="slice", remedy=self._remedy())
        if self.overlap > MOST_OVERLAPPING:
            raise SettingError(
                f"would let {self.overlap} windows overlap.",
                field="slide",
                remedy=f"At most {MOST_OVERLAPPING} may: make it longer.",
            )

    def _remedy(self) -> str:
        return f"The window is {format_length(self.window)}: it takes whole multiples."

    @property
    def text(self) -> str:
        """How streams are cut, in one text: two plans with different ones make different windows."""
        units = "rows" if self.counted else "us"
        return f"{self.window_length}/{self.slide_length}/{self.slice_length} {units}"

    @property
    def counted(self) -> bool:
        """Whether windows are numbers of rows, and positions ordinals."""
        return isinstance(self.window, int)

    @property
    def seconds(self) -> float | None:
        """A window's duration; None where it is a number of rows."""
        return None if isinstance(self.window, int) else self.window.total_seconds()

    @property
    def window_length(self) -> int:
        """A window's length in positions."""
        return _units(self.window)

    @property
    def slide_length(self) -> int:
        """From the start of one window to the start of the next, in positions."""
        return _units(self.slide) if self.slide is not None else self.window_length

    @property
    def slice_length(self) -> int:
        """A slice's length in positions."""
        return _units(self.slice) if self.slice is not None else self.slide_length

    @property
    def overlap(self) -> int:
        """How many windows hold a row; 1 where windows are tumbling."""
        return self.window_length // self.slide_length

    @property
    def _origin(self) -> int:
        return 0 if self.counted else FIRST_MONDAY

    def slice_starts(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """The start of the slice that each row belongs to; same shape."""
        return positions - (positions - self._origin) % self.slice_length

    def window_start(self, position: int) -> int:
        """The start of the last window that holds ``position``."""
        return position - (position - self._origin) % self.slide_length

    def window_starts(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """The start of the last window that holds each row; same shape."""
        return positions - (positions - self._origin) % self.slide_length

    def windows_over(self, position: int) -> range:
        """The starts of all windows that hold ``position``, in order. No window begins before the first row."""
        last = self.window_start(position)
        first = last - self.window_length + self.slide_length
        return range(max(first, 0) if self.counted else first, last + 1, self.slide_length)

    def turn(self, start: int) -> int:
        """Which of the `overlap` sequences of tumbling windows a window belongs to, from 0."""
        return (start - self._origin) // self.slide_length % self.overlap

    def closed_before(self, reached: int) -> int:
        """Every window that begins before this is closed.

        Parameters
        ----------
        reached
            How far the stream has come: the watermark in microseconds, or how many rows it has had.
        """
        if self.counted:
            return max(self._ended_before(reached), 0)
        return self._ended_before(reached - _units(self.lateness))

    def complete_before(self, watermark: int) -> int:
        """Every window of time that begins before this is complete when the stream has come to ``watermark``."""
        return self._ended_before(watermark - _units(self.label_wait))

    def kept_from(self, latest_event: int, *, for_labels: bool = False) -> int:
        """Every window of time that begins before this takes no more rows once there was an event at this time.

        With ``for_labels``: no more labels.
        """
        return self._ended_before(latest_event - _units(self._kept(for_labels=for_labels)))

    def is_complete(self, ended: int, watermark: int) -> bool:
        """Whether the labels of a window that ended at this event time have had their time."""
        return ended + _units(self.label_wait) <= watermark

    def takes_labels(self, ended: int, latest_event: int) -> bool:
        """Whether a window that ended at this event time takes labels once there was an event at ``latest_event``."""
        return ended >= latest_event - _units(self._kept(for_labels=True))

    def _kept(self, *, for_labels: bool) -> timedelta:
        kept = self.label_wait + self.keep
        return max(kept, self.label_horizon) if for_labels else kept

    def _ended_before(self, position: int) -> int:
        return self.window_start(position - self.window_length) + self.slide_length


def _units(length: Length) -> int:
    return length if isinstance(length, int) else length // timedelta(microseconds=1)


def watermark(latest_event: int, latest_received: int, now: int) -> int:
    """How far a stream has come: its latest event, and the time that has passed since that came in.

    So windows also close when a stream falls silent, and a stream of old events (a replay) is judged by its own
    time. A clock of this machine that is set back does not take the stream back. All in microseconds since 1970.

    Examples
    --------
    >>> watermark(latest_event=1_000, latest_received=50_000, now=50_020)
    1020
    """
    return latest_event + max(0, now - latest_received)
