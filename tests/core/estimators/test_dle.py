"""The loss of regressions from their features."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from driftwatch import Baseline
from driftwatch.core.estimators.estimate import Estimate, EstimateSums
from driftwatch.core.estimators.estimator import LossEstimator, estimated
from driftwatch.core.frames import to_table
from driftwatch.core.profile import Profile


def _world(n: int, seed: int, *, middle: float = 0.3) -> pd.DataFrame:
    """Errors that are large where ``x`` is, and three times as large in one place."""
    random = np.random.default_rng(seed)
    x, place = random.beta(2.0, 2.0 / middle - 2.0, n), random.choice(["in", "out"], n, p=[0.8, 0.2])
    scatter = (0.2 + 2.0 * x) * np.where(place == "out", 3.0, 1.0)
    prediction = 5.0 * x
    return pd.DataFrame(
        {
            "x": x,
            "place": place,
            "noise": random.normal(size=n),
            "prediction": prediction,
            "label": prediction + scatter * random.normal(size=n),
        }
    )


def _fitted(rows: pd.DataFrame, **options: object) -> Baseline:
    return Baseline.fit(rows, label="label", prediction="prediction", task="regression", **options)


def _said(baseline: Baseline, rows: pd.DataFrame) -> Estimate:
    table, estimator = to_table(rows, baseline.schema), baseline.estimator
    if isinstance(estimator, Estimate):
        return estimator
    return estimated(baseline, estimator.summed(baseline.columns, table), Profile.of(baseline, table), 30)


def _mae(rows: pd.DataFrame) -> float:
    return float((rows.label - rows.prediction).abs().mean())


def test_intervals_cover_the_errors_of_rows_that_moved() -> None:
    covered = {"mae": 0, "rmse": 0}
    for seed in range(40):
        baseline, rows = _fitted(_world(4_000, 500 + seed)), _world(1_000, seed, middle=0.45)
        said = _said(baseline, rows).measures
        rmse = float(np.sqrt(np.square(rows.label - rows.prediction).mean()))
        for name, truth in (("mae", _mae(rows)), ("rmse", rmse)):
            covered[name] += said[name].lower <= truth <= said[name].upper
    assert min(covered.values()) >= 32


def test_it_follows_the_inputs_where_the_reference_would_not() -> None:
    reference, rows = _world(6_000, 1), _world(4_000, 2, middle=0.45)
    said = _said(_fitted(reference), rows).measures["mae"].value
    assert abs(said - _mae(rows)) < 0.25 * abs(_mae(reference) - _mae(rows))


def test_where_errors_depend_on_no_feature_it_is_silent() -> None:
    rows = _world(4_000, 1)
    rows["label"] = rows.prediction + np.random.default_rng(2).normal(size=len(rows))
    assert _said(_fitted(rows), rows).reason == "features_say_nothing"


def test_few_rows_with_labels_are_too_few() -> None:
    assert _said(_fitted(_world(200, 1)), _world(100, 2)).reason == "too_few_reference_labels"


def test_a_place_that_the_reference_never_had_is_unseen() -> None:
    rows = _world(500, 2).assign(place="elsewhere")
    said = _said(_fitted(_world(4_000, 1)), rows)
    assert (said.reason, said.measures) == ("unseen_region", {})
    assert "place" in said.text


def test_held_out_rows_are_what_it_learns_from() -> None:
    trained = _world(4_000, 1)
    trained["label"] = trained.prediction
    baseline = _fitted(trained, evaluation=_world(4_000, 3))
    rows = _world(3_000, 2)
    assert _said(baseline, rows).measures["mae"].value == pytest.approx(_mae(rows), rel=0.1)


def test_batches_give_the_same_model_as_all_rows_at_once() -> None:
    rows = _world(25_000, 1)
    parts = [rows[:7_000], rows[7_000:7_001], rows[7_001:]]
    options = {"label": "label", "prediction": "prediction", "task": "regression"}
    assert Baseline.fit_batches(parts, **options).to_json() == _fitted(rows).to_json()


def test_a_document_says_the_same_and_sums_add_up() -> None:
    baseline, rows = _fitted(_world(4_000, 1)), _world(700, 2)
    read = Baseline.from_json(baseline.to_json())
    estimator, other = baseline.estimator, read.estimator
    assert isinstance(estimator, LossEstimator)
    assert isinstance(other, LossEstimator)
    whole, *parts = (
        estimator.summed(baseline.columns, to_table(one, baseline.schema)) for one in (rows, rows[:33], rows[33:])
    )
    assert parts[1] + parts[0] == whole == other.summed(read.columns, to_table(rows, read.schema))
    assert EstimateSums.from_bytes(whole.to_bytes(), estimator.n_counts, estimator.n_sums) == whole


@pytest.mark.parametrize("data", [b"[]", b'{"v":2}', b'{"v":1,"n":[1,2,0],"counts":[],"sums":[]}', b'{"v":1}'])
def test_altered_sums_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="estimate"):
        EstimateSums.from_bytes(data, 0, 0)
