"""Evidence: bets that win nothing on noise, detectors that keep the run length, blame, budgets."""

from __future__ import annotations

import json
import math
from dataclasses import asdict

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.core.evidence import (
    Bets,
    EvidenceMemory,
    FalseAlarmBudget,
    KindMemory,
    Turn,
    blamed,
    calibrated,
    gathered,
)
from driftwatch.core.records import AlertKind
from driftwatch.core.segments import SegmentPlan
from driftwatch.errors import SettingError


def test_a_calibrated_p_value_pays_one_on_average():
    """The integral over p in (0, 1), exactly, by the substitution p = u ** (1 / kappa)."""
    u = (np.arange(100_000) + 0.5) / 100_000
    p = u ** (1 / 0.15)
    density = (1 / 0.15) * u ** (1 / 0.15 - 1)
    assert np.mean([calibrated(one) * weight for one, weight in zip(p[::50], density[::50], strict=True)]) == (
        pytest.approx(1.0, abs=0.001)
    )


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_smaller_p_value_never_pays_less(a, b):
    assert calibrated(min(a, b)) >= calibrated(max(a, b))


def test_a_p_value_of_zero_is_worth_a_finite_amount():
    assert np.isfinite(calibrated(0.0))


def test_a_detector_multiplies_what_it_has_and_one_more():
    assert gathered((2.0,), np.array([3.0]), 1e9) == (9.0,)
    assert gathered((2.0, 0.0), np.array([3.0, 0.5]), 1e9) == (9.0, 0.5)


def test_evidence_is_rounded_down():
    assert gathered((), np.array([0.129]), 1e9) == (0.12,)
    assert gathered((), np.array([0.129, 7.999]), 1e9) == (0.12, 7.99)


def test_nothing_to_bet_on_leaves_all_as_it_was():
    assert gathered((4.0, 5.0), np.zeros(0), 1e9) == (4.0, 5.0)


def test_evidence_is_scaled_down_to_its_largest_average_so_that_a_drifts_end_shows():
    held = gathered((), np.array([1e300, 0.0, 1e300]), 30.0)
    assert np.mean(held) == pytest.approx(30.0)
    assert gathered((), np.array([1e300]), 30.0) == (30.0,)


def test_bets_of_another_number_start_anew():
    assert gathered((5.0,), np.array([1.0, 1.0]), 1e9) == (1.0, 1.0)


def test_detectors_alarm_at_most_once_in_a_run_length_of_fair_bets():
    """Fair bets, two per window: the mean run to an average of 50 is 50 at least."""
    rng = np.random.default_rng(8)
    runs = []
    for _ in range(200):
        held, length = (), 0
        while not held or np.mean(held) < 50.0:
            held = gathered(held, rng.choice([0.5, 1.5], 2), 1e9)
            length += 1
        runs.append(length)
    assert np.mean(runs) > 50.0


def test_blame_names_the_columns_that_the_false_discovery_rate_allows():
    evidence = {"a": 39.0, "b": 41.0, "c": 0.0, "d": 0.1}
    assert blamed(evidence, 0.05) == ()
    assert blamed({**evidence, "a": 40.0}, 0.05) == ("b", "a")
    assert blamed({**evidence, "c": 80.0}, 0.05) == ("c", "b", "a")
    assert blamed({**evidence, "a": 26.0, "c": 80.0}, 0.05) == ("c", "b")


def test_blame_without_columns_is_nobodys():
    assert blamed({}, 0.05) == ()


@pytest.mark.parametrize(
    ("text", "window_seconds", "expected", "why"),
    [
        ("1 per 90d", 86_400.0, 90.0, "ninety windows of a day"),
        ("1 per 90d", 3_600.0, 2_160.0, "ninety days of hours"),
        ("2 per 90d", 86_400.0, 45.0, "two alarms share the span"),
        ("1 per 4w", 86_400.0, 28.0, "weeks"),
        ("1/12h", 3_600.0, 12.0, "a slash reads as per"),
        ("1 per 1000 windows", None, 1_000.0, "counted windows need no duration"),
        ("1 per 1000 windows", 60.0, 1_000.0, "and ignore one"),
        ("0.5 per 100 windows", None, 200.0, "half an alarm"),
        ("1 per 1 window", None, 1.0, "the singular"),
        ("1 per 1d", 864_000.0, 1.0, "a window longer than the span: never less than one"),
    ],
)
def test_a_budget_is_a_run_length_in_windows(text, window_seconds, expected, why):
    assert FalseAlarmBudget.parse(text).run_length(window_seconds) == pytest.approx(expected), why


