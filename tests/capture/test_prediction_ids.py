from __future__ import annotations

import uuid
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from driftwatch.capture.prediction_ids import ROWS_APART, prediction_ids, random_origin

TIMES = st.integers(0, 2**47 * 1_000_000)
NUMBERS = st.integers(0, 2**80)


@given(TIMES, NUMBERS)
def test_an_id_is_a_uuid_of_version_7_with_the_time_of_the_call(time_ns: int, first: int) -> None:
    (one,) = prediction_ids(time_ns, first, 1)
    parsed = uuid.UUID(one)
    assert str(parsed) == one
    assert parsed.version == 7
    assert parsed.variant == uuid.RFC_4122
    assert parsed.int >> 80 == time_ns // 1_000_000


@given(TIMES, NUMBERS, st.integers(0, 50))
def test_the_same_call_has_the_same_ids_whenever_somebody_looks(time_ns: int, first: int, count: int) -> None:
    found = prediction_ids(time_ns, first, count)
    assert found == prediction_ids(time_ns, first, count)
    assert len(set(found)) == count


def test_rows_of_two_calls_in_the_same_moment_never_share_an_id() -> None:
    first = random_origin()
    assert set(prediction_ids(0, first, 100)).isdisjoint(prediction_ids(0, first + ROWS_APART, 100))


def test_ids_sort_by_the_time_of_their_making() -> None:
    early = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1e9)
    assert prediction_ids(early, 2**74 - 1, 1) < prediction_ids(early + 1_000_000, 0, 1)


def test_two_processes_start_to_number_in_different_places() -> None:
    assert random_origin() != random_origin()
