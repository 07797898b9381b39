"""What is chosen and fitted does not change, however validation and test rows are disturbed where they have no say."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from driftwatch.training.answers import Material
from driftwatch.training.fitting import WholeFitter
from driftwatch.training.gradient import GradientFitter
from driftwatch.training.measures import measure_of
from driftwatch.training.search import Search
from driftwatch.training.watching import Watching
from tests.training.conftest import BINARY, REGRESSION, day, flights

SEARCH = '[search]\nmethod = "random"\ntrials = 4\nspace = { alpha = { low = 1e-3, high = 1e3, log = true } }\n'
SGD = REGRESSION.replace("sklearn.linear_model.Ridge", "sklearn.linear_model.SGDRegressor") + "[gradient]\nepochs = 3\n"


def disturbed(rows: pa.Table, part: str) -> pa.Table:
    """Rows whose features and labels are others from the part on: other sizes, categories, and missing values."""
    frame = rows.to_pandas()
    start, end = {"validation": (day(24), day(32)), "test": (day(32), day(99))}[part]
    hit = frame["event_time"].between(start, end, inclusive="left")
    frame.loc[hit, "distance"] *= 100.0
    frame.loc[hit, "wind"] = np.nan
    frame.loc[hit, "carrier"] = "ZZ"
    frame.loc[hit, "label"] *= -7.0
    return pa.Table.from_pandas(frame, preserve_index=False)


def chosen(cut: Callable[..., Any], rows: pa.Table, text: str) -> Any:
    recipe, columns, parts = cut(rows, text)
    material = Material.of(parts.train, parts.validation, columns)
    measure = measure_of(recipe.measure, recipe.task)
    fitter = (GradientFitter if recipe.gradient else WholeFitter)(
        material, recipe, measure, Watching(recipe=recipe.guard, model=recipe.model)
    )
    return Search(fitter=fitter, recipe=recipe.search, measure=measure, seed=recipe.seed).run()


def learned(pipeline: Any, rows: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    """What the preparation and the whole pipeline make of the same rows."""
    frame = rows.to_pandas()[["distance", "wind", "carrier"]]
    prepared = pipeline[:-1].transform(frame)
    return np.asarray(getattr(prepared, "todense", lambda: prepared)()), pipeline.predict(frame)


@pytest.mark.parametrize("text", [REGRESSION + SEARCH, SGD], ids=["search", "gradients"])
def test_nothing_that_is_chosen_or_fitted_depends_on_test_rows(
    rows: pa.Table, cut: Callable[..., Any], text: str
) -> None:
    one, other = chosen(cut, rows, text), chosen(cut, disturbed(rows, "test"), text)
    assert one.parameters == other.parameters
    assert [trial.value for trial in one.trials] == [trial.value for trial in other.trials]
    for before, after in zip(learned(one.pipeline, rows), learned(other.pipeline, rows), strict=True):
        np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("text", [REGRESSION, SGD.replace("epochs = 3", "epochs = 1")], ids=["whole", "gradients"])
def test_scaling_imputation_and_encoding_are_fitted_on_training_rows_only(
    rows: pa.Table, cut: Callable[..., Any], text: str
) -> None:
    one, other = chosen(cut, rows, text), chosen(cut, disturbed(rows, "validation"), text)
    assert one.value != other.value
    for before, after in zip(learned(one.pipeline, rows), learned(other.pipeline, rows), strict=True):
        np.testing.assert_array_equal(before, after)


def test_training_rows_do_matter(rows: pa.Table, cut: Callable[..., Any]) -> None:
    """Or the tests above would say nothing."""
    frame = rows.to_pandas()
    frame.loc[frame["event_time"] < day(10), "distance"] *= 2.0
    one = chosen(cut, rows, REGRESSION)
    other = chosen(cut, pa.Table.from_pandas(frame, preserve_index=False), REGRESSION)
    assert not np.array_equal(learned(one.pipeline, rows)[0], learned(other.pipeline, rows)[0])


def test_an_estimator_that_takes_no_sparse_rows_gets_others(cut: Callable[..., Any]) -> None:
    """Sixty categories make rows of few numbers, which scikit-learn's trees by histograms do not take."""
    columns = flights()
    columns["carrier"] = [f"c{at % 60}" for at in range(4_000)]
    rows = pa.table(columns)
    for text in (REGRESSION, BINARY):
        trees = text.replace("linear_model.Ridge", "ensemble.HistGradientBoostingRegressor").replace(
            "linear_model.LogisticRegression", "ensemble.HistGradientBoostingClassifier"
        )
        model = chosen(cut, rows, trees.replace('Regressor"', 'Regressor"\nparameters = { max_iter = 5 }')).pipeline
        assert len(model.predict(rows.to_pandas())) == 4_000


def test_a_category_of_the_log_is_met_again_in_a_live_frame_of_another_type(cut: Callable[..., Any]) -> None:
    """The log has truth values and numbers of categories as names; the live model is given them as they are."""
    random = np.random.default_rng(0)
    kind, night = random.integers(1, 4, 2_000), random.random(2_000) < 0.5
    text = REGRESSION.replace('["distance", "wind"]', "[]").replace(
        'categorical = ["carrier"]', 'categorical = ["kind", "night"]'
    )
    logged = pa.table(
        {
            "event_time": pd.date_range("2026-01-05", periods=2_000, freq="h", tz="UTC"),
            "kind": [str(one) for one in kind],
            "night": ["true" if one else "false" for one in night],
            "carrier": ["AA"] * 2_000,
            "label": 10.0 * kind + 5.0 * night,
        }
    )
    pipeline = chosen(cut, logged, text).pipeline
    live = pd.DataFrame({"kind": [1, 2, 3], "night": [True, False, True]})
    assert pipeline.predict(live) == pytest.approx([15.0, 20.0, 35.0], abs=0.2)
    assert pipeline.predict(live.assign(kind=live["kind"].astype(float))) == pytest.approx([15.0, 20.0, 35.0], abs=0.2)
