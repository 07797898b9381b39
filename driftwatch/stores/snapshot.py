"""A data folder at one moment: both databases, and the files that they count on, also while a service uses it.

The spool forgets entries only when the state counts them as logged, so copies of both that were made one after the
other could lack entries, or have the state ahead of the spool. Here nobody can change the state for the instant in
which both databases are pinned; from then on they stay as they were for these connections, while the service goes on.
The inbox is pinned before the spool: an exchange that is read between the two is in both, and is known again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from driftwatch.errors import FileError, StoreError
from driftwatch.stores.disk import disk_failure
from driftwatch.stores.log_names import present
from driftwatch.stores.spool_bodies import body_file
from driftwatch.stores.spool_file import body_files

_NEEDED = ("spool.db", "state.db")
_INBOX = "inbox.db"
_WAIT_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedFile:
    """A file that a database counts on. ``name`` is its place in the data folder.

    It never changes, but for one that ``grows``: of that the first ``size_bytes`` count and never change.
    """

    name: str
    path: Path
    size_bytes: int | None = None
    rows: int | None = None
    grows: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Both databases as they were at one moment."""

    folder: Path
    spool: sqlite3.Connection
    state: sqlite3.Connection
    inbox: sqlite3.Connection | None = None

    def databases(self) -> dict[str, sqlite3.Connection]:
        """Those that there are, by their names; an earlier driftwatch had no inbox."""
        found = {"spool.db": self.spool, "state.db": self.state}
        return found if self.inbox is None else {**found, _INBOX: self.inbox}

    def files(self) -> Iterator[CountedFile]:
        """Every file that counts; those that are soonest replaced come first."""
        if has_column(self.spool, "entry", "file"):
            for number, size in body_files(self.spool).items():
                name = f"spool.db.bodies/{body_file(number)}"
                yield CountedFile(name=name, path=self.folder / name, size_bytes=size, grows=True)
        for name, ids in self.spool.execute("SELECT name, ids FROM id_run ORDER BY name"):
            yield self._file(f"spool.db.ids/{name}", rows=ids)
        if has_table(self.state, "join_run"):
            for name, rows in self.state.execute("SELECT name, rows FROM join_run ORDER BY name"):
                yield self._file(f"state.db.join/{name}", rows=rows)
        counts = "WHERE retired_at IS NULL" if has_column(self.state, "log_file", "retired_at") else ""
        question = f"SELECT path, rows, size_bytes FROM log_file {counts} ORDER BY path"  # noqa: S608 - constants
        for path, rows, size in self.state.execute(question):
            yield self._file(f"log/{path}", rows=rows, size_bytes=size)

    def copy(self, name: str, destination: Path) -> None:
        """Write a database as it was then, and check the copy.

        Raises
        ------
        StoreError
            The copy is damaged: so is the database.
        OSError, sqlite3.Error
            As the disk says.
        """
        source = self.databases()[name]
        with closing(sqlite3.connect(destination, isolation_level=None)) as copy:
            source.backup(copy)
            found = [row[0] for row in copy.execute("PRAGMA quick_check(3)")]
            # A copy is one file: nothing of it lies in a write-ahead log.
            copy.execute("PRAGMA journal_mode = DELETE")
        if found != ["ok"]:
            raise StoreError(f"The database {self.folder / name} is damaged: {'; '.join(map(str, found))}.")

    def mark(self, name: str) -> int:
        """A mark of the state; 0 until it is set."""
        found = self.state.execute("SELECT value FROM mark WHERE name = ?", (name,)).fetchone()
        return int(found[0]) if found else 0

    def last_sequence(self) -> int:
        """The highest sequence that the spool ever gave."""
        found = self.spool.execute("SELECT seq FROM sqlite_sequence WHERE name = 'entry'").fetchone()
        return int(found[0]) if found else 0

    def _file(self, name: str, *, rows: int, size_bytes: int | None = None) -> CountedFile:
        return CountedFile(name=name, path=present(self.folder / name), rows=rows, size_bytes=size_bytes)


@contextmanager
def snapshot(folder: Path) -> Iterator[Snapshot]:
    """Pin both databases of a data folder.

    Raises
    ------
    FileError
        It is no data folder.
    StoreError
        A database cannot be read.
    """
    for name in _NEEDED:
        if not (folder / name).is_file():
            raise FileError(f"there is no {name} in it.", field=str(folder), remedy="Name a data folder with --data.")
    try:
        with ExitStack() as opened:
            lock, spool, state = (
                opened.enter_context(closing(_connected(folder / name))) for name in ("state.db", *_NEEDED)
            )
            inbox = None
            if (folder / _INBOX).is_file():
                inbox = opened.enter_context(closing(_connected(folder / _INBOX)))
            lock.execute("BEGIN IMMEDIATE")
            for one in (inbox, spool, state):
                if one is not None:
                    one.execute("PRAGMA query_only = ON")
                    one.execute("BEGIN")
                    one.execute("SELECT count(*) FROM sqlite_master").fetchall()
            lock.execute("ROLLBACK")
            yield Snapshot(folder=folder, spool=spool, state=state, inbox=inbox)
    except sqlite3.Error as error:
        raise disk_failure(error, f"The data folder {folder} cannot be read") from error


def has_table(connection: sqlite3.Connection, table: str) -> bool:
    """Whether there is such a table: an earlier driftwatch may not have had it."""
    return bool(connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchall())


def has_column(connection: sqlite3.Connection, table: str, column: str) -> bool:
    """Whether a table has such a column."""
    return column in {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}


def _connected(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=_WAIT_SECONDS, isolation_level=None)
