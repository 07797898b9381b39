"""Notifications arrive at least once, or are given up with a reason."""

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from driftwatch.bootstrap import assemble
from driftwatch.core.records import RetrainEpisode, RetrainState, RetrainStep
from driftwatch.errors import SinkRejected, SinkUnavailable
from driftwatch.pipeline.deliver import Backoff, Deliverer
from driftwatch.pipeline.telemetry import Telemetry
from driftwatch.ports import OutboxMessage, OutboxState
from driftwatch.settings import load_settings
from driftwatch.testing import ManualClock, MemoryState, RecordingSink


def asked(world, sink: RecordingSink) -> Deliverer:
    for number in range(12):
        world.day(number, error=15.0)
    assert world.service.operations.retrains()
    return Deliverer(world.state, {sink.name: sink}, world.clock, Telemetry())


def outbox(world):
    with world.state.read() as reader:
        return reader.outbox()


def test_a_receiver_that_is_away_is_tried_again_with_the_same_id(world) -> None:
    sink = RecordingSink(failures=[SinkUnavailable("away"), SinkUnavailable("away")])
    deliverer = asked(world, sink)
    for _ in range(3):
        deliverer.deliver_due()
        world.clock.advance(timedelta(minutes=1))
    assert [message.message_id for message in sink.messages] == [outbox(world)[0].message_id]
    assert sink.attempts == 3


def test_a_retry_waits(world) -> None:
    sink = RecordingSink(failures=[SinkUnavailable("away")])
    deliverer = asked(world, sink)
    deliverer.deliver_due()
    deliverer.deliver_due()
    assert sink.attempts == 1


def test_a_receiver_that_refuses_is_not_asked_again(world) -> None:
    sink = RecordingSink(failures=[SinkRejected("410 Gone")])
    deliverer = asked(world, sink)
    deliverer.deliver_due()
    world.clock.advance(timedelta(days=1))
    deliverer.deliver_due()
    assert outbox(world)[0].state is OutboxState.DEAD
    assert world.service.operations.retrains()[0].state is RetrainState.FAILED
    assert sink.attempts == 1


def test_a_receiver_that_stays_away_is_given_up_after_a_day(world) -> None:
    sink = RecordingSink(failures=[SinkUnavailable("away")] * 500)
    deliverer = asked(world, sink)
    for _ in range(120):
        deliverer.deliver_due()
        world.clock.advance(timedelta(minutes=20))
    assert outbox(world)[0].state is OutboxState.DEAD


def test_a_report_that_overtakes_the_delivery_stands(world) -> None:
    sink = RecordingSink()
    deliverer = asked(world, sink)
    (episode,) = world.service.operations.retrains()
    world.service.operations.retrain_status(episode.retrain_id, RetrainState.TRAINING)
    deliverer.deliver_due()
    assert world.service.operations.retrains()[0].state is RetrainState.TRAINING


@pytest.mark.parametrize("attempts", [1, 2, 5, 20, 1_000])
def test_pauses_double_up_to_the_longest(attempts: int) -> None:
    backoff = Backoff(first=timedelta(seconds=1), longest=timedelta(minutes=15))
    plain = min(timedelta(seconds=2.0 ** min(attempts - 1, 30)), timedelta(minutes=15))
    assert plain <= backoff.wait(attempts, "a") <= plain * 1.25


NOW = datetime(2026, 1, 1, tzinfo=UTC)


def message(message_id: str, *, model: str = "m", sink: str = "a", **fields: object) -> OutboxMessage:
    return OutboxMessage(message_id=message_id, sink=sink, model=model, body="{}", created_at=NOW, **fields)


@pytest.fixture
def state() -> MemoryState:
    return MemoryState()


def put(state: MemoryState, *messages: OutboxMessage) -> None:
    with state.transaction() as transaction:
        for one in messages:
            transaction.put_message(one)


def told(sink: RecordingSink) -> list[str]:
    return [one.message_id for one in sink.messages]


class TestOrder:
    def test_of_a_model_the_next_waits_until_the_one_before_has_arrived(self, state: MemoryState) -> None:
        clock, sink = ManualClock(NOW), RecordingSink("a", failures=[SinkUnavailable("away")])
        put(state, message("1"), message("2"), message("3", model="n"))
        deliverer = Deliverer(state, {"a": sink}, clock, Telemetry())
        assert (deliverer.deliver_due(), told(sink)) == (1, ["3"])
        assert (deliverer.deliver_due(), told(sink)) == (0, ["3"])
        clock.advance(timedelta(minutes=1))
        while deliverer.deliver_due():
            continue
        assert told(sink) == ["3", "1", "2"]

    def test_what_was_given_up_holds_nobody_up(self, state: MemoryState) -> None:
        sink = RecordingSink("a", failures=[SinkRejected("410")])
        put(state, message("1"), message("2"))
        deliverer = Deliverer(state, {"a": sink}, ManualClock(NOW), Telemetry())
        deliverer.deliver_due()
        deliverer.deliver_due()
        assert told(sink) == ["2"]

    def test_many_models_that_wait_do_not_keep_others_from_their_turn(self, state: MemoryState) -> None:
        clock, sink = ManualClock(NOW), RecordingSink("a", failures=[SinkUnavailable("away")] * 40)
        put(state, *(message(f"{one}", model=f"m{one}") for one in range(50)))
        deliverer = Deliverer(state, {"a": sink}, clock, Telemetry())
        for _ in range(2):
            deliverer.deliver_due()
        assert sink.attempts == 50


