"""Baselines: what is fitted from a reference, what is set aside, and what is refused."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftwatch.core.baseline import Baseline
from driftwatch.core.records import ColumnKind, ColumnRole, Task
from driftwatch.core.reference_performance import PerformanceSource
from driftwatch.errors import ReferenceDataError

RNG = np.random.default_rng(11)
N = 400
FRAME = pd.DataFrame(
    {
        "distance": RNG.normal(500, 100, N),
        "weekday": RNG.integers(0, 7, N),
        "carrier": pd.Series(RNG.choice(["UA", "AA", "DL"], N), dtype="category"),
        "late": RNG.random(N) < 0.2,
        "minutes": RNG.normal(60, 10, N),
        "guess": RNG.normal(60, 12, N),
        "when": pd.date_range("2024-01-01", periods=N, freq="h", tz="UTC"),
    }
)


def fit(data, **options):
    return Baseline.fit(data, **options)


def kinds(baseline):
    return {name: column.column.kind.value for name, column in baseline.columns.items()}


def reason(baseline, name):
    return next(aside.reason for aside in baseline.schema.set_aside if aside.name == name)


def test_kinds_and_roles_are_frozen_into_the_schema():
    baseline = fit(FRAME, label="minutes", prediction="guess", timestamp="when")
    assert kinds(baseline) == {
        "distance": "numeric",
        "weekday": "numeric",
        "carrier": "categorical",
        "late": "boolean",
        "minutes": "numeric",
        "guess": "numeric",
    }
    roles = {column.name: column.role for column in baseline.schema.columns}
    assert roles["minutes"] is ColumnRole.LABEL
    assert roles["guess"] is ColumnRole.PREDICTION
    assert roles["distance"] is ColumnRole.FEATURE
    assert baseline.schema.task is Task.REGRESSION
    assert baseline.schema.timestamp == "when"
    assert baseline.n_rows == N


@pytest.mark.parametrize("convert", [pl.from_pandas, pa.Table.from_pandas, lambda frame: frame.to_dict("list")])
def test_every_kind_of_frame_gives_the_same_baseline(convert):
    options = {"label": "minutes", "prediction": "guess", "timestamp": "when", "categorical": ["weekday"]}
    assert fit(convert(FRAME), **options).to_json() == fit(FRAME, **options).to_json()


def test_whole_numbers_stay_numbers_unless_named():
    assert kinds(fit(FRAME, categorical=["weekday"]))["weekday"] == "categorical"
    assert fit(FRAME, categorical=["weekday"]).columns["weekday"].cells.names[0].isdigit()


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (pd.date_range("2024-01-01", periods=100, freq="h"), "dates or times"),
        ([f"user-{i}" for i in range(100)], "100 different values in 100 rows"),
        (["word " * 60 + str(i % 3) for i in range(100)], "free text"),
        ([None] * 100, "no value"),
        ([math.nan] * 100, "no value"),
        ([math.inf] * 100, "no finite number"),
        (pd.Categorical([None] * 100, categories=["a"]), "no value"),
        ([[1]] * 100, "lists"),
    ],
    ids=["datetimes", "identifiers", "free text", "none", "nan", "infinities", "no category", "lists"],
)
def test_columns_that_cannot_be_judged_are_set_aside_with_a_notice(column, words):
    baseline = fit({"x": np.arange(100.0), "odd": column})
    assert list(baseline.columns) == ["x"]
    assert words in reason(baseline, "odd")
    assert any(notice.startswith("odd is set aside") and words in notice for notice in baseline.notices)


@pytest.mark.parametrize("name", ["id", "customer_id", "orderId", "Unnamed: 0", "uuid", "row.index"])
def test_whole_numbers_that_all_differ_under_an_identifier_name_are_set_aside(name):
    baseline = fit({"x": np.arange(100.0), name: np.arange(100)})
    assert "identifier" in reason(baseline, name)


@pytest.mark.parametrize("name", ["period", "valid", "rapid", "humid", "amount"])
def test_whole_numbers_that_all_differ_under_another_name_are_measured(name):
    assert name in fit({"x": np.arange(100.0), name: np.arange(100)}).columns


def test_too_many_names_are_set_aside_even_if_named_categorical():
    values = [f"n{i % 2001}" for i in range(10_000)]
    assert "2,001 different values" in reason(fit({"x": np.arange(10_000.0), "c": values}, categorical=["c"]), "c")


def test_ignored_columns_leave_no_trace():
    baseline = fit(FRAME, ignore=["when", "late"])
    assert "late" not in baseline.columns
    assert baseline.schema.set_aside == ()


def test_missing_and_infinite_values_have_their_counts():
    counts = fit({"x": [1.0, 2.0, None, math.inf, -math.inf]}).columns["x"].counts
    assert counts.tolist() == [0, 1, 0, 1, 0, 1, 2]


@pytest.mark.parametrize(
    ("label", "task", "classes"),
    [
        ([True, False] * 30, Task.BINARY, ("false", "true")),
        ([0, 1] * 30, Task.BINARY, ("0", "1")),
        ([0.0, 1.0] * 30, Task.BINARY, ("0", "1")),
        (["yes", "no"] * 30, Task.BINARY, ("no", "yes")),
        ([1] * 60, Task.BINARY, ("0", "1")),
        (["a", "c", "b"] * 20, Task.MULTICLASS, ("a", "b", "c")),
        ([10, 9, 2] * 20, Task.MULTICLASS, ("2", "9", "10")),
        (list(range(60)), Task.REGRESSION, ()),
        ([0.5, 1.0, 2.0] * 20, Task.REGRESSION, ()),
        ([1.0, 2.0, 3.0] * 20, Task.REGRESSION, ()),
        ([math.inf, 1.0] * 30, Task.REGRESSION, ()),
    ],
    ids=str,
)
def test_the_task_and_its_classes_follow_from_the_label(label, task, classes):
    baseline = fit({"x": np.arange(60.0), "y": label}, label="y")
    assert baseline.schema.task is task
    assert baseline.schema.classes == classes
    assert any(task.value in notice for notice in baseline.notices)


def test_the_prediction_speaks_for_the_task_where_there_is_no_label():
    assert fit({"x": np.arange(60.0), "p": ["a", "b"] * 30}, prediction="p").schema.classes == ("a", "b")


def test_the_schema_finds_columns_by_name_and_features_in_order():
    schema = fit(FRAME, label="minutes", prediction="guess", timestamp="when").schema
    assert [column.name for column in schema.features] == ["distance", "weekday", "carrier", "late"]
    assert schema.by_name["guess"].role is ColumnRole.PREDICTION


def test_fractional_predictions_of_whole_labels_are_regression():
    baseline = fit({"y": [0, 1, 1, 0] * 10, "p": [0.2, 0.7, 0.9, 0.1] * 10}, label="y", prediction="p")
    assert baseline.schema.task is Task.REGRESSION


def test_the_named_task_wins():
    baseline = fit({"x": np.arange(60.0), "y": [1, 2, 3] * 20}, label="y", task="regression")
    assert baseline.schema.task is Task.REGRESSION
    assert baseline.columns["y"].column.kind is ColumnKind.NUMERIC
    assert not any("The task was taken" in notice for notice in baseline.notices)


def test_classes_of_labels_and_predictions_share_cells():
    data = {"y": ["a", "b"] * 30, "p": ["b", "b"] * 30}
    baseline = fit(data, label="y", prediction="p")
    assert baseline.columns["y"].cells.names == baseline.columns["p"].cells.names == ("a", "b")
    assert baseline.columns["p"].counts.tolist() == [0, 60, 0, 0, 0]


def test_held_out_rows_give_the_reference_performance():
    train = {"x": [1.0, 2.0, 3.0], "y": [1.0, 2.0, 3.0], "p": [1.0, 2.0, 3.0]}
    held_out = {"y": [1.0, 2.0, None], "p": [2.0, 4.0, 9.0]}
    performance = fit(train, evaluation=held_out, label="y", prediction="p", task="regression").performance
    assert performance.source is PerformanceSource.HELD_OUT
    assert (performance.loss.value, performance.loss.n) == (1.5, 2)


def test_without_held_out_rows_the_reference_is_measured_with_a_notice():
    baseline = fit(FRAME, label="minutes", prediction="guess")
    assert baseline.performance.source is PerformanceSource.REFERENCE
    expected = np.abs(FRAME["minutes"] - FRAME["guess"]).mean()
    assert baseline.performance.loss.value == pytest.approx(expected)
    assert any("held-out rows" in notice for notice in baseline.notices)


def test_without_a_label_the_quality_is_not_known():
    baseline = fit(FRAME, prediction="guess")
    assert baseline.performance is None
    assert any("quality is not known" in notice for notice in baseline.notices)


def test_classes_seen_only_in_the_evaluation_count():
    train = {"x": [1.0] * 4, "y": ["a", "b"] * 2, "p": ["a", "b"] * 2}
    held_out = {"y": ["a", "c"], "p": ["a", "b"]}
    baseline = fit(train, evaluation=held_out, label="y", prediction="p", task="multiclass")
    assert baseline.schema.classes == ("a", "b", "c")
    assert baseline.performance.loss.value == 0.5


def test_labels_are_counted_only_where_there_is_one():
    baseline = fit({"x": [1.0, 2.0, 3.0], "y": [1.0, None, math.inf]}, label="y", task="regression")
    assert baseline.columns["y"].n == baseline.columns["y"].n_present == 1


def test_scores_are_numeric_columns_of_their_role():
    data = {"y": ["a", "b"] * 30, "p": ["a", "b"] * 30, "s": np.linspace(0, 1, 60)}
    baseline = fit(data, label="y", prediction="p", score="s")
    assert baseline.schema.scores == ("s",)
    assert baseline.columns["s"].column.role is ColumnRole.SCORE
    assert baseline.columns["s"].column.kind is ColumnKind.NUMERIC


@pytest.mark.parametrize(
    ("data", "options", "field", "words"),
    [
        ({"x": [1.0]}, {"label": "y"}, "y", "the reference has no such column"),
        ({"minutes": [1.0]}, {"label": "minuts"}, "minuts", "Did you mean 'minutes'"),
        ({"x": [1.0]}, {"ignore": ["z"]}, "z", "no such column"),
        ({"x": [1.0]}, {"categorical": ["z"]}, "z", "no such column"),
        ({"x": [1.0]}, {"timestamp": "z"}, "z", "no such column"),
        ({"x": [1.0], "y": [1.0]}, {"label": "y", "prediction": "y"}, "y", "two roles"),
        ({"x": [1.0], "y": [1.0]}, {"label": "y", "ignore": ["y"]}, "y", "ignored too"),
        ({"x": []}, {}, None, "no rows"),
        ({}, {}, None, "no rows"),
        ({"x": [None]}, {}, None, "no column is left"),
        ({"x": [1.0], "y": ["a"]}, {"label": "y", "task": "regression"}, "y", "is not a number"),
        ({"x": [1.0], "y": ["a"]}, {"label": "y"}, "y", "fewer than two classes"),
        ({"x": [1.0] * 3, "y": ["a", "b", "c"]}, {"label": "y", "task": "binary"}, "y", "3 classes were found"),
        ({"y": [True, False], "p": [1, 0]}, {"label": "y", "prediction": "p"}, "y", "0, 1, false, true"),
        ({"x": [1.0], "y": [None]}, {"label": "y", "task": "regression"}, "y", "the label has no value"),
        ({"x": [1.0], "y": [None]}, {"label": "y", "task": "binary"}, "y", "the label has no value"),
        (
            {"y": ["a", "b"], "p": [None, None]},
            {"label": "y", "prediction": "p", "task": "binary"},
            "p",
            "the prediction has no value",
        ),
        ({"x": [1.0], "y": [1.0]}, {"label": "y", "task": "ranking"}, "task", "is no task"),
        ({"x": [1.0], "s": [1.0]}, {"score": "s"}, "s", "regression has no scores"),
        ({"y": ["a", "b"], "s": [1.0, 0.0], "t": [0.0, 1.0]}, {"label": "y", "score": ["s", "t"]}, "s", "takes 1"),
        ({"x": [1.0], "t": ["soon"]}, {"timestamp": "t"}, "t", "is not a time"),
        ({"x": [1.0]}, {"evaluation": {"x": [1.0]}}, "evaluation", "without a label and a prediction"),
        (
            {"y": [1.0], "p": [1.0]},
            {"label": "y", "prediction": "p", "evaluation": {"y": [1.0]}},
            "p",
            "the evaluation has no such column",
        ),
        ({f"x{i}": [1.0] for i in range(2_001)}, {}, None, "2,001 columns"),
        ("reference.csv", {}, None, "cannot be read from 'str'"),
    ],
)
def test_a_reference_that_cannot_work_is_refused_with_a_remedy(data, options, field, words):
    with pytest.raises(ReferenceDataError, match=words) as caught:
        fit(data, **options)
    assert caught.value.field == field
    assert caught.value.remedy


mixed_numbers = st.lists(
    st.floats() | st.sampled_from([0.0, 1.0, 5e-324, 1.7976931348623157e308, -1.7976931348623157e308]), max_size=40
)


@settings(max_examples=60)
@given(mixed_numbers)
def test_any_numbers_give_a_baseline_whose_counts_are_the_rows(values):
    baseline = fit({"x": values, "one": [1.0] * len(values)}) if values else fit({"x": [1.0]})
    for column in baseline.columns.values():
        assert column.n == baseline.n_rows
        assert column.psi_counts(column.counts).sum() == column.n_present
        assert column.moments.count == column.n_present
    assert Baseline.from_json(baseline.to_json()).layout == baseline.layout


@settings(max_examples=60)
@given(st.lists(st.none() | st.text(max_size=2) | st.booleans() | st.integers(), min_size=1, max_size=40))
def test_any_python_values_give_a_baseline_or_are_set_aside(values):
    baseline = fit({"x": values, "one": [1.0] * len(values)})
    if "x" in baseline.columns:
        assert baseline.columns["x"].n == len(values)
    else:
        assert reason(baseline, "x")


def test_one_row_is_enough():
    baseline = fit({"x": [1.0], "c": ["a"], "b": [True]})
    assert [column.n for column in baseline.columns.values()] == [1, 1, 1]


def test_cells_have_words():
    baseline = fit({"x": [1.0, 2.0], "c": ["a", "b"]})
    column = baseline.columns["x"]
    words = [column.cell_text(cell) for cell in range(column.cells.n_cells)]
    assert words[0] == "(-inf, 1]"
    assert words[-1] == "(2, inf)"
    assert [baseline.columns["c"].cell_text(cell) for cell in range(4)] == ["a", "b", "other", "unseen"]


def test_the_layout_tells_whether_profiles_can_be_added():
    again = fit(FRAME, model="another", fitted_at=dt.datetime(2024, 1, 1, tzinfo=dt.UTC))
    assert fit(FRAME).layout == again.layout
    shifted = FRAME.assign(distance=FRAME["distance"] + 1e-9)
    assert fit(FRAME).layout != fit(shifted).layout


def test_fitting_does_not_change_what_was_given():
    before = FRAME.copy()
    fit(FRAME, label="minutes", prediction="guess", timestamp="when")
    pd.testing.assert_frame_equal(FRAME, before)
