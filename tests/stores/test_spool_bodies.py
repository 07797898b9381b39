"""Files of the spool's bodies: what was kept stays, what was not leaves no trace, and space is given back."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from driftwatch.core.events import PredictionBatch
from driftwatch.core.table import Numbers, Table
from driftwatch.errors import StoreError, StoreFull
from driftwatch.stores import spool_bodies
from driftwatch.stores.spool import SqliteSpool
from driftwatch.stores.spool_bodies import SpoolBodies, body_file, number_of
from driftwatch.testing import as_rows, prediction_batch
from driftwatch.wire.arrow import decode

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "bodies"


@pytest.fixture
def bodies(folder: Path) -> Iterator[SpoolBodies]:
    with closing(SpoolBodies(folder, ())) as bodies:
        yield bodies


def wide(name: str, rows: int = 200) -> PredictionBatch:
    """About a hundred kilobytes."""
    noise = Numbers(np.random.default_rng(1).normal(size=rows))
    return PredictionBatch(
        model="model",
        model_version="1",
        prediction_ids=tuple(f"{name}-{row}" for row in range(rows)),
        event_time=np.zeros(rows, dtype=np.int64),
        segments=("",) * rows,
        columns=Table({f"x{column}": noise for column in range(60)}, rows),
        extra=Table({}, rows),
    )


def kept(bodies: SpoolBodies, *batches: PredictionBatch) -> list[spool_bodies.Place]:
    places = [bodies.append(batch) for batch in batches]
    bodies.sync()
    bodies.keep()
    return places


def ids_at(bodies: SpoolBodies, places: list[spool_bodies.Place]) -> list[list[str] | None]:
    return [None if body is None else list(decode(body).prediction_ids) for body in bodies.read(places)]


def test_bodies_come_back_from_where_they_lie_in_any_order(bodies: SpoolBodies) -> None:
    batches = [prediction_batch([one]) for one in "abc"]
    places = kept(bodies, *batches)
    assert [as_rows(decode(body)) for body in bodies.read(places[::-1]) if body] == [*map(as_rows, batches[::-1])]
    assert places[1].start == places[0].start + places[0].size_bytes


def test_a_body_that_was_written_after_the_file_was_read_is_found(bodies: SpoolBodies) -> None:
    first = kept(bodies, prediction_batch(["a"]))
    reading = bodies.read([*first, spool_bodies.Place(1, first[0].size_bytes, first[0].size_bytes)])
    next(reading)
    kept(bodies, prediction_batch(["b"]))
    assert list(decode(next(reading) or b"").prediction_ids) == ["b"]


def test_what_is_taken_back_leaves_no_byte_and_the_next_one_lies_in_its_place(
    bodies: SpoolBodies, folder: Path
) -> None:
    (first,) = kept(bodies, prediction_batch(["a"]))
    taken_back = bodies.append(wide("b"))
    bodies.take_back(in_doubt=False)
    assert (folder / body_file(1)).stat().st_size == first.size_bytes
    (last,) = kept(bodies, prediction_batch(["c"]))
    assert last.start == taken_back.start
    assert ids_at(bodies, [first, last]) == [["a"], ["c"]]


def test_what_a_failed_commit_may_still_bring_back_stays_until_the_next_commit(
    bodies: SpoolBodies, folder: Path
) -> None:
    (first,) = kept(bodies, prediction_batch(["a"]))
    doubtful = bodies.append(prediction_batch(["b"]))
    bodies.take_back(in_doubt=True)
    after = bodies.append(prediction_batch(["c"]))
    assert ids_at(bodies, [first, doubtful, after]) == [["a"], ["b"], ["c"]]
    bodies.sync()
    bodies.keep()
    assert (folder / body_file(1)).stat().st_size == first.size_bytes
    assert ids_at(bodies, [first, after]) == [["a"], ["c"]]


def test_a_long_file_takes_no_further_body(bodies: SpoolBodies, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_bodies, "FILE_BYTES", 1)
    assert [kept(bodies, prediction_batch([one]))[0].file for one in "ab"] == [1, 2]
    assert {place.file for place in kept(bodies, prediction_batch(["c"]), prediction_batch(["d"]))} == {3}


def test_files_that_nothing_is_left_of_are_removed(
    bodies: SpoolBodies, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_bodies, "FILE_BYTES", 1)
    places = [kept(bodies, prediction_batch([one]))[0] for one in "abc"]
    bodies.remove_before(2)
    assert sorted(path.name for path in folder.iterdir()) == [body_file(2), body_file(3)]
    assert ids_at(bodies, places) == [None, ["b"], ["c"]]
    bodies.remove_before(None)
    assert [path.name for path in folder.iterdir()] == [body_file(3)], "the newest is small, and goes on"


def test_the_newest_file_goes_too_where_it_is_long(
    bodies: SpoolBodies, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_bodies, "_WORTH_REMOVING_BYTES", 1)
    kept(bodies, prediction_batch(["a"]))
    bodies.remove_before(None)
    assert list(folder.iterdir()) == []
    assert kept(bodies, prediction_batch(["b"]))[0].file == 2


def test_a_reader_keeps_what_it_reads_when_the_file_is_removed(bodies: SpoolBodies) -> None:
    (place,) = kept(bodies, wide("a"))
    (body,) = bodies.read([place])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spool_bodies, "_WORTH_REMOVING_BYTES", 1)
        bodies.remove_before(None)
    assert as_rows(decode(body or b"")) == as_rows(wide("a"))


def test_at_the_opening_files_that_do_not_count_go_and_no_number_is_given_again(folder: Path) -> None:
    with closing(SpoolBodies(folder, ())) as bodies:
        (place,) = kept(bodies, prediction_batch(["a"]))
    (folder / body_file(7)).write_bytes(b"of an entry that was never committed")
    (folder / "notes.txt").write_bytes(b"")
    with closing(SpoolBodies(folder, (1,))) as bodies:
        assert [path.name for path in folder.iterdir()] == [body_file(1)]
        assert kept(bodies, prediction_batch(["b"]))[0].file == 8
        assert ids_at(bodies, [place]) == [["a"]]


@pytest.mark.parametrize(("name", "number"), [("000000000012.arrows", 12), ("x.arrows", 0), ("12.parquet", 0)])
def test_names_say_their_numbers(name: str, number: int) -> None:
    assert number_of(name) == number


def test_text_that_is_no_unicode_is_refused_before_anything_is_written(bodies: SpoolBodies, folder: Path) -> None:
    (first,) = kept(bodies, prediction_batch(["a"]))
    with pytest.raises(StoreError, match="cannot be written"):
        bodies.append(prediction_batch(["\ud800"]))
    bodies.take_back(in_doubt=False)
    assert (folder / body_file(1)).stat().st_size == first.size_bytes


def test_a_disk_that_fills_within_a_body_costs_nothing_that_was_kept(
    bodies: SpoolBodies, folder: Path, full_disk: Callable[[int], AbstractContextManager[None]]
) -> None:
    (first,) = kept(bodies, prediction_batch(["a"]))
    with full_disk(20_000):
        with pytest.raises(OSError, match="large"):
            bodies.append(wide("b"))
        bodies.take_back(in_doubt=False)
    assert (folder / body_file(1)).stat().st_size == first.size_bytes
    assert ids_at(bodies, [first, *kept(bodies, prediction_batch(["c"]))]) == [["a"], ["c"]]


def test_bodies_are_synced_before_the_commit_that_counts_on_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    sync = spool_bodies.sync_content
    monkeypatch.setattr(spool_bodies, "sync_content", lambda file: (sync(file), done.append("sync")))
    with closing(SqliteSpool(tmp_path / "spool.db")) as spool:
        tell = done.append
        spool._writer._connection.set_trace_callback(lambda said: tell(said) if said == "COMMIT" else None)
        spool.append(prediction_batch(["a"]), NOW).result()
        assert done == ["sync", "COMMIT"]
        spool._writer._connection.set_trace_callback(None)


def test_a_file_whose_name_cannot_be_made_durable_takes_no_body(
    bodies: SpoolBodies, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(spool_bodies, "sync_folder", lambda _: (_ for _ in ()).throw(OSError(5, "Input/output error")))
        with pytest.raises(OSError, match="Input"):
            bodies.append(prediction_batch(["a"]))
        bodies.take_back(in_doubt=False)
    assert ids_at(bodies, kept(bodies, prediction_batch(["b"]))) == [["b"]]


def test_a_commit_that_fails_keeps_nothing_and_the_next_one_is_whole(tmp_path: Path) -> None:
    """The database alone has no room; only its bodies have."""
    path = tmp_path / "spool.db"
    with closing(SqliteSpool(path)) as spool:
        spool.append(prediction_batch(["a"]), NOW).result()
        real = spool._writer._connection

        class Failing:
            def __getattr__(self, name: str) -> object:
                return getattr(real, name)

            def execute(self, statement: str, *values: object) -> sqlite3.Cursor:
                if statement == "COMMIT":
                    raise sqlite3.OperationalError("disk I/O error")
                return real.execute(statement, *values)

        spool._writer._connection = Failing()  # type: ignore[assignment]
        with pytest.raises((StoreError, StoreFull)):
            spool.append(wide("b"), NOW).result()
        spool._writer._connection = real
        spool.append(prediction_batch(["c"]), NOW).result()
    with closing(SqliteSpool(path)) as spool:
        assert [one for entry in spool.read(0, 10) for one in entry.batch.prediction_ids] == ["a", "c"]
        assert sum(file.stat().st_size for file in (tmp_path / "spool.db.bodies").iterdir()) == spool.room().size_bytes
