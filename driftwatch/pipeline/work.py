"""What the stages of one step share: the transaction, the entries, and the slices that they change."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from driftwatch.core.baseline import Baseline
from driftwatch.core.events import PredictionBatch, joined_predictions
from driftwatch.core.performance import PerformanceSums
from driftwatch.core.profile import Profile
from driftwatch.core.windows import WindowPlan
from driftwatch.pipeline.baselines import Baselines
from driftwatch.pipeline.telemetry import Tally
from driftwatch.ports import SliceKey, SpoolEntry, StateTransaction, StoredSlice


@dataclass(slots=True)
class SliceSums:
    """A slice while a step adds to it."""

    rows: int
    labels: int
    profile: Profile
    performance: PerformanceSums


@dataclass(slots=True)
class Work:
    """One step: everything in it is kept together or not at all."""

    transaction: StateTransaction
    entries: Sequence[SpoolEntry]
    baselines: Baselines
    plan: WindowPlan
    tally: Tally
    _slices: dict[SliceKey, SliceSums] = field(default_factory=dict)
    _predictions: list[PredictionBatch] | None = None

    def baseline(self, model: str, model_version: str) -> Baseline:
        """The baseline of a version, as this transaction sees it."""
        return self.baselines.get(model, model_version, reader=self.transaction)

    def slice(self, key: SliceKey) -> SliceSums:
        """The sums of a slice, read from the state when a stage first asks for them."""
        if key not in self._slices:
            self._slices[key] = self._read(key)
        return self._slices[key]

    def predictions(self) -> list[PredictionBatch]:
        """The step's predictions, one batch a model version, in the order of their acknowledgement."""
        if self._predictions is None:
            batches: dict[tuple[str, str], list[PredictionBatch]] = defaultdict(list)
            for entry in self.entries:
                if isinstance(entry.batch, PredictionBatch):
                    batches[entry.batch.model, entry.batch.model_version].append(entry.batch)
            self._predictions = [joined_predictions(parts) for parts in batches.values()]
        return self._predictions

    def changed(self) -> dict[str, int]:
        """By model, the earliest start of a slice that a stage asked for."""
        earliest: dict[str, int] = {}
        for key in self._slices:
            earliest[key.model] = min(key.start, earliest.get(key.model, key.start))
        return earliest

    def save_slices(self) -> None:
        """Write back every slice that a stage asked for."""
        self.transaction.put_slices(
            [
                StoredSlice(
                    key=key,
                    rows=sums.rows,
                    labels=sums.labels,
                    profile=sums.profile.to_bytes(),
                    performance=sums.performance.to_bytes(),
                )
                for key, sums in self._slices.items()
            ]
        )

    def _read(self, key: SliceKey) -> SliceSums:
        baseline = self.baseline(key.model, key.model_version)
        stored = self.transaction.slices(key.model, key.model_version, key.segment, key.start, key.start + 1)
        return slice_sums(baseline, stored)


def slice_sums(baseline: Baseline, stored: Sequence[StoredSlice]) -> SliceSums:
    """Stored slices of one version added up; empty sums for none."""
    profile = Profile.empty(baseline)
    performance = PerformanceSums.empty(baseline.schema.task, baseline.schema.classes)
    for one in stored:
        profile += Profile.from_bytes(baseline, one.profile)
        performance += PerformanceSums.from_bytes(one.performance)
    return SliceSums(sum(one.rows for one in stored), sum(one.labels for one in stored), profile, performance)
