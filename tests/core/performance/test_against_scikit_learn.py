"""Every measure of the table equals scikit-learn's on the same rows; what is undefined is ``nan``."""

from __future__ import annotations

import math
import warnings
from pathlib import Path

import numpy as np
import pytest
from sklearn import calibration, metrics

from driftwatch.core.performance import MEASURES
from driftwatch.core.records import Task
from tests.core.performance.rows import Rows, binary, multiclass, regression


def _specificity(rows, average=None):
    tables = metrics.multilabel_confusion_matrix(rows.label, rows.prediction)
    shares = tables[:, 0, 0] / tables[:, 0].sum(axis=1)
    return shares[-1] if average is None else shares.mean()


def _calibration_error(rows):
    confidence, hit = rows.scores[:, 0], rows.label
    if rows.task is Task.MULTICLASS:
        confidence, hit = rows.scores.max(axis=1), rows.scores.argmax(axis=1) == rows.label
    share, mean = calibration.calibration_curve(hit, confidence, n_bins=15)
    counts, _ = np.histogram(confidence, np.nextafter(np.linspace(0.0, 1.0, 16), 2.0) - np.eye(16)[0])
    return float((counts[counts > 0] / counts.sum() * np.abs(share - mean)).sum())


def _scores(rows):
    return rows.scores[:, 0] if rows.task is Task.BINARY else rows.scores


def _precision(rows, average):
    if rows.task is Task.BINARY:
        return metrics.average_precision_score(rows.label, rows.scores[:, 0])
    return metrics.average_precision_score(np.eye(rows.n_classes)[rows.label], rows.scores, average=average)


def _auc(rows, average):
    if rows.task is Task.BINARY:
        return metrics.roc_auc_score(rows.label, rows.scores[:, 0])
    return np.sum(
        [
            metrics.roc_auc_score(rows.label == k, rows.scores[:, k])
            * (np.mean(rows.label == k) if average == "weighted" else 1.0 / rows.n_classes)
            for k in range(rows.n_classes)
        ]
    )


def _averaged(score, average):
    return lambda rows: score(rows.label, rows.prediction, average=average, zero_division=0.0)


def _error_quantile(level):
    return lambda rows: np.quantile(rows.prediction - rows.label, level, method="nearest")


EXPECTED = {
    "mae": lambda rows: metrics.mean_absolute_error(rows.label, rows.prediction),
    "rmse": lambda rows: metrics.root_mean_squared_error(rows.label, rows.prediction),
    "mse": lambda rows: metrics.mean_squared_error(rows.label, rows.prediction),
    "bias": lambda rows: np.mean(rows.prediction - rows.label),
    "r2": lambda rows: metrics.r2_score(rows.label, rows.prediction),
    "mape": lambda rows: metrics.mean_absolute_percentage_error(rows.label, rows.prediction),
    "smape": lambda rows: np.mean(
        2 * np.abs(rows.label - rows.prediction) / (np.abs(rows.label) + np.abs(rows.prediction))
    ),
    "msle": lambda rows: metrics.mean_squared_log_error(rows.label, rows.prediction),
    "rmsle": lambda rows: metrics.root_mean_squared_log_error(rows.label, rows.prediction),
    **{f"error_p{round(100 * level):02}": _error_quantile(level) for level in (0.05, 0.25, 0.5, 0.75, 0.95)},
    **{
        f"pinball_{percent}": lambda rows, percent=percent: metrics.mean_pinball_loss(
            rows.label, rows.prediction, alpha=percent / 100
        )
        for percent in (10, 50, 90)
    },
    "error_rate": lambda rows: 1.0 - metrics.accuracy_score(rows.label, rows.prediction),
    "accuracy": lambda rows: metrics.accuracy_score(rows.label, rows.prediction),
    "precision": lambda rows: metrics.precision_score(rows.label, rows.prediction),
    "recall": lambda rows: metrics.recall_score(rows.label, rows.prediction),
    "f1": lambda rows: metrics.f1_score(rows.label, rows.prediction),
    "specificity": _specificity,
    "balanced_accuracy": lambda rows: metrics.balanced_accuracy_score(rows.label, rows.prediction),
    "matthews": lambda rows: metrics.matthews_corrcoef(rows.label, rows.prediction),
    "macro_precision": _averaged(metrics.precision_score, "macro"),
    "macro_recall": _averaged(metrics.recall_score, "macro"),
    "macro_f1": _averaged(metrics.f1_score, "macro"),
    "macro_specificity": lambda rows: _specificity(rows, "macro"),
    "micro_f1": _averaged(metrics.f1_score, "micro"),
    "weighted_precision": _averaged(metrics.precision_score, "weighted"),
    "weighted_recall": _averaged(metrics.recall_score, "weighted"),
    "weighted_f1": _averaged(metrics.f1_score, "weighted"),
    "actual_rate": lambda rows: np.mean(rows.label),
    "predicted_rate": lambda rows: np.mean(rows.prediction),
    "log_loss": lambda rows: metrics.log_loss(rows.label, _scores(rows), labels=range(rows.n_classes)),
    "brier": lambda rows: metrics.brier_score_loss(rows.label, _scores(rows), labels=range(rows.n_classes)),
    "calibration_error": _calibration_error,
    "roc_auc": lambda rows: _auc(rows, "macro"),
    "weighted_roc_auc": lambda rows: _auc(rows, "weighted"),
    "average_precision": lambda rows: _precision(rows, "macro"),
    "weighted_average_precision": lambda rows: _precision(rows, "weighted"),
}
BOUNDED = {name for name in MEASURES if "auc" in name or "average_precision" in name or name.startswith("error_p")}
ROWS = {
    "binary": binary(),
    "binary, rounded scores": binary(digits=2),
    "binary, rare": binary(n=6_000, base_rate=0.01),
    "binary, few": binary(n=23),
    "multiclass": multiclass(),
    "multiclass, five classes, few": multiclass(n=60, n_classes=5, seed=9),
    "regression": regression(),
    "regression, around 0": regression(centre=-0.5),
    "regression, two": regression(n=2),
}


