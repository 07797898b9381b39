"""The inbox: halves of logged exchanges, in SQLite, until they are whole and read.

One thread writes. It takes everything that waits, writes it in one transaction, and resolves the futures when the
commit has returned, which is after ``fsync`` (``synchronous=FULL``): an idle inbox answers after one commit, a busy one
shares its commits.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from driftwatch.core.windows import from_microseconds, to_microseconds
from driftwatch.crash_points import reached
from driftwatch.errors import StoreError, StoreFull
from driftwatch.ports import HalfKind, InboxRoom, LoggedHalf
from driftwatch.stores.disk import disk_failure, sync_folder
from driftwatch.stores.durable_sqlite import connected, made_durable, transaction

_VERSION = 1
_SCHEMA = (
    """CREATE TABLE half (
        key BLOB NOT NULL,
        kind TEXT NOT NULL,
        received_time INTEGER NOT NULL,
        model TEXT NOT NULL,
        model_version TEXT NOT NULL,
        prediction_id TEXT NOT NULL,
        event_time INTEGER NOT NULL,
        content_type TEXT NOT NULL,
        protocol TEXT NOT NULL,
        body BLOB NOT NULL,
        UNIQUE (key, kind)
    )""",
    "CREATE INDEX half_received ON half (received_time)",
    "CREATE TABLE whole (sequence INTEGER PRIMARY KEY AUTOINCREMENT, key BLOB NOT NULL UNIQUE)",
    "CREATE TABLE known (key BLOB PRIMARY KEY, done_at INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE INDEX known_done ON known (done_at)",
    f"PRAGMA user_version = {_VERSION}",
)
_COLUMNS = "key, kind, model, model_version, prediction_id, event_time, content_type, protocol"
_MOST_KNOWN = 1_000_000
_OTHER = {HalfKind.REQUEST: HalfKind.RESPONSE, HalfKind.RESPONSE: HalfKind.REQUEST}


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _Appended:
    halves: tuple[LoggedHalf, ...]
    received: int
    future: Future[tuple[int, ...]]


@dataclass(slots=True)
class _Held:
    """What is in the tables."""

    halves: int
    size_bytes: int
    whole_halves: int


class SqliteInbox:
    """Halves of exchanges in one SQLite file; see `driftwatch.ports.Inbox` for what it promises.

    Parameters
    ----------
    path
        The database file; made where it is missing.
    max_halves, max_bytes
        The most that may be kept; beyond it `append` raises `StoreFull`, but for halves that make an exchange whole:
        those soon make room.

    Raises
    ------
    StoreError
        The file cannot be made, opened or written, or a later driftwatch wrote it.
    """

    def __init__(self, path: Path, *, max_halves: int = 100_000, max_bytes: int = 2**28) -> None:
        self._max_halves = max_halves
        self._max_bytes = max_bytes
        self._wake = threading.Condition()
        self._queue: deque[_Appended] = deque()
        self._queued = _Held(0, 0, 0)
        self._closing = False
        self._reading = threading.Lock()
        self._writing = threading.Lock()
        with ExitStack() as undo:
            try:
                self._writer = undo.enter_context(closing(connected(Path(path))))
                self._reader = undo.enter_context(closing(connected(Path(path))))
                _prepare(self._writer, Path(path))
                self._reader.execute("PRAGMA query_only = ON")
                self._held = _held(self._writer)
            except (OSError, sqlite3.Error) as error:
                raise disk_failure(error, f"The inbox {path} cannot be opened") from error
            undo.pop_all()
        self._thread = threading.Thread(target=self._write_until_closed, name="driftwatch-inbox", daemon=True)
        self._thread.start()

    def append(self, halves: Sequence[LoggedHalf], received_time: datetime) -> Future[tuple[int, ...]]:
        """See `driftwatch.ports.Inbox.append`. Never waits; safe to call from any thread.

        Raises
        ------
        StoreFull, StoreError
        """
        size = sum(len(one.body) for one in halves)
        future: Future[tuple[int, ...]] = Future()
        with self._wake:
            if self._closing:
                raise StoreError("The inbox is closed. Open it again to append.")
            # What waits for its commit is bounded as what is kept is: it may all be new.
            if self._queued.halves + len(halves) > self._max_halves or self._queued.size_bytes + size > self._max_bytes:
                raise StoreFull(f"{self._queued.halves:,} halves of exchanges wait for the disk. Try again soon.")
            self._queue.append(_Appended(halves=tuple(halves), received=to_microseconds(received_time), future=future))
            self._queued.halves += len(halves)
            self._queued.size_bytes += size
            self._wake.notify_all()
        return future

    def whole(self, limit: int) -> list[tuple[LoggedHalf, ...]]:
        """See `driftwatch.ports.Inbox.whole`.

        Raises
        ------
        StoreError
            The file cannot be read.
        """
        question = (
            f"SELECT {_COLUMNS}, body FROM (SELECT sequence, key AS found FROM whole ORDER BY sequence LIMIT ?) "  # noqa: S608
            "JOIN half ON half.key = found ORDER BY sequence, kind"  # the request before its response
        )
        exchanges: dict[bytes, list[LoggedHalf]] = {}
        with self._reading, _trouble("The inbox cannot be read"):
            for row in self._reader.execute(question, (limit,)):
                exchanges.setdefault(row[0], []).append(_half(row))
        return [tuple(halves) for halves in exchanges.values()]

    def done(self, keys: Sequence[bytes], at: datetime) -> None:
        """See `driftwatch.ports.Inbox.done`; it is on disk when this returns.

        Raises
        ------
        StoreError
            It cannot be written; then nothing is forgotten.
        """
        moment = to_microseconds(at)
        with self._changing() as (connection, held):
            for key in keys:
                size = "SELECT count(*), coalesce(sum(length(body)), 0) FROM half WHERE key = ?"
                halves, size_bytes = connection.execute(size, (key,)).fetchone()
                if connection.execute("DELETE FROM whole WHERE key = ?", (key,)).rowcount:
                    held.whole_halves -= halves
                connection.execute("DELETE FROM half WHERE key = ?", (key,))
                connection.execute("INSERT OR REPLACE INTO known VALUES (?, ?)", (key, moment))
                held.halves -= halves
                held.size_bytes -= size_bytes
            reached("inbox.forgotten")

    def forget_waiting(self, before: datetime, limit: int) -> list[LoggedHalf]:
        """See `driftwatch.ports.Inbox.forget_waiting`.

        Raises
        ------
        StoreError
            It cannot be written; then nothing is forgotten.
        """
        question = (
            f"SELECT length(body), {_COLUMNS}, x'' FROM half WHERE received_time < ? "  # noqa: S608
            "AND key NOT IN (SELECT key FROM whole) ORDER BY received_time LIMIT ?"
        )
        with self._changing() as (connection, held):
            rows = connection.execute(question, (to_microseconds(before), limit)).fetchall()
            found = [_half(row[1:]) for row in rows]
            connection.executemany("DELETE FROM half WHERE key = ?", [(one.key,) for one in found])
            held.halves -= len(rows)
            held.size_bytes -= sum(row[0] for row in rows)
        return found

    def forget_known(self, before: datetime) -> None:
        """See `driftwatch.ports.Inbox.forget_known`. Never are more known than a million.

        Raises
        ------
        StoreError
            It cannot be written.
        """
        with self._changing() as (connection, _):
            connection.execute("DELETE FROM known WHERE done_at < ?", (to_microseconds(before),))
            (count,) = connection.execute("SELECT count(*) FROM known").fetchone()
            if count > _MOST_KNOWN:
                oldest = "SELECT key FROM known ORDER BY done_at LIMIT ?"
                connection.execute(f"DELETE FROM known WHERE key IN ({oldest})", (count - _MOST_KNOWN,))  # noqa: S608

    def wait(self, timeout_seconds: float) -> bool:
        """See `driftwatch.ports.Inbox.wait`. Returns early, with what is so, when the inbox is closed."""
        with self._wake:
            self._wake.wait_for(lambda: self._held.whole_halves > 0 or self._closing, timeout_seconds)
            return self._held.whole_halves > 0

    def room(self) -> InboxRoom:
        """See `driftwatch.ports.Inbox.room`. Costs nothing."""
        held = self._held
        return InboxRoom(halves=held.halves, waiting=held.halves - held.whole_halves, size_bytes=held.size_bytes)

    def close(self) -> None:
        """Commit what waits, then let go of the file. A second call does nothing."""
        with self._wake:
            if self._closing:
                return
            self._closing = True
            self._wake.notify_all()
        self._thread.join()
        with self._reading:
            self._reader.close()
        with self._writing:
            self._writer.close()

    def _write_until_closed(self) -> None:
        while taken := self._taken():
            # Whoever stopped waiting before the commit began has nothing written.
            self._commit([one for one in taken if one.future.set_running_or_notify_cancel()])
            with self._wake:
                self._queued.halves -= sum(len(one.halves) for one in taken)
                self._queued.size_bytes -= sum(len(half.body) for one in taken for half in one.halves)

    def _taken(self) -> list[_Appended]:
        with self._wake:
            self._wake.wait_for(lambda: self._queue or self._closing)
            taken = list(self._queue)
            self._queue.clear()
        return taken

    def _commit(self, wanted: Sequence[_Appended]) -> None:
        outcomes: list[tuple[int, ...] | StoreFull] = []
        try:
            with self._changing() as (connection, held):
                for one in wanted:
                    outcomes.append(self._written(connection, held, one))
                reached("inbox.written")
        except StoreError as problem:
            for one in wanted:
                one.future.set_exception(problem)
            return
        reached("inbox.committed")
        for one, outcome in zip(wanted, outcomes, strict=True):
            if isinstance(outcome, StoreFull):
                one.future.set_exception(outcome)
            else:
                one.future.set_result(outcome)

    def _written(self, connection: sqlite3.Connection, held: _Held, appended: _Appended) -> tuple[int, ...] | StoreFull:
        """Inside a transaction: write one call's halves, or none of them."""
        known: list[int] = []
        wanted: list[LoggedHalf] = []
        for position, half in enumerate(appended.halves):
            is_known = connection.execute(
                "SELECT 1 FROM known WHERE key = ?1 UNION ALL SELECT 1 FROM half WHERE key = ?1 AND kind = ?2",
                (half.key, half.kind.value),
            ).fetchone()
            if is_known or any(half.key == one.key and half.kind is one.kind for one in wanted):
                known.append(position)
            else:
                wanted.append(half)
        problem = self._no_room(connection, held, wanted)
        if problem is not None:
            return problem
        for half in wanted:
            moment, body = to_microseconds(half.event_time), half.body
            connection.execute(
                f"INSERT INTO half (received_time, {_COLUMNS}, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
                (appended.received, half.key, half.kind.value, half.model, half.model_version, half.prediction_id,
                 moment, half.content_type, half.protocol, body),
            )  # fmt: skip
            held.halves += 1
            held.size_bytes += len(body)
            other = _OTHER.get(half.kind)
            if other is None or _is_here(connection, half.key, other):
                connection.execute("INSERT INTO whole (key) VALUES (?)", (half.key,))
                held.whole_halves += 1 if other is None else 2
        return tuple(known)

    def _no_room(self, connection: sqlite3.Connection, held: _Held, wanted: Sequence[LoggedHalf]) -> StoreFull | None:
        size = sum(len(one.body) for one in wanted)
        if held.halves + len(wanted) <= self._max_halves and held.size_bytes + size <= self._max_bytes:
            return None
        if all(_is_here(connection, one.key, _OTHER.get(one.kind, one.kind)) for one in wanted):
            return None
        return StoreFull(
            f"The inbox holds {held.halves:,} halves of exchanges of {held.size_bytes:,} bytes, as many as it may. "
            "Try again when some are whole, or too old."
        )

    @contextmanager
    def _changing(self) -> Iterator[tuple[sqlite3.Connection, _Held]]:
        """One transaction of the writer, and what is held, which counts when it is committed."""
        with self._writing, _trouble("The inbox cannot be written"):
            if self._closing and not self._thread.is_alive():
                raise StoreError("The inbox is closed. Open it again to change it.")
            held = replace(self._held)
            with transaction(self._writer):
                yield self._writer, held
            with self._wake:
                self._held = held
                self._wake.notify_all()


