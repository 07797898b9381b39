"""Fits a baseline: lets the reference go by to choose the schema and the cells, then again to count.

A frame in memory is one batch. Rows from files come in many: what is kept of them then is a sample, which places the
cells of numbers, and everything else exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.baseline import Baseline, ColumnBaseline
from driftwatch.core.cell_choice import named_cells, numeric_cells
from driftwatch.core.cells import NumericCells
from driftwatch.core.column_reading import as_times
from driftwatch.core.counting import with_psi_bins, with_rows
from driftwatch.core.estimators.dle import LossModel
from driftwatch.core.estimators.loss_sample import LossSample
from driftwatch.core.frames import converted, missing_column, to_table
from driftwatch.core.importance import importance_shares
from driftwatch.core.moments import Moments
from driftwatch.core.natural import DURATIONS_SECONDS, NaturalVariation
from driftwatch.core.natural_fit import WindowCounts, bytes_of
from driftwatch.core.natural_loss import LossWindows, loss_variation
from driftwatch.core.natural_windows import WindowRows, Windows
from driftwatch.core.raw_batches import RawBatches
from driftwatch.core.records import ColumnKind, ColumnRole, Task
from driftwatch.core.reference_performance import PerformanceSource, ReferencePerformance
from driftwatch.core.schema import Column, Schema
from driftwatch.core.schema_choice import FitOptions, check_options, chosen_classes, chosen_schema, chosen_task
from driftwatch.core.segment_choice import ReferenceSegment, chosen_segments, segment_notices
from driftwatch.core.survey import NAMED, SampleSize, Survey, surveyed
from driftwatch.core.table import Numbers, Table
from driftwatch.core.two_samples import KeptNumbers
from driftwatch.errors import ReferenceDataError

Batches = Iterable[Any] | Callable[[], Iterable[Any]]
"""Frames, as `Baseline.fit` takes them, which begin anew each time; or a function that returns them."""

SAMPLE_VALUES = 12_500_000
"""Numbers in the sample of a reference in batches, over all columns: 100 MB. With 25 columns 500,000 rows."""

WINDOW_BYTES = 2**28
"""For the counts of windows, over the columns that are counted in one go through the batches."""


FRAME_WINDOW_BYTES = 2**25
"""Likewise for rows in memory, through which going again costs little: what is held beside them stays small."""


def fitted_baseline(reference: Any, evaluation: Any, options: FitOptions, *, keep_reference: bool = False) -> Baseline:
    """Fit a baseline to a frame; see `driftwatch.core.baseline.Baseline.fit` for the parameters and errors."""
    batches = None if evaluation is None else (evaluation,)
    rows, held_out = _batches((reference,), batches, options, keep=True)
    fit = _Fit(rows, held_out, options, _every_row, window_bytes=FRAME_WINDOW_BYTES)
    baseline = fit.baseline(_whole_rows(batches, options))
    return replace(baseline, kept=_kept(rows, baseline)) if keep_reference else baseline


def baseline_of_batches(
    batches: Batches, evaluation: Batches | None, options: FitOptions, *, sample_rows: int | None = None
) -> Baseline:
    """Fit a baseline to batches of rows; see `driftwatch.core.baseline.Baseline.fit_batches`."""
    if sample_rows is not None and sample_rows < 1:
        raise ReferenceDataError("it must be at least 1.", field="sample_rows", remedy="Leave it out.")
    rows, held_out = _batches(batches, evaluation, options)

    def most_rows(n_columns: int) -> int:
        return sample_rows or max(SAMPLE_VALUES // max(n_columns, 1), 1)

    fit = _Fit(rows, held_out, options, most_rows, window_bytes=WINDOW_BYTES)
    return fit.baseline(_whole_rows(evaluation, options))


def _batches(
    reference: Batches, evaluation: Batches | None, options: FitOptions, *, keep: bool = False
) -> tuple[RawBatches, RawBatches | None]:
    rows = RawBatches(reference, _columns_of_reference(options), timestamp=options.timestamp, keep=keep)
    if evaluation is None:
        return rows, None
    wanted = _columns_of_evaluation(options)
    return rows, RawBatches(evaluation, wanted, timestamp=options.timestamp, of="the evaluation", keep=keep)


def _whole_rows(evaluation: Batches | None, options: FitOptions) -> RawBatches | None:
    """Evaluation rows with their features."""
    if evaluation is None:
        return None

    def wanted(existing: Sequence[str]) -> Sequence[str]:
        return [name for name in existing if name not in options.ignore]

    return RawBatches(evaluation, wanted, timestamp=options.timestamp, of="the evaluation")


def _every_row(n_columns: int) -> None:
    """Nothing is left out of the sample."""


def _one_row(n_columns: int) -> int:
    return 1


def _kept(rows: RawBatches, baseline: Baseline) -> dict[str, KeptNumbers]:
    (raw,) = rows
    table = to_table(raw, baseline.schema, error=ReferenceDataError)
    return {
        name: KeptNumbers.of(column.cells, values)
        for name, column in baseline.columns.items()
        if isinstance(column.cells, NumericCells) and isinstance(values := table[name], Numbers)
    }


class _Fit:
    """One fit: what was learned when the rows went by first decides what is counted when they do again."""

    def __init__(
        self,
        rows: RawBatches,
        held_out: RawBatches | None,
        options: FitOptions,
        sample_rows: SampleSize,
        *,
        window_bytes: int,
    ) -> None:
        self._rows = rows
        self._held_out = held_out
        self._options = options
        self._window_bytes = window_bytes
        self._survey, held_out_survey = self._surveyed(options, sample_rows)
        if self._survey.n_rows == 0:
            raise ReferenceDataError(
                "the reference has no rows.", remedy="Give the rows that the model was trained on."
            )
        targets = [name for name in (options.label, options.prediction) if name is not None]
        task = chosen_task(options, self._survey.columns)
        if options.task is None and task is Task.REGRESSION and any(_is_named(self._survey, name) for name in targets):
            # Texts turned out to stand for numbers: they are to be read as such from the first row on.
            self._survey, held_out_survey = self._surveyed(replace(options, task=task), sample_rows)
        surveys = [one for one in (self._survey, held_out_survey) if one is not None]
        classes = chosen_classes(task, [one.columns[name] for one in surveys for name in targets], options.positive)
        self._schema = chosen_schema(options, self._survey, task, classes)
        self._importance = importance_shares(options.importance, self._schema, rows.existing)
        self._empty = {column.name: _empty_column(column, self._survey, classes) for column in self._schema.columns}
        self._losses = LossSample(self._schema, self._empty)
        self._held_out_windows = None if held_out_survey is None else held_out_survey.windows

    def _surveyed(self, options: FitOptions, sample_rows: SampleSize) -> tuple[Survey, Survey | None]:
        survey = surveyed(self._rows, options, sample_rows)
        # Of evaluation rows it is classes and times that count: no sample.
        return survey, None if self._held_out is None else surveyed(self._held_out, options, _one_row)

    def baseline(self, evaluation: RawBatches | None) -> Baseline:
        """Count, and put everything together; ``evaluation`` are the held-out rows with their features."""
        whole = self._part(self._survey.n_rows, self._survey.windows, self._held_out_windows)
        chosen = chosen_segments(self._options.segments, self._schema, self._survey)
        segments = {one.name: self._part_of(one) for one in chosen}
        notices = _notices(self._options, self._schema, whole.performance, whole.natural)
        notices = (*notices, *segment_notices(whole, segments))
        return replace(whole, segments=segments, notices=notices, loss_model=self._loss_model(evaluation))

    def _loss_model(self, evaluation: RawBatches | None) -> LossModel | None:
        """Of a regression, from held-out rows where there are any, else from the reference's."""
        if self._held_out is None:
            return self._losses.model()
        losses = LossSample(self._schema, self._empty)
        if evaluation is not None and self._schema.task is Task.REGRESSION:
            for table, _ in self._tables(evaluation, None):
                losses.add(table)
        return losses.model()

    def _part_of(self, segment: ReferenceSegment) -> Baseline:
        """The baseline of one segment: the rows go by again."""
        rows, held_out = WindowRows(), WindowRows()
        n_rows = 0
        for table, times in self._tables(self._rows, (), segment):
            n_rows += len(table)
            if times is not None:
                rows.add(times)
        if self._held_out is not None:
            for _, times in self._tables(self._held_out, (), segment):
                if times is not None:
                    held_out.add(times)
        return self._part(n_rows, rows, held_out, segment)

    def _part(
        self, n_rows: int, windows: WindowRows, held_out: WindowRows | None, segment: ReferenceSegment | None = None
    ) -> Baseline:
        """The baseline of all rows, or of a segment's."""
        plans = [plan for one in DURATIONS_SECONDS if (plan := windows.windows(one)) is not None]
        sources = [LossWindows(self._schema, windows)]
        columns, distances = self._counted(plans, sources[0], segment)
        source = PerformanceSource.REFERENCE
        if self._held_out is not None and held_out is not None:
            source = PerformanceSource.HELD_OUT
            sources.insert(0, LossWindows(self._schema, held_out))
            targets = [self._schema.label, self._schema.prediction, *self._schema.scores]
            for table, times in self._tables(self._held_out, targets, segment):
                sources[0].add(table, times)
        natural = NaturalVariation()
        if self._schema.timestamp is not None:
            natural = NaturalVariation(
                distances={duration: found for duration, found in distances.items() if found},
                windows={plan.duration: len(plan) for plan in plans if distances.get(plan.duration)},
                loss=loss_variation(sources),
            )
        sums = sources[0].sums
        return Baseline(
            model=self._options.model,
            model_version=self._options.model_version,
            schema=self._schema,
            n_rows=n_rows,
            columns=columns,
            performance=ReferencePerformance(sums=sums, source=source) if sums.n else None,
            natural=natural,
            importance=self._importance,
            fitted_at=self._options.fitted_at,
        )

    def _counted(
        self, plans: Sequence[Windows], quality: LossWindows, segment: ReferenceSegment | None
    ) -> tuple[dict[str, ColumnBaseline], dict[int, dict[str, dict[str, float]]]]:
        """All rows over the cells; and the distances of windows, for as many columns at a time as memory is for."""
        columns: dict[str, ColumnBaseline] = dict(self._empty)
        distances: dict[int, dict[str, dict[str, float]]] = {plan.duration: {} for plan in plans}
        most_bytes = self._window_bytes if segment is None else WINDOW_BYTES
        for number, group in enumerate(_groups(self._empty, plans, most_bytes)):
            counts = WindowCounts({name: self._empty[name] for name in group}, plans)
            for table, times in self._tables(self._rows, None if number == 0 else group, segment):
                if number == 0:
                    columns = with_rows(columns, table)
                    quality.add(table, times)
                    if segment is None and self._held_out is None:
                        self._losses.add(table)
                if times is not None:
                    counts.add(times, table)
            if number == 0:
                columns = {name: with_psi_bins(column) for name, column in columns.items()}
            for duration, found in counts.distances(columns).items():
                distances[duration] |= found
        return columns, distances

    def _tables(
        self, rows: RawBatches, wanted: Collection[str | None] | None, segment: ReferenceSegment | None = None
    ) -> Iterator[tuple[Table, NDArray[np.float64] | None]]:
        """Batches in the schema's kinds, with the time of each row, or the rows of one segment of them.

        ``wanted`` are columns, None is all. Rows without the segment's column are in no segment.
        """
        timestamp = self._schema.timestamp
        for raw in rows:
            times = None
            if timestamp is not None and timestamp in raw.columns:
                times = as_times(raw.columns[timestamp], timestamp, ReferenceDataError)
            own = () if segment is None or segment.column not in raw.columns else (segment.column,)
            columns = {
                column.name: converted(raw.columns[column.name], column, ReferenceDataError, times)
                for column in self._schema.columns
                if (wanted is None or column.name in wanted or column.name in own)
                # Evaluation rows may have no scores, and not all features.
                and column.name in raw.columns
            }
            table = Table(columns, raw.n_rows)
            if segment is not None:
                chosen = segment.rows(table)
                table, times = table.take(chosen), None if times is None else times[chosen]
            yield table, times


