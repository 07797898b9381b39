"""Every statistic of the table, every check: a new one is tested by being listed."""

from __future__ import annotations

import csv
import dataclasses
import math
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftwatch.core.baseline import Baseline
from driftwatch.core.evidence import calibrated
from driftwatch.core.frames import to_table
from driftwatch.core.profile import ColumnProfile, Profile
from driftwatch.core.records import ColumnKind
from driftwatch.core.statistics import DEFAULT_STATISTICS, STATISTICS
from driftwatch.core.statistics.chi_square import chi_square, chi_square_fit
from driftwatch.core.statistics.g_test import g_test
from driftwatch.core.statistics.hellinger import hellinger
from driftwatch.core.statistics.jensen_shannon import jensen_shannon
from driftwatch.core.statistics.kullback_leibler import kullback_leibler
from driftwatch.core.statistics.psi import psi
from driftwatch.core.statistics.total_variation import total_variation
from driftwatch.core.statistics.two_by_two import fisher_exact
from driftwatch.core.thresholds import REFERENCE_DOUBT
from driftwatch.errors import ReferenceDataError

GOLDEN = Path(__file__).parent.parent / "golden" / "statistics.csv"
EXACT = {
    "psi": psi,
    "chi_square": lambda reference, live: chi_square(reference, live).statistic,
    "chi_square_p": lambda reference, live: chi_square(reference, live).p_value,
    "chi_square_fit": lambda reference, live: chi_square_fit(reference, live).statistic,
    "chi_square_fit_p": lambda reference, live: chi_square_fit(reference, live).p_value,
    "g_test": lambda reference, live: g_test(reference, live).statistic,
    "g_test_p": lambda reference, live: g_test(reference, live).p_value,
    "hellinger": hellinger,
    "jensen_shannon": jensen_shannon,
    "kullback_leibler": kullback_leibler,
    "total_variation": total_variation,
    "fisher_p": lambda reference, live: fisher_exact((tuple(reference.tolist()), tuple(live.tolist()))).p_value,
}
# What a statistic is meant to see, where the reference's largest values alone are not.
DRIFTS = {
    "missing_share": lambda values: [None] * 350 + values[:350].tolist(),
    "unseen_share": lambda values: ["never seen"] * 350 + values[:350].tolist(),
    "out_of_range_share": lambda values: values[:700] + 2.0,
}
NEVER_SURE = {"variance_shift"}
"""These say in their documentation that they prove nothing."""

PAIRS = [(name, kind) for name, statistic in STATISTICS.items() for kind in sorted(statistic.kinds)]
RNG = np.random.default_rng(12)
NAMES = np.array([f"n{i:02d}" for i in range(50)])
ZIPF = 1.0 / np.arange(1, 51) / (1.0 / np.arange(1, 51)).sum()
REFERENCES = {
    ColumnKind.NUMERIC: {
        "normal": RNG.normal(size=2_000),
        "heavy tails": RNG.standard_cauchy(2_000),
        "few values": RNG.integers(0, 4, 2_000).astype(float),
        "zeros": np.where(RNG.random(2_000) < 0.7, 0.0, RNG.lognormal(size=2_000)),
        "holes": np.where(RNG.random(2_000) < 0.3, np.nan, RNG.normal(size=2_000)),
    },
    ColumnKind.CATEGORICAL: {
        "fifty": RNG.choice(NAMES, 2_000, p=ZIPF),
        "three": RNG.choice(["a", "b", "c"], 2_000, p=[0.7, 0.29, 0.01]),
    },
    ColumnKind.BOOLEAN: {"flag": RNG.random(2_000) < 0.04},
}


def rows():
    with GOLDEN.open(newline="") as file:
        return list(csv.DictReader(file))


def fitted(values, kind):
    categorical = ["x"] if kind is ColumnKind.CATEGORICAL else []
    baseline = Baseline.fit({"x": values}, categorical=categorical)
    assert baseline.schema.columns[0].kind is kind
    return baseline


def profiled(baseline, values):
    return Profile.of(baseline, to_table({"x": values}, baseline.schema)).columns["x"]


def drifted(name, values):
    return DRIFTS.get(name, lambda rows: np.sort(rows)[-700:])(values)


def odd_rows(kind):
    if kind is ColumnKind.NUMERIC:
        return [np.nan, np.inf, -np.inf, 1e308, -1e308, 5e-324, 0.0, 2.0**62]
    return [None] if kind is ColumnKind.BOOLEAN else [None, "never seen", ""]


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row['name']} {row['source'][:30]}")
def test_golden_values(row):
    reference, live = (np.array([int(count) for count in row[side].split()]) for side in ("reference", "live"))
    found = EXACT[row["name"]](reference, live)
    assert found == pytest.approx(float(row["expected"]), rel=float(row["relative_tolerance"]), abs=1e-15)


