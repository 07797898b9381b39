"""Many rows in one statement, in the database's own words: all that depends on the kind of database is here.

SQLAlchemy would handle each value of each row in Python, which costs more than the database does, and it would write a
statement anew each time. Here it writes each statement once, and the driver takes the rows as they are: so values must
be of types that the driver knows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Dialect, Table
from sqlalchemy.dialects import postgresql, sqlite


@dataclass(frozen=True, slots=True)
class _Statement:
    """A statement as the driver takes it. ``order`` are the positions of its parameters among the columns."""

    text: str
    order: tuple[int, ...] | None


def put(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], *, key: Sequence[str] | None = None
) -> None:
    """Insert rows; where a row with the same key is there, its other columns take the new values.

    Parameters
    ----------
    connection
        In a transaction.
    table
        Where to.
    rows
        All with the same columns; none is fine.
    key
        A unique set of columns; the primary key by default.
    """
    if rows:
        names = tuple(rows[0])
        statement = _upsert(connection.dialect, table, names, tuple(key or _primary(table)), False)
        _run(connection, statement, names, [tuple(row.values()) for row in rows])


def put_added(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Like `put`, for numbers: where a row with the same primary key is there, the new values are added to it."""
    if rows:
        names = tuple(rows[0])
        statement = _upsert(connection.dialect, table, names, _primary(table), True)
        _run(connection, statement, names, [tuple(row.values()) for row in rows])


def _primary(table: Table) -> tuple[str, ...]:
    return tuple(column.name for column in table.primary_key)


@lru_cache(maxsize=256)
def _upsert(dialect: Dialect, table: Table, names: tuple[str, ...], key: tuple[str, ...], adds: bool) -> _Statement:
    statement = (postgresql if dialect.name == "postgresql" else sqlite).insert(table)
    changed = {
        name: table.c[name] + statement.excluded[name] if adds else statement.excluded[name]
        for name in names
        if name not in key
    }
    whole = statement.on_conflict_do_update(index_elements=list(key), set_=changed)
    compiled = whole.compile(dialect=dialect, column_keys=list(names))
    if compiled.positiontup is None:
        return _Statement(str(compiled), None)
    return _Statement(str(compiled), tuple(names.index(name) for name in compiled.positiontup))


def _run(
    connection: Connection, statement: _Statement, names: tuple[str, ...], rows: Sequence[tuple[Any, ...]]
) -> None:
    if statement.order is None:
        connection.exec_driver_sql(statement.text, [dict(zip(names, row, strict=True)) for row in rows])
        return
    if statement.order != tuple(range(len(names))):
        rows = [tuple(row[position] for position in statement.order) for row in rows]
    connection.exec_driver_sql(statement.text, list(rows))
