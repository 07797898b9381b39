"""The spool's database file: its tables, and how connections to it are set up.

An entry's body lies in a file of its own kind, see `driftwatch.stores.spool_bodies`; the table says where.
"""

from __future__ import annotations

import secrets
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from driftwatch.stores import id_index
from driftwatch.stores.disk import sync_folder
from driftwatch.stores.durable_sqlite import made_durable, transaction
from driftwatch.stores.id_hash import KEY_BYTES
from driftwatch.stores.spool_bodies import Place, SpoolBodies
from driftwatch.wire.arrow import decode

_VERSION = 2
_SCHEMA = (
    """CREATE TABLE entry (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT,
        received_time INTEGER NOT NULL,
        rows INTEGER NOT NULL,
        file INTEGER NOT NULL,
        start INTEGER NOT NULL,
        size_bytes INTEGER NOT NULL
    )""",
    "CREATE TABLE secret (id_key BLOB NOT NULL)",
    *id_index.SCHEMA,
    f"PRAGMA user_version = {_VERSION}",
)
_PAGE_BYTES = 16_384
_CHECKPOINT_PAGES = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """An entry as the table has it; ``received`` is in microseconds since 1970."""

    sequence: int
    received: int
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """What `remove_entries` took away, and the first file that something is left in; None where nothing is."""

    rows: int
    size_bytes: int
    first_file: int | None


def add_entry(connection: sqlite3.Connection, received: int, rows: int, place: Place) -> int:
    """Inside a transaction: a new entry; answers its sequence."""
    sequence = connection.execute(
        "INSERT INTO entry (received_time, rows, file, start, size_bytes) VALUES (?, ?, ?, ?, ?)",
        (received, rows, place.file, place.start, place.size_bytes),
    ).lastrowid
    return sequence or 0


def remove_entries(connection: sqlite3.Connection, through: int) -> Removed:
    """Inside a transaction: delete entries up to and with a sequence."""
    question = "SELECT coalesce(sum(rows), 0), coalesce(sum(size_bytes), 0) FROM entry WHERE sequence <= ?"
    rows, size_bytes = connection.execute(question, (through,)).fetchone()
    connection.execute("DELETE FROM entry WHERE sequence <= ?", (through,))
    # Files are written one after another, as sequences are given.
    left = connection.execute("SELECT file FROM entry ORDER BY sequence LIMIT 1").fetchone()
    return Removed(rows=int(rows), size_bytes=int(size_bytes), first_file=left[0] if left else None)


def stored_after(connection: sqlite3.Connection, after: int, limit: int) -> list[Stored]:
    """Entries above ``after``, oldest first, until they hold ``limit`` rows or more."""
    found: list[Stored] = []
    rows = 0
    question = (
        "SELECT sequence, received_time, rows, file, start, size_bytes FROM entry WHERE sequence > ? ORDER BY sequence"
    )
    with closing(connection.execute(question, (after,))) as cursor:
        for sequence, received, count, *place in cursor:
            found.append(Stored(sequence=sequence, received=received, place=Place(*place)))
            rows += count
            if rows >= limit:
                break
    return found


def last_of(connection: sqlite3.Connection, after: int, limit: int) -> int:
    """The last sequence that `stored_after` would give; ``after`` where there is none."""
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
    version = made_durable(writer, f"The spool {path}", _VERSION)
    writer.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
    writer.execute("PRAGMA secure_delete = OFF")
    if version == 0:
        with transaction(writer):
            for statement in _SCHEMA:
                writer.execute(statement)
            writer.execute("INSERT INTO secret VALUES (?)", (secrets.token_bytes(KEY_BYTES),))
        sync_folder(path.parent)
    elif version == 1:
        _take_bodies_out(writer, bodies_folder(path))
    reader.execute("PRAGMA query_only = ON")
    (key,) = writer.execute("SELECT id_key FROM secret").fetchone()
    return bytes(key)


def _take_bodies_out(writer: sqlite3.Connection, folder: Path) -> None:
    """Bring a spool of format 1 up to date: there the bodies are in the table itself."""
    with closing(SpoolBodies(folder, ())) as bodies, transaction(writer):
        for column in ("file", "start", "size_bytes"):
            writer.execute(f"ALTER TABLE entry ADD COLUMN {column} INTEGER NOT NULL DEFAULT 0")
        for (sequence,) in writer.execute("SELECT sequence FROM entry ORDER BY sequence").fetchall():
            (body,) = writer.execute("SELECT body FROM entry WHERE sequence = ?", (sequence,)).fetchone()
            place = bodies.append(decode(body))
            bodies.sync()
            bodies.keep()
            writer.execute(
                "UPDATE entry SET file = ?, start = ?, size_bytes = ? WHERE sequence = ?",
                (place.file, place.start, place.size_bytes, sequence),
            )
        writer.execute("ALTER TABLE entry DROP COLUMN body")
        writer.execute(f"PRAGMA user_version = {_VERSION}")


def bodies_folder(path: Path) -> Path:
    """Where the bodies of a spool's entries lie."""
    return path.with_name(f"{path.name}.bodies")


def body_files(connection: sqlite3.Connection) -> dict[int, int]:
    """The numbers of the files that entries count on, and how long each must be."""
    return dict(connection.execute("SELECT file, max(start + size_bytes) FROM entry GROUP BY file ORDER BY file"))


def contents(connection: sqlite3.Connection) -> tuple[int | None, int, int, int]:
    """The first sequence that is there, the rows, the bytes of all entries, and the last sequence ever given."""
    question = "SELECT min(sequence), coalesce(sum(rows), 0), coalesce(sum(size_bytes), 0) FROM entry"
    first, rows, size_bytes = connection.execute(question).fetchone()
    given = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'entry'").fetchone()
    return first, int(rows), int(size_bytes), int(given[0]) if given else 0
