"""Which segments of a reference have a baseline of their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.baseline import Baseline
from driftwatch.core.records import ColumnKind
from driftwatch.core.schema import Schema
from driftwatch.core.segments import segment_name
from driftwatch.core.survey import Survey
from driftwatch.core.table import Names, Table
from driftwatch.errors import ReferenceDataError

MIN_SEGMENT_ROWS = 100
"""A segment with fewer rows is no reference."""

LARGEST_SEGMENTS = 100
"""Most segments that a column makes: the most frequent values."""


@dataclass(frozen=True, slots=True)
class ReferenceSegment:
    """The rows in which a column has one value."""

    column: str
    value: str

    @property
    def name(self) -> str:
        """As live rows name it."""
        return segment_name(self.column, self.value) or ""

    def rows(self, table: Table) -> NDArray[np.intp]:
        """Their positions; none where the table lacks the column."""
        values = table.columns.get(self.column)
        if not isinstance(values, Names) or self.value not in values.names:
            return np.zeros(0, dtype=np.intp)
        return np.flatnonzero(values.codes == values.names.index(self.value))


def chosen_segments(columns: Sequence[str], schema: Schema, survey: Survey) -> Iterator[ReferenceSegment]:
    """The segments that declared columns make, the most frequent values of each first.

    Raises
    ------
    ReferenceDataError
        If a column is not measured, or is one of numbers.
    """
    for name in columns:
        column = schema.by_name.get(name)
        if column is None:
            raise ReferenceDataError(
                "it is not measured, so it makes no segments.", field=name, remedy="Name a column of the model."
            )
        occurring = survey.columns[name].occurring
        if column.kind is ColumnKind.NUMERIC or occurring is None:
            raise ReferenceDataError(
                "numbers make no segments.", field=name, remedy="Count it by name: make it categorical."
            )
        counts = occurring.counts.tolist()
        order = sorted(range(len(counts)), key=lambda at: (-counts[at], occurring.names[at]))
        for at in order[:LARGEST_SEGMENTS]:
            part = ReferenceSegment(name, occurring.names[at])
            if counts[at] >= MIN_SEGMENT_ROWS and part.name:
                yield part


def segment_notices(whole: Baseline, segments: Mapping[str, Baseline]) -> list[str]:
    """What the user should know of the segments."""
    bare = [name for name, part in segments.items() if part.performance is None]
    if whole.performance is None or not bare:
        return []
    shown = ", ".join(bare[:5]) + (f" and {len(bare) - 5} more" if len(bare) > 5 else "")
    return [f"The model's quality on {shown} is not known: no row has label, prediction and the segment's column."]
