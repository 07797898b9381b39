"""Windows of rows, sliding windows, and segments, through the whole pipeline."""

from datetime import UTC, datetime, timedelta

import pytest

from driftwatch.bootstrap import window_plan
from driftwatch.core.records import AlertKind, Status, VerdictReason, WindowStage
from driftwatch.errors import SettingError
from driftwatch.settings import load_settings
from driftwatch.wire.native import LabelEvent
from tests.pipeline.streams import CARRIERS, counted, flights, send, told

START = datetime(2026, 1, 5, tzinfo=UTC)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
ROWS = {"window": "100 rows", "false_alarms": "1 per 1000 windows", "label_wait": "3h"}


@pytest.fixture
def by_rows(make_world):
    world = make_world(**ROWS)
    world.register()
    return world


def test_a_window_of_rows_closes_with_its_last_row_and_says_which_rows_it_holds(by_rows) -> None:
    given = flights(START, 250, MINUTE)
    send(by_rows, given[:199], labelled=False)
    assert [(one.key.first_row, one.key.end_row, one.rows) for one in told(by_rows)] == [(0, 100, 100)]
    send(by_rows, given[199:], labelled=False)
    windows = told(by_rows)
    assert [(one.key.first_row, one.key.end_row, one.rows) for one in windows] == [(0, 100, 100), (100, 200, 100)]
    assert windows[1].key.start == START + 100 * MINUTE
    assert windows[1].key.end == START + 199 * MINUTE + timedelta(microseconds=1)


def test_rows_count_in_the_order_of_acknowledgement_and_none_is_late(by_rows) -> None:
    send(by_rows, flights(START + DAY, 100, MINUTE), labelled=False)
    send(by_rows, flights(START, 100, MINUTE), labelled=False)
    assert [(one.key.first_row, one.rows) for one in told(by_rows)] == [(0, 100), (100, 100)]
    assert [one.key.start for one in told(by_rows)] == [START + DAY, START]
    assert counted(by_rows, "events_late_total") == 0


def test_each_version_counts_its_own_rows(by_rows, fit) -> None:
    by_rows.register(fit("2"))
    for number in range(3):
        for version in ("1", "2"):
            rows = flights(START + number * HOUR, 60, MINUTE, model_version=version, name=version)
            send(by_rows, rows, labelled=False)
    for version in ("1", "2"):
        assert [one.key.first_row for one in told(by_rows, model_version=version)] == [0]


def test_the_quality_of_a_window_of_rows_is_judged_when_its_labels_had_their_time(by_rows) -> None:
    send(by_rows, flights(START, 150, MINUTE))
    (window,) = told(by_rows)
    assert (window.stage, window.labels) == (WindowStage.CLOSED, 100)
    by_rows.clock.advance(2 * HOUR)
    by_rows.settle()
    assert told(by_rows)[0].stage is WindowStage.CLOSED
    by_rows.clock.advance(HOUR)
    by_rows.settle()
    assert told(by_rows)[0].stage is WindowStage.COMPLETE
    assert told(by_rows)[0].performance["mae"] == pytest.approx(4.0, rel=0.3), "five times a half-normal's mean"


def test_labels_that_come_weeks_later_or_again_find_the_window_of_their_row(by_rows) -> None:
    given = flights(START, 300, MINUTE)
    send(by_rows, given, labelled=False)
    by_rows.clock.advance(10 * HOUR)
    by_rows.settle()
    assert [one.labels for one in told(by_rows)] == [0, 0, 0]
    by_rows.label([one.label for one in given[50:250]])
    by_rows.settle()
    assert [one.labels for one in told(by_rows)] == [50, 100, 50]
    by_rows.label([LabelEvent(prediction_id=one.prediction.prediction_id, label=9_000.0) for one in given[100:150]])
    by_rows.clock.advance(MINUTE)
    by_rows.settle()
    assert [one.labels for one in told(by_rows)] == [50, 100, 50]
    assert told(by_rows)[1].performance["mae"] > 3_000 > told(by_rows)[2].performance["mae"]


def test_moved_inputs_are_alerted_in_windows_of_rows(by_rows) -> None:
    for number in range(8):
        send(by_rows, flights(START + number * HOUR, 60, MINUTE, seed=number, moved=1.0 if number < 4 else 1.8))
    (alert,) = (one for one in by_rows.service.operations.alerts() if one.kind is AlertKind.FEATURE_DRIFT)
    assert alert.columns == ("distance",)
    assert alert.started > START + 4 * HOUR


