from __future__ import annotations

from collections import namedtuple
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse

from driftwatch.capture.copying import copied_rows as copied
from driftwatch.capture.rows import UnreadableRows

EXPECTED = [{"x": 1.5, "c": "DE"}, {"x": 2.5, "c": "FR"}]
COLUMNS = {"x": [1.5, 2.5], "c": ["DE", "FR"]}
Flight = namedtuple("Flight", ["x", "c"])


@pytest.mark.parametrize(
    "data",
    [
        pd.DataFrame(COLUMNS),
        pd.DataFrame(COLUMNS).astype({"c": "category"}),
        pd.DataFrame(COLUMNS).convert_dtypes(),
        pd.DataFrame(COLUMNS, index=[7, 7]),
        pl.DataFrame(COLUMNS),
        pa.table(COLUMNS),
        pa.record_batch(COLUMNS),
        EXPECTED,
        tuple(EXPECTED),
        COLUMNS,
        {"x": np.array([1.5, 2.5]), "c": pd.Series(["DE", "FR"])},
        np.array([(1.5, "DE"), (2.5, "FR")], dtype=[("x", "f8"), ("c", "U2")]),
    ],
    ids=lambda data: f"{type(data).__module__.partition('.')[0]}-{type(data).__name__}",
)
def test_rows_that_bring_names_keep_them(data: Any) -> None:
    rows = copied(data, 100)
    assert rows.total == 2
    assert rows.features(None, 2) == EXPECTED


@pytest.mark.parametrize(
    "data",
    [
        [[1.5, "DE"], [2.5, "FR"]],
        [(1.5, "DE"), (2.5, "FR")],
        [Flight(1.5, "DE"), Flight(2.5, "FR")],
        np.array([[1.5, "DE"], [2.5, "FR"]], dtype=object),
        [np.array([1.5, "DE"], dtype=object), np.array([2.5, "FR"], dtype=object)],
    ],
)
def test_rows_without_names_get_the_models_or_numbers(data: Any) -> None:
    assert copied(data, 100).features(["x", "c"], 2) == EXPECTED
    assert copied(data, 100).features(None, 2) == [{"x0": 1.5, "x1": "DE"}, {"x0": 2.5, "x1": "FR"}]


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["f8", "f4", ">f8", "i8", "u1", "?"])
def test_arrays_of_any_number_and_layout_are_read_back(dtype: str, order: Any) -> None:
    array = np.array([[1, 0, 1], [0, 1, 1]], dtype=dtype, order=order)
    assert copied(array, 100).values() == array.tolist()
    assert copied(array[:, ::2], 100).values() == array[:, ::2].tolist()


def test_a_list_of_texts_is_one_column() -> None:
    assert copied(["good", "bad"], 100).features(["text"], 2) == [{"text": "good"}, {"text": "bad"}]
    assert copied(pd.Series(["good", "bad"], name="text"), 100).features(None, 2) == [{"text": "good"}, {"text": "bad"}]


def test_a_flat_list_with_one_prediction_is_one_row() -> None:
    assert copied([1.5, 2.5], 100).features(None, 1) == [{"x0": 1.5, "x1": 2.5}]


def test_a_mapping_of_single_values_is_one_row() -> None:
    assert copied({"x": 1.5, "c": "DE"}, 100).features(None, 1) == [{"x": 1.5, "c": "DE"}]


def test_of_a_frame_only_the_models_columns_are_taken() -> None:
    frame = pd.DataFrame({**COLUMNS, "customer": ["a", "b"]})
    assert copied(frame, 100).features(["c", "x"], 2) == EXPECTED


def test_a_frame_whose_columns_are_numbered_has_them_as_texts() -> None:
    assert copied(pd.DataFrame([[1, 2]]), 100).features(None, 1) == [{"0": 1, "1": 2}]


def test_missing_and_infinite_cells_are_what_json_has_for_them() -> None:
    frame = pd.DataFrame({"x": [np.nan, np.inf], "c": [None, "FR"], "n": pd.array([1, None], dtype="Int64")})
    expected = [{"x": None, "c": None, "n": 1}, {"x": "Infinity", "c": "FR", "n": None}]
    assert copied(frame, 100).features(None, 2) == expected
    assert (
        copied(pl.DataFrame({"x": [float("nan"), float("inf")], "c": [None, "FR"], "n": [1, None]}), 100).features(
            None, 2
        )
        == expected
    )


@pytest.mark.parametrize(
    "data",
    [
        np.arange(20.0).reshape(10, 2),
        pd.DataFrame({"x": range(10)}),
        pl.DataFrame({"x": range(10)}),
        pa.table({"x": range(10)}),
        list(range(10)),
        {"x": list(range(10))},
    ],
    ids=lambda data: type(data).__module__.partition(".")[0] + type(data).__name__,
)
def test_only_as_many_rows_are_copied_as_there_is_room_for(data: Any) -> None:
    rows = copied(data, 3)
    assert rows.total == 10
    assert len(rows.values()) == 3


def test_what_the_caller_changes_afterwards_is_not_seen() -> None:
    array, frame = np.array([[1.5]]), pd.DataFrame({"x": [1.5]})
    polars, lists, records = pl.DataFrame({"x": [1.5]}), [[1.5]], [{"x": 1.5}]
    taken = [copied(one, 10) for one in (array, frame, polars, lists, records)]
    array[0, 0] = frame.loc[0, "x"] = polars[0, "x"] = lists[0][0] = records[0]["x"] = -1.0
    assert [rows.features(["x"], 1) for rows in taken] == [[{"x": 1.5}]] * 5


@pytest.mark.parametrize(
    ("data", "names", "count"),
    [
        (np.ones((2, 3)), ["a", "b"], 2),
        (np.ones((2, 3)), None, 3),
        (np.ones((2, 3, 4)), None, 2),
        ([[1.0], [1.0, 2.0]], None, 2),
        (pd.DataFrame({"x": [1, 2]}), None, 3),
        ([{"x": 1}], None, 2),
    ],
)
def test_rows_that_do_not_fit_are_unreadable(data: Any, names: list[str] | None, count: int) -> None:
    with pytest.raises(UnreadableRows):
        copied(data, 100).features(names, count)


@pytest.mark.parametrize("data", [sparse.csr_matrix(np.eye(2)), np.ma.masked_array([1, 2]), object(), iter([1])])
def test_what_rows_cannot_be_made_of_is_unreadable(data: Any) -> None:
    with pytest.raises(UnreadableRows):
        copied(data, 100)


class Tensor:
    """As far as capture sees, what torch has: an array behind detach() and cpu()."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def detach(self) -> Tensor:
        return self

    def cpu(self) -> Tensor:
        return self

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return self.array


def test_a_tensor_is_read_as_its_array() -> None:
    assert copied(Tensor(np.array([[1.5, 2.5]])), 100).features(None, 1) == [{"x0": 1.5, "x1": 2.5}]


@pytest.mark.parametrize(
    "make", [np.array, pd.DataFrame, pl.DataFrame, list], ids=["numpy", "pandas", "polars", "list"]
)
def test_the_same_rows_are_told_from_others(make: Any) -> None:
    rows = copied(make([[1.5, 2.5]]), 10)
    assert rows.same_as(copied(make([[1.5, 2.5]]), 10))
    assert not rows.same_as(copied(make([[1.5, 2.6]]), 10))
    assert not rows.same_as(copied([1.5], 10))
    assert copied({"x": [1.5]}, 1).same_as(copied({"x": [1.5]}, 1))
    assert not copied({"x": [1.5]}, 1).same_as(copied({"y": [1.5]}, 1))
