"""The quality of windows: with intervals, provisional until labels had their time, and of which rows."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from driftwatch.core.records import WindowStage
from driftwatch.core.reference_performance import PerformanceSource
from driftwatch.errors import SettingError
from driftwatch.pipeline.quality import quality_notices
from driftwatch.wire.native import LabelEvent, PredictionEvent
from tests.pipeline.conftest import START
from tests.pipeline.test_labels import classifier

DAY = timedelta(days=1)
N = 400


def answered(world, *, day: int = 0, seed: int = 3) -> tuple[list[str], np.ndarray]:
    """A day of answers of the classifier; their ids, and the labels that they will have."""
    rng = np.random.default_rng(seed)
    score = np.round(rng.random(N), 3)
    ids = [f"{day}-{row}" for row in range(N)]
    world.predict(
        [
            PredictionEvent(
                prediction_id=one,
                event_time=START + day * DAY + timedelta(seconds=row),
                features={"distance": 0.0},
                prediction="yes" if score[row] > 0.5 else "no",
                score=float(score[row]),
            )
            for row, one in enumerate(ids)
        ],
    )
    world.settle()
    return ids, np.where(rng.random(N) < score, "yes", "no")


def labelled(world, ids, labels, *, day: float = 0) -> None:
    given = [
        LabelEvent(prediction_id=one, label=str(label), event_time=START + day * DAY)
        for one, label in zip(ids, labels, strict=True)
    ]
    world.label(given)
    world.settle()


@pytest.fixture
def spam(make_world):
    world = make_world()
    world.register(classifier(model="flights"))
    return world


def windows(world, **asked):
    operations = world.service.operations
    return operations.performances(operations.windows("flights", limit=10, **asked))


def test_a_complete_window_has_every_measure_with_its_interval_and_the_confusion_matrix(spam) -> None:
    ids, labels = answered(spam)
    labelled(spam, ids, labels)
    answered(spam, day=4)
    found = windows(spam)[-1]
    window = found.window
    assert window.stage is WindowStage.COMPLETE
    assert window.performance.keys() == window.quality.intervals.keys() >= {"roc_auc", "log_loss", "f1"}
    for name, interval in window.quality.intervals.items():
        assert interval.lower <= window.performance[name] <= interval.upper, name
    assert window.quality.intervals["roc_auc"].labels == N
    assert window.quality.intervals["roc_auc"].error_bound == 0.0
    assert np.sum(window.quality.confusion) == N
    assert found.classes == ("no", "yes")
    assert found.source is PerformanceSource.REFERENCE
    assert found.reference["roc_auc"].value > 0.6


def test_a_window_is_provisional_with_its_coverage_until_its_labels_had_their_time(spam) -> None:
    ids, labels = answered(spam)
    labelled(spam, ids[:100], labels[:100])
    answered(spam, day=1, seed=4)
    spam.predict(
        [PredictionEvent(prediction_id="x", event_time=START + 1.1 * DAY, features={"distance": 0.0}, prediction="no")],
    )
    spam.settle()
    first = windows(spam)[-1].window
    assert (first.stage, first.labels, first.performance["accuracy"]) == (
        WindowStage.CLOSED,
        100,
        np.mean([spam_says(one, seed=3) == label for one, label in zip(range(100), labels[:100], strict=True)]),
    )
    labelled(spam, ids[100:200], labels[100:200], day=1)
    second = windows(spam)[-1].window
    assert (second.stage, second.labels, second.rows) == (WindowStage.CLOSED, 200, N)
    assert second.quality.intervals["accuracy"].labels == 200
    assert next(quality_notices(second, None)) == (
        "Provisional: 50% of the rows have a label by now, and more are waited for."
    )
    (facts,) = spam.service.operations.metrics_facts().versions
    assert facts.provisional is not None
    assert facts.provisional.labels == 200
    answered(spam, day=4, seed=5)
    last = windows(spam)[-1].window
    assert (last.stage, last.labels) == (WindowStage.COMPLETE, 200)
    assert not [one for one in quality_notices(last, None) if "Provisional" in one]


def spam_says(row: int, *, seed: int) -> str:
    score = np.round(np.random.default_rng(seed).random(N), 3)
    return "yes" if score[row] > 0.5 else "no"


def test_labels_of_some_predictions_alone_are_told(spam) -> None:
    ids, labels = answered(spam)
    chosen = [row for row in range(N) if spam_says(row, seed=3) == "yes" or row % 5 == 0]
    labelled(spam, [ids[row] for row in chosen], labels[chosen])
    answered(spam, day=4)
    window = windows(spam)[-1].window
    assert {one.column: one.is_notable for one in window.quality.selection} == {"said": True, "score": True}
    (notice, *_) = quality_notices(window, None)
    assert notice.startswith("Rows with labels have other values of said than those without: ")
    assert not [one for one in (*window.findings, *window.verdicts) if "labels have other" in str(one)], "no alert"


def test_labels_at_random_are_not(spam) -> None:
    ids, labels = answered(spam)
    chosen = np.flatnonzero(np.random.default_rng(8).random(N) < 0.6)
    labelled(spam, [ids[row] for row in chosen], labels[chosen])
    # A correction is no second row.
    labelled(spam, [ids[row] for row in chosen[:50]], labels[chosen[:50]][::-1])
    answered(spam, day=4)
    (said, score) = windows(spam)[-1].window.quality.selection
    assert (said.labelled, score.labelled) == (len(chosen), len(chosen))
    assert not said.is_notable
    assert not score.is_notable


def test_what_predictions_are_worth_is_said_by_the_settings(make_world) -> None:
    world = make_world(values={"flights": {"yes": {"no": -3.0}}, "others": {"x": {"y": 1.0}}})
    world.register(classifier(model="flights"))
    ids, labels = answered(world)
    labelled(world, ids, labels)
    answered(world, day=4)
    found = windows(world)[-1]
    missed = np.mean([spam_says(row, seed=3) == "no" and labels[row] == "yes" for row in range(N)])
    assert found.window.performance["business_value"] == pytest.approx(-3.0 * missed)
    assert found.reference["business_value"].value < 0.0


def test_values_of_names_that_are_no_classes_are_left_out(make_world, caplog) -> None:
    world = make_world(values={"flights": {"maybe": {"no": -3.0}}})
    world.register(classifier(model="flights"))
    assert "the setting values is left out: 'maybe' is none of the classes no, yes" in caplog.text


PACKAGE = """
import numpy as np

