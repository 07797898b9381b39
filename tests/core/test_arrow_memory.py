"""Arrow's arrays read from their memory: the values that Arrow itself gives."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.core.foreign_columns import raw_column
from driftwatch.core.raw_column import RawKind
from driftwatch.errors import EventError

NUMBERS = {
    "int8": (pa.int8(), st.integers(-128, 127)),
    "uint16": (pa.uint16(), st.integers(0, 2**16 - 1)),
    "int64": (pa.int64(), st.integers(-(2**53), 2**53)),
    "uint64": (pa.uint64(), st.integers(0, 2**53)),
    "float": (pa.float32(), st.floats(width=32)),
    "double": (pa.float64(), st.floats()),
}


@pytest.mark.parametrize("name", NUMBERS)
@given(data=st.data())
def test_numbers_are_those_of_the_array(name, data):
    kind, values = NUMBERS[name]
    given_values = data.draw(st.lists(values | st.none(), max_size=20))
    begin = data.draw(st.integers(0, len(given_values)))
    raw = raw_column(pa.array(given_values, kind)[begin:], "x", EventError)
    expected = [math.nan if one is None else float(one) for one in given_values[begin:]]
    assert np.array_equal(raw.values.values, np.array(expected, dtype=np.float64), equal_nan=True)


@given(st.lists(st.sampled_from(["a", "b", "c", None]), max_size=20), st.integers(0, 5))
def test_names_are_those_of_the_dictionary(values, begin):
    for kind in (pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string())):
        raw = raw_column(pa.array(values, kind)[begin:], "x", EventError)
        assert raw.values.to_list() == values[begin:]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@given(values=st.lists(st.integers(0, 10**9) | st.none(), max_size=10), begin=st.integers(0, 3))
def test_times_are_microseconds_whatever_their_unit(unit, values, begin):
    per_unit = {"s": 10**6, "ms": 10**3, "us": 1, "ns": 1e-3}[unit]
    raw = raw_column(pa.array(values, pa.timestamp(unit, "UTC"))[begin:], "x", EventError)
    expected = [math.nan if one is None else math.floor(one * per_unit) for one in values[begin:]]
    assert raw.kind is RawKind.TIME
    assert np.allclose(raw.values.values, expected, rtol=0, atol=1, equal_nan=True)


def test_days_and_durations_have_their_units():
    days = raw_column(pa.array([1, None], pa.date32()), "x", EventError)
    assert np.array_equal(days.values.values, [86_400e6, math.nan], equal_nan=True)
    thousands = raw_column(pa.array([86_400_000], pa.date64()), "x", EventError)
    assert thousands.values.values.tolist() == [86_400e6]
    seconds = raw_column(pa.array([1_500, None], pa.duration("ms")), "x", EventError)
    assert np.array_equal(seconds.values.values, [1.5, math.nan], equal_nan=True)


@given(st.lists(st.booleans(), max_size=20), st.integers(0, 9))
def test_booleans_are_names(values, begin):
    raw = raw_column(pa.array(values, pa.bool_())[begin:], "x", EventError)
    assert raw.values.to_list() == ["true" if one else "false" for one in values[begin:]]


def test_a_buffer_that_a_sender_laid_askew_is_aligned_again():
    memory = pa.py_buffer(b"x" + np.array([1.0, 2.0]).tobytes())
    raw = raw_column(pa.Array.from_buffers(pa.float64(), 2, [None, memory.slice(1)]), "x", EventError)
    assert raw.values.values.flags.aligned
    assert raw.values.values.tolist() == [1.0, 2.0]
