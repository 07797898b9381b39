"""Fits a baseline: reads the reference, chooses the schema, then each column's cells and counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from driftwatch.core.baseline import Baseline, ColumnBaseline, PerformanceSource, ReferencePerformance
from driftwatch.core.cell_choice import (
    counts_over,
    name_counts,
    named_cells,
    numeric_cells,
    psi_starts_of,
    value_counts,
)
from driftwatch.core.cells import NumericCells, cell_counts
from driftwatch.core.frames import RawTable, as_times, column_names, converted, missing_column, table_from, to_table
from driftwatch.core.importance import importance_shares
from driftwatch.core.moments import Moments, scale_of
from driftwatch.core.natural import NaturalVariation
from driftwatch.core.natural_fit import natural_variation
from driftwatch.core.performance import PerformanceSums
from driftwatch.core.records import ColumnRole, Task
from driftwatch.core.schema import Column, Schema
from driftwatch.core.schema_choice import FitOptions, check_options, chosen_classes, chosen_schema, chosen_task
from driftwatch.core.table import Names, Numbers, Table, Values, present
from driftwatch.core.two_samples import KeptNumbers
from driftwatch.errors import ReferenceDataError


def fitted_baseline(reference: Any, evaluation: Any, options: FitOptions, *, keep_reference: bool = False) -> Baseline:
    """Fit a baseline; see `driftwatch.core.baseline.Baseline.fit` for the parameters and errors."""
    existing = column_names(reference, error=ReferenceDataError)
    check_options(options, existing)
    raw = table_from(reference, [name for name in existing if name not in options.ignore], error=ReferenceDataError)
    if raw.n_rows == 0:
        raise ReferenceDataError("the reference has no rows.", remedy="Give the rows that the model was trained on.")
    held_out = _evaluation_columns(evaluation, options)
    task = chosen_task(options, raw)
    targets = [name for name in (options.label, options.prediction) if name is not None]
    sources = [raw] if held_out is None else [raw, held_out]
    classes = chosen_classes(task, [(name, source.columns[name]) for source in sources for name in targets])
    schema = chosen_schema(options, raw, task, classes)
    importance = importance_shares(options.importance, schema, existing)
    table = Table({c.name: converted(raw.columns[c.name], c, ReferenceDataError) for c in schema.columns}, raw.n_rows)
    evaluated = None
    if held_out is not None:
        evaluated = to_table(
            held_out, schema, {ColumnRole.LABEL, ColumnRole.PREDICTION}, required=(), error=ReferenceDataError
        )
    columns = {column.name: fitted_column(column, table[column.name], classes) for column in schema.columns}
    performance = _reference_performance(schema, table, evaluated)
    natural = _natural(schema, raw, table, held_out, evaluated, columns)
    return Baseline(
        model=options.model,
        model_version=options.model_version,
        schema=schema,
        n_rows=raw.n_rows,
        columns=columns,
        performance=performance,
        natural=natural,
        importance=importance,
        fitted_at=options.fitted_at,
        notices=_notices(options, schema, performance, natural),
        kept=_kept(table, columns) if keep_reference else {},
    )


def _kept(table: Table, columns: Mapping[str, ColumnBaseline]) -> dict[str, KeptNumbers]:
    return {
        name: KeptNumbers.of(column.cells, values)
        for name, column in columns.items()
        if isinstance(column.cells, NumericCells) and isinstance(values := table[name], Numbers)
    }


def fitted_column(column: Column, values: Values, classes: tuple[str, ...] = ()) -> ColumnBaseline:
    """Choose a column's cells from its reference values and count them.

    Parameters
    ----------
    column
        Of the schema. Of labels only rows that have one are counted: live labels are counted when they arrive, so
        none is ever missing.
    values
        Of the column's kind.
    classes
        Names of the label's values, which have cells however rare.
    """
    if column.role is ColumnRole.LABEL:
        values = present(values)
    if isinstance(values, Numbers):
        return _fitted_numbers(column, values)
    targets = column.role in (ColumnRole.LABEL, ColumnRole.PREDICTION)
    cells = named_cells(name_counts(values), classes if targets else ())
    counts = cell_counts(cells, values)
    starts = np.arange(cells.n_cells, dtype=np.intp)
    return ColumnBaseline(column=column, cells=cells, counts=counts, moments=None, psi_starts=starts)


def _fitted_numbers(column: Column, values: Numbers) -> ColumnBaseline:
    # A copy, so that it can be sorted where it is: moments are the same in any order.
    finite = values.values[np.isfinite(values.values)]
    finite.sort()
    centre, scale = scale_of(finite) if len(finite) else (0.0, 1.0)
    distinct = value_counts(finite)
    cells = numeric_cells(distinct)
    in_cells = counts_over(cells, distinct)
    missing = int(np.count_nonzero(np.isnan(values.values)))
    counts = np.append(in_cells, [missing, len(values) - len(finite) - missing]).astype(np.int64)
    moments = Moments.of(finite, centre, scale)
    starts = psi_starts_of(cells, in_cells)
    return ColumnBaseline(column=column, cells=cells, counts=counts, moments=moments, psi_starts=starts)


def _evaluation_columns(evaluation: Any, options: FitOptions) -> RawTable | None:
    if evaluation is None:
        return None
    if options.label is None or options.prediction is None:
        raise ReferenceDataError(
            "evaluation rows are of no use without a label and a prediction.",
            field="evaluation",
            remedy="Name both columns.",
        )
    existing = column_names(evaluation, error=ReferenceDataError)
    for name in (options.label, options.prediction):
        if name not in existing:
            raise missing_column(name, existing, ReferenceDataError, of="the evaluation")
    wanted = {options.label, options.prediction, options.timestamp}
    return table_from(evaluation, [name for name in existing if name in wanted], error=ReferenceDataError)


def _reference_performance(schema: Schema, table: Table, evaluated: Table | None) -> ReferencePerformance | None:
    if schema.label is None or schema.prediction is None:
        return None
    source = PerformanceSource.REFERENCE if evaluated is None else PerformanceSource.HELD_OUT
    rows = table if evaluated is None else evaluated
    sums = PerformanceSums.of(schema.task, schema.classes, rows[schema.prediction], rows[schema.label])
    return ReferencePerformance(sums=sums, source=source) if sums.n else None


def _natural(
    schema: Schema,
    raw: RawTable,
    table: Table,
    held_out: RawTable | None,
    evaluated: Table | None,
    columns: Mapping[str, ColumnBaseline],
) -> NaturalVariation:
    if schema.timestamp is None:
        return NaturalVariation()
    times = as_times(raw.columns[schema.timestamp], schema.timestamp, ReferenceDataError)
    losses = [(times, _losses(schema, table))]
    if held_out is not None and evaluated is not None and schema.timestamp in held_out.columns:
        later = as_times(held_out.columns[schema.timestamp], schema.timestamp, ReferenceDataError)
        losses.insert(0, (later, _losses(schema, evaluated)))
    return natural_variation(times, table, columns, losses)


def _losses(schema: Schema, table: Table) -> Numbers:
    """The loss of each row, ``nan`` where it has no label or prediction."""
    if schema.label is None or schema.prediction is None:
        return Numbers(np.full(len(table), np.nan))
    label, prediction = table[schema.label], table[schema.prediction]
    if isinstance(label, Numbers) and isinstance(prediction, Numbers):
        with np.errstate(over="ignore", invalid="ignore"):
            loss = np.abs(prediction.values - label.values)
        return Numbers(np.where(np.isfinite(loss), loss, np.nan))
    if isinstance(label, Names) and isinstance(prediction, Names):
        actual, predicted = label.recoded(schema.classes), prediction.recoded(schema.classes)
        return Numbers(np.where((actual < 0) | (predicted < 0), np.nan, actual != predicted))
    raise TypeError("label and prediction are of one kind")


def _notices(
    options: FitOptions, schema: Schema, performance: ReferencePerformance | None, natural: NaturalVariation
) -> tuple[str, ...]:
    notices = [f"{aside.name} is set aside: {aside.reason}." for aside in schema.set_aside]
    if options.importance:
        features = [column.name for column in schema.columns if column.role is ColumnRole.FEATURE]
        notices += [
            f"{name} has an importance but is not watched." for name in options.importance if name not in features
        ]
        unsaid = [name for name in features if name not in options.importance]
        if unsaid:
            notices.append(f"No importance was given for {', '.join(unsaid)}: taken to be 0.")
    if options.task is None and schema.label is not None:
        notices.append(f"The task was taken to be {schema.task.value}, from the values of {schema.label}.")
    if performance is None:
        why = "no row has both" if schema.label and schema.prediction else "a label and a prediction are needed"
        notices.append(f"The model's quality is not known: {why}.")
    elif performance.source is PerformanceSource.REFERENCE:
        notices.append(
            "The model's quality was measured on the reference rows. If the model was fitted on them it looks better "
            "than it is; give held-out rows as the evaluation."
        )
    if schema.timestamp is not None and not natural.distances:
        notices.append("Natural variation is not known: the reference is too short or too thin to cut into windows.")
    if schema.task is not Task.REGRESSION and not schema.scores and schema.prediction is not None:
        notices.append("No scores were named: probabilities are not watched.")
    return tuple(notices)
