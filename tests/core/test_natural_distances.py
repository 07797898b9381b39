"""How far windows of a reference lie from its rest, by every statistic that no other stands in for."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from driftwatch.core.baseline import Baseline
from driftwatch.core.profile import Profile
from driftwatch.core.records import ColumnKind
from driftwatch.core.statistics import STATISTICS
from driftwatch.core.table import Numbers, Table
from driftwatch.core.thresholds import _STANDS_IN, natural_tolerance

DAY = 86_400
START = np.datetime64("2024-01-01", "us")
RNG = np.random.default_rng(5)
ROWS = 4_000
"""A day: so many that noise is small beside the distances."""

NUMERIC = ["wasserstein", "wasserstein_std", "energy_distance", "anderson_darling", "mean_shift", "variance_shift",
           "quantile_shift"]  # fmt: skip
REFERENCES = {
    "means that differ": [RNG.normal(0.5 * day, 1.0, ROWS) for day in range(8)],
    "spreads that differ": [RNG.normal(0.0, 1.0 + 0.2 * day, ROWS) for day in range(8)],
    "few values": [RNG.integers(0, 5, ROWS) + (day == 2) * RNG.integers(0, 3, ROWS) * 1.0 for day in range(8)],
    "zeros": [np.where(RNG.random(ROWS) < 0.1 * day, 0.0, RNG.exponential(1.0, ROWS)) for day in range(8)],
    "tiny numbers": [RNG.normal(0.5 * day, 1.0, ROWS) * 1e-300 for day in range(8)],
    "huge numbers": [RNG.normal(0.5 * day, 1.0, ROWS) * 1e300 for day in range(8)],
}


SEED = RNG.bit_generator.state


@pytest.fixture(autouse=True)
def same_random_numbers_in_whatever_order_tests_run():
    RNG.bit_generator.state = SEED


def fit(days, **options):
    rows = np.concatenate(days)
    step = DAY * 1_000_000 // len(days[0])
    return Baseline.fit({"x": rows, "ts": START + np.arange(len(rows)) * np.timedelta64(step, "us")},
                        timestamp="ts", **options)  # fmt: skip


def kept(days, statistic, **options):
    return fit(days, **options).natural.distances[DAY]["x"].get(statistic)


def scores(baseline, days, statistic):
    """Of each day against the others, by the statistic itself, in spreads of all of them."""
    column, found = baseline.columns["x"], []
    for day, mine in enumerate(days):
        rest = np.concatenate(days[:day] + days[day + 1 :])
        live, other = (Profile.of(baseline, Table({"x": Numbers(one)}, len(one))).columns["x"] for one in (mine, rest))
        as_reference = type(column)(
            column=column.column, cells=column.cells, counts=other.counts, moments=other.moments,
            psi_starts=column.psi_starts,
        )  # fmt: skip
        score = STATISTICS[statistic].measure(as_reference, live).score
        if statistic in {"wasserstein_std", "mean_shift"}:
            unit = np.abs(rest).max()
            score *= np.std(rest / unit) / np.std(np.concatenate(days) / unit)
        if statistic == "quantile_shift":
            score *= np.subtract(*np.quantile(rest, [0.75, 0.25])) / np.subtract(
                *np.quantile(np.concatenate(days), [0.75, 0.25])
            )
        found.append(score)
    return found


@pytest.mark.parametrize("statistic", NUMERIC)
@pytest.mark.parametrize("name", REFERENCES)
def test_the_largest_distance_is_that_of_the_statistic_less_a_little_noise(name, statistic):
    days = REFERENCES[name]
    baseline = fit(days)
    found = baseline.natural.distances[DAY]["x"].get(statistic)
    largest = max(scores(baseline, days, statistic))
    if math.isnan(largest):
        # A standard deviation that no float holds: the statistic itself is undefined.
        assert (statistic, found) == ("wasserstein_std", None)
        return
    unit = {"wasserstein": np.ptp(days[0]), "energy_distance": np.ptp(days[0]) ** 0.5}
    noise = 1.0 / math.sqrt(ROWS) * unit.get(statistic, 3.0)
    assert largest - noise <= found <= largest * 1.03 + 0.1 * noise


@pytest.mark.parametrize("statistic", [*NUMERIC, "missing_share", "out_of_range_share"])
def test_windows_that_are_random_samples_get_about_nothing(statistic):
    """Less than the noise of a window, of which the 95 % point of 60 is known within a sixth."""
    days = [np.where(RNG.random(500) < 0.1, np.nan, RNG.normal(size=500)) for _ in range(60)]
    noise = {"missing_share": 2.0 * 0.3, "variance_shift": 2.0 / math.sqrt(2.0), "out_of_range_share": 0.2}
    assert kept(days, statistic) < 0.75 * noise.get(statistic, 2.0) / math.sqrt(500)


def test_missing_values_that_come_on_some_days_are_natural():
    days = [np.where(RNG.random(ROWS) < (0.2 if day == 3 else 0.01), np.nan, 1.0 * np.arange(ROWS)) for day in range(8)]
    assert kept(days, "missing_share") == pytest.approx(0.19, abs=0.02)


def test_a_day_beyond_all_others_is_natural():
    """A quarter of one day's rows lie above, and a tenth below everything else."""
    odd = np.concatenate(
        [np.full(ROWS // 4, 9.0), np.full(ROWS // 10, -9.0), RNG.random(ROWS - ROWS // 4 - ROWS // 10)]
    )
    days = [RNG.random(ROWS) for _ in range(7)] + [odd]
    assert kept(days, "out_of_range_share") == pytest.approx(0.35, abs=0.005)


def test_days_that_never_come_again_lie_beyond_the_others():
    """Sixteen days of a ramp: the first and the last have their values for themselves, but for part of a cell."""
    rows = (np.arange(400)[:, None] + RNG.random((400, 40))).ravel()
    when = START + (np.arange(len(rows)) * 90_000_000).astype("timedelta64[us]")
    baseline = Baseline.fit({"x": rows, "ts": when}, timestamp="ts")
    # Of 400 hours, too, only two lie beyond the others: the 95 % point is 0.
    assert baseline.natural.tolerance("x", "out_of_range_share", 3_600.0) == 0.0
    assert baseline.natural.tolerance("x", "out_of_range_share", 1.0 * DAY) > 0.97


def test_infinities_that_come_on_one_day_are_natural():
    days = [np.where(RNG.random(ROWS) < 0.3 * (day == 5), np.inf, RNG.random(ROWS)) for day in range(8)]
    assert kept(days, "out_of_range_share") == pytest.approx(0.3, abs=0.03)


@pytest.mark.parametrize("each", [1, 4, 200], ids=["once", "rare", "frequent"])
def test_names_that_each_day_has_for_itself_are_natural(each):
    days = [
        np.concatenate(
            [RNG.choice(list("abc"), ROWS - 200), np.repeat([f"{day}-{i}" for i in range(200 // each)], each)]
        )
        for day in range(8)
    ]
    found = kept(days, "unseen_share", categorical=["x"])
    # Of names that occur once, as many might be a day's own by chance.
    assert found == pytest.approx(0.05, abs=0.001) if each > 1 else found == 0.0


def test_batches_know_the_same_natural_variation_as_all_rows_at_once():
    rows = np.concatenate(REFERENCES["means that differ"])
    names = np.concatenate([RNG.choice(["a", "b", *(f"{day}-{i}" for i in range(100))], ROWS) for day in range(8)])
    when = START + np.arange(len(rows)) * np.timedelta64(DAY * 1_000_000 // ROWS, "us")
    data = {"x": rows, "c": names, "ts": when}
    whole = Baseline.fit(data, timestamp="ts", categorical=["c"])
    cuts = [0, 5_000, 5_001, 20_000, len(rows)]

    def batches():
        return ({name: values[a:b] for name, values in data.items()} for a, b in pairwise(cuts))

    parts = Baseline.fit_batches(batches, timestamp="ts", categorical=["c"])
    for name in ("x", "c"):
        for statistic, value in whole.natural.distances[DAY][name].items():
            assert parts.natural.distances[DAY][name][statistic] == pytest.approx(value, rel=1e-4, abs=1e-6)


def test_the_share_of_a_boolean_that_differs_by_day_is_natural():
    days = [RNG.random(ROWS) < (0.6 if day == 2 else 0.3) for day in range(8)]
    assert kept(days, "fisher") == pytest.approx(0.3, abs=0.02)


@pytest.mark.parametrize(
    "values", [np.full(ROWS, 3.0), np.array([1.0, np.nan] * (ROWS // 2)), np.array([1.0, np.inf] * (ROWS // 2))]
)
def test_columns_that_do_not_vary_have_no_distance_that_is_not_zero(values):
    assert all(value == 0.0 for value in fit([values] * 8).natural.distances.get(DAY, {}).get("x", {}).values())


@pytest.mark.parametrize("kind", list(ColumnKind))
def test_natural_variation_is_known_of_every_statistic_of_a_kind(kind):
    values = {
        ColumnKind.NUMERIC: RNG.normal(size=8 * ROWS),
        ColumnKind.CATEGORICAL: RNG.choice(list("abc"), 8 * ROWS),
        ColumnKind.BOOLEAN: RNG.random(8 * ROWS) < 0.3,
    }[kind]
    baseline = fit(np.split(values, 8))
    assert baseline.columns["x"].column.kind is kind
    for name, statistic in STATISTICS.items():
        if kind in statistic.kinds:
            assert natural_tolerance(baseline, "x", name, 1.0 * DAY) is not None, name
            assert name in _STANDS_IN or name in baseline.natural.distances[DAY]["x"]


def test_a_column_of_four_durations_stays_below_60_kilobytes():
    rows = RNG.normal(size=60_000)
    when = START + (np.arange(60_000) * 60_000_000).astype("timedelta64[us]")
    baseline = Baseline.fit({"x": rows, "ts": when}, timestamp="ts")
    assert len(baseline.natural.distances) == 4
    document = baseline.to_json()
    assert len(document) < 60_000
    assert Baseline.from_json(document).natural == baseline.natural
