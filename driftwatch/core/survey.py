"""The first time that a reference's rows go by: what each column holds, in memory that does not grow with the rows.

Exact for all rows: kinds, numbers of rows, minimum and maximum, the distinct values of columns that have few of them,
and names with their counts as long as they are not too many to be counted anyway. Of other numbers a uniform sample of
rows is kept: it has to place cells, not to count.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.cell_choice import LARGEST_NAMES, NameCounts, ValueCounts, name_counts, value_counts
from driftwatch.core.column_reading import as_names, as_numbers, as_times
from driftwatch.core.frames import RawTable
from driftwatch.core.moments import scale_of
from driftwatch.core.natural_windows import WindowRows
from driftwatch.core.raw_column import RawColumn, RawKind
from driftwatch.core.records import Task
from driftwatch.core.row_sample import RowSample
from driftwatch.core.table import Ages, Names, Numbers, name_of
from driftwatch.errors import ReferenceDataError

if TYPE_CHECKING:
    from driftwatch.core.schema_choice import FitOptions

MOST_NAMES = 10 * LARGEST_NAMES
"""With more distinct names than this in several batches, a column's names are no longer kept: they are too many."""

MOST_NUMBERS = LARGEST_NAMES
"""Up to so many distinct numbers are kept with their counts."""

_PROBED = 4 * MOST_NUMBERS

WHOLE_AND_REAL = frozenset({RawKind.NUMBER, RawKind.INTEGER})
"""Kinds of numbers."""

NAMED = frozenset({RawKind.BOOLEAN, RawKind.TEXT, RawKind.CATEGORY, RawKind.MIXED})
"""Kinds of values that have names."""


