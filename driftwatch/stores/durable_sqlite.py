"""SQLite as the spool and the inbox use it: what was committed is on the disk when the commit has returned."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from driftwatch.errors import StoreError


def connected(path: Path) -> sqlite3.Connection:
    """A connection that begins transactions only when it is told to, for use by any thread, one at a time."""
    return sqlite3.connect(path, timeout=10.0, isolation_level=None, check_same_thread=False)


def made_durable(writer: sqlite3.Connection, store: str, newest: int) -> int:
    """Set a connection up for writing; answers the format of the database, 0 for a new one.

    Parameters
    ----------
    writer
        The connection.
    store
        What it is, for people: ``"The spool /data/spool.db"``.
    newest
        The latest format that is known.

    Raises
    ------
    StoreError
        The database lies where it cannot be kept safe, or a later driftwatch wrote it.
    """
    (mode,) = writer.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise StoreError(f"{store} lies on a file system without shared memory. Use a local disk.")
    writer.execute("PRAGMA synchronous = FULL")
    (version,) = writer.execute("PRAGMA user_version").fetchone()
    if version > newest:
        raise StoreError(
            f"{store} was written by a later driftwatch (format {version}, this one reads {newest}). "
            "Upgrade driftwatch."
        )
    return int(version)


@contextmanager
def transaction(writer: sqlite3.Connection) -> Iterator[None]:
    """All of the block or nothing of it; on the disk when it ends."""
    writer.execute("BEGIN IMMEDIATE")
    try:
        yield
        writer.execute("COMMIT")
    except BaseException:
        # After some failures SQLite has rolled back by itself.
        if writer.in_transaction:
            writer.execute("ROLLBACK")
        raise


__all__ = ["connected", "made_durable", "transaction"]
