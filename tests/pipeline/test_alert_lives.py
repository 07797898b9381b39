"""The life of an alert: pending, firing, acknowledged, silenced, resolved; and who is told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from driftwatch.bootstrap import assemble
from driftwatch.core.records import Alert, AlertState
from driftwatch.errors import InputError, StateConflict, UnknownAlert
from driftwatch.pipeline.alerts import AlertLives, SilenceKeeper
from driftwatch.pipeline.announce import Announcer
from driftwatch.ports import MessageKind
from driftwatch.settings import load_settings
from driftwatch.testing import RecordingSink

MakeWorld = Callable[..., Any]


def only(world: Any) -> Alert:
    (alert,) = world.service.operations.alerts()
    return alert


def told(world: Any) -> list[tuple[str, str]]:
    """What a sink that takes alerts was told: type and model."""
    while world.service.runner._deliverer.deliver_due():
        continue
    events = [msgspec.json.decode(one.body) for one in world.sink.messages]
    return [(one["type"].removeprefix("io.driftwatch."), one["data"]["alert"]["state"]) for one in events]


@pytest.fixture
def chatty(make_world: MakeWorld) -> Callable[..., Any]:
    """A world whose only sink is told of alerts."""

    def make(**options: Any) -> Any:
        options.setdefault("shares", {"concept_drift": 0.0})
        world = make_world(**options)
        world.sink = RecordingSink("chat", takes=[MessageKind.ALERT])
        world.service = assemble(
            load_settings(**options), spool=world.spool, log=world.log, state=world.state, clock=world.clock,
            told={"chat": world.sink},
        )  # fmt: skip
        world.register()
        return world

    return make


def test_an_alert_fires_at_once_by_default_and_says_since_when(world: Any) -> None:
    for number in range(8):
        world.day(number, error=15.0)
    assert only(world).state is AlertState.FIRING
    assert [step.state for step in only(world).history] == [AlertState.FIRING]
    assert only(world).windows > 1


def test_it_is_pending_while_it_must_prove_itself(make_world: MakeWorld) -> None:
    world = make_world(alert_windows=3)
    world.register()
    seen = []
    for number in range(8):
        world.day(number, error=15.0)
        seen += [(one.state, one.windows) for one in world.service.operations.alerts()]
    pending = [windows for state, windows in seen if state is AlertState.PENDING]
    assert pending
    assert max(pending) == 2
    assert only(world).state is AlertState.FIRING
    assert [step.state for step in only(world).history] == [AlertState.PENDING, AlertState.FIRING]


def test_one_that_is_pending_is_not_made_to_fire_by_people(make_world: MakeWorld) -> None:
    world = make_world(alert_windows=50)
    world.register()
    number = 0
    while not world.service.operations.alerts():
        world.day(number, error=15.0)
        number += 1
    with pytest.raises(StateConflict, match="does not fire yet"):
        world.service.operations.acknowledge(only(world).alert_id, "ada")
    now = world.clock.now()
    world.service.operations.silence(only(world).alert_id, now + timedelta(hours=1), "ada")
    world.clock.advance(timedelta(hours=1))
    assert only(world).state is AlertState.PENDING
    world.day(number, error=15.0)
    assert only(world).state is AlertState.PENDING
    assert world.service.operations.retrains() == []


def test_one_that_is_well_again_before_it_fires_tells_nobody(chatty: Callable[..., Any]) -> None:
    world = chatty(alert_windows=100)
    for number in range(20):
        world.day(number, moved=1.6 if number < 4 else 1.0, labelled=False)
    states = {one.state for one in world.service.operations.alerts()}
    assert states == {AlertState.RESOLVED}
    assert told(world) == []


def test_a_sink_that_takes_alerts_is_told_when_one_fires_and_when_it_is_over(chatty: Callable[..., Any]) -> None:
    world = chatty(alert_windows=1)
    for number in range(20):
        world.day(number, moved=1.6 if number < 4 else 1.0, labelled=False)
    kinds = {one.kind for one in world.service.operations.alerts()}
    assert sorted(told(world)) == sorted([("alert.firing", "firing"), ("alert.resolved", "resolved")] * len(kinds))


def test_one_that_somebody_knows_of_calls_for_a_retrain_all_the_same(make_world: MakeWorld) -> None:
    world = make_world(retrain={"windows": 4})
    world.register()
    number = 0
    while not world.service.operations.alerts():
        world.day(number, error=15.0)
        number += 1
    known = world.service.operations.acknowledge(only(world).alert_id, "ada", "looking")
    assert (known.state, known.history[-1].by, known.history[-1].note) == (AlertState.ACKNOWLEDGED, "ada", "looking")
    for more in range(number, number + 5):
        world.day(more, error=15.0)
    assert only(world).state is AlertState.ACKNOWLEDGED
    assert len(world.service.operations.retrains()) == 1


class TestSilence:
    def silenced(self, chatty: Callable[..., Any], hours: int) -> Any:
        world = chatty(retrain={"windows": 3})
        number = 0
        while not world.service.operations.alerts():
            world.day(number, error=15.0)
            number += 1
        until = world.clock.now() + timedelta(hours=hours)
        world.service.operations.silence(only(world).alert_id, until, "ada", "known")
        for more in range(number, number + 6):
            world.day(more, error=15.0)
        return world

    def test_it_calls_for_no_retrain_and_says_so(self, chatty: Callable[..., Any]) -> None:
        world = self.silenced(chatty, 48)
        assert world.service.operations.retrains() == []
        alert = only(world)
        assert (alert.state, alert.history[-1].by) == (AlertState.SILENCED, "ada")
        assert alert.silenced_until is not None
        assert world.service.operations.alerts(state=AlertState.SILENCED) == [alert]

    def test_nobody_is_told_that_it_is_over(self, chatty: Callable[..., Any]) -> None:
        world = self.silenced(chatty, 48)
        before = told(world)
        for number in range(30, 45):
            world.day(number, error=2.0)
        assert only(world).state is AlertState.RESOLVED
        assert told(world) == before == [("alert.firing", "firing")]

    def test_when_it_ends_the_alert_fires_and_calls(self, chatty: Callable[..., Any]) -> None:
        world = self.silenced(chatty, 48)
        world.clock.advance(timedelta(hours=48))
        assert only(world).state is AlertState.FIRING
        world.settle()
        world.day(30, error=15.0)
        assert len(world.service.operations.retrains()) == 1
        assert told(world) == [("alert.firing", "firing")], "under the same key nobody is told twice"

    def test_its_end_is_noticed_though_nothing_is_judged(self, chatty: Callable[..., Any]) -> None:
        world = self.silenced(chatty, 48)
        lives = AlertLives(announcer=Announcer(alert_sinks=("chat",)))
        keeper = SilenceKeeper(world.state, world.clock, lives, world.service.telemetry)
        keeper.step()
        assert only(world).state is AlertState.SILENCED
        world.clock.advance(timedelta(hours=48))
        keeper.step()
        with world.state.read() as reader:
            assert [one.state for one in reader.alerts()] == [AlertState.FIRING]
        world.settle()
        assert len(world.service.operations.retrains()) == 1

    def test_gauges_tell_silenced_ones_apart(self, chatty: Callable[..., Any]) -> None:
        world = self.silenced(chatty, 48)
        facts = world.service.operations.metrics_facts()
        assert [one.state for one in facts.firing] == [AlertState.SILENCED]
        assert facts.models[0].firing_alerts == 0

    def test_ending_it_early_lets_the_alert_call_at_once(self, chatty: Callable[..., Any]) -> None:
        world = self.silenced(chatty, 48)
        world.service.operations.silence(only(world).alert_id, world.clock.now(), "ada")
        assert only(world).state is AlertState.FIRING
        world.settle()
        assert len(world.service.operations.retrains()) == 1

    def test_it_is_for_the_next_alert_of_its_kind_too(self, chatty: Callable[..., Any]) -> None:
        world = self.silenced(chatty, 48)
        for number in range(30, 45):
            world.day(number, error=2.0)
        for number in range(45, 55):
            world.day(number, error=15.0)
        newest, first = world.service.operations.alerts()
        assert (newest.state, newest.silenced_until) == (AlertState.SILENCED, first.silenced_until)
        assert newest.history[0].by == "ada"
        assert told(world) == [("alert.firing", "firing")]

    def test_what_is_over_cannot_be_silenced(self, chatty: Callable[..., Any]) -> None:
        world = self.silenced(chatty, 48)
        for number in range(30, 45):
            world.day(number, error=2.0)
        now = world.clock.now()
        with pytest.raises(StateConflict):
            world.service.operations.silence(only(world).alert_id, now + timedelta(hours=1), "ada")
        with pytest.raises(StateConflict):
            world.service.operations.acknowledge(only(world).alert_id, "ada")
        with pytest.raises(UnknownAlert):
            world.service.operations.acknowledge("nobody", "ada")
        with pytest.raises(InputError, match="a year"):
            world.service.operations.silence(only(world).alert_id, now + timedelta(days=400), "ada")
