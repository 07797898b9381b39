"""The newest entries in memory: never another answer than the file's."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.core.events import LabelBatch, size_bytes
from driftwatch.core.table import Numbers
from driftwatch.ports import SpoolEntry
from driftwatch.stores.spool import SqliteSpool
from driftwatch.stores.spool_recent import RecentEntries

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def batch(rows: int) -> LabelBatch:
    ids = tuple(str(row) for row in range(rows))
    return LabelBatch(
        model="m", prediction_ids=ids, event_time=np.zeros(rows, np.int64), labels=Numbers(np.zeros(rows))
    )


def entry(sequence: int, rows: int = 1) -> SpoolEntry:
    return SpoolEntry(sequence=sequence, received_time=NOON, batch=batch(rows))


ROW_BYTES = size_bytes(batch(1))


def sequences(found: list[SpoolEntry] | None) -> list[int] | None:
    return None if found is None else [one.sequence for one in found]


@pytest.mark.parametrize(
    ("after", "limit", "answer"),
    [
        (2, 100, [3, 4, 5]),
        (3, 100, [4, 5]),
        (5, 100, []),
        (2, 1, [3]),
        (2, 3, [3, 4]),
        (1, 100, None),
    ],
    ids=["all", "some", "none", "the first", "until so many rows", "one that is not here any more"],
)
def test_entries_after_a_sequence_until_they_hold_so_many_rows(after, limit, answer):
    recent = RecentEntries(most_bytes=6 * ROW_BYTES)
    recent.add([entry(1, 2), entry(2, 2), entry(3, 2), entry(4, 2), entry(5, 2)])
    assert sequences(recent.read(after, limit)) == answer


def test_an_entry_of_too_many_rows_is_left_to_the_file():
    recent = RecentEntries(most_bytes=2 * ROW_BYTES)
    recent.add([entry(1, 3)])
    assert recent.read(0, 100) is None


def test_a_gap_ends_what_was_before_it():
    recent = RecentEntries()
    recent.add([entry(1), entry(3)])
    assert recent.read(0, 100) is None
    assert sequences(recent.read(2, 100)) == [3]


def test_what_was_removed_is_gone():
    recent = RecentEntries()
    recent.add([entry(1), entry(2)])
    recent.remove_through(1)
    assert sequences(recent.read(1, 100)) == [2]


@given(st.lists(st.integers(1, 9), min_size=1, max_size=12), st.integers(0, 13), st.integers(1, 30), st.integers(0, 13))
def test_a_spool_answers_alike_from_memory_and_from_its_file(tmp_path_factory, sizes, after, limit, through):
    path = tmp_path_factory.mktemp("spool") / "spool.db"
    spool = SqliteSpool(path)
    spool._recent = RecentEntries(most_bytes=20 * ROW_BYTES)
    for size in sizes:
        spool.append(batch(size), NOON).result(10)
    spool.remove_through(min(through, len(sizes)))
    from_memory = spool.read(after, limit)
    spool._recent = RecentEntries(most_bytes=0)
    from_file = spool.read(after, limit)
    spool.close()
    assert sequences(from_memory) == sequences(from_file)
    assert [one.batch.prediction_ids for one in from_memory] == [one.batch.prediction_ids for one in from_file]
    assert [one.received_time for one in from_memory] == [one.received_time for one in from_file]