def test_every_measure_is_compared():
    assert EXPECTED.keys() == MEASURES.keys()
    assert all(name == kind.name for name, kind in MEASURES.items())


def test_every_measure_is_documented():
    page = (Path(__file__).parents[3] / "docs" / "quality.md").read_text()
    assert not [name for name in MEASURES if f"`{name}`" not in page]


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize("rows", ROWS.values(), ids=ROWS.keys())
def test_measures_equal_those_of_scikit_learn(rows: Rows, name: str):
    found = rows.sums().measures().get(name)
    if rows.task not in MEASURES[name].tasks:
        assert found is None
        return
    assert found is not None
    if name in {"msle", "rmsle"} and min(rows.prediction.min(), rows.label.min()) <= -1.0:
        assert math.isnan(found.value), "scikit-learn refuses such rows"
        return
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The y_prob values do not sum to one")
        expected = EXPECTED[name](rows)
    if name in BOUNDED:
        assert abs(found.value - expected) <= found.error_bound + 1e-12
        # A cell holds a thousandth of the scores or so: what is stated is no excuse for anything.
        assert found.error_bound <= (abs(expected) / 100 if name.startswith("error_p") else 0.06)
    else:
        assert found.error_bound == 0.0
        assert found.value == pytest.approx(expected, rel=1e-10, abs=1e-13)
    assert found.n > 0
    assert not found.lower > found.value
    assert not found.upper < found.value


@pytest.mark.parametrize("name", sorted(BOUNDED & {"roc_auc", "average_precision"}))
def test_scores_written_with_three_digits_are_ranked_exactly(name: str):
    rows = binary(n=3_000, digits=3)
    found = rows.sums().measures()[name]
    assert found.error_bound == 0.0
    assert found.value == pytest.approx(EXPECTED[name](rows), rel=1e-13)


@pytest.mark.parametrize("digits", [3, 5, 17])
@pytest.mark.parametrize("centre", [-14.0, 0.0, 9.0])
def test_scores_near_0_and_near_1_are_told_apart(digits: int, centre: float):
    rng = np.random.default_rng(4)
    label = rng.integers(0, 2, 4_000)
    scores = 1.0 / (1.0 + np.exp(-(rng.normal(size=4_000) + label + centre)))
    scores = np.array([float(f"{one:.{digits}g}") for one in scores])
    rows = Rows(Task.BINARY, label, label, scores[:, np.newaxis], 2)
    found = rows.sums().measures()["roc_auc"]
    assert found.value == pytest.approx(metrics.roc_auc_score(label, scores), abs=3e-4)
    assert found.error_bound < 2e-3


