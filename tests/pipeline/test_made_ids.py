"""Ids of many rows: made and checked at once, as they would be one by one."""

from __future__ import annotations

import time
import uuid

from hypothesis import given
from hypothesis import strategies as st

from driftwatch.core.texts import Texts
from driftwatch.pipeline.ingest_limits import IngestLimits, Problems, checked_ids, made_ids


def test_ids_are_of_version_7_and_of_this_moment():
    before = time.time_ns() // 1_000_000
    ids = [uuid.UUID(one) for one in made_ids(500)]
    after = time.time_ns() // 1_000_000
    assert len(set(ids)) == 500
    assert {(one.version, one.variant) for one in ids} == {(7, uuid.RFC_4122)}
    assert all(before <= one.int >> 80 <= after for one in ids)


def test_every_random_digit_takes_every_value():
    ids = [one.replace("-", "") for one in made_ids(2_000)]
    for place in range(13, 32):
        expected = set("89ab") if place == 16 else set("0123456789abcdef")
        assert {one[place] for one in ids} == expected


@given(st.lists(st.text(max_size=6), max_size=8))
def test_ids_in_one_piece_are_checked_as_single_ones_are(ids):
    limits = IngestLimits(id_characters=4)
    single, whole = Problems(), Problems()
    indexes = range(len(ids))
    of_single = checked_ids(ids, limits, single.at("prediction_id", indexes))
    of_whole = checked_ids(Texts.of(ids), limits, whole.at("prediction_id", indexes))
    assert list(of_single) == list(of_whole) == ids
    assert single == whole
    assert set(single.by_row) == {row for row, one in enumerate(ids) if not 0 < len(one) <= 4}
