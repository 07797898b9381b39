"""Hours of the week in which nobody wants a retrain to begin."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from driftwatch.errors import InputError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_DAY_MINUTES = 24 * 60
_WEEK_MINUTES = 7 * _DAY_MINUTES
_SPAN = re.compile(
    r"\s*(?:(?P<days>[a-z]{3}(?:\s*[-,]\s*[a-z]{3})*)\s+)?"
    r"(?P<begin_hour>\d{1,2}):(?P<begin_minute>\d\d)\s*-\s*(?P<end_hour>\d{1,2}):(?P<end_minute>\d\d)\s*"
)
_REMEDY = "Write 22:00-06:00, or sat,sun 00:00-24:00, or mon-fri 08:00-18:00."


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietSpan:
    """From ``begin`` to before ``end`` in minutes after midnight, on the days (0 is Monday) on which it begins.

    One that ends at or before its begin ends on the next day.
    """

    days: frozenset[int]
    begin: int
    end: int

    @classmethod
    def parse(cls, text: str) -> QuietSpan:
        """Read ``"22:00-06:00"``, with or without days before it.

        Raises
        ------
        InputError
            It cannot be read.

        Examples
        --------
        >>> span = QuietSpan.parse("sat,sun 00:00-24:00")
        >>> sorted(span.days), span.begin, span.end
        ([5, 6], 0, 1440)
        """
        match = _SPAN.fullmatch(text.lower())
        if match is None:
            raise InputError(f"{text!r} are no quiet hours.", remedy=_REMEDY)
        begin = 60 * int(match["begin_hour"]) + int(match["begin_minute"])
        end = 60 * int(match["end_hour"]) + int(match["end_minute"])
        minutes = max(int(match["begin_minute"]), int(match["end_minute"]))
        if begin >= _DAY_MINUTES or end > _DAY_MINUTES or minutes >= 60 or begin == end:
            raise InputError(f"{text!r} are no quiet hours of a day.", remedy=_REMEDY)
        return cls(days=_days(match["days"], text), begin=begin, end=end)

    @property
    def length(self) -> int:
        """How many minutes it lasts."""
        return self.end - self.begin if self.end > self.begin else self.end - self.begin + _DAY_MINUTES


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietHours:
    """Spans of the week on the clocks of one time zone.

    Raises
    ------
    InputError
        They leave no minute of the week.
    """

    spans: tuple[QuietSpan, ...]
    zone: tzinfo = UTC

    def __post_init__(self) -> None:
        # Where some minute is not quiet, one of the spans ends at such a one.
        ends = [day * _DAY_MINUTES + one.begin + one.length for one in self.spans for day in one.days]
        if ends and all(self._left(minute % _WEEK_MINUTES) for minute in ends):
            raise InputError("the quiet hours leave no hour of the week.", remedy="No retrain would ever be asked for.")

    def until(self, moment: datetime) -> datetime | None:
        """When the quiet hours that hold ``moment`` are over; None where none does.

        Examples
        --------
        >>> night = QuietHours(spans=(QuietSpan.parse("22:00-06:00"),))
        >>> night.until(datetime(2026, 1, 1, 23, tzinfo=UTC)).isoformat()
        '2026-01-02T06:00:00+00:00'
        >>> night.until(datetime(2026, 1, 1, 6, tzinfo=UTC)) is None
        True
        """
        end = moment
        while left := self._left(_minute_of_week(end.astimezone(self.zone))):
            # The minutes are those of the zone's clocks, which may be set meanwhile.
            local = _whole_minute(end.astimezone(self.zone))
            end = (local + timedelta(minutes=left)).replace(fold=local.fold).astimezone(UTC)
        return end if end > moment else None

    def _left(self, minute: int) -> int:
        """How many minutes of the week the longest span goes on that holds a minute of it; 0 where none does."""
        left = 0
        for span in self.spans:
            for day in span.days:
                into = (minute - day * _DAY_MINUTES - span.begin) % _WEEK_MINUTES
                left = max(left, span.length - into)
        return left


def _minute_of_week(local: datetime) -> int:
    return local.weekday() * _DAY_MINUTES + 60 * local.hour + local.minute


def _whole_minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


def _days(text: str | None, whole: str) -> frozenset[int]:
    if text is None:
        return frozenset(range(7))
    found: set[int] = set()
    for part in text.replace(" ", "").split(","):
        ends: Sequence[str] = part.split("-")
        unknown = [one for one in ends if one not in DAYS]
        if unknown or len(ends) > 2:
            raise InputError(f"{whole!r}: {part!r} are no days.", remedy=f"Days are {', '.join(DAYS)}, or mon-fri.")
        first, last = DAYS.index(ends[0]), DAYS.index(ends[-1])
        found.update((first + one) % 7 for one in range((last - first) % 7 + 1))
    return frozenset(found)


__all__ = ["DAYS", "QuietHours", "QuietSpan"]
