"""Stage 3: let labels meet their predictions, whichever comes first, and add up the model's quality."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.baseline import Baseline
from driftwatch.core.events import LabelBatch, PredictionBatch, joined_labels
from driftwatch.core.performance import PerformanceSums
from driftwatch.core.profile import Profile
from driftwatch.core.records import Task, WindowStage
from driftwatch.core.row_groups import rows_by_value
from driftwatch.core.segments import ALL_ROWS, divided
from driftwatch.core.selection import answers_of
from driftwatch.core.table import Names, Numbers, Table, Values, name_of
from driftwatch.core.windows import MICROSECONDS
from driftwatch.pipeline import marks
from driftwatch.pipeline.work import Work
from driftwatch.ports import JoinedLabels, Outstanding, SliceKey

_IN_NO_WINDOW = np.nan
"""Takes the place of a prediction that no window counts: none that was accepted is missing."""

_NO_SLICE = -(2**62)


def join_labels(work: Work) -> None:
    """Join the step's predictions and labels with what was there before."""
    for batch in work.predictions():
        if work.baseline(batch.model, batch.model_version).schema.prediction is not None:
            for joined in work.transaction.add_outstanding(batch.model, _outstanding(work, batch)):
                _add_joined(work, batch.model, joined)
    for labels in _labels_by_model(work):
        for joined in work.transaction.join_labels(labels):
            _add_joined(work, labels.model, joined)


def _labels_by_model(work: Work) -> list[LabelBatch]:
    batches: dict[str, list[LabelBatch]] = defaultdict(list)
    for entry in work.entries:
        if isinstance(entry.batch, LabelBatch):
            batches[entry.batch.model].append(entry.batch)
    return [joined_labels(parts) for parts in batches.values()]


def _outstanding(work: Work, batch: PredictionBatch) -> Outstanding:
    baseline = work.baseline(batch.model, batch.model_version)
    placement, values = work.placement(batch), _packed(baseline, batch)
    if work.plan.counted:
        values = np.hstack([values, placement.positions])
    for rows in work.dropped(batch):
        values[rows, 0] = _IN_NO_WINDOW
    return Outstanding(
        prediction_ids=batch.prediction_ids,
        model_version=batch.model_version,
        segments=placement.segments,
        event_time=batch.event_time,
        values=values,
    )


def _add_joined(work: Work, model: str, joined: JoinedLabels) -> None:
    """Add the labels of one version to the quality of their slices."""
    baseline = work.baseline(model, joined.model_version)
    predictions = _predictions(baseline, joined.values)
    labels, replaced = _labels(baseline, joined.labels), _labels(baseline, joined.replaced)
    # A correction that no number or class can be made of is one all the same.
    corrected = _is_present(joined.replaced)
    for key, rows in _by_slice(work, baseline, joined):
        sums = work.slice(key)
        if sums.rows == 0 or key.start == _NO_SLICE:
            if key.segment == ALL_ROWS:
                work.tally.count("events_dropped_total", len(rows), model=model, reason="label_late")
            continue
        sums.performance += _quality(work, baseline, predictions, labels, joined.values, rows)
        sums.profile += _label_profile(baseline, labels.take(rows))
        sums.labelled += _answers(baseline, predictions, joined.values, rows[~corrected[rows]])
        before = rows[corrected[rows]]
        if len(before):
            sums.performance -= _quality(work, baseline, predictions, replaced, joined.values, before)
            sums.profile -= _label_profile(baseline, replaced.take(before))
        sums.labels += len(rows) - len(before)
        work.touch(key, WindowStage.COMPLETE)
    _count(work, model, joined, int(np.count_nonzero(corrected)))


def _by_slice(work: Work, baseline: Baseline, joined: JoinedLabels) -> Iterator[tuple[SliceKey, NDArray[np.intp]]]:
    """The labels by slice, in every stream that their predictions are part of."""
    for segment, division, rows in divided(joined.segments):
        positions = _positions(work, baseline, joined, division)[rows]
        starts = np.where(np.isnan(joined.values[rows, 0]), _NO_SLICE, work.plan.slice_starts(positions))
        for start, chosen in rows_by_value(starts):
            key = SliceKey(model=baseline.model, model_version=joined.model_version, segment=segment, start=start)
            yield key, rows[chosen]


