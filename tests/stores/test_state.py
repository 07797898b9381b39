"""The state in SQLite: its tables, its migrations, and what happens beside it."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine

from driftwatch.errors import StoreError, StoreFull
from driftwatch.stores.state import SqlState
from driftwatch.stores.state_tables import metadata

CHANGE_AND_DIE = """
import os, signal, sys
from driftwatch.stores.state import SqlState
state = SqlState.open(sys.argv[1])
with state.transaction() as transaction:
    transaction.set_mark("kept", 1)
with state.transaction() as transaction:
    transaction.set_mark("lost", 1)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
def state(path: Path) -> Iterator[SqlState]:
    with closing(SqlState.open(f"sqlite:///{path}")) as state:
        yield state


def test_the_migrations_make_the_tables_that_the_queries_use(state: SqlState, path: Path) -> None:
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_everything_is_there_after_a_restart(path: Path) -> None:
    for expected in (0, 1, 2):
        with closing(SqlState.open(f"sqlite:///{path}")) as state, state.transaction() as transaction:
            assert transaction.mark("starts") == expected
            transaction.set_mark("starts", expected + 1)


def test_a_kill_within_a_transaction_loses_that_one_alone(path: Path) -> None:
    died = subprocess.run([sys.executable, "-c", CHANGE_AND_DIE, f"sqlite:///{path}"], check=False)
    assert died.returncode == -9
    with closing(SqlState.open(f"sqlite:///{path}")) as state, state.read() as reader:
        assert (reader.mark("kept"), reader.mark("lost")) == (1, 0)


def test_a_database_of_a_later_driftwatch_is_refused_and_left_alone(path: Path) -> None:
    SqlState.open(f"sqlite:///{path}").close()
    with closing(sqlite3.connect(path)) as other:
        other.execute("UPDATE alembic_version SET version_num = '9999'")
        other.commit()
    with pytest.raises(StoreError, match=r"later driftwatch \(revision 9999\)\. Upgrade"):
        SqlState.open(f"sqlite:///{path}")
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT version_num FROM alembic_version").fetchall() == [("9999",)]


def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    path.write_bytes(b"this is no database, and long enough to tell. " * 100)
    with pytest.raises(StoreError, match=r"state\.db cannot be opened: file is not a database"):
        SqlState.open(f"sqlite:///{path}")


def test_a_folder_that_is_absent_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be opened"):
        SqlState.open(f"sqlite:///{tmp_path}/absent/state.db")


@pytest.mark.parametrize("url", ["", "state.db", "sqlite://", "sqlite:///:memory:", "mysql://u:secret@h/d"])
def test_an_address_that_cannot_work_is_refused_with_one_that_can(url: str) -> None:
    with pytest.raises(StoreError, match=r"Write sqlite:////path/to/state\.db") as refused:
        SqlState.open(url)
    assert "secret" not in str(refused.value)


def test_commits_are_synced_to_the_disk(state: SqlState) -> None:
    full = 2
    with state._writer.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == full
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_a_reader_cannot_write(state: SqlState) -> None:
    with state._reader.connect() as connection, pytest.raises(Exception, match="readonly"):
        connection.exec_driver_sql("INSERT INTO mark VALUES ('a', 1)")


def test_a_full_disk_undoes_the_transaction_and_the_next_one_works(
    state: SqlState, full_disk: Callable[[int], AbstractContextManager[None]]
) -> None:
    with state.transaction() as transaction:
        transaction.set_mark("before", 1)
    with (  # noqa: PT012
        full_disk(100_000),
        pytest.raises(StoreFull, match="Free some space"),
        state.transaction() as transaction,
    ):
        transaction.set_mark("before", 2)
        transaction.put_document("large", "x" * 2_000_000)
    with state.transaction() as transaction:
        assert (transaction.mark("before"), transaction.document("large")) == (1, None)
        transaction.put_document("large", "x" * 2_000_000)


def test_questions_by_id_and_by_time_use_an_index(path: Path, state: SqlState) -> None:
    questions = [
        "SELECT sum(waiting) FROM join_count WHERE model = 'm'",
        "SELECT number FROM join_name WHERE name = 'a'",
        "SELECT * FROM judged_window WHERE model = 'm' ORDER BY \"end\" DESC",
        "SELECT * FROM message WHERE state = 'pending' ORDER BY created_at",
    ]
    with closing(sqlite3.connect(path)) as connection:
        for question in questions:
            plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {question}")]
            assert all(step.startswith("SEARCH") for step in plan), (question, plan)
