"""Every test of the table: found where columns go together in another way, quiet where nothing happened."""

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import pytest

from driftwatch.core.multivariate import JOINT_TESTS
from driftwatch.core.multivariate.samples import Samples
from driftwatch.core.table import Names, Numbers, Table

MakeSamples = Callable[..., Samples]
RATE = 0.05


def measured(name: str, samples: Samples):
    return JOINT_TESTS[name].measure(samples, JOINT_TESTS[name].tolerance, RATE)


@pytest.mark.parametrize("name", JOINT_TESTS)
def test_the_table_lists_each_under_its_own_name(name: str) -> None:
    assert JOINT_TESTS[name].name == name


@pytest.mark.parametrize("name", JOINT_TESTS)
def test_a_correlation_that_changes_its_sign_is_found_by_each(name: str, samples: MakeSamples) -> None:
    found = measured(name, samples(4_000, 0.8, -0.8))
    assert found.p_value < 1e-6
    assert found.score > found.threshold
    assert found.interval[0] <= found.score <= found.interval[1]


@pytest.mark.parametrize("name", ["domain_classifier", "pca_reconstruction", "correlation_change"])
def test_the_two_columns_are_named_and_no_other(name: str, samples: MakeSamples) -> None:
    assert set(measured(name, samples(4_000, 0.8, -0.8)).columns) == {"x0", "x1"}


def test_the_pair_is_named_with_its_correlations(samples: MakeSamples) -> None:
    found = measured("correlation_change", samples(4_000, 0.8, -0.8))
    assert found.pairs == (("x0", "x1"),)
    assert found.text.startswith("rank correlation of x0 and x1 0.7")


@pytest.mark.slow
@pytest.mark.parametrize("n", [200, 1_000, 10_000])
@pytest.mark.parametrize("name", JOINT_TESTS)
def test_without_drift_no_p_value_is_small(name: str, n: int, samples: MakeSamples) -> None:
    runs = {200: 40, 1_000: 20, 10_000: 3}[n]
    p_values = [measured(name, samples(n, 0.6, 0.6, seed=seed)).p_value for seed in range(runs)]
    # With a level of 5 % the median run has an eighth of these, since the truth is well within the tolerance.
    assert sum(p <= 0.05 for p in p_values) <= runs // 10


@pytest.mark.parametrize("name", JOINT_TESTS)
def test_a_change_within_the_tolerance_is_nothing_to_act_on(name: str, samples: MakeSamples) -> None:
    assert measured(name, samples(4_000, 0.60, 0.56)).p_value > 0.5


@pytest.mark.parametrize("name", JOINT_TESTS)
def test_the_same_rows_give_the_same_numbers(name: str, samples: MakeSamples) -> None:
    first, second = (measured(name, samples(300, 0.5, 0.1)) for _ in range(2))
    assert dataclasses.asdict(first) == dataclasses.asdict(second)


def table(columns: dict[str, object], n: int) -> Table:
    return Table(columns, n)  # type: ignore[arg-type]


ODD = {
    "constants": lambda rng, n: {"x": Numbers(np.ones(n)), "y": Numbers(np.zeros(n))},
    "nothing but missing": lambda rng, n: {"x": Numbers(np.full(n, np.nan)), "c": Names.of([None] * n)},
    "no columns": lambda rng, n: {},
    "one column": lambda rng, n: {"x": Numbers(rng.normal(size=n))},
    "infinities": lambda rng, n: {
        "x": Numbers(np.where(rng.random(n) < 0.5, np.inf, -np.inf)),
        "y": Numbers(rng.standard_cauchy(n) * 1e300),
    },
    "half missing": lambda rng, n: {
        name: Numbers(np.where(rng.random(n) < 0.5, np.nan, rng.normal(size=n))) for name in ("x", "y", "z")
    },
    "a name each row": lambda rng, n: {"c": Names.of([f"{rng.random()}" for _ in range(n)])},
    "two equal columns": lambda rng, n: dict.fromkeys(("x", "y"), Numbers(rng.normal(size=n))),
}


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("name", JOINT_TESTS)
def test_odd_columns_have_a_result_and_prove_nothing(name: str, odd: str) -> None:
    rng = np.random.default_rng(5)
    found = measured(name, Samples.of(table(ODD[odd](rng, 300), 300), table(ODD[odd](rng, 150), 150)))
    assert 0.01 < found.p_value <= 1.0
    assert math.isnan(found.score) or found.score >= 0.0


@pytest.mark.parametrize("name", ["domain_classifier", "mmd"])
def test_a_column_that_lost_its_values_gives_the_rows_away(name: str, rows: Callable[..., Table]) -> None:
    live = rows(1_000, 0.5, 2)
    emptied = {**live.columns, "x3": Numbers(np.where(np.arange(1_000) % 2, np.nan, live["x3"].values))}
    assert measured(name, Samples.of(rows(1_000, 0.5, 1), Table(emptied, 1_000))).p_value < 1e-6


def test_a_column_that_moves_by_itself_changes_no_pair(rows: Callable[..., Table]) -> None:
    live = rows(2_000, 0.5, 2)
    stretched = {**live.columns, "x0": Numbers(np.exp(live["x0"].values * 3.0) + 100.0)}
    found = measured("correlation_change", Samples.of(rows(2_000, 0.5, 1), Table(stretched, 2_000)))
    assert found.p_value > 0.5


@pytest.mark.parametrize("name", ["domain_classifier", "pca_reconstruction", "correlation_change"])
def test_no_column_is_named_without_drift(name: str, samples: MakeSamples) -> None:
    named = [column for seed in range(30) for column in measured(name, samples(400, 0.6, 0.6, seed=seed)).columns]
    assert len(named) <= 3


def test_a_name_that_comes_to_follow_a_column_is_found_by_the_classifier(rows: Callable[..., Table]) -> None:
    live = rows(2_000, 0.5, 2)
    third = np.argsort(np.argsort(live["x3"].values)) * 3 // 2_000
    followed = {**live.columns, "c": Names(third.astype(np.int32), ("a", "b", "c"))}
    found = measured("domain_classifier", Samples.of(rows(2_000, 0.5, 1), Table(followed, 2_000)))
    assert found.p_value < 1e-6
    assert set(found.columns) == {"x3", "c"}
