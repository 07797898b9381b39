"""More reference rows over the same cells: what adds up, in any order, and what stays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import driftwatch
from driftwatch.core.baseline import Baseline
from driftwatch.core.frames import to_table
from driftwatch.core.partial_fit import NOTICE
from driftwatch.core.profile import Profile
from driftwatch.errors import ReferenceDataError


def rows(n, seed, mean=0.0):
    rng = np.random.default_rng(seed)
    label = rng.normal(mean, 1, n)
    return {
        "x": rng.normal(mean, 1, n),
        "plan": rng.choice(["a", "b", "c"], n).tolist(),
        "y": label,
        "y_pred": label + rng.normal(0, 0.5, n),
    }


FIRST = Baseline.fit(rows(500, 1), label="y", prediction="y_pred")
MORE = [rows(n, seed, mean=seed / 10) for seed, n in enumerate([1, 7, 40, 200], start=2)]


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(len(MORE))), st.integers(0, 3))
def test_order_and_grouping_make_no_difference(order, cut):
    one_by_one = FIRST
    for part in MORE:
        one_by_one = one_by_one.partial_fit(part)
    grouped = FIRST
    for group in (order[:cut], order[cut:]):
        if group:
            together = {name: np.concatenate([np.asarray(MORE[i][name]) for i in group]) for name in MORE[0]}
            grouped = grouped.partial_fit(together)
    assert grouped.to_json() == one_by_one.to_json()


def test_counts_and_moments_are_those_of_a_profile_of_all_rows():
    both = FIRST.partial_fit(MORE[3])
    all_rows = {name: [*rows(500, 1)[name], *MORE[3][name]] for name in MORE[3]}
    profile = Profile.of(FIRST, to_table(all_rows, FIRST.schema))
    for name, column in both.columns.items():
        assert column.counts.tolist() == profile.columns[name].counts.tolist()
        assert column.moments == profile.columns[name].moments
    assert both.n_rows == 700


def test_profiles_of_both_baselines_add_up():
    both = FIRST.partial_fit(MORE[2])
    assert both.layout == FIRST.layout
    live = to_table(MORE[1], FIRST.schema)
    assert (Profile.of(FIRST, live) + Profile.of(both, live)).n_rows == 14


def test_the_document_of_an_extended_baseline_is_read_back_as_it_was():
    both = FIRST.partial_fit({**MORE[2], "plan": ["new"] * 40, "x": np.full(40, 1e9)})
    assert Baseline.from_json(both.to_json()).to_json() == both.to_json()
    assert both.columns["plan"].counts[-2] == 40
    assert both.columns["x"].counts[-3] == 40
    assert both.columns["x"].moments.maximum == 1e9


def test_the_new_rows_count_for_a_performance_that_was_measured_on_the_reference():
    both = FIRST.partial_fit(MORE[3])
    errors = [np.abs(np.asarray(part["y"]) - part["y_pred"]) for part in (rows(500, 1), MORE[3])]
    assert both.performance.loss.value == pytest.approx(np.concatenate(errors).mean(), rel=1e-12)


def test_a_performance_of_held_out_rows_takes_held_out_rows_only():
    first = Baseline.fit(rows(500, 1), evaluation=rows(100, 9), label="y", prediction="y_pred")
    assert first.partial_fit(MORE[3]).performance == first.performance
    assert first.partial_fit(MORE[3], evaluation=MORE[2]).performance.sums.n == 140


def test_what_is_not_there_adds_nothing_and_a_missing_feature_is_named():
    unlabelled = {name: MORE[2][name] for name in ("x", "plan")}
    both = FIRST.partial_fit(unlabelled)
    assert (both.columns["x"].n, both.columns["y"].n) == (540, 500)
    with pytest.raises(ReferenceDataError, match="plan"):
        FIRST.partial_fit({"x": [1.0]})


def test_kept_values_grow_too_and_the_statistic_stays_exact():
    first = Baseline.fit({"x": rows(500, 1)["x"]}, keep_reference=True)
    both = first.partial_fit({"x": MORE[3]["x"]})
    live = np.random.default_rng(8).normal(0.2, 1, 300)
    expected = stats.ks_2samp(np.concatenate([rows(500, 1)["x"], MORE[3]["x"]]), live).statistic
    found = next(row for row in driftwatch.compare(both, {"x": live}).rows() if row["statistic"] == "ks")
    assert found["score"] == pytest.approx(expected, abs=1e-12)


def test_a_notice_says_once_what_stays_that_of_the_first_rows():
    both = FIRST.partial_fit(MORE[0]).partial_fit(MORE[1])
    assert both.notices.count(NOTICE) == 1
    assert both.natural == FIRST.natural
