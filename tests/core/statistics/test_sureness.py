"""What is said to be sure is so at every number of rows, for rows at the very edge of what is allowed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.optimize import minimize
from scipy.spatial.distance import jensenshannon
from scipy.special import ndtri, rel_entr

from driftwatch.core.profile import ColumnProfile
from driftwatch.core.statistics import STATISTICS
from driftwatch.core.statistics.hellinger import hellinger
from driftwatch.core.statistics.kullback_leibler import kl_to_kl_ball
from driftwatch.core.statistics.mean_shift import SHIFTS
from driftwatch.core.statistics.out_of_range_share import sampling_error as range_error
from driftwatch.core.statistics.quantile_shift import LEVELS
from driftwatch.core.statistics.shares import LOG_ODDS, Rows, bets_on_share, p_value_of_share, share_error
from driftwatch.core.table import Numbers

# A reference that is a law, so that nothing of its own sampling helps or harms.
LAW = ndtri((np.arange(20_000) + 0.5) / 20_000)
ON_FUNCTIONS = ["cramer_von_mises", "anderson_darling", "wasserstein", "wasserstein_std", "energy_distance"]


@pytest.fixture(scope="module")
def law(column):
    return column(LAW, LAW[:1])[0]


def profile_of(baseline, live):
    return ColumnProfile.of(baseline, Numbers(np.asarray(live, dtype=np.float64)))


@pytest.mark.parametrize("name", [*ON_FUNCTIONS, "mean_shift", "quantile_shift"])
@pytest.mark.parametrize("n", [5, 40, 1_000])
def test_at_the_edge_of_the_tolerance_a_p_value_below_five_percent_is_as_rare_as_that(law, name, n):
    """Rows of a normal law moved by .3, wider by a tenth; the tolerance is that law's own score."""
    statistic, rng = STATISTICS[name], np.random.default_rng(n)
    tolerance = statistic.measure(law, profile_of(law, LAW * 1.1 + 0.3)).score
    low = [statistic.exceedance(law, profile_of(law, rng.normal(0.3, 1.1, n)), tolerance) <= 0.05 for _ in range(300)]
    assert np.mean(low) <= 0.05


@pytest.mark.parametrize("name", [*ON_FUNCTIONS, "mean_shift", "quantile_shift"])
def test_half_a_standard_deviation_in_two_thousand_rows_is_sure(law, name):
    statistic, rng = STATISTICS[name], np.random.default_rng(1)
    live = profile_of(law, rng.normal(0.5, 1.0, 2_000))
    tolerance = max(statistic.tolerance, statistic.sampling_error(law, 1e-5))
    assert statistic.exceedance(law, live, tolerance) < 1e-6


@pytest.mark.parametrize("name", ["wasserstein_std", "quantile_shift", "cramer_von_mises"])
def test_one_wild_row_proves_nothing(law, name):
    statistic = STATISTICS[name]
    live = profile_of(law, [*LAW[::50], 1e9])
    assert statistic.exceedance(law, live, statistic.tolerance) == 1.0


def test_a_wild_row_is_far_in_the_score_of_wasserstein(law):
    found = STATISTICS["wasserstein"].measure(law, profile_of(law, [*LAW[::50], 1e9]))
    assert found.score == pytest.approx(1e9 / 401, rel=0.01)


@pytest.mark.parametrize("n", [1, 7, 60])
@pytest.mark.parametrize(("reference", "tolerance"), [(Rows(10, 100), 0.02), (Rows(0, 50), 0.1), (Rows(50, 50), 0.05)])
def test_a_shares_p_value_and_bets_are_exact_at_both_edges(n, reference, tolerance):
    """Over the whole binomial, no simulation."""
    held = np.arange(n + 1)
    for edge in (reference.share + tolerance, reference.share - tolerance):
        if 0.0 <= edge <= 1.0:
            chance = stats.binom.pmf(held, n, edge)
            p_values = np.array([p_value_of_share(reference, Rows(int(k), n), tolerance) for k in held])
            for level in (0.01, 0.05, 0.3):
                assert chance[p_values <= level].sum() <= level + 1e-12
            paid = np.array([bets_on_share(reference, Rows(int(k), n), tolerance) for k in held])
            assert (chance @ paid <= 1.0 + 1e-9).all()


def test_the_bet_on_the_right_side_pays_one_on_average_at_its_edge():
    held = np.arange(41)
    paid = np.array([bets_on_share(Rows(10, 100), Rows(int(k), 40), 0.02) for k in held])
    assert stats.binom.pmf(held, 40, 0.12) @ paid[:, : len(LOG_ODDS)] == pytest.approx(np.ones(len(LOG_ODDS)))


@given(st.integers(1, 400), st.data())
def test_a_shares_error_is_clopper_and_pearsons(n, data):
    held = data.draw(st.integers(0, n))
    wanted = stats.binomtest(held, n).proportion_ci(confidence_level=0.99)
    farthest = max(wanted.high - held / n, held / n - wanted.low)
    assert share_error(Rows(held, n), 0.01) == pytest.approx(farthest, abs=1e-9)


@pytest.mark.parametrize("n", [20, 300])
def test_what_lies_beyond_the_range_of_a_reference_exceeds_its_error_as_rarely_as_said(column, n):
    rng = np.random.default_rng(n)
    bound = range_error(column(np.arange(float(n)), [0.0])[0], 0.1)
    samples = rng.random((4_000, n))
    beyond = 1.0 - (samples.max(axis=1) - samples.min(axis=1))
    assert np.mean(beyond > bound) <= 0.06


