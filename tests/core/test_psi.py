"""Population stability index: its closed forms, and its p-value at every size of window."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from driftwatch.core.baseline import Baseline
from driftwatch.core.frames import to_table
from driftwatch.core.profile import Profile
from driftwatch.core.statistics.psi import PSI, psi


def column(reference, live, **fit):
    baseline = Baseline.fit({"x": reference}, **fit)
    return baseline.columns["x"], Profile.of(baseline, to_table({"x": live}, baseline.schema)).columns["x"]


def test_of_two_normals_one_apart_it_is_one_in_the_limit_of_fine_bins():
    rows = 10**9
    ends = np.concatenate([[-np.inf], ndtri(np.arange(1, 2_000) / 2_000), [np.inf]])
    reference, live = (np.round(rows * np.diff(ndtr(ends - mean))).astype(np.int64) for mean in (0.0, 1.0))
    assert psi(reference, live) == pytest.approx(1.0, abs=0.01)


def test_without_drift_its_mean_and_95_percent_point_are_those_of_chi_square():
    rng = np.random.default_rng(1)
    shares = np.full(10, 0.1)
    found = [psi(rng.multinomial(1_000, shares), rng.multinomial(1_000, shares)) for _ in range(8_000)]
    assert np.mean(found) == pytest.approx(0.0180, abs=0.0005)
    assert np.quantile(found, 0.95) == pytest.approx(0.0338, abs=0.001)


def test_of_two_seeded_samples_in_ten_equal_bins_it_is_what_a_peer_publishes():
    rng = np.random.RandomState(31)
    a, b = rng.normal(1, 1, 500), rng.normal(1, 1, 500)
    edges = np.histogram_bin_edges(np.concatenate([a, b]), 10)
    counts = [np.histogram(sample, edges)[0] for sample in (a, b)]
    assert psi(*counts) == pytest.approx(0.01840072, rel=1e-6)  # frouros documentation


def test_it_is_symmetric_for_samples_of_one_size():
    a, b = np.array([5, 0, 15, 20]), np.array([10, 10, 20, 0])
    assert psi(a, b) == pytest.approx(psi(b, a))


def test_an_empty_bin_does_not_make_it_explode():
    assert psi(np.array([5_000, 5_000]), np.array([100, 0])) < 3.0


@pytest.mark.parametrize(("reference", "live"), [([0, 0], [1, 1]), ([1, 1], [0, 0])])
def test_without_rows_it_is_undefined(reference, live):
    assert math.isnan(psi(np.array(reference), np.array(live)))


def test_missing_values_have_a_bin_of_their_own():
    baseline, profile = column(np.arange(1_000.0), np.full(50, np.nan))
    assert PSI.measure(baseline, profile).score > 3.0
    assert PSI.exceedance(baseline, profile, 0.1) < 1e-20


def test_infinities_have_a_bin_of_their_own():
    baseline, profile = column(np.arange(1_000.0), np.full(50, np.inf))
    assert PSI.exceedance(baseline, profile, 0.1) < 1e-20


def test_values_that_were_all_missing_and_now_are_not_are_noticed():
    reference = np.concatenate([np.full(990, np.nan), np.arange(10.0)])
    baseline, profile = column(reference, np.arange(200.0))
    assert PSI.exceedance(baseline, profile, 0.1) < 1e-20


def test_names_that_the_reference_never_had_are_noticed():
    baseline, profile = column(["a", "b"] * 500, ["c"] * 30)
    assert PSI.exceedance(baseline, profile, 0.1) < 1e-20


def test_within_the_tolerance_there_is_no_surprise_in_any_number_of_rows():
    live = np.repeat(["a", "b"], [55_000, 45_000])
    baseline, profile = column(["a", "b"] * 500, live)
    assert 0.009 < PSI.measure(baseline, profile).score < 0.1
    assert PSI.exceedance(baseline, profile, 0.1) == 1.0
    assert PSI.exceedance(baseline, profile, 0.001) < 1e-50


def test_a_million_rows_with_no_variation_in_the_reference_have_no_p_value():
    baseline, profile = column(np.ones(100), np.ones(40))
    assert PSI.measure(baseline, profile).score == 0.0
    assert PSI.exceedance(baseline, profile, 0.1) == 1.0


@pytest.mark.parametrize("n", [1, 30, 100])
@pytest.mark.parametrize("tolerance", [0.02, 0.1, 0.5])
def test_a_bet_on_a_rare_cell_pays_one_on_average_at_the_edge_of_the_tolerance(n, tolerance):
    """The exact expectation over the binomial; the edge is where the index of two bins is the tolerance."""
    reference = np.arange(2_000.0)
    paid = np.array([
        PSI.bets(*column(reference, np.repeat([5.0, np.nan], [n - missing, missing])), tolerance)[6:9]
        for missing in range(n + 1)
    ])  # fmt: skip
    p = 0.5 / (2_000 + 12 / 2)
    edge = brentq(lambda q: (q - p) * math.log(q / p * (1 - p) / (1 - q)) - tolerance, p, 1 - 1e-9)
    chance = stats.binom.pmf(np.arange(n + 1), n, edge)
    assert chance @ paid == pytest.approx(np.ones(3), rel=1e-6)


def test_a_few_missing_values_in_each_of_several_small_windows_add_up():
    live = np.append(np.arange(0.0, 1_900.0, 10.0), np.full(10, np.nan))
    paid = PSI.bets(*column(np.arange(2_000.0), live), 0.1)
    assert paid[6:9].max() > 5.0
    assert paid[:6].max() < 1.0


def test_names_never_seen_are_bet_on():
    paid = PSI.bets(*column(["a", "b"] * 1_000, ["a", "b"] * 90 + ["new"] * 20), 0.1)
    assert paid[6:9].max() > 1_000.0
    assert (paid[9:] < 1.0).all()
