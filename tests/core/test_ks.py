"""Kolmogorov-Smirnov: exact from two samples, within its bound from cells, and never sure of nothing."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from driftwatch.core.baseline import Baseline
from driftwatch.core.frames import to_table
from driftwatch.core.profile import Profile
from driftwatch.core.statistics.ks import KS, LOG_ODDS, POINTS, ks_two_sample

RNG = np.random.default_rng(20)
SHAPES = {
    "normal": lambda n: RNG.normal(size=n),
    "cauchy": RNG.standard_cauchy,
    "log-normal, sigma 2": lambda n: RNG.lognormal(0, 2, n),
    "ties": lambda n: RNG.integers(0, 7, n).astype(float),
    "zero-inflated": lambda n: np.where(RNG.random(n) < 0.6, 0.0, RNG.lognormal(size=n)),
    "with infinities": lambda n: np.where(RNG.random(n) < 0.1, np.inf, RNG.normal(size=n)),
    "subnormal": lambda n: RNG.integers(0, 50, n) * 5e-324,
    "huge": lambda n: RNG.integers(2**62, 2**63, n).astype(float),
}


def scipys(a, b):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # its p-value, which nobody asked for, may fail
        return stats.ks_2samp(a, b).statistic


def column(reference, live):
    baseline = Baseline.fit({"x": reference})
    return baseline.columns["x"], Profile.of(baseline, to_table({"x": live}, baseline.schema)).columns["x"]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("sizes", [(1, 1), (3, 1000), (500, 400)])
def test_two_samples_give_scipys_statistic(shape, sizes):
    a, b = SHAPES[shape](sizes[0]), SHAPES[shape](sizes[1]) * 1.25
    assert ks_two_sample(a, b).statistic == pytest.approx(scipys(a, b), abs=1e-12)


def test_missing_values_are_left_out():
    a, b = np.array([1.0, np.nan, 2.0]), np.array([np.nan, 2.0, 3.0])
    assert ks_two_sample(a, b) == ks_two_sample(a[[0, 2]], b[1:])


def test_p_value_is_that_of_kolmogorovs_limit():
    a, b = RNG.normal(size=4_000), RNG.normal(0.05, 1, size=5_000)
    assert ks_two_sample(a, b).p_value == pytest.approx(stats.ks_2samp(a, b, method="asymp").pvalue, rel=0.05)


@pytest.mark.parametrize("empty", [np.array([]), np.array([np.nan])])
def test_without_values_it_is_undefined(empty):
    assert math.isnan(ks_two_sample(empty, np.ones(3)).statistic)
    assert math.isnan(ks_two_sample(np.ones(3), empty).p_value)


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape != "with infinities"])
def test_from_cells_it_is_within_the_stated_bound_of_the_exact_one(shape):
    a, b = SHAPES[shape](8_000), SHAPES[shape](3_000)
    b[:500] = a[0]
    found = KS.measure(*column(a, b))
    exact = scipys(a, b)
    assert found.score - 1e-12 <= exact <= found.score + found.error_bound + 1e-12
    assert found.error_bound < 0.005


def test_from_cells_of_repeated_values_it_is_exact():
    a, b = RNG.integers(0, 9, 5_000).astype(float), RNG.integers(2, 12, 800).astype(float)
    found = KS.measure(*column(a, b))
    assert found.error_bound == 0.0
    assert found.score == pytest.approx(scipys(a, b), abs=1e-12)


@given(st.lists(st.sampled_from([0.0, 1.0, 1.5, 2.0, 9.0]), min_size=1), st.lists(st.floats(-3, 12), min_size=1))
def test_the_bound_holds_for_any_live_rows(reference, live):
    found = KS.measure(*column(np.array(reference), np.array(live)))
    exact = scipys(reference, live)
    assert found.score - 1e-12 <= exact <= found.score + found.error_bound + 1e-12


@pytest.mark.parametrize(
    ("draw", "move", "true"),
    [
        (lambda rng, n: rng.lognormal(0, 2, n), lambda x: x * 1.68, 0.103),
        (lambda rng, n: rng.standard_cauchy(n), lambda x: x + 0.5, 0.156),
        (lambda rng, n: np.append(rng.normal(size=n - 1), 1e12), lambda x: x + 0.3, 0.119),
    ],
    ids=["log-normal", "cauchy", "one wild outlier"],
)
def test_heavy_tails_do_not_blind_it(draw, move, true):
    rng = np.random.default_rng(3)
    a, b = draw(rng, 200_000), move(draw(rng, 20_000))
    found = KS.measure(*column(a, b))
    assert found.score == pytest.approx(true, abs=0.01)
    assert found.score + found.error_bound >= scipys(a, b) - 1e-12


def test_one_more_row_on_a_side_moves_the_bets_of_that_side_only():
    baseline, profile = column(np.arange(1_000.0), np.full(40, -5.0))
    bets = KS.bets(baseline, profile, 0.05).reshape(2, len(POINTS), len(LOG_ODDS))
    assert (bets[0, 2] > 1.0).all()
    assert (bets[1] < 1.0).all()


@pytest.mark.parametrize("n", [1, 20, 50, 100])
@pytest.mark.parametrize("tolerance", [0.01, 0.05, 0.3])
def test_a_bet_pays_one_on_average_at_the_edge_of_the_tolerance(n, tolerance):
    """The exact expectation over the binomial, not a simulation."""
    reference = np.arange(2_000.0)
    rows = np.arange(n + 1)
    baseline = Baseline.fit({"x": reference}).columns["x"]
    below = np.cumsum(baseline.counts[:-2]) / 2_000
    middle = int(np.searchsorted(below, 0.5))
    edge = baseline.cells.edges[middle]
    paid = np.array([
        KS.bets(*column(reference, np.repeat([edge, 1e9], [k, n - k])), tolerance).reshape(2, 7, 4)[0, 3] for k in rows
    ])  # fmt: skip
    chance = stats.binom.pmf(rows, n, below[middle] + tolerance)
    assert chance @ paid == pytest.approx(np.ones(len(LOG_ODDS)), rel=1e-9)


def test_a_share_that_cannot_exceed_the_tolerance_is_not_bet_on():
    baseline, profile = column(np.zeros(100), np.zeros(50))
    assert (KS.bets(baseline, profile, 0.5).reshape(2, 7, 4)[0, 3:] == 0.0).all()


def test_the_p_value_is_massarts_bound():
    baseline, profile = column(np.arange(100.0), np.arange(50.0))
    score = KS.measure(baseline, profile).score
    assert score == 0.5
    assert KS.exceedance(baseline, profile, 0.3) == pytest.approx(2 * math.exp(-2 * 50 * 0.2**2))
    assert KS.exceedance(baseline, profile, 0.5) == 1.0


def test_the_reference_misleads_by_more_than_its_sampling_error_as_rarely_as_said():
    rng = np.random.default_rng(9)
    n, doubt = 200, 0.05
    baseline = Baseline.fit({"x": np.arange(float(n))}).columns["x"]
    bound = KS.sampling_error(baseline, doubt)
    misled = [stats.kstest(rng.random(n), "uniform").statistic > bound for _ in range(1_000)]
    assert 0.02 < np.mean(misled) <= 0.065
