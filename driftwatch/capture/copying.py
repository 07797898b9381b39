"""Rows copied while the caller waits: what is needed to know them later, whatever the caller does to them meanwhile.

The caller pays for this, so nothing is read here that can be read in the background.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from driftwatch.capture.rows import (
    ArrayForm,
    ColumnRows,
    Form,
    FrameRows,
    ListRows,
    Rows,
    UnreadableRows,
    arrow_columns,
    pandas_columns,
    polars_columns,
)

Copy = tuple[bytes | None, Form]
"""The bytes of an array with its form, or None with rows that are their own form."""

_MOST_KINDS = 1_000


class StillRunning(Exception):
    """What a model gave is no result yet: it has to be awaited. It never leaves this package."""


def copied(data: Any, most: int) -> Copy:
    """Copy the first ``most`` rows of anything that models take or return.

    NumPy arrays (and what turns into one, such as a tensor), pandas and Polars frames and series, Arrow
    tables, lists of mappings, of sequences or of values, mappings of columns, a mapping that is one row, records with
    fields (data classes, pydantic's models, msgspec's structures), and a single value.

    Raises
    ------
    UnreadableRows
        For anything else, such as a sparse matrix or a masked array.
    StillRunning
        For what has to be awaited.
    """
    kind = type(data)
    copier = COPIERS.get(kind)
    if copier is None:
        copier = _copier_for(kind)
        if len(COPIERS) < _MOST_KINDS:
            COPIERS[kind] = copier
    return copier(data, most)


def copied_rows(data: Any, most: int) -> Rows:
    """The rows that :func:`copied` gives, to read at once; raises like it."""
    taken, form = copied(data, most)
    return form.opened(taken)


def one_row(values: Mapping[str, Any]) -> Copy:
    """A single row of named values, such as the arguments of a function.

    Raises
    ------
    UnreadableRows
        If one of them is no single value.
    """
    for name, value in values.items():
        if hasattr(value, "__len__") and not isinstance(value, str | bytes):
            raise UnreadableRows(f"an argument {name!r} that is no single value")
    return None, ListRows([dict(values)], 1)


# Read and written by any thread: each entry is made of its key alone, so that it does not matter who writes it last.
COPIERS: dict[type, Callable[[Any, int], Copy]] = {}
"""What copies objects of a class, for classes that came before."""

_FORMS: dict[tuple[Any, tuple[int, ...]], ArrayForm] = {}


def _copier_for(kind: type) -> Callable[[Any, int], Copy]:  # noqa: PLR0911 - one line a kind of object
    has = frozenset(dir(kind))
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
    if "model_dump" in has:
        return _copied_model
    if "__dataclass_fields__" in has:
        return _copied_record_with(tuple(kind.__dataclass_fields__))  # type: ignore[attr-defined]
    if "__struct_fields__" in has:
        return _copied_record_with(tuple(kind.__struct_fields__))  # type: ignore[attr-defined]
    if "__await__" in has or any(base.__module__ == "concurrent.futures._base" for base in kind.__mro__):
        return _not_yet
    return _refused


def _copied_value(data: Any, most: int) -> Copy:
    return None, ListRows([data], 1)


def _refused(data: Any, most: int) -> Copy:
    raise UnreadableRows(f"rows of type {type(data).__qualname__}")


def _not_yet(data: Any, most: int) -> Copy:
    raise StillRunning


def _copied_array(data: Any, most: int) -> Copy:
    form = _FORMS.get((data.dtype, data.shape))
    if form is not None and form.total <= most:
        return data.tobytes(), form
    return _copied_new_array(data, most)


def _copied_new_array(data: Any, most: int) -> Copy:
    shape = data.shape
    if not shape:
        return None, ListRows([data.item()], 1)
    total = shape[0]
    if total > most:
        data = data[:most]
    dtype = data.dtype
    if dtype.kind in "OV":
        if dtype.names is not None:
            return None, ColumnRows({name: copied_rows(data[name], most) for name in dtype.names})
        return None, ListRows(data.tolist(), total)
    form = ArrayForm(dtype, data.shape, total, data.nbytes)
    if total <= most and len(_FORMS) < _MOST_KINDS:
        _FORMS[dtype, shape] = form
    return data.tobytes(), form


def _copied_as_array(data: Any, most: int) -> Copy:
    import numpy as np

    return _copied_array(np.asarray(data), most)


def _copied_tensor(data: Any, most: int) -> Copy:
    return _copied_as_array(data.detach().cpu(), most)


def _copied_pandas(data: Any, most: int) -> Copy:
    total = len(data)
    if total > most:
        data = data.iloc[:most]
    if not hasattr(data, "columns"):
        data = data.to_frame()
    return None, FrameRows(data.copy(), pandas_columns, total)


def _copied_polars(data: Any, most: int) -> Copy:
    total = len(data)
    if total > most:
        data = data.head(most)
    return None, FrameRows(data.clone() if hasattr(data, "columns") else data.to_frame(), polars_columns, total)


def _copied_arrow(data: Any, most: int) -> Copy:
    return None, FrameRows(data.slice(0, most), arrow_columns, len(data))


def _copied_mapping(data: Any, most: int) -> Copy:
    if data and all(hasattr(value, "__len__") and not isinstance(value, str | bytes) for value in data.values()):
        return None, ColumnRows({str(name): copied_rows(value, most) for name, value in data.items()})
    return None, ListRows([dict(data)], 1)


def _copied_model(data: Any, most: int) -> Copy:
    return _copied_mapping(data.model_dump(), most)


def _copied_record_with(fields: tuple[str, ...]) -> Callable[[Any, int], Copy]:
    def copied_record(data: Any, most: int) -> Copy:
        return _copied_mapping({name: getattr(data, name) for name in fields}, most)

    return copied_record


def _copied_list(data: Any, most: int) -> Copy:
    return None, ListRows([_copied_row(row) for row in data[:most]], len(data))


def _copied_row(row: Any) -> Any:
    if isinstance(row, Mapping):
        return dict(row)
    if isinstance(row, list | tuple):
        return list(row)
    if getattr(row, "ndim", 0) == 1 and hasattr(row, "tolist"):
        return list(row.tolist())
    if hasattr(row, "model_dump"):
        return dict(row.model_dump())
    return row


__all__ = ["COPIERS", "Copy", "StillRunning", "copied", "copied_rows", "one_row"]
