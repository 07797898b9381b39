"""Two samples compared through slots: what scipy finds by sorting both."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import driftwatch
import driftwatch.live_rows
from driftwatch.core.baseline import Baseline
from driftwatch.core.cell_choice import numeric_cells, value_counts
from driftwatch.core.cells import counts_by_slot
from driftwatch.core.judge import JudgePolicy
from driftwatch.core.moments import Moments
from driftwatch.core.records import Status
from driftwatch.core.table import Numbers
from driftwatch.core.two_samples import KeptNumbers, exact_distance, exact_ks

SHAPES = {
    "normal": lambda rng, n: rng.normal(size=n),
    "cauchy": lambda rng, n: rng.standard_cauchy(n),
    "log-normal, sigma 2": lambda rng, n: rng.lognormal(0, 2, n),
    "few values": lambda rng, n: rng.integers(0, 7, n).astype(float),
    "rounded": lambda rng, n: rng.normal(size=n).round(2),
    "zero-inflated": lambda rng, n: np.where(rng.random(n) < 0.6, 0.0, rng.lognormal(size=n)),
    "subnormal": lambda rng, n: rng.integers(0, 5_000, n) * 5e-324,
    "huge": lambda rng, n: rng.integers(2**62, 2**63, n).astype(float),
    "both zeros": lambda rng, n: np.where(rng.random(n) < 0.5, rng.choice([0.0, -0.0], n), rng.normal(size=n)),
}


def distance(cells, kept, live):
    counts, _, by_slot = counts_by_slot(cells, Numbers(live), Moments(0.0, 1.0))
    return exact_distance(cells, kept, Numbers(live), counts, by_slot)


small = st.floats(-3, 3) | st.integers(-2, 2).map(float) | st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize("draw", SHAPES.values(), ids=list(SHAPES))
@pytest.mark.parametrize(("n", "m"), [(40_000, 37_000), (30_000, 400), (300, 20_000), (25_000, 1)])
@pytest.mark.parametrize("moved", [1.0, 1.01])
def test_statistic_and_p_value_are_those_of_scipy(draw, n, m, moved):
    rng = np.random.default_rng(n + m)
    reference, live = draw(rng, n), draw(rng, m) * moved
    expected = stats.ks_2samp(reference, live)
    found = exact_ks(reference, live)
    assert found.statistic == pytest.approx(expected.statistic, abs=1e-12)
    # The p-value's slope is steep: the rounding of the statistic is what is left of the difference.
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-9, abs=1e-300)


@pytest.mark.parametrize(("n", "m"), [(10_000, 900), (800, 800), (50, 31)])
def test_small_samples_have_the_exact_p_value(n, m):
    rng = np.random.default_rng(5)
    reference, live = rng.normal(size=n), rng.normal(0.05, 1, m)
    expected = stats.ks_2samp(reference, live, method="exact")
    assert exact_ks(reference, live).p_value == pytest.approx(expected.pvalue, rel=1e-9)


@given(st.lists(small, min_size=1, max_size=40), st.lists(small, min_size=1, max_size=40))
def test_the_statistic_of_any_two_samples_is_the_largest_difference_of_their_distribution_functions(first, second):
    reference, live = np.array(first), np.array(second)
    points = np.concatenate([reference, live])
    below = [np.searchsorted(np.sort(one), points, "right") / len(one) for one in (reference, live)]
    cells = numeric_cells(value_counts(np.sort(reference)))
    kept = KeptNumbers.of(cells, Numbers(reference))
    found = distance(cells, kept, live)
    assert found == pytest.approx(float(np.abs(below[0] - below[1]).max()), abs=1e-12)


@pytest.mark.parametrize("seed", range(6))
def test_cells_that_are_coarse_for_the_reference_lose_nothing_but_time(seed):
    # Cells of another sample: most slots hold many values, and nearly all are looked into.
    rng = np.random.default_rng(seed)
    cells = numeric_cells(value_counts(np.sort(rng.normal(0, 10.0 ** (3 * seed), 2_000))))
    reference, live = rng.normal(size=4_000).round(3), rng.normal(0.02, 1, 3_000).round(3)
    found = distance(cells, KeptNumbers.of(cells, Numbers(reference)), live)
    assert found == pytest.approx(stats.ks_2samp(reference, live, method="asymp").statistic, abs=1e-12)


def test_where_no_exact_p_value_can_be_had_it_is_that_of_the_limit():
    reference, live = np.zeros(5), np.array([0.0, 0.0, 0.0, 0.0, 1.0])
    expected = stats.ks_2samp(reference, live, method="asymp").pvalue
    assert exact_ks(reference, live).p_value == pytest.approx(expected, rel=1e-9)


def test_missing_and_infinite_values_are_left_out():
    rng = np.random.default_rng(1)
    reference, live = rng.normal(size=3_000), rng.normal(0.2, 1, 700)
    mixed = np.concatenate([live, [math.nan, math.inf, -math.inf]])
    assert exact_ks(reference, mixed) == exact_ks(reference, live)


@pytest.mark.parametrize(("reference", "live"), [([], [1.0]), ([1.0], []), ([math.nan], [1.0]), ([], [])])
def test_without_values_on_one_side_it_is_undefined(reference, live):
    found = exact_ks(np.array(reference, dtype=float), np.array(live, dtype=float))
    assert math.isnan(found.statistic)
    assert math.isnan(found.p_value)


# --- in a comparison --------------------------------------------------------------------------------------------------

RNG = np.random.default_rng(31)
REFERENCE = {"x": RNG.lognormal(0, 2, 12_000), "y": RNG.normal(size=12_000), "c": RNG.choice(["a", "b"], 12_000)}
LIVE = {"x": RNG.lognormal(0.02, 2, 15_000), "y": RNG.normal(0.3, 1, 15_000), "c": RNG.choice(["a", "b"], 15_000)}


def ks_rows(report):
    return {row["column"]: row for row in report.rows() if row["statistic"] == "ks"}


@pytest.mark.parametrize("how", ["kept", "two frames"])
def test_a_comparison_with_both_samples_at_hand_has_the_exact_statistic(how):
    reference = Baseline.fit(REFERENCE, keep_reference=True) if how == "kept" else REFERENCE
    rows = ks_rows(driftwatch.compare(reference, LIVE))
    for name in ("x", "y"):
        expected = stats.ks_2samp(REFERENCE[name], LIVE[name]).statistic
        assert rows[name]["score"] == pytest.approx(expected, abs=1e-12)
        assert rows[name]["error_bound"] == 0.0
        assert rows[name]["binning"] == "every value"


def test_a_comparison_with_a_baseline_alone_has_the_statistic_within_its_bound():
    rows = ks_rows(driftwatch.compare(Baseline.fit(REFERENCE), LIVE))
    for name in ("x", "y"):
        expected = stats.ks_2samp(REFERENCE[name], LIVE[name]).statistic
        assert rows[name]["error_bound"] > 0.0
        assert rows[name]["score"] <= expected <= rows[name]["score"] + rows[name]["error_bound"]


def test_a_fixed_threshold_meets_the_exact_statistic():
    kept = Baseline.fit(REFERENCE, keep_reference=True)
    score = ks_rows(driftwatch.compare(kept, LIVE))["y"]["score"]
    for limit, status in ((score - 1e-9, Status.DRIFT), (score + 1e-9, Status.OK)):
        found = driftwatch.compare(kept, LIVE, policy=JudgePolicy(thresholds={"ks": limit, "psi": 9}))
        assert next(one for one in found.findings if (one.column, one.statistic) == ("y", "ks")).status is status


def test_kept_rows_stay_in_the_process():
    kept = Baseline.fit(REFERENCE, keep_reference=True)
    plain = Baseline.fit(REFERENCE)
    assert sorted(kept.kept) == ["x", "y"]
    assert kept.to_json() == plain.to_json()
    assert pickle.loads(pickle.dumps(kept)).kept == {}
    assert not Baseline.from_json(kept.to_json()).kept
    assert not plain.kept


def test_one_unreadable_column_is_an_error_and_the_others_are_compared():
    report = driftwatch.compare(Baseline.fit(REFERENCE), {**LIVE, "x": ["word"] * 15_000})
    found = {one.column: one for one in report.findings if one.status is Status.ERROR}
    assert list(found) == ["x"]
    assert "'word' is not a number" in found["x"].note
    assert {one.statistic for one in report.findings if one.column == "y"} == {"ks", "psi"}
    assert report.status is Status.DRIFT
    assert report.drifted_columns == ("y",)
    assert '"status": "error"' in report.to_json()


def test_an_unreadable_column_alone_makes_the_report_an_error():
    live = {**REFERENCE, "x": ["word"] * 12_000}
    assert driftwatch.compare(Baseline.fit(REFERENCE), live).status is Status.ERROR


def test_a_column_of_another_length_is_an_error_and_the_others_are_compared():
    report = driftwatch.compare(Baseline.fit(REFERENCE), {**LIVE, "y": [1.0]})
    cut_short = [finding for finding in report.findings if finding.column == "y"]
    assert [finding.status for finding in cut_short] == [Status.ERROR]
    assert "it has 1 values where other columns have 15,000." in cut_short[0].note
    assert {finding.column for finding in report.findings} == {"x", "y", "c"}


def test_many_rows_are_counted_by_several_threads_with_the_same_result(monkeypatch):
    baseline = Baseline.fit(REFERENCE, keep_reference=True)
    alone = driftwatch.compare(baseline, LIVE)
    monkeypatch.setattr(driftwatch.live_rows, "MANY_ROWS", 1)
    monkeypatch.setattr(driftwatch.live_rows, "_processors", lambda: 3)
    assert driftwatch.compare(baseline, LIVE).rows() == alone.rows()
