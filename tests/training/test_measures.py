"""Measures of quality are those of scikit-learn; resamples by weights are the measures of the repeated rows."""

from collections.abc import Callable

import numpy as np
import pytest
from sklearn import metrics

from driftwatch.core.records import Task
from driftwatch.errors import RecipeError
from driftwatch.training.measures import MEASURES, Answers, measure_of
from driftwatch.training.resampling import Blocks, _resampled

N = 500


def regression() -> tuple[Answers, np.ndarray]:
    random = np.random.default_rng(0)
    labels = random.normal(3, 2, N)
    return Answers(values=labels + random.normal(0.3, 1, N)), labels


def binary() -> tuple[Answers, np.ndarray]:
    random = np.random.default_rng(1)
    labels = (random.random(N) < 0.3).astype(float)
    # Rounded, so that there are ties.
    p = np.round(np.clip(0.3 * labels + random.uniform(0, 0.7, N), 0.01, 0.99), 2)
    return Answers(values=(p > 0.5).astype(float), probabilities=np.stack([1 - p, p], axis=1)), labels


def multiclass() -> tuple[Answers, np.ndarray]:
    random = np.random.default_rng(2)
    labels = random.integers(0, 3, N).astype(float)
    p = random.dirichlet(np.ones(3), N)
    return Answers(values=p.argmax(axis=1).astype(float), probabilities=p), labels


GOLDEN: list[tuple[str, Callable[[], tuple[Answers, np.ndarray]], Callable[[Answers, np.ndarray], float]]] = [
    ("mae", regression, lambda a, y: metrics.mean_absolute_error(y, a.values)),
    ("mse", regression, lambda a, y: metrics.mean_squared_error(y, a.values)),
    ("rmse", regression, lambda a, y: metrics.root_mean_squared_error(y, a.values)),
    ("r2", regression, lambda a, y: metrics.r2_score(y, a.values)),
    ("error_rate", multiclass, lambda a, y: 1 - metrics.accuracy_score(y, a.values)),
    ("accuracy", binary, lambda a, y: metrics.accuracy_score(y, a.values)),
    ("f1", binary, lambda a, y: metrics.f1_score(y, a.values)),
    ("balanced_accuracy", binary, lambda a, y: metrics.balanced_accuracy_score(y, a.values)),
    ("log_loss", multiclass, lambda a, y: metrics.log_loss(y, a.probabilities)),
    ("brier", binary, lambda a, y: metrics.brier_score_loss(y, a.probabilities[:, 1])),
    ("roc_auc", binary, lambda a, y: metrics.roc_auc_score(y, a.probabilities[:, 1])),
    ("average_precision", binary, lambda a, y: metrics.average_precision_score(y, a.probabilities[:, 1])),
]


@pytest.mark.parametrize(("name", "rows", "expected"), GOLDEN, ids=[one[0] for one in GOLDEN])
def test_the_value_is_scikit_learn_s(name: str, rows: Callable, expected: Callable) -> None:
    answers, labels = rows()
    assert MEASURES[name].of(answers, labels) == pytest.approx(expected(answers, labels), rel=1e-12)


def test_every_measure_has_a_golden_value() -> None:
    assert {one[0] for one in GOLDEN} == set(MEASURES)


@pytest.mark.parametrize(("name", "rows", "expected"), GOLDEN, ids=[one[0] for one in GOLDEN])
def test_a_resample_is_the_measure_of_the_rows_it_repeats(name: str, rows: Callable, expected: Callable) -> None:
    answers, labels = rows()
    blocks = Blocks(codes=np.arange(N) // 50, kind="fifties")
    drawn = np.array([0, 0, 3, 4, 4, 4, 6, 7, 9, 9])
    weights = np.bincount(drawn, minlength=10).astype(float)[None, :]
    repeated = np.concatenate([np.flatnonzero(blocks.codes == one) for one in drawn])
    [value] = _resampled(MEASURES[name], answers, labels, blocks, weights)
    assert value == pytest.approx(expected(answers.take(repeated), labels[repeated]), rel=1e-9)


@pytest.mark.parametrize("name", MEASURES)
def test_without_rows_there_is_no_value(name: str) -> None:
    assert np.isnan(MEASURES[name].of(Answers(values=np.zeros(0), probabilities=np.zeros((0, 2))), np.zeros(0)))


@pytest.mark.parametrize("name", MEASURES)
def test_a_gain_is_positive_where_the_challenger_is_better(name: str) -> None:
    measure = MEASURES[name]
    assert measure.gain(0.2, 0.3) == pytest.approx(0.1 if measure.higher_is_better else -0.1)


def test_a_measure_of_another_task_is_refused_with_those_that_fit() -> None:
    with pytest.raises(RecipeError, match=r"'roc_auc' measures no regression model. Use one of mae, mse, rmse, r2"):
        measure_of("roc_auc", Task.REGRESSION)
