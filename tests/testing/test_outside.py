"""The clock and the sink that ship for tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from driftwatch.errors import SinkRejected, SinkUnavailable
from driftwatch.ports import OutboxMessage
from driftwatch.testing import ManualClock, RecordingSink

T0 = datetime(2026, 1, 1, tzinfo=UTC)
MESSAGE = OutboxMessage(message_id="a", sink="recording", model="m", body="{}", created_at=T0)


def test_the_clock_stands_still_until_it_is_moved() -> None:
    clock = ManualClock(T0)
    assert clock.now() == clock.now() == T0


def test_the_clock_goes_forward_and_back_and_anywhere() -> None:
    clock = ManualClock(T0)
    clock.advance(timedelta(hours=2))
    clock.advance(timedelta(hours=-3))
    assert clock.now() == T0 - timedelta(hours=1)
    clock.set(T0)
    assert clock.now() == T0


def test_the_sink_keeps_what_it_is_told_and_answers_a_note() -> None:
    sink = RecordingSink("hook")
    assert sink.name == "hook"
    assert sink.deliver(MESSAGE) == "recorded as number 1"
    assert sink.messages == [MESSAGE]


def test_the_sink_fails_as_often_as_it_is_told_to() -> None:
    sink = RecordingSink(failures=[SinkUnavailable("busy"), SinkRejected("no")])
    with pytest.raises(SinkUnavailable):
        sink.deliver(MESSAGE)
    with pytest.raises(SinkRejected):
        sink.deliver(MESSAGE)
    sink.deliver(MESSAGE)
    assert (sink.attempts, sink.messages) == (3, [MESSAGE])
