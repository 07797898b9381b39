"""Reads a column that came as it was as numbers, names or times."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.foreign_columns import MICROSECONDS
from driftwatch.core.raw_column import RawColumn, RawKind
from driftwatch.core.table import MISSING_CODE, Names, Numbers, name_of
from driftwatch.errors import EventError, InputError

CONVERT = "Convert it, or fit a new baseline on data of this kind."
"""What to do about a column of the wrong kind."""


def as_numbers(raw: RawColumn, name: str, error: type[InputError] = EventError) -> Numbers:
    """Read a column as numbers: false and true are 0 and 1, text must spell numbers.

    Raises
    ------
    InputError
        Of the type ``error``, if it holds anything else.
    """
    values = raw.values
    if raw.kind in (RawKind.NUMBER, RawKind.INTEGER) and isinstance(values, Numbers):
        return values
    if raw.kind is RawKind.EMPTY:
        return Numbers(np.full(len(raw), math.nan))
    if not isinstance(values, Names):
        raise error(f"it holds {raw.kind.words} where numbers are expected.", field=name, remedy=CONVERT)
    if raw.kind is RawKind.BOOLEAN:
        spelled = [float(text == "true") for text in values.names]
    else:
        spelled = [_spelled_number(text, name, error) for text in values.names]
    return Numbers(np.array([*spelled, math.nan])[values.codes])


def as_names(raw: RawColumn, name: str, error: type[InputError] = EventError) -> Names:
    """Read a column as names: numbers are named as `driftwatch.core.table.name_of` says.

    Raises
    ------
    InputError
        Of the type ``error``, if it holds times or values that have no name.
    """
    values = raw.values
    if raw.kind is RawKind.EMPTY:
        return Names(np.full(len(raw), MISSING_CODE, dtype=np.int32), ())
    if raw.kind in (RawKind.TIME, RawKind.OPAQUE):
        raise error(f"it holds {raw.kind.words} where names are expected.", field=name, remedy=CONVERT)
    if isinstance(values, Names):
        return values
    present = ~np.isnan(values.values)
    distinct, inverse = np.unique(values.values[present], return_inverse=True)
    codes = np.full(len(raw), MISSING_CODE, dtype=np.int32)
    codes[present] = inverse
    return Names(codes, tuple(name_of(value) for value in distinct.tolist()))


def as_times(raw: RawColumn, name: str, error: type[InputError] = EventError) -> NDArray[np.float64]:
    """Read a column as event times: datetimes, dates, ISO 8601 text, or seconds since 1970-01-01 UTC.

    Times without a zone are UTC.

    Returns
    -------
    times
        ``float64`` microseconds since 1970-01-01 UTC (whole, exact up to the year 2255); ``nan`` where missing.

    Raises
    ------
    InputError
        Of the type ``error``, if it holds anything else.
    """
    if raw.kind is RawKind.TIME and isinstance(raw.values, Numbers):
        return raw.values.values
    if raw.kind is RawKind.EMPTY:
        return np.full(len(raw), math.nan)
    if raw.kind in (RawKind.NUMBER, RawKind.INTEGER) and isinstance(raw.values, Numbers):
        # What is beyond every calendar becomes infinite, and is refused as such.
        with np.errstate(over="ignore"):
            return np.rint(raw.values.values * MICROSECONDS)
    if raw.kind in (RawKind.TEXT, RawKind.CATEGORY) and isinstance(raw.values, Names):
        spelled = [_spelled_time(text, name, error) for text in raw.values.names]
        times: NDArray[np.float64] = np.array([*spelled, math.nan])[raw.values.codes]
        return times
    raise error(
        f"it holds {raw.kind.words} where times are expected.",
        field=name,
        remedy="Give datetimes, text such as 2024-05-01T12:00:00Z, or seconds since 1970.",
    )


def _spelled_number(text: str, name: str, error: type[InputError]) -> float:
    stripped = text.strip()
    if not stripped:
        return math.nan
    try:
        if "_" in stripped:
            raise ValueError
        return float(stripped)
    except ValueError:
        raise error(
            f"{text[:40]!r} is not a number.", field=name, remedy="This column holds numbers; send one, or nothing."
        ) from None


def parsed_time(text: str) -> float:
    """ISO 8601 text as microseconds since 1970-01-01 UTC; a time without an offset is UTC, a date its midnight.

    Raises
    ------
    ValueError
        If it is none.

    Examples
    --------
    >>> parsed_time("1970-01-02"), parsed_time("1970-01-01T02:00:00+02:00")
    (86400000000.0, 0.0)
    """
    time = datetime.fromisoformat(text.strip())
    if time.tzinfo is None:
        time = time.replace(tzinfo=UTC)
    return float((time - _EPOCH) // _MICROSECOND)


def _spelled_time(text: str, name: str, error: type[InputError]) -> float:
    try:
        return parsed_time(text)
    except ValueError:
        raise error(
            f"{text[:40]!r} is not a time.", field=name, remedy="Write times like 2024-05-01T12:00:00Z."
        ) from None


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
