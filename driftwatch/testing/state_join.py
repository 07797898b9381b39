"""The join of labels with predictions, in dictionaries."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np

from driftwatch.core.events import LabelBatch
from driftwatch.core.table import Names, Numbers, Values, name_of
from driftwatch.ports import JoinedLabels, Outstanding
from driftwatch.testing.state_contents import Contents, KnownPrediction, Label, WaitingLabel
from driftwatch.testing.state_questions import MemoryStateReader

_Met = tuple[int, KnownPrediction, WaitingLabel, Label | None]
"""The row of the batch, its prediction, its label, and the label that had been joined before."""


class MemoryLabelJoin(MemoryStateReader):
    """See `driftwatch.ports.LabelJoin`."""

    def __init__(self, contents: Contents, stretch_us: int) -> None:
        super().__init__(contents)
        self._stretch_us = stretch_us

    def add_outstanding(self, model: str, rows: Outstanding) -> list[JoinedLabels]:
        """Remember predictions for the join; answers those whose label was already waiting."""
        met: list[_Met] = []
        columns = (rows.prediction_ids, rows.segments.to_list(), rows.event_time.tolist(), rows.values.tolist())
        for row, (prediction_id, segment, event_time, values) in enumerate(zip(*columns, strict=True)):
            if (model, prediction_id) in self._contents.predictions:
                continue
            known = KnownPrediction(
                model_version=rows.model_version,
                segment=segment,
                event_time=event_time,
                values=tuple(values),
                end=self._end(model, event_time),
            )
            self._contents.predictions[model, prediction_id] = known
            waiting = self._contents.labels.pop((model, prediction_id), None)
            if waiting is not None:
                met.append(self._met(model, prediction_id, row, waiting))
        return _joined(met)

    def join_labels(self, batch: LabelBatch) -> list[JoinedLabels]:
        """Join labels with outstanding predictions."""
        last: dict[str, tuple[int, WaitingLabel]] = {}
        rows = zip(batch.prediction_ids, batch.labels.to_list(), batch.event_time.tolist(), strict=True)
        for row, (prediction_id, value, time) in enumerate(rows):
            if value is not None:
                last[prediction_id] = row, WaitingLabel(value, time, self._end(batch.model, time))
        met: list[_Met] = []
        for prediction_id, (row, label) in last.items():
            known = self._contents.predictions.get((batch.model, prediction_id))
            if known is None:
                self._contents.labels[batch.model, prediction_id] = label
            elif known.label != label.label:
                met.append(self._met(batch.model, prediction_id, row, label))
        return _joined(met)

    def forget_outstanding(self, model: str, before: int) -> tuple[int, int]:
        """Forget old predictions and waiting labels; answers how many of each never met."""
        contents = self._contents
        old = [key for key, one in contents.predictions.items() if key[0] == model and one.end <= before]
        unlabelled = sum(contents.predictions.pop(key).label is None for key in old)
        orphans = [key for key, one in contents.labels.items() if key[0] == model and one.end <= before]
        for key in orphans:
            del contents.labels[key]
        contents.forgotten[model] = max(before, contents.forgotten.get(model, 0))
        return unlabelled, len(orphans)

    def _met(self, model: str, prediction_id: str, row: int, label: WaitingLabel) -> _Met:
        known = self._contents.predictions[model, prediction_id]
        self._contents.predictions[model, prediction_id] = replace(known, label=label.label)
        return row, known, label, known.label

    def _end(self, model: str, time: int) -> int:
        time = max(time, self._contents.forgotten.get(model, 0))
        return time - time % self._stretch_us + self._stretch_us


def _joined(met: list[_Met]) -> list[JoinedLabels]:
    by_version: dict[str, list[_Met]] = defaultdict(list)
    for one in sorted(met, key=lambda one: one[0]):
        by_version[one[1].model_version].append(one)
    return [_of_version(version, found) for version, found in by_version.items()]


def _of_version(model_version: str, met: list[_Met]) -> JoinedLabels:
    labels, replaced = [one[2].label for one in met], [one[3] for one in met]
    named = any(isinstance(one, str) for one in (*labels, *replaced))
    return JoinedLabels(
        rows=np.array([one[0] for one in met], dtype=np.intp),
        model_version=model_version,
        segments=Names.of([one[1].segment for one in met]),
        event_time=np.array([one[1].event_time for one in met], dtype=np.int64),
        values=np.array([one[1].values for one in met], dtype=np.float64),
        labels=_values(labels, named=named),
        label_time=np.array([one[2].time for one in met], dtype=np.int64),
        replaced=_values(replaced, named=named),
    )


def _values(labels: list[Label] | list[Label | None], *, named: bool) -> Values:
    if named:
        return Names.of([None if one is None else name_of(one) for one in labels])
    return Numbers(np.array([np.nan if one is None else float(one) for one in labels], dtype=np.float64))
