"""Chi-square: scipy's tests from counts, Cohen's effect size from cells."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from driftwatch.core.baseline import Baseline
from driftwatch.core.frames import to_table
from driftwatch.core.profile import Profile
from driftwatch.core.statistics.chi_square import CHI_SQUARE, chi_square, chi_square_fit

counts = st.lists(st.tuples(st.integers(1, 50), st.integers(0, 50)), min_size=2, max_size=8)


def column(reference, live):
    baseline = Baseline.fit({"x": reference})
    return baseline.columns["x"], Profile.of(baseline, to_table({"x": live}, baseline.schema)).columns["x"]


@given(counts.filter(lambda rows: any(live for _, live in rows)))
def test_two_samples_give_scipys_contingency_test(rows):
    reference, live = np.array(rows).T
    found, wanted = chi_square(reference, live), stats.chi2_contingency(np.array([reference, live]), correction=False)
    assert found.statistic == pytest.approx(wanted.statistic, abs=1e-9)
    assert found.p_value == pytest.approx(wanted.pvalue, rel=1e-9)
    assert found.degrees == wanted.dof


@given(counts.filter(lambda rows: any(live for _, live in rows)))
def test_a_known_reference_gives_scipys_test_of_fit(rows):
    reference, live = np.array(rows).T
    wanted = stats.chisquare(live, reference * (live.sum() / reference.sum()))
    assert chi_square_fit(reference, live).p_value == pytest.approx(wanted.pvalue, rel=1e-9)


def test_rows_where_the_reference_never_had_any_are_infinitely_far():
    assert chi_square_fit(np.array([5, 0]), np.array([3, 1])).statistic == math.inf


@pytest.mark.parametrize(("reference", "live"), [([0, 0], [1, 2]), ([1, 2], [0, 0]), ([3, 0], [4, 0])])
def test_without_rows_or_with_one_cell_it_is_undefined(reference, live):
    assert math.isnan(chi_square(np.array(reference), np.array(live)).statistic)
    assert math.isnan(chi_square_fit(np.array(reference), np.array(live)).p_value)


def test_the_score_is_cohens_w():
    """w**2 = (.7 - .5)**2 / .5 twice = .16, for as many rows as leave nothing to sampling."""
    live = np.repeat(["a", "b"], [70_000, 30_000])
    found = CHI_SQUARE.measure(*column(["a", "b"] * 5_000, live))
    assert found.score == pytest.approx(0.4, abs=0.002)


def test_without_drift_the_score_does_not_grow_as_windows_shrink():
    rng = np.random.default_rng(4)
    names = np.array([f"{i:02d}" for i in range(50)])
    reference = rng.choice(names, 10_000)
    scores = [CHI_SQUARE.measure(*column(reference, rng.choice(names, 60))).score for _ in range(20)]
    assert np.mean(np.square(scores)) < 0.2


def test_one_row_of_a_name_never_seen_is_no_drift_however_rare_it_is():
    baseline, profile = column(["a", "b"] * 5_000, ["a", "b"] * 100 + ["new"])
    assert CHI_SQUARE.measure(baseline, profile).score < 0.1


def test_a_column_that_goes_all_missing_is_sure_to_have_moved():
    baseline, profile = column(["a", "b"] * 500, [None] * 40)
    assert CHI_SQUARE.exceedance(baseline, profile, 0.3) < 1e-7


def test_fifty_rare_moves_are_seen_together():
    rng = np.random.default_rng(5)
    names = np.array([f"{i:02d}" for i in range(50)])
    baseline, profile = column(np.tile(names, 200), rng.choice(names, 2_000, p=np.where(np.arange(50) % 2, 0.03, 0.01)))
    assert CHI_SQUARE.exceedance(baseline, profile, 0.3) < 1e-6