def test_the_table_lists_each_under_its_own_name_and_the_defaults_fit():
    assert all(name == statistic.name for name, statistic in STATISTICS.items())
    assert all(kind in STATISTICS[name].kinds for kind, names in DEFAULT_STATISTICS.items() for name in names)


@pytest.mark.parametrize(("name", "kind"), PAIRS)
def test_the_reference_itself_scores_zero_and_surprises_nobody(name, kind):
    statistic = STATISTICS[name]
    for values in REFERENCES[kind].values():
        baseline = fitted(values, kind)
        column, profile = baseline.columns["x"], profiled(baseline, values)
        assert statistic.measure(column, profile).score == pytest.approx(0.0, abs=1e-9)
        assert statistic.exceedance(column, profile, statistic.tolerance) == 1.0


@pytest.mark.parametrize(("name", "kind"), PAIRS)
def test_the_measurement_says_how_it_was_had(name, kind):
    values = next(iter(REFERENCES[kind].values()))
    baseline = fitted(values, kind)
    found = STATISTICS[name].measure(baseline.columns["x"], profiled(baseline, values[:50]))
    assert found.statistic == name
    assert (found.n_reference, found.n_live) == (2_000, 50)
    assert found.binning
    assert (found.p_value is not None) is STATISTICS[name].has_test


@pytest.mark.parametrize(("name", "kind"), PAIRS)
def test_without_rows_it_is_undefined_and_nothing_follows(name, kind):
    statistic, baseline = STATISTICS[name], fitted(next(iter(REFERENCES[kind].values())), kind)
    column = baseline.columns["x"]
    empty = ColumnProfile.empty(column)
    assert math.isnan(statistic.measure(column, empty).score)
    assert statistic.exceedance(column, empty, statistic.tolerance) == 1.0
    if statistic.bets is not None:
        assert len(statistic.bets(column, empty, statistic.tolerance)) == 0


@pytest.mark.parametrize(("name", "kind"), PAIRS)
@settings(max_examples=25)
@given(data=st.data())
def test_any_rows_give_defined_answers(name, kind, data):
    statistic = STATISTICS[name]
    pool = odd_rows(kind) + [value.item() for value in next(iter(REFERENCES[kind].values()))[:5]]
    reference = data.draw(st.lists(st.sampled_from(pool[-5:]), min_size=1, max_size=30))
    live = data.draw(st.lists(st.sampled_from(pool), min_size=1, max_size=30))
    baseline = fitted(reference, kind)
    column, profile = baseline.columns["x"], profiled(baseline, live)
    found = statistic.measure(column, profile)
    assert math.isnan(found.score) or 0.0 <= found.score < math.inf
    assert 0.0 <= statistic.exceedance(column, profile, statistic.tolerance) <= 1.0
    assert statistic.sampling_error(column, REFERENCE_DOUBT) > 0.0
    if statistic.bets is not None:
        assert np.isfinite(statistic.bets(column, profile, statistic.tolerance)).all()


SMALLEST, LARGEST = 5e-324, 1.7976931348623157e308
STRANGE = {
    ColumnKind.NUMERIC: {
        "all missing": [np.nan] * 40,
        "a constant": [3.0] * 40,
        "another constant": [4.0] * 40,
        "one row": [2.5],
        "infinities": [np.inf, -np.inf] * 20,
        "infinities and numbers": [np.inf, 1.0, 2.0, -np.inf] * 10,
        "huge integers": [2**62 + 1024 * i for i in range(40)],
        "the largest floats": [LARGEST, -LARGEST, LARGEST / 2.0, 0.0] * 10,
        "subnormals": [SMALLEST * i for i in range(40)],
        "numbers": list(np.linspace(-1.0, 1.0, 600)),
    },
    ColumnKind.CATEGORICAL: {
        "all missing": [None] * 40,
        "a constant": ["a"] * 40,
        "another constant": ["b"] * 40,
        "one row": ["a"],
        "two names": ["a", "b"] * 20,
        "names and holes": ["a", "c", None, ""] * 10,
    },
    ColumnKind.BOOLEAN: {
        "all missing": [None] * 40,
        "always true": [True] * 40,
        "always false": [False] * 40,
        "one row": [True],
        "both and holes": [True, False, None] * 10,
    },
}


