"""The inputs of a model as columns, from rows or columns of JSON values."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from driftwatch.errors import EventError
from driftwatch.wire.native import MAX_EVENTS

Value = int | float | str | bool | None

MAX_COLUMNS = 10_000
"""Most columns of one request."""

_SCALARS = frozenset({int, float, str, bool, type(None)})
_DEEPEST = 8


@dataclass(frozen=True, slots=True, eq=False)
class InputTable:
    """Columns of ``n_rows`` values each. ``names`` is None where the columns are known by their position alone."""

    n_rows: int
    names: tuple[str, ...] | None
    columns: tuple[Sequence[Value], ...]


def table(names: Sequence[str] | None, columns: Sequence[Sequence[Value]], n_rows: int) -> InputTable:
    """Columns as a table.

    Raises
    ------
    EventError
        If they are too many, of unequal length, or two have the same name.
    """
    if n_rows > MAX_EVENTS:
        raise EventError(f"The request holds more than {MAX_EVENTS:,} rows.")
    if len(columns) > MAX_COLUMNS:
        raise EventError(f"The request holds more than {MAX_COLUMNS:,} columns.")
    if names is not None and (len(names) != len(columns) or len(set(names)) != len(names)):
        raise EventError("The columns' names are not one a column.")
    if any(len(column) != n_rows for column in columns):
        raise EventError("The columns are of unequal length.")
    return InputTable(n_rows, None if names is None else tuple(names), tuple(columns))


def from_rows(rows: Any, names: Sequence[str] | None = None) -> InputTable:
    """Rows that are objects (then they bring the names), lists, or single values.

    An object's lists and objects are spread over columns with names such as ``address.city`` and ``pixels.0``; a
    list of one value is that value; an object with one list alone is a row without names.

    Raises
    ------
    EventError
        If they are no rows of such a kind.

    Examples
    --------
    >>> from_rows([{"a": 1, "b": [2, 3]}, {"a": 4, "b": [5, 6]}]).names
    ('a', 'b.0', 'b.1')
    """
    if not isinstance(rows, list):
        raise EventError("The rows are no list.")
    if len(rows) > MAX_EVENTS:
        raise EventError(f"The request holds more than {MAX_EVENTS:,} rows.")
    if not rows:
        return InputTable(0, None, ())
    if isinstance(rows[0], dict):
        return _from_objects(rows)
    lists = [row if isinstance(row, list) else [row] for row in rows]
    width = len(lists[0])
    if any(len(row) != width for row in lists):
        raise EventError("The rows are of unequal length.")
    if len(lists) < width:
        # Mostly it is a single row: its values are looked at together.
        return table(names, [*map(list, zip(*map(values_of, lists), strict=True))], len(rows))
    return table(names, [values_of(column) for column in zip(*lists, strict=True)], len(rows))


def from_columns(columns: Mapping[str, Any]) -> InputTable:
    """An object of columns, each a list with a value a row; of single values alone, it is one row.

    Raises
    ------
    EventError
        If they are no such columns.

    Examples
    --------
    >>> from_columns({"a": [1, 2], "b": [[3], [4]]}).columns
    ([1, 2], [3, 4])
    """
    if columns and not any(isinstance(column, list) for column in columns.values()):
        return _from_objects([columns])
    names: list[str] = []
    found: list[Sequence[Value]] = []
    n_rows = 0
    for name, column in columns.items():
        if not isinstance(column, list):
            raise EventError("is no list.", field=name[:256])
        inner = from_rows(column)
        n_rows = inner.n_rows
        found += inner.columns
        inner_names = inner.names or [str(position) for position in range(len(inner.columns))]
        names += [name] if inner.names is None and len(inner.columns) == 1 else [f"{name}.{one}" for one in inner_names]
    if len(columns) == 1 and len(found) > 1:
        return table(None, found, n_rows)
    return table(names, found, n_rows)


def flattened(row: Mapping[str, Any]) -> dict[str, Value]:
    """An object with its inner objects and lists spread out.

    Raises
    ------
    EventError
        If it is nested too deeply, or too wide.

    Examples
    --------
    >>> flattened({"a": {"b": 1, "c": [True, None]}, "d": [5]})
    {'a.b': 1, 'a.c.0': True, 'a.c.1': None, 'd': 5}
    """
    found: dict[str, Value] = {}
    _spread(row.items(), "", found, 0)
    return found


def values_of(column: Iterable[Any]) -> list[Value]:
    """The values, each of a kind that an event can have: integers beyond 64 bits become floats.

    Raises
    ------
    EventError
        If one of them is a list or an object.
    """
    values = list(column)
    kinds = set(map(type, values))
    if not kinds <= _SCALARS:
        values = [one[0] if isinstance(one, list) and len(one) == 1 else one for one in values]
        kinds = set(map(type, values))
        if not kinds <= _SCALARS:
            raise EventError("holds values that are lists or objects.")
    if int in kinds and (max(map(_size, values)) > 2**63 - 1):
        return [_fitting(one) for one in values]
    if float in kinds:
        return [_fitting(one) for one in values]
    return values


def _from_objects(rows: Sequence[Any]) -> InputTable:
    if not all(isinstance(row, dict) for row in rows):
        raise EventError("The rows are not all objects.")
    if all(len(row) == 1 for row in rows):
        lists = [next(iter(row.values())) for row in rows]
        if all(isinstance(one, list) and len(one) > 1 for one in lists):
            return from_rows(lists)
    flat = [flattened(row) for row in rows]
    names = list(dict.fromkeys(name for row in flat for name in row))
    if len(names) > MAX_COLUMNS or len(names) * len(flat) > MAX_EVENTS * 100:
        raise EventError("The rows have too many columns.")
    return table(names, [values_of(row.get(name) for row in flat) for name in names], len(flat))


def _spread(items: Iterable[tuple[str, Any]], prefix: str, found: dict[str, Value], depth: int) -> None:
    if depth > _DEEPEST:
        raise EventError("The rows are nested too deeply.")
    for key, given in items:
        name = f"{prefix}{key}"
        value = given[0] if isinstance(given, list) and len(given) == 1 else given
        if isinstance(value, dict):
            _spread(value.items(), f"{name}.", found, depth + 1)
        elif isinstance(value, list):
            _spread(((str(position), one) for position, one in enumerate(value)), f"{name}.", found, depth + 1)
        else:
            if len(found) >= MAX_COLUMNS:
                raise EventError(f"The request holds more than {MAX_COLUMNS:,} columns.")
            found[name] = value


def _size(value: Value) -> int:
    return abs(value) if type(value) is int else 0


def _fitting(value: Value) -> Value:
    """JSON has no NaN and no infinity, and the service's integers have 64 bits."""
    if type(value) is int and not -(2**63) <= value < 2**63:
        try:
            value = float(value)
        except OverflowError:
            return "Infinity" if value > 0 else "-Infinity"
    if type(value) is float and not math.isfinite(value):
        return None if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


__all__ = ["MAX_COLUMNS", "InputTable", "Value", "flattened", "from_columns", "from_rows", "table", "values_of"]
