"""The live rows of a comparison as counts: column by column, in threads, and labelled rows by themselves."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftwatch.core import compare as core
from driftwatch.core.baseline import Baseline, ColumnBaseline
from driftwatch.core.cells import NumericCells, counts_by_slot
from driftwatch.core.estimators.estimator import no_sums, sums_of
from driftwatch.core.frames import columns_of, read_column
from driftwatch.core.multivariate.rows import RowSample
from driftwatch.core.performance import Measure, PerformanceSums
from driftwatch.core.performance.own import OwnMeasure, OwnSums, Rows, arrays_of, of_all_rows, own_sums, unlike_ours
from driftwatch.core.profile import ColumnProfile, Profile
from driftwatch.core.records import ColumnRole, Measurement
from driftwatch.core.schema import Column, Schema
from driftwatch.core.table import Names, Numbers, Table, Values, present
from driftwatch.core.two_samples import KeptNumbers, measured_exactly
from driftwatch.errors import EventError, MeasureError

MANY_ROWS = 50_000
"""With fewer rows, threads cost more than they save."""

_MOST_WORKERS = 4
"""Each needs memory for a column."""


def counted_live(
    baseline: Baseline,
    live: Any,
    kept: Kept,
    samples: Sequence[RowSample] = (),
    *,
    own: Mapping[str, OwnMeasure],
) -> core.Live:
    """The live rows as counts.

    Parameters
    ----------
    baseline
        Over whose cells.
    live
        A frame, or an iterator of frames.
    kept
        The reference's values, where they are known: exact statistics come of them.
    samples
        Where samples of the rows are wanted, what takes them.
    own
        The user's own measures of labelled rows.
    """
    if not isinstance(live, Iterator):
        for sample in samples:
            sample.add(live)
        return _counted(baseline, live, kept, own)
    profile, sums, estimate = Profile.empty(baseline), None, no_sums(baseline)
    unread: dict[str, str] = {}
    labelled: Profile | None = Profile.empty(baseline)
    for part in live:
        for sample in samples:
            sample.add(part)
        counted = _counted(baseline, part, nothing_kept, own)
        for name in counted.own:
            raise MeasureError(
                "it gives one number for all rows, and these come in parts.",
                field=name,
                remedy="Give one number a row, or the rows as one frame.",
            )
        labelled = None if counted.labelled is None or labelled is None else labelled + counted.labelled
        profile += counted.profile
        unread.update(counted.unread)
        estimate += counted.estimate or no_sums(baseline)
        if counted.sums is not None:
            sums = counted.sums if sums is None else sums + counted.sums
    return core.Live(profile=profile, sums=sums, labelled=labelled, estimate=estimate, unread=unread)


Kept = Callable[[str], KeptNumbers | None]
"""The reference's values of a numeric column, by its name; None where they are not known."""


def nothing_kept(name: str) -> None:
    """Part by part, exact statistics cannot be had."""


@dataclass(frozen=True, slots=True, eq=False)
class _LiveColumn:
    """What is left of one column of the live rows."""

    profile: ColumnProfile
    measured: Measurement | None = None
    values: Values | None = None
    """Of labels, predictions, scores and what errors are expected by: they are needed side by side."""
    labelled: ColumnProfile | None = None
    unread: str = ""


def _counted(baseline: Baseline, live: Any, kept: Kept, own: Mapping[str, OwnMeasure]) -> core.Live:
    """The live rows as counts, each column by itself; a row without a label counts for everything but labels."""
    schema = baseline.schema
    given = columns_of(live)
    n_rows = _common_length({column.name: given[column.name] for column in schema.columns if column.name in given})
    looked_at = baseline.loss_model.features if baseline.loss_model is not None else ()
    chosen = _labelled_rows(schema, given, n_rows)

    def counted(column: Column) -> _LiveColumn:
        try:
            values = read_column(given, column, schema.timestamp)
            aside = column.role is not ColumnRole.FEATURE or column.name in looked_at
            return _counted_column(baseline.columns[column.name], values, n_rows, kept, chosen, aside=aside)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one column, the others are compared
            return _LiveColumn(ColumnProfile.empty(baseline.columns[column.name]), unread=core.words_of(error))

    columns = [column for column in schema.columns if column.name in given or column.role is ColumnRole.FEATURE]
    workers = min(_processors(), _MOST_WORKERS) if n_rows >= MANY_ROWS else 1
    with ThreadPoolExecutor(workers) as pool:
        found = dict(zip((column.name for column in columns), pool.map(counted, columns), strict=True))
    profiles = {
        name: found[name].profile if name in found else ColumnProfile.empty(column)
        for name, column in baseline.columns.items()
    }
    sums = _performance(baseline, found)
    alone: dict[str, Measure] = {}
    if own and sums is not None:
        sums, alone = _with_own(sums, own, _labelled_columns(schema, given, found))
    side_by_side = {name: one.values for name, one in found.items() if one.values is not None}
    return core.Live(
        profile=Profile(n_rows, profiles, baseline.layout),
        sums=sums,
        own=alone,
        labelled=_labelled(baseline, found, chosen),
        measured={(name, one.measured.statistic): one.measured for name, one in found.items() if one.measured},
        estimate=sums_of(baseline, Table(side_by_side, n_rows)),
        unread={name: one.unread for name, one in found.items() if one.unread},
    )


