"""A column as a frame gave it, before a schema says what it is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from driftwatch.core.table import Values


class RawKind(StrEnum):
    """What a column holds by itself."""

    NUMBER = "number"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    TEXT = "text"
    CATEGORY = "category"
    TIME = "time"
    MIXED = "mixed"
    EMPTY = "empty"
    OPAQUE = "opaque"

    @property
    def words(self) -> str:
        """What it holds, for a message."""
        return _WORDS[self]


_WORDS = {
    RawKind.NUMBER: "numbers",
    RawKind.INTEGER: "whole numbers",
    RawKind.BOOLEAN: "true and false",
    RawKind.TEXT: "text",
    RawKind.CATEGORY: "categories",
    RawKind.TIME: "dates or times",
    RawKind.MIXED: "values of several types",
    RawKind.EMPTY: "nothing",
    RawKind.OPAQUE: "lists, structures or other objects",
}


@dataclass(frozen=True, slots=True, eq=False)
class RawColumn:
    """A column as it came.

    Attributes
    ----------
    kind
        What it holds.
    values
        `Numbers` for numbers, whole numbers (``float64``: exact up to ``2**53``), durations (seconds) and times
        (microseconds since 1970-01-01 UTC); `Names` for everything that has a name. Of empty and opaque columns
        all values are missing.
    """

    kind: RawKind
    values: Values

    def __len__(self) -> int:
        return len(self.values)