def test_a_budget_in_time_is_refused_for_windows_of_rows() -> None:
    with pytest.raises(SettingError, match="1 per 1000 windows") as caught:
        load_settings(window="1000 rows")
    assert caught.value.field == "false_alarms"
    assert window_plan(load_settings(window="1000 rows", false_alarms="1 per 50 windows")).window == 1_000


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"window": "soon"}, "window"),
        ({"window": "0 rows", "false_alarms": "1 per 9 windows"}, "window"),
        ({"window": "1d", "slide": "7h"}, "slide"),
        ({"window": "1d", "slice": "7h"}, "slice"),
        ({"label_wait": "1min"}, "label_wait"),
        ({"keep": "-1d"}, "keep"),
    ],
)
def test_a_plan_that_cannot_work_is_refused_when_the_settings_are_read(options, field) -> None:
    with pytest.raises(SettingError) as caught:
        window_plan(load_settings(**options))
    assert caught.value.field == field


def test_a_sliding_window_is_judged_every_slide_over_its_whole_length(make_world) -> None:
    world = make_world(window="1d", slide="6h", minimum_rows=1)
    world.register()
    send(world, flights(START, 24 * 4, HOUR), labelled=False)
    send(world, flights(START + 4 * DAY, 30, HOUR), labelled=False)
    windows = told(world, start=START - DAY, end=START + 3 * DAY)
    assert [one.key.start for one in windows[3:6]] == [START, START + 6 * HOUR, START + 12 * HOUR]
    assert [one.rows for one in windows] == [6, 12, 18, *(24,) * 12]
    assert all(one.key.end - one.key.start == DAY for one in windows)


def test_the_evidence_of_a_sliding_window_is_the_average_of_its_turns(make_world) -> None:
    """Each of two turns sees what a tumbling plan sees; the other half of the average is nothing before its first."""
    sliding, tumbling = make_world(window="2d", slide="1d"), make_world(window="2d")
    days = [flights(START + number * DAY, 200, DAY / 200, seed=number, moved=1.2) for number in range(5)]
    for world in (sliding, tumbling):
        world.register()
        for day in days:
            send(world, day, labelled=False)
    alone = told(tumbling)[0].findings[0]
    (same,) = (one for one in told(sliding) if one.key == told(tumbling)[0].key)
    assert same.findings[0].score == alone.score
    first = told(sliding)[0].findings[0]
    assert same.findings[0].evidence == pytest.approx((alone.evidence + first.evidence * 2) / 2, abs=0.02)


@pytest.fixture
def segmented(make_world):
    world = make_world(segments=("carrier",), segment_values=("eu",), max_segments=4, minimum_rows=10)
    world.register()
    return world


def days(count: int, rows: int = 200, **options):
    return [flights(START + number * DAY, rows, DAY / rows, seed=number, **options) for number in range(count)]


def test_each_declared_segment_has_windows_of_its_own_and_all_rows_theirs(segmented) -> None:
    for day in days(3):
        send(segmented, day)
    whole = told(segmented)
    parts = [told(segmented, f"carrier={name}") for name in CARRIERS]
    for number in range(2):
        assert sum(one[number].rows for one in parts) == whole[number].rows == 200
        assert sum(one[number].labels for one in parts) == whole[number].labels


def test_an_events_own_segment_is_one_where_its_value_is_declared(segmented) -> None:
    for day in days(2, segment="eu"):
        send(segmented, day)
    for day in days(2, segment="us", name="us"):
        send(segmented, day)
    [window] = told(segmented, "eu")
    assert window.rows == 200
    assert {one.reason for one in window.verdicts} == {VerdictReason.NO_REFERENCE}
    assert all("Events name the segment eu themselves" in one.text for one in window.verdicts)
    assert told(segmented, "us") == []


def test_a_segment_that_the_baseline_does_not_tell_apart_is_measured_and_alerts_nobody(segmented) -> None:
    for day in days(5, error=15.0, moved=1.6):
        send(segmented, day)
    assert {one.segment for one in segmented.service.operations.alerts()} == {""}
    window = told(segmented, "carrier=AA")[0]
    assert {one.reason for one in window.verdicts} == {VerdictReason.NO_REFERENCE}
    assert all("fitted without --segment carrier" in one.text for one in window.verdicts)
    assert window.status is Status.INSUFFICIENT_DATA
    assert window.performance["mae"] > 8


@pytest.fixture
def told_apart(make_world, fit):
    world = make_world(segments=("carrier",), max_segments=4, minimum_rows=10)
    world.register(fit(segments=["carrier"]))
    return world


