from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from driftwatch.capture import BufferLimits
from driftwatch.capture.buffer import Buffer, Dropped, Waiting
from driftwatch.capture.copying import copied
from driftwatch.capture.events import NOTHING_GIVEN, Answer, Call, Target

QUICK = BufferLimits(linger_seconds=0.0)


class Taking:
    """A delivery that takes calls; ``then`` is done with each batch."""

    def __init__(self, then: Callable[[list[Call], Waiting], object] = lambda calls, waiting: None) -> None:
        self.batches: list[list[Call]] = []
        self.closed = 0
        self.then = then

    def __call__(self, calls: list[Call], waiting: Waiting) -> None:
        self.batches.append(calls)
        self.then(calls, waiting)

    def close(self) -> None:
        self.closed += 1

    @property
    def firsts(self) -> list[int]:
        return [call.first for batch in self.batches for call in batch]


def call(number: int, count: int = 1, kept: int | None = None) -> Call:
    rows, answer = copied([[0.0]] * count, count), copied([0.0] * count, count)
    target = Target(model=None, model_version=None, feature_names=None, classes=None)
    kept = count if kept is None else kept
    return Call(target, Answer.PREDICTIONS, *rows, *answer, count, kept, 0, number, NOTHING_GIVEN, rows[1].size_bytes)


def test_calls_are_delivered_in_their_order() -> None:
    taking = Taking()
    buffer = Buffer(taking, BufferLimits(batch_events=7, linger_seconds=0.0))
    for number in range(100):
        buffer.put(call(number))
    assert buffer.flush(5)
    assert taking.firsts == list(range(100))
    assert all(len(batch) <= 7 for batch in taking.batches)
    assert buffer.close(5)


def test_a_call_with_more_rows_than_a_batch_is_delivered_alone() -> None:
    taking = Taking()
    buffer = Buffer(taking, BufferLimits(batch_events=10, linger_seconds=60.0))
    for number, count in enumerate([3, 50, 4, 4]):
        buffer.put(call(number, count))
    assert buffer.flush(5)
    assert taking.firsts == [0, 1, 2, 3]
    assert [len(batch) for batch in taking.batches if batch[0].first == 1] == [1]
    buffer.close(5)


def test_a_defect_in_the_delivery_is_counted_and_does_not_end_it() -> None:
    def fail(calls: list[Call], waiting: Waiting) -> None:
        if calls[0].first == 0:
            raise ZeroDivisionError

    taking = Taking(fail)
    buffer = Buffer(taking, QUICK)
    buffer.put(call(0, 3))
    assert buffer.flush(5)
    buffer.put(call(1))
    assert buffer.flush(5)
    assert buffer.dropped == {"unreadable": 3}
    assert taking.firsts == [0, 1]
    assert buffer.room() == buffer.limits.events
    buffer.close(5)


def test_where_no_thread_can_be_started_the_next_call_tries_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    taking = Taking()
    buffer = Buffer(taking, QUICK)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        buffer.put(call(0))
        assert not buffer.flush(0.01)
    buffer.put(call(1))
    assert buffer.flush(5)
    assert taking.firsts == [0, 1]
    buffer.close(5)


def test_rows_beyond_the_room_are_counted_and_the_copied_ones_kept() -> None:
    taking = Taking()
    buffer = Buffer(taking, BufferLimits(events=5, linger_seconds=60.0))
    buffer.put(call(0, count=9, kept=5))
    assert buffer.room() == 0
    buffer.put(call(1))
    assert buffer.dropped == {"buffer_full": 5}
    assert buffer.flush(5)
    assert taking.firsts == [0]
    buffer.close(5)


def test_an_addition_to_an_event_is_not_counted_when_it_is_lost() -> None:
    buffer = Buffer(Taking(), BufferLimits(events=1, linger_seconds=60.0))
    buffer.put(call(0))
    buffer.put(call(0)._replace(answers=3))
    assert buffer.dropped == {}
    assert buffer.flush(5)
    buffer.close(5)


def test_the_thread_ends_with_the_buffer_and_lets_go_of_connections() -> None:
    taking = Taking()
    buffer = Buffer(taking, QUICK)
    buffer.put(call(0))
    assert buffer.close(5)
    assert taking.closed == 1
    assert not [one for one in threading.enumerate() if one.name == "driftwatch-capture"]


def test_flushing_an_empty_buffer_needs_no_time_and_no_thread() -> None:
    buffer = Buffer(Taking(), QUICK)
    assert buffer.flush(0.0)
    assert buffer.close(0.0)
    assert not [one for one in threading.enumerate() if one.name == "driftwatch-capture"]


def test_a_flush_is_over_when_what_was_held_is_gone_whatever_comes_meanwhile() -> None:
    more = iter(range(100, 1_000_000))
    buffer: Any = None

    def put_another(calls: list[Call], waiting: Waiting) -> None:
        buffer.put(call(next(more)))

    taking = Taking(put_another)
    buffer = Buffer(taking, QUICK)
    buffer.put(call(0))
    assert buffer.flush(5)
    assert taking.firsts[0] == 0
    taking.then = lambda calls, waiting: None
    buffer.close(5)


def test_a_pause_ends_when_the_time_of_a_closed_buffer_is_over() -> None:
    pauses: list[bool] = []
    stuck = threading.Event()

    def wait(calls: list[Call], waiting: Waiting) -> None:
        stuck.set()
        while waiting.pause(0.01):
            pauses.append(True)
        waiting.drop(Dropped.CLOSED, len(calls))

    buffer = Buffer(Taking(wait), QUICK)
    buffer.put(call(0))
    assert stuck.wait(5)
    assert not buffer.close(0.1)
    thread = buffer._thread
    if thread is not None:
        thread.join(5)
    assert pauses
    assert buffer.dropped == {"closed": 1}
