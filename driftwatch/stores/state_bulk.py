"""Many rows in one statement, in the database's own words: all that depends on the kind of database is here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import JSON, Connection, Delete, Insert, Select, Table, Update, bindparam, cast, func, select
from sqlalchemy.dialects import postgresql, sqlite

GIVEN = "given"
"""The parameter that `among_given` reads."""


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
        execute_many(
            connection, upsert(connection, table, tuple(rows[0]), key=key), [tuple(row.values()) for row in rows]
        )


def upsert(
    connection: Connection, table: Table, columns: Sequence[str], *, key: Sequence[str] | None = None
) -> tuple[Insert, tuple[str, ...]]:
    """The statement of `put`, and the columns in the order of its rows."""
    names = list(key or (column.name for column in table.primary_key))
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table)
    changed = {name: statement.excluded[name] for name in columns if name not in names}
    return statement.on_conflict_do_update(index_elements=names, set_=changed), tuple(columns)


def upsert_added(connection: Connection, table: Table, columns: Sequence[str]) -> tuple[Insert, tuple[str, ...]]:
    """Like `upsert`, for numbers: where a row with the same primary key is there, the new values are added to it."""
    names = [column.name for column in table.primary_key]
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table)
    changed = {name: table.c[name] + statement.excluded[name] for name in columns if name not in names}
    return statement.on_conflict_do_update(index_elements=names, set_=changed), tuple(columns)


def execute_many(
    connection: Connection,
    statement: tuple[Insert | Update | Delete, tuple[str, ...]],
    rows: Sequence[tuple[Any, ...]],
) -> None:
    """Run a statement once a row.

    SQLAlchemy would handle each value of each row in Python, which costs more than the database does. Here it writes
    the statement, and the driver takes the rows as they are: so values must be of types that the driver knows.

    Parameters
    ----------
    connection
        In a transaction.
    statement
        What to run, and the names of its parameters in the order of the rows' values.
    rows
        None is fine.
    """
    if not rows:
        return
    what, names = statement
    compiled = what.compile(dialect=connection.dialect, column_keys=list(names))
    if compiled.positiontup is None:
        connection.exec_driver_sql(str(compiled), [dict(zip(names, row, strict=True)) for row in rows])
        return
    order = [names.index(name) for name in compiled.positiontup]
    if order != list(range(len(names))):
        rows = [tuple(row[position] for position in order) for row in rows]
    connection.exec_driver_sql(str(compiled), list(rows))


def among_given(connection: Connection) -> Select[Any]:
    """A question that answers the texts of one parameter, `GIVEN`; use it in ``column.in_(...)``."""
    if connection.dialect.name == "postgresql":
        return select(func.json_array_elements_text(cast(bindparam(GIVEN), JSON)).column_valued("value"))
    return select(func.json_each(bindparam(GIVEN)).table_valued("value").c.value)


def given(texts: Sequence[str]) -> str:
    """The value of `GIVEN` for these texts."""
    return msgspec.json.encode(texts).decode()
