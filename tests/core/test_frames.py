"""Columns read from everything that users have."""

from __future__ import annotations

import datetime as dt
import math
import subprocess
import sys
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.core.column_reading import as_names, as_numbers, as_times
from driftwatch.core.frames import column_names, table_from, to_table
from driftwatch.core.raw_column import RawKind
from driftwatch.core.records import ColumnKind, ColumnRole, Task
from driftwatch.core.schema import Column, Schema
from driftwatch.core.table import Names, Numbers, Table
from driftwatch.errors import EventError, ReferenceDataError

UTC = dt.UTC
NOON = dt.datetime(2024, 5, 1, 12, tzinfo=UTC)
NOON_US = 1_714_564_800_000_000.0


def read(column):
    return table_from({"x": column}).columns["x"]


def listed(column):
    raw = read(column)
    return raw.kind.value, raw.values.to_list()


def schema(**kinds):
    columns = tuple(Column(name=name, kind=ColumnKind(kind), role=ColumnRole.FEATURE) for name, kind in kinds.items())
    return Schema(task=Task.REGRESSION, columns=columns)


@pytest.mark.parametrize(
    ("column", "kind", "values"),
    [
        ([1, 2, None], "integer", [1.0, 2.0, None]),
        ((1.5, None), "number", [1.5, None]),
        ([1, 2.5, math.nan], "number", [1.0, 2.5, None]),
        ([Decimal("1.25"), None, Decimal("NaN")], "number", [1.25, None, None]),
        ([10**400, -(10**400), 2**60], "integer", [math.inf, -math.inf, 2.0**60]),
        ([True, None, False], "boolean", ["true", None, "false"]),
        (["a", None, "b", math.nan], "text", ["a", None, "b", None]),
        (["a", 1, 2.0, True], "mixed", ["a", "1", "2", "true"]),
        ([None, None], "empty", [None, None]),
        ([], "empty", []),
        ([[1], None], "opaque", [None, None]),
        ([NOON, None], "time", [NOON_US, None]),
        ([dt.datetime(2024, 5, 1, 12), dt.date(2024, 5, 1)], "time", [NOON_US, NOON_US - 43_200_000_000]),  # noqa: DTZ001
        ([np.datetime64("2024-05-01T12"), np.datetime64("NaT", "us"), None], "time", [NOON_US, None, None]),
        (["a", dt.date(2024, 5, 1), Decimal("0.5")], "mixed", ["a", "2024-05-01", "0.5"]),
        (Numbers(np.array([1.0, np.nan])), "number", [1.0, None]),
        (Names.of(["a", None]), "text", ["a", None]),
        (Names.of(["true", None]), "boolean", ["true", None]),
        (np.array([1, 2], dtype=np.int8), "integer", [1.0, 2.0]),
        (np.array([1, 2**64 - 1], dtype=np.uint64), "integer", [1.0, 2.0**64]),
        (np.array([0.5, np.nan], dtype=np.float32), "number", [0.5, None]),
        (np.array([True, False]), "boolean", ["true", "false"]),
        (np.array(["a", "b"]), "text", ["a", "b"]),
        (np.array(["2024-05-01T12", "NaT"], dtype="datetime64[h]"), "time", [NOON_US, None]),
        (np.array([1500, "NaT"], dtype="timedelta64[ms]"), "number", [1.5, None]),
        (np.ma.masked_array([1.0, 2.0], mask=[False, True]), "number", [1.0, None]),
        (np.array([1 + 2j]), "opaque", [None]),
    ],
)
def test_lists_and_arrays(column, kind, values):
    assert listed(column) == (kind, values)


