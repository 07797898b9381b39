"""Measures of quality and the sums that they come from."""

from __future__ import annotations

import json
import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from driftwatch.core.performance import LOSS_MEASURE, PerformanceSums
from driftwatch.core.performance.cell_counts import CellCounts
from driftwatch.core.records import Task
from driftwatch.core.table import Names, Numbers
from tests.core.performance import rows as drawn

finite = st.floats(allow_nan=False, allow_infinity=False)
moderate = st.floats(-1e6, 1e6)
pairs_of_numbers = st.lists(st.tuples(moderate, moderate), min_size=1, max_size=40)
classes = ("a", "b", "c")
pairs_of_names = st.lists(st.tuples(st.sampled_from(classes), st.sampled_from(classes)), min_size=1, max_size=40)


def regression(prediction, label):
    return PerformanceSums.of(
        Task.REGRESSION, (), Numbers(np.array(prediction, dtype=float)), Numbers(np.array(label, dtype=float))
    )


def classification(prediction, label, names=classes, task=Task.MULTICLASS):
    return PerformanceSums.of(task, names, Names.of(prediction), Names.of(label))


@settings(max_examples=40)
@given(pairs_of_numbers)
def test_regression_measures_equal_those_of_scikit_learn(pairs):
    prediction, label = (np.array(column) for column in zip(*pairs, strict=True))
    measures = regression(prediction, label).measures()
    assert measures["mae"].value == pytest.approx(metrics.mean_absolute_error(label, prediction), rel=1e-12, abs=1e-300)
    assert measures["rmse"].value == pytest.approx(
        metrics.root_mean_squared_error(label, prediction), rel=1e-12, abs=1e-150
    )
    assert measures["bias"].value == pytest.approx(np.mean(prediction - label), rel=1e-9, abs=1e-9)
    spread = np.ptp(label)
    # The squares are rounded one by one: where labels hardly differ, little is left of their sum.
    differ = spread > max(1e-3, 1e-3 * np.abs(label).max())
    if len(pairs) > 1 and (spread == 0 or differ):
        assert measures["r2"].value == pytest.approx(metrics.r2_score(label, prediction), rel=1e-6, abs=1e-6)


@settings(max_examples=40)
@given(pairs_of_names)
def test_classification_measures_equal_those_of_scikit_learn(pairs):
    prediction, label = (list(column) for column in zip(*pairs, strict=True))
    measures = classification(prediction, label).measures()
    assert measures["accuracy"].value == pytest.approx(metrics.accuracy_score(label, prediction))
    assert measures["error_rate"].value == pytest.approx(1 - metrics.accuracy_score(label, prediction))
    macro = metrics.f1_score(label, prediction, average="macro", zero_division=0.0)
    assert measures["macro_f1"].value == pytest.approx(macro)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40))
def test_binary_measures_are_of_the_last_class(pairs):
    prediction, label = (["yes" if value else "no" for value in column] for column in zip(*pairs, strict=True))
    measures = classification(prediction, label, ("no", "yes"), Task.BINARY).measures()
    expected = metrics.precision_recall_fscore_support(
        label, prediction, average="binary", pos_label="yes", zero_division=math.nan
    )
    found = [measures[name].value for name in ("precision", "recall", "f1")]
    assert found == pytest.approx(expected[:3], nan_ok=True)


def test_the_loss_of_regression_is_the_mean_absolute_error_with_its_standard_error():
    loss = regression([1.0, 2.0, 6.0], [2.0, 2.0, 4.0]).loss()
    errors = np.array([1.0, 0.0, 2.0])
    assert (loss.value, loss.n) == (1.0, 3)
    assert loss.standard_error == pytest.approx(errors.std(ddof=1) / math.sqrt(3), rel=1e-15)


def test_the_loss_of_classification_is_the_error_rate_with_its_standard_error():
    loss = classification(["a", "b", "c", "c"], ["a", "b", "c", "a"]).loss()
    wrong = np.array([0.0, 0.0, 0.0, 1.0])
    assert (loss.value, loss.n) == (0.25, 4)
    assert loss.standard_error == pytest.approx(wrong.std(ddof=1) / 2, rel=1e-15)


def test_errors_far_from_zero_keep_their_spread():
    label = np.full(4, 1e9)
    loss = regression(np.add(label, [4, 7, 13, 16]), label).loss()
    assert loss.standard_error == pytest.approx(math.sqrt(30.0 / 4), rel=1e-15)


