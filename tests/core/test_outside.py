"""Leaving a ball: the projection is the true minimum, and the p-value is one at every number of rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from driftwatch.core.evidence import calibrated
from driftwatch.core.statistics.outside import (
    kl_to_chi_square_ball,
    kl_to_hellinger_ball,
    p_value_outside,
    pooled,
    smoothed_shares,
)

TENTHS = np.full(10, 0.1)
MANY = np.arange(1, 51) ** -1.1 / (np.arange(1, 51) ** -1.1).sum()
RARE = np.concatenate([np.full(40, 0.001), np.full(10, 0.096)])
TWO = np.array([0.9, 0.1])
BALLS = {"chi-square": kl_to_chi_square_ball, "hellinger": kl_to_hellinger_ball}


def squared_radius(ball, q, p):
    if ball is kl_to_chi_square_ball:
        return ((q - p) ** 2 / p).sum()
    return 4.0 * ((np.sqrt(q) - np.sqrt(p)) ** 2).sum()


@pytest.mark.parametrize("name", BALLS)
@pytest.mark.parametrize("seed", range(4))
def test_the_least_divergence_is_the_one_that_a_general_solver_finds(name, seed):
    rng = np.random.default_rng(seed)
    ball, radius = BALLS[name], 0.3
    p, live = rng.dirichlet(np.full(5, 3.0)), rng.dirichlet(np.ones(5))
    solved = minimize(
        lambda q: (live * np.log(live / q)).sum(),
        p,
        constraints=[
            {"type": "eq", "fun": lambda q: q.sum() - 1.0},
            {"type": "ineq", "fun": lambda q: radius**2 - squared_radius(ball, q, p)},
        ],
        bounds=[(1e-9, 1.0)] * 5,
        method="SLSQP",
        options={"ftol": 1e-13, "maxiter": 500},
    )
    assert ball(live, p, radius) == pytest.approx(solved.fun, rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("ball", BALLS.values(), ids=BALLS)
@given(st.lists(st.integers(0, 60), min_size=3, max_size=3).filter(any), st.floats(0.01, 1.5))
def test_it_is_zero_inside_and_never_above_the_distance_to_the_centre(ball, rows, radius):
    p, live = np.array([0.5, 0.3, 0.2]), np.array(rows) / sum(rows)
    found = ball(live, p, radius)
    seen = live > 0
    assert 0.0 <= found <= (live[seen] * np.log(live[seen] / p[seen])).sum() + 1e-12
    if squared_radius(ball, live, p) <= radius**2 * (1.0 - 1e-9):
        assert found == 0.0


@pytest.mark.parametrize("n", [50, 200, 2_000])
@pytest.mark.parametrize("shares", [TENTHS, MANY, RARE, TWO], ids=["tenths", "fifty", "rare", "two"])
@pytest.mark.parametrize("ball", BALLS.values(), ids=BALLS)
def test_without_drift_its_bets_do_not_win_even_with_no_tolerance_worth_the_name(ball, shares, n):
    rng = np.random.default_rng(n)
    p_values = np.array([p_value_outside(shares, rng.multinomial(n, shares), ball, 0.01) for _ in range(300)])
    assert (p_values <= 0.05).mean() <= 0.05
    assert np.mean([calibrated(min(max(p, 1e-4), 1.0)) for p in p_values]) < 0.9


@pytest.mark.parametrize("n", [100, 1_000, 20_000])
@pytest.mark.parametrize("ball", BALLS.values(), ids=BALLS)
def test_at_the_edge_of_the_ball_it_is_still_valid(ball, n):
    p = np.array([0.4, 0.3, 0.2, 0.1])
    radius = 0.3
    for towards in (np.array([0.7, 0.1, 0.1, 0.1]), np.array([0.1, 0.2, 0.2, 0.5])):
        low, high = 0.0, 1.0
        for _ in range(40):
            middle = (low + high) / 2.0
            inside = squared_radius(ball, p + middle * (towards - p), p) <= radius**2
            low, high = (middle, high) if inside else (low, middle)
        edge = p + low * (towards - p)
        rng = np.random.default_rng(n)
        p_values = [p_value_outside(p, rng.multinomial(n, edge), ball, radius) for _ in range(300)]
        assert np.mean(np.array(p_values) <= 0.1) <= 0.1


def test_pooled_cells_each_reach_the_smallest_share_and_lose_no_row():
    rng = np.random.default_rng(2)
    for _ in range(50):
        shares, counts = rng.dirichlet(np.full(20, 0.3)), rng.integers(0, 9, 20)
        cells = pooled(shares, counts, 0.05)
        assert cells.shares.min() >= 0.05 - 1e-12
        assert cells.shares.sum() == pytest.approx(1.0)
        assert cells.counts.sum() == counts.sum()


def test_equal_rare_cells_are_pooled_into_several_and_not_into_one():
    cells = pooled(np.full(50, 0.02), np.ones(50, dtype=np.int64), 0.05)
    assert len(cells.shares) == 16


def test_rows_where_none_belong_are_seen_however_few_the_rows():
    counts = np.array([12, 12, 6])
    assert p_value_outside(np.array([0.4995, 0.4995, 0.001]), counts, kl_to_hellinger_ball, 0.05) < 1e-6


def test_no_share_is_zero_after_smoothing():
    assert smoothed_shares(np.array([9, 0])).tolist() == [0.95, 0.05]


@pytest.mark.parametrize(("shares", "counts"), [([1.0], [40]), ([0.5, 0.5], [0, 0]), ([0.5, 0.5], [1, 0])])
def test_where_nothing_can_be_told_it_is_one(shares, counts):
    assert p_value_outside(np.array(shares), np.array(counts), kl_to_chi_square_ball, 0.1) == 1.0
