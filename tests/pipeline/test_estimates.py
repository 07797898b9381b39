"""Quality before labels come, beside what they then show."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from driftwatch import Baseline
from driftwatch.core.records import WindowStage
from driftwatch.core.window_quality import EstimateReason, WindowEstimate
from driftwatch.wire.native import LabelEvent, PredictionEvent

START = datetime(2026, 1, 1, tzinfo=UTC)


def loans(n: int, seed: int, *, shift: float = 0.0, flipped: bool = False) -> pd.DataFrame:
    """A classifier whose scores mean what they say, unless labels are flipped."""
    random = np.random.default_rng(seed)
    amount = random.normal(shift, 1.0, n)
    score = 1.0 / (1.0 + np.exp(-2.0 * amount))
    label = (random.random(n) < score) ^ flipped
    return pd.DataFrame({"amount": amount, "score": score, "prediction": score > 0.5, "paid": label})


def loaning(make_world: Any, **options: Any) -> Any:
    one = make_world(window="1d", label_wait="2d", **options)
    one.register(
        Baseline.fit(
            loans(4_000, 0), model="flights", task="binary", label="paid", prediction="prediction", score="score"
        )
    )
    return one


@pytest.fixture
def world(make_world: Any) -> Any:
    return loaning(make_world)


def day(world: Any, number: int, rows: pd.DataFrame, *, labelled: bool = True) -> None:
    """Send a day's rows, and their labels at once."""
    moment = START + timedelta(days=number)
    step = timedelta(days=1) / len(rows)
    events = [
        PredictionEvent(
            prediction_id=f"{number}-{at}",
            event_time=moment + at * step,
            features={"amount": row.amount},
            prediction=bool(row.prediction),
            score=row.score,
        )
        for at, row in enumerate(rows.itertuples())
    ]
    world.service.ingest.predictions("flights", list(enumerate(events)))
    if labelled:
        labels = [
            LabelEvent(prediction_id=f"{number}-{at}", label=bool(row.paid), event_time=moment + at * step)
            for at, row in enumerate(rows.itertuples())
        ]
        world.service.ingest.labels("flights", list(enumerate(labels)))
    world.settle()


def estimates(world: Any, stage: WindowStage) -> list[WindowEstimate]:
    found = world.service.operations.windows("flights", stage=stage, limit=100)
    return [one.quality.estimate for one in reversed(found)]


def test_a_closed_window_has_an_estimate_before_any_label(world: Any) -> None:
    rows = loans(600, 1, shift=0.5)
    day(world, 0, rows, labelled=False)
    day(world, 1, loans(600, 2), labelled=False)
    (said,) = estimates(world, WindowStage.CLOSED)
    truth = (rows.prediction == rows.paid).mean()
    assert said.measures["accuracy"].lower < truth < said.measures["accuracy"].upper
    assert (said.reason, said.errors) == (None, {})


def test_when_labels_had_their_time_the_error_of_the_estimate_is_known(world: Any) -> None:
    rows = loans(600, 1)
    for number in range(5):
        day(world, number, rows)
    said, *_ = estimates(world, WindowStage.COMPLETE)
    truth = (rows.prediction == rows.paid).mean()
    assert said.errors["accuracy"] == pytest.approx(said.measures["accuracy"].value - truth)
    assert not said.contradicted


def test_after_labels_contradicted_it_nothing_is_said_until_they_agree_again(world: Any) -> None:
    for number in range(3):
        day(world, number, loans(600, number, flipped=True))
    for number in range(3, 5):
        day(world, number, loans(600, number))
    while_wrong = estimates(world, WindowStage.CLOSED)
    for number in range(5, 11):
        day(world, number, loans(600, number))
    in_time, since = estimates(world, WindowStage.COMPLETE), estimates(world, WindowStage.CLOSED)
    assert [one.contradicted for one in in_time] == [True, True, True, *[False] * (len(in_time) - 3)]
    assert {one.reason for one in while_wrong} == {EstimateReason.CONTRADICTED}
    assert {one.reason for one in since} == {None}
    assert all(one.measures for one in in_time)


def test_a_policy_may_ask_for_a_retrain_on_what_is_expected_alone(make_world: Any) -> None:
    one = loaning(make_world, retrain={"any": [{"estimated": "accuracy", "worse_by": 0.05}]})
    for number in range(3):
        day(one, number, loans(600, number), labelled=False)
    assert one.service.operations.retrains() == []
    rows = loans(600, 9)
    rows["amount"] *= 0.2
    rows["score"] = 1.0 / (1.0 + np.exp(-2.0 * rows.amount))
    for number in range(3, 5):
        day(one, number, rows, labelled=False)
    (episode,) = one.service.operations.retrains()
    assert episode.calls == ("estimated_quality_below",)
    assert episode.reason.startswith("estimated accuracy 0.")


def test_the_order_of_rows_makes_no_difference(make_world: Any, world: Any) -> None:
    rows, other = loans(400, 1), loaning(make_world)
    day(world, 0, rows, labelled=False)
    day(other, 0, rows[::-1], labelled=False)
    for one in (world, other):
        day(one, 1, rows, labelled=False)
    said = estimates(world, WindowStage.CLOSED)
    assert said == estimates(other, WindowStage.CLOSED)
    assert said[0].measures
