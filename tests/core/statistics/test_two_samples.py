"""Statistics of two samples of numbers: scipy's, closed forms, and what other tools publish."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon

from driftwatch.core.statistics.anderson_darling import anderson_darling
from driftwatch.core.statistics.cramer_von_mises import cramer_von_mises
from driftwatch.core.statistics.energy_distance import energy_distance
from driftwatch.core.statistics.g_test import g_test
from driftwatch.core.statistics.jensen_shannon import jensen_shannon, jensen_shannon_of_samples
from driftwatch.core.statistics.kullback_leibler import kullback_leibler
from driftwatch.core.statistics.mean_shift import mean_shift
from driftwatch.core.statistics.quantile_shift import LEVELS, quantile_shift
from driftwatch.core.statistics.two_by_two import fisher_exact
from driftwatch.core.statistics.variance_shift import variance_shift
from driftwatch.core.statistics.wasserstein import wasserstein, wasserstein_std

GOLDEN = Path(__file__).parents[2] / "golden" / "two_samples.csv"
EXACT = {
    "anderson_darling": lambda a, b: anderson_darling(a, b).distance,
    "anderson_darling_p": lambda a, b: anderson_darling(a, b).p_value,
    "cramer_von_mises": lambda a, b: cramer_von_mises(a, b).distance,
    "energy_distance": energy_distance,
    "jensen_shannon_of_samples": jensen_shannon_of_samples,
    "mean_shift": lambda a, b: mean_shift(a, b).shift,
    "quantile_shift": quantile_shift,
    "student_p": lambda a, b: mean_shift(a, b).student_p_value,
    "variance_shift": lambda a, b: variance_shift(a, b).shift,
    "wasserstein": wasserstein,
    "wasserstein_std": wasserstein_std,
    "welch_p": lambda a, b: mean_shift(a, b).p_value,
}
SHAPES = {
    "normal": lambda rng, n: rng.normal(size=n),
    "cauchy": lambda rng, n: rng.standard_cauchy(n),
    "ties": lambda rng, n: rng.integers(0, 6, n).astype(float),
    "huge integers": lambda rng, n: rng.integers(2**61, 2**62, n).astype(float),
}
SIZES = [(3, 4), (5, 900), (500, 400)]
few = st.lists(st.sampled_from([-2.0, 0.0, 0.5, 1.0, 7.0]), min_size=2, max_size=30)
counts = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=2, max_size=8)


def rows():
    with GOLDEN.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(params=SHAPES)
def draw(request):
    return SHAPES[request.param]


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row['name']} {row['source'][:30]}")
def test_golden_values(row):
    reference, live = (np.array([float(value) for value in row[side].split()]) for side in ("reference", "live"))
    found = EXACT[row["name"]](reference, live)
    assert found == pytest.approx(float(row["expected"]), rel=float(row["relative_tolerance"]))


@pytest.mark.parametrize("sizes", SIZES)
def test_cramer_von_mises_is_scipys(draw, sizes):
    rng = np.random.default_rng(1)
    a, b = draw(rng, sizes[0]), draw(rng, sizes[1]) * 1.1
    found, wanted = cramer_von_mises(a, b), stats.cramervonmises_2samp(a, b, method="asymptotic")
    assert found.statistic == pytest.approx(wanted.statistic, rel=1e-9, abs=1e-12)
    assert found.p_value == pytest.approx(wanted.pvalue, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("sizes", SIZES)
def test_without_ties_the_cramer_von_mises_score_is_scipys_statistic_without_its_growth(sizes):
    rng = np.random.default_rng(2)
    n, m = sizes
    a, b = rng.normal(size=n), rng.normal(0.3, 1, m)
    wanted = stats.cramervonmises_2samp(a, b, method="asymptotic").statistic
    assert cramer_von_mises(a, b).distance ** 2 * n * m / (n + m) == pytest.approx(wanted, rel=1e-9)


def test_two_equal_constants_have_no_cramer_von_mises_distance_though_their_middle_ranks_say_so():
    found = cramer_von_mises(np.ones(2), np.ones(6))
    assert found.distance == 0.0
    assert found.statistic == pytest.approx(stats.cramervonmises_2samp(np.ones(2), np.ones(6)).statistic)
    assert found.statistic > 0.5


@pytest.mark.parametrize("sizes", SIZES)
def test_anderson_darling_is_scipys(draw, sizes):
    rng = np.random.default_rng(3)
    a, b = draw(rng, sizes[0]), draw(rng, sizes[1]) * 1.02
    found = anderson_darling(a, b)
    once = stats.PermutationMethod(n_resamples=1)  # its own table warns at both ends
    wanted = stats.anderson_ksamp([a, b], variant="midrank", method=once)
    assert found.statistic == pytest.approx(wanted.statistic, rel=1e-8, abs=1e-9)


@pytest.mark.parametrize("shift", [0.4, 0.45, 0.5])
def test_anderson_darlings_p_value_is_scipys(shift):
    rng = np.random.default_rng(4)
    a, b = rng.normal(size=300), rng.normal(shift, 1, 200)
    assert anderson_darling(a, b).p_value == pytest.approx(
        stats.anderson_ksamp([a, b], variant="midrank").pvalue, rel=1e-6
    )


@pytest.mark.parametrize(("scale", "p_value"), [(0.0, 0.25), (19.0, 0.001)])
def test_anderson_darlings_p_value_ends_where_the_table_does(scale, p_value):
    a = np.arange(50.0)
    assert anderson_darling(a, a + scale + 0.5).p_value == p_value


@given(few, few)
def test_the_anderson_darling_score_is_scipys_right_sided_statistic_without_its_growth(a, b):
    a, b = np.array(a), np.array(b)
    if len(np.unique(np.concatenate([a, b]))) < 2:
        assert anderson_darling(a, b).distance == 0.0
        return
    n, m, pooled = len(a), len(b), np.sort(np.concatenate([a, b]))
    wanted = stats._morestats._anderson_ksamp_right([a, b], pooled, np.unique(pooled), 2, np.array([n, m]), n + m)
    assert anderson_darling(a, b).distance ** 2 * n * m / (n + m) == pytest.approx(wanted, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("sizes", SIZES)
def test_wasserstein_and_energy_distance_are_scipys(draw, sizes):
    rng = np.random.default_rng(5)
    a, b = draw(rng, sizes[0]), draw(rng, sizes[1]) * 1.25
    assert wasserstein(a, b) == pytest.approx(stats.wasserstein_distance(a, b), rel=1e-9)
    assert energy_distance(a, b) == pytest.approx(stats.energy_distance(a, b), rel=1e-9)
    assert wasserstein_std(a, b) == pytest.approx(stats.wasserstein_distance(a, b) / np.std(a, ddof=1), rel=1e-9)


def test_between_the_largest_floats_the_distance_is_the_largest_float():
    largest = float(np.finfo(float).max)
    assert wasserstein(np.array([-largest]), np.array([largest])) == largest
    assert wasserstein(np.array([largest]), np.array([largest / 2.0])) == largest / 2.0


def test_between_the_smallest_floats_nothing_rounds_away():
    assert wasserstein(np.array([0.0]), np.array([5e-324])) == 5e-324
    assert energy_distance(np.array([0.0]), np.array([5e-324])) == pytest.approx(math.sqrt(2.0) * 2.0**-537)


@pytest.mark.parametrize("sizes", SIZES)
def test_mean_shift_is_welchs_test_and_variance_shift_the_f_test(draw, sizes):
    rng = np.random.default_rng(6)
    a, b = draw(rng, sizes[0]), draw(rng, sizes[1]) * 1.1
    found, wanted = mean_shift(a, b), stats.ttest_ind(b, a, equal_var=False)
    assert found.statistic == pytest.approx(wanted.statistic, rel=1e-7)
    assert found.p_value == pytest.approx(wanted.pvalue, rel=1e-6)
    assert found.student_p_value == pytest.approx(stats.ttest_ind(b, a).pvalue, rel=1e-6)
    assert found.shift == pytest.approx(abs(b.mean() - a.mean()) / a.std(ddof=1), rel=1e-7)
    ratio = b.var(ddof=1) / a.var(ddof=1)
    law = stats.f(len(b) - 1, len(a) - 1)
    of_variance = variance_shift(a, b)
    assert of_variance.ratio == pytest.approx(ratio, rel=1e-9)
    assert of_variance.p_value == pytest.approx(2.0 * min(law.cdf(ratio), law.sf(ratio)), rel=1e-6)


@given(few, few)
def test_quantile_shift_is_that_of_numpys_inverted_distribution_function(a, b):
    a, b = np.array(a), np.array(b)
    before, after = (np.quantile(one, LEVELS, method="inverted_cdf") for one in (a, b))
    spread = before[3] - before[1] or before[4] - before[0] or a.max() - a.min()
    found = quantile_shift(a, b)
    if spread == 0.0:
        assert math.isnan(found)
    else:
        assert found == pytest.approx(np.abs(after - before).max() / spread)


@given(counts.filter(lambda pairs: all(map(any, zip(*pairs, strict=True)))))
def test_distances_of_counts_are_scipys(pairs):
    reference, live = np.array(pairs).T
    assert jensen_shannon(reference, live) == pytest.approx(jensenshannon(reference, live, base=2), abs=1e-7)
    if reference.all():
        assert kullback_leibler(reference, live) == pytest.approx(stats.entropy(live, reference), abs=1e-12)
    used = np.array([reference, live])[:, reference + live > 0]
    if used.shape[1] > 1:
        wanted = stats.chi2_contingency(used, correction=False, lambda_="log-likelihood")
        assert g_test(reference, live).statistic == pytest.approx(wanted.statistic, abs=1e-9)
        assert g_test(reference, live).p_value == pytest.approx(wanted.pvalue, rel=1e-8)


@given(st.lists(st.integers(0, 400), min_size=4, max_size=4))
def test_fishers_exact_test_is_scipys(cells):
    table = (tuple(cells[:2]), tuple(cells[2:]))
    wanted = stats.fisher_exact(table)
    found = fisher_exact(table)
    assert found.p_value == pytest.approx(wanted.pvalue, rel=1e-8)
    assert found.odds_ratio == pytest.approx(wanted.statistic, nan_ok=True)


@pytest.mark.parametrize("table", [((900_000, 100_000), (90_300, 9_700)), ((1_000_000, 3), (99_990, 10))])
def test_fishers_exact_test_of_very_many_rows_is_scipys(table):
    assert fisher_exact(table).p_value == pytest.approx(stats.fisher_exact(table).pvalue, rel=1e-5)


@pytest.mark.parametrize("empty", [np.array([]), np.array([np.nan, np.inf])])
@pytest.mark.parametrize("name", EXACT)
def test_without_a_finite_value_it_is_undefined(name, empty):
    values = np.array([1.0, 2.0, 4.0])
    assert math.isnan(EXACT[name](empty, values))
    assert math.isnan(EXACT[name](values, empty))


@pytest.mark.parametrize("name", EXACT)
def test_missing_and_infinite_values_are_left_out(name):
    a, b = np.array([1.0, 2.0, 4.0, 5.0]), np.array([2.0, 5.0, 7.0])
    with_others = np.array([np.nan, 1.0, np.inf, 2.0, 4.0, 5.0])
    assert EXACT[name](with_others, np.append(b, -np.inf)) == EXACT[name](a, b)
