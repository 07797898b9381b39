"""How full the spool may get, what it keeps free on the disk, and how long an acknowledgement waits."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from driftwatch.errors import StoreFull
from driftwatch.stores.spool import SqliteSpool
from driftwatch.testing import prediction_batch

NOW = datetime(2026, 1, 1, tzinfo=UTC)
WAIT_SECONDS = 0.020


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spool.db"


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_an_acknowledgement_does_not_wait_for_company(path: Path) -> None:
    with closing(SqliteSpool(path)) as spool:
        took = []
        for number in range(30):
            begin = time.perf_counter()
            spool.append(prediction_batch([f"{number}"]), NOW).result()
            took.append(time.perf_counter() - begin)
    # The quickest one is what the spool makes everybody wait; the others wait for this machine's disk and processors.
    assert min(took) < WAIT_SECONDS


def test_all_that_wait_share_one_commit(path: Path) -> None:
    with closing(SqliteSpool(path)) as spool:
        commits: list[str] = []
        spool._writer._connection.set_trace_callback(lambda said: commits.append(said) if said == "COMMIT" else None)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            futures = [spool.append(prediction_batch(["first"]), NOW)]
            until(lambda: not spool._queue)
            futures += [spool.append(prediction_batch([f"{number}"]), NOW) for number in range(100)]
            other.execute("ROLLBACK")
        assert [one.result(10).accepted for one in futures] == [1] * 101
        assert commits == ["COMMIT", "COMMIT"]


def test_bytes_are_bounded_and_known_after_a_restart(path: Path) -> None:
    with closing(SqliteSpool(path, max_bytes=1_000)) as spool:
        sequence = spool.append(prediction_batch([f"{row}" for row in range(500)]), NOW).result().sequence
        with pytest.raises(StoreFull, match="of at most 1,000 bytes"):
            spool.append(prediction_batch(["more"]), NOW)
        size = spool.room().size_bytes
        assert size > 1_000
    with closing(SqliteSpool(path, max_bytes=1_000)) as spool:
        assert spool.room().size_bytes == size
        spool.remove_through(sequence or 0)
        assert (spool.room().size_bytes, spool.room().trouble) == (0, None)
        assert spool.append(prediction_batch(["more"]), NOW).result().accepted == 1


def test_rows_that_wait_in_memory_for_their_commit_are_bounded(path: Path) -> None:
    with (
        closing(SqliteSpool(path, max_pending_rows=5)) as spool,
        closing(sqlite3.connect(path, isolation_level=None)) as other,
    ):
        other.execute("BEGIN IMMEDIATE")
        futures = [spool.append(prediction_batch([f"a{row}" for row in range(4)]), NOW)]
        with pytest.raises(StoreFull, match="4 rows wait for the disk"):
            spool.append(prediction_batch(["b", "c"]), NOW)
        other.execute("ROLLBACK")
        assert futures[0].result().accepted == 4
        until(lambda: spool._queued_rows == 0)
        # Alone, a batch may be larger than the bound.
        assert spool.append(prediction_batch([f"d{row}" for row in range(9)]), NOW).result().accepted == 9


def test_nothing_is_taken_where_less_than_the_reserve_is_left(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = 10**6
    real = os.statvfs(path.parent)

    def pretended(folder: object) -> os.statvfs_result:
        fields = list(real)
        fields[1], fields[4] = 1, free
        return os.statvfs_result(fields)

    monkeypatch.setattr(os, "statvfs", pretended)
    with closing(SqliteSpool(path, reserve_bytes=10**6)) as spool:
        sequence = spool.append(prediction_batch(["a"]), NOW).result().sequence
        free = 10**6 - 1
        with pytest.raises(StoreFull, match=r"999,999 bytes left, and 1,000,000 are kept"):
            spool.append(prediction_batch(["b"]), NOW).result()
        assert "999,999 bytes" in (spool.room().trouble or "")
        # The reserve is there for emptying the spool.
        spool.remove_through(sequence or 0)
        assert spool.room().rows == 0
        free = 10**6
        until(lambda: spool.room().trouble is None)
        assert spool.append(prediction_batch(["b"]), NOW).result().accepted == 1


def test_after_a_failure_the_disk_is_tried_until_it_works(
    path: Path, full_disk: Callable[[int], AbstractContextManager[None]]
) -> None:
    with closing(SqliteSpool(path)) as spool:
        with full_disk(300_000):
            with pytest.raises(StoreFull):
                spool.append(prediction_batch([f"{row}" * 200 for row in range(5_000)]), NOW).result()
            time.sleep(1.2)
            assert "Free some space" in (spool.room().trouble or "")
        until(lambda: spool.room().trouble is None)
        assert spool.append(prediction_batch(["b"]), NOW).result().accepted == 1
