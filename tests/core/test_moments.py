"""Exact sums and the moments made of them."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.core.moments import Moments, exact_sum, from_units, scale_of

finite = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e300, max_value=1e300)
any_finite = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(finite, max_size=60))
def test_exact_sum_is_the_sum_of_fractions(values):
    expected = sum((Fraction(value) for value in values), Fraction(0))
    assert Fraction(exact_sum(np.array(values, dtype=np.float64)), 2**1074) == expected


def test_exact_sum_holds_over_many_blocks():
    values = np.random.default_rng(0).standard_cauchy(200_000) * np.exp(np.random.default_rng(1).normal(0, 40, 200_000))
    assert from_units(exact_sum(values)) == math.fsum(values)


def test_values_beyond_the_largest_summand_count_as_it():
    assert exact_sum(np.array([1.7e308])) == exact_sum(np.array([2.0**1000]))


@given(st.lists(st.lists(any_finite, max_size=8), min_size=1, max_size=6), st.permutations(range(6)), any_finite)
def test_moments_merge_to_the_same_bits_in_any_order_and_grouping(parts, order, centre):
    scale = 0.25
    arrays = [np.array(part, dtype=np.float64) for part in parts]
    at_once = Moments.of(np.concatenate(arrays), centre, scale)
    merged = Moments(centre, scale)
    for index in order:
        if index < len(arrays):
            merged = Moments.of(arrays[index], centre, scale) + merged
    assert merged == at_once
    assert repr(merged.variance) == repr(at_once.variance)


@pytest.mark.parametrize(
    ("values", "mean", "variance", "source"),
    [
        ([1.0, 2.0, 3.0, 4.0], 2.5, 5 / 3, "closed form"),
        ([1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16], 1e9 + 10, 30.0, "textbook case of cancellation, closed form"),
        ([5.0, 5.0, 5.0], 5.0, 0.0, "constant"),
        ([-1e300, 1e300], 0.0, math.inf, "2e600 is beyond float64"),
        ([5e-324, 1.5e-323], 1e-323, 0.0, "the square is below the smallest float64"),
    ],
)
def test_mean_and_variance_are_right(values, mean, variance, source):
    array = np.array(values)
    moments = Moments.of(array, *scale_of(np.sort(array)))
    assert moments.mean == pytest.approx(mean, rel=1e-15, abs=0), source
    assert moments.variance == pytest.approx(variance, rel=1e-14, abs=0), source


def test_variance_matches_numpy_on_many_values():
    values = np.random.default_rng(3).normal(1e6, 3.0, 150_000)
    moments = Moments.of(values, *scale_of(np.sort(values)))
    assert moments.variance == pytest.approx(values.var(ddof=1), rel=1e-11)
    assert moments.std == math.sqrt(moments.variance)
    assert moments.mean == pytest.approx(math.fsum(values) / len(values), rel=1e-15)


def test_undefined_moments_are_nan():
    empty = Moments.of(np.array([]), 0.0, 1.0)
    assert math.isnan(empty.mean)
    assert math.isnan(empty.variance)
    assert math.isnan(Moments.of(np.array([1.0]), 0.0, 1.0).variance)


@given(st.lists(any_finite, max_size=10), st.lists(any_finite, min_size=1, max_size=10))
def test_taking_rows_out_leaves_the_sums_of_the_others(removed, kept):
    first = Moments.of(np.array(removed, dtype=np.float64), 1.0, 2.0)
    second = Moments.of(np.array(kept, dtype=np.float64), 1.0, 2.0)
    left = (first + second) - first
    assert (left.count, left.total, left.total_squares) == (second.count, second.total, second.total_squares)


def test_more_rows_than_counted_cannot_be_taken_out():
    with pytest.raises(ValueError, match="more rows"):
        Moments(0.0, 1.0) - Moments.of(np.array([1.0]), 0.0, 1.0)


def test_moments_of_different_baselines_do_not_combine():
    with pytest.raises(ValueError, match="different baselines"):
        Moments(0.0, 1.0) + Moments(0.0, 2.0)


@given(st.lists(any_finite, max_size=20), any_finite)
def test_documents_give_back_the_same_moments(values, centre):
    moments = Moments.of(np.array(values, dtype=np.float64), centre, 0.5)
    assert Moments.from_document(moments.to_document()) == moments


@pytest.mark.parametrize(
    "change", [{"scale": 0.0}, {"centre": math.inf}, {"count": -1}, {"minimum": 2.0}, {"maximum": math.nan}]
)
def test_documents_that_cannot_be_are_refused(change):
    document = Moments.of(np.array([1.0]), 0.0, 1.0).to_document()
    with pytest.raises(ValueError):  # noqa: PT011 - each has its own words
        Moments.from_document({**document, **change})


def test_sums_and_variances_beyond_float64_are_infinite():
    assert from_units(-(2**3000)) == -math.inf
    assert Moments(0.0, 2.0**1000, 2, 0, 2**2600, -1.0, 1.0).variance == math.inf


@pytest.mark.parametrize("total", [[], ["zz", 0], ["1", -1], ["1", 10**9], ["f" * 2000, 0], "1"])
def test_sums_that_cannot_be_are_refused(total):
    document = Moments.of(np.array([1.0]), 0.0, 1.0).to_document()
    with pytest.raises(ValueError):  # noqa: PT011 - each has its own words
        Moments.from_document({**document, "total": total})


@given(st.lists(any_finite, min_size=1, max_size=30))
def test_the_scale_is_a_power_of_two_that_can_be_inverted(values):
    centre, scale = scale_of(np.sort(np.array(values)))
    assert math.isfinite(centre)
    assert math.frexp(scale)[0] == 0.5
    assert 0 < 1 / scale < math.inf


def test_one_wild_value_does_not_move_centre_and_scale():
    values = np.sort(np.append(np.random.default_rng(0).normal(size=999), 1e300))
    centre, scale = scale_of(values)
    assert abs(centre) < 0.2
    assert 0.5 <= scale <= 2.0


@pytest.mark.parametrize("sigma", [0.0, 0.5, 3.0], ids=["constant", "near", "heavy-tailed"])
@pytest.mark.parametrize("scale", [0.25, 2.0**-950, 2.0**950])
def test_near_and_far_values_add_up_to_the_same_bits_however_they_are_split(sigma, scale):
    rng = np.random.default_rng(8)
    values = rng.lognormal(0, sigma, 40_000) * rng.choice([-1.0, 1.0], 40_000) * scale
    whole = Moments.of(values, 0.5 * scale, scale)
    for n_parts in (2, 3, 171):
        parts = [Moments.of(part, 0.5 * scale, scale) for part in np.array_split(values, n_parts)]
        assert sum(parts[1:], parts[0]) == whole
    one_by_one = [Moments.of(values[i : i + 1], 0.5 * scale, scale) for i in range(500)]
    assert sum(one_by_one[1:], one_by_one[0]) == Moments.of(values[:500], 0.5 * scale, scale)


@pytest.mark.parametrize("sigma", [0.3, 1.0, 2.5])
def test_putting_deviations_on_a_grid_costs_no_digit_that_matters(sigma):
    values = np.random.default_rng(9).lognormal(0, sigma, 20_000)
    moments = Moments.of(values, *scale_of(np.sort(values)))
    mean = math.fsum(values) / len(values)
    assert moments.mean == pytest.approx(mean, rel=1e-15)
    assert moments.variance == pytest.approx(math.fsum((values - mean) ** 2) / (len(values) - 1), rel=1e-12)


@pytest.mark.parametrize("n", [1, 32, 33, 100])
def test_few_and_many_summands_are_added_alike(n):
    values = np.random.default_rng(n).standard_cauchy(n) * 1e-200
    expected = sum((Fraction(value) for value in values.tolist()), Fraction(0))
    assert Fraction(exact_sum(values), 2**1074) == expected
