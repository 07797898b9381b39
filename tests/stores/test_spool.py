"""The spool in SQLite: what it adds to the promises of every spool is that it survives."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from driftwatch.core.events import PredictionBatch
from driftwatch.core.table import Numbers, Table
from driftwatch.core.windows import to_microseconds
from driftwatch.errors import StoreError, StoreFull
from driftwatch.ports import SpoolReceipt
from driftwatch.stores import id_index
from driftwatch.stores.spool import SqliteSpool
from driftwatch.stores.spool_bodies import SpoolBodies
from driftwatch.testing import as_rows, label_batch, prediction_batch
from driftwatch.wire.arrow import encode

NOW = datetime(2026, 1, 1, tzinfo=UTC)

APPEND_AND_SAY = """
import sys, threading
from datetime import UTC, datetime
from pathlib import Path
from driftwatch.stores.spool import SqliteSpool
from driftwatch.testing import prediction_batch

spool = SqliteSpool(Path(sys.argv[1]))
saying = threading.Lock()

def append(name):
    for number in range(1_000_000):
        ids = [f"{sys.argv[2]}-{name}-{number}-{row}" for row in range(3)]
        spool.append(prediction_batch(ids), datetime.now(UTC)).result()
        with saying:
            print(*ids, flush=True)

for name in range(4):
    threading.Thread(target=append, args=(name,), daemon=True).start()
threading.Event().wait()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spool.db"


@pytest.fixture
def spool(path: Path) -> Iterator[SqliteSpool]:
    with closing(SqliteSpool(path)) as spool:
        yield spool


def ids_in(spool: SqliteSpool) -> list[str]:
    return [one for entry in spool.read(0, 10**9) for one in entry.batch.prediction_ids]


def large_batch(name: str) -> PredictionBatch:
    noise = Numbers(np.random.default_rng(1).normal(size=20_000))
    return PredictionBatch(
        model="model",
        model_version="1",
        prediction_ids=tuple(f"{name}-{row}" for row in range(20_000)),
        event_time=np.zeros(20_000, dtype=np.int64),
        segments=("",) * 20_000,
        columns=Table({f"x{column}": noise for column in range(10)}, 20_000),
        extra=Table({}, 20_000),
    )


