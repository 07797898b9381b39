"""A baseline in words and numbers, for people and for JSON."""

from __future__ import annotations

import math
from dataclasses import dataclass

from driftwatch.core.baseline import Baseline, ColumnBaseline
from driftwatch.core.cells import NumericCells
from driftwatch.core.change import age_text
from driftwatch.core.performance import DEFAULT_MEASURES, Measure
from driftwatch.core.performance.business_value import measured
from driftwatch.core.records import ColumnRole

_NAMES_SHOWN = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDescription:
    """One measured column."""

    name: str
    role: str
    kind: str
    cells: int
    missing_share: float
    summary: str
    importance: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineDescription:
    """What ``driftwatch baseline show`` prints."""

    title: str
    model: str
    model_version: str
    task: str
    rows: int
    columns: tuple[ColumnDescription, ...]
    performance: tuple[str, ...]
    notices: tuple[str, ...]


def describe(baseline: Baseline) -> BaselineDescription:
    """Say what a baseline knows."""
    return BaselineDescription(
        title=f"{baseline.model} {baseline.model_version}: {baseline.schema.task.value}, {baseline.n_rows:,} rows",
        model=baseline.model,
        model_version=baseline.model_version,
        task=baseline.schema.task.value,
        rows=baseline.n_rows,
        columns=tuple(_column(one, baseline) for one in baseline.columns.values()),
        performance=_performance(baseline),
        notices=baseline.notices,
    )


def _column(column: ColumnBaseline, baseline: Baseline) -> ColumnDescription:
    present = column.n_present
    is_weighed = baseline.importance and column.column.role is ColumnRole.FEATURE
    return ColumnDescription(
        name=column.column.name,
        role=column.column.role.value,
        kind=column.column.kind_text,
        cells=column.cells.n_cells,
        missing_share=1 - present / column.n if column.n else 0.0,
        summary=_summary(column),
        importance=baseline.importance.get(column.column.name, 0.0) if is_weighed else None,
    )


def _summary(column: ColumnBaseline) -> str:
    if isinstance(column.cells, NumericCells):
        moments = column.moments
        if moments is None or moments.count == 0:
            return "no values"
        if column.column.is_age:
            low, high, mean, spread = map(age_text, (moments.minimum, moments.maximum, moments.mean, moments.std))
            return f"age {low} … {high}, mean {mean}, sd {spread}"
        return f"{moments.minimum:g} … {moments.maximum:g}, mean {moments.mean:g}, sd {moments.std:g}"
    names = column.cells.names
    shown = sorted(zip(column.counts.tolist(), names, strict=False), reverse=True)[:_NAMES_SHOWN]
    text = ", ".join(f"{name} {count / max(column.n, 1):.0%}" for count, name in shown)
    return f"{text}, … ({len(names)} names)" if len(names) > _NAMES_SHOWN else text


def _performance(baseline: Baseline) -> tuple[str, ...]:
    if baseline.performance is None:
        return ("no reference performance: give a label and a prediction column",)
    shown = DEFAULT_MEASURES[baseline.schema.task]
    rows = "held-out rows" if baseline.performance.source.value == "held_out" else "the reference's own rows"
    return tuple(
        f"{name} {one.value:.4g}{_interval(one)} on {one.n:,} {rows}"
        for name, one in measured(baseline.schema, baseline.performance.sums, shown).items()
    )


def _interval(measure: Measure) -> str:
    return "" if math.isnan(measure.lower) else f" ({measure.lower:.4g} to {measure.upper:.4g})"
