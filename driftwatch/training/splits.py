"""Splits by time: training, validation and test rows, with a gap for labels that come late; the test rows are sealed.

The rows go by twice: first their times, to find the boundaries, then all of them, each into the file of its part. At a
boundary ``b``, the part before it has the rows with ``event_time < b - gap`` whose label was known by ``b``: what had
not been known at the time, a model could not have learned. The rows of the gap are in no part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import parquet

from driftwatch.core.row_sample import RowSample
from driftwatch.core.windows import from_microseconds, parse_length, to_microseconds
from driftwatch.errors import RecipeError, RowsOpened, TrainingFailed
from driftwatch.training.chosen import Chosen
from driftwatch.training.columns import Columns
from driftwatch.training.recipe import SplitsRecipe
from driftwatch.training.rows import GROUP_ROWS, Rows, Stretch

MOST_TIMES = 4_000_000
"""Times of so many rows are held to find the boundaries; of more, those of a uniform sample."""

PARTS = ("train", "validation", "test")
_TIME = "__time"
_LATEST = np.iinfo(np.int64).max


class SealedRows:
    """The test rows: they can be opened once, by what was chosen without them.

    A `Chosen` is what a search ends in. Nothing else opens the rows, and nothing opens them twice.

    Parameters
    ----------
    rows
        What is sealed.
    clock
        Where the time of the opening comes from.
    """

    __slots__ = ("_clock", "_opened_at", "_rows")

    def __init__(self, rows: Rows, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._rows = rows
        self._clock = clock
        self._opened_at: datetime | None = None

    @property
    def stretch(self) -> Stretch:
        """How many they are, and of which times: known of the boundaries, not of the rows."""
        return self._rows.stretch

    @property
    def opened_at(self) -> datetime | None:
        """When they were opened; None while they are sealed."""
        return self._opened_at

    def open(self, chosen: Chosen) -> Rows:
        """The rows, once.

        Parameters
        ----------
        chosen
            What was chosen, and when.

        Raises
        ------
        RowsOpened
            The second time.
        TypeError
            If it was not chosen.
        """
        if not isinstance(chosen, Chosen):
            raise TypeError("test rows are opened by what was chosen without them")
        if self._opened_at is not None:
            raise RowsOpened(
                f"The test rows were opened at {self._opened_at:%Y-%m-%dT%H:%M:%SZ}. "
                "A second look would choose by them."
            )
        self._opened_at = self._clock()
        return self._rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """The parts of the data, and how many rows are in none of them: those of the gaps, and those without a label."""

    train: Rows
    validation: Rows
    test: SealedRows
    in_gaps: int
    unlabelled: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cut:
    """Boundaries and gap, in microseconds of event time or in rows."""

    validation: int
    test: int
    gap: int

    def parts(self, at: NDArray[np.int64], known: NDArray[np.int64]) -> NDArray[np.int8]:
        """The part of each row by position, -1 for those of the gaps."""
        found = np.full(len(at), -1, dtype=np.int8)
        found[at >= self.test] = 2
        middle = (at >= self.validation) & (at < self.test - self.gap) & (known < self.test)
        found[middle] = 1
        found[(at < self.validation - self.gap) & (known < self.validation)] = 0
        return found


def split(batches: Iterable[pa.Table], columns: Columns, recipe: SplitsRecipe, folder: Path) -> Split:
    """Split rows by time, each part into a file of its own.

    Parameters
    ----------
    batches
        The rows, from the beginning each time they are iterated over.
    columns
        Which of their columns are what. Rows without times are split in their order.
    recipe
        Shares or moments, and the gap.
    folder
        Where the files go.

    Raises
    ------
    RecipeError
        If a gap or moment does not fit the rows.
    TrainingFailed
        If a part would have no rows.
    """
    cut = _found(batches, columns, recipe)
    counts = np.zeros(3, dtype=np.int64)
    ends = [[_LATEST, -_LATEST] for _ in PARTS]
    in_gaps = unlabelled = seen = 0
    paths = [folder / f"{name}.parquet" for name in PARTS]
    with ExitStack() as stack:
        writers: list[_Writer] = [stack.enter_context(_Writer(path)) for path in paths]
        for batch in batches:
            table = columns.selected(batch)
            labelled = columns.labelled(table)
            at, known = _places(table, columns, seen)
            seen += table.num_rows
            part = cut.parts(at, known)
            unlabelled += int((~labelled).sum())
            in_gaps += int((labelled & (part < 0)).sum())
            for number, writer in enumerate(writers):
                rows = np.flatnonzero(labelled & (part == number))
                if len(rows):
                    counts[number] += len(rows)
                    ends[number] = [
                        min(ends[number][0], int(at[rows].min())),
                        max(ends[number][1], int(at[rows].max())),
                    ]
                    writer.add(table.take(rows))
    for name, count in zip(PARTS, counts.tolist(), strict=True):
        if count == 0:
            raise TrainingFailed(
                f"There are no {name} rows: of {seen:,} rows {unlabelled:,} have no label, {in_gaps:,} are in gaps. "
                "Give more rows, or a shorter gap."
            )
    has_times = columns.time is not None
    stretches = [
        Stretch(
            rows=count,
            first=from_microseconds(end[0]) if has_times else None,
            last=from_microseconds(end[1]) if has_times else None,
        )
        for count, end in zip(counts.tolist(), ends, strict=True)
    ]
    train, validation, test = (Rows(path=path, stretch=stretch) for path, stretch in zip(paths, stretches, strict=True))
    return Split(train=train, validation=validation, test=SealedRows(test), in_gaps=in_gaps, unlabelled=unlabelled)


def _found(batches: Iterable[pa.Table], columns: Columns, recipe: SplitsRecipe) -> _Cut:
    gap = parse_length(recipe.gap) if recipe.gap != "0s" else None
    if columns.time is None:
        if recipe.validation_from is not None:
            raise RecipeError("needs rows with times.", field="splits.validation_from", remedy="Give shares instead.")
        if gap is not None and not isinstance(gap, int):
            raise RecipeError("is a time, and rows have none.", field="splits.gap", remedy="Write one such as 48 rows.")
        n = sum(int(columns.labelled(columns.selected(one)).size) for one in batches)
        return _Cut(
            validation=round(recipe.train * n), test=round((recipe.train + recipe.validation) * n), gap=gap or 0
        )
    if isinstance(gap, int):
        raise RecipeError("is in rows, and rows have times.", field="splits.gap", remedy="Write one such as 2d.")
    gap_us = 0 if gap is None else int(gap.total_seconds() * 1e6)
    if recipe.validation_from is not None and recipe.test_from is not None:
        first, second = (to_microseconds(_aware(one)) for one in (recipe.validation_from, recipe.test_from))
        if first >= second:
            raise RecipeError("is not before test_from.", field="splits.validation_from")
        return _Cut(validation=first, test=second, gap=gap_us)
    sample = RowSample(MOST_TIMES)
    for one in batches:
        table = columns.selected(one)
        labelled = columns.labelled(table)
        at, _ = _places(table, columns, 0)
        sample.add({_TIME: at[labelled].astype(np.float64)}, int(labelled.sum()))
    times = np.sort(sample.values(_TIME))
    if not len(times):
        raise TrainingFailed("No row has a label. Wait for labels, or name another column for them.")
    first, second = (
        int(times[min(int(share * len(times)), len(times) - 1)])
        for share in (recipe.train, recipe.train + recipe.validation)
    )
    return _Cut(validation=first, test=second, gap=gap_us)


def _places(table: pa.Table, columns: Columns, seen: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where rows lie, and where it was that their labels were known."""
    if columns.time is None:
        at = np.arange(seen, seen + table.num_rows, dtype=np.int64)
        return at, at
    at = _microseconds(table[columns.time])
    if columns.label_time is None:
        return at, at
    known = _microseconds(table[columns.label_time])
    return at, np.maximum(at, known)


def _microseconds(column: Any) -> NDArray[np.int64]:
    """Times as microseconds since 1970; what is missing was known from the beginning of time."""
    numbers = pc.fill_null(column.cast(pa.int64()), -_LATEST)
    return np.asarray(numbers.to_numpy(), dtype=np.int64)


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


class _Writer:
    """Writes rows into a Parquet file with small row groups."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: Any = None
        self._waiting: list[pa.Table] = []
        self._count = 0

    def __enter__(self) -> _Writer:
        return self

    def add(self, table: pa.Table) -> None:
        """More rows."""
        self._waiting.append(table)
        self._count += table.num_rows
        if self._count >= GROUP_ROWS:
            self._write()

    def _write(self) -> None:
        table = pa.concat_tables(self._waiting)
        if self._writer is None:
            self._writer = parquet.ParquetWriter(self._path, table.schema, compression="lz4")
        self._writer.write_table(table, row_group_size=GROUP_ROWS)
        self._waiting, self._count = [], 0

    def __exit__(self, *_: object) -> None:
        if self._count:
            self._write()
        if self._writer is not None:
            self._writer.close()


__all__ = ["MOST_TIMES", "SealedRows", "Split", "split"]
