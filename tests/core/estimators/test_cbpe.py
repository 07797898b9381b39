"""Quality of classifiers from calibrated scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, average_precision_score, f1_score, precision_score, recall_score

from driftwatch import Baseline
from driftwatch.core.estimators.calibration import Calibration
from driftwatch.core.estimators.cbpe import ExpectedClass, average_precision, estimated, f1, roc_auc
from driftwatch.core.estimators.estimate import Estimate, EstimateSums
from driftwatch.core.estimators.estimator import ScoreEstimator
from driftwatch.core.estimators.estimator import estimated as estimate_of
from driftwatch.core.frames import to_table
from driftwatch.core.performance.measure import Measure
from driftwatch.core.profile import Profile
from driftwatch.core.records import Task

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"

NANNYML = [  # chunks of 5,000 rows of the analysis half; NannyML 0.13.1, documentation (goldens row 4 and its table)
    (0.970744, 0.941792, 0.94303), (0.971011, 0.943321, 0.941324), (0.971407, 0.945492, 0.943574),
    (0.971091, 0.944816, 0.943159), (0.971123, 0.944645, 0.944204), (0.961090, 0.910714, 0.911753),
    (0.961825, 0.911149, 0.911766), (0.961073, 0.911193, 0.911661), (0.962533, 0.914389, 0.913763),
    (0.961316, 0.911731, 0.914751),
]  # fmt: skip


def _estimated(baseline: Baseline, rows: pd.DataFrame) -> Estimate:
    table = to_table(rows, baseline.schema)
    estimator = baseline.estimator
    assert not isinstance(estimator, Estimate)
    return estimate_of(baseline, estimator.summed(baseline.columns, table), Profile.of(baseline, table), 30)


def test_published_estimates_of_car_loan_are_reproduced_to_every_digit() -> None:
    path = DATA / "car_loan" / "car_loan.parquet"
    if not path.exists():
        pytest.skip("needs the data set car_loan in ../shared/data, which is not part of the project")
    rows = pd.read_parquet(path)
    baseline = Baseline.fit(
        rows[:50_000], label="repaid", prediction="y_pred", score="y_pred_proba", ignore=["id", "timestamp", "period"]
    )
    found = [_estimated(baseline, rows[50_000 + at : 55_000 + at]).measures for at in range(0, 50_000, 5_000)]
    printed = [tuple(round(one[name].value, 6) for name in ("roc_auc", "accuracy", "f1")) for one in found]
    assert printed == NANNYML


def _world(n: int, seed: int, shift: float = 0.0) -> pd.DataFrame:
    """A model whose score of .2 means .32 and so on: off, but rising with the truth."""
    random = np.random.default_rng(seed)
    x = random.normal(shift, 1.0, n)
    truth = 1.0 / (1.0 + np.exp(-x))
    score = truth**1.4
    label = random.random(n) < truth
    return pd.DataFrame({"x": x, "score": score, "prediction": score > 0.5, "label": label})


def _fitted(rows: pd.DataFrame) -> Baseline:
    return Baseline.fit(rows, label="label", prediction="prediction", score="score")


_ON_ROWS = {
    "accuracy": lambda rows: accuracy_score(rows.label, rows.prediction),
    "precision": lambda rows: precision_score(rows.label, rows.prediction),
    "recall": lambda rows: recall_score(rows.label, rows.prediction),
    "f1": lambda rows: f1_score(rows.label, rows.prediction),
    "average_precision": lambda rows: average_precision_score(rows.label, rows.score),
    "actual_rate": lambda rows: rows.label.mean(),
}


@pytest.mark.parametrize("name", _ON_ROWS)
def test_intervals_cover_what_labels_show_as_often_as_they_say(name: str) -> None:
    covered = []
    for seed in range(60):
        baseline = _fitted(_world(4_000, 1_000 + seed))
        rows = _world(1_500, seed, shift=0.3)
        said = _estimated(baseline, rows).measures[name]
        covered.append(said.lower <= _ON_ROWS[name](rows) <= said.upper)
    assert np.mean(covered) > 0.85


def test_sums_of_parts_add_up_to_those_of_all_rows() -> None:
    baseline = _fitted(_world(3_000, 1))
    estimator, rows = baseline.estimator, _world(500, 2)
    assert isinstance(estimator, ScoreEstimator)
    whole, *parts = (
        estimator.summed(baseline.columns, to_table(one, baseline.schema)) for one in (rows, rows[:123], rows[123:])
    )
    assert parts[1] + parts[0] == whole
    assert EstimateSums.from_bytes(whole.to_bytes(), estimator.n_counts, 0) == whole


def test_rows_without_a_score_are_left_out() -> None:
    baseline, rows = _fitted(_world(3_000, 1)), _world(400, 2)
    full = _estimated(baseline, rows[:200])
    rows.loc[200:, "score"] = np.nan
    assert _estimated(baseline, rows) == full


def test_a_class_that_never_mixes_is_certain_only_as_far_as_its_rows_tell() -> None:
    calibration = Calibration.of(np.array([0, 1]), np.array([0, 50]), np.array([50, 0]))
    found = estimated(Task.BINARY, [(calibration, np.array([[100, 0], [0, 100]]))])
    assert found["accuracy"].value == 1.0
    assert 0.9 < found["accuracy"].lower < 0.99


def test_several_classes_are_estimated_by_the_share_of_hits() -> None:
    random = np.random.default_rng(3)
    truth = random.dirichlet([1.0, 1.0, 1.0], 6_000)
    label = (random.random((6_000, 1)) > truth.cumsum(axis=1)).sum(axis=1)
    rows = pd.DataFrame(truth, columns=["a", "b", "c"])
    rows["prediction"], rows["label"] = truth.argmax(axis=1).astype(str), label.astype(str)
    baseline = Baseline.fit(
        rows[:4_000], task="multiclass", label="label", prediction="prediction", score=["a", "b", "c"]
    )
    said, live = _estimated(baseline, rows[4_000:]).measures, rows[4_000:]
    assert said["accuracy"].lower < accuracy_score(live.label, live.prediction) < said["accuracy"].upper
    macro = f1_score(live.label, live.prediction, average="macro")
    assert said["macro_f1"].lower < macro < said["macro_f1"].upper


@pytest.mark.parametrize("measure", [roc_auc, average_precision, f1])
def test_gradients_are_those_of_finite_differences(measure: object) -> None:
    assert callable(measure)
    rows = np.array([[30, 20, 10], [5, 15, 40]])
    share = np.array([0.2, 0.5, 0.9])
    value, gradient = measure(ExpectedClass(rows, share, np.array([50, 50, 50])))
    for block in range(3):
        step = np.where(np.arange(3) == block, 1e-6, 0.0)
        more, _ = measure(ExpectedClass(rows, share + step, np.array([50, 50, 50])))
        assert (more - value) / 1e-6 == pytest.approx((gradient * rows)[:, block].sum(), rel=1e-3, abs=1e-5)


SILENCES = [
    # reference, live rows, the reason
    (_world(200, 1), _world(500, 2), "too_few_reference_labels"),
    (_world(3_000, 1).assign(label=True), _world(500, 2), "scores_say_nothing"),
    (_world(3_000, 1), _world(20, 2), "too_few_rows"),
    (_world(3_000, 1), _world(500, 2).assign(score=1.0), "unseen_scores"),
    (_world(3_000, 1), _world(500, 2, shift=4.0).assign(score=0.5), "unseen_region"),
    (_world(3_000, 1).drop(columns="score"), _world(500, 2), "no_reference"),
    (_world(3_000, 1), _world(500, 2).assign(score=np.nan), "no_scores"),
]


@pytest.mark.parametrize(("reference", "rows", "reason"), SILENCES, ids=[reason for *_, reason in SILENCES])
def test_it_is_silent_with_a_reason_where_nothing_can_be_expected(
    reference: pd.DataFrame, rows: pd.DataFrame, reason: str
) -> None:
    score = "score" if "score" in reference else None
    baseline = Baseline.fit(reference, task="binary", label="label", prediction="prediction", score=score)
    table = to_table(rows, baseline.schema)
    estimator = baseline.estimator
    said = estimator
    if not isinstance(estimator, Estimate):
        said = estimate_of(baseline, estimator.summed(baseline.columns, table), Profile.of(baseline, table), 30)
    assert isinstance(said, Estimate)
    assert (said.measures, said.reason) == ({}, reason)
    assert said.text.endswith(".")


def test_an_undefined_measure_is_nan() -> None:
    calibration = Calibration.of(np.array([0, 1]), np.array([0, 50]), np.array([50, 0]))
    found = estimated(Task.BINARY, [(calibration, np.array([[100, 0], [0, 0]]))])
    assert isinstance(found["recall"], Measure)
    assert np.isnan(found["recall"].value)
    assert np.isnan(found["roc_auc"].value)
