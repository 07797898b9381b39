"""Reads one column of pandas, Polars, Arrow, numpy or plain Python, importing none of them but numpy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.arrow_memory import flat_bits, flat_values, present_rows
from driftwatch.core.raw_column import RawColumn, RawKind
from driftwatch.core.table import MISSING_CODE, Names, Numbers, name_of
from driftwatch.errors import InputError

MICROSECONDS = 1_000_000
"""In a second."""

BOOLEAN_NAMES = ("false", "true")

_HOMES = ("pandas", "polars", "pyarrow")


def home_of(value: Any) -> str:
    """The package that a value's type comes from, if it is one of the three; its subclasses count."""
    for parent in type(value).__mro__:
        root = parent.__module__.partition(".")[0]
        if root in _HOMES:
            return root
    return ""


def raw_column(values: Any, name: str, error: type[InputError]) -> RawColumn:
    """Read one column as it is.

    Parameters
    ----------
    values
        A pandas or Polars series, an Arrow array, a numpy array, `Numbers`, `Names`, a list or a tuple.
    name
        For messages.
    error
        Which error to raise.

    Raises
    ------
    InputError
        Of the type ``error``, if ``values`` is no one-dimensional sequence.
    """
    if isinstance(values, RawColumn):
        return values
    if isinstance(values, Numbers):
        return RawColumn(RawKind.NUMBER, values)
    if isinstance(values, Names):
        return RawColumn(RawKind.BOOLEAN if set(values.names) <= set(BOOLEAN_NAMES) else RawKind.TEXT, values)
    home = home_of(values)
    if home == "pandas" and hasattr(values, "dtype"):
        return _from_pandas(values)
    if home == "polars" and hasattr(values, "dtype"):
        return _from_polars(values)
    if home == "pyarrow" and hasattr(values, "type"):
        return _from_arrow(values)
    if isinstance(values, np.ndarray):
        if values.ndim != 1:
            raise error(f"it has {values.ndim} dimensions.", field=name, remedy="Give one value a row.")
        return _from_numpy(values)
    if isinstance(values, Sequence) and not isinstance(values, str | bytes):
        return _from_objects(values)
    raise error(f"values cannot be read from {type(values).__name__!r}.", field=name, remedy="Give an array or a list.")


def _from_numpy(array: NDArray[Any]) -> RawColumn:
    if isinstance(array, np.ma.MaskedArray):
        return _from_objects(array.tolist())
    match array.dtype.kind:
        case "f":
            with np.errstate(over="ignore"):
                return RawColumn(RawKind.NUMBER, Numbers(np.ascontiguousarray(array, dtype=np.float64)))
        case "i" | "u":
            return RawColumn(RawKind.INTEGER, Numbers(array.astype(np.float64)))
        case "b":
            return RawColumn(RawKind.BOOLEAN, Names(array.astype(np.int32), BOOLEAN_NAMES))
        case "M":
            return _from_times(array)
        case "m":
            return _from_durations(array)
        case _:
            return _from_objects(array.tolist())


def _from_times(array: NDArray[Any]) -> RawColumn:
    microseconds = array.astype("datetime64[us]")
    times = microseconds.astype(np.int64).astype(np.float64)
    times[np.isnat(microseconds)] = math.nan
    return RawColumn(RawKind.TIME, Numbers(times))


def _from_durations(array: NDArray[Any]) -> RawColumn:
    microseconds = array.astype("timedelta64[us]")
    seconds = microseconds.astype(np.int64) / MICROSECONDS
    seconds[np.isnat(microseconds)] = math.nan
    return RawColumn(RawKind.NUMBER, Numbers(seconds))


def _from_pandas(series: Any) -> RawColumn:
    dtype = series.dtype
    if str(dtype) == "category":
        # A series keeps its categories behind an accessor, a bare array or index does not.
        coded = getattr(series, "cat", series)
        return _from_codes(np.asarray(coded.codes), coded.categories.tolist())
    kind = dtype.kind
    if isinstance(dtype, np.dtype) and kind in "iufbmM":
        return _from_numpy(series.to_numpy())
    if kind == "M":
        return _from_numpy(series.to_numpy(dtype="datetime64[us]", na_value=np.datetime64("NaT", "us")))
    if kind == "m":
        return _from_numpy(series.to_numpy(dtype="timedelta64[us]", na_value=np.timedelta64("NaT", "us")))
    if kind == "b":
        values = series.to_numpy(dtype="float64", na_value=math.nan)
        codes = np.where(np.isnan(values), MISSING_CODE, values == 1.0).astype(np.int32)
        return RawColumn(RawKind.BOOLEAN, Names(codes, BOOLEAN_NAMES))
    if kind in "iuf":
        numbers = Numbers(series.to_numpy(dtype="float64", na_value=math.nan))
        return RawColumn(RawKind.NUMBER if kind == "f" else RawKind.INTEGER, numbers)
    return _from_pandas_objects(series)


