"""Event time cut into windows."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.core.windows import (
    MOST_OVERLAPPING,
    WindowPlan,
    format_duration,
    format_length,
    from_microseconds,
    parse_duration,
    parse_length,
    to_microseconds,
    watermark,
)
from driftwatch.errors import InputError, SettingError

DAY = timedelta(days=1)
CENTURY_US = 4_102_444_800_000_000
moments = st.integers(0, CENTURY_US).map(lambda one: datetime.fromtimestamp(0, UTC) + timedelta(microseconds=one))
seconds = st.integers(1, 4_000 * 86_400).map(lambda number: timedelta(seconds=number))


def plan(window: timedelta = DAY, lateness: timedelta = timedelta(0), label_wait: timedelta = DAY) -> WindowPlan:
    return WindowPlan(window=window, lateness=lateness, label_wait=label_wait)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("15min", 900), ("15m", 900), ("1h", 3_600), ("1.5h", 5_400), ("7d", 604_800), ("2w", 1_209_600)],
)
def test_a_duration_is_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert parse_duration(text).total_seconds() == seconds


@pytest.mark.parametrize("text", ["", "1", "h", "-1h", "1 fortnight", "1h30m", "40000d", "9" * 400 + "h"])
def test_anything_else_is_no_duration_and_the_error_shows_what_is(text: str) -> None:
    with pytest.raises(InputError, match="Write one such as"):
        parse_duration(text)


@given(seconds)
def test_a_formatted_duration_reads_back_as_itself(length: timedelta) -> None:
    assert parse_duration(format_duration(length)) == length


@given(moments)
def test_microseconds_keep_every_moment_exactly(moment: datetime) -> None:
    assert from_microseconds(to_microseconds(moment)) == moment


@pytest.mark.parametrize(
    ("window", "moment", "start", "why"),
    [
        ("1h", "2026-01-31T08:59:59Z", "2026-01-31T08:00:00Z", "hours begin on the hour"),
        ("1d", "2026-01-31T23:59:59Z", "2026-01-31T00:00:00Z", "days begin at midnight UTC"),
        ("7d", "2026-02-01T12:00:00Z", "2026-01-26T00:00:00Z", "weeks begin on Mondays"),
        ("7d", "2026-01-26T00:00:00Z", "2026-01-26T00:00:00Z", "a start belongs to its own window"),
        ("7d", "1969-12-31T00:00:00Z", "1969-12-29T00:00:00Z", "times before 1970 are cut alike"),
    ],
)
def test_windows_begin_where_a_calendar_would_begin_them(window: str, moment: str, start: str, why: str) -> None:
    found = plan(parse_duration(window), label_wait=timedelta(days=7)).window_start(
        to_microseconds(datetime.fromisoformat(moment))
    )
    assert from_microseconds(found) == datetime.fromisoformat(start), why


@given(st.lists(moments, min_size=1, max_size=20))
def test_every_event_lies_in_its_slice(times: list[datetime]) -> None:
    cut = plan(timedelta(hours=6))
    events = np.array([to_microseconds(one) for one in times], dtype=np.int64)
    starts = cut.slice_starts(events)
    assert np.all(starts <= events)
    assert np.all(events < starts + cut.slice_length)


def test_a_window_closes_only_after_the_allowed_lateness() -> None:
    cut = plan(DAY, lateness=timedelta(hours=1), label_wait=timedelta(hours=36))
    end = to_microseconds(datetime(2026, 1, 2, tzinfo=UTC))
    hour = 3_600_000_000
    assert cut.closed_before(end + hour - 1) == end - cut.window_length
    assert cut.closed_before(end + hour) == end


def test_a_window_is_complete_only_after_its_labels_had_their_time() -> None:
    cut = plan(DAY, lateness=timedelta(hours=1), label_wait=timedelta(hours=36))
    end = to_microseconds(datetime(2026, 1, 2, tzinfo=UTC))
    hour = 3_600_000_000
    assert cut.complete_before(end + 36 * hour - 1) == end - cut.window_length
    assert cut.complete_before(end + 36 * hour) == end


def test_a_silent_stream_goes_on_with_the_clock() -> None:
    assert watermark(latest_event=1_000, latest_received=5_000, now=5_500) == 1_500


def test_a_clock_set_back_does_not_take_the_stream_back() -> None:
    assert watermark(latest_event=1_000, latest_received=5_000, now=4_000) == 1_000


@pytest.mark.parametrize(
    ("window", "lateness", "label_wait", "field"),
    [(timedelta(0), timedelta(0), DAY, "window"), (DAY, -DAY, DAY, "lateness"), (DAY, 2 * DAY, DAY, "label_wait")],
)
def test_a_plan_that_cannot_work_names_its_field(
    window: timedelta, lateness: timedelta, label_wait: timedelta, field: str
) -> None:
    with pytest.raises(InputError) as caught:
        plan(window, lateness, label_wait)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("text", "length"), [("1d", DAY), ("1000 rows", 1_000), ("1000rows", 1_000), ("1 row", 1), ("10,000 rows", 10_000)]
)
def test_a_length_is_a_time_or_a_number_of_rows(text: str, length: timedelta | int) -> None:
    assert parse_length(text) == length
    assert parse_length(format_length(length)) == length


@pytest.mark.parametrize("text", ["", "1000", "rows", "-5 rows", "1.5 rows", "1 day"])
def test_anything_else_is_no_length_and_the_error_shows_what_is(text: str) -> None:
    with pytest.raises(InputError, match="1000 rows"):
        parse_length(text)


def sliding(window: str = "1d", slide: str = "6h", **others: str) -> WindowPlan:
    return WindowPlan(
        window=parse_length(window),
        slide=parse_length(slide),
        lateness=timedelta(hours=1),
        label_wait=timedelta(hours=36),
        **{name: parse_length(text) for name, text in others.items()},
    )


@given(moments)
def test_a_sliding_plan_has_every_moment_in_as_many_windows_as_overlap(moment: datetime) -> None:
    cut, at = sliding(), to_microseconds(moment)
    starts = list(cut.windows_over(at))
    assert len(starts) == cut.overlap == 4
    assert all(start <= at < start + cut.window_length for start in starts)
    assert sorted(cut.turn(start) for start in starts) == [0, 1, 2, 3]


@given(moments)
def test_windows_of_one_turn_are_tumbling(moment: datetime) -> None:
    cut = sliding()
    start = cut.window_start(to_microseconds(moment))
    assert cut.turn(start) == cut.turn(start + cut.window_length)


@given(st.integers(0, 10_000))
def test_a_row_lies_in_the_windows_that_hold_its_ordinal_and_none_begins_before_the_first(row: int) -> None:
    cut = sliding("100 rows", "20 rows")
    starts = list(cut.windows_over(row))
    assert starts == [start for start in range(0, row + 1, 20) if row < start + 100]


@pytest.mark.parametrize(
    ("rows", "before", "why"),
    [(0, 0, "nothing came"), (99, 0, "one is missing"), (100, 20, "the first is full"), (120, 40, "and the second")],
)
def test_a_window_of_rows_closes_with_its_last_row(rows: int, before: int, why: str) -> None:
    assert sliding("100 rows", "20 rows").closed_before(rows) == before, why


def test_a_window_is_kept_until_its_labels_had_their_time_and_as_much_longer_as_asked() -> None:
    cut = plan(DAY, label_wait=timedelta(hours=36))
    end = to_microseconds(datetime(2026, 1, 2, tzinfo=UTC))
    last = end + (cut.label_wait + cut.keep) // timedelta(microseconds=1)
    assert cut.kept_from(last - 1) == end - cut.window_length
    assert cut.kept_from(last) == end
    assert cut.kept_from(last, for_labels=True) < end - 80 * cut.window_length


@pytest.mark.parametrize(
    ("options", "field", "says"),
    [
        ({"window": "1d", "slide": "7h"}, "slide", "divide the window"),
        ({"window": "1d", "slide": "2d"}, "slide", "divide the window"),
        ({"window": "1d", "slide": "6h", "slice": "4h"}, "slice", "divide the slide"),
        ({"window": "1d", "slide": "1d", "slice": "7h"}, "slice", "divide the"),
        ({"window": "1d", "slide": "100 rows"}, "slide", "a length of time"),
        ({"window": "100 rows", "slide": "1h"}, "slide", "a number of rows"),
        ({"window": "1d", "slide": "1min"}, "slide", f"At most {MOST_OVERLAPPING}"),
    ],
)
def test_lengths_that_do_not_fit_together_name_the_setting(options: dict[str, str], field: str, says: str) -> None:
    with pytest.raises(SettingError, match=says) as caught:
        sliding(**options)
    assert caught.value.field == field
