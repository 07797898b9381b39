"""Profiles: what is kept of rows. Counts over the baseline's cells, plus exact moments; no row.

Profiles of one baseline add up, in any order and grouping, to the same bits: slices into windows, replicas into
fleets. Their size depends on the baseline alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.cells import NumericCells, cell_counts, counts_and_moments
from driftwatch.core.moments import Moments
from driftwatch.core.profile_bytes import decoded_profile, encoded_profile
from driftwatch.core.table import Numbers, Table, Values

if TYPE_CHECKING:
    from driftwatch.core.baseline import Baseline, ColumnBaseline


@dataclass(frozen=True, slots=True, eq=False)
class ColumnProfile:
    """One column of some rows: counts over the baseline's cells.

    Attributes
    ----------
    counts
        ``int64``, of the length and order that the baseline's cells give (see `driftwatch.core.cells`).
    moments
        Of the finite values; None for columns of names.
    """

    counts: NDArray[np.int64]
    moments: Moments | None = None

    @property
    def n(self) -> int:
        """How many rows of this column were counted, missing values with them."""
        return int(self.counts.sum())

    def with_counts(self, counts: NDArray[np.int64]) -> ColumnProfile:
        """The same moments with other counts over the same cells."""
        return ColumnProfile(counts, self.moments)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ColumnProfile):
            return NotImplemented
        return bool(np.array_equal(self.counts, other.counts)) and self.moments == other.moments

    def __hash__(self) -> int:
        return hash((self.counts.tobytes(), self.moments))

    def __add__(self, other: ColumnProfile) -> ColumnProfile:
        """The profile of both sets of rows."""
        moments = None
        if self.moments is not None and other.moments is not None:
            moments = self.moments + other.moments
        return ColumnProfile(_same_length(self.counts, other.counts) + other.counts, moments)

    def __sub__(self, other: ColumnProfile) -> ColumnProfile:
        """The profile without rows that were counted before."""
        counts = _same_length(self.counts, other.counts) - other.counts
        if counts.size and counts.min() < 0:
            raise ValueError("more rows are taken out than were counted")
        moments = None
        if self.moments is not None and other.moments is not None:
            moments = self.moments - other.moments
        return ColumnProfile(counts, moments)

    @classmethod
    def of(cls, baseline: ColumnBaseline, values: Values) -> ColumnProfile:
        """Count the values of one column.

        Raises
        ------
        TypeError
            If the values are not of the column's kind.
        """
        if isinstance(baseline.cells, NumericCells) and isinstance(values, Numbers) and baseline.moments is not None:
            return cls(*counts_and_moments(baseline.cells, values, baseline.moments))
        return cls(cell_counts(baseline.cells, values))

    @classmethod
    def empty(cls, baseline: ColumnBaseline) -> ColumnProfile:
        """Nothing counted yet."""
        moments = baseline.moments
        return cls(
            np.zeros(baseline.cells.n_counts, dtype=np.int64),
            None if moments is None else Moments(moments.centre, moments.scale),
        )


def _same_length(counts: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.int64]:
    if len(counts) != len(others):
        raise ValueError("profiles of different baselines cannot be combined")
    return counts


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """Some rows of a model, as counts over its baseline's cells.

    Attributes
    ----------
    n_rows
        Predictions counted. A column may hold fewer (labels join later): its own counts tell its number.
    columns
        Every column of the baseline, by name.
    layout
        Of the baseline whose cells these are (`Baseline.layout`).

    Examples
    --------
    >>> import numpy as np
    >>> from driftwatch.core.baseline import Baseline
    >>> from driftwatch.core.frames import to_table
    >>> baseline = Baseline.fit({"x": np.arange(100.0)})
    >>> live = to_table({"x": [1.5, None, 1e9]}, baseline.schema)
    >>> profile = Profile.of(baseline, live)
    >>> profile.n_rows, profile.columns["x"].n
    (3, 3)
    >>> profile + profile - profile == profile
    True
    """

    n_rows: int
    columns: Mapping[str, ColumnProfile]
    layout: str

    @classmethod
    def empty(cls, baseline: Baseline) -> Profile:
        """No rows."""
        columns = {name: ColumnProfile.empty(column) for name, column in baseline.columns.items()}
        return cls(0, columns, baseline.layout)

    @classmethod
    def of(cls, baseline: Baseline, table: Table, *, n_rows: int | None = None) -> Profile:
        """Count the rows of a table.

        Parameters
        ----------
        baseline
            Whose cells to count over.
        table
            Columns under the schema's names. Those that it lacks are not counted; those that the baseline does
            not know are not looked at.
        n_rows
            How many new rows these are; by default the table's length. 0 where they complete rows that were
            counted before, as labels do.

        Raises
        ------
        TypeError
            If a column is not of the kind that the schema gives it.
        """
        columns = {
            name: ColumnProfile.of(column, table[name]) if name in table else ColumnProfile.empty(column)
            for name, column in baseline.columns.items()
        }
        return cls(len(table) if n_rows is None else n_rows, columns, baseline.layout)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Profile):
            return NotImplemented
        mine, others = (self.n_rows, self.layout), (other.n_rows, other.layout)
        return mine == others and dict(self.columns) == dict(other.columns)

    def __hash__(self) -> int:
        return hash((self.n_rows, self.layout, *self.columns.values()))

    def __add__(self, other: Profile) -> Profile:
        """The profile of both sets of rows.

        Raises
        ------
        ValueError
            If the two were not counted over the same baseline.
        """
        self._check(other)
        columns = {name: column + other.columns[name] for name, column in self.columns.items()}
        return Profile(self.n_rows + other.n_rows, columns, self.layout)

    def __sub__(self, other: Profile) -> Profile:
        """The profile without rows that were counted before; minima and maxima stay those of all rows.

        Raises
        ------
        ValueError
            If the two were not counted over the same baseline, or more rows are taken out than there are.
        """
        self._check(other)
        if other.n_rows > self.n_rows:
            raise ValueError("more rows are taken out than were counted")
        columns = {name: column - other.columns[name] for name, column in self.columns.items()}
        return Profile(self.n_rows - other.n_rows, columns, self.layout)

    def _check(self, other: Profile) -> None:
        if self.layout != other.layout:
            raise ValueError("profiles of different baselines cannot be combined")

    def to_bytes(self) -> bytes:
        """A compact, versioned form: a few bytes a non-empty cell."""
        columns = [(column.counts, column.moments) for column in self.columns.values()]
        return encoded_profile(self.layout, self.n_rows, columns)

    @classmethod
    def from_bytes(cls, baseline: Baseline, data: bytes) -> Profile:
        """The inverse of `to_bytes`, for the baseline that the profile was counted over.

        Raises
        ------
        ValueError
            If ``data`` is cut short, altered, of another version, or of another baseline.
        """
        lengths = [column.cells.n_counts for column in baseline.columns.values()]
        n_rows, decoded = decoded_profile(data, baseline.layout, lengths)
        columns = {}
        for (name, column), (counts, encoded) in zip(baseline.columns.items(), decoded, strict=True):
            moments = None
            if encoded is not None and column.moments is not None:
                moments = Moments(column.moments.centre, column.moments.scale, *encoded)
            columns[name] = ColumnProfile(counts, moments)
        return cls(n_rows, columns, baseline.layout)
