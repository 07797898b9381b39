"""Insert or replace, in the database's own words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


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
    if not rows:
        return
    names = list(key or (column.name for column in table.primary_key))
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table)
    changed = {name: statement.excluded[name] for name in rows[0] if name not in names}
    connection.execute(statement.on_conflict_do_update(index_elements=names, set_=changed), rows)
