"""Natural variation: what the reference's own windows tell."""

from __future__ import annotations

import math

import numpy as np
import pytest

from driftwatch.core.baseline import Baseline
from driftwatch.core.natural import LARGEST_WINDOWS, LossVariation, NaturalVariation
from driftwatch.core.profile import Profile
from driftwatch.core.statistics import STATISTICS
from driftwatch.core.table import Numbers, Table

DAY = 86_400
WEEK = 7 * DAY
START = np.datetime64("2024-01-01", "us")


def times(n, step_seconds):
    return START + (np.arange(n) * step_seconds * 1_000_000).astype("timedelta64[us]")


def fit(columns, step_seconds, **options):
    n = len(next(iter(columns.values())))
    return Baseline.fit({**columns, "ts": times(n, step_seconds)}, timestamp="ts", **options)


def test_windows_that_are_random_samples_get_about_nothing():
    rng = np.random.default_rng(0)
    n = 60_000
    natural = fit({"x": rng.normal(size=n), "c": rng.choice(list("abcdef"), n)}, 60).natural
    assert set(natural.distances) == {3_600, 21_600, DAY, WEEK}
    for columns in natural.distances.values():
        assert columns["x"]["ks"] < 0.05
        assert columns["x"]["psi"] < 0.05
        assert columns["c"]["psi"] < 0.05


def test_a_daily_cycle_is_natural_in_hours_and_not_in_days():
    rng = np.random.default_rng(1)
    n = 30 * 1_440
    hour = np.arange(n) / 60 % 24
    natural = fit({"x": np.sin(hour / 24 * 2 * np.pi) * 2 + rng.normal(size=n)}, 60).natural
    assert natural.tolerance("x", "ks", 3_600) > 0.3
    assert natural.tolerance("x", "psi", 3_600) > 0.5
    assert natural.tolerance("x", "ks", DAY) < 0.05


def test_the_distance_of_a_window_is_that_of_the_statistics():
    rng = np.random.default_rng(2)
    n_days, per_day = 8, 5_000
    days = [rng.normal(0.5 * day, 1, per_day) for day in range(n_days)]
    baseline = fit({"x": np.concatenate(days)}, DAY / per_day)
    column = baseline.columns["x"]
    scores = {"ks": [], "psi": []}
    for day in range(n_days):
        rest = np.concatenate(days[:day] + days[day + 1 :])
        mine = Profile.of(baseline, Table({"x": Numbers(days[day])}, per_day)).columns["x"]
        others = Profile.of(baseline, Table({"x": Numbers(rest)}, len(rest))).columns["x"]
        as_reference = type(column)(
            column=column.column,
            cells=column.cells,
            counts=others.counts,
            moments=others.moments,
            psi_starts=column.psi_starts,
        )
        for name, found in scores.items():
            found.append(STATISTICS[name].measure(as_reference, mine).score)
    # Noise is small beside these distances: what is kept is a little less than the largest score.
    for name, found in scores.items():
        kept = baseline.natural.distances[DAY]["x"][name]
        assert 0.9 * max(found) < kept <= max(found)


def test_a_column_that_differs_on_one_day_of_many_does_not_set_the_tolerance():
    rng = np.random.default_rng(3)
    x = rng.normal(size=60 * 200)
    x[:200] += 5
    assert fit({"x": x}, DAY / 200).natural.tolerance("x", "ks", DAY) < 0.1


def test_missing_values_that_come_in_bursts_are_natural():
    x = np.random.default_rng(4).normal(size=10 * 500)
    x[:500] = math.nan
    natural = fit({"x": x}, DAY / 500).natural
    assert natural.tolerance("x", "psi", DAY) > 1.0
    assert natural.tolerance("x", "ks", DAY) < 0.1


@pytest.mark.parametrize(
    ("n", "step_seconds"), [(20, DAY), (3 * 100, DAY / 100), (10 * 29, WEEK)], ids=["thin", "short", "rare"]
)
def test_a_reference_that_is_too_short_or_too_thin_tells_nothing(n, step_seconds):
    baseline = fit({"x": np.arange(float(n))}, step_seconds)
    assert baseline.natural.tolerance("x", "ks", DAY) is None
    if not baseline.natural.distances:
        assert any("Natural variation is not known" in notice for notice in baseline.notices)


def test_without_a_timestamp_nothing_is_known():
    assert Baseline.fit({"x": [1.0, 2.0]}).natural == NaturalVariation()


def test_rows_without_a_time_are_left_out():
    rng = np.random.default_rng(5)
    n = 2_000
    when = times(n, DAY / 200)
    when[::7] = np.datetime64("NaT", "us")
    natural = Baseline.fit({"x": rng.normal(size=n), "ts": when}, timestamp="ts").natural
    assert natural.tolerance("x", "ks", DAY) < 0.1


def test_of_very_many_windows_an_even_choice_is_compared():
    n_hours = LARGEST_WINDOWS + 500
    x = np.repeat(np.arange(n_hours) < n_hours / 2, 40).astype(float)
    assert fit({"x": x}, 90).natural.tolerance("x", "ks", 3_600) > 0.4


