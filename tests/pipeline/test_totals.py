"""Counters that follow what is kept go on after a restart, exactly."""

from collections.abc import Callable

import pytest

from driftwatch.bootstrap import assemble
from driftwatch.pipeline.telemetry import LabelSet
from driftwatch.settings import load_settings
from driftwatch.wire.native import LabelEvent

VERSION: LabelSet = (("model", "flights"), ("model_version", "1"))
JOINED: LabelSet = (("model", "flights"), ("model_version", "1"), ("outcome", "joined"))


def restarted(world):
    """Another service over the same stores."""
    return assemble(load_settings(), spool=world.spool, log=world.log, state=world.state, clock=world.clock, told={})


def test_a_restarted_service_goes_on_counting_where_the_one_before_was(world) -> None:
    world.day(0, rows=40)
    service = restarted(world)
    service.pipeline.recall()
    assert service.telemetry.snapshot().counters["predictions_total", VERSION] == 40
    world.service = service
    world.day(1, rows=2)
    counters = service.telemetry.snapshot().counters
    assert (counters["predictions_total", VERSION], counters["labels_total", JOINED]) == (42, 42)
    service.pipeline.recall()
    assert service.telemetry.snapshot().counters["predictions_total", VERSION] == 42


def test_the_first_step_recalls_what_nobody_asked_for(world) -> None:
    world.day(0, rows=3)
    service = restarted(world)
    service.pipeline.step()
    assert service.telemetry.snapshot().counters["predictions_total", VERSION] == 3


def test_a_step_that_is_not_kept_counts_nothing(world, monkeypatch: pytest.MonkeyPatch) -> None:
    world.day(0, rows=3)
    fails: Callable[..., None] = lambda *_: (_ for _ in ()).throw(OSError)  # noqa: E731
    with monkeypatch.context() as patched:
        patched.setattr(world.service.pipeline._judge, "judge_due", fails)
        world.label([LabelEvent(prediction_id="0-1", label=7.0)])
        with pytest.raises(OSError, match=r"^$"):
            world.service.pipeline.step()
    world.settle()
    counters = world.service.telemetry.snapshot().counters
    corrected = (("model", "flights"), ("model_version", "1"), ("outcome", "corrected"))
    assert counters["labels_total", corrected] == 1
    assert counters["labels_total", JOINED] == 3