def test_rows_of_a_cell_that_are_no_ties_are_not_taken_for_some():
    rng = np.random.default_rng(5)
    label = (rng.random(50_000) < 0.2).astype(int)
    scores = 0.5 + 0.01 * (rng.normal(size=50_000) + label)
    found = Rows(Task.BINARY, label, label, scores[:, np.newaxis], 2).sums().measures()["average_precision"]
    expected = metrics.average_precision_score(label, scores)
    assert found.value == pytest.approx(expected, abs=1e-3)
    tied = metrics.average_precision_score(label, np.round(scores, 3))
    assert expected - tied > 5e-3
    assert abs(found.value - expected) < found.error_bound < 0.05


def test_scores_that_are_no_probabilities_are_ranked_and_no_more():
    rows = binary(n=1_000)
    margins = Rows(rows.task, rows.label, rows.prediction, 3.0 * np.log(rows.scores / (1 - rows.scores)), 2)
    found = margins.sums().measures()
    expected = metrics.roc_auc_score(rows.label, rows.scores[:, 0])
    assert abs(found["roc_auc"].value - expected) <= found["roc_auc"].error_bound < 0.01
    for name in ("log_loss", "brier", "calibration_error"):
        assert math.isnan(found[name].value), name


SCORED = ("roc_auc", "average_precision", "log_loss", "brier", "calibration_error")


def test_a_label_that_is_no_class_leaves_scores_without_a_measure():
    rows = binary(n=100)
    rows.label[0] = 2
    found = rows.sums().measures()
    assert all(math.isnan(found[name].value) for name in SCORED)
    assert found["accuracy"].value == metrics.accuracy_score(rows.label, rows.prediction)


def test_rows_without_a_score_count_for_what_needs_none():
    rows = binary(n=500)
    some = rows.scores.copy()
    some[::5] = np.nan
    some[1::5] = np.inf
    found = Rows(rows.task, rows.label, rows.prediction, some, 2).sums().measures()
    scored = rows.take(np.isfinite(some[:, 0]))
    assert {found[name].n for name in SCORED} == {300}
    assert found["accuracy"].n == 500
    assert found["log_loss"].value == pytest.approx(EXPECTED["log_loss"](scored), rel=1e-12)


def test_of_one_class_only_what_compares_two_is_undefined():
    rows = binary(n=50)
    zeros = np.zeros(50, dtype=int)
    found = Rows(Task.BINARY, zeros, zeros, rows.scores, 2).sums().measures()
    for name in ("roc_auc", "average_precision", "matthews", "precision", "recall", "f1"):
        assert math.isnan(found[name].value), name
    assert (found["accuracy"].value, found["specificity"].value, found["balanced_accuracy"].value) == (1.0, 1.0, 1.0)
    assert found["log_loss"].value == pytest.approx(
        metrics.log_loss(zeros, rows.scores[:, 0], labels=[0, 1]), rel=1e-12
    )


def test_a_class_without_labels_leaves_the_mean_over_classes_undefined_and_not_the_weighted_one():
    rows = multiclass(n=300)
    rows = rows.take(rows.label != 0)
    found = rows.sums().measures()
    assert math.isnan(found["roc_auc"].value)
    assert found["weighted_roc_auc"].value == pytest.approx(
        sum(
            metrics.roc_auc_score(rows.label == k, rows.scores[:, k]) * np.mean(rows.label == k)
            for k in range(1, rows.n_classes)
        ),
        abs=found["weighted_roc_auc"].error_bound,
    )


@pytest.mark.parametrize("rows", [binary(), multiclass(), regression()], ids=lambda rows: rows.task.value)
def test_without_rows_nothing_has_a_value(rows: Rows):
    found = rows.take(slice(0, 0)).sums().measures()
    assert found.keys() == rows.sums().measures().keys()
    for name, measure in found.items():
        assert math.isnan(measure.value), name
        assert math.isnan(measure.lower), name
        assert measure.n == 0, name


def test_without_scores_there_is_no_measure_of_them():
    rows = binary(n=10)
    bare = Rows(rows.task, rows.label, rows.prediction, None, 2).sums().measures()
    assert not bare.keys() & set(SCORED)
    assert "f1" in bare


def test_very_many_classes_are_not_ranked():
    rows = multiclass(n=200, n_classes=60)
    found = rows.sums().measures()
    assert "roc_auc" not in found
    assert found["log_loss"].value == pytest.approx(EXPECTED["log_loss"](rows), rel=1e-10)
