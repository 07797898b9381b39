"""Notifications arrive at least once, or are given up with a reason."""

from datetime import timedelta

import pytest

from driftwatch.core.records import RetrainState
from driftwatch.errors import SinkRejected, SinkUnavailable
from driftwatch.pipeline.deliver import Backoff, Deliverer
from driftwatch.pipeline.telemetry import Telemetry
from driftwatch.ports import OutboxState
from driftwatch.testing import RecordingSink


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