@pytest.mark.parametrize(
    ("series", "kind", "values"),
    [
        (pd.Series([1, 2]), "integer", [1.0, 2.0]),
        (pd.Series([1, None], dtype="Int64"), "integer", [1.0, None]),
        (pd.Series([1.5, None], dtype="Float32"), "number", [1.5, None]),
        (pd.Series([True, None], dtype="boolean"), "boolean", ["true", None]),
        (pd.Series([True, False]), "boolean", ["true", "false"]),
        (pd.Series([True, None], dtype=object), "boolean", ["true", None]),
        (pd.Series(["a", None], dtype="string"), "text", ["a", None]),
        (pd.Series(["a", np.nan, "a", "b"], dtype=object), "text", ["a", None, "a", "b"]),
        (pd.Series(["a", 1], dtype=object), "mixed", ["a", "1"]),
        (pd.Categorical(["x", None, "y"]), "category", ["x", None, "y"]),
        (pd.array([1, None], dtype="Int64"), "integer", [1.0, None]),
        (pd.Index(["a", "b", "a"]), "text", ["a", "b", "a"]),
        (pd.Series([1, pd.NA], dtype=object), "integer", [1.0, None]),
        (pd.Series([Decimal(1), None], dtype="category"), "number", [1.0, None]),
        (pd.Series([dt.timedelta(seconds=2), None], dtype="duration[us][pyarrow]"), "number", [2.0, None]),
        (pd.Series([None, None], dtype=object), "empty", [None, None]),
        (pd.Series([Decimal("0.5"), None], dtype=object), "number", [0.5, None]),
        (pd.Series(["x", None, "y"], dtype="category"), "category", ["x", None, "y"]),
        (pd.Series([2, 1, 2], dtype="category"), "category", ["2", "1", "2"]),
        (pd.Series([1.0, "1"], dtype="category"), "category", ["1", "1"]),
        (pd.Series(pd.to_datetime(["2024-05-01T12:00", None])), "time", [NOON_US, None]),
        (pd.Series(pd.to_datetime(["2024-05-01T14:00+02:00"])), "time", [NOON_US]),
        (pd.Series(pd.to_datetime(["2024-05-01T12:00", None], utc=True)), "time", [NOON_US, None]),
        (pd.Series(pd.to_timedelta(["1500ms", None])), "number", [1.5, None]),
        (pd.Series([1, None], dtype="int64[pyarrow]"), "integer", [1.0, None]),
        (pd.Series([True, None], dtype="bool[pyarrow]"), "boolean", ["true", None]),
        (pd.Series(["a", None], dtype="string[pyarrow]"), "text", ["a", None]),
        (pd.Series([NOON, None], dtype=pd.ArrowDtype(pa.timestamp("us", "UTC"))), "time", [NOON_US, None]),
        (pd.Series([1.5, None], dtype="Sparse[float]"), "number", [1.5, None]),
        (pd.Series(pd.period_range("2024", periods=2, freq="M")), "opaque", [None, None]),
    ],
    ids=lambda value: str(getattr(value, "dtype", "")),
)
def test_pandas_series(series, kind, values):
    assert listed(series) == (kind, values)
    assert table_from(pd.DataFrame({"x": series})).columns["x"].values.to_list() == values


@pytest.mark.parametrize(
    ("series", "kind", "values"),
    [
        (pl.Series([1, None]), "integer", [1.0, None]),
        (pl.Series([1.5, None]), "number", [1.5, None]),
        (pl.Series([True, None]), "boolean", ["true", None]),
        (pl.Series([True, False]), "boolean", ["true", "false"]),
        (pl.Series(["a", None]), "text", ["a", None]),
        (pl.Series(["a", None], dtype=pl.Categorical), "category", ["a", None]),
        (pl.Series(["a", None], dtype=pl.Enum(["b", "a"])), "category", ["a", None]),
        (pl.Series([Decimal("0.5"), None]), "number", [0.5, None]),
        (pl.Series([NOON, None]), "time", [NOON_US, None]),
        (pl.Series([dt.date(2024, 5, 1)]), "time", [NOON_US - 43_200_000_000]),
        (pl.Series([dt.timedelta(seconds=2), None]), "number", [2.0, None]),
        (pl.Series([None, None]), "empty", [None, None]),
        (pl.Series([[1], [2]]), "opaque", [None, None]),
    ],
    ids=lambda value: str(getattr(value, "dtype", "")),
)
def test_polars_series(series, kind, values):
    assert listed(series) == (kind, values)
    assert table_from(pl.DataFrame({"x": series})).columns["x"].values.to_list() == values


