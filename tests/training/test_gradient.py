"""Gradient training gives what scikit-learn's own loop gives, stops early, and holds only its buffer in memory."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
from sklearn.linear_model import SGDRegressor
from sklearn.preprocessing import StandardScaler

from driftwatch.errors import RecipeError, TrainingStopped
from driftwatch.training.answers import Material
from driftwatch.training.columns import Columns
from driftwatch.training.fitting import Fitted
from driftwatch.training.gradient import GradientFitter
from driftwatch.training.measures import measure_of
from driftwatch.training.recipe import parse_recipe
from driftwatch.training.rows import GROUP_ROWS, Rows
from driftwatch.training.splits import split
from driftwatch.training.watching import Watching
from tests.training.conftest import BINARY, REGRESSION, day, flights, table

SGD = REGRESSION.replace("sklearn.linear_model.Ridge", "sklearn.linear_model.SGDRegressor")
INFINITE = float("inf")


def fitter(cut: Callable[..., Any], rows: pa.Table, text: str) -> GradientFitter:
    recipe, columns, parts = cut(rows, text)
    material = Material.of(parts.train, parts.validation, columns)
    watching = Watching(recipe=recipe.guard, model=recipe.model)
    return GradientFitter(material, recipe, measure_of(recipe.measure, recipe.task), watching)


def fit(cut: Callable[..., Any], rows: pa.Table, text: str, seed: int = 0) -> Fitted:
    return fitter(cut, rows, text).fit({}, seed, 1.0, INFINITE)


def by_hand(train: pd.DataFrame, batches: list[int], epochs: int) -> np.ndarray:
    """The same, written as scikit-learn's users write it: means for what is missing, all columns by hand."""
    scaled = np.nan_to_num(StandardScaler().fit_transform(train[["distance", "wind"]]))
    X = np.hstack([scaled, pd.get_dummies(train["carrier"]).to_numpy(dtype=float)])
    model = SGDRegressor(random_state=0)
    for _ in range(epochs):
        for start, end in zip([0, *batches], [*batches, len(X)], strict=True):
            model.partial_fit(X[start:end], train["label"].iloc[start:end])
    return np.r_[model.coef_, model.intercept_]


@pytest.mark.parametrize(
    ("batch", "size"),
    [('batch = "mini"\nrows = 70', 70), ('batch = "full"', 360), ('batch = "single"', 1)],
    ids=["mini", "full", "single"],
)
def test_it_learns_what_a_loop_by_hand_learns(cut: Callable[..., Any], batch: str, size: int) -> None:
    rows = table(**flights(600))
    text = f"{SGD}[gradient]\n{batch}\nshuffle = false\nepochs = 2\npatience = 9\n"
    train = cut(rows)[2].train.frame()
    model = fit(cut, rows, text).pipeline.named_steps["model"]
    edges = list(range(size, len(train), size))
    np.testing.assert_allclose(np.r_[model.coef_, model.intercept_], by_hand(train, edges, 2), rtol=1e-6)


def test_the_scaler_is_that_of_all_training_rows_batch_by_batch(cut: Callable[..., Any]) -> None:
    rows = table(**flights(30_000))
    train = cut(rows)[2].train.frame()
    assert len(train) > 3 * GROUP_ROWS
    fitted = fit(cut, rows, SGD + "[gradient]\nepochs = 1\n").pipeline.named_steps["prepare"]
    scaler = fitted.named_transformers_["numeric"].named_steps["scale"]
    np.testing.assert_allclose(scaler.mean_, train[["distance", "wind"]].mean(), rtol=1e-9)
    np.testing.assert_allclose(scaler.scale_, train[["distance", "wind"]].std(ddof=0), rtol=1e-9)


