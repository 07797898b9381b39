"""JSON values as columns."""

import math
from datetime import UTC, datetime

import numpy as np
import pytest

from driftwatch.core.records import ColumnKind, ColumnRole
from driftwatch.core.schema import Column
from driftwatch.core.windows import to_microseconds
from driftwatch.errors import EventError
from driftwatch.pipeline.columns import (
    class_values,
    column_values,
    event_microseconds,
    extra_values,
    number_values,
    target_numbers,
)


class Problems(dict[int, str]):
    def __call__(self, row: int, text: str) -> None:
        self.setdefault(row, text)


NUMERIC = Column(name="age", kind=ColumnKind.NUMERIC, role=ColumnRole.FEATURE)
NAMED = Column(name="country", kind=ColumnKind.CATEGORICAL, role=ColumnRole.FEATURE)


def test_null_is_a_missing_number() -> None:
    assert np.isnan(number_values([1, None, 2.5], Problems()).values).tolist() == [False, True, False]


@pytest.mark.parametrize(("word", "value"), [("Infinity", math.inf), ("-Infinity", -math.inf)])
def test_infinity_may_be_written_as_a_word(word: str, value: float) -> None:
    assert number_values([word], Problems()).values[0] == value


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("abc", "not the text 'abc'"),
        ("1.5", "not the text '1.5'"),
        (True, "not a boolean"),
        ([1], "not a list"),
        ({"a": 1}, "not an object"),
        (10**400, "beyond the range"),
    ],
)
def test_what_is_no_number_is_named_with_its_row(value: object, says: str) -> None:
    problems = Problems()
    column_values([1.0, value, 2.0], NUMERIC, problems)
    assert list(problems) == [1]
    assert says in problems[1]


def test_a_long_text_is_cut_in_the_message() -> None:
    problems = Problems()
    number_values(["x" * 1_000], problems)
    assert len(problems[0]) < 100


def test_numbers_and_booleans_are_names_in_a_column_of_names() -> None:
    assert column_values(["DE", 3, 3.0, True, None], NAMED, Problems()).to_list() == ["DE", "3", "3", "true", None]


def test_a_class_that_the_model_does_not_have_is_a_problem() -> None:
    problems = Problems()
    class_values(["yes", "maybe", None], ("no", "yes"), problems)
    assert problems == {1: "'maybe' is none of the model's classes (no, yes).", 2: "is missing."}


@pytest.mark.parametrize("value", [None, "NaN", "Infinity"])
def test_a_label_or_prediction_must_be_finite(value: object) -> None:
    problems = Problems()
    target_numbers([1.0, value], problems)
    assert list(problems) == [1]


def test_an_unknown_column_of_mixed_values_is_kept_as_names() -> None:
    assert extra_values([1, "a", None]).to_list() == ["1", "a", None]


@pytest.mark.parametrize(
    "value",
    ["2026-01-31T08:00:00Z", "2026-01-31T09:00:00+01:00", datetime(2026, 1, 31, 8, tzinfo=UTC), 1_769_846_400],
)
def test_a_time_may_be_text_with_an_offset_or_seconds(value: object) -> None:
    expected = to_microseconds(datetime(2026, 1, 31, 8, tzinfo=UTC))
    assert event_microseconds(value, received=0, latest_allowed=2**62) == expected


def test_an_event_without_a_time_happened_when_it_was_received() -> None:
    assert event_microseconds(None, received=77, latest_allowed=100) == 77


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("yesterday", "is no time"),
        ("2026-01-31T08:00:00", "no time zone"),
        (-1, "before 1970"),
        (True, "must be a time"),
        (1e300, "must be a time"),
        ("2036-01-01T00:00:00Z", "in the future"),
    ],
)
def test_a_time_that_cannot_be_says_why(value: object, says: str) -> None:
    latest = to_microseconds(datetime(2026, 2, 1, tzinfo=UTC))
    with pytest.raises(EventError, match=says) as caught:
        event_microseconds(value, received=0, latest_allowed=latest)
    assert caught.value.field == "event_time"
