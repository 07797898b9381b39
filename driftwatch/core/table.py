"""Columns of rows as arrays: the one shape in which rows travel inside driftwatch.

Two kinds of column are enough. Numbers are ``float64`` with ``nan`` for a missing value; everything that is
counted by name (categories, booleans, classes) is a code per row into a tuple of names, ``-1`` where missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan

import numpy as np
from numpy.typing import NDArray

MISSING_CODE = -1


@dataclass(frozen=True, slots=True, eq=False)
class Numbers:
    """A numeric column: ``float64``, ``nan`` where missing, infinities as they are."""

    values: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Numbers:
        """The rows chosen by position or by mask."""
        return Numbers(self.values[rows])

    @property
    def size_bytes(self) -> int:
        """What its arrays take in memory."""
        return self.values.nbytes

    def to_list(self) -> list[float | None]:
        """One Python value a row, ``None`` where missing."""
        return [None if isnan(value) else value for value in self.values.tolist()]


@dataclass(frozen=True, slots=True, eq=False)
class Ages(Numbers):
    """Times, measured as the age that each has in its row: seconds from it to the row's event time.

    ``values`` are the ages, negative for times that lie ahead; ``times`` are what they were made of, in microseconds
    since 1970-01-01 UTC (whole numbers, ``nan`` where missing), so that a log can keep them.
    """

    times: NDArray[np.float64]

    @classmethod
    def of(cls, times: NDArray[np.float64], event_time: NDArray[np.float64] | NDArray[np.int64]) -> Ages:
        """Ages of times, both in microseconds; ``nan`` where either is not known.

        Examples
        --------
        >>> Ages.of(np.array([0.0, np.nan]), np.array([2_500_000, 0])).values.tolist()
        [2.5, nan]
        """
        return cls((event_time - times) / 1_000_000, times)

    @property
    def size_bytes(self) -> int:
        """What its arrays take in memory."""
        return self.values.nbytes + self.times.nbytes

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Ages:
        """The rows chosen by position or by mask."""
        return Ages(self.values[rows], self.times[rows])


@dataclass(frozen=True, slots=True, eq=False)
class Names:
    """A column counted by name: ``codes`` (``int32``) point into ``names``; ``-1`` is missing."""

    codes: NDArray[np.int32]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Names:
        """The rows chosen by position or by mask; the names stay."""
        return Names(self.codes[rows], self.names)

    @property
    def size_bytes(self) -> int:
        """What its codes take in memory; the names, of which there are few, are left out."""
        return self.codes.nbytes

    def to_list(self) -> list[str | None]:
        """One Python value a row, ``None`` where missing."""
        names = self.names
        return [None if code < 0 else names[code] for code in self.codes.tolist()]

    @classmethod
    def of(cls, values: Sequence[str | None]) -> Names:
        """Codes in order of first appearance."""
        distinct = dict.fromkeys(values)
        distinct.pop(None, None)
        code: dict[str | None, int] = {name: position for position, name in enumerate(distinct)}
        code[None] = MISSING_CODE
        codes = np.fromiter(map(code.__getitem__, values), dtype=np.int32, count=len(values))
        return cls(codes, tuple(name for name in distinct if name is not None))

    def recoded(self, names: tuple[str, ...]) -> NDArray[np.int32]:
        """Codes into another tuple of names; ``len(names)`` for a name that is not in it, ``-1`` for missing."""
        position = {name: code for code, name in enumerate(names)}
        lookup = np.empty(len(self.names) + 1, dtype=np.int32)
        lookup[:-1] = [position.get(name, len(names)) for name in self.names]
        lookup[-1] = MISSING_CODE
        return lookup[self.codes]


def name_of(value: str | bool | int | float) -> str:
    """The name under which a value is counted, whatever type a file, a frame or JSON gave it.

    Examples
    --------
    >>> name_of(True), name_of(3), name_of(3.0), name_of(0.5), name_of("DE")
    ('true', '3', '3', '0.5', 'DE')
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, float | np.floating) and float(value).is_integer() and abs(value) < 2**53:
        return str(int(value))
    return str(value)


Values = Numbers | Names


def present(values: Values) -> Values:
    """The rows that have a value, a finite one of numbers."""
    return values.take(values.codes >= 0 if isinstance(values, Names) else np.isfinite(values.values))


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Columns of equal length, by name."""

    columns: Mapping[str, Values]
    n_rows: int

    def __getitem__(self, name: str) -> Values:
        return self.columns[name]

    def __contains__(self, name: object) -> bool:
        return name in self.columns

    def __len__(self) -> int:
        return self.n_rows

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Table:
        """The rows chosen by position or by mask."""
        columns = {name: values.take(rows) for name, values in self.columns.items()}
        n_rows = int(np.count_nonzero(rows)) if rows.dtype == np.bool_ else len(rows)
        return Table(columns, n_rows)


def concatenated(parts: Sequence[Values]) -> Values:
    """Columns of one kind, one after another.

    Raises
    ------
    TypeError
        Where numbers and names are mixed, or nothing is given.
    """
    ages = [part for part in parts if isinstance(part, Ages)]
    if ages and len(ages) == len(parts):
        return Ages(np.concatenate([part.values for part in ages]), np.concatenate([part.times for part in ages]))
    if parts and all(isinstance(part, Numbers) for part in parts):
        return Numbers(np.concatenate([part.values for part in parts if isinstance(part, Numbers)]))
    named = [part for part in parts if isinstance(part, Names)]
    if not named or len(named) != len(parts):
        raise TypeError("columns of one kind can be joined, and at least one is needed")
    union: dict[str, int] = {}
    for part in named:
        for name in part.names:
            union.setdefault(name, len(union))
    names = tuple(union)
    return Names(np.concatenate([part.recoded(names) for part in named]), names)
