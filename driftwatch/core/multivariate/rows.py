"""A uniform sample of rows that come in batches, in memory that does not grow with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.frames import columns_of, read_column
from driftwatch.core.multivariate.samples import MOST_ROWS, SEED
from driftwatch.core.schema import Column
from driftwatch.core.table import Table, Values, concatenated
from driftwatch.errors import DriftwatchError, EventError, InputError

ROWS_KEPT = 2 * MOST_ROWS
"""Enough for a scale and for the rows that are compared over it."""


class RowSample:
    """Rows of a stream, each as likely to be kept as any other.

    Each row draws a number, and those with the smallest are kept: the same rows in the same order give the same sample,
    however they are cut into batches.

    Parameters
    ----------
    columns
        Which to keep, and in which kinds.
    rows
        How many at most.
    seed
        Of the numbers drawn.
    timestamp
        The column of event times, which ages are measured up to.
    error
        Which error to raise.

    Examples
    --------
    >>> from driftwatch.core.records import ColumnKind, ColumnRole
    >>> sample = RowSample([Column(name="x", kind=ColumnKind.NUMERIC, role=ColumnRole.FEATURE)], rows=3)
    >>> for start in range(0, 100, 10):
    ...     sample.add({"x": range(start, start + 10)})
    >>> sample.seen, len(sample.table())
    (100, 3)
    """

    def __init__(
        self,
        columns: Sequence[Column],
        rows: int = ROWS_KEPT,
        seed: int = SEED,
        *,
        timestamp: str | None = None,
        error: type[InputError] = EventError,
    ) -> None:
        self._columns = {column.name: column for column in columns}
        self._rows = rows
        self._rng = np.random.default_rng(seed)
        self._timestamp = timestamp
        self._error = error
        self._drawn: NDArray[np.float64] = np.zeros(0)
        self._kept: dict[str, Values] = {}
        self._unread: dict[str, str] = {}
        self.seen = 0

    @property
    def unread(self) -> Mapping[str, str]:
        """Columns that could not be read, with the reason; they are in no table."""
        return self._unread

    def add(self, data: Any) -> None:
        """Offer rows, in any form that frames have.

        Raises
        ------
        InputError
            Of the type ``error``: if ``data`` is nothing that columns can be read from.
        """
        given = columns_of(data, self._error)
        lengths = Counter(len(given[name]) for name in self._columns if hasattr(given.get(name), "__len__"))
        # The length that most columns have: one that is cut short is left out.
        n_rows = lengths.most_common(1)[0][0] if lengths else 0
        drawn = np.concatenate([self._drawn, self._rng.random(n_rows)])
        held = len(self._drawn)
        chosen = np.arange(len(drawn))
        if len(drawn) > self._rows:
            chosen = np.sort(np.argpartition(drawn, self._rows)[: self._rows])
        stays, comes = chosen[chosen < held], chosen[chosen >= held] - held
        for name, column in self._columns.items():
            if name in self._unread:
                continue
            try:
                new = self._read(given, column, n_rows).take(comes.astype(np.intp))
                self._kept[name] = concatenated([self._kept[name].take(stays), new]) if name in self._kept else new
            except DriftwatchError as error:
                self._unread[name] = str(error)
                self._kept.pop(name, None)
        self._drawn = drawn[chosen]
        self.seen += n_rows

    def _read(self, given: Mapping[str, Any], column: Column, n_rows: int) -> Values:
        values = read_column(given, column, self._timestamp, self._error)
        if len(values) != n_rows:
            problem = f"it has {len(values):,} values where other columns have {n_rows:,}."
            raise self._error(problem, field=column.name, remedy="Give columns of equal length.")
        return values

    def table(self) -> Table:
        """The rows kept, in the order in which they came."""
        return Table({name: self._kept[name] for name in self._columns if name in self._kept}, len(self._drawn))
