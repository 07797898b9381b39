"""What an event may at most be, and what is wrong with those that are not taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from driftwatch.identifiers import uuid7s
from driftwatch.wire.native import Rejection


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestLimits:
    """What an event may at most be."""

    features: int = 2_000
    extra_features: int = 100
    """Features of a model that are logged though its baseline does not know them."""
    id_characters: int = 256
    ahead: timedelta = timedelta(minutes=5)
    """How far an event's time may lie ahead of this machine's clock."""


@dataclass(slots=True)
class Problems:
    """The first problem of each bad row."""

    by_row: dict[int, Rejection] = field(default_factory=dict)

    def at(self, name: str, indexes: Sequence[int]) -> FieldProblems:
        """Where the problems of one field are reported; ``indexes`` are the rows' places in the request."""
        return FieldProblems(self, name, indexes)

    def good(self, n_rows: int) -> NDArray[np.intp] | None:
        """The rows without one; None where none has one."""
        if not self.by_row:
            return None
        is_good = np.ones(n_rows, dtype=np.bool_)
        is_good[list(self.by_row)] = False
        return np.flatnonzero(is_good)


@dataclass(frozen=True, slots=True)
class FieldProblems:
    """Takes the problems of one field, by row."""

    problems: Problems
    name: str
    indexes: Sequence[int]

    def __call__(self, row: int, text: str) -> None:
        """Report a row; of several reports the first counts."""
        self.problems.by_row.setdefault(row, Rejection(self.indexes[row], self.name, text))


def checked_ids(given: Sequence[str | None], limits: IngestLimits, problem: FieldProblems) -> tuple[str, ...]:
    """The ids, with new ones where there is none; those that are empty or too long are reported."""
    missing = 0
    for row, one in enumerate(given):
        if one is None:
            missing += 1
        elif not 0 < len(one) <= limits.id_characters:
            problem(row, f"must have 1 to {limits.id_characters} characters.")
    if not missing:
        return tuple(one or "" for one in given)
    made = iter(uuid7s(missing))
    return tuple(next(made) if one is None else one for one in given)