def _prepare(writer: sqlite3.Connection, path: Path) -> None:
    if made_durable(writer, f"The inbox {path}", _VERSION) == 0:
        with transaction(writer):
            for statement in _SCHEMA:
                writer.execute(statement)
        sync_folder(path.parent)


def _held(connection: sqlite3.Connection) -> _Held:
    halves, size = connection.execute("SELECT count(*), coalesce(sum(length(body)), 0) FROM half").fetchone()
    (whole,) = connection.execute("SELECT count(*) FROM half WHERE key IN (SELECT key FROM whole)").fetchone()
    return _Held(int(halves), int(size), int(whole))


def _is_here(connection: sqlite3.Connection, key: bytes, kind: HalfKind) -> bool:
    question = "SELECT 1 FROM half WHERE key = ? AND kind = ?"
    return connection.execute(question, (key, kind.value)).fetchone() is not None


def _half(row: Iterable[object]) -> LoggedHalf:
    key, kind, model, version, prediction_id, moment, content_type, protocol, body = row
    assert isinstance(key, bytes)
    assert isinstance(moment, int)
    assert isinstance(body, bytes)
    return LoggedHalf(
        key=key,
        kind=HalfKind(str(kind)),
        model=str(model),
        model_version=str(version),
        prediction_id=str(prediction_id),
        event_time=from_microseconds(moment),
        content_type=str(content_type),
        protocol=str(protocol),
        body=body,
    )


@contextmanager
def _trouble(what: str) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise disk_failure(error, what) from error


__all__ = ["SqliteInbox"]
