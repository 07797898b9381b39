"""Counts more reference rows over the cells that a baseline has: nothing is chosen anew."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from driftwatch.core.baseline import Baseline, PerformanceSource, ReferencePerformance
from driftwatch.core.cells import NumericCells
from driftwatch.core.counting import with_rows
from driftwatch.core.frames import to_table
from driftwatch.core.performance import PerformanceSums
from driftwatch.core.records import ColumnRole
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
        targets = {ColumnRole.LABEL, ColumnRole.PREDICTION}
        evaluated = to_table(evaluation, schema, targets, required=(), error=ReferenceDataError)
    return replace(
        baseline,
        n_rows=baseline.n_rows + len(table),
        columns=with_rows(baseline.columns, table),
        performance=_performance(baseline, table, evaluated),
        notices=baseline.notices if NOTICE in baseline.notices else (*baseline.notices, NOTICE),
        kept={name: _kept(baseline, name, kept, table) for name, kept in baseline.kept.items()},
    )


def _performance(baseline: Baseline, table: Table, evaluated: Table | None) -> ReferencePerformance | None:
    known, schema = baseline.performance, baseline.schema
    if known is None or schema.label is None or schema.prediction is None:
        return known
    rows = evaluated if known.source is PerformanceSource.HELD_OUT else table
    if rows is None or schema.label not in rows or schema.prediction not in rows:
        return known
    sums = PerformanceSums.of(schema.task, schema.classes, rows[schema.prediction], rows[schema.label])
    return replace(known, sums=known.sums + sums)


def _kept(baseline: Baseline, name: str, kept: KeptNumbers, table: Table) -> KeptNumbers:
    values, cells = table.columns.get(name), baseline.columns[name].cells
    if not isinstance(values, Numbers) or not isinstance(cells, NumericCells):
        return kept
    return KeptNumbers.of(cells, Numbers(np.concatenate([kept.ascending, values.values])))
