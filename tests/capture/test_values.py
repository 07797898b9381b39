from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from uuid import UUID

import msgspec
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from driftwatch.capture.values import array_list, class_name, plain, plain_list, rfc_3339


class Colour(Enum):
    RED = "red"


class Size(IntEnum):
    SMALL = 1


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (3, 3),
        (2.5, 2.5),
        ("DE", "DE"),
        (math.nan, None),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
        (np.float64(2.5), 2.5),
        (np.float64("nan"), None),
        (np.float32("inf"), "Infinity"),
        (np.longdouble(0.5), 0.5),
        (np.int8(-3), -3),
        (np.bool_(True), True),
        (np.str_("x"), "x"),
        (np.array(4.0), 4.0),
        (np.datetime64("2026-01-31T08:00:00.123456789"), "2026-01-31T08:00:00.123456"),
        (np.datetime64("NaT", "us"), None),
        (np.timedelta64(90, "s"), 90.0),
        (pd.NA, None),
        (pd.NaT, None),
        (pd.Timestamp("2026-01-31T08:00:00Z"), "2026-01-31T08:00:00+00:00"),
        (pd.Timedelta(minutes=2), 120.0),
        (datetime(2026, 1, 31, 8, tzinfo=UTC), "2026-01-31T08:00:00+00:00"),
        (date(2026, 1, 31), "2026-01-31"),
        (timedelta(seconds=1.5), 1.5),
        (Decimal("1.25"), 1.25),
        (Decimal("NaN"), None),
        (b"caf\xc3\xa9", "café"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Colour.RED, "red"),
        (Size.SMALL, 1),
        (2**63 - 1, 2**63 - 1),
        (2**63, float(2**63)),
        (-(10**400), "-Infinity"),
        (np.uint64(2**64 - 1), float(2**64 - 1)),
        ("x" * 5_000, "x" * 5_000),
        (["a list"], "['a list']"),
    ],
)
def test_a_value_of_any_library_becomes_one_of_json(value: object, expected: object) -> None:
    found = plain(value)
    assert found == expected
    assert type(found) is type(expected)


def test_an_object_that_is_no_value_is_cut_short() -> None:
    assert len(str(plain([0] * 5_000))) == 1_000


@given(st.lists(st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text()))
def test_lists_become_what_their_values_become_one_by_one(values: list[object]) -> None:
    assert plain_list(values) == [plain(value) for value in values]


@given(
    npst.arrays(
        dtype=npst.boolean_dtypes() | npst.integer_dtypes() | npst.unsigned_integer_dtypes() | npst.floating_dtypes(),
        shape=npst.array_shapes(min_dims=1, max_dims=2, max_side=4),
    )
)
def test_what_becomes_of_an_array_of_numbers_is_json_with_the_same_numbers(array: np.ndarray) -> None:
    found = array_list(array)
    words = {None: math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
    back = msgspec.json.decode(msgspec.json.encode(found))

    def number(value: object) -> object:
        return [number(one) for one in value] if isinstance(value, list) else words.get(value, value)

    with np.errstate(over="ignore"):
        np.testing.assert_allclose(
            np.array(number(back), dtype=np.float64), array.astype(np.float64), rtol=1e-15, equal_nan=True
        )


def test_an_unsigned_number_beyond_the_services_integers_is_sent_as_a_float() -> None:
    assert array_list(np.array([2**64 - 1, 1], dtype=np.uint64)) == [float(2**64 - 1), 1.0]


def test_times_and_texts_of_an_array_become_texts() -> None:
    assert array_list(np.array(["2026-01-31", "NaT"], dtype="datetime64[ns]")) == ["2026-01-31T00:00:00", None]
    assert array_list(np.array([b"a"], dtype="S1")) == ["a"]
    assert array_list(np.array([90], dtype="timedelta64[s]")) == [90.0]


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 1, 31, 8, tzinfo=UTC),
        datetime(2026, 1, 31, 8),  # noqa: DTZ001 - without a zone it is UTC
        datetime(2026, 1, 31, 9, tzinfo=timezone(timedelta(hours=1))),
        pd.Timestamp("2026-01-31T08:00:00.000000000Z"),
        np.datetime64("2026-01-31T08:00:00.000000000"),
        "2026-01-31T08:00:00Z",
        1_769_846_400,
        1_769_846_400.0,
    ],
)
def test_a_moment_of_any_library_is_written_in_utc(moment: object) -> None:
    assert rfc_3339(moment) == "2026-01-31T08:00:00.000000Z"


def test_no_moment_stays_none() -> None:
    assert rfc_3339(None) is None
    assert rfc_3339(pd.NaT) is None


def test_what_is_no_moment_is_an_error() -> None:
    with pytest.raises(ValueError, match="yesterday"):
        rfc_3339("yesterday")


@pytest.mark.parametrize(
    "value", [True, False, 0, 1, 3.0, 0.5, "DE", np.int64(3), np.float32(2.0), np.bool_(True), np.str_("x")]
)
def test_a_class_has_the_name_under_which_the_service_counts_it(value: object) -> None:
    from driftwatch.core.table import name_of

    plain_value = value.item() if isinstance(value, np.generic) else value
    assert class_name(value) == name_of(plain_value)