@pytest.mark.parametrize("n", [3, 30, 400])
def test_bets_on_a_mean_win_nothing_at_the_edge_though_values_are_skewed(column, n):
    """Exponential values, whose mean is the tolerance above the reference's: all that is assumed is their variance."""
    reference = -np.log1p(-(np.arange(20_000) + 0.5) / 20_000)
    baseline = column(reference, [0.0])[0]
    rng, shift = np.random.default_rng(n), 0.2
    paid = [
        STATISTICS["mean_shift"].bets(baseline, profile_of(baseline, rng.exponential(size=n) + shift), shift)
        for _ in range(2_000)
    ]
    assert np.mean(paid, axis=0).shape == (2 * len(SHIFTS),)
    assert (np.mean(paid, axis=0) <= 1.0).all()


def test_a_quantiles_bets_pay_one_on_average_where_it_moved_by_the_tolerance(column):
    """A share of exactly one half up to the edge above the median: the binomial's own expectation."""
    n, values = 12, np.arange(2_001.0)
    baseline = column(values, [0.0])[0]
    tolerance = 200.0 / 1_000.0
    held = np.arange(n + 1)
    paid = []
    for k in held:
        live = profile_of(baseline, np.repeat([0.0, 1e9], [k, n - k]))
        bets = STATISTICS["quantile_shift"].bets(baseline, live, tolerance)
        paid.append(bets.reshape(2, len(LEVELS), len(LOG_ODDS))[0, 2])
    assert stats.binom.pmf(held, n, 0.5) @ np.array(paid) == pytest.approx(np.ones(len(LOG_ODDS)))


@pytest.mark.parametrize("n", [150, 2_000])
def test_true_quantiles_lie_within_the_references_error_as_often_as_said(column, n):
    rng, doubt = np.random.default_rng(n), 0.2
    truth = ndtri(LEVELS)
    misled = 0
    for _ in range(60):
        sample = rng.normal(size=n)
        quantiles = np.quantile(sample, LEVELS, method="inverted_cdf")
        bound = STATISTICS["quantile_shift"].sampling_error(column(sample, [0.0])[0], doubt)
        misled += np.abs(quantiles - truth).max() > bound * (quantiles[3] - quantiles[1])
    assert misled <= 0.2 * 60


@pytest.mark.parametrize("n", [20, 200, 5_000])
@pytest.mark.parametrize("shares", [[0.5, 0.5], [0.1] * 10, [0.02] * 50], ids=["two", "ten", "fifty"])
def test_total_variation_is_sure_as_rarely_as_said_at_the_edge(column, n, shares):
    names = np.array([f"n{i:02d}" for i in range(len(shares))])
    rows = np.repeat(names, np.round(np.array(shares) * 10_000).astype(int))
    baseline, rng = column(rows, names[:1])[0], np.random.default_rng(n)
    moved = np.array(shares)
    half = len(shares) // 2
    moved[:half] += 0.1 / half
    moved[half:] -= 0.1 / (len(shares) - half)
    low = 0
    for _ in range(300):
        counts = np.concatenate([rng.multinomial(n, moved), [0, 0, 0]])
        order = [baseline.cells.names.index(name) for name in names]
        placed = np.zeros_like(counts)
        placed[order] = counts[: len(names)]
        low += STATISTICS["total_variation"].exceedance(baseline, ColumnProfile(placed), 0.1) <= 0.05
    assert low <= 15


@pytest.mark.parametrize("seed", range(4))
def test_the_nearest_shares_in_a_kl_ball_are_those_that_a_general_solver_finds(seed):
    rng = np.random.default_rng(seed)
    p, live = rng.dirichlet(np.full(5, 3.0)), rng.dirichlet(np.ones(5))
    solved = minimize(
        lambda q: rel_entr(live, q).sum(),
        p,
        constraints=[
            {"type": "eq", "fun": lambda q: q.sum() - 1.0},
            {"type": "ineq", "fun": lambda q: 0.3**2 / 2.0 - rel_entr(q, p).sum()},
        ],
        bounds=[(1e-9, 1.0)] * 5,
        method="SLSQP",
        options={"ftol": 1e-13, "maxiter": 500},
    )
    assert kl_to_kl_ball(live, p, 0.3) == pytest.approx(solved.fun, rel=1e-3, abs=1e-6)


@given(st.lists(st.integers(0, 60), min_size=3, max_size=3).filter(any), st.floats(0.01, 1.5))
def test_the_kl_ball_is_never_farther_than_its_centre(rows, radius):
    p, live = np.array([0.5, 0.3, 0.2]), np.array(rows) / sum(rows)
    found, centre = kl_to_kl_ball(live, p, radius), rel_entr(live, p).sum()
    assert 0.0 <= found <= centre + 1e-9
    assert (found == 0.0) or 2.0 * centre > radius**2


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=2, max_size=6))
def test_jensen_shannon_is_at_least_hellinger_which_its_certainty_rests_on(pairs):
    a, b = np.array(pairs).T
    if a.any() and b.any():
        assert jensenshannon(a, b, base=2) >= hellinger(a, b) - 1e-7
