"""The e-detector keeps its budget, sees what it should, and says since when."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from driftwatch.core.detectors.loss_bets import DOUBT, LossBets
from driftwatch.core.detectors.loss_tail import exceedance_of
from driftwatch.detectors import EDetector
from driftwatch.errors import SettingError

LOSSES = {
    "squared normal": lambda rng, n: rng.normal(size=n) ** 2,
    "exponential": lambda rng, n: rng.exponential(size=n),
    "squared Student of 3": lambda rng, n: rng.standard_t(3, n) ** 2,
    "lognormal": lambda rng, n: np.exp(1.5 * rng.normal(size=n)),
    "Pareto of 2": lambda rng, n: rng.pareto(2.0, n),
    "zeros and ones": lambda rng, n: (rng.random(n) < 0.1).astype(float),
}


@pytest.mark.parametrize("name", LOSSES)
def test_without_a_change_alarms_come_no_more_often_than_the_budget_says(name):
    rng, alarms, trials, rows = np.random.default_rng(11), 0, 40, 5_000
    for _ in range(trials):
        detector = EDetector(reference=LOSSES[name](rng, 1_000), run_length=50_000)
        alarms += len(detector.update_many(LOSSES[name](rng, rows))) > 0
    # Markov's bound: one stream in ten at most; the chance of more than nine of 40 is then below 1 in 100.
    assert alarms <= stats.binom.ppf(0.99, trials, rows / 50_000)


@pytest.mark.parametrize("name", LOSSES)
def test_bets_have_an_expectation_of_at_most_one_under_the_reference(name):
    reference = LOSSES[name](np.random.default_rng(3), 3_000)
    bets = LossBets.of(reference, 250_000)
    is_binary = name == "zeros and ones"
    if is_binary:
        bets = LossBets.of_bounded(reference, 0.0, 1.0)
    cells = np.searchsorted(bets.edges, reference, side="right")
    assert (bets.e_values[cells].mean(axis=0) <= 1.0 + 1e-9).all()
    assert bets.weights.sum() == pytest.approx(1.0)
    assert (np.diff(bets.e_values, axis=0) >= 0.0).all(), "a larger loss never wins less"


@pytest.mark.parametrize(("name", "worse"), [("squared normal", 1.6), ("exponential", 2.0), ("zeros and ones", 3.0)])
def test_larger_losses_are_detected_and_dated(name, worse):
    rng, delays, dates = np.random.default_rng(2), [], []
    for _ in range(20):
        detector = EDetector(reference=LOSSES[name](rng, 2_000), run_length=10_000)
        before, after = LOSSES[name](rng, 500), LOSSES[name](rng, 1_500)
        after = (rng.random(1_500) < 0.1 * worse).astype(float) if name == "zeros and ones" else after * worse
        found = detector.update_many(np.concatenate([before, after])[: 500 + 600])
        assert len(found)
        assert found[0] >= 500
        delays.append(found[0] - 500)
        again = EDetector(reference=LOSSES[name](rng, 2_000), run_length=10_000)
        for value in np.concatenate([before, after]):
            again.update(value)
            if again.drift_detected:
                dates.append(again.change_point - 500)
                break
    assert np.median(delays) < 250
    assert abs(np.median(dates)) < 60


def test_one_loss_far_beyond_all_of_the_reference_is_enough_after_a_while():
    reference = np.random.default_rng(4).exponential(size=2_000)
    detector = EDetector(reference=reference)
    detector.update_many(np.random.default_rng(5).exponential(size=1_000))
    assert not detector.drift_detected
    detector.update(200.0)
    assert detector.drift_detected
    assert detector.change_point == 1_000


def test_a_warning_comes_at_a_tenth_of_the_run_length():
    detector = EDetector(reference=np.random.default_rng(4).exponential(size=2_000), run_length=100_000)
    for value in [1.0] * 300 + [5.0] * 40:
        detector.update(value)
        if detector.evidence >= 10_000:
            assert detector.warning_detected != detector.drift_detected
            assert detector.drift_detected == (detector.evidence >= 100_000)
    assert detector.rows == 340


def test_infinite_losses_count_as_the_largest():
    detector = EDetector(reference=np.random.default_rng(4).exponential(size=2_000))
    assert detector.update_many([1.0] * 500 + [math.inf]).tolist() == [500]


def test_bounds_that_are_given_are_kept_to():
    rng = np.random.default_rng(6)
    detector = EDetector(reference=rng.beta(2.0, 8.0, 3_000), bounds=(0.0, 1.0), run_length=20_000)
    assert detector.bounds == (0.0, 1.0)
    assert not len(detector.update_many(rng.beta(2.0, 8.0, 4_000)))
    assert len(detector.update_many(rng.beta(8.0, 2.0, 200)))


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"reference": [0.0, 1.0] * 20}, "reference"),
        ({"reference": [0.3, math.inf] * 50}, "reference"),
        ({"reference": [0.3] * 60, "run_length": 1}, "run_length"),
        ({"reference": [0.3] * 60, "bounds": (1.0, 0.0)}, "bounds"),
    ],
)
def test_what_cannot_be_is_refused_with_the_name_of_its_field(arguments, field):
    with pytest.raises(SettingError, match=field):
        EDetector(**arguments)


def test_a_constant_reference_is_no_reason_to_fail():
    detector = EDetector(reference=[2.0] * 100, run_length=1_000)
    assert not len(detector.update_many([2.0] * 5_000))
    assert len(detector.update_many([3.0] * 50))


def test_the_tail_is_that_of_the_excesses_where_there_are_many():
    rng = np.random.default_rng(8)
    at = np.array([0.5, 1.0, 3.0, 6.0])
    light = exceedance_of(rng.exponential(size=20_000), at)
    assert light == pytest.approx(np.exp(-at), rel=0.25)
    heavy = exceedance_of(stats.genpareto.rvs(0.5, size=20_000, random_state=rng), at)
    assert heavy == pytest.approx(stats.genpareto.sf(at, 0.5), rel=0.1)


def test_few_excesses_leave_a_heavier_tail_than_many():
    rng = np.random.default_rng(9)
    few, many = (
        exceedance_of(rng.exponential(size=30), np.array([15.0])),
        exceedance_of(rng.exponential(size=3_000), np.array([15.0])),
    )
    assert few > 10 * many > 10 * math.exp(-15.0)


def test_the_doubt_is_a_small_chance():
    assert 0.0 < DOUBT <= 0.01
