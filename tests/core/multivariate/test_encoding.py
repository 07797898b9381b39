"""Columns of any kind as one matrix."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtri

from driftwatch.core.multivariate.encoding import MOST_NAMES, Encoding
from driftwatch.core.multivariate.samples import MOST_COLUMNS, MOST_ROWS, Samples
from driftwatch.core.table import Names, Numbers, Table


def test_numbers_become_normal_scores_of_their_ranks() -> None:
    _, matrix = Encoding.fitted(Table({"x": Numbers(np.array([5.0, 1e9, -3.0]))}, 3))
    assert matrix[:, 0] == pytest.approx(ndtri([1 / 2, 5 / 6, 1 / 6]))


def test_the_scale_is_the_references_alone() -> None:
    encoding, _ = Encoding.fitted(Table({"x": Numbers(np.arange(101.0))}, 101))
    alone = encoding.matrix(Table({"x": Numbers(np.array([30.0]))}, 1))
    among = encoding.matrix(Table({"x": Numbers(np.array([30.0, 1e6, 1e7]))}, 3))
    assert alone[0, 0] == among[0, 0]


def test_a_missing_value_is_the_middle_and_has_a_feature_of_its_own() -> None:
    encoding, _ = Encoding.fitted(Table({"x": Numbers(np.arange(101.0))}, 101))
    found = encoding.matrix(Table({"x": Numbers(np.array([np.nan, 50.0]))}, 2))
    assert found[0] == pytest.approx([0.0, 1.0])
    assert found[1] == pytest.approx([0.0, 0.0])


def test_rare_and_new_names_share_a_feature() -> None:
    names = Names.of(["a"] * 150 + ["b"] * 100 + ["c"] * 49 + ["rare"])
    encoding, _ = Encoding.fitted(Table({"c": names}, 300))
    found = encoding.matrix(Table({"c": Names.of(["rare", "new", "b", None])}, 4)) + encoding.centre
    assert found.tolist() == [[0, 0, 0, 1, 0], [0, 0, 0, 1, 0], [0, 1, 0, 0, 0], [0, 0, 0, 0, 1]]


def test_no_more_names_than_the_cap_have_a_feature() -> None:
    encoding, matrix = Encoding.fitted(Table({"c": Names.of([f"{at % 40}" for at in range(4_000)])}, 4_000))
    assert matrix.shape[1] == MOST_NAMES + 2
    assert encoding.owners.tolist() == [0] * (MOST_NAMES + 2)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(allow_nan=True, allow_infinity=True, width=64), min_size=1, max_size=40))
def test_every_float_has_a_finite_place(values: list[float]) -> None:
    column = Numbers(np.array(values))
    _, matrix = Encoding.fitted(Table({"x": column}, len(values)))
    assert np.isfinite(matrix).all()
    assert np.abs(matrix[:, 0]).max() <= 6.0


def test_scale_and_compared_rows_are_different_rows() -> None:
    values = np.arange(3_000.0)
    rows = Table({"x": Numbers(values)}, 3_000)
    samples = Samples.of(rows, rows)
    assert len(samples.scale) + len(samples.reference) == 3_000
    assert sorted(samples.reference_numbers[:, 0].tolist()) == values.tolist()


def test_rows_and_columns_beyond_the_caps_are_left_out() -> None:
    many = Table({f"x{at}": Numbers(np.arange(5.0)) for at in range(MOST_COLUMNS + 20)}, 5)
    assert len(Samples.of(many, many).columns) == MOST_COLUMNS
    long = Table({"x": Numbers(np.arange(35_000.0))}, 35_000)
    assert {len(part) for part in (Samples.of(long, long).reference, Samples.of(long, long).live)} == {MOST_ROWS}


def test_yes_and_no_take_part_in_pairs_as_0_and_1() -> None:
    rows = Table({"b": Names.of(["true", "false", None, "true"]), "c": Names.of(["x", "y", "x", "y"])}, 4)
    samples = Samples.of(rows, rows)
    assert samples.ordered == ("b",)
    values = samples.live_numbers[:, 0]
    assert sorted(values[~np.isnan(values)].tolist()) == [0.0, 1.0, 1.0]