def _is_named(survey: Survey, name: str) -> bool:
    return survey.columns[name].kind in NAMED


def _empty_column(column: Column, survey: Survey, classes: tuple[str, ...]) -> ColumnBaseline:
    """A column's cells with nothing counted yet.

    Names of a label's values have cells however rare.
    """
    if column.kind is not ColumnKind.NUMERIC:
        targets = column.role in (ColumnRole.LABEL, ColumnRole.PREDICTION)
        occurring = survey.columns[column.name].occurring
        assert occurring is not None
        cells = named_cells(occurring, classes if targets else ())
        return ColumnBaseline(
            column=column,
            cells=cells,
            counts=np.zeros(cells.n_counts, dtype=np.int64),
            moments=None,
            psi_starts=np.arange(cells.n_cells, dtype=np.intp),
        )
    distinct, centre, scale = survey.numbers_of(column.name)
    numeric = numeric_cells(distinct)
    return ColumnBaseline(
        column=column,
        cells=numeric,
        counts=np.zeros(numeric.n_counts, dtype=np.int64),
        moments=Moments(centre, scale),
        psi_starts=np.arange(numeric.n_cells, dtype=np.intp),
    )


def _groups(
    columns: Mapping[str, ColumnBaseline], plans: Sequence[Windows], most_bytes: int
) -> Iterator[tuple[str, ...]]:
    """Columns whose counts of windows are held together, at least one at a time."""
    group: list[str] = []
    held = 0
    for name, column in columns.items():
        size = bytes_of(column.cells, plans)
        if group and held + size > most_bytes:
            yield tuple(group)
            group, held = [], 0
        group.append(name)
        held += size
    yield tuple(group)


def _columns_of_reference(options: FitOptions) -> Callable[[Sequence[str]], Sequence[str]]:
    def wanted(existing: Sequence[str]) -> Sequence[str]:
        check_options(options, existing)
        return [name for name in existing if name not in options.ignore]

    return wanted


def _columns_of_evaluation(options: FitOptions) -> Callable[[Sequence[str]], Sequence[str]]:
    if options.label is None or options.prediction is None:
        raise ReferenceDataError(
            "evaluation rows are of no use without a label and a prediction.",
            field="evaluation",
            remedy="Name both columns.",
        )
    targets = (options.label, options.prediction)

    def wanted(existing: Sequence[str]) -> Sequence[str]:
        for name in targets:
            if name not in existing:
                raise missing_column(name, existing, ReferenceDataError, of="the evaluation")
        return [name for name in existing if name in {*targets, *options.scores, options.timestamp, *options.segments}]

    return wanted


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