def forced(values, kind):
    """A baseline of any values, whatever they look like: fitted with rows of that kind, which are then taken out."""
    usual = {ColumnKind.NUMERIC: [0.5, 1.5], ColumnKind.CATEGORICAL: ["a", "b"], ColumnKind.BOOLEAN: [True, False]}
    try:
        return fitted(values, kind)
    except (AssertionError, ReferenceDataError):
        baseline = fitted(usual[kind] * 5, kind)
    column = baseline.columns["x"]
    profile = profiled(baseline, values)
    replaced = dataclasses.replace(column, counts=profile.counts, moments=profile.moments)
    return dataclasses.replace(baseline, columns={"x": replaced})


@cache
def strange_pairs(kind):
    """Every strange reference with its column, and every strange window counted over it."""
    rows = [*STRANGE[kind].values(), []]
    fits = [(reference, forced(reference, kind)) for reference in rows]
    return [(one, fit.columns["x"], [(live, profiled(fit, live)) for live in rows]) for one, fit in fits]


@pytest.mark.parametrize(("name", "kind"), PAIRS)
def test_strange_references_and_strange_windows_give_defined_answers_without_a_warning(name, kind):
    statistic = STATISTICS[name]
    for reference, column, windows in strange_pairs(kind):
        assert statistic.sampling_error(column, REFERENCE_DOUBT) > 0.0
        for live, profile in windows:
            found = statistic.measure(column, profile)
            assert math.isnan(found.score) or 0.0 <= found.score < math.inf
            assert 0.0 <= found.error_bound < math.inf
            assert found.p_value is None or 0.0 <= found.p_value <= 1.0
            assert 0.0 <= statistic.exceedance(column, profile, statistic.tolerance) <= 1.0
            if not reference or not live:
                assert math.isnan(found.score)
                assert statistic.exceedance(column, profile, statistic.tolerance) == 1.0
            if statistic.bets is not None:
                assert np.isfinite(statistic.bets(column, profile, statistic.tolerance)).all()


@pytest.mark.parametrize(("name", "kind"), PAIRS)
def test_a_wider_tolerance_never_makes_it_surer(name, kind):
    statistic = STATISTICS[name]
    values = next(iter(REFERENCES[kind].values()))
    baseline = fitted(values, kind)
    column, profile = baseline.columns["x"], profiled(baseline, drifted(name, values))
    sure = [statistic.exceedance(column, profile, tolerance) for tolerance in (0.01, 0.05, 0.2, 0.5)]
    assert sure == sorted(sure)
    assert (sure[0] == 1.0) if name in NEVER_SURE else (sure[0] < 1e-3)


@pytest.mark.parametrize(("name", "kind"), PAIRS)
def test_more_rows_of_the_same_drift_make_it_surer(name, kind):
    statistic = STATISTICS[name]
    values = next(iter(REFERENCES[kind].values()))
    baseline = fitted(values, kind)
    column, live = baseline.columns["x"], list(drifted(name, values))
    p_values = [
        statistic.exceedance(column, profiled(baseline, live * times), statistic.tolerance) for times in (1, 2, 4)
    ]
    assert p_values == sorted(p_values, reverse=True)


@cache
def undrifted(kind, n):
    """A column fitted to 1,000 rows, and windows of ``n`` from the same law."""
    rng = np.random.default_rng(n)
    draw = {
        ColumnKind.NUMERIC: lambda size: np.where(rng.random(size) < 0.2, 0.0, rng.lognormal(size=size)),
        ColumnKind.CATEGORICAL: lambda size: rng.choice(NAMES, size, p=ZIPF),
        ColumnKind.BOOLEAN: lambda size: rng.random(size) < 0.04,
    }[kind]
    baseline = fitted(draw(1_000), kind)
    return baseline.columns["x"], [profiled(baseline, draw(n)) for _ in range(60)]


@pytest.mark.parametrize(("name", "kind"), PAIRS)
@pytest.mark.parametrize("n", [50, 200, 5_000])
def test_without_drift_its_bets_win_nothing_though_the_reference_is_small(name, kind, n):
    """Drawn from the truth that the reference was drawn from, with nothing allowed but the reference's own error."""
    statistic = STATISTICS[name]
    column, windows = undrifted(kind, n)
    tolerance = statistic.sampling_error(column, REFERENCE_DOUBT)
    won, low = [], 0
    for profile in windows:
        p_value = statistic.exceedance(column, profile, tolerance)
        low += p_value <= 0.05
        paid = [calibrated(p_value)] if statistic.bets is None else statistic.bets(column, profile, tolerance)
        won.append(np.mean(paid))
    assert np.mean(won) < 1.0
    assert low <= 6