def test_weeks_begin_on_mondays():
    x = np.repeat([0.0, 1.0] * 3, 7 * 50)
    assert fit({"x": x}, DAY / 50).natural.tolerance("x", "ks", WEEK) > 0.5


@pytest.mark.parametrize(
    ("window_seconds", "expected"), [(1_800, None), (3_600, 0.1), (DAY - 1, 0.1), (DAY, 0.3), (30 * DAY, 0.3)]
)
def test_the_tolerance_is_that_of_the_longest_duration_within_the_window(window_seconds, expected):
    natural = NaturalVariation(distances={3_600: {"x": {"ks": 0.1}}, DAY: {"x": {"ks": 0.3}}})
    assert natural.tolerance("x", "ks", window_seconds) == expected
    assert natural.tolerance("x", "psi", window_seconds) is None
    assert natural.tolerance("y", "ks", window_seconds) is None


@pytest.mark.parametrize(("window_seconds", "expected"), [(1_800, None), (3_600, 0.1), (DAY, 0.05), (WEEK, 0.05)])
def test_the_tail_is_that_of_the_longest_duration_within_the_window(window_seconds, expected):
    natural = NaturalVariation(windows={3_600: 9, DAY: 40})
    assert natural.tail(window_seconds) == (None if expected is None else pytest.approx(expected))


def test_longer_windows_vary_less_as_averages_do():
    natural = NaturalVariation(
        loss={DAY: LossVariation(deviation=0.3, of_reference=0.1, windows=9, duration_seconds=DAY)}
    )
    assert natural.loss_variation(9 * DAY).deviation == pytest.approx(0.1)
    assert natural.loss_variation(9 * DAY).of_reference == 0.1
    assert natural.loss_variation(DAY - 1) is None


def test_a_duration_without_the_column_leaves_it_to_a_shorter_one():
    natural = NaturalVariation(distances={3_600: {"x": {"ks": 0.1}}, DAY: {"y": {"ks": 0.3}}})
    assert natural.tolerance("x", "ks", WEEK) == 0.1


def quality(error, step_seconds, **options):
    label = np.zeros(len(error))
    return fit({"y": label, "p": error}, step_seconds, label="y", prediction="p", task="regression", **options)


def test_loss_that_varies_from_day_to_day_is_natural():
    rng = np.random.default_rng(6)
    level = np.repeat(rng.choice([5.0, 10.0, 15.0], 60, p=[0.25, 0.5, 0.25]), 300)
    error = level * rng.choice([0.5, 1.5], len(level))
    truth = np.std(level) / np.mean(level)
    assert quality(error, DAY / 300).natural.loss_variation(DAY).deviation == pytest.approx(truth, rel=0.1)


def test_loss_that_varies_by_sampling_only_is_not_natural_variation():
    error = np.random.default_rng(7).exponential(10.0, 60 * 300)
    assert quality(error, DAY / 300).natural.loss_variation(DAY).deviation < 0.02


def test_classification_loss_is_the_share_of_errors():
    wrong = np.repeat([0.0, 0.5] * 10, 200)
    rng = np.random.default_rng(8)
    label = np.where(rng.random(len(wrong)) < 0.5, "a", "b")
    prediction = np.where(rng.random(len(wrong)) < wrong, np.where(label == "a", "b", "a"), label)
    natural = fit({"y": label, "p": prediction}, DAY / 200, label="y", prediction="p").natural
    assert natural.loss_variation(DAY).deviation == pytest.approx(0.25 * math.sqrt(20 / 19) / 0.25, rel=0.1)


def test_held_out_rows_speak_for_the_loss_before_the_reference_does():
    n = 20 * 200
    varied = np.repeat([1.0, 3.0] * 10, 200)
    held_out = {"y": np.zeros(n), "p": varied, "ts": times(n, DAY / 200)}
    steady = quality(np.ones(n), DAY / 200).natural.loss_variation(DAY).deviation
    assert steady == 0.0
    baseline = quality(np.ones(n), DAY / 200, evaluation=held_out)
    assert baseline.natural.loss_variation(DAY).deviation == pytest.approx(0.5 * math.sqrt(20 / 19), rel=1e-6)


def test_huge_losses_do_not_overflow():
    error = np.repeat([1e300, 1.5e308], 10 * 100)
    assert math.isfinite(quality(error, DAY / 100).natural.loss_variation(DAY).deviation)


def test_a_model_without_any_error_has_no_variation_of_loss():
    assert quality(np.zeros(1_000), DAY / 100).natural.loss_variation(DAY) is None


def test_weeks_that_the_reference_covers_in_part_are_no_weeks():
    n = 6 * 7 * 100
    weekday = np.arange(n) // 100 % 7
    whole = fit({"x": np.array(list("abcdefg"))[weekday]}, DAY / 100)
    cut = fit({"x": np.array(list("abcdefg"))[weekday[: n - 400]]}, DAY / 100)
    assert whole.natural.tolerance("x", "psi", WEEK) < 0.01
    assert cut.natural.tolerance("x", "psi", WEEK) < 0.01
    assert (whole.natural.windows[WEEK], cut.natural.windows[WEEK]) == (6, 5)
