"""What every spool promises, held against the real one and the one in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from driftwatch.core.events import Batch
from driftwatch.errors import InputError, StoreError, StoreFull
from driftwatch.ports import Spool, SpoolReceipt
from driftwatch.stores.spool import SqliteSpool
from driftwatch.testing import MemorySpool, as_rows, label_batch, prediction_batch

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = 3_600.0

Opener = Callable[..., Spool]


@pytest.fixture(params=["sqlite", "memory"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    spools: list[Spool] = []

    def open_spool(*, horizon_seconds: float = HOUR, max_rows: int = 1_000) -> Spool:
        spool: Spool
        if request.param == "sqlite":
            path = tmp_path / f"spool-{len(spools)}.db"
            spool = SqliteSpool(path, horizon_seconds=horizon_seconds, max_rows=max_rows)
        else:
            spool = MemorySpool(horizon_seconds=horizon_seconds, max_rows=max_rows)
        spools.append(spool)
        return spool

    yield open_spool
    for spool in spools:
        spool.close()


@pytest.fixture
def spool(opened: Opener) -> Spool:
    return opened()


def add(spool: Spool, batch: Batch, at: datetime = NOW) -> SpoolReceipt:
    return spool.append(batch, at).result(timeout=10)


def test_a_new_spool_is_empty(spool: Spool) -> None:
    assert (spool.read(0, 10), spool.pending_rows(), spool.last_sequence()) == ([], 0, 0)


def test_a_prediction_batch_comes_back_as_it_was_given(spool: Spool) -> None:
    batch = prediction_batch(
        ["a", "b"],
        {"x": [1.5, None], "country": ["DE", None], "y": [float("inf"), 0.0]},
        model_version="7",
        event_time=[5, 6],
        segment="country=DE",
        extra={"more": ["z", "z"]},
        prediction="y",
    )
    add(spool, batch)
    (entry,) = spool.read(0, 10)
    assert as_rows(entry.batch) == as_rows(batch)
    assert (entry.batch.model, entry.batch.model_version, entry.batch.prediction) == ("model", "7", "y")
    assert (list(entry.batch.columns.columns), list(entry.batch.extra.columns)) == (["x", "country", "y"], ["more"])


@pytest.mark.parametrize("labels", [[1.0, 2.5], ["yes", "no"]])
def test_a_label_batch_comes_back_as_it_was_given(spool: Spool, labels: list[float] | list[str]) -> None:
    batch = label_batch(["a", "b"], labels, event_time=[5, 6])
    add(spool, batch)
    (entry,) = spool.read(0, 10)
    assert as_rows(entry.batch) == as_rows(batch)


def test_the_time_of_receipt_comes_back(spool: Spool) -> None:
    at = NOW + timedelta(microseconds=123_457)
    add(spool, prediction_batch(["a"]), at)
    assert spool.read(0, 1)[0].received_time == at


def test_sequences_go_up_in_the_order_of_acknowledgement(spool: Spool) -> None:
    sequences = [add(spool, prediction_batch([one])).sequence for one in "abc"]
    assert sequences == sorted(sequences)
    assert [entry.batch.prediction_ids for entry in spool.read(0, 10)] == [("a",), ("b",), ("c",)]
    assert [entry.sequence for entry in spool.read(0, 10)] == sequences
    assert spool.last_sequence() == sequences[-1]


def test_the_receipt_counts_what_was_accepted(spool: Spool) -> None:
    receipt = add(spool, prediction_batch(["a", "b"]))
    assert (receipt.accepted, receipt.duplicates) == (2, ())


def test_the_same_id_in_a_later_batch_is_a_duplicate(spool: Spool) -> None:
    add(spool, prediction_batch(["a", "b"]))
    receipt = add(spool, prediction_batch(["c", "b", "d"]))
    assert (receipt.accepted, receipt.duplicates) == (2, (1,))
    assert spool.read(0, 10)[1].batch.prediction_ids == ("c", "d")


def test_of_the_same_id_twice_in_one_batch_the_first_row_stays(spool: Spool) -> None:
    receipt = add(spool, prediction_batch(["a", "b", "a"], {"x": [1.0, 2.0, 3.0]}))
    assert receipt.duplicates == (2,)
    assert spool.read(0, 10)[0].batch.columns["x"].to_list() == [1.0, 2.0]


def test_a_batch_of_duplicates_makes_no_entry(spool: Spool) -> None:
    add(spool, prediction_batch(["a"]))
    receipt = add(spool, prediction_batch(["a", "a"]))
    assert receipt == SpoolReceipt(sequence=None, accepted=0, duplicates=(0, 1))
    assert len(spool.read(0, 10)) == 1


def test_the_same_id_of_another_model_is_another_prediction(spool: Spool) -> None:
    add(spool, prediction_batch(["a"], model="one"))
    assert add(spool, prediction_batch(["a"], model="two")).accepted == 1


def test_the_same_id_of_another_version_is_a_duplicate(spool: Spool) -> None:
    add(spool, prediction_batch(["a"], model_version="1"))
    assert add(spool, prediction_batch(["a"], model_version="2")).duplicates == (0,)


def test_labels_have_no_duplicates(spool: Spool) -> None:
    add(spool, label_batch(["a"], [1.0]))
    assert add(spool, label_batch(["a", "a"], [1.0, 2.0])).accepted == 2


def test_a_label_does_not_make_its_prediction_a_duplicate(spool: Spool) -> None:
    add(spool, label_batch(["a"], [1.0]))
    assert add(spool, prediction_batch(["a"])).accepted == 1


def test_an_id_stays_known_after_its_entry_is_removed(spool: Spool) -> None:
    receipt = add(spool, prediction_batch(["a"]))
    spool.remove_through(receipt.sequence or 0)
    assert add(spool, prediction_batch(["a"])).duplicates == (0,)


def test_an_id_is_known_to_the_end_of_the_horizon(spool: Spool) -> None:
    add(spool, prediction_batch(["a"]))
    assert add(spool, prediction_batch(["a"]), NOW + timedelta(seconds=HOUR)).duplicates == (0,)


def test_an_id_is_forgotten_some_time_after_the_horizon(spool: Spool) -> None:
    add(spool, prediction_batch(["a"]))
    add(spool, prediction_batch(["b"]), NOW + timedelta(seconds=HOUR))
    assert add(spool, prediction_batch(["a"]), NOW + timedelta(seconds=1.25 * HOUR)).accepted == 1
    assert add(spool, prediction_batch(["b"]), NOW + timedelta(seconds=1.25 * HOUR)).accepted == 0


def test_an_empty_batch_makes_no_entry(spool: Spool) -> None:
    assert add(spool, prediction_batch([])) == SpoolReceipt(sequence=None, accepted=0, duplicates=())
    assert spool.read(0, 10) == []


def test_reading_begins_after_the_given_sequence(spool: Spool) -> None:
    first = add(spool, prediction_batch(["a"])).sequence
    add(spool, prediction_batch(["b"]))
    assert [entry.batch.prediction_ids for entry in spool.read(first or 0, 10)] == [("b",)]


def test_reading_ends_with_the_entry_that_reaches_the_limit(spool: Spool) -> None:
    for ids in (["a", "b"], ["c", "d"], ["e"]):
        add(spool, prediction_batch(ids))
    assert [len(entry.batch) for entry in spool.read(0, 3)] == [2, 2]


def test_an_entry_larger_than_the_limit_is_read_whole(spool: Spool) -> None:
    add(spool, prediction_batch(["a", "b", "c"]))
    assert [len(entry.batch) for entry in spool.read(0, 1)] == [3]


@pytest.mark.parametrize("after", [0, 1, 3, 9])
@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_the_last_entry_of_a_reading_is_known_without_it(spool: Spool, after: int, limit: int) -> None:
    for position in range(4):
        add(spool, prediction_batch([f"{position}-{row}" for row in range(2)]))
    read = spool.read(after, limit)
    assert spool.last_of(after, limit) == (read[-1].sequence if read else after)


def test_removal_takes_entries_up_to_and_with_the_sequence(spool: Spool) -> None:
    sequences = [add(spool, prediction_batch([one])).sequence or 0 for one in "abc"]
    spool.remove_through(sequences[1])
    assert [entry.sequence for entry in spool.read(0, 10)] == [sequences[2]]


def test_pending_rows_are_those_not_removed(spool: Spool) -> None:
    first = add(spool, prediction_batch(["a", "b"])).sequence
    add(spool, label_batch(["a", "b", "c"], [1.0, 2.0, 3.0]))
    assert spool.pending_rows() == 5
    spool.remove_through(first or 0)
    assert spool.pending_rows() == 3


def test_duplicates_are_not_pending(spool: Spool) -> None:
    add(spool, prediction_batch(["a"]))
    add(spool, prediction_batch(["a", "b"]))
    assert spool.pending_rows() == 2


def test_rows_after_counts_the_rows_of_later_entries(spool: Spool) -> None:
    first = add(spool, prediction_batch(["a", "b"])).sequence
    add(spool, label_batch(["a", "b", "c"], [1.0, 2.0, 3.0]))
    assert (spool.rows_after(0), spool.rows_after(first or 0)) == (5, 3)
    assert spool.rows_after(spool.last_sequence()) == 0


def test_a_sequence_is_never_given_again(spool: Spool) -> None:
    first = add(spool, prediction_batch(["a"])).sequence or 0
    spool.remove_through(first)
    assert spool.last_sequence() == first
    assert (add(spool, prediction_batch(["b"])).sequence or 0) > first


def test_removing_beyond_the_last_entry_leaves_later_ones(spool: Spool) -> None:
    add(spool, prediction_batch(["a"]))
    spool.remove_through(1_000)
    add(spool, prediction_batch(["b"]))
    assert spool.pending_rows() == 1
    assert spool.wait(0, 0.0)


def test_a_batch_beyond_the_bound_is_refused_and_not_kept(opened: Opener) -> None:
    spool = opened(max_rows=3)
    add(spool, prediction_batch(["a", "b"]))
    with pytest.raises(StoreFull, match="2 of at most 3 rows"):
        add(spool, prediction_batch(["c", "d"]))
    assert spool.pending_rows() == 2


def test_a_refused_batch_may_come_again(opened: Opener) -> None:
    spool = opened(max_rows=2)
    first = add(spool, prediction_batch(["a", "b"])).sequence
    with pytest.raises(StoreFull):
        add(spool, prediction_batch(["c"]))
    spool.remove_through(first or 0)
    assert add(spool, prediction_batch(["c"])).accepted == 1


def test_waiting_ends_at_once_where_an_entry_is_there(spool: Spool) -> None:
    add(spool, prediction_batch(["a"]))
    assert spool.wait(0, 60.0)


def test_waiting_ends_without_an_entry_when_the_time_is_over(spool: Spool) -> None:
    assert not spool.wait(0, 0.01)


def test_waiting_does_not_count_removed_entries(spool: Spool) -> None:
    spool.remove_through(add(spool, prediction_batch(["a"])).sequence or 0)
    assert not spool.wait(0, 0.01)


def test_waiting_ends_when_an_entry_arrives(spool: Spool) -> None:
    answers: list[bool] = []
    waiter = threading.Thread(target=lambda: answers.append(spool.wait(0, 60.0)))
    waiter.start()
    add(spool, prediction_batch(["a"]))
    waiter.join(timeout=30)
    assert answers == [True]


def test_closing_ends_the_waiting(spool: Spool) -> None:
    answers: list[bool] = []
    waiter = threading.Thread(target=lambda: answers.append(spool.wait(0, 60.0)))
    waiter.start()
    spool.close()
    waiter.join(timeout=30)
    assert answers == [False]


def test_a_closed_spool_takes_nothing(spool: Spool) -> None:
    spool.close()
    with pytest.raises(StoreError, match="closed"):
        spool.append(prediction_batch(["a"]), NOW)
    with pytest.raises(StoreError, match="closed"):
        spool.remove_through(1)


def test_closing_twice_is_fine(spool: Spool) -> None:
    spool.close()
    spool.close()


def test_many_threads_lose_and_repeat_nothing(spool: Spool) -> None:
    ids = [f"p{number}" for number in range(200)]

    def send(own: list[str]) -> None:
        for one in own:
            add(spool, prediction_batch([one]))

    # Every id is sent by two threads: one of them is told that it is a duplicate.
    threads = [threading.Thread(target=send, args=(ids[start::4],)) for start in (0, 1, 2, 3, 0, 1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stored = [one for entry in spool.read(0, 10_000) for one in entry.batch.prediction_ids]
    assert sorted(stored) == sorted(ids)


def test_a_spool_that_was_full_is_in_trouble_until_a_tenth_is_free(opened: Opener) -> None:
    spool = opened(max_rows=20)
    first = add(spool, prediction_batch(["a", "b"])).sequence
    add(spool, prediction_batch([f"{row}" for row in range(18)]))
    room = spool.room()
    assert (room.rows, room.most_rows, room.trouble) == (20, 20, None)
    with pytest.raises(StoreFull):
        add(spool, prediction_batch(["c"]))
    assert "20 of at most 20 rows" in (spool.room().trouble or "")
    spool.remove_through(first or 0)
    assert (spool.room().rows, spool.room().trouble) == (18, None)


def test_a_batch_that_never_fits_is_no_matter_of_time(opened: Opener) -> None:
    spool = opened(max_rows=3)
    with pytest.raises(InputError, match="4 rows at once"):
        spool.append(prediction_batch(["a", "b", "c", "d"]), NOW)
    assert spool.room().trouble is None
