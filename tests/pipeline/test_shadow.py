"""A shadow version: compared on the same requests, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec.structs
import numpy as np
import pytest

from driftwatch.errors import StateConflict
from driftwatch.pipeline.shadow import ShadowComparison
from driftwatch.ports import VersionRole
from driftwatch.wire.native import LabelEvent, PredictionEvent

from .streams import Flight, counted, flights, send

START = datetime(2026, 1, 5, tzinfo=UTC)
Fit = Callable[..., Any]


def shadow_of(world: Any, fit: Fit, version: str = "2") -> None:
    world.clock.advance(timedelta(seconds=1))
    world.service.operations.register_baseline("flights", fit(version).to_json(), VersionRole.SHADOW)


def day(number: int = 0, rows: int = 60) -> list[Flight]:
    return flights(START + timedelta(days=number), rows, timedelta(minutes=10))


def by_shadow(given: Sequence[Flight], shift: float = 1.0, version: str = "2") -> list[PredictionEvent]:
    """What the shadow says of the same flights."""
    return [
        msgspec.structs.replace(one.prediction, prediction=one.prediction.prediction + shift, model_version=version)
        for one in given
    ]


def compared(world: Any) -> ShadowComparison:
    (found,) = world.service.operations.shadows("flights")
    return found


@pytest.fixture
def shadowed(world: Any, fit: Fit) -> Any:
    shadow_of(world, fit)
    return world


def test_its_predictions_are_paired_with_those_of_the_live_version(shadowed: Any) -> None:
    given = day()
    send(shadowed, given, labelled=False)
    shadowed.predict(by_shadow(given, 2.5))
    shadowed.settle()
    found = compared(shadowed)
    assert (found.model_version, found.live_version, found.is_shadow) == ("2", "1", True)
    assert (found.pairs, found.labelled) == (60, 0)
    assert found.mean_distance == pytest.approx(2.5)


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)])
def test_live_shadow_and_label_meet_whichever_comes_first(shadowed: Any, order: tuple[int, ...]) -> None:
    given = day()
    acts = [
        lambda: shadowed.predict([one.prediction for one in given]),
        lambda: shadowed.predict(by_shadow(given, 4.0)),
        lambda: shadowed.label([one.label for one in given]),
    ]
    for act in order:
        acts[act]()
        shadowed.settle()
    found = compared(shadowed)
    live = np.array([one.prediction.prediction for one in given])
    truth = np.array([one.label.label for one in given])
    gain = np.abs(live - truth) - np.abs(live + 4.0 - truth)
    assert (found.pairs, found.labelled) == (60, 60)
    assert found.mean_gain.value == pytest.approx(gain.mean())


def test_a_corrected_label_takes_the_place_of_the_first(shadowed: Any) -> None:
    given = day()
    send(shadowed, given)
    shadowed.predict(by_shadow(given))
    wrong = [msgspec.structs.replace(one.label, label=1e6) for one in given]
    shadowed.label(wrong)
    shadowed.settle()
    shadowed.label([one.label for one in given])
    shadowed.settle()
    live = np.array([one.prediction.prediction for one in given])
    truth = np.array([one.label.label for one in given])
    gain = np.abs(live - truth) - np.abs(live + 1.0 - truth)
    assert compared(shadowed).labelled == 60
    assert compared(shadowed).mean_gain.value == pytest.approx(gain.mean())


def test_it_makes_no_window_no_alert_no_retrain_and_takes_no_label(make_world: Any, fit: Fit) -> None:
    alone, beside = make_world(), make_world()
    for world in (alone, beside):
        world.register()
    shadow_of(beside, fit)
    for number in range(12):
        given = day(number, 140)
        for world in (alone, beside):
            send(world, given)
        # What it says is far off, and its inputs are wild.
        wild = [
            msgspec.structs.replace(one, features={"distance": 1e5, "carrier": "ZZ"}) for one in by_shadow(given, 500.0)
        ]
        beside.predict(wild)
        beside.settle()
    told = [
        [replace(one, judged_at=None) for one in world.service.operations.windows("flights", limit=100)]
        for world in (alone, beside)
    ]
    assert told[0] == told[1]
    assert beside.service.operations.alerts() == []
    assert beside.service.operations.retrains() == []
    assert compared(beside).pairs == 12 * 140
    (alone_model,), (model,) = alone.service.operations.models(), beside.service.operations.models()
    assert (model.current_version, model.outstanding, model.waiting_labels) == ("1", alone_model.outstanding, 0)
    assert counted(beside, "shadow_predictions_total") == 12 * 140
    assert counted(beside, "predictions_total") == 12 * 140


def test_it_is_logged_and_in_no_labelled_export(shadowed: Any) -> None:
    given = day()
    send(shadowed, given)
    shadowed.predict(by_shadow(given))
    shadowed.settle()
    labelled = list(shadowed.service.operations.export("flights", labelled=True))
    assert sum(len(part.predictions) for part in labelled) == 60
    everything = list(shadowed.service.operations.export("flights"))
    assert sum(len(part.predictions) for part in everything if part.predictions.model_version == "2") == 60


def test_the_same_again_is_a_duplicate_and_the_ids_are_those_that_were_sent(shadowed: Any) -> None:
    given = day()
    events = by_shadow(given)
    submission = shadowed.service.ingest.predictions("flights", list(enumerate(events)))
    assert list(submission.prediction_ids) == [one.prediction.prediction_id for one in given]
    (receipt,) = shadowed.predict(events)
    assert receipt.accepted == 0
    (receipt,) = shadowed.predict([one.prediction for one in given])
    assert receipt.accepted == 60


def test_one_that_becomes_live_answers_from_then_on(shadowed: Any, fit: Fit) -> None:
    given = day()
    send(shadowed, given)
    shadowed.predict(by_shadow(given))
    shadowed.settle()
    shadowed.clock.advance(timedelta(seconds=1))
    shadowed.service.operations.register_baseline("flights", fit("2").to_json(), VersionRole.LIVE)
    (model,) = shadowed.service.operations.models()
    assert model.current_version == "2"
    assert not compared(shadowed).is_shadow
    send(shadowed, day(1))
    send(shadowed, day(2))
    assert shadowed.service.operations.windows("flights")[0].key.model_version == "2"


def test_a_shadow_needs_a_live_version(world: Any, fit: Fit, make_world: Any) -> None:
    with pytest.raises(StateConflict, match="no live version"):
        make_world().service.operations.register_baseline("flights", fit("1").to_json(), VersionRole.SHADOW)
    with pytest.raises(StateConflict, match="no live version"):
        world.service.operations.register_baseline("flights", fit("1").to_json(), VersionRole.SHADOW)


def test_what_waits_for_the_other_side_is_forgotten_with_the_horizon(make_world: Any, fit: Fit) -> None:
    world = make_world(label_horizon=timedelta(days=16))
    world.register()
    shadow_of(world, fit)
    send(world, day(0), labelled=False)
    world.predict(by_shadow(day(0, 30)))
    world.settle()
    pairs = world.service.operations.shadows("flights")[0].pairs
    for number in (1, 20, 21, 22):
        send(world, day(number), labelled=False)
    world.label([LabelEvent(prediction_id=one.prediction.prediction_id, label=1.0) for one in day(0)])
    world.settle()
    assert (pairs, compared(world).labelled) == (30, 0)