@given(st.lists(st.lists(st.tuples(finite, finite), max_size=6), min_size=2, max_size=5), st.permutations(range(5)))
def test_sums_merge_to_the_same_bits_in_any_order_and_grouping(parts, order):
    every = [regression([p for p, _ in part], [y for _, y in part]) for part in parts]
    at_once = regression([p for part in parts for p, _ in part], [y for part in parts for _, y in part])
    merged = PerformanceSums.empty(Task.REGRESSION)
    for index in order:
        if index < len(every):
            merged = every[index] + merged
    assert merged == at_once


@given(pairs_of_names, pairs_of_names)
def test_a_row_can_be_taken_out_again(kept, removed):
    first = classification([p for p, _ in kept], [y for _, y in kept])
    second = classification([p for p, _ in removed], [y for _, y in removed])
    assert (first + second) - second == first


def test_more_rows_than_counted_cannot_be_taken_out():
    one = classification(["a"], ["a"])
    with pytest.raises(ValueError, match="more rows"):
        one - classification(["b"], ["a"])


def test_rows_without_a_prediction_or_a_label_are_not_counted():
    assert regression([1.0, math.nan, 3.0, math.inf], [1.0, 2.0, math.nan, 4.0]).n == 1
    assert classification(["a", None, "b"], ["a", "b", None]).n == 1


def test_a_class_that_nobody_knows_is_an_error_and_never_a_hit():
    measures = classification(["new", "new", "a"], ["new", "other", "a"]).measures()
    assert measures["accuracy"].value == pytest.approx(1 / 3)


def test_measures_without_rows_are_nan():
    for sums in (PerformanceSums.empty(Task.REGRESSION), PerformanceSums.empty(Task.BINARY, ("0", "1"))):
        assert sums.n == 0
        assert sums.measures()
        assert all(math.isnan(measure.value) for measure in sums.measures().values())


def test_one_row_has_a_loss_and_no_standard_error():
    loss = regression([1.0], [3.0]).loss()
    assert loss.value == 2.0
    assert math.isnan(loss.standard_error)


def test_r2_of_a_constant_label_is_as_scikit_learn_says():
    assert regression([5.0, 5.0], [5.0, 5.0]).measures()["r2"].value == 1.0
    assert regression([5.0, 6.0], [5.0, 5.0]).measures()["r2"].value == 0.0


@pytest.mark.parametrize("size", [1e40, 1e80, 1e150, 1e300])
def test_huge_labels_do_not_overflow(size):
    found = regression([size, 2 * size, 3 * size], [size, 2.1 * size, 3 * size]).measures()
    assert all(not math.isnan(found[name].value) for name in ("mae", "rmse", "r2", "mape", "pinball_50", "error_p50"))


def test_huge_errors_do_not_overflow():
    measures = regression([1.7e308, -1.7e308], [-1.7e308, 1.7e308]).measures()
    assert math.isfinite(measures["mae"].value)
    assert math.isfinite(measures["rmse"].value)


@given(st.lists(st.tuples(finite, finite), max_size=10))
def test_regression_sums_survive_bytes(pairs):
    sums = regression([p for p, _ in pairs], [y for _, y in pairs])
    assert PerformanceSums.from_bytes(sums.to_bytes()) == sums


@given(pairs_of_names)
def test_classification_sums_survive_bytes(pairs):
    sums = classification([p for p, _ in pairs], [y for _, y in pairs])
    assert PerformanceSums.from_bytes(sums.to_bytes()) == sums


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"v":2', b'"v":3'),
        (b'"n":1', b'"n":5'),
        (b'"n":1', b'"m":1'),
        (b'"task":"multiclass"', b'"task":"ranking"'),
        (b'"confusion":[1,', b'"confusion":['),
        (b'"confusion":[1,', b'"confusion":[-1,'),
        (b"}", b""),
    ],
)
def test_altered_bytes_are_refused(old, new):
    data = classification(["a"], ["a"]).to_bytes()
    assert old in data
    with pytest.raises(ValueError):  # noqa: PT011 - each has its own words
        PerformanceSums.from_bytes(data.replace(old, new, 1))


def test_sums_of_different_tasks_or_classes_do_not_combine():
    with pytest.raises(ValueError, match="different tasks or classes"):
        PerformanceSums.empty(Task.REGRESSION) + PerformanceSums.empty(Task.BINARY, ("0", "1"))
    with pytest.raises(ValueError, match="different tasks or classes"):
        PerformanceSums.empty(Task.BINARY, ("a", "b")) + PerformanceSums.empty(Task.BINARY, ("0", "1"))