@pytest.mark.slow
def test_a_kill_right_after_an_acknowledgement_loses_nothing_and_repeats_nothing(path: Path) -> None:
    choice = random.Random(7)
    acknowledged: set[str] = set()
    for kill in range(3):
        command = [sys.executable, "-c", APPEND_AND_SAY, str(path), str(kill)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for _ in range(choice.randint(1, 60)):
                acknowledged.update(process.stdout.readline().split())
            process.send_signal(signal.SIGKILL)
            # What was said before the kill reached the process counts as well; the last line may be cut.
            acknowledged.update(one for line in process.stdout if line.endswith("\n") for one in line.split())
    assert len(acknowledged) > 3
    with closing(SqliteSpool(path)) as spool:
        stored = ids_in(spool)
        assert acknowledged <= set(stored)
        assert len(stored) == len(set(stored)) == spool.pending_rows()
        receipt = spool.append(prediction_batch(sorted(acknowledged)), datetime.now(UTC)).result()
        assert receipt.accepted == 0


def test_commits_are_synced_to_the_disk(spool: SqliteSpool) -> None:
    full = 2
    assert spool._writer._connection.execute("PRAGMA synchronous").fetchone() == (full,)
    assert spool._writer._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_everything_is_there_after_a_restart(path: Path) -> None:
    with closing(SqliteSpool(path)) as spool:
        first = spool.append(prediction_batch(["a", "b"]), NOW).result().sequence
        spool.append(label_batch(["a"], [1.0]), NOW).result()
        spool.remove_through(first or 0)
        last = spool.last_sequence()
    with closing(SqliteSpool(path)) as spool:
        assert (spool.pending_rows(), spool.last_sequence()) == (1, last)
        assert spool.wait(first or 0, 0.0)
        assert [as_rows(entry.batch) for entry in spool.read(0, 10)] == [as_rows(label_batch(["a"], [1.0]))]


def test_a_sequence_is_not_given_again_after_a_removal_and_a_restart(path: Path) -> None:
    with closing(SqliteSpool(path)) as spool:
        last = spool.append(prediction_batch(["a"]), NOW).result().sequence or 0
        spool.remove_through(last)
    with closing(SqliteSpool(path)) as spool:
        assert spool.last_sequence() == last
        assert not spool.wait(0, 0.0)
        assert (spool.append(prediction_batch(["b"]), NOW).result().sequence or 0) > last


def test_duplicates_are_known_after_a_removal_and_a_restart(path: Path) -> None:
    with closing(SqliteSpool(path)) as spool:
        spool.remove_through(spool.append(prediction_batch(["a"]), NOW).result().sequence or 0)
    with closing(SqliteSpool(path)) as spool:
        assert spool.append(prediction_batch(["a", "b"]), NOW).result().duplicates == (0,)


def test_closing_writes_what_waits(path: Path) -> None:
    spool = SqliteSpool(path)
    futures = [spool.append(prediction_batch([f"p{number}"]), NOW) for number in range(50)]
    spool.close()
    assert all(future.result(timeout=0).accepted == 1 for future in futures)
    with closing(SqliteSpool(path)) as again:
        assert again.pending_rows() == 50


class Held:
    """Holds the writer at its next commit, so that batches gather."""

    def __init__(self, path: Path) -> None:
        self._other = sqlite3.connect(path, isolation_level=None)

    def __enter__(self) -> None:
        self._other.execute("BEGIN IMMEDIATE")

    def __exit__(self, *_: object) -> None:
        self._other.execute("ROLLBACK")
        self._other.close()


def gathered(
    spool: SqliteSpool, path: Path, *batches: PredictionBatch, apart: timedelta = timedelta(0)
) -> list[Future[SpoolReceipt]]:
    """Append batches so that all but the first are in one commit."""
    with Held(path):
        futures = [spool.append(prediction_batch(["first"]), NOW - timedelta(hours=1))]
        while spool._queue:
            pass
        futures += [spool.append(batch, NOW + number * apart) for number, batch in enumerate(batches)]
    return futures[1:]


def test_small_batches_of_one_commit_become_one_entry(spool: SqliteSpool, path: Path) -> None:
    batches = [prediction_batch([f"p{number}"], {"x": [float(number)], "c": [f"c{number % 2}"]}) for number in range(5)]
    receipts = [future.result() for future in gathered(spool, path, *batches, apart=timedelta(milliseconds=1))]
    assert len({receipt.sequence for receipt in receipts}) == 1
    entry = spool.read(0, 10)[1]
    assert entry.received_time == NOW + timedelta(milliseconds=4)
    assert as_rows(entry.batch) == [row for batch in batches for row in as_rows(batch)]


@pytest.mark.parametrize(
    "other",
    [
        prediction_batch(["b"], model="other"),
        prediction_batch(["b"], model_version="2"),
        prediction_batch(["b"], {"x": ["text"]}),
        prediction_batch(["b"], {"y": [1.0]}),
        prediction_batch(["b"], extra={"more": [1.0]}),
        prediction_batch(["b"], prediction="x"),
    ],
)
def test_batches_that_differ_stay_entries_of_their_own(spool: SqliteSpool, path: Path, other: PredictionBatch) -> None:
    one = prediction_batch(["a"])
    receipts = [future.result() for future in gathered(spool, path, one, other)]
    assert len({receipt.sequence for receipt in receipts}) == 2
    assert [as_rows(entry.batch) for entry in spool.read(1, 10)] == [as_rows(one), as_rows(other)]


def test_batches_that_were_received_far_apart_stay_entries_of_their_own(spool: SqliteSpool, path: Path) -> None:
    batches = [prediction_batch(["a"]), prediction_batch(["b"])]
    for future in gathered(spool, path, *batches, apart=timedelta(seconds=1)):
        future.result()
    assert [entry.received_time for entry in spool.read(1, 10)] == [NOW, NOW + timedelta(seconds=1)]


def test_a_duplicate_within_one_commit_is_found(spool: SqliteSpool, path: Path) -> None:
    futures = gathered(spool, path, prediction_batch(["a", "b"]), prediction_batch(["b", "c"]))
    assert [future.result().duplicates for future in futures] == [(), (0,)]
    assert sorted(ids_in(spool)) == ["a", "b", "c", "first"]


def test_a_batch_that_cannot_be_written_does_not_take_its_neighbours_with_it(spool: SqliteSpool, path: Path) -> None:
    bad = prediction_batch(["b", "\ud800"])
    first, failed, last = gathered(spool, path, prediction_batch(["a"]), bad, prediction_batch(["b"]))
    assert (first.result().accepted, last.result().accepted) == (1, 1)
    with pytest.raises(StoreError, match="cannot be written"):
        failed.result()


def test_a_batch_whose_caller_gave_up_is_not_written(spool: SqliteSpool, path: Path) -> None:
    with Held(path):
        spool.append(prediction_batch(["first"]), NOW)
        while spool._queue:
            pass
        future = spool.append(prediction_batch(["a"]), NOW)
        assert future.cancel()
    spool.append(prediction_batch(["b"]), NOW).result()
    assert ids_in(spool) == ["first", "b"]
    assert spool.pending_rows() == 2


def test_batches_beyond_the_bound_on_waiting_are_refused_at_the_call(path: Path) -> None:
    with closing(SqliteSpool(path, max_pending_batches=2)) as spool:
        with Held(path):
            spool.append(prediction_batch(["first"]), NOW)
            while spool._queue:
                pass
            futures = [spool.append(prediction_batch([one]), NOW) for one in "ab"]
            with pytest.raises(StoreFull, match="2 batches wait"):
                spool.append(prediction_batch(["c"]), NOW)
        assert [future.result().accepted for future in futures] == [1, 1]
        assert spool.append(prediction_batch(["c"]), NOW).result().accepted == 1


def test_waiting_rows_count_towards_the_bound(path: Path) -> None:
    with closing(SqliteSpool(path, max_rows=3)) as spool, Held(path):
        spool.append(prediction_batch(["a", "b"]), NOW)
        with pytest.raises(StoreFull):
            spool.append(prediction_batch(["c", "d"]), NOW)


def test_a_full_disk_refuses_keeps_nothing_and_goes_on_when_there_is_room(
    spool: SqliteSpool, full_disk: Callable[[int], AbstractContextManager[None]]
) -> None:
    spool.append(prediction_batch(["before"]), NOW).result()
    with full_disk(1_000_000):
        with pytest.raises(StoreFull, match="Free some space"):
            spool.append(large_batch("p"), NOW).result()
        assert (spool.pending_rows(), ids_in(spool)) == (1, ["before"])
    assert spool.append(large_batch("p"), NOW).result().accepted == 20_000
    assert spool.append(large_batch("p"), NOW).result().accepted == 0


def test_on_a_full_file_system_nothing_acknowledged_is_lost_and_it_goes_on_when_there_is_room(tmp_path: Path) -> None:
    mount = ["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", str(tmp_path)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system may be mounted here")
    try:
        others = tmp_path / "others"
        others.write_bytes(bytes(24_000_000))
        with closing(SqliteSpool(tmp_path / "spool.db")) as spool:
            accepted = []
            with pytest.raises(StoreFull):  # noqa: PT012
                for number in range(20):
                    accepted.append(spool.append(large_batch(f"b{number}"), NOW).result().sequence)
            assert [entry.sequence for entry in spool.read(0, 10**9)] == accepted
            others.unlink()
            assert spool.append(large_batch("again"), NOW).result().accepted == 20_000
            assert spool.append(large_batch("b0"), NOW).result().accepted == 0
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_file_of_a_later_driftwatch_is_refused(path: Path) -> None:
    SqliteSpool(path).close()
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match=r"later driftwatch .* Upgrade"):
        SqliteSpool(path)


def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    path.write_bytes(b"this is no database, and long enough to tell. " * 100)
    with pytest.raises(StoreError, match="cannot be opened: file is not a database"):
        SqliteSpool(path)


def test_a_folder_that_is_absent_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be opened"):
        SqliteSpool(tmp_path / "absent" / "spool.db")


def files_of(path: Path) -> list[Path]:
    return sorted(path.with_name(f"{path.name}.bodies").iterdir())


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda file: file.write_bytes(file.read_bytes()[:100]), "altered or cut short"),
        (lambda file: file.write_bytes(bytes(file.stat().st_size)), "altered or cut short"),
        (lambda file: file.unlink(), "is gone"),
    ],
)
def test_an_altered_entry_is_an_error_that_says_so(path: Path, spoil: Callable[[Path], object], said: str) -> None:
    with closing(SqliteSpool(path)) as spool:
        spool.append(prediction_batch(["a"]), NOW).result()
    spoil(*files_of(path))
    with closing(SqliteSpool(path)) as again, pytest.raises(StoreError, match=said):
        again.read(0, 10)


