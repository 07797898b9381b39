"""Hours in which nobody is asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from driftwatch.core.quiet_hours import QuietHours, QuietSpan
from driftwatch.errors import InputError

BERLIN = ZoneInfo("Europe/Berlin")


def hours(*texts: str, zone: object = UTC) -> QuietHours:
    return QuietHours(spans=tuple(map(QuietSpan.parse, texts)), zone=zone)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "moment", "until"),
    [
        (hours("22:00-06:00"), "2026-01-01T21:59:59", None),
        (hours("22:00-06:00"), "2026-01-01T22:00:00", "2026-01-02T06:00:00"),
        (hours("22:00-06:00"), "2026-01-02T05:59:59", "2026-01-02T06:00:00"),
        (hours("22:00-06:00"), "2026-01-02T06:00:00", None),
        (hours("sat,sun 00:00-24:00"), "2026-01-03T12:00:00", "2026-01-05T00:00:00"),
        (hours("sat-sun 00:00-24:00", "22:00-06:00"), "2026-01-02T23:00:00", "2026-01-05T06:00:00"),
        (hours("sun 22:00-02:00"), "2026-01-05T01:00:00", "2026-01-05T02:00:00"),
        (hours("fri-mon 00:00-01:00"), "2026-01-06T00:30:00", None),
        (hours(), "2026-01-01T00:00:00", None),
    ],
)
def test_they_end_when_no_span_goes_on(given: QuietHours, moment: str, until: str | None) -> None:
    found = given.until(datetime.fromisoformat(moment).replace(tzinfo=UTC))
    assert found == (datetime.fromisoformat(until).replace(tzinfo=UTC) if until is not None else None)


def test_they_are_those_of_the_zone_also_when_its_clocks_are_set() -> None:
    night = hours("22:00-06:00", zone=BERLIN)
    before_summer = datetime(2026, 3, 28, 22, tzinfo=UTC)  # 23:00; at 02:00 it becomes 03:00
    assert night.until(before_summer) == datetime(2026, 3, 29, 4, tzinfo=UTC)
    before_winter = datetime(2026, 10, 24, 21, tzinfo=UTC)  # 23:00; at 03:00 it becomes 02:00
    assert night.until(before_winter) == datetime(2026, 10, 25, 5, tzinfo=UTC)
    twice = hours("02:00-02:30", zone=BERLIN)
    assert twice.until(datetime(2026, 10, 25, 0, 10, tzinfo=UTC)) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert twice.until(datetime(2026, 10, 25, 1, 10, tzinfo=UTC)) == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "texts", [("00:00-24:00",), ("00:00-12:00", "12:00-24:00"), ("mon-fri 00:00-24:00", "sat,sun 00:00-24:00")]
)
def test_they_must_leave_some_of_the_week(texts: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match="no hour of the week"):
        hours(*texts)


@pytest.mark.parametrize("text", ["", "night", "25:00-06:00", "22:00-06:61", "22:00", "22:00-22:00", "foo 22:00-06:00"])
def test_what_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        QuietSpan.parse(text)


def test_every_minute_of_a_week_is_told_as_the_spans_say() -> None:
    given = hours("22:00-06:00", "wed 12:00-13:30")
    start = datetime(2026, 1, 5, tzinfo=UTC)
    for minute in range(7 * 24 * 60):
        moment = start + timedelta(minutes=minute)
        clock = moment.hour * 60 + moment.minute
        quiet = clock >= 22 * 60 or clock < 6 * 60 or (moment.weekday() == 2 and 12 * 60 <= clock < 13 * 60 + 30)
        assert (given.until(moment) is not None) is quiet
