"""Counts more reference rows over the cells that a baseline has: nothing is chosen anew."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.baseline import Baseline
from driftwatch.core.cells import NumericCells
from driftwatch.core.counting import with_rows
from driftwatch.core.frames import to_table
from driftwatch.core.performance import PerformanceSums
from driftwatch.core.records import ColumnRole
from driftwatch.core.reference_performance import PerformanceSource, ReferencePerformance
from driftwatch.core.segments import SegmentPlan
from driftwatch.core.table import Numbers, Table
from driftwatch.core.two_samples import KeptNumbers
from driftwatch.errors import ReferenceDataError

NOTICE = "Rows were added after the first fit: cells and natural variation are those of the first rows."


def extended_baseline(baseline: Baseline, more: Any, evaluation: Any = None) -> Baseline:
    """Add reference rows; see `driftwatch.core.baseline.Baseline.partial_fit`."""
    schema = baseline.schema
    table = to_table(more, schema, error=ReferenceDataError)
    evaluated = None
    if evaluation is not None:
        targets = {ColumnRole.LABEL, ColumnRole.PREDICTION, ColumnRole.SCORE}
        evaluated = to_table(evaluation, schema, targets, required=(), error=ReferenceDataError)
    return replace(
        baseline,
        n_rows=baseline.n_rows + len(table),
        columns=with_rows(baseline.columns, table),
        performance=_performance(baseline, table, evaluated),
        segments=_extended_segments(baseline, table, evaluated),
        notices=baseline.notices if NOTICE in baseline.notices else (*baseline.notices, NOTICE),
        kept={name: _kept(baseline, name, kept, table) for name, kept in baseline.kept.items()},
    )


def _extended_segments(baseline: Baseline, table: Table, evaluated: Table | None) -> dict[str, Baseline]:
    """The segments that there are, with their share of the rows; no new ones are made."""
    extended = dict(baseline.segments)
    for name, rows in _segment_rows(baseline, table).items():
        part = extended[name]
        own = None
        if evaluated is not None:
            own = evaluated.take(_segment_rows(baseline, evaluated).get(name, np.zeros(0, dtype=np.intp)))
        more = table.take(rows)
        extended[name] = replace(
            part,
            n_rows=part.n_rows + len(more),
            columns=with_rows(part.columns, more),
            performance=_performance(part, more, own),
        )
    return extended


def _segment_rows(baseline: Baseline, table: Table) -> dict[str, NDArray[np.intp]]:
    columns = tuple(
        column for column in baseline.columns if any(name.startswith(f"{column}=") for name in baseline.segments)
    )
    divided = SegmentPlan(columns=columns).divide(table)
    return {name: rows for _, name, rows in divided.groups() if name in baseline.segments}


def _performance(baseline: Baseline, table: Table, evaluated: Table | None) -> ReferencePerformance | None:
    known, schema = baseline.performance, baseline.schema
    if known is None or schema.label is None or schema.prediction is None:
        return known
    rows = evaluated if known.source is PerformanceSource.HELD_OUT else table
    if rows is None or schema.label not in rows or schema.prediction not in rows:
        return known
    return replace(known, sums=known.sums + PerformanceSums.of_table(schema, rows))


def _kept(baseline: Baseline, name: str, kept: KeptNumbers, table: Table) -> KeptNumbers:
    values, cells = table.columns.get(name), baseline.columns[name].cells
    if not isinstance(values, Numbers) or not isinstance(cells, NumericCells):
        return kept
    return KeptNumbers.of(cells, Numbers(np.concatenate([kept.ascending, values.values])))
