"""What is natural for one statistic bounds what is natural for another."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftwatch.core.baseline import Baseline
from driftwatch.core.frames import to_table
from driftwatch.core.natural import NaturalVariation
from driftwatch.core.profile import Profile
from driftwatch.core.statistics import STATISTICS
from driftwatch.core.thresholds import _STANDS_IN, natural_tolerance

BOUNDED = [name for name in _STANDS_IN if name != "chi_square"]
"""Chi-square's stand-in is an approximation."""

counts = st.lists(st.integers(1, 200), min_size=6, max_size=6)


def repeated(numbers, values):
    return np.repeat(np.arange(6.0) if values == "numbers" else np.array(list("abcdef")), numbers)


def scores(reference, live, name):
    baseline = Baseline.fit({"x": reference})
    column = baseline.columns["x"]
    profile = Profile.of(baseline, to_table({"x": live}, baseline.schema)).columns["x"]
    source, _ = _STANDS_IN[name]
    return STATISTICS[name].measure(column, profile).score, STATISTICS[source].measure(column, profile).score


@pytest.mark.parametrize("name", BOUNDED)
@settings(max_examples=60, deadline=None)
@given(before=counts, after=counts)
def test_a_score_is_at_most_what_its_stand_in_allows(name, before, after):
    values = "numbers" if name == "cramer_von_mises" else "names"
    own, other = scores(repeated(before, values), repeated(after, values), name)
    assert own <= _STANDS_IN[name][1](other) + 1e-12


@pytest.mark.parametrize("name", list(_STANDS_IN))
def test_natural_variation_is_known_by_way_of_the_stand_in(name):
    source, converted = _STANDS_IN[name]
    natural = NaturalVariation(distances={86_400: {"x": {source: 0.3}}}, windows={86_400: 10})
    baseline = SimpleNamespace(natural=natural)
    assert natural_tolerance(baseline, "x", name, 86_400.0) == converted(0.3)
    assert natural_tolerance(baseline, "x", name, 3_600.0) is None