def risk(rows):
    # Nothing but labels, predictions and scores is kept for labels that come late.
    assert set(rows) == {"truth", "said", "score"}
    return np.where(rows["truth"] == "yes", 1.0 - rows["score"], 0.0)

def broken(rows):
    raise RuntimeError("of no use")
"""


@pytest.fixture
def offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package that offers two measures."""
    (tmp_path / "our_measures.py").write_text(PACKAGE)
    metadata = tmp_path / "our_measures-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: our-measures\nVersion: 1.0\n")
    offers = "".join(f"{name} = our_measures:{name}\n" for name in ("risk", "broken"))
    (metadata / "entry_points.txt").write_text(f"[driftwatch.measures]\n{offers}")
    monkeypatch.syspath_prepend(str(tmp_path))


@pytest.mark.usefixtures("offered")
def test_own_measures_of_an_installed_package_are_had_of_every_window(make_world, caplog) -> None:
    world = make_world(own_measures=("risk", "broken"))
    world.register(classifier(model="flights"))
    ids, labels = answered(world)
    labelled(world, ids, ["no"] * 100 + list(labels[100:]))
    labelled(world, ids[:100], labels[:100])
    answered(world, day=4)
    window = windows(world)[-1].window
    score = np.round(np.random.default_rng(3).random(N), 3)
    expected = np.where(labels == "yes", 1.0 - score, 0.0)
    assert window.performance["risk"] == pytest.approx(expected.mean(), rel=1e-12)
    assert window.quality.intervals["risk"].labels == window.labels == N
    assert "broken" not in window.performance
    assert [one.message for one in caplog.records if "broken" in one.message] == [
        "the measure broken failed: rows are left out of it"
    ]


@pytest.mark.usefixtures("offered")
def test_a_measure_that_no_package_offers_is_named(make_world) -> None:
    with pytest.raises(SettingError, match=r"own_measures: no installed package has a measure 'profit'.*broken, risk"):
        make_world(own_measures=("profit",))


def test_judging_again_without_news_changes_nothing_though_something_is_undefined(spam) -> None:
    ids, _ = answered(spam)
    labelled(spam, ids, ["no"] * N)
    answered(spam, day=4)
    before = windows(spam)[-1].window
    assert np.isnan(before.performance["roc_auc"])
    labelled(spam, ids[:5], ["no"] * 5, day=4)
    assert windows(spam)[-1].window.revised == before.revised == 0