class ColumnSurvey:
    """What one column of the reference holds.

    Attributes
    ----------
    name
        The column's.
    kinds
        Those of its batches; a batch without any value adds `RawKind.EMPTY`.
    n_present, n_finite
        Rows with a value; of numbers, those with a finite one.
    minimum, maximum
        Of finite numbers; ``inf`` and ``-inf`` without any.
    longest
        Characters of the longest name.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.kinds: set[RawKind] = set()
        self.n_present = 0
        self.n_finite = 0
        self.minimum = math.inf
        self.maximum = -math.inf
        self.longest = 0
        self._numbers: ValueCounts | None = ValueCounts(np.zeros(0), np.zeros(0, dtype=np.int64))
        self._names: dict[str, int] | None = {}

    @property
    def kind(self) -> RawKind:
        """What the column holds in all."""
        kinds = self.kinds - {RawKind.EMPTY}
        if not kinds:
            return RawKind.EMPTY
        if RawKind.OPAQUE in kinds:
            return RawKind.OPAQUE
        if len(kinds) == 1:
            return next(iter(kinds))
        if kinds <= WHOLE_AND_REAL:
            return RawKind.NUMBER
        return RawKind.TEXT if kinds <= {RawKind.TEXT, RawKind.CATEGORY} else RawKind.MIXED

    @property
    def distinct(self) -> ValueCounts | None:
        """The distinct finite numbers with their counts; None if they are more than `MOST_NUMBERS`."""
        return self._numbers

    @property
    def whole_numbers(self) -> frozenset[float]:
        """The distinct values of a column of nothing but a few whole numbers; empty for any other."""
        if self.kind not in WHOLE_AND_REAL or self._numbers is None or self.n_finite < self.n_present:
            return frozenset()
        values = self._numbers.values
        return frozenset() if (values != np.floor(values)).any() else frozenset(values.tolist())

    @property
    def occurring(self) -> NameCounts | None:
        """The names that occur, numbers by theirs; None if they are too many to be kept."""
        if self._names is None or self._numbers is None:
            return None
        found = dict(self._names)
        for value, count in zip(self._numbers.values.tolist(), self._numbers.counts.tolist(), strict=True):
            name = name_of(value)
            found[name] = found.get(name, 0) + count
        return NameCounts(tuple(found), np.array([*found.values()], dtype=np.int64))

    def add(self, raw: RawColumn) -> NDArray[np.float64] | None:
        """Note what a batch holds; its numbers are given back where it holds such."""
        values = raw.values
        if raw.kind in (RawKind.EMPTY, RawKind.OPAQUE):
            self.kinds.add(raw.kind)
            return None
        if isinstance(values, Names):
            self._add_names(raw.kind, name_counts(values))
            return None
        n_present = len(values) - int(np.count_nonzero(np.isnan(values.values)))
        # A frame calls a column without any value one of numbers.
        self.kinds.add(raw.kind if n_present else RawKind.EMPTY)
        if n_present:
            self.n_present += n_present
            self._add_numbers(values.values)
        return values.values

    def _add_names(self, kind: RawKind, more: NameCounts) -> None:
        self.kinds.add(kind if more.names else RawKind.EMPTY)
        self.n_present += int(more.counts.sum())
        self.longest = max(self.longest, max(map(len, more.names), default=0))
        if self._names is None or len(self._names) > MOST_NAMES:
            self._names = None
        elif not self._names:
            self._names = dict(zip(more.names, more.counts.tolist(), strict=True))
        else:
            for name, count in zip(more.names, more.counts.tolist(), strict=True):
                self._names[name] = self._names.get(name, 0) + count

    def _add_numbers(self, values: NDArray[np.float64]) -> None:
        finite = values[np.isfinite(values)]
        self.n_finite += len(finite)
        if len(finite) == 0:
            return
        self.minimum = min(self.minimum, float(finite.min()))
        self.maximum = max(self.maximum, float(finite.max()))
        if self._numbers is None or len(np.unique(finite[:_PROBED])) > MOST_NUMBERS:
            self._numbers = None
            return
        finite.sort()
        merged = _merged(self._numbers, value_counts(finite))
        self._numbers = merged if len(merged.values) <= MOST_NUMBERS else None


def _merged(one: ValueCounts, other: ValueCounts) -> ValueCounts:
    values, at = np.unique(np.concatenate([one.values, other.values]), return_inverse=True)
    counts = np.zeros(len(values), dtype=np.int64)
    np.add.at(counts, at, np.concatenate([one.counts, other.counts]))
    return ValueCounts(values, counts)


SampleSize = Callable[[int], int | None]
"""Given the number of columns, the most rows that a sample holds; None keeps all."""


class Survey:
    """What all columns of the reference hold, with a sample of their numbers.

    Parameters
    ----------
    options
        What the user said of the reference.
    sample_rows
        How large the sample may be.
    """

    def __init__(self, options: FitOptions, sample_rows: SampleSize) -> None:
        self._options = options
        self._spelled = set(options.scores)
        if options.task == Task.REGRESSION:
            self._spelled |= {name for name in (options.label, options.prediction) if name is not None}
        self._sample_rows = sample_rows
        self._event_time: NDArray[np.float64] | None = None
        self._sample: RowSample | None = None
        self.columns: dict[str, ColumnSurvey] = {}
        self.windows = WindowRows()
        self.n_rows = 0

    def add(self, raw: RawTable) -> None:
        """Note what a batch holds.

        Raises
        ------
        ReferenceDataError
            If a column cannot be read as its role asks for.
        """
        numbers: dict[str, NDArray[np.float64]] = {}
        timestamp = self._options.timestamp
        if timestamp is not None and timestamp in raw.columns:
            self._event_time = as_times(raw.columns[timestamp], timestamp, ReferenceDataError)
            self.windows.add(self._event_time)
        for name, column in raw.columns.items():
            if name == timestamp:
                continue
            found = self.columns.setdefault(name, ColumnSurvey(name)).add(self._as_meant(name, column))
            if found is not None:
                numbers[name] = found
        if self._sample is None:
            self._sample = RowSample(self._sample_rows(len(raw.columns)))
        self._sample.add(numbers, raw.n_rows)
        self.n_rows += raw.n_rows

    def sampled(self, name: str) -> NDArray[np.float64]:
        """The finite numbers of a column in the sample, ascending."""
        values = np.zeros(0) if self._sample is None else self._sample.values(name)
        # A copy, so that it can be sorted where it is.
        finite = values[np.isfinite(values)]
        finite.sort()
        return finite

    def numbers_of(self, name: str) -> tuple[ValueCounts, float, float]:
        """The distinct numbers that a column's cells are chosen from, and the centre and scale of its moments.

        All numbers where the distinct ones are few, else those of the sample, with the smallest and the largest of
        all rows.
        """
        column = self.columns[name]
        if column.n_finite == 0:
            return ValueCounts(np.zeros(0), np.zeros(0, dtype=np.int64)), 0.0, 1.0
        if column.distinct is not None:
            return column.distinct, *scale_of(*column.distinct)
        ascending = self.sampled(name)
        if len(ascending) == 0:
            ascending = np.array([column.minimum])
        values, counts = value_counts(ascending)
        if column.minimum < values[0]:
            values, counts = np.append(column.minimum, values), np.append(0, counts)
        if column.maximum > values[-1]:
            values, counts = np.append(values, column.maximum), np.append(counts, 0)
        return ValueCounts(values, counts), *scale_of(ascending)

    def _as_meant(self, name: str, column: RawColumn) -> RawColumn:
        """Numbers that are counted by name, texts that stand for numbers, and times as ages."""
        if column.kind is RawKind.TIME and isinstance(column.values, Numbers) and self._event_time is not None:
            return RawColumn(RawKind.TIME, Ages.of(column.values.values, self._event_time))
        if name in self._options.categorical and column.kind in WHOLE_AND_REAL:
            return RawColumn(column.kind, as_names(column, name, ReferenceDataError))
        if name in self._spelled and isinstance(column.values, Names):
            return RawColumn(RawKind.NUMBER, as_numbers(column, name, ReferenceDataError))
        return column


def surveyed(batches: Iterable[RawTable], options: FitOptions, sample_rows: SampleSize) -> Survey:
    """Let all rows go by."""
    survey = Survey(options, sample_rows)
    for raw in batches:
        survey.add(raw)
    return survey
