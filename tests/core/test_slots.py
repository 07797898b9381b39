"""The index of cells finds what a search finds, for every float there is; slots are in the order of numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.core.baseline import Baseline
from driftwatch.core.cell_choice import numeric_cells, value_counts
from driftwatch.core.cells import NumericCells, cell_codes, cell_counts, counts_and_moments, counts_by_slot, index_of
from driftwatch.core.moments import Moments
from driftwatch.core.slots import LARGEST_EDGES, CellIndex, SlotMap
from driftwatch.core.sums import SLOTS
from driftwatch.core.table import Numbers

finite = st.floats(allow_nan=False, allow_infinity=False)
close = st.floats(-10, 10) | st.integers(-3, 3).map(float) | st.floats(-1e-300, 1e-300)
edge_lists = st.lists(finite | close, min_size=0, max_size=40).map(lambda values: np.unique(np.array(values) + 0.0))


def found_by_index(edges, values):
    return cell_codes(NumericCells(edges), Numbers(values))


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
def test_slots_ascend_with_the_numbers(edges, values):
    ascending = np.sort(np.concatenate([near(edges), values]))
    ascending = ascending[np.isfinite(ascending)]
    slots = SlotMap(edges).slots(ascending)
    assert (np.diff(slots) >= 0).all()
    assert slots.min() >= 0
    assert slots.max() <= SLOTS


@pytest.mark.parametrize("middle", [0.0, -0.0, 1.0])
def test_both_zeros_have_one_slot(middle):
    slots = SlotMap(np.array([middle - 1, middle, middle + 1])).slots(np.array([0.0, -0.0]))
    assert slots[0] == slots[1]


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
    reference, live = draw(rng, 20_000), draw(rng, 5_000)
    cells = numeric_cells(value_counts(np.sort(reference[np.isfinite(reference)])))
    expected = np.searchsorted(cells.edges, live, side="left")
    expected[np.isnan(live)] = cells.n_counts - 2
    expected[np.isinf(live)] = cells.n_counts - 1
    assert cell_codes(cells, Numbers(live)).tolist() == expected.tolist()
    counts, moments, by_slot = counts_by_slot(cells, Numbers(live), Moments(1.0, 2.0))
    assert counts.tolist() == np.bincount(expected, minlength=cells.n_counts).tolist()
    assert cell_counts(cells, Numbers(live)).tolist() == counts.tolist()
    held = np.isfinite(live)
    assert moments == Moments.of(live[held], 1.0, 2.0)
    assert by_slot.tolist() == np.bincount(SlotMap(cells.edges).slots(live[held]), minlength=SLOTS + 1).tolist()


@pytest.mark.parametrize("n", [5, 6, 2_047, 2_048, 2_049, 4_096])
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
    assert cell_counts(cells, Numbers(np.full(300, math.nan))).tolist() == [0, 0, 300, 0]
    assert cell_counts(cells, Numbers(np.full(300, -math.inf))).tolist() == [0, 0, 0, 300]
    assert cell_counts(NumericCells(np.zeros(0)), Numbers(np.ones(300))).tolist() == [300, 0, 0]


def test_a_missing_value_of_another_program_is_missing():
    # R writes NA as a signalling nan with 1954 in its lowest bits.
    values = np.full(300, 0.5)
    values.view(np.uint64)[0] = 0x7FF00000000007A2
    values.view(np.uint64)[1] = 0xFFF8000000000001
    counts = cell_counts(NumericCells(np.array([0.0, 1.0])), Numbers(values))
    assert counts.tolist() == [0, 300 - 2, 0, 2, 0]


def test_more_edges_than_two_bytes_can_count_are_found_too():
    edges = np.sort(np.random.default_rng(2).normal(size=9_000))
    values = np.random.default_rng(3).normal(size=5_000)
    assert found_by_index(edges, values).tolist() == np.searchsorted(edges, values).tolist()


def test_more_edges_than_two_bytes_can_number_are_refused():
    with pytest.raises(ValueError, match="30,001 edges"):
        CellIndex(np.arange(LARGEST_EDGES + 1.0))


def test_rows_that_lie_apart_in_memory_or_cannot_be_written_are_counted_likewise():
    cells = NumericCells(np.linspace(-2, 2, 100))
    rows = np.random.default_rng(4).normal(size=(3_000, 3))
    rows.flags.writeable = False
    apart, together = Numbers(rows[:, 1]), Numbers(rows[:, 1].copy())
    one, other = (counts_and_moments(cells, values, Moments(0.0, 1.0)) for values in (apart, together))
    assert one[0].tolist() == other[0].tolist()
    assert one[1] == other[1]


def test_an_index_is_made_once_for_a_column():
    baseline = Baseline.fit({"x": np.arange(100.0)})
    cells = baseline.columns["x"].cells
    assert index_of(cells) is index_of(cells)
