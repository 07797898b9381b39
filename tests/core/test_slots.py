"""The index of cells finds what a search finds, for every float there is; slots are in the order of numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.core.cell_choice import numeric_cells, value_counts
from driftwatch.core.cells import (
    FEW_VALUES,
    MANY_VALUES,
    NO_SLOT,
    NumericCells,
    cell_codes,
    cell_counts,
    counts_and_slots,
    counts_in_order,
)
from driftwatch.core.slots import BLOCK, SLOTS, CellIndex, SlotMap, by_slot, in_order
from driftwatch.core.table import Numbers

finite = st.floats(allow_nan=False, allow_infinity=False)
close = st.floats(-10, 10) | st.integers(-3, 3).map(float) | st.floats(-1e-300, 1e-300)
edge_lists = st.lists(finite | close, min_size=0, max_size=40).map(lambda values: np.unique(np.array(values) + 0.0))


def found_by_index(edges, values):
    index = CellIndex(edges)
    codes = np.empty(len(values), dtype=index.code_type)
    with np.errstate(over="ignore", invalid="ignore"):
        index.codes(values, codes, np.empty(len(values), dtype=np.int64), np.empty(len(values)))
    return codes


def near(edges):
    """The edges, their neighbours, and the ends of the floats."""
    with np.errstate(over="ignore"):
        beside = [np.nextafter(edges, -np.inf), edges, np.nextafter(edges, np.inf), -edges, edges / 2, edges * 2]
    ends = [0.0, -0.0, 5e-324, -5e-324, 1.7976931348623157e308, -1.7976931348623157e308, 2.2250738585072014e-308]
    return np.concatenate([*beside, ends])


@given(edge_lists, st.lists(finite | close, max_size=30))
def test_the_index_finds_the_cell_that_a_search_finds(edges, values):
    asked = np.concatenate([near(edges), values])
    asked = asked[np.isfinite(asked)]
    assert found_by_index(edges, asked).tolist() == np.searchsorted(edges, asked, side="left").tolist()


@given(edge_lists, st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=40))
def test_any_bits_at_all_are_sent_to_a_cell_or_counted_as_missing_or_non_finite(edges, bits):
    values = np.array(bits, dtype=np.uint64).view(np.float64)
    expected = np.searchsorted(edges, values, side="left")
    expected[np.isinf(values)] = len(edges) + 2
    expected[np.isnan(values)] = len(edges) + 1
    assert found_by_index(edges, values).tolist() == expected.tolist()


@given(edge_lists, st.lists(finite | close, min_size=2, max_size=60))
def test_places_ascend_with_the_numbers(edges, values):
    ascending = np.sort(np.concatenate([near(edges), values]))
    ascending = ascending[np.isfinite(ascending)]
    places = SlotMap(edges).places(ascending)
    assert (np.diff(places) >= 0).all()
    assert places.min() >= 0
    assert places.max() <= SLOTS


@pytest.mark.parametrize("middle", [0.0, -0.0, 1.0])
def test_both_zeros_have_one_slot(middle):
    places = SlotMap(np.array([middle - 1, middle, middle + 1])).places(np.array([0.0, -0.0]))
    assert places[0] == places[1]


SAMPLES = {
    "normal": lambda rng, n: rng.normal(5, 2, n),
    "cauchy": lambda rng, n: rng.standard_cauchy(n),
    "log-normal, sigma 2": lambda rng, n: rng.lognormal(0, 2, n),
    "one wild value": lambda rng, n: np.append(rng.normal(size=n - 1), 1e300),
    "whole numbers": lambda rng, n: rng.integers(0, 30, n).astype(float),
    "zero-inflated": lambda rng, n: np.where(rng.random(n) < 0.6, 0.0, rng.lognormal(size=n)),
    "subnormal": lambda rng, n: rng.integers(0, 3_000, n) * 5e-324,
    "huge": lambda rng, n: rng.integers(2**62, 2**63, n).astype(float),
    "two clusters far apart": lambda rng, n: np.where(rng.random(n) < 0.5, -1e9, 1e9) + rng.normal(size=n),
    "a tenth missing, some infinite": lambda rng, n: np.where(
        rng.random(n) < 0.1, np.nan, np.where(rng.random(n) < 0.01, np.inf, rng.normal(size=n))
    ),
}


@pytest.mark.parametrize("draw", SAMPLES.values(), ids=list(SAMPLES))
def test_many_blocks_are_counted_as_a_search_counts_them(draw):
    rng = np.random.default_rng(3)
    reference, live = draw(rng, 20_000), draw(rng, 2 * BLOCK + 100)
    cells = numeric_cells(value_counts(np.sort(reference[np.isfinite(reference)])))
    expected = np.searchsorted(cells.edges, live, side="left")
    expected[np.isnan(live)] = cells.n_counts - 2
    expected[np.isinf(live)] = cells.n_counts - 1
    assert cell_codes(cells, Numbers(live)).tolist() == expected.tolist()
    counts, slots = counts_and_slots(cells, Numbers(live))
    assert counts.tolist() == np.bincount(expected, minlength=cells.n_counts).tolist()
    assert cell_counts(cells, Numbers(live)).tolist() == counts.tolist()
    held = np.isfinite(live)
    assert ((slots == NO_SLOT) == ~held).all()
    places = SlotMap(cells.edges).places(live[held])
    assert counts_in_order(slots).tolist() == np.bincount(places, minlength=SLOTS + 1).tolist()


@pytest.mark.parametrize("n", [FEW_VALUES - 1, FEW_VALUES, MANY_VALUES - 1, MANY_VALUES])
@pytest.mark.parametrize("absent", [[], [math.nan], [math.inf, -math.inf, -math.inf, math.nan, math.nan], [math.inf]])
def test_few_values_and_many_are_counted_alike(n, absent):
    cells = NumericCells(np.linspace(-2, 2, 100))
    values = np.random.default_rng(1).normal(size=n)
    present = np.searchsorted(cells.edges, values[len(absent) :])
    values[: len(absent)] = absent
    missing = sum(map(math.isnan, absent))
    expected = [*np.bincount(present, minlength=cells.n_cells).tolist(), missing, len(absent) - missing]
    assert cell_counts(cells, Numbers(values)).tolist() == expected
    codes = cell_codes(cells, Numbers(values))
    assert np.bincount(codes, minlength=cells.n_counts).tolist() == expected
    assert codes[len(absent) :].tolist() == present.tolist()


def test_rows_that_are_all_absent_are_counted_so():
    cells = NumericCells(np.array([0.0]))
    assert cell_counts(cells, Numbers(np.full(FEW_VALUES, math.nan))).tolist() == [0, 0, FEW_VALUES, 0]
    assert cell_counts(cells, Numbers(np.full(FEW_VALUES, -math.inf))).tolist() == [0, 0, 0, FEW_VALUES]
    assert cell_counts(NumericCells(np.zeros(0)), Numbers(np.ones(FEW_VALUES))).tolist() == [FEW_VALUES, 0, 0]


def test_a_missing_value_of_another_program_is_missing():
    # R writes NA as a signalling nan with 1954 in its lowest bits.
    values = np.full(FEW_VALUES, 0.5)
    values.view(np.uint64)[0] = 0x7FF00000000007A2
    values.view(np.uint64)[1] = 0xFFF8000000000001
    counts = cell_counts(NumericCells(np.array([0.0, 1.0])), Numbers(values))
    assert counts.tolist() == [0, FEW_VALUES - 2, 0, 2, 0]


def test_more_edges_than_two_bytes_can_count_are_found_too():
    edges = np.sort(np.random.default_rng(2).normal(size=9_000))
    values = np.random.default_rng(3).normal(size=5_000)
    assert found_by_index(edges, values).tolist() == np.searchsorted(edges, values).tolist()


def test_slots_and_places_are_two_orders_of_the_same():
    numbers = np.arange(SLOTS + 1)
    assert by_slot(in_order(numbers)).tolist() == numbers.tolist()
