"""Rows and labels that come late: added, judged again, and at last dropped."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from driftwatch.core.records import AlertKind, AlertState, Status, WindowStage
from driftwatch.core.windows import to_microseconds
from driftwatch.pipeline.alerts import REVISED_AWAY
from driftwatch.wire.native import LabelEvent, PredictionEvent
from tests.pipeline.streams import counted, flights, send, told

START = datetime(2026, 1, 5, tzinfo=UTC)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)


def day(number: int, count: int = 200, **options):
    return flights(START + number * DAY, count, DAY / count, seed=number, **options)


def window_of(world, number: int):
    start = START + number * DAY
    (found,) = world.service.operations.windows("flights", start=start, end=start + DAY)
    return found


def test_a_late_row_is_added_and_its_window_judged_again(world) -> None:
    send(world, day(0))
    send(world, day(1))
    assert (window_of(world, 0).rows, window_of(world, 0).revised) == (200, 0)
    send(world, day(0, 50, name="late"))
    window = window_of(world, 0)
    assert (window.rows, window.revised) == (250, 1)
    assert all(finding.n_live == 250 for finding in window.findings if finding.column == "distance")
    assert counted(world, "events_late_total") == 50
    assert counted(world, "windows_revised_total", stage="closed") == 1


def test_rows_of_a_window_that_is_still_open_are_not_late(world) -> None:
    send(world, day(1))
    send(world, day(0))
    assert counted(world, "events_late_total") == 0
    assert window_of(world, 0).revised == 0


@pytest.mark.parametrize("options", [{}, {"window": "1d", "slide": "6h"}, {"segments": ("carrier",)}])
def test_rows_and_labels_in_any_order_come_to_what_they_come_to_in_order(make_world, options) -> None:
    everything = [day(number, moved=1.0 if number < 4 else 1.5, error=5.0 + 4 * number) for number in range(7)]
    in_order, late = make_world(**options), make_world(**options)
    for world in (in_order, late):
        world.register()
    for one in everything:
        send(in_order, one)
    rng = np.random.default_rng(3)
    left: list = []
    for one in everything:
        held_back = rng.random(len(one)) < 0.3
        send(late, [flight for flight, back in zip(one, held_back, strict=True) if not back])
        left += [flight for flight, back in zip(one, held_back, strict=True) if back]
    for part in np.array_split(rng.permutation(len(left)), 5):
        send(late, [left[at] for at in part])
        late.clock.advance(2 * MINUTE)
    late.clock.advance(-10 * MINUTE)
    for world in (in_order, late):
        world.settle()
        world.clock.advance(10 * MINUTE)
        world.settle()
    segments = ["", *(f"carrier={name}" for name in ("AA", "DL", "UA") if options.get("segments"))]
    assert max(one.revised for one in late.service.operations.windows("flights", limit=99)) > 0
    for segment in segments:
        assert len(told(in_order, segment)) >= 6
        assert told(late, segment) == told(in_order, segment)


def test_many_stale_windows_are_judged_again_a_few_a_step(make_world, monkeypatch: pytest.MonkeyPatch) -> None:
    in_order, late = make_world(), make_world()
    for world in (in_order, late):
        world.register()
    days = [day(number, moved=1.25) for number in range(9)]
    for one in days:
        send(in_order, one)
    for one in days:
        send(late, one[:150])
    monkeypatch.setattr("driftwatch.pipeline.judge._MOST_AGAIN", 3)
    send(late, [flight for one in days for flight in one[150:]])
    rows = [one.rows for one in told(late)]
    assert rows.count(200) < 7, "the others follow in later steps"
    for _ in range(20):
        late.settle()
    assert told(late) == told(in_order)


def test_a_step_that_fails_leaves_its_windows_stale(world, monkeypatch: pytest.MonkeyPatch) -> None:
    send(world, day(0))
    send(world, day(1))

    def fails(*_: object, **__: object) -> None:
        raise OSError("broken")

    world.predict([one.prediction for one in day(0, 50, name="late")])
    with monkeypatch.context() as broken:
        broken.setattr("driftwatch.pipeline.alerts.AlertLives.follow", fails)
        with pytest.raises(OSError, match="broken"):
            world.settle()
    assert window_of(world, 0).rows == 200
    world.settle()
    assert window_of(world, 0).rows == 250


def test_a_trickle_of_late_rows_judges_a_window_again_once_in_a_while(world) -> None:
    send(world, day(0))
    send(world, day(1))
    for row in day(0, 20, name="late"):
        send(world, [row])
        world.clock.advance(timedelta(seconds=1))
    assert counted(world, "windows_revised_total") == 1
    assert window_of(world, 0).rows == 201
    world.clock.advance(MINUTE)
    world.settle()
    assert counted(world, "windows_revised_total") == 2
    assert window_of(world, 0).rows == 220


def test_a_late_row_of_a_window_that_had_none_makes_the_window(world) -> None:
    send(world, day(0))
    send(world, day(3))
    send(world, day(4))
    send(world, day(1, 40))
    assert window_of(world, 1).rows == 40


def test_a_window_that_was_judged_again_is_where_its_later_ones_go_on_from(world) -> None:
    """Moved rows that come late raise the evidence of the days after theirs."""
    for number in range(4):
        send(world, day(number))
    calm = window_of(world, 2).verdicts[0].evidence
    send(world, day(1, 400, moved=1.3, name="late"))
    assert window_of(world, 1).verdicts[0].evidence > 10 * calm
    assert window_of(world, 2).verdicts[0].evidence > 2 * calm


def test_late_rows_that_moved_open_an_alert(world) -> None:
    for number in range(3):
        send(world, day(number))
    assert world.service.operations.alerts() == []
    send(world, day(1, 2_000, moved=1.8, name="late"))
    kinds = {alert.kind for alert in world.service.operations.alerts()}
    assert AlertKind.FEATURE_DRIFT in kinds


def test_an_alert_that_late_rows_explain_away_is_resolved_with_that_reason_and_not_untold(world) -> None:
    for number in range(2):
        send(world, day(number))
    send(world, day(2, 120, moved=2.5), labelled=False)
    send(world, day(3, 10), labelled=False)
    (alert,) = (one for one in world.service.operations.alerts() if one.kind is AlertKind.FEATURE_DRIFT)
    assert (alert.state, alert.started) == (AlertState.FIRING, START + 3 * DAY)
    send(world, day(2, 9_000, name="late"), labelled=False)
    (again,) = (one for one in world.service.operations.alerts() if one.kind is AlertKind.FEATURE_DRIFT)
    assert (again.alert_id, again.state, again.resolution) == (alert.alert_id, AlertState.RESOLVED, REVISED_AWAY)
    assert window_of(world, 2).verdicts[0].status is Status.OK


def test_an_alert_is_told_once_however_often_its_window_is_judged_again(world) -> None:
    for number in range(8):
        send(world, day(number, moved=1.6 if 2 <= number < 4 else 1.0))
    before = world.service.operations.alerts()
    for turn in range(3):
        world.clock.advance(10 * MINUTE)
        send(world, day(3, 30, moved=1.6, name=f"late{turn}"))
    assert window_of(world, 3).revised == 6, "in either stage"
    assert [one.alert_id for one in world.service.operations.alerts()] == [one.alert_id for one in before]


def test_rows_of_a_window_that_is_kept_no_longer_are_dropped_and_stay_in_the_log(make_world) -> None:
    world = make_world(keep="1d")
    world.register()
    for number in range(6):
        send(world, day(number))
    send(world, day(1, 40, name="late"))
    assert window_of(world, 1).rows == 200
    assert counted(world, "events_dropped_total", reason="late") == 40
    assert counted(world, "predictions_total") == 6 * 200
    assert (window_of(world, 1).labels, counted(world, "events_dropped_total", reason="label_late")) == (200, 40)
    parts = world.service.operations.export("flights", start=START + DAY, end=START + 2 * DAY)
    assert sum(len(part.predictions) for part in parts) == 240


def test_a_label_after_its_windows_quality_was_judged_is_added(world) -> None:
    for number in range(4):
        send(world, day(number), labelled=number != 1)
    window = window_of(world, 1)
    assert (window.stage, window.labels) == (WindowStage.COMPLETE, 0)
    world.label([one.label for one in day(1)])
    world.settle()
    window = window_of(world, 1)
    assert (window.labels, window.revised) == (200, 1)
    assert window.performance["mae"] == pytest.approx(4.0, rel=0.2), "five times the mean of a half-normal"


def test_a_correction_after_its_windows_quality_was_judged_replaces_the_label(world) -> None:
    for number in range(4):
        send(world, day(number))
    world.label([LabelEvent(prediction_id=one.prediction.prediction_id, label=1_000.0) for one in day(1)])
    world.settle()
    window = window_of(world, 1)
    assert window.labels == 200
    assert window.performance["mae"] > 500
    assert any(one.kind is AlertKind.QUALITY and one.status is Status.DRIFT for one in window.verdicts)


def test_labels_are_taken_for_the_label_horizon_however_long_rows_are(make_world) -> None:
    world = make_world(keep="0s")
    world.register()
    for number in range(30):
        send(world, day(number, 40), labelled=number != 1)
    world.label([one.label for one in day(1, 40)])
    world.settle()
    assert (window_of(world, 1).labels, window_of(world, 1).revised) == (40, 1)


def test_a_label_after_its_horizon_changes_nothing(make_world) -> None:
    world = make_world(keep="0s", label_horizon="3d")
    world.register()
    for number in range(9):
        send(world, day(number), labelled=number != 1)
    before = window_of(world, 1)
    world.label([one.label for one in day(1)])
    world.settle()
    assert window_of(world, 1) == before
    assert counted(world, "labels_total", outcome="joined") == 8 * 200


def test_what_is_remembered_of_windows_that_are_kept_no_longer_is_forgotten(make_world) -> None:
    world = make_world(keep="1d", label_horizon="5d")
    world.register()
    for number in range(15):
        send(world, day(number, 40))
    with world.state.read() as reader:
        (stream,) = reader.streams("flights")
        known = {
            stage: [
                number
                for number in range(15)
                if reader.memory_after(stream.key, stage, to_microseconds(START + number * DAY)) is not None
            ]
            for stage in (WindowStage.CLOSED, WindowStage.COMPLETE)
        }
    assert known == {WindowStage.CLOSED: [11, 12, 13], WindowStage.COMPLETE: [8, 9, 10, 11, 12]}


def event(moment: datetime, name: str) -> PredictionEvent:
    return PredictionEvent(
        prediction_id=name, event_time=moment, features={"distance": 800.0, "carrier": "AA"}, prediction=100.0
    )


def test_events_at_a_boundary_belong_to_the_window_that_begins_there(world) -> None:
    boundary = START + DAY
    world.predict([event(boundary - timedelta(microseconds=1), "last"), event(boundary, "first")])
    world.settle()
    send(world, day(3, 1))
    assert [window_of(world, number).rows for number in (0, 1)] == [1, 1]


def test_an_event_of_a_clock_that_is_ahead_does_not_close_the_windows_of_the_others(make_world) -> None:
    world = make_world(window="1min", lateness="0s", label_wait="1min")
    world.register()
    now = datetime(2026, 11, 1, 12, 0, 30, tzinfo=UTC)
    world.clock.advance(now - world.clock.now())
    world.predict([event(now + timedelta(seconds=270), "ahead"), event(now, "right")])
    world.settle()
    assert world.service.operations.windows("flights", limit=9) == []
    world.predict([event(now + timedelta(seconds=1), "right, too")])
    world.settle()
    assert counted(world, "events_late_total") == 0
    world.clock.advance(MINUTE)
    world.settle()
    (window,) = world.service.operations.windows("flights", limit=9)
    assert (window.rows, window.key.start) == (2, now.replace(second=0))


@pytest.mark.parametrize("step", [HOUR, -HOUR, 400 * DAY, -400 * DAY])
def test_a_clock_that_is_set_loses_no_row(make_world, step: timedelta) -> None:
    """The clients' clocks are right; the service's is set, and after ten minutes set right again."""
    world = make_world(window="10min", lateness="2min", label_wait="5min")
    world.register()
    begin = datetime(2026, 11, 1, 12, tzinfo=UTC)
    world.clock.advance(begin - world.clock.now())
    wrong = timedelta(0)
    for minute in range(60):
        if minute in (20, 30):
            world.clock.advance(step if minute == 20 else -step)
            wrong = step if minute == 20 else timedelta(0)
        world.settle()
        ahead = wrong < -timedelta(minutes=5)
        moment = begin + minute * MINUTE
        if not ahead:
            world.predict([event(moment, f"m{minute}")])
        world.settle()
        world.clock.advance(MINUTE)
    world.clock.advance(HOUR)
    world.settle()
    rows = sum(one.rows for one in world.service.operations.windows("flights", limit=99))
    assert rows == (60 if step > timedelta(0) else 50), "what is rejected as from the future is told its sender"
    assert counted(world, "events_dropped_total") == 0


def test_a_stream_that_stops_is_judged_by_the_clock(world) -> None:
    now = world.clock.now()
    send(world, flights(now - 2 * HOUR, 60, MINUTE), labelled=False)
    world.clock.advance(DAY + 2 * HOUR)
    world.settle()
    assert sum(one.rows for one in world.service.operations.windows("flights", limit=9)) == 60


def test_an_older_versions_rows_may_come_after_a_newer_ones(world, fit) -> None:
    world.register(fit("2"))
    for number in range(3):
        send(world, day(number, model_version="2"))
    send(world, day(0, 100, model_version="1", name="old"))
    send(world, day(1, 100, model_version="1", name="old"))
    world.clock.advance(MINUTE)
    world.settle()
    older = told(world, model_version="1")
    assert [one.rows for one in older] == [100, 100]
    assert [one.rows for one in told(world, model_version="2")] == [200, 200]
    assert counted(world, "events_late_total") == 0, "no window of this version was judged before"