def _positions(work: Work, baseline: Baseline, joined: JoinedLabels, division: int) -> NDArray[np.int64]:
    """Where the predictions lie in a stream: see `pipeline.place`."""
    if not work.plan.counted:
        return joined.event_time
    column = 1 + len(baseline.schema.scores) + division
    if joined.values.shape[1] <= column:
        # Predicted when windows were of time: before every row that was counted.
        return np.full(len(joined), -1, dtype=np.int64)
    return np.nan_to_num(joined.values[:, column], nan=-1.0).astype(np.int64)


def _count(work: Work, model: str, joined: JoinedLabels, corrected: int) -> None:
    version = {"model": model, "model_version": joined.model_version}
    work.tally.count("labels_total", len(joined) - corrected, outcome="joined", **version)
    known = work.transaction.mark(marks.labels(model))
    work.transaction.set_mark(marks.labels(model), known + len(joined) - corrected)
    if corrected:
        work.tally.count("labels_total", corrected, outcome="corrected", **version)
    delays = np.maximum(joined.label_time - joined.event_time, 0) / MICROSECONDS
    work.tally.observe("label_delay_seconds", delays, model=model)


def _quality(
    work: Work,
    baseline: Baseline,
    predictions: Values,
    labels: Values,
    packed: NDArray[np.float64],
    rows: NDArray[np.intp],
) -> PerformanceSums:
    schema = baseline.schema
    predicted, actual = predictions.take(rows), labels.take(rows)
    scores = list(packed[rows, 1 : 1 + len(schema.scores)].T)
    sums = PerformanceSums.of(schema.task, schema.classes, predicted, actual, scores)
    if not work.own or schema.label is None or schema.prediction is None:
        return sums
    known = np.flatnonzero(_is_present(predicted) & _is_present(actual))
    columns = {schema.label: actual.take(known), schema.prediction: predicted.take(known)}
    named = zip(schema.scores, scores, strict=True)
    columns |= {name: Numbers(np.ascontiguousarray(score[known])) for name, score in named}
    return sums.with_own(work.own.of(columns, len(known)))


def _answers(baseline: Baseline, predictions: Values, packed: NDArray[np.float64], rows: NDArray[np.intp]) -> Profile:
    """What the model answered for rows that now have a label."""
    schema = baseline.schema
    columns: dict[str, Values] = {
        name: Numbers(np.ascontiguousarray(packed[rows, position])) for position, name in enumerate(schema.scores, 1)
    }
    if schema.prediction is not None:
        columns[schema.prediction] = predictions.take(rows)
    return Profile.of(answers_of(baseline), Table(columns, len(rows)))


def _label_profile(baseline: Baseline, labels: Values) -> Profile:
    """Label drift is seen through the label's column, where the reference had one."""
    name = baseline.schema.label
    columns = {name: labels} if name in baseline.columns and name is not None else {}
    return Profile.of(baseline, Table(columns, 0))


def _packed(baseline: Baseline, batch: PredictionBatch) -> NDArray[np.float64]:
    """What quality needs of predictions, a row each: the number or the class's position, then the scores."""
    schema = baseline.schema
    predicted = batch.columns[schema.prediction or ""]
    values = np.full((len(batch), 1 + len(schema.scores)), np.nan)
    if isinstance(predicted, Names):
        codes = predicted.recoded(schema.classes)
        values[:, 0] = np.where(codes < 0, np.nan, codes)
    else:
        values[:, 0] = predicted.values
    for position, name in enumerate(schema.scores, start=1):
        score = batch.columns[name]
        if isinstance(score, Numbers):
            values[:, position] = score.values
    return values


def _predictions(baseline: Baseline, values: NDArray[np.float64]) -> Values:
    """The predictions of `_packed`."""
    schema, predicted = baseline.schema, np.ascontiguousarray(values[:, 0])
    if schema.task is Task.REGRESSION:
        return Numbers(predicted)
    codes = np.where(np.isnan(predicted), -1, predicted).astype(np.int32)
    # Longer than every class, so none of them: what stands for a name outside the classes.
    other = "".join(schema.classes) + "?"
    return Names(codes, (*schema.classes, other))


def _labels(baseline: Baseline, labels: Values) -> Values:
    """Labels in the kind of the version's task: they were checked against the newest version's, which may differ."""
    if baseline.schema.task is Task.REGRESSION:
        if isinstance(labels, Numbers):
            return labels
        return Numbers(np.array([*map(_number, labels.names), np.nan])[labels.codes])
    if isinstance(labels, Names):
        return labels
    return Names.of([None if one is None else name_of(one) for one in labels.to_list()])


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return np.nan


def _is_present(values: Values) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = values.codes >= 0 if isinstance(values, Names) else ~np.isnan(values.values)
    return found
