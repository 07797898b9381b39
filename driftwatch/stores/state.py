"""The state: one small relational database, SQLite in WAL mode.

One connection writes, one transaction at a time; readers have connections of their own, and neither waits for the
other. A commit is synced (``synchronous=FULL``): entries leave the spool because the state says that they are done,
so the state must not forget that it said so.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import QueuePool

from driftwatch.errors import StoreError
from driftwatch.ports import StateReader, StateTransaction
from driftwatch.stores.disk import disk_failure
from driftwatch.stores.state_changes import SqlStateTransaction
from driftwatch.stores.state_join import JoinStore
from driftwatch.stores.state_questions import SqlStateReader

LABEL_HORIZON = timedelta(days=90)
_BUSY_SECONDS = 10.0
_WRITER_PRAGMAS = (
    # 4 MB: what is written stands in the write-ahead log, and is read again from the system's memory.
    "cache_size = -4096",
    # 32 MB of pages: the join writes the same pages again and again, and so carries them over once for many commits.
    "wal_autocheckpoint = 8000",
)
_READERS = 16


class SqlState:
    """The state in a database; see `driftwatch.ports.State`. Made by `SqlState.open`.

    Safe to use from several threads. Transactions wait for each other and do not nest.
    """

    def __init__(self, writer: Engine, reader: Engine, joins: JoinStore) -> None:
        self._writer = writer
        self._reader = reader
        self._joins = joins
        self._writing = threading.Lock()

    @classmethod
    def open(cls, url: str, *, label_horizon: timedelta = LABEL_HORIZON) -> Self:
        """Open the database, make it where it is missing, and bring its tables up to date.

        Parameters
        ----------
        url
            As SQLAlchemy writes it: ``sqlite:////var/lib/driftwatch/state.db``. Large files of the join come to lie
            beside it in ``state.db.join``.
        label_horizon
            How long predictions and labels wait for each other; they are forgotten up to a sixteenth of it later.

        Raises
        ------
        StoreError
            The database cannot be opened, is of a kind that is not supported, or belongs to a later driftwatch,
            or a file that it counts on is gone.
        """
        path = _database_path(url)
        writer = _engine(url, begin="BEGIN IMMEDIATE", connections=1, pragmas=_WRITER_PRAGMAS)
        reader = _engine(url, begin="BEGIN", connections=_READERS, pragmas=("query_only = ON",))
        joins = JoinStore(path.with_name(f"{path.name}.join"), label_horizon)
        state = cls(writer, reader, joins)
        try:
            with _disk_errors_named(f"The state {path} cannot be opened"), writer.begin() as connection:
                _upgrade(connection, path)
                joins.load(connection)
        except BaseException:
            state.close()
            raise
        return state

    @contextmanager
    def read(self) -> Iterator[StateReader]:
        """See `driftwatch.ports.State.read`.

        Raises
        ------
        StoreError
            The database cannot be read.
        """
        with _disk_errors_named("The state cannot be read"), self._reader.begin() as connection:
            # SQLite fixes the moment at the first question, and it shall be now.
            connection.exec_driver_sql("SELECT 1 FROM alembic_version").all()
            yield SqlStateReader(connection)

    @contextmanager
    def transaction(self) -> Iterator[StateTransaction]:
        """See `driftwatch.ports.State.transaction`. When it ends, the changes are on disk.

        Raises
        ------
        StoreFull
            The disk is full; nothing was changed.
        StoreError
            The database cannot be written; nothing was changed.
        """
        with self._writing:
            with _disk_errors_named("The state cannot be written"), self._writer.begin() as connection:
                transaction = SqlStateTransaction(connection, self._joins)
                yield transaction
            transaction.committed()

    def close(self) -> None:
        """Close all connections that are not in use."""
        self._joins.close()
        self._reader.dispose()
        self._writer.dispose()


def _database_path(url: str) -> Path:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise StoreError(f"{url!r} is no address of a database. Write sqlite:////path/to/state.db.") from error
    if parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
        shown = parsed.render_as_string(hide_password=True)
        raise StoreError(f"The state cannot be kept in {shown}. Write sqlite:////path/to/state.db.")
    return Path(str(parsed.database))


def _engine(url: str, *, begin: str, connections: int, pragmas: tuple[str, ...]) -> Engine:
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=connections,
        max_overflow=0,
        connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def set_up(connection: sqlite3.Connection, _: Any) -> None:
        # Python's own idea of when a transaction begins is switched off; `begin` below says when.
        connection.isolation_level = None
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", *pragmas):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def begin_transaction(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def newest_revision() -> str:
    """The revision of the tables that this driftwatch makes."""
    return str(ScriptDirectory.from_config(_migrations()).get_current_head())


def _migrations() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config


def _upgrade(connection: Connection, path: Path) -> None:
    config = _migrations()
    config.attributes["connection"] = connection
    present = MigrationContext.configure(connection).get_current_revision()
    scripts = ScriptDirectory.from_config(config)
    if present is not None:
        try:
            scripts.get_revision(present)
        except CommandError as error:
            raise StoreError(
                f"The state {path} was written by a later driftwatch (revision {present}). Upgrade driftwatch."
            ) from error
    if present != scripts.get_current_head():
        command.upgrade(config, "head")


@contextmanager
def _disk_errors_named(what: str) -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        if isinstance(error.orig, sqlite3.Error):
            raise disk_failure(error.orig, what) from error
        raise
