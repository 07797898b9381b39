"""Values of any library as values of JSON.

JSON has no NaN and no infinity: a missing value becomes ``None``, an infinite one the word ``"Infinity"`` or
``"-Infinity"``, which the service takes back as a number.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from typing import Any

JsonValue = str | bool | int | float | None

_AS_THEY_ARE = frozenset({str, bool, type(None)})
_LONGEST_TEXT = 1_000
_LARGEST_INTEGER = 2**63 - 1


def plain(value: Any) -> JsonValue:
    """One value as JSON has it.

    Numbers, texts and booleans stay (NumPy's become Python's), NaN, NaT and NA are ``None``, times are ISO 8601,
    durations are seconds, decimals and integers beyond 64 bits floats. Anything else is its ``str``, cut to 1,000
    characters.

    Examples
    --------
    >>> from decimal import Decimal
    >>> plain(float("nan")), plain(float("inf")), plain(timedelta(minutes=2)), plain(Decimal("1.5"))
    (None, 'Infinity', 120.0, 1.5)
    """
    kind = type(value)
    if kind is float:
        return _number(value)
    if kind in _AS_THEY_ARE:
        unchanged: JsonValue = value
        return unchanged
    return _integer(value) if kind is int else _converted(value)


def plain_list(values: Iterable[Any]) -> list[JsonValue]:
    """:func:`plain` of each; quick where all values are plain already."""
    found = list(values)
    if set(map(type, found)) <= _AS_THEY_ARE:
        return found
    return [plain(value) for value in found]


def array_list(array: Any) -> list[Any]:
    """A NumPy array of any dtype as (nested) lists of plain values."""
    kind = array.dtype.kind
    if kind == "u" and array.dtype.itemsize == 8 and array.size and array.max() > _LARGEST_INTEGER:
        array, kind = array.astype("float64"), "f"
    if kind in "biuU":
        return list(array.tolist())
    if kind == "f":
        import numpy as np

        if np.isfinite(array).all() and array.dtype.itemsize <= 8:
            return list(array.tolist())
        return [_nested(value) for value in array.astype("float64").tolist()]
    if kind == "M":
        array = array.astype("datetime64[us]")
    elif kind == "m":
        array = array.astype("timedelta64[us]")
    return [_nested(value) for value in array.tolist()]


def _nested(value: object) -> Any:
    return [_nested(one) for one in value] if isinstance(value, list) else plain(value)


def rfc_3339(moment: object) -> str | None:
    """A point in time as RFC 3339 text in UTC; one without a time zone is taken as UTC; ``None`` stays.

    Takes ``datetime``, pandas' ``Timestamp``, NumPy's ``datetime64``, text and seconds since 1970.

    Raises
    ------
    ValueError
        For what is no time.
    """
    if moment is None or type(moment).__name__ == "NaTType":
        return None
    if isinstance(moment, int | float) and not isinstance(moment, bool):
        moment = datetime.fromtimestamp(moment, UTC)
    elif not isinstance(moment, datetime):
        moment = datetime.fromisoformat(str(moment)[:26] if type(moment).__name__ == "datetime64" else str(moment))
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    # pandas writes nanoseconds unless it is told otherwise.
    return aware.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def plain_mapping(values: Mapping[Any, object]) -> dict[str, JsonValue]:
    """Plain values under text keys."""
    return {str(name): plain(value) for name, value in values.items()}


def class_name(value: object) -> str:
    """The name under which the service counts a class: ``3.0`` and ``3`` are ``"3"``, ``True`` is ``"true"``."""
    value = plain(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def class_names(values: Iterable[object]) -> tuple[str, ...]:
    """:func:`class_name` of each."""
    return tuple(class_name(value) for value in values)


def _number(value: float) -> JsonValue:
    if math.isfinite(value):
        return value
    if math.isnan(value):
        return None
    return "Infinity" if value > 0 else "-Infinity"


def _integer(value: int) -> JsonValue:
    """The service takes integers of 64 bits."""
    if -_LARGEST_INTEGER - 1 <= value <= _LARGEST_INTEGER:
        return value
    try:
        return float(value)
    except OverflowError:
        return "Infinity" if value > 0 else "-Infinity"


def _converted(value: Any) -> JsonValue:  # noqa: PLR0911 - one line a kind of value
    name = type(value).__name__
    if name in {"NAType", "NaTType"}:
        return None
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, float) or name == "Decimal":
        return _number(float(value))
    if isinstance(value, int):
        return _integer(int(value))
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if name in {"datetime64", "timedelta64"}:
        unit = "datetime64[us]" if name == "datetime64" else "timedelta64[us]"
        return plain(value.astype(unit).item())
    if name in {"longdouble", "float128"}:
        return _number(float(value))
    if hasattr(value, "item") and getattr(value, "ndim", 1) == 0:
        return plain(value.item())
    return str(value)[:_LONGEST_TEXT]


__all__ = ["JsonValue", "array_list", "class_name", "class_names", "plain", "plain_list", "plain_mapping", "rfc_3339"]