def test_columns_of_the_wrong_kind_are_refused():
    numbers, names = Numbers(np.zeros(1)), Names.of(["a"])
    with pytest.raises(TypeError, match="numbers with numbers"):
        PerformanceSums.of(Task.REGRESSION, (), names, numbers)
    with pytest.raises(TypeError, match="names with names"):
        PerformanceSums.of(Task.BINARY, ("a", "b"), names, numbers)


PARTS = {"binary": drawn.binary(300), "multiclass": drawn.multiclass(300), "regression": drawn.regression(300)}


@pytest.mark.parametrize("rows", PARTS.values(), ids=PARTS.keys())
@given(cuts=st.lists(st.integers(0, 300), max_size=5), order=st.randoms(use_true_random=False))
def test_sums_of_scores_and_errors_merge_to_the_same_bits(rows, cuts, order):
    edges = [0, *sorted(cuts), 300]
    parts = [rows.take(slice(*pair)).sums() for pair in pairwise(edges)]
    order.shuffle(parts)
    merged = sum(parts[1:], parts[0])
    assert merged == rows.sums()
    assert merged.to_bytes() == rows.sums().to_bytes()


@pytest.mark.parametrize("rows", PARTS.values(), ids=PARTS.keys())
def test_rows_with_scores_and_errors_can_be_taken_out_again(rows):
    first, second = rows.take(slice(0, 200)).sums(), rows.take(slice(200, None)).sums()
    assert rows.sums() - second == first
    with pytest.raises(ValueError, match="more rows are taken out"):
        second - first


@pytest.mark.parametrize("rows", PARTS.values(), ids=PARTS.keys())
def test_sums_of_scores_and_errors_survive_bytes(rows):
    sums = rows.sums()
    assert PerformanceSums.from_bytes(sums.to_bytes()) == sums


@pytest.mark.parametrize("rows", PARTS.values(), ids=PARTS.keys())
@pytest.mark.parametrize(
    "change",
    [
        lambda details: details.update(n=301),
        lambda details: details.update(cells=CellCounts.of(np.arange(7)).to_text()),
        lambda details: details.update(cells=details["cells"][:-8]),
        lambda details: details.update(cells=5),
        lambda details: details.pop("cells"),
    ],
)
def test_altered_details_are_refused(rows, change):
    document = json.loads(rows.sums().to_bytes())
    change(document["details"])
    with pytest.raises(ValueError):  # noqa: PT011 - each has its own words
        PerformanceSums.from_bytes(json.dumps(document).encode())


OLD = {
    "regression": b'{"v":1,"task":"regression","classes":[],"n":2,"sums":[["1",1075],["-1",1074],["5",1073],["3",1074],'
    b'["5",1074]],"confusion":[]}',
    "binary": b'{"v":1,"task":"binary","classes":["0","1"],"n":3,"sums":[],"confusion":[1,0,0,1,1,0,0,0,0]}',
}


@pytest.mark.parametrize(
    ("task", "known"), [("regression", {"mae": 1.0, "bias": -0.5}), ("binary", {"accuracy": 2 / 3})]
)
def test_what_an_earlier_version_wrote_still_counts(task, known):
    old = PerformanceSums.from_bytes(OLD[task])
    rows = PARTS[task]
    for sums in (old, old + rows.take(slice(0, 0)).sums(), rows.take(slice(0, 0)).sums() + old):
        found = sums.measures()
        assert {name: found[name].value for name in known} == known
        assert not found.keys() & {"mape", "roc_auc"}
    # Of both together only that is known which is known of all rows.
    both = (old + rows.sums()).measures()
    assert not both.keys() & {"mape", "roc_auc", "error_p50"}
    assert both[LOSS_MEASURE[rows.task]].n == old.n + 300
    assert (old + rows.sums() - rows.sums()).measures() == old.measures()


def test_bytes_stay_small():
    assert len(drawn.binary(5_000).sums().to_bytes()) < 12_000
    assert len(drawn.binary(200_000).sums().to_bytes()) < 40_000
    assert len(drawn.regression(200_000).sums().to_bytes()) < 12_000
    assert len(drawn.multiclass(200_000, n_classes=10).sums().to_bytes()) < 60_000
