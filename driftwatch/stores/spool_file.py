"""The spool's database file: its tables, and how connections to it are set up."""

from __future__ import annotations

import secrets
import sqlite3
from contextlib import closing
from pathlib import Path

from driftwatch.errors import StoreError
from driftwatch.stores import id_index
from driftwatch.stores.disk import sync_folder
from driftwatch.stores.id_hash import KEY_BYTES

_VERSION = 1
_SCHEMA = (
    """CREATE TABLE entry (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT,
        received_time INTEGER NOT NULL,
        rows INTEGER NOT NULL,
        body BLOB NOT NULL
    )""",
    "CREATE TABLE secret (id_key BLOB NOT NULL)",
    *id_index.SCHEMA,
    f"PRAGMA user_version = {_VERSION}",
)
_PAGE_BYTES = 16_384
_CHECKPOINT_PAGES = 1_000


def remove_entries(connection: sqlite3.Connection, through: int) -> tuple[int, int]:
    """Inside a transaction: delete entries up to and with a sequence; answers how many rows and bytes they held."""
    question = "SELECT coalesce(sum(rows), 0), coalesce(sum(length(body)), 0) FROM entry WHERE sequence <= ?"
    rows, size_bytes = connection.execute(question, (through,)).fetchone()
    connection.execute("DELETE FROM entry WHERE sequence <= ?", (through,))
    return int(rows), int(size_bytes)


def stored_after(connection: sqlite3.Connection, after: int, limit: int) -> list[tuple[int, int, bytes]]:
    """Sequence, time of receipt and body of entries above ``after``, until they hold ``limit`` rows or more."""
    found: list[tuple[int, int, bytes]] = []
    rows = 0
    question = "SELECT sequence, received_time, body, rows FROM entry WHERE sequence > ? ORDER BY sequence"
    with closing(connection.execute(question, (after,))) as cursor:
        for sequence, received, body, count in cursor:
            found.append((sequence, received, body))
            rows += count
            # Before the next body is read for nothing.
            if rows >= limit:
                break
    return found


def last_of(connection: sqlite3.Connection, after: int, limit: int) -> int:
    """The last sequence that `stored_after` would give; ``after`` where there is none. No body is read."""
    last, rows = after, 0
    question = "SELECT sequence, rows FROM entry WHERE sequence > ? ORDER BY sequence"
    with closing(connection.execute(question, (after,))) as cursor:
        for sequence, count in cursor:
            last = sequence
            rows += count
            if rows >= limit:
                break
    return last


def prepared(writer: sqlite3.Connection, reader: sqlite3.Connection, path: Path) -> bytes:
    """Set the connections up, make the tables where there are none, and answer the key of the id hashes."""
    writer.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
    (mode,) = writer.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise StoreError(f"The spool {path} lies on a file system without shared memory. Use a local disk.")
    writer.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
    writer.execute("PRAGMA synchronous = FULL")
    writer.execute("PRAGMA secure_delete = OFF")
    (version,) = writer.execute("PRAGMA user_version").fetchone()
    if version > _VERSION:
        raise StoreError(
            f"The spool {path} was written by a later driftwatch (format {version}, this one reads {_VERSION}). "
            "Upgrade driftwatch."
        )
    if version == 0:
        writer.execute("BEGIN IMMEDIATE")
        for statement in _SCHEMA:
            writer.execute(statement)
        writer.execute("INSERT INTO secret VALUES (?)", (secrets.token_bytes(KEY_BYTES),))
        writer.execute("COMMIT")
        sync_folder(path.parent)
    reader.execute("PRAGMA query_only = ON")
    (key,) = writer.execute("SELECT id_key FROM secret").fetchone()
    return bytes(key)


def contents(connection: sqlite3.Connection) -> tuple[int | None, int, int, int]:
    """The first sequence that is there, the rows, the bytes of all entries, and the last sequence ever given."""
    question = "SELECT min(sequence), coalesce(sum(rows), 0), coalesce(sum(length(body)), 0) FROM entry"
    first, rows, size_bytes = connection.execute(question).fetchone()
    given = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'entry'").fetchone()
    return first, int(rows), int(size_bytes), int(given[0]) if given else 0


def connected(path: Path) -> sqlite3.Connection:
    """A connection that begins transactions only when it is told to, for use by any thread, one at a time."""
    return sqlite3.connect(path, timeout=10.0, isolation_level=None, check_same_thread=False)