def spool_of_format_1(path: Path, *batches: PredictionBatch) -> None:
    """As the driftwatch before this one wrote it: bodies in the table."""
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        for statement in (
            "CREATE TABLE entry (sequence INTEGER PRIMARY KEY AUTOINCREMENT, received_time INTEGER NOT NULL, "
            "rows INTEGER NOT NULL, body BLOB NOT NULL)",
            "CREATE TABLE secret (id_key BLOB NOT NULL)",
            *id_index.SCHEMA,
            "PRAGMA user_version = 1",
        ):
            database.execute(statement)
        database.execute("INSERT INTO secret VALUES (?)", (bytes(32),))
        for number, batch in enumerate(batches):
            row = (5 + number, to_microseconds(NOW), len(batch), encode(batch))
            database.execute("INSERT INTO entry VALUES (?, ?, ?, ?)", row)
        database.execute("UPDATE sqlite_sequence SET seq = 90")


def test_a_spool_of_the_format_before_is_brought_up_to_date(path: Path) -> None:
    batches = [prediction_batch(["a", "b"], {"x": [1.0, None]}), prediction_batch(["c"])]
    spool_of_format_1(path, *batches)
    for _ in range(2):
        with closing(SqliteSpool(path)) as spool:
            found = spool.read(0, 10)
            assert [(one.sequence, one.received_time) for one in found] == [(5, NOW), (6, NOW)]
            assert [as_rows(one.batch) for one in found] == [as_rows(one) for one in batches]
            assert (spool.pending_rows(), spool.last_sequence()) == (3, 90)
    with closing(SqliteSpool(path)) as spool:
        assert spool.append(prediction_batch(["d"]), NOW).result().sequence == 91


def test_bringing_it_up_to_date_begins_again_after_a_failure(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool_of_format_1(path, prediction_batch(["a"]))
    with monkeypatch.context() as patch:
        patch.setattr(SpoolBodies, "keep", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.raises(StoreFull):
            SqliteSpool(path)
    with closing(SqliteSpool(path)) as spool:
        assert ids_in(spool) == ["a"]
    assert len(files_of(path)) == 1
