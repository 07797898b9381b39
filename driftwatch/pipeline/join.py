"""Stage 3: let labels meet their predictions, whichever comes first, and add up the model's quality."""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from driftwatch.core.baseline import Baseline
from driftwatch.core.events import LabelBatch, PredictionBatch, joined_labels
from driftwatch.core.performance import PerformanceSums
from driftwatch.core.profile import Profile
from driftwatch.core.records import Task
from driftwatch.core.table import Names, Numbers, Table, Values
from driftwatch.core.windows import MICROSECONDS
from driftwatch.pipeline.work import Work
from driftwatch.ports import JoinedLabel, Outstanding, SliceKey

_DOUBLE = struct.Struct("<d")


def join_labels(work: Work) -> None:
    """Join the step's predictions and labels with what was there before."""
    joined: dict[str, list[JoinedLabel]] = defaultdict(list)
    for batch in work.predictions():
        if work.baseline(batch.model, batch.model_version).schema.prediction is not None:
            joined[batch.model] += work.transaction.add_outstanding(batch.model, _outstanding(work, batch))
    for labels in _labels_by_model(work):
        joined[labels.model] += work.transaction.join_labels(labels)
    for model, pairs in joined.items():
        for key, found in _by_slice(work, model, pairs).items():
            _add_quality(work, key, found)


def _by_slice(work: Work, model: str, pairs: Sequence[JoinedLabel]) -> dict[SliceKey, list[JoinedLabel]]:
    starts = work.plan.slice_starts(np.array([one.event_time for one in pairs], dtype=np.int64))
    groups: dict[SliceKey, list[JoinedLabel]] = defaultdict(list)
    for one, start in zip(pairs, starts.tolist(), strict=True):
        groups[SliceKey(model=model, model_version=one.model_version, segment="", start=start)].append(one)
    return groups


def _labels_by_model(work: Work) -> list[LabelBatch]:
    batches: dict[str, list[LabelBatch]] = defaultdict(list)
    for entry in work.entries:
        if isinstance(entry.batch, LabelBatch):
            batches[entry.batch.model].append(entry.batch)
    return [joined_labels(parts) for parts in batches.values()]


def _outstanding(work: Work, batch: PredictionBatch) -> Outstanding:
    prediction = work.baseline(batch.model, batch.model_version).schema.prediction
    return Outstanding(
        prediction_ids=batch.prediction_ids,
        model_versions=(batch.model_version,) * len(batch),
        segments=batch.segments,
        event_time=batch.event_time,
        prediction=_packed(batch.columns[prediction or ""]),
    )


def _add_quality(work: Work, key: SliceKey, pairs: Sequence[JoinedLabel]) -> None:
    baseline = work.baseline(key.model, key.model_version)
    sums = work.slice(key)
    predictions = _unpacked(baseline, [one.prediction for one in pairs])
    labels = _label_values(baseline, [one.label for one in pairs])
    sums.performance += _quality(baseline, predictions, labels)
    sums.profile += _label_profile(baseline, labels)
    corrected = np.array([position for position, one in enumerate(pairs) if one.replaced is not None], dtype=np.intp)
    if len(corrected):
        before = _label_values(baseline, [one.replaced for one in pairs if one.replaced is not None])
        sums.performance -= _quality(baseline, predictions.take(corrected), before)
        sums.profile -= _label_profile(baseline, before)
    sums.labels += len(pairs) - len(corrected)
    _count(work, key, pairs, len(corrected))


def _count(work: Work, key: SliceKey, pairs: Sequence[JoinedLabel], corrected: int) -> None:
    version = {"model": key.model, "model_version": key.model_version}
    work.tally.count("labels_total", len(pairs) - corrected, outcome="joined", **version)
    if corrected:
        work.tally.count("labels_total", corrected, outcome="corrected", **version)
    delays = [max(0, one.label_time - one.event_time) / MICROSECONDS for one in pairs]
    work.tally.observe("label_delay_seconds", delays, model=key.model)


def _quality(baseline: Baseline, predictions: Values, labels: Values) -> PerformanceSums:
    return PerformanceSums.of(baseline.schema.task, baseline.schema.classes, predictions, labels)


def _label_profile(baseline: Baseline, labels: Values) -> Profile:
    """Label drift is seen through the label's column, where the reference had one."""
    name = baseline.schema.label
    columns = {name: labels} if name in baseline.columns and name is not None else {}
    return Profile.of(baseline, Table(columns, 0))


def _packed(predictions: Values) -> tuple[bytes, ...]:
    if isinstance(predictions, Numbers):
        raw = np.ascontiguousarray(predictions.values, dtype="<f8").tobytes()
        return tuple(raw[start : start + _DOUBLE.size] for start in range(0, len(raw), _DOUBLE.size))
    return tuple((name or "").encode() for name in predictions.to_list())


def _unpacked(baseline: Baseline, packed: Sequence[bytes]) -> Values:
    if baseline.schema.task is Task.REGRESSION:
        return Numbers(np.frombuffer(b"".join(packed), dtype="<f8"))
    return Names.of([one.decode() for one in packed])


def _label_values(baseline: Baseline, labels: Sequence[str]) -> Values:
    if baseline.schema.task is Task.REGRESSION:
        return Numbers(np.array([float(one) for one in labels], dtype=np.float64))
    return Names.of(labels)