@pytest.mark.parametrize(
    ("array", "kind", "values"),
    [
        (pa.array([1, None]), "integer", [1.0, None]),
        (pa.array([1.5, None]), "number", [1.5, None]),
        (pa.array([0.5], type=pa.float16()), "number", [0.5]),
        (pa.array([True, None]), "boolean", ["true", None]),
        (pa.array([True, False]), "boolean", ["true", "false"]),
        (pa.array(["a", None, "a"]), "text", ["a", None, "a"]),
        (pa.array(["a", None], type=pa.large_string()), "text", ["a", None]),
        (pa.array(["a", None], type=pa.string_view()), "text", ["a", None]),
        (pa.array(["a", None]).dictionary_encode(), "category", ["a", None]),
        (pa.DictionaryArray.from_arrays([0, 1], [None, "a"]), "text", [None, "a"]),
        (pa.array([Decimal("0.5"), None]), "number", [0.5, None]),
        (pa.array([NOON, None]), "time", [NOON_US, None]),
        (pa.array([dt.date(2024, 5, 1)]), "time", [NOON_US - 43_200_000_000]),
        (pa.array([dt.timedelta(seconds=2), None]), "number", [2.0, None]),
        (pa.nulls(2), "empty", [None, None]),
        (pa.array([[1], None]), "opaque", [None, None]),
        (pa.array([b"\xff", None]), "opaque", [None, None]),
        (pa.array([], type=pa.string()), "text", []),
    ],
    ids=lambda value: str(getattr(value, "type", "")),
)
def test_arrow_arrays(array, kind, values):
    assert listed(array) == (kind, values)
    assert table_from(pa.record_batch({"x": array})).columns["x"].values.to_list() == values
    chunked = pa.table({"x": pa.chunked_array([array, array])})
    assert table_from(chunked).columns["x"].values.to_list() == values * 2


@given(st.lists(st.none() | st.text(max_size=3), max_size=20))
def test_all_frames_give_the_same_text(values):
    frames = [
        {"x": values},
        pd.DataFrame({"x": pd.Series(values, dtype=object)}),
        pl.DataFrame({"x": pl.Series(values, dtype=pl.String)}),
        pa.table({"x": pa.array(values, type=pa.string())}),
    ]
    for frame in frames:
        names = as_names(table_from(frame).columns["x"], "x")
        assert names.to_list() == values


def test_column_names_are_text_in_the_frame_order():
    assert column_names(pd.DataFrame([[1, 2]], columns=[0, "b"])) == ["0", "b"]
    assert column_names(pl.DataFrame({"b": [1], "a": [2]})) == ["b", "a"]
    assert column_names(pa.table({"b": [1], "a": [2]})) == ["b", "a"]
    assert column_names(Table({"b": Numbers(np.zeros(1))}, 1)) == ["b"]


def test_only_the_wanted_columns_are_read():
    raw = table_from({"x": [1], "y": object()}, ["x", "z"])
    assert list(raw.columns) == ["x"]
    assert raw.n_rows == 1


@pytest.mark.parametrize(
    "frame", [{"x": [1, 2]}, pd.DataFrame({"x": [1, 2]}), pl.DataFrame({"x": [1, 2]}), pa.table({"x": [1, 2]})]
)
def test_the_number_of_rows_is_known_without_any_column(frame):
    assert table_from(frame, []).n_rows == 2


@pytest.mark.parametrize(
    ("data", "field", "words"),
    [
        (object(), None, "cannot be read from 'object'"),
        ([{"x": 1}], None, "cannot be read from 'list'"),
        (pl.LazyFrame({"x": [1]}), None, "collect"),
        (pd.DataFrame([[1, 2]], columns=["x", "x"]), "x", "two columns have this name"),
        ({"x": [1], "y": [1, 2]}, "y", "it has 2 values where other columns have 1"),
        ({"x": np.zeros((2, 2))}, "x", "2 dimensions"),
        ({"x": "abc"}, "x", "cannot be read from 'str'"),
        ({"x": 7}, "x", "cannot be read from 'int'"),
    ],
)
def test_what_is_no_frame_is_refused_with_words(data, field, words):
    with pytest.raises(ReferenceDataError, match=words) as caught:
        table_from(data, error=ReferenceDataError)
    assert caught.value.field == field
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("column", "values"),
    [
        (["1.5", " 2 ", None, "", "inf", "nan"], [1.5, 2.0, None, None, math.inf, None]),
        ([True, None, False], [1.0, None, 0.0]),
        ([None], [None]),
        (["1", 2, 2.5], [1.0, 2.0, 2.5]),
        (pd.Series([1, 2], dtype="category"), [1.0, 2.0]),
    ],
)
def test_columns_that_spell_numbers_become_numbers(column, values):
    assert to_table({"x": column}, schema(x="numeric"))["x"].to_list() == values


