"""Values that came as JSON, made into columns; what does not fit is reported by row and field."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import cast

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.column_reading import parsed_time
from driftwatch.core.records import ColumnKind
from driftwatch.core.schema import Column
from driftwatch.core.table import Ages, Names, Numbers, Values, name_of
from driftwatch.core.windows import MICROSECONDS, to_microseconds
from driftwatch.errors import EventError

Problem = Callable[[int, str], None]
"""Called with the row and a sentence where a value does not fit."""

_NUMBER_TYPES = frozenset({float, int, type(None)})
_TEXT_TYPES = frozenset({str, type(None)})
_NUMBER_WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_LARGEST_SHOWN = 40

LARGEST_TIME_SECONDS = 253_402_300_800
"""The end of the year 9999, in seconds since 1970: beyond it numbers are no times (milliseconds, most often)."""


def column_values(
    values: Sequence[object], column: Column, problem: Problem, event_time: NDArray[np.int64] | None = None
) -> Values:
    """Values of one column of the schema, by the kind that the baseline froze; times as ages up to ``event_time``."""
    if column.is_age:
        if event_time is None:
            raise TypeError("ages are measured up to the event time")
        return Ages.of(time_values(values, problem), event_time)
    if column.kind is ColumnKind.NUMERIC:
        return number_values(values, problem)
    return name_values(values, problem)


def number_values(values: Sequence[object], problem: Problem) -> Numbers:
    """Numbers, ``None`` and the words NaN, Infinity and -Infinity; anything else is a problem."""
    if set(map(type, values)) <= _NUMBER_TYPES:
        # An integer beyond float64's range ends the fast way; the slow one says which row it is in.
        with suppress(OverflowError):
            return Numbers(np.array(values, dtype=np.float64))
    numbers = np.empty(len(values), dtype=np.float64)
    for row, value in enumerate(values):
        numbers[row] = _number(value, row, problem)
    return Numbers(numbers)


def _number(value: object, row: int, problem: Problem) -> float:
    if value is None:
        return math.nan
    if isinstance(value, str):
        if value in _NUMBER_WORDS:
            return _NUMBER_WORDS[value]
        problem(row, f"must be a number, not the text {shortened(value)!r}.")
    elif isinstance(value, bool) or not isinstance(value, int | float):
        problem(row, f"must be a number, not {_kind_of(value)}.")
    else:
        try:
            return float(value)
        except OverflowError:
            problem(row, "is beyond the range of a 64-bit float.")
    return math.nan


def time_values(values: Sequence[object], problem: Problem) -> NDArray[np.float64]:
    """Times in microseconds since 1970 UTC, ``nan`` where missing: ISO 8601 text, or seconds since 1970.

    A time without an offset is UTC, a date is its midnight; anything else is a problem.
    """
    times = np.full(len(values), math.nan)
    for row, value in enumerate(values):
        if value is None:
            continue
        if isinstance(value, str):
            try:
                times[row] = parsed_time(value)
            except ValueError:
                problem(row, f"must be a time such as 2026-01-31T08:00:00Z, not the text {shortened(value)!r}.")
        elif isinstance(value, bool) or not isinstance(value, int | float):
            problem(row, f"must be a time, not {_kind_of(value)}.")
        elif not abs(value) < LARGEST_TIME_SECONDS:
            problem(row, "is no time: it is too many seconds since 1970.")
        else:
            times[row] = round(value * MICROSECONDS)
    return times


def name_values(values: Sequence[object], problem: Problem) -> Names:
    """Texts, numbers and booleans as names, ``None`` as missing; lists and objects are a problem."""
    if set(map(type, values)) <= _TEXT_TYPES:
        return Names.of(cast(Sequence[str | None], values))
    names: list[str | None] = []
    for row, value in enumerate(values):
        if value is None or isinstance(value, str):
            names.append(value)
        elif isinstance(value, bool | int | float):
            names.append(name_of(value))
        else:
            problem(row, f"must be a text, a number or a boolean, not {_kind_of(value)}.")
            names.append(None)
    return Names.of(names)


def class_values(values: Sequence[object], classes: tuple[str, ...], problem: Problem) -> Names:
    """Names that must be among ``classes``; missing is a problem too."""
    named = name_values(values, problem)
    check_classes(named, classes, problem)
    return named


def check_classes(named: Names, classes: tuple[str, ...], problem: Problem) -> None:
    """Report every row whose name is none of ``classes``, or missing."""
    is_known = np.array([*(name in classes for name in named.names), False])
    for row in np.flatnonzero(~is_known[named.codes]).tolist():
        if (code := int(named.codes[row])) < 0:
            problem(row, "is missing.")
        else:
            shown = ", ".join(classes[:10])
            problem(row, f"{shortened(named.names[code])!r} is none of the model's classes ({shown}).")


def target_numbers(values: Sequence[object], problem: Problem) -> Numbers:
    """Finite numbers; missing, NaN and infinity are problems."""
    numbers = number_values(values, problem)
    check_finite(numbers, problem)
    return numbers


def check_finite(numbers: Numbers, problem: Problem) -> None:
    """Report every row whose number is missing or not finite."""
    for row in np.flatnonzero(~np.isfinite(numbers.values)).tolist():
        problem(row, "must be a finite number.")


def extra_values(values: Sequence[object]) -> Values:
    """A column that the schema does not know: numbers where all are, names otherwise."""
    if set(map(type, values)) <= _NUMBER_TYPES:
        return number_values(values, lambda row, text: None)
    return Names.of([None if value is None else _name(value) for value in values])


def _name(value: object) -> str:
    return name_of(value) if isinstance(value, str | bool | int | float) else str(value)


def event_microseconds(value: object, received: int, latest_allowed: int) -> int:
    """An event's time in microseconds since 1970 UTC; ``received`` where it has none.

    RFC 3339 text with an offset, a ``datetime`` with one, or seconds since 1970 as a number.

    Raises
    ------
    EventError
        For a time that cannot be read, has no offset, lies before 1970 or after ``latest_allowed``.
    """
    if value is None:
        return received
    moment = _moment(value)
    if moment < 0:
        raise EventError("lies before 1970.", field="event_time")
    if moment > latest_allowed:
        raise EventError("lies in the future.", field="event_time", remedy="Check the sender's clock and time zone.")
    return moment


def _moment(value: object) -> int:
    if isinstance(value, str):
        return _moment(_parsed(value))
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise EventError("has no time zone.", field="event_time", remedy="End it with Z or an offset.")
        return to_microseconds(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e13:
        return round(value * 1_000_000)
    raise EventError("must be a time.", field="event_time", remedy="Write 2026-01-31T08:00:00Z.")


def _parsed(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise EventError(
            f"{shortened(text)!r} is no time.", field="event_time", remedy="Write 2026-01-31T08:00:00Z."
        ) from None


def shortened(text: str) -> str:
    """A user's text, cut so that a message stays short."""
    return text if len(text) <= _LARGEST_SHOWN else f"{text[: _LARGEST_SHOWN - 1]}…"


def by_name(rows: Sequence[Mapping[str, object]]) -> dict[str, Sequence[object]]:
    """Rows as columns, in order of first appearance; ``None`` where a row lacks a name.

    Examples
    --------
    >>> by_name([{"x": 1, "y": 2}, {"y": 3}])
    {'x': [1, None], 'y': [2, 3]}
    """
    names = tuple(rows[0]) if rows else ()
    if names and all(tuple(row) == names for row in rows):
        # As nearly always: then no row is asked for single names.
        return dict(zip(names, zip(*(row.values() for row in rows), strict=True), strict=True))
    every = {name: None for row in rows for name in row}
    return {name: [row.get(name) for row in rows] for name in every}


def _kind_of(value: object) -> str:
    match value:
        case bool():
            return "a boolean"
        case list():
            return "a list"
        case dict():
            return "an object"
        case _:
            return f"a {type(value).__name__}"
