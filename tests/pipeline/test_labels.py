"""Labels, in the whole pipeline: early, late, again, wrong, for nobody, never."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from driftwatch.core.baseline import Baseline
from driftwatch.core.performance import PerformanceSums
from driftwatch.core.profile import Profile
from driftwatch.core.records import Task, WindowStage
from driftwatch.core.table import Names, Numbers
from driftwatch.testing import label_batch
from driftwatch.wire.native import LabelEvent, PredictionEvent

START = datetime(2026, 1, 5, tzinfo=UTC)
DAY = timedelta(days=1)


def predicted(world, *ids: str, day: float = 0, model_version: str | None = None, **event) -> None:
    event = {"features": {"distance": 800.0, "carrier": "AA"}, "prediction": 100.0} | event
    world.predict(
        [
            PredictionEvent(prediction_id=one, event_time=START + day * DAY, model_version=model_version, **event)
            for one in ids
        ]
    )
    world.settle()


def labelled(world, *ids: str, label: float | str = 110.0, day: float = 0) -> None:
    world.label([LabelEvent(prediction_id=one, label=label, event_time=START + day * DAY) for one in ids])
    world.settle()


def counted(world, name: str, **labels: str) -> int:
    found = world.service.telemetry.snapshot().counters
    return sum(
        amount for (one, given), amount in found.items() if one == name and labels.items() <= dict(given).items()
    )


def sums(world, model_version: str = "1", day: int = 0) -> PerformanceSums:
    start = round((START + day * DAY).timestamp() * 1e6)
    with world.state.read() as reader:
        (stored,) = reader.slices("flights", model_version, "", start, start + 1)
    found = PerformanceSums.from_bytes(stored.performance)
    assert stored.labels >= found.n
    return found


class TestWhen:
    @pytest.mark.parametrize("days", [0.1, 3, 45, 89])
    def test_a_label_joins_days_or_weeks_late(self, world, days: float) -> None:
        predicted(world, "a")
        predicted(world, "later", day=days)
        labelled(world, "a", day=days)
        assert sums(world).measures()["mae"].value == 10.0
        assert counted(world, "labels_total", outcome="joined") == 1

    def test_a_label_joins_a_prediction_that_comes_after_it(self, world) -> None:
        labelled(world, "a")
        assert world.service.operations.models()[0].waiting_labels == 1
        predicted(world, "a")
        assert sums(world).n == 1
        summary = world.service.operations.models()[0]
        assert (summary.waiting_labels, summary.outstanding) == (0, 0)

    def test_both_in_one_step_join_whichever_came_first(self, world) -> None:
        world.label([LabelEvent(prediction_id="a", label=110.0, event_time=START)])
        predicted(world, "a", "b")
        world.label([LabelEvent(prediction_id="b", label=120.0, event_time=START)])
        world.settle()
        assert sums(world).measures()["mae"].value == 15.0

    def test_the_delay_goes_into_the_histogram(self, world) -> None:
        predicted(world, "a", "b", "c")
        labelled(world, "a", day=0.5)
        labelled(world, "b", day=10)
        labelled(world, "c", day=-1)
        (histogram,) = (
            value
            for (name, _), value in world.service.telemetry.snapshot().histograms.items()
            if name == "label_delay_seconds"
        )
        assert dict(zip(histogram.bounds, histogram.counts, strict=False)) == {
            60.0: 1,
            600.0: 1,
            3_600.0: 1,
            21_600.0: 1,
            86_400.0: 2,
            259_200.0: 2,
            604_800.0: 2,
            2_592_000.0: 3,
        }
        assert histogram.total == 10.5 * 86_400


class TestAgain:
    def test_a_correction_replaces_what_the_label_before_it_added(self, world) -> None:
        predicted(world, "a", "b")
        labelled(world, "a", "b", label=110.0)
        once = sums(world)
        labelled(world, "b", label=140.0)
        assert sums(world).measures()["mae"].value == 25.0
        assert counted(world, "labels_total", outcome="corrected") == 1
        labelled(world, "b", label=110.0)
        assert sums(world) == once

    def test_the_label_profile_holds_the_last_label_alone(self, world) -> None:
        predicted(world, "a")
        for label in (10.0, 500.0, 100.0):
            labelled(world, "a", label=label)
        with world.state.read() as reader:
            (stored,) = reader.slices("flights", "1", "", 0, 2**62)
        baseline = world.service.baselines.get("flights")
        column = Profile.from_bytes(baseline, stored.profile).columns["minutes"]
        assert (column.n, column.moments.mean) == (1, pytest.approx(100.0))
        assert stored.labels == 1

    def test_the_same_label_again_changes_nothing(self, world) -> None:
        predicted(world, "a")
        labelled(world, "a")
        once = sums(world)
        labelled(world, "a", "a")
        assert (sums(world), counted(world, "labels_total")) == (once, 1)

    def test_a_late_correction_is_counted_in_its_window(self, world) -> None:
        predicted(world, "a")
        labelled(world, "a")
        predicted(world, "later", day=30)
        labelled(world, "a", label=200.0, day=30)
        assert sums(world).measures()["mae"].value == 100.0

    def test_a_late_correction_is_seen_in_the_window_that_was_judged_already(self, world) -> None:
        ids = tuple(map(str, range(40)))
        predicted(world, *ids)
        labelled(world, *ids, label=110.0)
        predicted(world, "later", day=4)
        window = world.service.operations.windows("flights", limit=5)[-1]
        assert (window.stage, window.labels, window.performance["mae"]) == (WindowStage.COMPLETE, 40, 10.0)
        labelled(world, *ids[:20], label=130.0, day=4)
        window = world.service.operations.windows("flights", limit=5)[-1]
        assert (window.stage, window.labels, window.performance["mae"]) == (WindowStage.COMPLETE, 40, 20.0)


class TestNever:
    def test_a_label_of_nobody_is_orphaned_when_the_horizon_is_over(self, world) -> None:
        labelled(world, "nobody")
        predicted(world, "a", day=1)
        assert counted(world, "labels_total", outcome="orphaned") == 0
        predicted(world, "b", day=110)
        assert counted(world, "labels_total", outcome="orphaned") == 1
        assert world.service.operations.models()[0].waiting_labels == 0

    def test_a_prediction_without_a_label_waits_for_as_long_as_the_horizon_says(self, world) -> None:
        predicted(world, "a", "b")
        labelled(world, "b")
        predicted(world, "c", day=89)
        assert counted(world, "labels_total", outcome="never_came") == 0
        predicted(world, "d", day=110)
        assert counted(world, "labels_total", outcome="never_came") == 1
        labelled(world, "a", day=110)
        assert sums(world).n == 1
        assert world.service.operations.models()[0].outstanding == 2

    def test_a_window_without_all_labels_says_how_many_it_has(self, world) -> None:
        predicted(world, *map(str, range(40)))
        labelled(world, *map(str, range(10)))
        predicted(world, "later", day=4)
        window = world.service.operations.windows("flights", limit=5)[-1]
        assert (window.labels, window.rows) == (10, 40)


class TestWrong:
    @pytest.mark.parametrize(
        ("label", "says"),
        [
            ("soon", "must be a number, not the text 'soon'."),
            (True, "must be a number, not a boolean."),
            (None, "must be a finite number."),
            ("NaN", "must be a finite number."),
            ([1.0], "must be a number, not a list."),
        ],
    )
    def test_a_label_of_the_wrong_type_is_rejected_with_the_reason(self, world, label: object, says: str) -> None:
        events = [LabelEvent(prediction_id="a", label=1.0), LabelEvent(prediction_id="b", label=label)]
        submission = world.service.ingest.labels("flights", list(enumerate(events)))
        (rejection,) = submission.rejections
        assert (rejection.index, rejection.field, rejection.problem) == (1, "label", says)
        assert submission.prediction_ids == ("a",)

    def test_a_class_that_the_model_does_not_know_is_rejected_with_those_it_does(self, world) -> None:
        world.service.operations.register_baseline("spam", classifier().to_json())
        events = [LabelEvent(prediction_id="a", label="maybe"), LabelEvent(prediction_id="b", label="no")]
        submission = world.service.ingest.labels("spam", list(enumerate(events)))
        (rejection,) = submission.rejections
        assert rejection.problem == "'maybe' is none of the model's classes (no, yes)."

    def test_labels_that_an_older_version_of_another_task_cannot_read_stop_nothing(self, world) -> None:
        predicted(world, "a", "b")
        labelled(world, "b")
        world.register(classifier(model="flights", model_version="2"))
        labelled(world, "a", "b", label="yes")
        found = sums(world)
        assert found.n == 0
        assert counted(world, "labels_total", outcome="corrected") == 1


def classifier(model: str = "spam", model_version: str = "1") -> Baseline:
    rng = np.random.default_rng(5)
    x = rng.normal(size=2_000)
    score = 1 / (1 + np.exp(-x))
    reference = {
        "distance": x,
        "said": np.where(score > 0.5, "yes", "no"),
        "score": score,
        "truth": np.where(rng.random(2_000) < score, "yes", "no"),
    }
    return Baseline.fit(
        reference,
        model=model,
        model_version=model_version,
        task="binary",
        label="truth",
        prediction="said",
        score=["score"],
    )


def test_classes_are_joined_and_corrected_as_if_all_had_come_at_once(world) -> None:
    world.service.operations.register_baseline("spam", classifier().to_json())
    rng = np.random.default_rng(6)
    ids = [f"p{row}" for row in range(300)]
    said, truth, first = (rng.choice(["no", "yes"], 300).tolist() for _ in range(3))
    events = [
        PredictionEvent(
            prediction_id=one, event_time=START, features={"distance": 0.0}, prediction=prediction, score=0.25
        )
        for one, prediction in zip(ids, said, strict=True)
    ]

    def label(values: list[str], rows: range) -> None:
        given = [LabelEvent(prediction_id=ids[row], label=values[row], event_time=START) for row in rows]
        world.service.ingest.labels("spam", list(enumerate(given)))
        world.settle()

    label(first, range(100))
    world.service.ingest.predictions("spam", list(enumerate(events)))
    label(first, range(50, 200))
    label(truth, range(300))
    start = round(START.timestamp() * 1e6)
    with world.state.read() as reader:
        (stored,) = reader.slices("spam", "1", "", start, start + 1)
    scores = [np.full(300, 0.25)]
    expected = PerformanceSums.of(Task.BINARY, ("no", "yes"), Names.of(said), Names.of(truth), scores)
    assert PerformanceSums.from_bytes(stored.performance) == expected
    assert stored.labels == 300


def test_scores_are_kept_with_the_prediction_for_its_label(world) -> None:
    world.service.operations.register_baseline("spam", classifier().to_json())
    event = PredictionEvent(
        prediction_id="a", event_time=START, features={"distance": 0.0}, prediction="yes", score=0.75
    )
    world.service.ingest.predictions("spam", [(0, event)])
    world.settle()
    with world.state.transaction() as transaction:
        (joined,) = transaction.join_labels(label_batch(["a"], ["yes"], model="spam"))
    assert joined.values.tolist() == [[1.0, 0.75]]


def test_numbers_sum_exactly_whatever_the_order_of_labels(world) -> None:
    rng = np.random.default_rng(8)
    truth = rng.normal(100.0, 30.0, 60)
    ids = [f"p{row}" for row in range(60)]
    predicted(world, *ids)
    for row in rng.permutation(60).tolist():
        labelled(world, ids[row], label=float(truth[row]))
    expected = PerformanceSums.of(Task.REGRESSION, (), Numbers(np.full(60, 100.0)), Numbers(truth))
    assert sums(world) == expected
