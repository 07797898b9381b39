"""What the stages of one step share: the transaction, the entries, and the streams and slices that they change."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.baseline import Baseline
from driftwatch.core.estimators.estimate import EstimateSums
from driftwatch.core.estimators.estimator import no_sums
from driftwatch.core.events import PredictionBatch, joined_predictions
from driftwatch.core.performance import PerformanceSums
from driftwatch.core.profile import Profile
from driftwatch.core.records import WindowStage
from driftwatch.core.segments import SegmentPlan
from driftwatch.core.selection import answers_of
from driftwatch.core.windows import WindowPlan
from driftwatch.pipeline import marks
from driftwatch.pipeline.baselines import Baselines
from driftwatch.pipeline.own_measures import OwnMeasures
from driftwatch.pipeline.place import Placement, placed
from driftwatch.pipeline.shadow_ids import shadow_id
from driftwatch.pipeline.stages import judged_before, stale, with_stale
from driftwatch.pipeline.telemetry import Tally
from driftwatch.ports import SliceKey, SpoolEntry, Stale, StateTransaction, StoredSlice, StoredStream, StreamKey


@dataclass(slots=True)
class SliceSums:
    """A slice while a step adds to it, or several of them added up.

    ``labelled`` counts what the model answered for the rows that have a label, over `answers_of` the baseline;
    ``estimate`` is what the estimator of the version's baseline keeps of all rows.
    """

    rows: int
    labels: int
    first_event: int
    reached: int
    profile: Profile
    performance: PerformanceSums
    labelled: Profile
    estimate: EstimateSums


@dataclass(slots=True)
class Work:
    """One step: everything in it is kept together or not at all."""

    transaction: StateTransaction
    entries: Sequence[SpoolEntry]
    baselines: Baselines
    plan: WindowPlan
    segments: SegmentPlan
    tally: Tally
    own: OwnMeasures = field(default_factory=OwnMeasures)
    _slices: dict[SliceKey, SliceSums] = field(default_factory=dict)
    _streams: dict[str, dict[StreamKey, StoredStream]] = field(default_factory=dict)
    _changed_streams: set[StreamKey] = field(default_factory=set)
    _predictions: list[PredictionBatch] | None = None
    _shadow_predictions: list[PredictionBatch] = field(default_factory=list)
    _placements: dict[int, Placement] = field(default_factory=dict)
    _kept_from: dict[str, int] = field(default_factory=dict)
    _dropped: dict[int, list[NDArray[np.intp]]] = field(default_factory=dict)

    def baseline(self, model: str, model_version: str) -> Baseline:
        """The baseline of a version, as this transaction sees it."""
        return self.baselines.get(model, model_version, reader=self.transaction)

    def predictions(self) -> list[PredictionBatch]:
        """The step's predictions, one batch a model version, in the order of their acknowledgement.

        Those of shadows are not among them.
        """
        if self._predictions is None:
            batches: dict[tuple[str, str], list[PredictionBatch]] = defaultdict(list)
            for entry in self.entries:
                if isinstance(entry.batch, PredictionBatch):
                    batches[entry.batch.model, entry.batch.model_version].append(entry.batch)
            self._predictions = []
            for parts in batches.values():
                self._divide(joined_predictions(parts))
        return self._predictions

    def shadow_predictions(self) -> list[PredictionBatch]:
        """The step's predictions of shadow versions, one batch each, under the ids that they are stored with."""
        self.predictions()
        return self._shadow_predictions

    def _divide(self, batch: PredictionBatch) -> None:
        """Tell what a shadow said apart; a version that was one and is live now may have both."""
        self.baseline(batch.model, batch.model_version)
        assert self._predictions is not None
        if not self.baselines.was_shadow(batch.model, batch.model_version):
            self._predictions.append(batch)
            return
        prefix = shadow_id(batch.model_version, "")
        is_shadow = np.array([one.startswith(prefix) for one in batch.prediction_ids], dtype=np.bool_)
        for found, mask in ((self._shadow_predictions, is_shadow), (self._predictions, ~is_shadow)):
            if mask.all():
                found.append(batch)
            elif mask.any():
                found.append(batch.take(np.flatnonzero(mask)))

    def placement(self, batch: PredictionBatch) -> Placement:
        """Where the rows of one of the step's batches belong; worked out once."""
        if id(batch) not in self._placements:
            self._placements[id(batch)] = placed(batch, self.plan, self.segments, self.streams(batch.model))
        return self._placements[id(batch)]

    def drop(self, batch: PredictionBatch, rows: NDArray[np.intp]) -> None:
        """Say that no window counts these rows of one of the step's batches."""
        self._dropped.setdefault(id(batch), []).append(rows)

    def dropped(self, batch: PredictionBatch) -> list[NDArray[np.intp]]:
        """The rows that `drop` was told of."""
        return self._dropped.get(id(batch), [])

    def streams(self, model: str) -> dict[StreamKey, StoredStream]:
        """A model's streams as they stand now."""
        if model not in self._streams:
            self._streams[model] = {one.key: one for one in self.transaction.streams(model)}
        return self._streams[model]

    def put_stream(self, stream: StoredStream) -> None:
        """Let a stream stand so from now on."""
        self.streams(stream.key.model)[stream.key] = stream
        self._changed_streams.add(stream.key)

    def slice(self, key: SliceKey) -> SliceSums:
        """The sums of a slice, read from the state when a stage first asks for them."""
        if key not in self._slices:
            self._slices[key] = self._read(key)
        return self._slices[key]

    def takes_rows(self, key: SliceKey) -> bool:
        """Whether a window that holds the slice is still kept. Windows of rows have all of theirs when they close."""
        if self.plan.counted:
            return True
        if key.model not in self._kept_from:
            latest = self.transaction.mark(marks.latest_event(key.model))
            self._kept_from[key.model] = self.plan.kept_from(latest)
        return self.plan.windows_over(key.start)[-1] >= self._kept_from[key.model]

    def touch(self, key: SliceKey, *stages: WindowStage) -> bool:
        """Note that a slice was added to after windows that hold it were judged; answers whether there are any."""
        stream = self.streams(key.model)[key.stream]
        windows = self.plan.windows_over(key.start)
        touched = False
        for stage in stages:
            before = judged_before(stream, stage)
            judged = [start for start in windows if before is not None and start < before]
            if judged:
                known = stale(stream, stage) or Stale(first=judged[0], last=judged[-1])
                wider = Stale(first=min(known.first, judged[0]), last=max(known.last, judged[-1]))
                stream = with_stale(stream, stage, wider)
                touched = True
        if touched:
            self.put_stream(stream)
        return touched

    def changed(self) -> dict[str, int]:
        """By model, the earliest start of a slice that a stage asked for."""
        earliest: dict[str, int] = {}
        for key in self._slices:
            earliest[key.model] = min(key.start, earliest.get(key.model, key.start))
        return earliest

    def save(self) -> None:
        """Write back every slice that a stage asked for, and every stream that was changed."""
        self.transaction.put_slices(
            [
                StoredSlice(
                    key=key,
                    rows=sums.rows,
                    labels=sums.labels,
                    first_event=sums.first_event,
                    reached=sums.reached,
                    profile=sums.profile.to_bytes(),
                    performance=sums.performance.to_bytes(),
                    labelled=sums.labelled.to_bytes() if sums.labelled.n_rows else b"",
                    estimate=sums.estimate.to_bytes() if sums.estimate.n else b"",
                )
                for key, sums in self._slices.items()
                if sums.rows
            ]
        )
        self.transaction.put_streams([self.streams(key.model)[key] for key in self._changed_streams])

    def _read(self, key: SliceKey) -> SliceSums:
        baseline = self.baseline(key.model, key.model_version)
        stored = self.transaction.slices(key.model, key.model_version, key.segment, key.start, key.start + 1)
        return slice_sums(baseline, stored)


