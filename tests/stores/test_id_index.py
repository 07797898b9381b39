"""The spool's memory for ids: what was accepted is known, over files, merges, restarts and failures."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from concurrent.futures import wait
from contextlib import closing
from functools import reduce
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.errors import StoreError
from driftwatch.stores import id_index, sorted_files
from driftwatch.stores.id_hash import Hashes
from driftwatch.stores.id_index import IdIndex
from driftwatch.stores.id_runs import Run, fresh, merged, written

HORIZON = 800


@pytest.fixture(autouse=True)
def _small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(id_index, "_IN_MEMORY", 100)


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        for statement in id_index.SCHEMA:
            connection.execute(statement)
        yield connection


def hashes(*numbers: int) -> Hashes:
    # The first halves are few, so that many ids share theirs.
    return np.array([(number % 7, number) for number in numbers], dtype=np.uint64).reshape(-1, 2)


def accept(index: IdIndex, connection: sqlite3.Connection, ids: Hashes, at: int) -> list[bool]:
    new = index.fresh(ids, at)
    connection.execute("BEGIN")
    change = index.write(connection, ids[new], at)
    connection.execute("COMMIT")
    index.kept(change)
    if index._settling is not None:
        wait([index._settling.after])
    return [bool(one) for one in new]


def test_every_accepted_id_is_known_through_files_and_merges(connection: sqlite3.Connection, tmp_path: Path) -> None:
    index = IdIndex(connection, tmp_path / "ids", HORIZON)
    for start in range(0, 3_000, 30):
        assert all(accept(index, connection, hashes(*range(start, start + 30)), at=start // 100))
    assert not any(accept(index, connection, hashes(*range(3_000)), at=30))
    files = list((tmp_path / "ids").iterdir())
    assert 1 <= len(files) < 3_000 / 100 / 2
    index.close()


def test_ids_are_known_after_a_restart(connection: sqlite3.Connection, tmp_path: Path) -> None:
    index = IdIndex(connection, tmp_path / "ids", HORIZON)
    for start in range(0, 1_000, 30):
        accept(index, connection, hashes(*range(start, start + 30)), at=1)
    index.close()
    again = IdIndex(connection, tmp_path / "ids", HORIZON)
    assert accept(again, connection, hashes(0, 500, 999, 2_000), at=1) == [False, False, False, True]
    again.close()


def test_ids_of_a_transaction_that_was_rolled_back_are_not_known(
    connection: sqlite3.Connection, tmp_path: Path
) -> None:
    index = IdIndex(connection, tmp_path / "ids", HORIZON)
    connection.execute("BEGIN")
    index.write(connection, hashes(1), 1)
    connection.execute("ROLLBACK")
    assert index.fresh(hashes(1), 1).all()
    index.close()


def test_a_file_that_no_transaction_counted_is_removed_and_nothing_forgotten(
    connection: sqlite3.Connection, tmp_path: Path
) -> None:
    index = IdIndex(connection, tmp_path / "ids", HORIZON)
    accept(index, connection, hashes(*range(150)), at=1)
    assert connection.execute("SELECT count(*) FROM id_run").fetchone() == (0,)
    index.close()
    assert list((tmp_path / "ids").iterdir())
    again = IdIndex(connection, tmp_path / "ids", HORIZON)
    assert not list((tmp_path / "ids").iterdir())
    assert not again.fresh(hashes(*range(150)), 1).any()
    again.close()


def test_where_no_file_can_be_written_ids_stay_in_memory(connection: sqlite3.Connection, tmp_path: Path) -> None:
    (tmp_path / "ids").write_text("a file where the folder should be")
    folder = tmp_path / "ids" / "folder"
    index = IdIndex(connection, folder, HORIZON)
    for start in range(0, 600, 60):
        accept(index, connection, hashes(*range(start, start + 60)), at=1)
    assert not index.fresh(hashes(*range(600)), 1).any()
    index.close()


def test_forgotten_ids_leave_the_table_and_the_folder(connection: sqlite3.Connection, tmp_path: Path) -> None:
    index = IdIndex(connection, tmp_path / "ids", HORIZON)
    for start in range(0, 600, 60):
        accept(index, connection, hashes(*range(start, start + 60)), at=1)
    for number in range(3):
        accept(index, connection, hashes(10_000 + number), at=1 + HORIZON + 1 + number)
    assert connection.execute("SELECT count(*) FROM id_run").fetchone() == (0,)
    assert connection.execute("SELECT count(*) FROM recent_ids").fetchone() == (3,)
    assert not list((tmp_path / "ids").iterdir())
    index.close()


def test_a_clock_that_steps_back_forgets_nothing(connection: sqlite3.Connection, tmp_path: Path) -> None:
    index = IdIndex(connection, tmp_path / "ids", HORIZON)
    accept(index, connection, hashes(1), at=5_000)
    accept(index, connection, hashes(2), at=10)
    assert accept(index, connection, hashes(1, 2), at=5_100) == [False, False]
    index.close()


def test_a_counted_file_that_is_gone_is_an_error(connection: sqlite3.Connection, tmp_path: Path) -> None:
    index = IdIndex(connection, tmp_path / "ids", HORIZON)
    for start in range(0, 300, 60):
        accept(index, connection, hashes(*range(start, start + 60)), at=1)
    index.close()
    (counted,) = connection.execute("SELECT name FROM id_run").fetchone()
    (tmp_path / "ids" / counted).write_bytes(b"short")
    with pytest.raises(StoreError, match=r"known ids .* cannot be read"):
        IdIndex(connection, tmp_path / "ids", HORIZON)


@given(st.lists(st.lists(st.integers(0, 60), max_size=20), max_size=6), st.lists(st.integers(0, 60), max_size=20))
def test_runs_answer_as_a_set_does(groups: list[list[int]], asked: list[int]) -> None:
    runs = [Run.of(hashes(*group), stretch=0, newest=0, last_number=0) for group in groups]
    known = {number for group in groups for number in group}
    seen: set[int] = set()
    expected = []
    for number in asked:
        expected.append(number not in known and number not in seen)
        seen.add(number)
    assert fresh(hashes(*asked), runs).tolist() == expected
    if runs:
        assert fresh(hashes(*asked), [reduce(merged, runs)]).tolist() == expected


@pytest.mark.parametrize("part_rows", [1, 9, 1 << 17])
def test_a_file_holds_the_ids_of_all_runs_in_order_whatever_is_merged_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part_rows: int
) -> None:
    monkeypatch.setattr(sorted_files, "PART_ROWS", part_rows)
    ids = np.random.default_rng(2).integers(0, 2**64, (90, 2), dtype=np.uint64)
    runs = [Run.of(ids[start : start + 30], stretch=1, newest=start, last_number=1) for start in (0, 30, 60)]
    file = written([written(runs[:2], tmp_path / "a.ids"), runs[2]], tmp_path / "b.ids")
    assert sorted(zip(file.high.tolist(), file.low.tolist(), strict=True)) == sorted(map(tuple, ids.tolist()))
    assert file.high.tolist() == sorted(file.high.tolist())
    assert (file.stretch, file.newest) == (1, 60)


def test_a_run_in_a_file_answers_as_the_one_in_memory(tmp_path: Path) -> None:
    run = Run.of(hashes(*range(50)), stretch=3, newest=9, last_number=4)
    file = written([run], tmp_path / "a.ids")
    assert (len(file), file.stretch, file.newest) == (50, 3, 9)
    asked = hashes(*range(25, 75))
    assert fresh(asked, [file]).tolist() == fresh(asked, [run]).tolist() == [False] * 25 + [True] * 25


def _resident_kb(folder: Path) -> int:
    """How much of the files in a folder this process has in memory."""
    inside, total = False, 0
    for line in Path("/proc/self/smaps").read_text().splitlines():
        head, *fields = line.split()
        if not head.endswith(":"):
            inside = bool(fields) and fields[-1].startswith(str(folder))
        elif inside and head == "Rss:":
            total += int(fields[0])
    return total


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(("bound", "stays"), [(1 << 20, False), (1 << 40, True)])
def test_large_files_do_not_stay_in_memory(
    connection: sqlite3.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: int, stays: bool
) -> None:
    monkeypatch.setattr(id_index, "_MAPPED_BYTES", bound)
    rng = np.random.default_rng(1)
    index = IdIndex(connection, tmp_path / "ids", HORIZON)
    known = rng.integers(0, 2**63, (200_000, 2)).astype(np.uint64)
    assert all(accept(index, connection, known, at=1))
    accept(index, connection, hashes(1), at=1)
    assert not index.fresh(known[::100], 1).any()
    assert (_resident_kb(tmp_path) > 1_000) is stays
    index.close()
