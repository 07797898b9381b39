"""Checks of the spool and the state: whole, of a revision that is known, and of one moment."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, timedelta

from driftwatch.core.windows import from_microseconds, to_microseconds
from driftwatch.stores.snapshot import CountedFile
from driftwatch.stores.state import newest_revision
from driftwatch.upkeep.diagnosis import Diagnosis, Patient, fine, problem, some

_CLOCK_ERROR = timedelta(minutes=5)
_RECENTLY = timedelta(days=7)


def integrity(patient: Patient) -> Iterator[Diagnosis]:
    """Every page of the databases."""
    for name, connection in patient.moment.databases().items():
        found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(5)")]
        if found == ["ok"]:
            yield fine(name, "is whole")
        else:
            yield problem(name, f"is damaged ({some(found)}): restore a backup")


def revision(patient: Patient) -> Iterator[Diagnosis]:
    """Whether this driftwatch knows the state's tables."""
    (found,) = patient.moment.state.execute("SELECT version_num FROM alembic_version").fetchone()
    newest = newest_revision()
    if found == newest:
        yield fine("state.db", f"has revision {found}, the newest")
    elif found < newest:
        yield fine("state.db", f"has revision {found}; it becomes {newest} when the service starts, or by --repair")
    else:
        yield problem("state.db", f"has revision {found}, of a later driftwatch: upgrade")


def order(patient: Patient) -> Iterator[Diagnosis]:
    """Whether spool and state belong together: what the state does not count as logged must be in the spool."""
    moment = patient.moment
    last, applied, logged = moment.last_sequence(), moment.mark("applied"), moment.mark("logged")
    entries, rows = moment.spool.execute(
        "SELECT count(*), coalesce(sum(rows), 0) FROM entry WHERE sequence > ?", (logged,)
    ).fetchone()
    if applied > last or logged > applied:
        text = f"the state has come to entry {max(applied, logged)}, and the spool only ever gave {last}"
        yield problem("spool.db", f"{text}: they are not of one moment; restore both from one backup")
    elif entries != last - logged:
        yield problem("spool.db", f"{last - logged - entries} entries after {logged} are gone: restore a backup")
    else:
        yield fine("spool.db", f"holds {rows:,} rows that are not in the log yet; every entry is there")


def lag(patient: Patient) -> Iterator[Diagnosis]:
    """How long the oldest row waits to be counted."""
    question = "SELECT coalesce(sum(rows), 0), min(received_time) FROM entry WHERE sequence > ?"
    rows, oldest = patient.moment.spool.execute(question, (patient.moment.mark("applied"),)).fetchone()
    if not rows:
        yield fine("lag", "everything that was acknowledged is counted in its window")
    else:
        waits = max(timedelta(0), patient.now - from_microseconds(oldest))
        yield fine("lag", f"{rows:,} rows are not yet counted in their window, the oldest since {_in_words(waits)}")


def clock(patient: Patient) -> Iterator[Diagnosis]:
    """Whether the machine's clock is behind what was received."""
    newest = max(_newest(patient.moment.spool, table, column) for table, column in _RECEIVED)
    ahead = newest - to_microseconds(patient.now)
    if ahead > _CLOCK_ERROR // timedelta(microseconds=1):
        text = f"the last events were received {_in_words(timedelta(microseconds=ahead))} after now"
        yield problem("clock", f"{text}: set this machine's clock; ids are known longer than they should be")
    else:
        yield fine("clock", f"says {patient.now.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC")


_RECEIVED = (("entry", "received_time"), ("recent_ids", "received_time"), ("id_run", "newest"))


def outbox(patient: Patient) -> Iterator[Diagnosis]:
    """Whether everybody was told."""
    state = patient.moment.state
    since = to_microseconds(patient.now - _RECENTLY)
    question = "SELECT count(*), max(last_error) FROM message WHERE state = 'dead' AND created_at >= ?"
    dead, error = state.execute(question, (since,)).fetchone()
    (pending,) = state.execute("SELECT count(*) FROM message WHERE state = 'pending'").fetchone()
    if dead:
        yield problem("outbox", f"{dead:,} notifications of the last week were given up: {error}")
    else:
        yield fine("outbox", f"{pending:,} notifications wait; none of the last week was given up")


def counted_files(patient: Patient) -> Iterator[Diagnosis]:
    """Whether the files of entries, of ids and of the join are there, and no others."""
    counted = list(patient.moment.files())
    for part, remedy in (
        ("spool.db.bodies", "restore a backup"),
        ("spool.db.ids", "--repair builds them again from the log"),
        ("state.db.join", "restore a backup"),
    ):
        counting = {one.path.name: one for one in counted if one.name.startswith(f"{part}/")}
        folder = patient.folder / part
        there = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
        broken = [name for name, one in counting.items() if name not in there or not _is_long_enough(one)]
        if broken:
            yield problem(part, f"{some(broken)} cannot be used: {remedy}")
        else:
            left = len(there - set(counting))
            extra = f", and {left} that the next start removes" if left and patient.held_by is None else ""
            yield fine(part, f"{len(counting):,} files that count are there{extra}")


def _is_long_enough(file: CountedFile) -> bool:
    size = file.path.stat().st_size
    if file.size_bytes is not None:
        return size >= file.size_bytes
    return bool(file.rows and size and size % file.rows == 0)


def _newest(connection: sqlite3.Connection, table: str, column: str) -> int:
    (found,) = connection.execute(f"SELECT coalesce(max({column}), 0) FROM {table}").fetchone()  # noqa: S608
    return int(found)


def _in_words(duration: timedelta) -> str:
    return str(timedelta(seconds=round(duration.total_seconds())))
