"""A baseline fitted in batches: the one of all rows at once, in memory that does not grow with them."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import driftwatch.core.fitting
from driftwatch.core.baseline import Baseline
from driftwatch.core.row_sample import RowSample
from driftwatch.errors import ReferenceDataError

N = 3_000
RNG = np.random.default_rng(3)
FRAME = pd.DataFrame(
    {
        "x": RNG.standard_cauchy(N),
        "few": RNG.integers(0, 40, N),
        "gaps": np.where(RNG.random(N) < 0.2, np.nan, RNG.choice([1.0, np.inf, -2.5], N)),
        "plan": RNG.choice(["a", "b", "c", "rare"], N, p=[0.5, 0.3, 0.199, 0.001]),
        "flag": RNG.random(N) < 0.3,
        "user_id": np.arange(N),
        "comment": [f"text {i}" for i in range(N)],
        "y": RNG.normal(10, 3, N),
        "when": pd.date_range("2024-01-01", periods=N, freq="7min", tz="UTC"),
    }
)
FRAME["y_pred"] = FRAME["y"] + RNG.normal(0, 1 + np.arange(N) % 500 / 100, N)
OPTIONS = {"label": "y", "prediction": "y_pred", "timestamp": "when", "categorical": ["few"]}


def parts_of(frame, size):
    return [frame.iloc[start : start + size] for start in range(0, len(frame), size)]


@pytest.mark.parametrize("size", [61, 500, N])
def test_where_all_rows_fit_in_the_sample_it_is_the_baseline_of_the_whole(size):
    options = OPTIONS | {"evaluation": FRAME.iloc[::3]}
    whole = Baseline.fit(FRAME, **options)
    assert whole.natural.distances
    assert whole.natural.loss
    options["evaluation"] = parts_of(FRAME.iloc[::3], size)
    assert Baseline.fit_batches(parts_of(FRAME, size), **options).to_json() == whole.to_json()


@pytest.mark.parametrize("convert", [pl.from_pandas, pa.Table.from_pandas, lambda part: part.to_dict("list")])
def test_batches_are_any_frames_from_a_list_or_from_a_function(convert):
    parts = [convert(part.reset_index(drop=True)) for part in parts_of(FRAME, 800)]
    expected = Baseline.fit(FRAME, **OPTIONS).to_json()
    assert Baseline.fit_batches(parts, **OPTIONS).to_json() == expected
    assert Baseline.fit_batches(lambda: iter(parts), **OPTIONS).to_json() == expected


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats(width=32) | st.none() | st.integers(-3, 3), min_size=1, max_size=60),
    st.lists(st.integers(0, 60), max_size=4),
)
def test_any_values_cut_anywhere_give_the_baseline_of_the_whole(values, cuts):
    data = {"x": [None if value is None else float(value) for value in values], "one": [1.0] * len(values)}
    bounds = [0, *sorted(min(cut, len(values)) for cut in cuts), len(values)]
    parts = [{name: column[low:high] for name, column in data.items()} for low, high in pairwise(bounds)]
    assert Baseline.fit_batches(parts).to_json() == Baseline.fit(data).to_json()


@pytest.mark.parametrize("size", [100, 1_000])
def test_of_more_rows_than_the_sample_holds_everything_but_the_cells_of_numbers_is_exact(size):
    whole = Baseline.fit(FRAME, **OPTIONS)
    batched = Baseline.fit_batches(parts_of(FRAME, size), sample_rows=400, **OPTIONS)
    assert batched.schema == whole.schema
    assert batched.notices == whole.notices
    assert batched.performance == whole.performance
    assert batched.natural.loss == whole.natural.loss
    assert batched.natural.windows == whole.natural.windows
    assert batched.natural.distances[86_400]["plan"] == whole.natural.distances[86_400]["plan"]
    for name in ("few", "gaps", "plan", "flag"):
        assert batched.columns[name].counts.tolist() == whole.columns[name].counts.tolist()
    for name in ("x", "y"):
        one, other = batched.columns[name], whole.columns[name]
        assert one.n == other.n
        assert (one.moments.minimum, one.moments.maximum) == (other.moments.minimum, other.moments.maximum)
        assert one.moments.mean == pytest.approx(other.moments.mean, rel=1e-12)
        assert one.moments.std == pytest.approx(other.moments.std, rel=1e-12)
        # Nothing of the reference lies beyond its own range, sampled or not.
        assert one.counts[0] == one.counts[one.cells.n_cells - 1] == 0
        assert len(one.cells.edges) < len(other.cells.edges)


def test_the_sample_is_the_same_whatever_the_size_of_batches():
    found = {
        Baseline.fit_batches(parts_of(FRAME, size), sample_rows=400, **OPTIONS).to_json() for size in (170, 1_111, N)
    }
    assert len(found) == 1


def test_every_row_is_sampled_equally_often():
    hits = np.zeros(200)
    for first in range(2_000):
        sample = RowSample(20)
        sample._random = np.random.default_rng(first)
        for start in range(0, 200, 25):
            sample.add({"row": np.arange(start, start + 25.0)}, 25)
        hits[sample.values("row").astype(int)] += 1
    assert hits.sum() == 2_000 * 20
    # Binomial with 2,000 draws of 1 in 10: six standard deviations.
    assert abs(hits - 200).max() < 6 * np.sqrt(2_000 * 0.1 * 0.9)


def test_cells_chosen_from_the_sample_have_about_equal_mass():
    values = np.random.default_rng(5).lognormal(0, 2, 100_000)
    parts = [{"x": part} for part in np.array_split(np.sort(values), 50)]
    counts = Baseline.fit_batches(parts, sample_rows=20_000).columns["x"].counts
    # About 20 sampled rows a cell: a share of rows is off by a fifth, thrice that is rare, and all are checked.
    assert counts.max() < 2.2 * 100_000 / 1_020


def late(first, second, **options):
    return Baseline.fit_batches([{"x": first, "n": [0.5] * 60}, {"x": second, "n": [0.5] * 60}], **options)


@pytest.mark.parametrize(
    ("first", "second", "kind", "names"),
    [
        (list(range(60)), [0.5] * 60, "numeric", None),
        ([None] * 60, [0.5] * 60, "numeric", None),
        ([np.nan] * 60, ["a", "b"] * 30, "categorical", {"a", "b"}),
        ([1, 2] * 30, ["x", "y"] * 30, "categorical", {"1", "2", "x", "y"}),
        (["x", "y"] * 30, [1, 2.5] * 30, "categorical", {"1", "2.5", "x", "y"}),
        ([True, False] * 30, [None] * 60, "boolean", {"true", "false"}),
        ([True, False] * 30, [1, 2] * 30, "categorical", {"true", "false", "1", "2"}),
    ],
    ids=["whole, then others", "nothing, then numbers", "nan, then text", "numbers, then text", "text, then numbers",
         "truth, then nothing", "truth, then numbers"],
)  # fmt: skip
def test_kinds_are_settled_over_all_batches(first, second, kind, names):
    column = late(first, second).columns["x"]
    assert (column.column.kind.value, column.n) == (kind, 120)
    if names is not None:
        assert set(column.cells.names) == names
        assert column.counts[-2] == 0


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ([f"u{i}" for i in range(60)], [f"v{i}" for i in range(60)], "120 different values in 120 rows"),
        (["a"] * 60, ["long " * 60] * 60, "free text"),
        (["a"] * 60, [[1]] * 60, "lists"),
        (pd.date_range("2024-01-01", periods=60), ["a"] * 60, "in some batches"),
        ([None] * 60, [None] * 60, "no value"),
    ],
)
def test_what_cannot_be_measured_is_set_aside_when_that_shows_in_a_later_batch(first, second, words):
    (aside,) = late(first, second).schema.set_aside
    assert aside.name == "x"
    assert words in aside.reason


def test_names_that_are_too_many_are_let_go_and_the_column_is_set_aside():
    parts = [{"x": [f"{part}-{i}" for i in range(9_000)] * 3, "n": [1.0] * 27_000} for part in range(4)]
    (aside,) = Baseline.fit_batches(parts).schema.set_aside
    assert aside.reason == "it has more than 20,000 different values; at most 2,000 are counted"


def test_a_class_that_only_the_last_batch_has_is_a_class():
    parts = [{"y": ["a", "b"] * 50, "p": ["b", "a"] * 50}] * 3 + [{"y": ["c"], "p": ["a"]}]
    baseline = Baseline.fit_batches(parts, label="y", prediction="p", sample_rows=10)
    assert baseline.schema.classes == ("a", "b", "c")
    assert baseline.columns["y"].counts.tolist() == [150, 150, 1, 0, 0, 0]
    assert baseline.performance.loss.n == 301


def test_labels_that_turn_out_to_be_numbers_take_their_predictions_along():
    parts = [{"y": [0.5, 1.25], "p": ["0.5", "1"]}, {"y": [2.5, 3.0], "p": ["2", "3"]}]
    baseline = Baseline.fit_batches(parts, label="y", prediction="p")
    assert baseline.schema.task.value == "regression"
    assert baseline.performance.loss.value == pytest.approx((0 + 0.25 + 0.5 + 0) / 4)


@pytest.mark.parametrize(
    ("batches", "words"),
    [
        (iter([{"x": [1.0]}]), "only once"),
        ([], "no rows"),
        ([{"x": []}], "no rows"),
        ([{"x": [1.0], "z": [1.0]}, {"x": [1.0]}], "a later batch of the reference has no such column"),
        ([{"x": [1.0]}, {"x": [1.0], "z": [1.0]}], "that the first one lacks"),
        (["x"], "cannot be read from 'str'"),
    ],
)
def test_batches_that_cannot_work_are_refused_with_a_remedy(batches, words):
    with pytest.raises(ReferenceDataError, match=words) as caught:
        Baseline.fit_batches(batches)
    assert caught.value.remedy


def test_other_rows_the_second_time_are_noticed():
    lengths = iter([10, 20])
    with pytest.raises(ReferenceDataError, match="10 rows at first and 20 when it was read again"):
        Baseline.fit_batches(lambda: [{"x": np.arange(float(next(lengths)))}])


def test_a_sample_of_no_rows_is_refused():
    with pytest.raises(ReferenceDataError, match="at least 1"):
        Baseline.fit_batches([{"x": [1.0]}], sample_rows=0)


def test_windows_are_counted_for_some_columns_at_a_time(monkeypatch):
    times = pd.date_range("2024-01-01", periods=N, freq="7min")
    data = pd.DataFrame({f"x{i}": RNG.normal(i, 1, N) for i in range(5)} | {"when": times})
    expected = Baseline.fit(data, timestamp="when").to_json()
    monkeypatch.setattr(driftwatch.core.fitting, "WINDOW_BYTES", 600_000)
    passes = []

    def batches():
        passes.append(1)
        return iter(parts_of(data, 500))

    assert Baseline.fit_batches(batches, timestamp="when").to_json() == expected
    assert 2 < len(passes) <= 6


def test_memory_does_not_grow_with_the_rows():
    def batches(n_batches):
        for seed in range(n_batches):
            rng = np.random.default_rng(seed)
            yield {"x": rng.normal(size=20_000), "n": rng.integers(0, 9, 20_000)}

    def peak(n_batches):
        tracemalloc.start()
        Baseline.fit_batches(lambda: batches(n_batches), sample_rows=20_000)
        _, found = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return found

    peak(1)  # Loops are compiled once.
    assert peak(24) < 1.2 * peak(6)
