"""What the proxy asks the monitor for, and when."""

from __future__ import annotations

import json
from typing import Any

import pytest

from driftwatch.capture import baseline_names
from driftwatch.capture.baseline_names import BaselineNames
from driftwatch.capture.client import Client
from driftwatch.capture.events import Known
from driftwatch.core.baseline import Baseline
from tests.capture.proxy.wires import BASELINE


class Patience:
    """Lets the time be over after so many pauses."""

    def __init__(self, pauses: int) -> None:
        self.left = pauses

    def pause(self, seconds: float) -> bool:
        self.left -= 1
        return self.left >= 0

    def drop(self, reason: object, count: int) -> None:
        raise AssertionError("nothing is dropped while it is asked")


def names(service: Any, features: tuple[str, ...] | None = None) -> BaselineNames:
    service.tells_baseline = True
    return BaselineNames(Client(service.url), "m", None, features)


def test_a_real_baseline_gives_features_in_order_and_classes(service: Any) -> None:
    reference = {"b": [1.0, 2.0, 3.0, 4.0], "a": list("uuvv"), "y": [0, 1, 0, 1], "p": [0, 1, 0, 1], "s": [0.1] * 4}
    baseline = Baseline.fit(reference, model="m", label="y", prediction="p", score=["s"], task="binary")
    service.replies(service.Reply(200, baseline.to_json().encode()))
    asked = names(service)
    assert asked.known(Patience(0)) == Known(("b", "a"), ("0", "1"))
    asked.close()


def test_names_that_were_given_stand_before_the_baselines(service: Any) -> None:
    service.replies(service.Reply(200, BASELINE))
    asked = names(service, ("p", "q", "r"))
    assert asked.known(Patience(0)) == Known(("p", "q", "r"), ("no", "yes"))
    asked.close()


def test_the_baseline_is_asked_for_once_and_again_after_a_while(service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = BASELINE.replace(b'"x"', b'"z"')
    service.replies(service.Reply(200, BASELINE), service.Reply(200, changed), service.Reply(503, b"{}"))
    asked = names(service)
    for _ in range(3):
        assert asked.known(Patience(0)) == Known(("x", "y"), ("no", "yes"))
    assert len(service.requests) == 1
    monkeypatch.setattr(baseline_names, "REFRESHED_AFTER_SECONDS", 0.0)
    assert asked.known(Patience(0)) == Known(("z", "y"), ("no", "yes"))
    # A monitor that is away for a while takes nothing from what is known.
    assert asked.known(Patience(0)) == Known(("z", "y"), ("no", "yes"))
    asked.close()


@pytest.mark.parametrize("reply", [(404, b"{}"), (503, b"{}"), (200, b"<html>"), (200, json.dumps({"a": 1}).encode())])
def test_it_is_asked_again_until_the_time_is_over(service: Any, reply: tuple[int, bytes]) -> None:
    service.replies(service.Reply(*reply))
    asked = names(service)
    assert asked.known(Patience(2)) is None
    assert len(service.requests) == 3
    asked.close()
