"""Two versions on the same requests, against scipy and the textbook."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from driftwatch.core.records import Task
from driftwatch.core.shadow import PairSums

RNG = np.random.default_rng(3)
LIVE = RNG.normal(100.0, 3.0, 400)
SHADOW = LIVE + RNG.normal(0.5, 1.0, 400)
LABELS = LIVE + RNG.normal(0.0, 2.0, 400)
CODES, OTHERS, TRUTH = (RNG.integers(0, 3, 400).astype(float) for _ in range(3))


def both(task: Task, live: np.ndarray, shadow: np.ndarray, labels: np.ndarray) -> PairSums:
    return PairSums.of_pairs(task, live, shadow) + PairSums.of_labels(task, live, shadow, labels)


def test_the_gain_of_regression_is_that_of_the_paired_t_test() -> None:
    found = both(Task.REGRESSION, LIVE, SHADOW, LABELS).mean_gain()
    expected = stats.ttest_rel(np.abs(LIVE - LABELS), np.abs(SHADOW - LABELS))
    low, high = expected.confidence_interval(0.95)
    assert found.value == pytest.approx(np.mean(np.abs(LIVE - LABELS) - np.abs(SHADOW - LABELS)), rel=1e-12)
    assert (found.lower, found.upper) == (pytest.approx(low, rel=1e-9), pytest.approx(high, rel=1e-9))


def test_the_gain_of_classification_is_that_of_the_paired_t_test_of_errors() -> None:
    found = both(Task.MULTICLASS, CODES, OTHERS, TRUTH).mean_gain()
    expected = stats.ttest_rel(1.0 * (CODES != TRUTH), 1.0 * (OTHERS != TRUTH)).confidence_interval(0.95)
    assert (found.lower, found.upper) == (pytest.approx(expected.low), pytest.approx(expected.high))


def test_the_agreement_of_classes_has_wilsons_interval() -> None:
    found = both(Task.MULTICLASS, CODES, OTHERS, TRUTH).agreement()
    same = int((CODES == OTHERS).sum())
    expected = stats.binomtest(same, 400).proportion_ci(0.95, method="wilson")
    assert found.value == same / 400
    assert (found.lower, found.upper) == (pytest.approx(expected.low), pytest.approx(expected.high))


def test_the_agreement_of_numbers_is_lins_concordance() -> None:
    found = both(Task.REGRESSION, LIVE, SHADOW, LABELS).agreement()
    covariance = np.cov(LIVE, SHADOW, ddof=0)
    expected = 2 * covariance[0, 1] / (covariance[0, 0] + covariance[1, 1] + (LIVE.mean() - SHADOW.mean()) ** 2)
    assert found.value == pytest.approx(expected, rel=1e-12)
    assert math.isnan(found.lower)


def test_a_mean_far_from_zero_does_no_harm() -> None:
    near = PairSums.of_pairs(Task.REGRESSION, LIVE - 100.0, SHADOW - 100.0).agreement().value
    far = PairSums.of_pairs(Task.REGRESSION, LIVE + 1e6, SHADOW + 1e6).agreement().value
    assert far == pytest.approx(near, rel=1e-4)


def test_versions_that_say_the_same_agree_and_gain_nothing() -> None:
    same = both(Task.REGRESSION, LIVE, LIVE, LABELS)
    assert (same.agreement().value, same.mean_distance()) == (1.0, 0.0)
    assert (same.mean_gain().value, same.mean_gain().lower, same.mean_gain().upper) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("task", list(Task))
def test_sums_add_up_and_are_taken_out_again_to_the_last_bit(task: Task) -> None:
    whole = both(task, LIVE, SHADOW, LABELS)
    first, rest = both(task, LIVE[:150], SHADOW[:150], LABELS[:150]), both(task, LIVE[150:], SHADOW[150:], LABELS[150:])
    assert first + rest == rest + first == whole
    assert whole - rest == first
    assert PairSums.from_json(whole.to_json()) == whole


def test_names_that_are_no_class_agree_with_nothing() -> None:
    other = np.array([-1.0, -1.0])
    sums = both(Task.BINARY, other, other, other)
    assert (sums.pairs, sums.agreeing, sums.mean_gain().value) == (2, 0, 0.0)


def test_missing_ones_are_left_out() -> None:
    sums = both(Task.REGRESSION, np.array([1.0, np.nan]), np.array([2.0, 2.0]), np.array([np.nan, 2.0]))
    assert (sums.pairs, sums.labelled) == (1, 0)


@pytest.mark.parametrize("rows", [0, 1])
def test_too_few_have_no_interval(rows: int) -> None:
    gain = both(Task.REGRESSION, LIVE[:rows], SHADOW[:rows], LABELS[:rows]).mean_gain()
    assert math.isnan(gain.lower)
    assert math.isnan(gain.value) is (rows == 0)


@pytest.mark.parametrize("text", ["{}", '{"v": 2}', '{"v": 1, "task": "regression"}', "[]"])
def test_what_is_damaged_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="shadow"):
        PairSums.from_json(text)