@pytest.mark.parametrize(("text", "expected"), [("1 per 90d", 90.0), ("1 per 960 windows", 40.0)])
def test_a_run_length_of_overlapping_windows_is_in_window_lengths(text, expected):
    """A day that begins every hour: 24 windows a day count against a budget in windows, and time is time."""
    assert FalseAlarmBudget.parse(text).run_length(86_400.0, overlap=24) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["", "never", "1 per", "0 per 90d", "1 per 0d", "1 per 3 fortnights", "-1 per 90d"])
def test_what_is_no_budget_is_refused_with_what_to_write(text):
    with pytest.raises(SettingError, match="1 per 1000 windows") as caught:
        FalseAlarmBudget.parse(text)
    assert caught.value.field == "false_alarms"


def test_a_budget_in_time_needs_windows_in_time():
    with pytest.raises(SettingError, match="counted in rows"):
        FalseAlarmBudget.parse("1 per 90d").run_length(None)


MEMORY = EvidenceMemory(
    kinds={
        AlertKind.QUALITY: KindMemory(alarmed=True, bets={"y": {"mae": (3.25,)}}),
        AlertKind.LABEL_DRIFT: KindMemory(),
    }
)


def test_a_memory_survives_json():
    document = msgspec.json.encode(MEMORY)
    assert msgspec.json.decode(document, type=EvidenceMemory) == MEMORY
    assert json.loads(document) == json.loads(json.dumps(asdict(MEMORY)))


def test_a_memory_gives_what_it_holds_and_nothing_else():
    assert MEMORY.of(AlertKind.QUALITY).evidence("y", "mae") == 3.25
    assert MEMORY.of(AlertKind.QUALITY).evidence("y", "ks") == 0.0
    assert MEMORY.of(AlertKind.FEATURE_DRIFT) == KindMemory()


def test_a_turn_moves_its_own_detector_alone():
    held = gathered((), np.array([2.0, 4.0]), 1e9, Turn(1, 3))
    assert held == (0.0, 0.0, 2.0, 4.0, 0.0, 0.0)
    assert gathered(held, np.array([3.0]), 1e9, Turn(0, 2)) == (3.0, 0.0)


def test_a_stake_is_what_the_new_bet_places():
    assert gathered((), np.array([2.0]), 1e9, Turn(stake=0.25)) == (0.5,)
    assert gathered((0.5,), np.array([2.0]), 1e9, Turn(stake=0.25)) == (1.5,)


@pytest.mark.slow
@pytest.mark.parametrize("overlap", [1, 2, 6, 24])
def test_windows_that_overlap_keep_the_budget(overlap):
    """Means of noise over windows that begin every ``1 / overlap``-th of their length; bets are likelihood ratios.

    So each bet has an expectation of exactly 1, and nothing but the overlap can break the budget. An alarm may come
    once in 20 window lengths; runs are cut off at 160, which makes their mean smaller.
    """
    rng = np.random.default_rng(5)
    run_length, count, longest = 20.0, 150, 160 * overlap
    parts = rng.normal(size=(count, longest + overlap))
    sums = np.cumsum(np.pad(parts, ((0, 0), (1, 0))), axis=1)
    means = (sums[:, overlap:] - sums[:, :-overlap]) / math.sqrt(overlap)
    held: Bets = ()
    first = np.full(count, longest)
    for number in range(longest):
        bets = np.exp(0.5 * means[:, number] - 0.125)
        held = gathered(held, bets, math.inf, Turn(number % overlap, overlap))
        evidence = np.reshape(held, (overlap, count)).mean(axis=0)
        first[(evidence >= run_length) & (first == longest)] = number + 1
    runs = first / overlap
    assert runs.mean() - 2.0 * runs.std() / math.sqrt(count) > run_length


@pytest.mark.slow
def test_streams_that_share_the_stakes_keep_the_budget_together():
    """All rows stake a half, ten segments the other: an alarm of any comes once in a run length of fair bets."""
    rng = np.random.default_rng(6)
    plan, run_length, runs = SegmentPlan(columns=("country",), most=10), 30.0, []
    names = ("", *(f"country={number}" for number in range(10)))
    for _ in range(300):
        held = dict.fromkeys(names, ())
        length = 0
        while all(not one or one[0] < run_length for one in held.values()) and length < 5_000:
            length += 1
            for name in names:
                bet = np.array([rng.choice([0.25, 1.75])])
                held[name] = gathered(held[name], bet, 1e9, Turn(stake=plan.share(name)))
        runs.append(length)
    assert np.mean(runs) > run_length
