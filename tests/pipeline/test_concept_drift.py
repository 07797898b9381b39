"""Concept drift in the service: told once, with a date, over restarts and late corrections."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from driftwatch.bootstrap import assemble
from driftwatch.core.records import AlertKind, AlertState, Status, WindowStage
from driftwatch.settings import load_settings
from driftwatch.wire.native import LabelEvent
from tests.pipeline.conftest import START

CONCEPT = {"shares": {}}


def concept(world: Any) -> list[Any]:
    return [one for one in world.service.operations.alerts() if one.kind is AlertKind.CONCEPT_DRIFT]


def verdicts(world: Any) -> dict[str, Any]:
    """By day, what is said of the concept in complete windows."""
    windows = world.service.operations.windows("flights", limit=100)
    return {
        f"{window.key.start:%m-%d}": verdict
        for window in windows
        if window.stage is WindowStage.COMPLETE
        for verdict in window.verdicts
        if verdict.kind is AlertKind.CONCEPT_DRIFT
    }


def days(world: Any, count: int, *, first: int = 0, error: float = 5.0) -> None:
    for number in range(first, first + count):
        world.day(number, error=error)


def recorded(world: Any) -> dict[str, float]:
    """What is predicted from now on, by id."""
    found: dict[str, float] = {}
    send = world.predict

    def predict(events: Any) -> Any:
        found.update({one.prediction_id: one.prediction for one in events})
        return send(events)

    world.predict = predict
    return found


def test_a_concept_that_changed_is_one_alert_that_says_what_moved_and_since_when(make_world: Any) -> None:
    world = make_world(**CONCEPT)
    world.register()
    days(world, 4)
    days(world, 8, first=4, error=15.0)
    [alert] = concept(world)
    assert alert.state is AlertState.FIRING
    assert "mean absolute error rose from" in alert.reason
    assert f"since about {START + timedelta(days=4):%Y-%m-%d}" in alert.reason
    assert [one.status for one in verdicts(world).values()].count(Status.DRIFT) >= 2


def test_it_holds_until_the_rows_are_as_before(make_world: Any) -> None:
    world = make_world(**CONCEPT)
    world.register()
    days(world, 3)
    days(world, 5, first=3, error=15.0)
    days(world, 8, first=8)
    [alert] = concept(world)
    assert alert.state is AlertState.RESOLVED


def test_rebased_it_takes_the_new_level_for_what_is_and_sees_the_next_change(make_world: Any) -> None:
    world = make_world(**CONCEPT, after_alarm="rebase")
    world.register()
    days(world, 3)
    days(world, 9, first=3, error=15.0)
    days(world, 5, first=12, error=45.0)
    second, first = concept(world)
    assert (first.state, second.state) == (AlertState.RESOLVED, AlertState.FIRING)
    assert f"since about {START + timedelta(days=3):%Y-%m-%d}" in first.reason
    assert f"since about {START + timedelta(days=12):%Y-%m-%d}" in second.reason


def test_a_restart_in_the_middle_changes_nothing(make_world: Any) -> None:
    told = []
    for restarts in (False, True):
        world = make_world(**CONCEPT)
        world.register()
        for number in range(9):
            world.day(number, error=5.0 if number < 4 else 8.0)
            if restarts:
                world.service = assemble(
                    load_settings(**CONCEPT), spool=world.spool, log=world.log, state=world.state, clock=world.clock,
                    told={"webhook": world.sink},
                )  # fmt: skip
        told.append({day: (one.status, one.text, one.evidence) for day, one in verdicts(world).items()})
    assert told[0] == told[1]
    assert len(told[0]) >= 6


def test_corrected_labels_have_the_windows_after_them_judged_again(make_world: Any) -> None:
    world = make_world(**CONCEPT, again_after="0s")
    world.register()
    predicted = recorded(world)
    days(world, 3)
    days(world, 5, first=3, error=15.0)
    assert any(one.status is Status.DRIFT for one in verdicts(world).values())
    # It was all a mistake: the labels of those days are what was predicted, give or take what is usual.
    for number in range(3, 8):
        begin = START + timedelta(days=number, hours=20)
        world.label(
            [
                LabelEvent(
                    prediction_id=f"{number}-{row}",
                    label=predicted[f"{number}-{row}"] + (4.0 if row % 2 else -4.0),
                    event_time=begin,
                )
                for row in range(200)
            ]
        )
        world.settle()
    world.clock.advance(timedelta(minutes=10))
    world.settle()
    assert not any(one.status is Status.DRIFT for one in verdicts(world).values())
