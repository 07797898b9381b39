"""The rows of a call: copied while the caller waits, read afterwards.

Two steps, because the caller pays for the first only. :func:`copied` takes what is needed to know the rows later,
whatever the caller does to them meanwhile; the methods of what it returns run in the background and give rows as
JSON has them. Libraries are recognised by what their objects can do: none is imported here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from driftwatch.capture.values import JsonValue, array_list, plain, plain_list, plain_mapping

Features = dict[str, JsonValue]


class UnreadableRows(Exception):
    """Something that rows cannot be made of. It never leaves this package."""


class Rows(Protocol):
    """Copied rows: about ``size_bytes`` in memory, the first of ``total`` rows."""

    size_bytes: int
    total: int

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


class ArrayRows:
    """A NumPy array, as its bytes: lighter and quicker than a copy."""

    __slots__ = ("data", "dtype", "shape", "size_bytes", "total")

    def __init__(self, data: bytes, dtype: Any, shape: tuple[int, ...], total: int) -> None:
        self.data = data
        self.dtype = dtype
        self.shape = shape
        self.size_bytes = len(data)
        self.total = total

    def features(self, names: Sequence[str] | None, count: int) -> list[Features]:
        """See :class:`Rows`."""
        return _named_rows(self.values(), names, count)

    def values(self) -> list[Any]:
        """See :class:`Rows`."""
        import numpy as np

        return array_list(np.frombuffer(self.data, self.dtype).reshape(self.shape)) if self.data else []

    def same_as(self, other: Rows) -> bool:
        """See :class:`Rows`."""
        return isinstance(other, ArrayRows) and self.shape == other.shape and self.data == other.data


class FrameRows:
    """A data frame of pandas or Polars, or an Arrow table; ``columns`` reads it as names and lists."""

    __slots__ = ("columns", "frame", "size_bytes", "total")

    def __init__(self, frame: Any, columns: Callable[[Any], dict[str, list[JsonValue]]], total: int) -> None:
        self.frame = frame
        self.columns = columns
        self.total = total
        self.size_bytes = 16 * len(frame) * len(frame.columns)

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


class ColumnRows:
    """A mapping of column names to lists or arrays."""

    __slots__ = ("columns", "size_bytes", "total")

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


class ListRows:
    """Plain Python: a list whose rows are mappings, sequences or single values."""

    __slots__ = ("rows", "size_bytes", "total")

    def __init__(self, rows: list[Any], total: int) -> None:
        self.rows = rows
        self.total = total
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


def copied(data: Any, most: int) -> Rows:
    """Copy the first ``most`` rows of anything that models take or return.

    NumPy arrays (and what turns into one, such as a tensor), pandas and Polars frames and series, Arrow
    tables, lists of mappings, of sequences or of values, mappings of columns, a mapping that is one row, and a
    single value.

    Raises
    ------
    UnreadableRows
        For anything else, such as a sparse matrix or a masked array.
    """
    kind = type(data)
    copier = _COPIERS.get(kind)
    if copier is None:
        copier = _copier_for(kind)
        if len(_COPIERS) < _MOST_KINDS:
            _COPIERS[kind] = copier
    return copier(data, most)


_COPIERS: dict[type, Callable[[Any, int], Rows]] = {}
_MOST_KINDS = 1_000


def _copier_for(kind: type) -> Callable[[Any, int], Rows]:  # noqa: PLR0911 - one line a kind of object
    has = [*dir(kind)]
    library = kind.__module__.partition(".")[0]
    if issubclass(kind, str | bytes | int | float | bool | type(None)):
        return _copied_value
    if issubclass(kind, Mapping):
        return _copied_mapping
    if issubclass(kind, list | tuple):
        return _copied_list
    if library == "numpy":
        if kind.__name__ == "ndarray":
            return _copied_array
        if any(base.__name__ == "generic" for base in kind.__mro__):
            return _copied_value
    if library == "polars" and "clone" in has:
        return _copied_polars
    if "iloc" in has:
        return _copied_pandas
    if "to_pydict" in has and "slice" in has:
        return _copied_arrow
    if "detach" in has:
        return _copied_tensor
    # A masked array would show what its mask hides.
    if "__array__" in has and "filled" not in has:
        return _copied_as_array
    return _refused


def _copied_value(data: Any, most: int) -> Rows:
    return ListRows([data], 1)


def _refused(data: Any, most: int) -> Rows:
    raise UnreadableRows(f"rows of type {type(data).__qualname__}")


def _copied_array(data: Any, most: int) -> Rows:
    shape = data.shape
    if not shape:
        return ListRows([data.item()], 1)
    total = shape[0]
    if total > most:
        data = data[:most]
        shape = data.shape
    dtype = data.dtype
    if dtype.kind in "OV":
        if dtype.names is not None:
            return ColumnRows({name: _copied_array(data[name], most) for name in dtype.names})
        return ListRows(data.tolist(), total)
    return ArrayRows(data.tobytes(), dtype, shape, total)


def _copied_as_array(data: Any, most: int) -> Rows:
    import numpy as np

    return _copied_array(np.asarray(data), most)


def _copied_tensor(data: Any, most: int) -> Rows:
    return _copied_as_array(data.detach().cpu(), most)


def _copied_pandas(data: Any, most: int) -> Rows:
    total = len(data)
    if total > most:
        data = data.iloc[:most]
    if not hasattr(data, "columns"):
        data = data.to_frame()
    return FrameRows(data.copy(), _pandas_columns, total)


def _copied_polars(data: Any, most: int) -> Rows:
    total = len(data)
    if total > most:
        data = data.head(most)
    return FrameRows(data.clone() if hasattr(data, "columns") else data.to_frame(), _polars_columns, total)


def _copied_arrow(data: Any, most: int) -> Rows:
    return FrameRows(data.slice(0, most), _arrow_columns, len(data))


def _copied_mapping(data: Any, most: int) -> Rows:
    if data and all(hasattr(value, "__len__") and not isinstance(value, str | bytes) for value in data.values()):
        return ColumnRows({str(name): copied(value, most) for name, value in data.items()})
    return ListRows([dict(data)], 1)


def _copied_list(data: Any, most: int) -> Rows:
    return ListRows([_copied_row(row) for row in data[:most]], len(data))


def _copied_row(row: Any) -> Any:
    if isinstance(row, Mapping):
        return dict(row)
    if isinstance(row, list | tuple):
        return list(row)
    if getattr(row, "ndim", 0) == 1 and hasattr(row, "tolist"):
        return list(row.tolist())
    return row


def _pandas_columns(frame: Any) -> dict[str, list[JsonValue]]:
    columns: dict[str, list[JsonValue]] = {}
    for position, name in enumerate(frame.columns):
        series = frame.iloc[:, position]
        # NumPy's own dtypes are read at once; pandas' (categories, texts, nullable numbers) value by value.
        native = type(series.dtype).__module__.startswith("numpy") and series.dtype.kind in "biufmM"
        columns[str(name)] = array_list(series.to_numpy()) if native else plain_list(series.tolist())
    return columns


def _polars_columns(frame: Any) -> dict[str, list[JsonValue]]:
    return {name: plain_list(values) for name, values in frame.to_dict(as_series=False).items()}


def _arrow_columns(table: Any) -> dict[str, list[JsonValue]]:
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


__all__ = ["ArrayRows", "Features", "Rows", "UnreadableRows", "copied"]