def _from_pandas_objects(series: Any) -> RawColumn:
    values = series.tolist()
    if not all(issubclass(kind, str) or _is_missing_type(kind) for kind in set(map(type, values))):
        return _from_objects(values)
    # Every value is text or missing: pandas finds the distinct ones faster than a dictionary here would.
    codes, distinct = series.factorize()
    if len(distinct) == 0:
        return _from_objects(values)
    return RawColumn(RawKind.TEXT, Names(np.asarray(codes).astype(np.int32), tuple(map(str, distinct))))


def _from_codes(codes: NDArray[Any], categories: list[Any]) -> RawColumn:
    if any(not isinstance(value, str | bool | int | float | np.generic) for value in categories):
        return _from_objects([None if code < 0 else categories[code] for code in codes.tolist()])
    names = Names.of([name_of(value) for value in categories])
    if len(names.names) == len(categories):
        return RawColumn(RawKind.CATEGORY, Names(codes.astype(np.int32), names.names))
    # Categories of one name (1 and "1") become one.
    lookup = np.append(names.codes, np.int32(MISSING_CODE))
    return RawColumn(RawKind.CATEGORY, Names(lookup[codes], names.names))


def _from_polars(series: Any) -> RawColumn:
    dtype = series.dtype
    text = str(dtype).partition("(")[0]
    if text in ("Categorical", "Enum"):
        return RawColumn(RawKind.CATEGORY, Names.of(series.to_list()))
    if dtype.is_integer():
        return RawColumn(RawKind.INTEGER, Numbers(series.to_numpy().astype(np.float64)))
    if dtype.is_float() or text in ("Date", "Datetime", "Duration") or (text == "Boolean" and not series.has_nulls()):
        return _from_numpy(series.to_numpy())
    return _from_objects(series.to_list())


def _from_arrow(column: Any) -> RawColumn:
    text = str(column.type)
    array = column.combine_chunks() if hasattr(column, "combine_chunks") else column
    if text in ("string", "large_string", "string_view"):
        encoded = array.dictionary_encode() if text != "string_view" else array.cast("string").dictionary_encode()
        return _from_arrow_dictionary(encoded, RawKind.TEXT)
    if text.startswith("dictionary<"):
        return _from_arrow_dictionary(array, RawKind.CATEGORY)
    if text in _ARROW_NUMBERS:
        return _from_arrow_numbers(array, *_ARROW_NUMBERS[text])
    if text.startswith(("timestamp", "date", "duration")):
        return _from_numpy(_arrow_times(array, text))
    if text == "bool" and array.null_count == 0:
        return RawColumn(RawKind.BOOLEAN, Names(flat_bits(array).astype(np.int32), BOOLEAN_NAMES))
    return _from_objects(array.to_pylist())


def _arrow_times(array: Any, text: str) -> NDArray[Any]:
    """Times or durations as NumPy has them, in their own unit."""
    if text.startswith("date32"):
        days = flat_values(array, np.int32, 0).astype("datetime64[D]")
        present = present_rows(array)
        return days if present is None else np.where(present, days, np.datetime64("NaT", "D"))
    unit = "ms" if text.startswith("date64") else array.type.unit
    kind = "timedelta64" if text.startswith("duration") else "datetime64"
    return flat_values(array, np.int64, np.iinfo(np.int64).min).view(f"{kind}[{unit}]")


def _from_arrow_numbers(array: Any, kind: type[np.generic], raw: RawKind) -> RawColumn:
    with np.errstate(over="ignore"):
        values = flat_values(array, kind, 0).astype(np.float64, copy=False)
    present = present_rows(array)
    return RawColumn(raw, Numbers(values if present is None else np.where(present, values, math.nan)))


def _from_arrow_dictionary(array: Any, kind: RawKind) -> RawColumn:
    values = array.dictionary.to_pylist()
    indices = array.indices
    codes = flat_values(indices, _ARROW_NUMBERS[str(indices.type)][0], 0).astype(np.int32)
    present = present_rows(indices)
    if present is not None:
        codes[~present] = MISSING_CODE
    if None in values:
        return _from_objects([None if code < 0 else values[code] for code in codes.tolist()])
    raw = _from_codes(codes, values)
    return RawColumn(kind, raw.values) if raw.kind is RawKind.CATEGORY else raw


