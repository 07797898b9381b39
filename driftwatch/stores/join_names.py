"""Numbers for the few texts that rows of the join refer to: versions, segments, labels that are names."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, insert, select

from driftwatch.core.row_groups import rows_by_value
from driftwatch.core.table import MISSING_CODE, Names
from driftwatch.stores import state_tables as tables


class JoinNames:
    """Texts and their numbers, between transactions. A text keeps its number for good."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self.texts: list[str] = []

    def load(self, connection: Connection) -> None:
        """Read all."""
        table = tables.join_name
        self.texts = list(connection.scalars(select(table.c.name).order_by(table.c.number)))
        self.numbers = {text: number for number, text in enumerate(self.texts)}

    def kept(self, change: NamesChange) -> None:
        """After the commit: take over what the transaction added."""
        self.numbers.update(change.added)
        self.texts += change.added


class NamesChange:
    """Texts and their numbers as one transaction sees them.

    Attributes
    ----------
    added
        Texts that are new, in the order of their numbers.
    """

    def __init__(self, connection: Connection, names: JoinNames) -> None:
        self.added: dict[str, int] = {}
        self._connection = connection
        self._names = names

    def number_of(self, text: str) -> int:
        """The number of a text, a new one where it has none."""
        number = self._names.numbers.get(text, self.added.get(text))
        if number is None:
            number = len(self._names.texts) + len(self.added)
            self._connection.execute(insert(tables.join_name), {"number": number, "name": text})
            self.added[text] = number
        return number

    def numbers_of(self, names: Names) -> NDArray[np.int64]:
        """The numbers of a column's names; -1 where missing."""
        lookup = np.full(len(names.names) + 1, MISSING_CODE, dtype=np.int64)
        present = np.bincount(names.codes + 1, minlength=1)[1:]
        for code in np.flatnonzero(present).tolist():
            lookup[code] = self.number_of(names.names[code])
        return lookup[names.codes]

    def texts_of(self, numbers: NDArray[np.int64]) -> Names:
        """The column of names with these numbers; -1 is missing."""
        codes = np.full(len(numbers), MISSING_CODE, dtype=np.int32)
        texts: list[str] = []
        for number, rows in rows_by_value(numbers):
            if number != MISSING_CODE:
                codes[rows] = len(texts)
                texts.append(self.text_of(number))
        return Names(codes, tuple(texts))

    def text_of(self, number: int) -> str:
        """The text of a number."""
        n_kept = len(self._names.texts)
        return self._names.texts[number] if number < n_kept else list(self.added)[number - n_kept]
