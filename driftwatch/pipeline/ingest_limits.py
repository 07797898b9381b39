"""What an event may at most be, and what is wrong with those that are not taken."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import cast

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.texts import Texts
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


def checked_ids(given: Sequence[str | None], limits: IngestLimits, problem: FieldProblems) -> Texts:
    """The ids, with new ones where there is none; those that are empty or too long are reported."""
    if isinstance(given, Texts):
        ids = given
    elif missing := sum(one is None for one in given):
        made = iter(uuid7s(missing))
        ids = Texts.of([next(made) if one is None else one for one in given])
    else:
        ids = Texts.of(cast(Sequence[str], given))
    # A character is one byte at least.
    sizes = ids.sizes
    for row in np.flatnonzero((sizes == 0) | (sizes > limits.id_characters)).tolist():
        if not 0 < len(ids[row]) <= limits.id_characters:
            problem(row, f"must have 1 to {limits.id_characters} characters.")
    return ids


def made_ids(count: int) -> Texts:
    """So many new ids: those of `driftwatch.identifiers.uuid7s`, made without an object each.

    Examples
    --------
    >>> first, second = made_ids(2)
    >>> len(first), first[14], first[19] in "89ab", first != second
    (36, '7', True, True)
    """
    digits = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)
    drawn = np.frombuffer(os.urandom(10 * count), dtype=np.uint8).reshape(count, 10)
    random = np.empty((count, 20), dtype=np.uint8)
    random[:, 0::2], random[:, 1::2] = digits[drawn >> 4], digits[drawn & 15]
    made = np.empty((count, 36), dtype=np.uint8)
    made[:] = np.frombuffer(_frame().encode(), dtype=np.uint8)
    made[:, 15:18] = random[:, 0:3]
    # The variant's two bits take the place of the upper two of a digit.
    made[:, 19] = digits[8 | ((drawn[:, 1] & 15) & 3)]
    made[:, 20:23] = random[:, 4:7]
    made[:, 24:36] = random[:, 7:19]
    return Texts(made.reshape(-1), np.arange(0, 36 * count + 1, 36, dtype=np.int64))


def _frame() -> str:
    milliseconds = f"{time.time_ns() // 1_000_000:012x}"
    return f"{milliseconds[:8]}-{milliseconds[8:]}-7000-8000-000000000000"
