"""The rows of a call, as they were copied: read in the background, and given as JSON has them.

Libraries are recognised by what their objects can do: none is imported here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from driftwatch.capture.values import JsonValue, array_list, plain, plain_list, plain_mapping

Features = dict[str, JsonValue]


class UnreadableRows(Exception):
    """Something that rows cannot be made of. It never leaves this package."""


class Rows(Protocol):
    """Copied rows: about ``size_bytes`` in memory, the first of ``total`` rows."""

    size_bytes: int
    total: int
    named: bool
    """Whether the columns bring their names."""

    def features(self, names: Sequence[str] | None, count: int) -> list[Features]:
        """One mapping a row, of ``count`` rows; ``names`` are the model's columns, where they are known.

        Raises
        ------
        UnreadableRows
            If these are not ``count`` rows, or have other columns than ``names``.
        """
        ...

    def values(self) -> list[Any]:
        """The rows as plain values or, where a row has several, lists of them."""
        ...

    def same_as(self, other: Rows) -> bool:
        """Whether both were copied from equal rows."""
        ...


class Form(Protocol):
    """What rows are like: about ``size_bytes`` in memory, the first of ``total`` rows.

    ``named`` says whether their columns bring names.
    """

    size_bytes: int
    total: int
    named: bool

    def opened(self, data: bytes | None) -> Rows:
        """The rows; ``data`` are the bytes that were copied, where the form is one of many rows."""
        ...


class ArrayForm:
    """What all arrays of a kind have in common: ``total`` rows, of which ``shape`` says how many are copied.

    One for many calls: an array is then its bytes and nothing else, which is lighter and quicker than a copy.
    """

    __slots__ = ("dtype", "shape", "size_bytes", "total")

    named = False

    def __init__(self, dtype: Any, shape: tuple[int, ...], total: int, size_bytes: int) -> None:
        self.dtype = dtype
        self.shape = shape
        self.total = total
        self.size_bytes = size_bytes

    def opened(self, data: bytes | None) -> Rows:
        """The rows with these bytes."""
        return ArrayRows(data or b"", self)


class ArrayRows:
    """A NumPy array, as its bytes."""

    __slots__ = ("data", "form", "size_bytes", "total")

    named = False

    def __init__(self, data: bytes, form: ArrayForm) -> None:
        self.data = data
        self.form = form
        self.size_bytes = len(data)
        self.total = form.total

    def features(self, names: Sequence[str] | None, count: int) -> list[Features]:
        """See :class:`Rows`."""
        return _named_rows(self.values(), names, count)

    def values(self) -> list[Any]:
        """See :class:`Rows`."""
        import numpy as np

        return array_list(np.frombuffer(self.data, self.form.dtype).reshape(self.form.shape)) if self.data else []

    def same_as(self, other: Rows) -> bool:
        """See :class:`Rows`."""
        return isinstance(other, ArrayRows) and self.form.shape == other.form.shape and self.data == other.data


class _OwnForm:
    """Rows of which each call has its own."""

    __slots__ = ()

    def opened(self, data: bytes | None) -> Any:
        """The rows: there is nothing else to them."""
        return self


class FrameRows(_OwnForm):
    """A data frame of pandas or Polars, or an Arrow table; ``columns`` reads it as names and lists."""

    __slots__ = ("columns", "frame", "size_bytes", "total")

    named = True

    def __init__(self, frame: Any, columns: Callable[[Any], dict[str, list[JsonValue]]], total: int) -> None:
        self.frame = frame
        self.columns = columns
        self.total = total
        # A frame of pandas of one row and twenty columns was measured to take 5.3 kB.
        self.size_bytes = 5_120 + 16 * len(frame) * len(frame.columns)

    def features(self, names: Sequence[str] | None, count: int) -> list[Features]:
        """See :class:`Rows`."""
        return _rows_of_columns(self.columns(self.frame), names, count)

    def values(self) -> list[Any]:
        """See :class:`Rows`."""
        columns = list(self.columns(self.frame).values())
        return columns[0] if len(columns) == 1 else [list(row) for row in zip(*columns, strict=True)]

    def same_as(self, other: Rows) -> bool:
        """See :class:`Rows`."""
        return isinstance(other, FrameRows) and bool(self.frame.equals(other.frame))


class ColumnRows(_OwnForm):
    """A mapping of column names to lists or arrays."""

    __slots__ = ("columns", "size_bytes", "total")

    named = True

    def __init__(self, columns: dict[str, Rows]) -> None:
        self.columns = columns
        self.total = max(column.total for column in columns.values())
        self.size_bytes = sum(column.size_bytes for column in columns.values())

    def features(self, names: Sequence[str] | None, count: int) -> list[Features]:
        """See :class:`Rows`."""
        return _rows_of_columns({name: column.values() for name, column in self.columns.items()}, names, count)

    def values(self) -> list[Any]:
        """See :class:`Rows`."""
        return [list(row) for row in zip(*(column.values() for column in self.columns.values()), strict=True)]

    def same_as(self, other: Rows) -> bool:
        """See :class:`Rows`."""
        return (
            isinstance(other, ColumnRows)
            and self.columns.keys() == other.columns.keys()
            and all(column.same_as(other.columns[name]) for name, column in self.columns.items())
        )


class ListRows(_OwnForm):
    """Plain Python: a list whose rows are mappings, sequences or single values."""

    __slots__ = ("named", "rows", "size_bytes", "total")

    def __init__(self, rows: list[Any], total: int) -> None:
        self.rows = rows
        self.total = total
        self.named = bool(rows) and isinstance(rows[0], dict)
        width = len(rows[0]) if rows and isinstance(rows[0], dict | list) else 1
        self.size_bytes = 32 * len(rows) * width

    def features(self, names: Sequence[str] | None, count: int) -> list[Features]:
        """See :class:`Rows`."""
        if not self.rows or not isinstance(self.rows[0], dict):
            return _named_rows(self.values(), names, count)
        if len(self.rows) != count:
            raise UnreadableRows(f"{len(self.rows)} rows for {count} predictions")
        rows = [plain_mapping(row) for row in self.rows]
        return rows if names is None else [{name: row[name] for name in names if name in row} for row in rows]

    def values(self) -> list[Any]:
        """See :class:`Rows`."""
        return [
            plain_list(row) if isinstance(row, list) else row.values() if isinstance(row, ArrayRows) else plain(row)
            for row in self.rows
        ]

    def same_as(self, other: Rows) -> bool:
        """See :class:`Rows`."""
        return isinstance(other, ListRows) and self.rows == other.rows


def pandas_columns(frame: Any) -> dict[str, list[JsonValue]]:
    """The columns of a frame of pandas by name."""
    columns: dict[str, list[JsonValue]] = {}
    for position, name in enumerate(frame.columns):
        series = frame.iloc[:, position]
        # NumPy's own dtypes are read at once; pandas' (categories, texts, nullable numbers) value by value.
        native = type(series.dtype).__module__.startswith("numpy") and series.dtype.kind in "biufmM"
        columns[str(name)] = array_list(series.to_numpy()) if native else plain_list(series.tolist())
    return columns


def polars_columns(frame: Any) -> dict[str, list[JsonValue]]:
    """The columns of a frame of Polars by name."""
    return {name: plain_list(values) for name, values in frame.to_dict(as_series=False).items()}


def arrow_columns(table: Any) -> dict[str, list[JsonValue]]:
    """The columns of an Arrow table by name."""
    return {name: plain_list(values) for name, values in table.to_pydict().items()}


def _rows_of_columns(columns: dict[str, list[JsonValue]], names: Sequence[str] | None, count: int) -> list[Features]:
    if names is not None and any(name in columns for name in names):
        columns = {name: columns[name] for name in names if name in columns}
    for name, values in columns.items():
        if len(values) != count:
            raise UnreadableRows(f"{len(values)} values in column {name!r} for {count} predictions")
    if not columns:
        return [{} for _ in range(count)]
    keys = tuple(columns)
    return [dict(zip(keys, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _named_rows(values: list[Any], names: Sequence[str] | None, count: int) -> list[Features]:
    """Rows without names get the model's, or ``x0``, ``x1`` and so on."""
    if len(values) == count:
        rows = [row if isinstance(row, list) else [row] for row in values]
    elif count == 1:
        rows = [values]
    else:
        raise UnreadableRows(f"{len(values)} rows for {count} predictions")
    width = len(rows[0]) if rows else 0
    if any(len(row) != width for row in rows):
        raise UnreadableRows("rows of unequal length")
    keys = names if names is not None else [f"x{position}" for position in range(width)]
    if len(keys) != width:
        raise UnreadableRows(f"{width} columns for {len(keys)} feature names")
    if any(isinstance(value, list) for value in rows[0]):
        raise UnreadableRows("rows with more than one dimension")
    return [dict(zip(keys, row, strict=True)) for row in rows]


__all__ = [
    "ArrayForm", "ArrayRows", "ColumnRows", "Features", "Form", "FrameRows", "ListRows", "Rows", "UnreadableRows",
    "arrow_columns", "pandas_columns", "polars_columns",
]  # fmt: skip