def test_training_with_the_same_seed_is_the_same_and_with_another_is_not(
    rows: pa.Table, cut: Callable[..., Any]
) -> None:
    text = SGD + "[gradient]\nepochs = 2\nrows = 64\n"
    first, again, other = (fit(cut, rows, text, seed).pipeline.named_steps["model"].coef_ for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_training_ends_early_with_the_weights_of_the_best_epoch(cut: Callable[..., Any]) -> None:
    """Validation rows whose labels fall as training goes on: the first epoch is the best."""
    columns = flights()
    frame = pd.DataFrame({**columns, "event_time": columns["event_time"].to_pandas()})
    late = frame["event_time"] >= day(24)
    frame.loc[late, "label"] = 0.0
    frame.loc[late, "distance"] = frame.loc[late, "distance"] * -1
    rows = pa.Table.from_pandas(frame, preserve_index=False)
    slow = SGD.replace('SGDRegressor"', 'SGDRegressor"\nparameters = { eta0 = 1e-5, learning_rate = "constant" }')
    fitted = fit(cut, rows, slow + "[gradient]\nepochs = 50\npatience = 2\n")
    one = fit(cut, rows, slow + "[gradient]\nepochs = 1\n")
    assert fitted.epochs == 1
    np.testing.assert_array_equal(fitted.pipeline.named_steps["model"].coef_, one.pipeline.named_steps["model"].coef_)


def test_a_network_takes_a_step_a_batch(rows: pa.Table, cut: Callable[..., Any]) -> None:
    text = BINARY.replace("linear_model.LogisticRegression", "neural_network.MLPClassifier")
    text += "[gradient]\nrows = 400\nepochs = 2\npatience = 9\n"
    fitted = fit(cut, rows, text)
    assert fitted.pipeline.named_steps["model"].t_ == 2 * 2_400
    assert fitted.pipeline.named_steps["model"].batch_size == 400
    assert fitted.pipeline.named_steps["model"].classes_.tolist() == [0, 1]


def test_a_training_that_explodes_is_stopped(rows: pa.Table, cut: Callable[..., Any]) -> None:
    wild = SGD.replace('SGDRegressor"', 'SGDRegressor"\nparameters = { eta0 = 50.0, learning_rate = "constant" }')
    with pytest.raises(TrainingStopped):
        fit(cut, rows, wild + "[gradient]\nrows = 32\n")


def test_clipping_saves_a_training_that_would_explode(rows: pa.Table, cut: Callable[..., Any]) -> None:
    wild = SGD.replace('SGDRegressor"', 'SGDRegressor"\nparameters = { eta0 = 0.2, learning_rate = "constant" }')
    limits = "[guard]\nclip_norm = 1.0\nloss_patience = 0\n"
    assert fit(cut, rows, wild + "[gradient]\nrows = 8\n" + limits).value < 100


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (REGRESSION + "[gradient]\n", "sklearn.linear_model.Ridge has no partial_fit"),
        (SGD + "[gradient]\n[preparation]\nscale = 'robust'\n", "preparation.scale: 'robust' cannot be fitted batch"),
        (
            SGD + "[gradient]\n[[steps]]\nname = 'sklearn.decomposition.PCA'\n",
            "steps[0]: cannot be fitted batch by batch",
        ),
    ],
)
def test_what_cannot_be_trained_batch_by_batch_is_refused(
    rows: pa.Table, cut: Callable[..., Any], text: str, words: str
) -> None:
    with pytest.raises(RecipeError) as caught:
        fitter(cut, rows, text)
    assert words in str(caught.value)


def test_a_step_with_partial_fit_is_fitted_in_a_pass(rows: pa.Table, cut: Callable[..., Any]) -> None:
    text = (
        SGD
        + "[gradient]\nepochs = 1\n"
        + "[[steps]]\nname = 'sklearn.decomposition.IncrementalPCA'\nparameters = { n_components = 2 }\n"
    )
    text = text.replace('categorical = ["carrier"]\nsegments = ["carrier"]', "")
    fitted = fit(cut, rows, text).pipeline
    assert fitted.named_steps["step0"].n_samples_seen_ == 2_400
    assert fitted.predict(rows.to_pandas()[["distance", "wind"]]).shape == (4_000,)


def test_memory_holds_the_buffer_whatever_the_number_of_rows(tmp_path: Path) -> None:
    """Peak of Arrow's memory over an epoch of 400,000 rows: that of the buffer, a tenth of that of the rows."""
    n = 400_000
    random = np.random.default_rng(0)
    given = pa.table({f"x{at}": random.normal(size=n) for at in range(6)} | {"label": random.normal(size=n)})
    recipe = parse_recipe(
        SGD.replace('["distance", "wind"]', str([f"x{at}" for at in range(6)]).replace("'", '"'))
        .replace('categorical = ["carrier"]', "")
        .replace('segments = ["carrier"]', "")
    )
    columns = Columns.found(recipe.task, recipe.data, given.column_names)
    parts = [given.slice(at, 50_000) for at in range(0, n, 50_000)]
    train = split(parts, columns, recipe.splits, tmp_path).train
    whole = given.nbytes
    before, peak, met = pa.total_allocated_bytes(), 0, 0
    for batch in train.shuffled(4_096, 16_384, np.random.default_rng(0)):
        met += len(batch)
        peak = max(peak, pa.total_allocated_bytes() - before)
    assert met == len(train) == 240_000
    assert peak < whole / 5


def test_a_batch_of_a_small_buffer_still_has_rows_of_many_places(tmp_path: Path) -> None:
    """Rows in order of time: a batch of neighbours alone would teach one day at a time."""
    n = 40 * GROUP_ROWS
    path = tmp_path / "rows.parquet"
    pa.parquet.write_table(pa.table({"at": np.arange(n)}), path, row_group_size=GROUP_ROWS)
    rows = Rows(path=path, stretch=None)  # type: ignore[arg-type]
    for batch in rows.shuffled(1_024, 8 * GROUP_ROWS, np.random.default_rng(0)):
        assert len(set(batch["at"] // GROUP_ROWS)) >= 4
