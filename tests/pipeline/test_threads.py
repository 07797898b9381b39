"""The threads make room for requests while events come in faster than they go through, and only then."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from itertools import count, repeat

import pytest

from driftwatch.pipeline.run import Pace
from driftwatch.pipeline.threads import Moment, Runner
from driftwatch.wire.native import PredictionEvent

PACE = Pace(stands_back=3.0, longest_stand_back_seconds=1.0, most_behind=timedelta(seconds=30))
WAITED_SECONDS = 0.1


def flight(row: int) -> PredictionEvent:
    return PredictionEvent(
        prediction_id=f"p{row}", features={"distance": 500.0 + row, "carrier": "AA"}, prediction=60.0
    )


class Stub:
    """Says how far behind it is, and what was acknowledged meanwhile."""

    sinks: tuple[str, ...] = ()

    def __init__(self, behind_seconds: float, acknowledged: Iterator[int]) -> None:
        self._behind, self._acknowledged = timedelta(seconds=behind_seconds), acknowledged

    def behind(self) -> timedelta:
        return self._behind

    def acknowledged(self) -> int:
        return next(self._acknowledged)

    def give_up_unknown(self) -> int:
        return 0


def rested_seconds(stub: Stub, *, waited: float = WAITED_SECONDS, worked: float = 0.0) -> float:
    """After work in which the thread waited and worked for so long."""
    runner = Runner(stub, stub, lambda: False, PACE)  # type: ignore[arg-type]
    now = Moment.now()
    runner._stand_back(Moment(now.clock - waited - worked, now.worked - worked), 0)
    return time.monotonic() - now.clock


def test_it_rests_for_a_multiple_of_what_it_waited_for_the_processor_while_events_are_acknowledged() -> None:
    assert rested_seconds(Stub(1.0, count(1))) > 2.5 * WAITED_SECONDS


def test_it_does_not_rest_where_it_had_the_processor_whenever_it_wanted() -> None:
    assert rested_seconds(Stub(1.0, count(1)), waited=0.0, worked=5.0) < WAITED_SECONDS


def test_it_rests_for_a_second_at_most() -> None:
    assert rested_seconds(Stub(1.0, count(1)), waited=100.0) < 2.0


@pytest.mark.parametrize(
    ("behind_seconds", "acknowledged"),
    [(1.0, repeat(0)), (0.0, count(1)), (30.0, count(1))],
    ids=["nobody waits", "nothing is left", "far behind"],
)
def test_else_it_does_not_rest(behind_seconds: float, acknowledged: Iterator[int]) -> None:
    assert rested_seconds(Stub(behind_seconds, acknowledged)) < WAITED_SECONDS


def test_it_goes_on_when_nobody_waits_any_more() -> None:
    assert rested_seconds(Stub(1.0, iter([1, 2, 2]))) < 2.5 * WAITED_SECONDS


def test_how_far_it_is_behind_is_the_age_of_the_last_row_that_it_took(make_world) -> None:
    world = make_world()
    world.register()
    pipeline = world.service.pipeline
    pipeline.step()
    pipeline._pace = Pace(rows_a_step=10)
    events = [flight(row) for row in range(25)]
    world.predict(events[:20])
    world.predict(events[20:])
    world.clock.advance(timedelta(seconds=7))
    pipeline.step()
    assert pipeline.behind() == timedelta(seconds=7)
    pipeline.step()
    assert pipeline.behind() == timedelta(0)


def test_the_log_is_written_while_a_step_is_under_way(make_world) -> None:
    world = make_world()
    world.register()
    world.predict([flight(row) for row in range(5)])
    world.settle()
    pipeline = world.service.pipeline
    world.clock.advance(timedelta(minutes=5))
    with pipeline._stepping:
        recording = threading.Thread(target=pipeline.record_due)
        recording.start()
        recording.join(10)
        assert not recording.is_alive()
    assert world.spool.pending_rows() == 0


def test_the_log_waits_for_enough_rows_or_time(make_world) -> None:
    world = make_world()
    world.register()
    pipeline = world.service.pipeline
    pipeline.record_due()
    world.predict([flight(0)])
    world.settle()
    assert not pipeline.record_due()
    world.clock.advance(timedelta(minutes=5))
    assert pipeline.record_due()
    world.predict([flight(1)])
    world.settle()
    pipeline._pace = Pace(rows_a_file=1)
    assert pipeline.record_due()