class TestSinks:
    def test_one_that_hangs_delays_no_other(self, make_world) -> None:
        class Hanging(RecordingSink):
            def deliver(self, message: OutboxMessage) -> str:
                hangs.set()
                assert goes_on.wait(30)
                return super().deliver(message)

        hangs, goes_on = threading.Event(), threading.Event()
        slow, quick = Hanging("slow"), RecordingSink("quick")
        world = make_world()
        service = assemble(
            load_settings(), spool=world.spool, log=world.log, state=world.state,
            told={"slow": slow, "quick": quick},
        )  # fmt: skip
        put(world.state, message("1", sink="slow"), message("1b", sink="quick"))
        service.runner.start()
        try:
            assert hangs.wait(30)
            put(world.state, *(message(f"{one}", sink="quick") for one in range(2, 6)))
            deadline = time.monotonic() + 30
            while len(quick.messages) < 5 and time.monotonic() < deadline:
                time.sleep(0.01)
            assert told(quick) == ["1b", "2", "3", "4", "5"]
            assert told(slow) == []
        finally:
            goes_on.set()
            service.runner.stop()

    def test_one_with_a_fault_of_its_own_is_tried_again(self, state: MemoryState) -> None:
        sink = RecordingSink("a", failures=[KeyError("secret")])
        put(state, message("1"))
        deliverer = Deliverer(state, {"a": sink}, ManualClock(NOW), Telemetry())
        deliverer.deliver_due()
        with state.read() as reader:
            (failed,) = reader.outbox()
        assert failed.state is OutboxState.PENDING
        assert "secret" not in failed.last_error

    def test_what_is_for_one_that_is_gone_is_given_up(self, state: MemoryState) -> None:
        put(state, message("1", sink="gone"))
        Deliverer(state, {"a": RecordingSink("a")}, ManualClock(NOW), Telemetry()).deliver_due()
        with state.read() as reader:
            assert [one.last_error for one in reader.outbox(state=OutboxState.DEAD)] == [
                "No sink is called 'gone' any more."
            ]

    def test_a_retrain_has_failed_when_nobody_could_be_told(self, state: MemoryState) -> None:
        good, bad = RecordingSink("good"), RecordingSink("bad", failures=[SinkRejected("410")])
        step = RetrainStep(at=NOW, state=RetrainState.REQUESTED)
        with state.transaction() as transaction:
            transaction.open_retrain(
                RetrainEpisode(
                    retrain_id="r", model="m", model_version="1", state=step.state, triggered=NOW, until=NOW,
                    reason="", alert_ids=(), history=(step,),
                )
            )  # fmt: skip
        put(state, message("1", sink="bad", retrain_id="r"), message("2", sink="good", retrain_id="r"))
        deliverer = Deliverer(state, {"bad": bad, "good": good}, ManualClock(NOW), Telemetry())
        deliverer.deliver_to("bad")
        with state.read() as reader:
            assert reader.retrain("r").state is RetrainState.REQUESTED
        deliverer.deliver_to("good")
        with state.read() as reader:
            episode = reader.retrain("r")
        assert [one.state for one in episode.history] == [
            RetrainState.REQUESTED, RetrainState.REQUESTED, RetrainState.DELIVERED
        ]  # fmt: skip
        assert episode.history[1].note == "bad could not be told: 410"


def test_giving_up_counts_from_the_first_attempt_and_not_from_the_writing(state: MemoryState) -> None:
    clock = ManualClock(NOW + timedelta(days=3))  # the service was away
    sink = RecordingSink("a", failures=[SinkUnavailable("away")] * 3)
    put(state, message("1"))
    deliverer = Deliverer(state, {"a": sink}, clock, Telemetry(), Backoff(give_up=timedelta(hours=2)))
    deliverer.deliver_due()
    with state.read() as reader:
        assert reader.outbox()[0].state is OutboxState.PENDING
    clock.advance(timedelta(hours=2))
    deliverer.deliver_due()
    with state.read() as reader:
        assert reader.outbox()[0].state is OutboxState.DEAD
