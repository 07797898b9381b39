"""Segments: named subsets of a model's rows, such as ``country=DE``, that have windows of their own.

Which there are is declared: columns, each value of which makes one, and values of the ``segment`` that events may
carry. How many there may be is bounded; what is beyond the bound is in the windows of all rows alone.

The false-alarm budget stays the model's. Where segments are declared, the windows of all rows stake one half of it,
and the segments divide the other evenly over as many as there may be, so that no share depends on which segments
happen to appear, or when. See `driftwatch.core.evidence` for why dividing the stakes keeps the budget.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.events import PredictionBatch
from driftwatch.core.table import MISSING_CODE, Names, Numbers, Table, Values, name_of
from driftwatch.core.texts import Repeated

ANY = "any"
"""The declared value that stands for every value."""

ALL_ROWS = ""
"""The name of the segment of all rows."""

LONGEST_NAME = 256

_SEPARATOR = "\x1f"
_SHARE_OF_ALL_ROWS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentPlan:
    """Which segments there are.

    Attributes
    ----------
    columns
        Columns of the schema whose values make segments, ``column=value``; a model that lacks one has none of it.
    values
        Values of the events' own ``segment`` that are segments; ``("any",)`` for all.
    most
        Segments that a model may have, over all its versions.
    """

    columns: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    most: int = 20

    @property
    def declared(self) -> bool:
        """Whether there can be any."""
        return bool(self.columns or self.values) and self.most > 0

    def share(self, segment: str) -> float:
        """A segment's share of the model's false-alarm budget.

        Examples
        --------
        >>> SegmentPlan().share(ALL_ROWS)
        1.0
        >>> plan = SegmentPlan(columns=("country",), most=10)
        >>> plan.share(ALL_ROWS), plan.share("country=DE")
        (0.5, 0.05)
        """
        if not self.declared:
            return 1.0
        return _SHARE_OF_ALL_ROWS if segment == ALL_ROWS else (1.0 - _SHARE_OF_ALL_ROWS) / self.most

    def of(self, batch: PredictionBatch) -> Membership:
        """Which segments the rows of a batch belong to."""
        if not self.declared:
            return Membership(len(batch), ())
        by_column = self.divide(batch.columns)
        if not self.values:
            return by_column
        own = Repeated.of(batch.segments).named
        declared = tuple(self._declared_name(value) if value else None for value in own.names)
        division = _without_unnamed(own.codes, declared)
        return Membership(len(batch), (*by_column.divisions, division))

    def divide(self, table: Table) -> Membership:
        """Which segments the rows of a table belong to by its columns."""
        found = [
            (codes, tuple(segment_name(column, value) for value in values))
            for column in self.columns
            if column in table
            for codes, values in (_coded(table[column]),)
        ]
        return Membership(len(table), tuple(_without_unnamed(*one) for one in found))

    def _declared_name(self, value: str) -> str | None:
        """None for what nobody declared, and for what would pass for a column's segment."""
        if ANY not in self.values and value not in self.values:
            return None
        if any(value.startswith(f"{column}=") for column in self.columns):
            return None
        return _name(value)


@dataclass(frozen=True, slots=True, eq=False)
class Membership:
    """The segments of some rows: for each way of dividing them a code a row, -1 for none, into names."""

    n_rows: int
    divisions: tuple[tuple[NDArray[np.int32], tuple[str, ...]], ...]

    def groups(self) -> Iterator[tuple[int, str, NDArray[np.intp]]]:
        """Each segment: which way of dividing it belongs to, its name, the positions of its rows.

        Within one way they come in order of first appearance.
        """
        for division, (codes, names) in enumerate(self.divisions):
            order = np.argsort(codes, kind="stable")
            bounds = np.searchsorted(codes[order], np.arange(len(names) + 1))
            rows = [order[bounds[code] : bounds[code + 1]] for code in range(len(names))]
            present = [code for code in range(len(names)) if len(rows[code])]
            for code in sorted(present, key=lambda one: int(rows[one][0])):
                yield division, names[code], rows[code]

    def only(self, names: Set[str]) -> Membership:
        """The same without the segments that are not among ``names``."""
        divisions = []
        for codes, present in self.divisions:
            kept = np.array([name in names for name in present], dtype=bool)
            divisions.append((np.where((codes >= 0) & kept[codes], codes, MISSING_CODE), present))
        return Membership(self.n_rows, tuple(divisions))

    def texts(self) -> Names:
        """One text a row that holds the names of its segments, one a way of dividing; `divided` reads it."""
        if not self.divisions:
            return Names(np.zeros(self.n_rows, dtype=np.int32), ("",))
        codes = np.stack([codes for codes, _ in self.divisions], axis=1)
        combinations, of_row = np.unique(codes, axis=0, return_inverse=True)
        texts = tuple(
            _SEPARATOR.join(
                "" if code == MISSING_CODE else names[code]
                for code, (_, names) in zip(row, self.divisions, strict=True)
            )
            for row in combinations.tolist()
        )
        return Names(of_row.ravel().astype(np.int32), texts)


def divided(texts: Names) -> Iterator[tuple[str, int, NDArray[np.intp]]]:
    """Each segment of some rows, from what `Membership.texts` made of them.

    Yields
    ------
    tuple
        The segment's name; 0 for that of all rows, else which way of dividing it belongs to, from 1; the positions of
        its rows.

    Examples
    --------
    >>> for name, division, rows in divided(Names.of(["country=DE", "country=FR", "country=DE"])):
    ...     print(name, division, rows)
     0 [0 1 2]
    country=DE 1 [0 2]
    country=FR 1 [1]
    """
    yield ALL_ROWS, 0, np.arange(len(texts), dtype=np.intp)
    names = [text.split(_SEPARATOR) for text in texts.names]
    for division in range(max(map(len, names), default=0)):
        present = [one[division] if division < len(one) else "" for one in names]
        for name in dict.fromkeys(one for one in present if one):
            chosen = np.array([one == name for one in present] + [False])
            yield name, division + 1, np.flatnonzero(chosen[texts.codes])


def segment_name(column: str, value: str) -> str | None:
    """The name of the segment of rows in which a column has a value; None where that can be no name.

    Examples
    --------
    >>> segment_name("country", "DE")
    'country=DE'
    """
    return _name(f"{column}={value}")


def _coded(values: Values) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    if isinstance(values, Names):
        return values.codes, values.names
    return _coded_numbers(values)


def _coded_numbers(values: Numbers) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    known = np.isfinite(values.values)
    found, inverse = np.unique(values.values[known], return_inverse=True)
    codes = np.full(len(values), MISSING_CODE, dtype=np.int32)
    codes[known] = inverse
    return codes, tuple(name_of(one) for one in found.tolist())


def _name(text: str) -> str | None:
    return text if 0 < len(text) <= LONGEST_NAME and _SEPARATOR not in text else None


def _without_unnamed(
    codes: NDArray[np.int32], names: tuple[str | None, ...]
) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """Rows whose value can be no segment have none."""
    lookup = np.full(len(names) + 1, MISSING_CODE, dtype=np.int32)
    kept = [code for code, name in enumerate(names) if name is not None]
    lookup[kept] = np.arange(len(kept), dtype=np.int32)
    return lookup[codes], tuple(name for name in names if name is not None)


__all__ = ["ALL_ROWS", "ANY", "LONGEST_NAME", "Membership", "SegmentPlan", "divided", "segment_name"]