@pytest.mark.parametrize("column", [["1", "abc"], ["1_000"], [NOON], [[1]]])
def test_a_word_in_a_column_of_numbers_names_the_column(column):
    with pytest.raises(EventError) as caught:
        to_table({"x": column}, schema(x="numeric"))
    assert caught.value.field == "x"
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ([1, 2, None], ["1", "2", None]),
        ([1.0, 0.5, math.inf], ["1", "0.5", "inf"]),
        ([True, False], ["true", "false"]),
        ([None], [None]),
        ([], []),
    ],
)
def test_numbers_in_a_column_of_names_are_named(column, values):
    assert to_table({"x": column}, schema(x="categorical"))["x"].to_list() == values


@pytest.mark.parametrize("column", [[NOON], [[1]]])
def test_times_and_lists_have_no_name(column):
    with pytest.raises(EventError, match="where names are expected"):
        to_table({"x": column}, schema(x="categorical"))


def test_a_missing_feature_is_named_with_the_one_that_may_be_meant():
    with pytest.raises(EventError, match="Did you mean 'distanse'") as caught:
        to_table({"distanse": [1]}, schema(distance="numeric"))
    assert caught.value.field == "distance"
    with pytest.raises(EventError, match="Its columns are: a, b"):
        to_table({"a": [1], "b": [2]}, schema(distance="numeric"))


def test_columns_that_are_not_required_may_be_missing():
    table = to_table({"x": [1.0]}, schema(x="numeric", y="numeric"), required=())
    assert "y" not in table
    assert len(table) == 1


def test_only_columns_of_the_wanted_roles_are_converted():
    label = Column(name="y", kind=ColumnKind.NUMERIC, role=ColumnRole.LABEL)
    both = Schema(task=Task.REGRESSION, columns=(*schema(x="numeric").columns, label), label="y")
    assert list(to_table({"x": [1.0], "y": ["abc"]}, both, {ColumnRole.FEATURE}).columns) == ["x"]
    assert list(to_table({"y": [1.0]}, both, {ColumnRole.LABEL}).columns) == ["y"]


def test_a_table_of_the_right_kinds_is_taken_as_it_is():
    values = Numbers(np.array([1.0]))
    assert to_table(Table({"x": values}, 1), schema(x="numeric"))["x"] is values


def test_a_table_of_another_kind_is_converted():
    table = Table({"x": Names.of(["2.5", None])}, 2)
    assert to_table(table, schema(x="numeric"))["x"].to_list() == [2.5, None]


@pytest.mark.parametrize(
    ("column", "microseconds"),
    [
        ([NOON, None], [NOON_US, None]),
        (["2024-05-01T12:00:00Z", "2024-05-01 14:00:00+02:00", "2024-05-01T12:00"], [NOON_US] * 3),
        ([NOON_US / 1e6], [NOON_US]),
        ([None], [None]),
    ],
)
def test_times_are_read_from_datetimes_text_and_seconds(column, microseconds):
    assert Numbers(as_times(read(column), "ts")).to_list() == microseconds


@pytest.mark.parametrize("column", [["yesterday"], [True], [[1]]])
def test_what_is_no_time_is_refused(column):
    with pytest.raises(EventError, match=r"time"):
        as_times(read(column), "ts")


def test_numbers_that_are_numbers_are_not_copied():
    values = np.array([1.0, 2.0])
    assert as_numbers(read(values), "x").values is values
    assert read(values).kind is RawKind.NUMBER


def test_reading_plain_python_loads_no_frame_library():
    code = (
        "import sys; from driftwatch.core.frames import table_from; table_from({'x': [1, None], 'y': ['a', 'b']}); "
        "print([name for name in ('pandas', 'polars', 'pyarrow') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