def _from_objects(values: Sequence[Any]) -> RawColumn:
    kinds = {_object_kind(kind) for kind in set(map(type, values))}
    kinds.discard(RawKind.EMPTY)
    if RawKind.NUMBER in kinds and len(kinds) > 1 and not kinds <= {RawKind.NUMBER, RawKind.INTEGER}:
        # pandas writes a missing value into a column of text as the number nan.
        numbers = (value for value in values if _object_kind(type(value)) is RawKind.NUMBER)
        if all(_is_nan(value) for value in numbers):
            kinds.discard(RawKind.NUMBER)
    if RawKind.OPAQUE in kinds:
        return RawColumn(RawKind.OPAQUE, _all_missing(len(values)))
    if not kinds:
        return RawColumn(RawKind.EMPTY, _all_missing(len(values)))
    if kinds <= {RawKind.NUMBER, RawKind.INTEGER}:
        return RawColumn(RawKind.NUMBER if RawKind.NUMBER in kinds else RawKind.INTEGER, _numbers_from(values))
    if kinds == {RawKind.TIME}:
        return RawColumn(RawKind.TIME, Numbers(np.array([_microseconds(value) for value in values], dtype=np.float64)))
    named = Names.of([None if _is_missing(value) else _name(value) for value in values])
    if kinds == {RawKind.BOOLEAN}:
        return RawColumn(RawKind.BOOLEAN, Names(named.recoded(BOOLEAN_NAMES), BOOLEAN_NAMES))
    return RawColumn(RawKind.TEXT if kinds == {RawKind.TEXT} else RawKind.MIXED, named)


_ARROW_NUMBERS: dict[str, tuple[type[np.generic], RawKind]] = {
    "double": (np.float64, RawKind.NUMBER),
    "float": (np.float32, RawKind.NUMBER),
    "halffloat": (np.float16, RawKind.NUMBER),
    **{f"int{bits}": (np.dtype(f"i{bits // 8}").type, RawKind.INTEGER) for bits in (8, 16, 32, 64)},
    **{f"uint{bits}": (np.dtype(f"u{bits // 8}").type, RawKind.INTEGER) for bits in (8, 16, 32, 64)},
}
"""Arrow's names of types whose values lie in memory as NumPy's do."""


def _object_kind(kind: type) -> RawKind:
    if _is_missing_type(kind):
        return RawKind.EMPTY
    for parents, raw in _KINDS:
        if issubclass(kind, parents):
            return raw
    return RawKind.OPAQUE


_KINDS: tuple[tuple[tuple[type, ...], RawKind], ...] = (
    ((str,), RawKind.TEXT),
    ((bool, np.bool_), RawKind.BOOLEAN),
    ((int, np.integer), RawKind.INTEGER),
    ((float, np.floating, Decimal, Fraction), RawKind.NUMBER),
    ((date, np.datetime64), RawKind.TIME),
)


def _is_missing_type(kind: type) -> bool:
    return kind.__name__ in ("NoneType", "NAType", "NaTType")


def _is_nan(value: Any) -> bool:
    return value.is_nan() if isinstance(value, Decimal) else bool(value != value)  # noqa: PLR0124 - what nan is


def _is_missing(value: Any) -> bool:
    return _is_missing_type(type(value)) or (not isinstance(value, str) and _is_nan(value))


def _name(value: Any) -> str:
    if isinstance(value, date):
        return value.isoformat()
    return name_of(float(value) if isinstance(value, Decimal | Fraction) else value)


def _all_missing(n_rows: int) -> Numbers:
    return Numbers(np.full(n_rows, math.nan))


def _numbers_from(values: Sequence[Any]) -> Numbers:
    try:
        return Numbers(np.array(values, dtype=np.float64))
    except (TypeError, ValueError, OverflowError):
        return Numbers(np.array([_number(value) for value in values], dtype=np.float64))


def _number(value: Any) -> float:
    if _is_missing(value):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _microseconds(value: Any) -> float:
    if _is_missing(value):
        return math.nan
    if isinstance(value, np.datetime64):
        return math.nan if np.isnat(value) else float(value.astype("datetime64[us]").astype(np.int64))
    if not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    elif value.tzinfo is None:
        value = value.replace(tzinfo=UTC)
    return float(round((value - _EPOCH).total_seconds() * MICROSECONDS))


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