def _counted_column(
    fitted: ColumnBaseline, values: Values, n_rows: int, kept: Kept, chosen: NDArray[np.bool_] | None, *, aside: bool
) -> _LiveColumn:
    column = fitted.column
    if len(values) != n_rows:
        problem = f"it has {len(values):,} values where other columns have {n_rows:,}."
        raise EventError(problem, field=column.name, remedy="Give columns of equal length.")
    held = values if aside else None
    labelled = None
    if column.role is ColumnRole.LABEL:
        values = present(values)
    elif chosen is not None:
        labelled = ColumnProfile.of(fitted, values.take(chosen))
    if not isinstance(fitted.cells, NumericCells) or not isinstance(values, Numbers):
        return _LiveColumn(ColumnProfile.of(fitted, values), values=held, labelled=labelled)
    reference = kept(column.name)
    if reference is None or fitted.moments is None:
        return _LiveColumn(ColumnProfile.of(fitted, values), values=held, labelled=labelled)
    counts, moments, by_slot = counts_by_slot(fitted.cells, values, fitted.moments)
    measured = measured_exactly(fitted.cells, reference, values, counts, by_slot)
    return _LiveColumn(ColumnProfile(counts, moments), measured=measured, values=held, labelled=labelled)


def _common_length(columns: Mapping[str, Any]) -> int:
    """The length that most columns have: one that is cut short is a finding, not the end."""
    lengths = Counter(length for length in map(_length, columns.values()) if length is not None)
    return lengths.most_common(1)[0][0] if lengths else 0


def _length(values: Any) -> int | None:
    try:
        return len(values)
    except TypeError:
        return None


def _processors() -> int:
    """How many of them this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _performance(baseline: Baseline, found: Mapping[str, _LiveColumn]) -> PerformanceSums | None:
    """Sums over the rows that have a label; None where there are no labels."""
    schema = baseline.schema
    if schema.label is None or schema.label not in found:
        return None
    label = found[schema.label].values
    answered = None if schema.prediction is None else found.get(schema.prediction)
    prediction = None if answered is None else answered.values
    if label is None or prediction is None:
        return PerformanceSums.empty(schema.task, schema.classes)
    scores = [one.values for name in schema.scores if (one := found.get(name)) and isinstance(one.values, Numbers)]
    arrays = [one.values for one in scores] if len(scores) == len(schema.scores) else []
    return PerformanceSums.of(schema.task, schema.classes, prediction, label, arrays)


def _labelled_rows(schema: Schema, given: Mapping[str, Any], n_rows: int) -> NDArray[np.bool_] | None:
    """Which rows have a label; None where all have, none has, or that cannot be read."""
    if schema.label is None or schema.label not in given:
        return None
    try:
        mask = _is_present(read_column(given, schema.by_name[schema.label], schema.timestamp))
    except Exception:  # noqa: BLE001 - it is read again in its turn, and told then
        return None
    return mask if len(mask) == n_rows and 0 < np.count_nonzero(mask) < n_rows else None


def _is_present(values: Values) -> NDArray[np.bool_]:
    known: NDArray[np.bool_] = values.codes >= 0 if isinstance(values, Names) else np.isfinite(values.values)
    return known


def _labelled(baseline: Baseline, found: Mapping[str, _LiveColumn], chosen: NDArray[np.bool_] | None) -> Profile | None:
    """The profile of the rows that have a label, of the columns that could be read."""
    if chosen is None:
        return None
    profiles = {
        name: part.labelled
        if (part := found.get(name)) is not None and part.labelled is not None
        else ColumnProfile.empty(column)
        for name, column in baseline.columns.items()
    }
    return Profile(int(np.count_nonzero(chosen)), profiles, baseline.layout)


def _labelled_columns(schema: Schema, given: Mapping[str, Any], found: Mapping[str, _LiveColumn]) -> tuple[Rows, int]:
    """The rows that have a label and a prediction, of every column that could be read."""
    parts = [found.get(name or "") for name in (schema.label, schema.prediction)]
    label, prediction = (None if part is None else part.values for part in parts)
    if label is None or prediction is None:
        return {}, 0
    chosen = _is_present(label) & _is_present(prediction)
    columns = {}
    for column in schema.columns:
        part = found.get(column.name)
        if part is not None and not part.unread and column.name in given:
            values = read_column(given, column, schema.timestamp) if part.values is None else part.values
            columns[column.name] = values.take(chosen)
    return arrays_of(columns), int(np.count_nonzero(chosen))


def _with_own(
    sums: PerformanceSums, own: Mapping[str, OwnMeasure], labelled: tuple[Rows, int]
) -> tuple[PerformanceSums, dict[str, Measure]]:
    """The sums with those of measures that give a number a row; and the measures that give one for all of them."""
    rows, n = labelled
    summed: dict[str, OwnSums] = {}
    alone: dict[str, Measure] = {}
    for name, measure in unlike_ours(own).items():
        if n == 0:
            summed[name] = OwnSums(0, 0, 0)
            continue
        try:
            found = own_sums(measure, rows, n)
            if found is None:
                alone[name] = of_all_rows(measure, rows, n)
            else:
                summed[name] = found
        except Exception as error:
            raise MeasureError(
                f"the measure failed ({core.words_of(error)}).", field=name, remedy="Try it on a few rows."
            ) from error
    return sums.with_own(summed), alone