def slice_sums(baseline: Baseline, stored: Sequence[StoredSlice]) -> SliceSums:
    """Stored slices of one version added up; empty sums for none."""
    profile = Profile.empty(baseline)
    performance = PerformanceSums.empty(baseline.schema.task, baseline.schema.classes)
    answers = answers_of(baseline)
    labelled = Profile.empty(answers)
    estimate = nothing = no_sums(baseline)
    for one in stored:
        profile += Profile.from_bytes(baseline, one.profile)
        if one.labelled:
            labelled += Profile.from_bytes(answers, one.labelled)
        performance += PerformanceSums.from_bytes(one.performance)
        if one.estimate:
            estimate += EstimateSums.from_bytes(one.estimate, len(nothing.counts), len(nothing.sums))
    return SliceSums(
        rows=sum(one.rows for one in stored),
        labels=sum(one.labels for one in stored),
        first_event=min((one.first_event for one in stored), default=0),
        reached=max((one.reached for one in stored), default=0),
        profile=profile,
        performance=performance,
        labelled=labelled,
        estimate=estimate,
    )


def grown(
    stream: StoredStream | None, key: StreamKey, *, rows: int, first: int, last: int, latest: int
) -> StoredStream:
    """A stream with more rows: slices from ``first`` to ``last``, events until ``latest``."""
    if stream is None:
        return StoredStream(key=key, rows=rows, first=first, last=last, latest_event=latest)
    return replace(
        stream,
        rows=stream.rows + rows,
        first=min(stream.first, first),
        last=max(stream.last, last),
        latest_event=max(stream.latest_event, latest),
    )
