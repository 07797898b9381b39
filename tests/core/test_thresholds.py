"""Thresholds: the largest of what was chosen, what sampling hides and what is natural, with its origin."""

from __future__ import annotations

import math

import numpy as np
import pytest

from driftwatch.core.baseline import Baseline
from driftwatch.core.natural import NaturalVariation
from driftwatch.core.records import ThresholdOrigin
from driftwatch.core.statistics import STATISTICS
from driftwatch.core.thresholds import Tolerances, natural_tolerance, threshold


def column(rows):
    return Baseline.fit({"x": np.arange(float(rows))}).columns["x"]


@pytest.mark.parametrize(
    ("rows", "chosen", "natural", "origin", "why"),
    [
        (100_000, 0.05, None, ThresholdOrigin.FIXED, "a large reference hides little"),
        (500, 0.05, None, ThresholdOrigin.SAMPLING, "a small one may mislead by more than the tolerance"),
        (100_000, 0.05, 0.2, ThresholdOrigin.NATURAL, "its own windows differ by more"),
        (100_000, 0.05, 0.01, ThresholdOrigin.FIXED, "its own windows differ by less"),
        (500, 0.05, 0.06, ThresholdOrigin.SAMPLING, "the largest of three"),
        (100_000, 0.05, math.nan, ThresholdOrigin.FIXED, "what is undefined counts for nothing"),
    ],
)
def test_the_largest_decides_and_is_named(rows, chosen, natural, origin, why):
    found = threshold(STATISTICS["ks"], column(rows), chosen, natural)
    assert found.origin is origin, why
    assert found.value >= chosen
    if origin is ThresholdOrigin.NATURAL:
        assert found.value == natural


def test_sampling_error_of_ks_is_the_dkw_bound():
    """sqrt(ln(2 / 1e-5) / (2 * 500))."""
    assert threshold(STATISTICS["ks"], column(500), 0.0, None).value == pytest.approx(0.110482, abs=1e-5)


def test_choices_for_a_column_come_before_those_for_a_statistic_and_its_own():
    chosen = Tolerances(by_statistic={"ks": 0.1}, by_column={"x": {"ks": 0.2}})
    assert chosen.chosen("x", STATISTICS["ks"]) == 0.2
    assert chosen.chosen("y", STATISTICS["ks"]) == 0.1
    assert chosen.chosen("x", STATISTICS["psi"]) == STATISTICS["psi"].tolerance


def with_natural(distances):
    baseline = Baseline.fit({"x": ["a", "b"] * 50})
    object.__setattr__(baseline, "natural", NaturalVariation(distances={3_600: {"x": distances}}))
    return baseline


def test_natural_variation_is_that_of_the_windows_duration():
    baseline = with_natural({"psi": 0.3})
    assert natural_tolerance(baseline, "x", "psi", 3_600.0) == 0.3
    assert natural_tolerance(baseline, "x", "psi", 60.0) is None
    assert natural_tolerance(baseline, "x", "psi", None) is None


def test_where_chi_squares_own_is_not_known_that_of_psi_stands_in():
    assert natural_tolerance(with_natural({"psi": 0.01}), "x", "chi_square", 3_600.0) == pytest.approx(0.1, rel=0.01)
    assert natural_tolerance(with_natural({"chi_square": 0.7, "psi": 0.01}), "x", "chi_square", 3_600.0) == 0.7


def test_rows_that_gather_in_one_of_seven_days_stay_within_what_stands_in():
    """All rows on one day of seven: w is sqrt(7 - 1), PSI at least the divergence ln 7."""
    assert natural_tolerance(with_natural({"psi": math.log(7.0)}), "x", "chi_square", 3_600.0) >= math.sqrt(6.0) - 1e-9
