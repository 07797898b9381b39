"""The e-value of a moved mean: an e-process whatever the reference's own error, and one that sees."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import integrate, stats

from driftwatch.core.concept.e_value import _SIZES, TOLERANCE, change_e_values
from driftwatch.core.concept.levels import Level, Worse

RNG = np.random.default_rng(4)


def level(values):
    values = np.asarray(values, dtype=float)
    return Level(n=len(values), mean=float(values.mean()), squares=float(((values - values.mean()) ** 2).sum()))


def share(values):
    return Level.of_share(int(np.sum(values)), len(values))


def test_it_is_the_ratio_of_marginal_likelihoods_by_numeric_integration():
    before, after = Level(n=400, mean=1.0, squares=400 * 4.0), Level(n=100, mean=1.9, squares=100 * 3.0)
    variance, tolerance = 4.0, TOLERANCE * 2.0
    spread = math.sqrt(variance / 400 + variance / 100)
    ratios = []
    for way in (1.0, -1.0):
        apart = way * 0.9 - tolerance
        for size in _SIZES:
            deviation = size * 2.0
            marginal, _ = integrate.quad(
                lambda shift, d=deviation, a=apart: (
                    stats.halfnorm.pdf(shift, scale=d) * stats.norm.pdf(a, shift, spread)
                ),
                0.0,
                12.0 * deviation,
            )
            ratios.append(marginal / stats.norm.pdf(apart, 0.0, spread))
    assert change_e_values(before, [after])[0] == pytest.approx(np.mean(ratios), rel=1e-6)


DRAWS = {
    "share of a tenth": lambda n: share(RNG.random(n) < 0.1),
    "share of a hundredth": lambda n: share(RNG.random(n) < 0.01),
    "normal": lambda n: level(RNG.normal(3.0, 2.0, n)),
    "exponential": lambda n: level(RNG.exponential(size=n)),
    "Student of 3": lambda n: level(np.abs(RNG.standard_t(3, n))),
}


@pytest.mark.parametrize("name", DRAWS)
@pytest.mark.parametrize(("n_reference", "n_live"), [(300, 100), (3_000, 100), (3_000, 2_000)])
def test_without_a_change_its_mean_is_below_one_and_large_values_are_rare(name, n_reference, n_live):
    draw = DRAWS[name]
    found = np.array([change_e_values(draw(n_reference), [draw(n_live)])[0] for _ in range(1_500)])
    assert found.mean() < 1.0
    # Markov's inequality, with room for the error of 1,500 draws.
    assert (found >= 20.0).mean() < 0.05


def test_rows_that_are_added_keep_it_an_e_process():
    reached = 0
    for _ in range(300):
        before = share(RNG.random(1_000) < 0.2)
        windows = [share(RNG.random(100) < 0.2) for _ in range(60)]
        grown, stretches = windows[0], []
        for window in windows:
            grown = grown + window if stretches else window
            stretches.append(grown)
        reached += change_e_values(before, stretches).max() >= 20.0
    # Ville's inequality: one in twenty, however long one looks.
    assert reached / 300 < 0.05


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (Level.of_share(100, 1_000), Level.of_share(200, 1_000)),
        (Level.of_share(200, 1_000), Level.of_share(100, 1_000)),
        (Level(n=500, mean=0.0, squares=500.0), Level(n=500, mean=-0.6, squares=500.0)),
        (Level.of_share(0, 1_000), Level.of_share(40, 200)),
    ],
)
def test_a_change_is_seen_either_way(before, after):
    assert change_e_values(before, [after])[0] > 1_000.0


def test_a_change_within_the_tolerance_is_nothing_however_many_rows_say_so():
    before, after = (Level(n=10**9, mean=mean, squares=10.0**9) for mean in (0.0, 0.9 * TOLERANCE))
    assert change_e_values(before, [after])[0] < 1e-3


def test_windows_that_differ_by_nature_prove_less():
    before, after = Level.of_share(500, 5_000), Level.of_share(300, 2_000)
    alone = change_e_values(before, [after])[0]
    assert change_e_values(before, [after], between=0.02, between_reference=0.002)[0] < alone / 100.0


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (Level(), Level.of_share(3, 100)),
        (Level.of_share(3, 100), Level()),
        (Level.of_share(3, 9), Level.of_share(90, 100)),
        (Level.of_share(0, 100), Level.of_share(0, 50)),
        (Level(n=50, mean=1.0), Level(n=50, mean=1.0)),
    ],
)
def test_nothing_is_said_of_too_few_rows_or_rows_that_are_all_the_same(before, after):
    assert change_e_values(before, [after]).tolist() == [1.0]


def test_levels_add_up_in_any_order():
    values = RNG.normal(1e6, 1.0, 900)
    parts = [level(one) for one in np.split(values, [100, 350])]
    whole, one, other = level(values), parts[0] + parts[1] + parts[2], parts[2] + (parts[0] + parts[1])
    for added in (one, other):
        assert (added.n, added.mean) == (900, pytest.approx(whole.mean, rel=1e-12))
        assert added.variance == pytest.approx(whole.variance, rel=1e-6)


MOVES = [  # which way is worse, before, after, whether it counts
    (Worse.UP, 0.1, 0.3, True), (Worse.UP, 0.3, 0.1, False), (Worse.DOWN, 0.3, 0.1, True),
    (Worse.DOWN, 0.1, 0.3, False), (Worse.EITHER, 0.1, 0.3, True), (Worse.EITHER, 0.3, 0.1, True),
]  # fmt: skip


@pytest.mark.parametrize(("worse", "before", "after", "counts"), MOVES)
def test_only_a_change_for_the_worse_counts(worse: Worse, before: float, after: float, counts: bool) -> None:
    levels = (Level.of_share(round(1_000 * share), 1_000) for share in (before, after))
    reference, live = levels
    assert bool(change_e_values(reference, [live], worse=worse)[0] > 1_000.0) is counts


@pytest.mark.parametrize(
    ("before", "after", "counts"), [(2.0, 1.0, False), (2.0, -1.0, False), (2.0, -4.0, True), (-2.0, -4.0, True)]
)
def test_a_mean_that_is_to_be_near_zero_is_worse_where_it_is_farther_away(
    before: float, after: float, counts: bool
) -> None:
    reference, live = (Level(n=500, mean=mean, squares=500.0) for mean in (before, after))
    assert bool(change_e_values(reference, [live], worse=Worse.AWAY_FROM_ZERO)[0] > 1_000.0) is counts
