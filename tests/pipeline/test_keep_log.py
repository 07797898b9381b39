"""The log's files stay few, old days go, and a crash in between loses and doubles no row."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from driftwatch.pipeline.keep_log import KeepLog, LogKeeper

MINUTE = timedelta(minutes=1)
FEW = KeepLog(files=3, rows_a_file=100, grace=10 * MINUTE)


class Crash(Exception):
    pass


@pytest.fixture
def sent(world):
    """Four small files of predictions on day 0, and one of day 1."""
    world.service.pipeline.step()
    for part in range(4):
        world.day(0, rows=10, labelled=False, name=f"part{part} of ")
        world.service.pipeline.flush()
    world.day(1, rows=10, labelled=False)
    world.service.pipeline.flush()
    return world


def keeper(world, keep: KeepLog = FEW) -> LogKeeper:
    readers = world.service.operations._readers
    return LogKeeper(world.state, world.log, world.clock, world.service.telemetry, keep, readers)


def run(keeper: LogKeeper) -> None:
    while keeper.step():
        continue


def files(world):
    with world.state.read() as reader:
        return reader.log_files()


def ids(world) -> list[str]:
    return sorted(one for batch in world.log.read_predictions(files(world), None, None) for one in batch.prediction_ids)


def reasons(world) -> dict[str, int]:
    counters = world.service.telemetry.snapshot().counters
    return {dict(labels)["reason"]: n for (name, labels), n in counters.items() if name == "log_files_retired_total"}


def test_many_small_files_of_a_day_become_one(sent) -> None:
    before = ids(sent)
    run(keeper(sent))
    assert [(one.day.day, one.rows) for one in files(sent)] == [(5, 40), (6, 10)]
    assert ids(sent) == before
    assert reasons(sent) == {"compacted": 4}


def test_few_small_files_wait_until_their_day_is_over(sent) -> None:
    many = keeper(sent, replace(FEW, files=5))
    run(many)
    assert len(files(sent)) == 5
    sent.day(3, rows=10, labelled=False)
    run(many)
    assert [one.rows for one in files(sent) if one.day.day == 5] == [40]


def test_a_file_does_not_grow_beyond_its_bound(sent) -> None:
    before = ids(sent)
    run(keeper(sent, replace(FEW, files=2, rows_a_file=25)))
    assert sorted(one.rows for one in files(sent) if one.day.day == 5) == [20, 20]
    assert ids(sent) == before


def test_readers_with_the_old_list_read_on_until_the_grace_is_over(sent) -> None:
    old = files(sent)
    one = keeper(sent)
    run(one)
    assert len(list(sent.log.read_predictions(old, None, None))) == 5
    sent.clock.advance(9 * MINUTE)
    run(one)
    assert len(list(sent.log.read_predictions(old, None, None))) == 5
    sent.clock.advance(2 * MINUTE)
    run(one)
    with sent.state.read() as reader:
        assert reader.retired_log_files() == []
    assert set(sent.log._files) == {file.path for file in files(sent)}


def test_an_export_that_takes_longer_than_the_grace_reads_to_its_end(sent) -> None:
    export = sent.service.operations.export("flights")
    read = [next(export)]
    one = keeper(sent)
    run(one)
    sent.clock.advance(60 * MINUTE)
    run(one)
    read += export
    assert sum(len(part.predictions) for part in read) == 50
    run(one)
    assert set(sent.log._files) == {file.path for file in files(sent)}


@pytest.mark.parametrize("place", ["write_together", "hide", "remove"])
def test_a_crash_in_between_repeats_work_and_no_row(sent, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    before = ids(sent)

    def dies(*_: object) -> None:
        raise Crash

    one = keeper(sent, replace(FEW, grace=timedelta(0)))
    with monkeypatch.context() as patched:
        patched.setattr(sent.log, place, dies)
        with pytest.raises(Crash):
            run(one)
    assert ids(sent) == before
    run(keeper(sent, replace(FEW, grace=timedelta(0))))
    assert ids(sent) == before
    assert set(sent.log._files) == {file.path for file in files(sent)}


def test_a_file_that_was_written_and_not_counted_is_thrown_away(sent) -> None:
    before = ids(sent)
    one = keeper(sent)
    one._retire = lambda *_: (_ for _ in ()).throw(Crash)
    with pytest.raises(Crash):
        run(one)
    assert len(sent.log._files) == 6
    # Another file more: now others become one.
    sent.day(0, rows=10, labelled=False, name="more")
    sent.service.pipeline.flush()
    run(keeper(sent, replace(FEW, grace=timedelta(0))))
    assert len(ids(sent)) == len(before) + 10
    assert set(sent.log._files) == {file.path for file in files(sent)}


def test_a_day_goes_when_its_model_s_stream_is_past_it_by_more_than_its_age(sent) -> None:
    keep = replace(FEW, age=timedelta(days=30))
    sent.day(30, rows=10, labelled=False)
    sent.service.pipeline.flush()
    run(keeper(sent, keep))
    assert {one.day.isoformat() for one in files(sent)} == {"2026-01-05", "2026-01-06", "2026-02-04"}
    sent.day(31, rows=10, labelled=False)
    sent.service.pipeline.flush()
    run(keeper(sent, keep))
    assert {one.day.isoformat() for one in files(sent)} == {"2026-01-06", "2026-02-04", "2026-02-05"}
    assert reasons(sent)["age"] == 1


def test_the_oldest_files_go_where_all_have_too_many_bytes(sent) -> None:
    # A row is a byte here.
    run(keeper(sent, KeepLog(size_bytes=35)))
    assert [(one.day.day, one.rows) for one in files(sent)] == [(5, 10), (5, 10), (6, 10)]
    assert reasons(sent) == {"size": 2}
    run(keeper(sent, KeepLog(size_bytes=30)))
    assert len(files(sent)) == 3
