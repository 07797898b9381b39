"""What one window may prove where the reference's own windows differ from each other."""

import numpy as np
import pytest

from driftwatch.core.baseline import Baseline, ColumnBaseline
from driftwatch.core.caution import MULTIPLES, cautious_bets
from driftwatch.core.profile import ColumnProfile
from driftwatch.core.statistics import STATISTICS
from driftwatch.core.table import Numbers

KS, PSI = STATISTICS["ks"], STATISTICS["psi"]
TAIL = 0.05
LARGEST = sum(multiple**2 for multiple in MULTIPLES) / len(MULTIPLES) / 2 / TAIL


@pytest.fixture(scope="module")
def column() -> ColumnBaseline:
    return Baseline.fit({"x": np.random.default_rng(1).normal(size=10_000)}).columns["x"]


def window(column: ColumnBaseline, shift: float, rows: int = 1_000, seed: int = 2) -> ColumnProfile:
    return ColumnProfile.of(column, Numbers(np.random.default_rng(seed).normal(shift, 1.0, rows)))


def test_windows_that_are_random_samples_win_what_the_statistic_says(column: ColumnBaseline) -> None:
    live = window(column, 0.5)
    expected = KS.bets(column, live, 0.05)
    assert cautious_bets(KS, column, live, 0.05, None) == pytest.approx(expected)


def test_without_natural_variation_one_clear_window_wins_enough_for_an_alarm(column: ColumnBaseline) -> None:
    assert cautious_bets(KS, column, window(column, 1.0), 0.05, None).mean() > 1e6


@pytest.mark.parametrize("statistic", [KS, PSI], ids=["ks", "psi"])
def test_no_window_wins_more_than_the_odds_of_an_odd_day(column: ColumnBaseline, statistic) -> None:
    assert cautious_bets(statistic, column, window(column, 5.0), statistic.tolerance, TAIL).max() <= LARGEST


def test_a_day_beyond_the_tolerance_wins_less_than_a_break(column: ColumnBaseline) -> None:
    odd = cautious_bets(KS, column, window(column, 0.3), 0.05, TAIL).mean()
    broken = cautious_bets(KS, column, window(column, 3.0), 0.05, TAIL).mean()
    assert odd < broken / 3


def test_more_windows_in_the_reference_allow_one_window_to_prove_more(column: ColumnBaseline) -> None:
    live = window(column, 1.0)
    few, many = (cautious_bets(KS, column, live, 0.05, tail).mean() for tail in (0.2, 0.02))
    assert many > 5 * few


def test_days_that_differ_as_the_reference_showed_make_nobody_rich(column: ColumnBaseline) -> None:
    """Most days within the tolerance of 0.1, one in twenty beyond it with a heavy tail: the bets win at most 1."""
    rng = np.random.default_rng(3)
    won = []
    for day in range(400):
        distance = 0.05 if rng.random() > TAIL else 0.1 / np.sqrt(rng.random())
        # The KS distance of two normal laws is about 0.4 times their shift.
        won.append(cautious_bets(KS, column, window(column, distance / 0.4, 500, seed=day), 0.1, TAIL))
    assert np.mean(won, axis=0).max() <= 1.0