def test_a_segment_that_is_like_its_own_reference_alerts_nobody(told_apart) -> None:
    for day in days(12, rows=600):
        send(told_apart, day)
    assert told_apart.service.operations.alerts() == []
    window = told(told_apart, "carrier=AA")[0]
    assert window.status is Status.OK
    assert {one.n_live for one in window.findings if one.column == "distance"} == {window.rows}
    references = {one.n_reference for one in window.findings if one.column == "distance"}
    assert references < {one.n_reference for one in told(told_apart)[0].findings} | references
    assert max(references) < 4_000 * 0.6


def test_a_drift_of_one_segment_is_alerted_with_its_name(told_apart) -> None:
    for number, day in enumerate(days(8, rows=600)):
        moved = flights(START + number * DAY, 600, DAY / 600, seed=number, moved=1.4)
        given = [
            after if number > 3 and before.prediction.features["carrier"] == "UA" else before
            for before, after in zip(day, moved, strict=True)
        ]
        send(told_apart, given)
    alerts = told_apart.service.operations.alerts()
    (alert,) = (one for one in alerts if one.segment and one.kind is AlertKind.FEATURE_DRIFT)
    assert (alert.segment, alert.columns) == ("carrier=UA", ("distance",))
    assert alert.reason.startswith("carrier=UA: ")
    assert alert.started > START + 4 * DAY


def test_a_segment_that_gets_worse_asks_for_a_retrain_and_says_so(told_apart) -> None:
    for number, day in enumerate(days(10, rows=600)):
        worse = flights(START + number * DAY, 600, DAY / 600, seed=number, error=9.0)
        given = [
            after if number > 2 and before.prediction.features["carrier"] == "UA" else before
            for before, after in zip(day, worse, strict=True)
        ]
        send(told_apart, given)
    (episode,) = told_apart.service.operations.retrains()
    assert episode.reason.startswith("carrier=UA: ")


def test_segments_beyond_the_bound_are_counted_and_stay_in_the_windows_of_all_rows(make_world) -> None:
    world = make_world(segments=("carrier",), max_segments=2)
    world.register()
    given = days(3)
    for day in given:
        send(world, day)
    with world.state.read() as reader:
        admitted = {one.key.segment for one in reader.streams("flights")} - {""}
    assert len(admitted) == 2
    refused = sum(f"carrier={one.prediction.features['carrier']}" not in admitted for day in given for one in day)
    assert counted(world, "events_dropped_total", reason="segment_limit") == refused > 0
    assert [one.rows for one in told(world)] == [200, 200]


def test_segments_share_the_budget_of_the_model(segmented, make_world) -> None:
    """The stake is an eighth of one half for each of four segments, so is the evidence of the first window."""
    alone = make_world(minimum_rows=10)
    alone.register()
    for day in days(2):
        send(segmented, day)
        send(alone, day)
    ours, theirs = told(segmented)[0].findings[0], told(alone)[0].findings[0]
    assert ours.evidence == pytest.approx(theirs.evidence / 2, abs=0.01)
    limits = {one.limit.value for name in ("", "carrier=AA") for one in told(segmented, name)[0].verdicts}
    assert limits == {one.limit.value for one in told(alone)[0].verdicts}


def test_versions_that_are_served_at_once_share_the_budget(make_world, fit) -> None:
    world, alone = make_world(), make_world()
    for one in (world, alone):
        one.register()
    world.register(fit("2"))
    for number, day in enumerate(days(2, model_version="1")):
        send(alone, day)
        send(world, day + flights(START + number * DAY, 100, DAY / 100, model_version="2", name="v2"))
    ours, theirs = told(world, model_version="1")[0].findings[0], told(alone)[0].findings[0]
    assert ours.evidence == pytest.approx(theirs.evidence / 2, abs=0.01)


def test_segments_of_windows_of_rows_count_their_own_rows(make_world) -> None:
    world = make_world(**ROWS, segments=("carrier",))
    world.register()
    given = flights(START, 700, MINUTE)
    send(world, given, labelled=False)
    world.label([one.label for one in given[::2]])
    world.clock.advance(DAY)
    world.settle()
    for name in CARRIERS:
        own = [one for one in given if one.prediction.features["carrier"] == name]
        windows = told(world, f"carrier={name}")
        assert [one.key.first_row for one in windows] == list(range(0, len(own) - len(own) % 100, 100))
        labelled = {one.label.prediction_id for one in given[::2]}
        for window in windows:
            rows = own[window.key.first_row : window.key.end_row]
            assert window.labels == sum(one.label.prediction_id in labelled for one in rows)
    assert all(one.status is not Status.ERROR for one in told(world))
