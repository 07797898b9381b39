"""Cells: which ones a reference gets, and how values are counted over them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.core.cell_choice import (
    LARGEST_NAMED_CELLS,
    name_counts,
    named_cells,
    numeric_cells,
    psi_starts_of,
    value_counts,
)
from driftwatch.core.cells import NamedCells, NumericCells, cell_codes, cell_counts
from driftwatch.core.table import Names, Numbers

any_float = st.floats()
finite = st.floats(allow_nan=False, allow_infinity=False)
few_values = st.sampled_from([-math.inf, -1e308, -1.0, -0.0, 0.0, 5e-324, 1.0, 2.0, 2.0**53, 1e308, math.inf, math.nan])


def cells_of(values):
    return numeric_cells(value_counts(np.sort(np.array(values, dtype=np.float64))))


@given(st.lists(finite, max_size=40), st.lists(any_float | few_values, max_size=60))
def test_every_value_is_counted_in_the_cell_that_its_edges_say(reference, live):
    cells = cells_of(reference)
    counts = cell_counts(cells, Numbers(np.array(live, dtype=np.float64)))
    expected = [0] * cells.n_counts
    for value in live:
        if math.isnan(value):
            expected[-2] += 1
        elif math.isinf(value):
            expected[-1] += 1
        else:
            expected[sum(edge < value for edge in cells.edges.tolist())] += 1
    assert counts.tolist() == expected


@given(st.lists(finite, max_size=300), st.lists(any_float | few_values, max_size=60))
def test_codes_of_values_add_up_to_their_counts(reference, live):
    cells = cells_of(reference)
    values = Numbers(np.array(live, dtype=np.float64))
    codes = cell_codes(cells, values)
    assert np.bincount(codes, minlength=cells.n_counts).tolist() == cell_counts(cells, values).tolist()


@pytest.mark.parametrize("n_live", [10, 3_000])
def test_few_and_many_values_are_counted_alike(n_live):
    rng = np.random.default_rng(0)
    cells = cells_of(rng.normal(size=20_000))
    live = rng.normal(size=n_live)
    expected = np.bincount(np.searchsorted(cells.edges, live), minlength=cells.n_cells)
    assert cell_counts(cells, Numbers(live))[:-2].tolist() == expected.tolist()


@given(st.lists(finite, min_size=1, max_size=60))
def test_edges_ascend_are_finite_and_end_at_the_largest_value(reference):
    edges = cells_of(reference).edges
    assert np.isfinite(edges).all()
    assert (np.diff(edges) > 0).all()
    assert edges[-1] == max(reference)
    assert edges[0] == math.nextafter(min(reference), -math.inf) or min(reference) == -np.finfo(float).max


@given(st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=60))
def test_a_value_that_repeats_has_a_cell_of_its_own(reference):
    cells = cells_of(reference)
    for value in set(reference):
        near = Numbers(np.array([np.nextafter(value, -math.inf), value, np.nextafter(value, math.inf)]))
        below, own, above = cell_codes(cells, near).tolist()
        assert below < own < above


def test_a_heavy_value_among_continuous_ones_has_a_cell_of_its_own():
    rng = np.random.default_rng(1)
    reference = np.concatenate([rng.normal(size=50_000), np.full(5_000, 0.25)])
    cells = cells_of(reference)
    counts = cell_counts(cells, Numbers(reference))[:-2]
    own = int(np.searchsorted(cells.edges, 0.25))
    assert counts[own] == 5_000
    assert cells.edges[own - 1] == np.nextafter(0.25, -math.inf)


@pytest.mark.parametrize(
    "sample",
    [
        lambda rng: rng.normal(size=30_000),
        lambda rng: rng.standard_cauchy(30_000),
        lambda rng: rng.lognormal(0, 5, 30_000),
        lambda rng: np.append(rng.normal(size=30_000), 1e300),
        lambda rng: rng.integers(0, 100_000, 30_000).astype(float) * 2.0**60,
        lambda rng: rng.integers(0, 3_000, 30_000) * 5e-324,
    ],
    ids=["normal", "cauchy", "lognormal", "wild outlier", "huge integers", "subnormals"],
)
def test_cells_hold_about_equal_mass_whatever_the_tails(sample):
    values = np.sort(sample(np.random.default_rng(2)))
    cells = numeric_cells(value_counts(values))
    counts = cell_counts(cells, Numbers(values))[:-2]
    assert 900 <= cells.n_cells <= 1_100
    assert counts.sum() == len(values)
    assert counts.max() <= 3 * len(values) / 1_020
    assert counts[0] == counts[-1] == 0


def test_without_a_finite_value_there_is_one_cell():
    cells = cells_of([])
    assert cells.n_cells == 1
    assert cell_counts(cells, Numbers(np.array([1.0, math.nan, -math.inf]))).tolist() == [1, 1, 1]


def psi_masses(values):
    ascending = np.sort(np.array(values, dtype=np.float64))
    cells = numeric_cells(value_counts(ascending))
    counts = cell_counts(cells, Numbers(ascending))[:-2]
    starts = psi_starts_of(cells, counts)
    return np.add.reduceat(counts, starts).tolist(), cells, starts


def test_psi_bins_end_at_the_deciles():
    values = np.random.default_rng(4).normal(size=10_000)
    masses, cells, starts = psi_masses(values)
    assert masses == [1_000] * 10
    deciles = np.quantile(values, np.arange(1, 10) / 10, method="inverted_cdf")
    assert cells.edges[starts[1:] - 1].tolist() == deciles.tolist()


@pytest.mark.parametrize(
    ("values", "masses"),
    [
        ([0.0] * 90 + [1.0] * 10, [90, 10]),
        ([0.0] * 99 + [1.0], [99, 1]),
        ([1.0] + [0.0] * 99, [99, 1]),
        ([3.0] * 7, [0, 7, 0]),
        ([1.0], [0, 1, 0]),
        ([1.0, 2.0, 3.0, 4.0] * 25, [25, 25, 25, 25]),
    ],
    ids=["two values", "rare high", "rare high, unsorted", "constant", "one row", "four values"],
)
def test_a_heavy_value_takes_one_psi_bin(values, masses):
    assert psi_masses(values)[0] == masses


@given(st.lists(st.integers(0, 12).map(float) | finite, min_size=2, max_size=80).filter(lambda v: len(set(v)) > 1))
def test_psi_bins_cover_all_rows_and_at_least_two_of_them_hold_some(values):
    masses, cells, starts = psi_masses(values)
    assert sum(masses) == len(values)
    assert sum(mass > 0 for mass in masses) >= 2
    assert starts[0] == 0
    assert (np.diff(starts) > 0).all()
    assert starts[-1] < cells.n_cells


def test_frequent_names_have_cells_and_rare_ones_share_other():
    column = Names.of(["b"] * 9 + ["a"] * 9 + ["c"] * 20 + ["rare"] * 4 + [None])
    cells = named_cells(name_counts(column))
    assert (cells.names, cells.rare) == (("c", "a", "b"), ("rare",))
    assert cell_counts(cells, column).tolist() == [20, 9, 9, 4, 0, 1]
    assert cell_counts(cells, Names.of(["new", "a", "rare", None])).tolist() == [0, 1, 0, 1, 1, 1]


def test_a_small_reference_of_rare_names_still_tells_them_apart():
    assert named_cells(name_counts(Names.of(["x", "y", "x"]))).names == ("x", "y")


def test_the_number_of_named_cells_is_bounded():
    column = Names.of([f"n{i}" for i in range(1_500)] * 6)
    cells = named_cells(name_counts(column))
    assert len(cells.names) == LARGEST_NAMED_CELLS
    assert len(cells.rare) == 1_500 - LARGEST_NAMED_CELLS


def test_classes_have_cells_in_their_order_however_rare():
    assert named_cells(name_counts(Names.of(["1"] * 9)), ("0", "1", "2")).names == ("0", "1", "2")


@given(st.lists(st.sampled_from(["a", "b", "c", "é", ""]) | st.none(), max_size=40))
def test_codes_of_names_add_up_to_their_counts(live):
    cells = NamedCells(("a", "é"), rare=("b",))
    column = Names.of(live)
    counts = cell_counts(cells, column)
    assert counts.tolist() == np.bincount(cell_codes(cells, column), minlength=cells.n_counts).tolist()
    assert counts.tolist()[:4] == [live.count("a"), live.count("é"), live.count("b"), live.count("c") + live.count("")]


def test_names_cannot_be_counted_over_numeric_cells():
    with pytest.raises(TypeError, match="numeric cells count numbers"):
        cell_counts(NumericCells(np.array([0.0])), Names.of(["a"]))
    with pytest.raises(TypeError, match="numeric cells count numbers"):
        cell_codes(NamedCells(("a",)), Numbers(np.array([0.0])))
