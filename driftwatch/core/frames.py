"""From the frames that users have to the columns that driftwatch counts.

pandas and Polars frames, Arrow tables and record batches, and mappings of arrays or lists are told apart by where
their types come from: none of those packages is imported here. Reading happens in two steps, because a column's
kind is the schema's decision: `table_from` reads each column as it is, and `to_table` makes of it what a schema
asks for.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.column_reading import as_names, as_numbers, as_times
from driftwatch.core.foreign_columns import home_of, raw_column
from driftwatch.core.raw_column import RawColumn
from driftwatch.core.records import ColumnKind, ColumnRole
from driftwatch.core.schema import Column, Schema
from driftwatch.core.table import Ages, Names, Numbers, Table, Values
from driftwatch.errors import EventError, InputError

ALL_ROLES = frozenset(ColumnRole)
FEATURES = frozenset({ColumnRole.FEATURE})


@dataclass(frozen=True, slots=True, eq=False)
class RawTable:
    """The columns of a frame as they came, of equal length, by name."""

    columns: Mapping[str, RawColumn]
    n_rows: int


def column_names(data: Any, *, error: type[InputError] = EventError) -> list[str]:
    """The names of a frame's columns, in its order.

    Raises
    ------
    InputError
        Of the type ``error``: if ``data`` is nothing that columns can be read from.
    """
    return [str(name) for name in columns_of(data, error)]


def table_from(data: Any, columns: Collection[str] | None = None, *, error: type[InputError] = EventError) -> RawTable:
    """Read the columns of a frame, each as it is.

    Parameters
    ----------
    data
        A pandas or Polars frame, an Arrow table or record batch, a mapping of names to arrays, series or lists,
        or a `Table`.
    columns
        Read only these; all by default. Names that are not there are passed over.
    error
        Which error to raise.

    Returns
    -------
    RawTable
        Nullable and Arrow-backed types, categoricals, ``Decimal``, datetimes and columns of nothing but None
        included. What cannot be measured (lists, structures) is there as `RawKind.OPAQUE`.

    Raises
    ------
    InputError
        Of the type ``error``: if ``data`` is nothing that columns can be read from, two columns have one name,
        or lengths differ.

    Examples
    --------
    >>> raw = table_from({"x": [1, None, 3], "y": ["a", "b", None]})
    >>> raw.n_rows, raw.columns["x"].kind.value, raw.columns["y"].kind.value
    (3, 'integer', 'text')
    """
    if isinstance(data, RawTable):
        kept = {name: raw for name, raw in data.columns.items() if columns is None or name in columns}
        return RawTable(kept, data.n_rows)
    found: dict[str, RawColumn] = {}
    for name, values in columns_of(data, error).items():
        if columns is None or name in columns:
            found[name] = raw_column(values, name, error)
    n_rows = _length(data, found)
    for name, raw in found.items():
        if len(raw) != n_rows:
            raise error(
                f"it has {len(raw):,} values where other columns have {n_rows:,}.",
                field=name,
                remedy="Give columns of equal length.",
            )
    return RawTable(found, n_rows)


def to_table(
    data: Any,
    schema: Schema,
    roles: Collection[ColumnRole] = ALL_ROLES,
    *,
    required: Collection[ColumnRole] = FEATURES,
    error: type[InputError] = EventError,
) -> Table:
    """The columns that a schema knows, in the kinds that it gives them.

    Parameters
    ----------
    data
        As for `table_from`.
    schema
        Of the baseline. Columns that it does not know are left out.
    roles
        Convert only columns of these roles.
    required
        Roles whose columns must all be there; others are left out of the result where they are missing.
    error
        Which error to raise.

    Raises
    ------
    InputError
        Of the type ``error``, naming the column: if a required one is missing, or holds what cannot be read as
        its kind, such as the word ``"abc"`` in a column of numbers; if an age has no column of event times to be
        measured from.

    Examples
    --------
    >>> from driftwatch.core.records import Task
    >>> column = Column(name="x", kind=ColumnKind.NUMERIC, role=ColumnRole.FEATURE)
    >>> to_table({"x": ["1.5", None]}, Schema(task=Task.REGRESSION, columns=(column,)))["x"].to_list()
    [1.5, None]
    """
    event_time: NDArray[np.float64] | None = None
    if isinstance(data, Table) and _fits(data, schema):
        raw_names: Collection[str] = data.columns
        raw = None
    else:
        wanted = [column for column in schema.columns if column.role in roles]
        timestamp = schema.timestamp if any(column.is_age for column in wanted) else None
        raw = table_from(data, {timestamp or "", *(column.name for column in wanted)}, error=error)
        raw_names = raw.columns
        if timestamp is not None and timestamp in raw.columns:
            event_time = as_times(raw.columns[timestamp], timestamp, error)
    columns: dict[str, Values] = {}
    for column in schema.columns:
        if column.role not in roles:
            continue
        if column.name not in raw_names:
            if column.role in required:
                raise missing_column(column.name, column_names(data), error)
            continue
        if raw is None:
            columns[column.name] = data[column.name]
        elif column.is_age and event_time is None:
            raise no_event_time(column.name, schema.timestamp, error)
        else:
            columns[column.name] = converted(raw.columns[column.name], column, error, event_time)
    return Table(columns, len(data) if raw is None else raw.n_rows)


def converted(
    raw: RawColumn,
    column: Column,
    error: type[InputError] = EventError,
    event_time: NDArray[np.float64] | None = None,
) -> Values:
    """A column in the kind that the schema gives it; an age up to ``event_time`` (microseconds), unknown without.

    Raises
    ------
    InputError
        Of the type ``error``, if a value cannot be read as that kind.
    """
    if column.is_age:
        times = as_times(raw, column.name, error)
        return Ages.of(times, np.full(len(times), math.nan) if event_time is None else event_time)
    if column.kind is ColumnKind.NUMERIC:
        return as_numbers(raw, column.name, error)
    return as_names(raw, column.name, error)


def read_column(
    given: Mapping[str, Any], column: Column, timestamp: str | None, error: type[InputError] = EventError
) -> Values:
    """One column of a frame in the kind that the schema gives it; an age up to the time of its row.

    Parameters
    ----------
    given
        The frame's columns: `columns_of`.
    column, timestamp
        Of the schema.
    error
        Which error to raise.

    Raises
    ------
    InputError
        Of the type ``error``: if the column is not there or cannot be read as its kind, or an age has no times to be
        measured up to.
    """
    if column.name not in given:
        raise missing_column(column.name, [str(name) for name in given], error)
    raw = raw_column(given[column.name], column.name, error)
    if not column.is_age or isinstance(raw.values, Ages):
        return raw.values if isinstance(raw.values, Ages) else converted(raw, column, error)
    if timestamp is None or timestamp not in given:
        raise no_event_time(column.name, timestamp, error)
    event_time = as_times(raw_column(given[timestamp], timestamp, error), timestamp, error)
    if len(event_time) != len(raw):
        raise error(
            f"it has {len(raw):,} values where {timestamp!r} has {len(event_time):,}.",
            field=column.name,
            remedy="Give columns of equal length.",
        )
    return converted(raw, column, error, event_time)


def no_event_time(name: str, timestamp: str | None, error: type[InputError]) -> InputError:
    """The error for a time whose age cannot be told, since the time of its row is not there."""
    return error(
        f"its age cannot be told without the time of each row, {timestamp!r}.",
        field=name,
        remedy=f"Give the column {timestamp!r} too.",
    )


def missing_column(name: str, existing: Sequence[str], error: type[InputError], of: str = "the data") -> InputError:
    """The error for a column that is not there; its remedy names the one that may have been meant."""
    close = get_close_matches(name, existing, n=1)
    if close:
        remedy = f"Did you mean {close[0]!r}?"
    else:
        shown = ", ".join(existing[:12]) + (", ..." if len(existing) > 12 else "")
        remedy = f"Its columns are: {shown}." if existing else "It has no columns."
    return error(f"{of} has no such column.", field=name, remedy=remedy)


def _fits(table: Table, schema: Schema) -> bool:
    """Whether a table's columns already are of the schema's kinds."""
    return all(
        isinstance(table[column.name], Numbers if column.kind is ColumnKind.NUMERIC else Names)
        for column in schema.columns
        if column.name in table
    )


def columns_of(data: Any, error: type[InputError] = EventError) -> Mapping[str, Any]:
    """The columns of a frame by name, none of them read yet: `driftwatch.core.foreign_columns.raw_column` reads one.

    Raises
    ------
    InputError
        Of the type ``error``: if ``data`` is nothing that columns can be read from, or two columns have one name.
    """
    home = home_of(data)
    if isinstance(data, RawTable | Table):
        return data.columns
    if home == "polars" and hasattr(data, "collect"):
        raise error("a lazy frame has no rows yet.", remedy="Call .collect() on it first.")
    pairs: list[tuple[Any, Any]]
    if home == "pandas" and hasattr(data, "iloc") and hasattr(data, "columns"):
        pairs = [(name, data.iloc[:, position]) for position, name in enumerate(data.columns)]
    elif home == "polars" and hasattr(data, "get_columns"):
        pairs = [(series.name, series) for series in data.get_columns()]
    elif home == "pyarrow" and hasattr(data, "schema") and hasattr(data, "column"):
        pairs = [(name, data.column(position)) for position, name in enumerate(data.schema.names)]
    elif isinstance(data, Mapping):
        pairs = list(data.items())
    else:
        raise error(
            f"columns cannot be read from {type(data).__name__!r}.",
            remedy="Give a pandas or Polars frame, an Arrow table, or a mapping of names to arrays.",
        )
    columns = {str(name): values for name, values in pairs}
    if len(columns) < len(pairs):
        names = [str(name) for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise error("two columns have this name.", field=twice, remedy="Rename one of them.")
    return columns


def _length(data: Any, found: Mapping[str, RawColumn]) -> int:
    if found:
        return len(next(iter(found.values())))
    if isinstance(data, RawTable):
        return data.n_rows
    if isinstance(data, Mapping):
        return len(next(iter(data.values()), ()))
    return data.num_rows if hasattr(data, "num_rows") else len(data)
