"""The quality of windows whose labels have not all had their time, as far as labels have come by now.

A window's record is written when its inputs are judged, and again when its labels had their time. In between labels
come in; what they say is added up here when somebody asks.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from driftwatch.core.performance import Measure, PerformanceSums
from driftwatch.core.performance.business_value import measured
from driftwatch.core.records import WindowKey, WindowRecord, WindowStage
from driftwatch.core.reference_performance import PerformanceSource, ReferencePerformance
from driftwatch.core.segments import ALL_ROWS
from driftwatch.core.windows import to_microseconds
from driftwatch.pipeline.baselines import Baselines
from driftwatch.pipeline.quality import confusion_of, performance_of
from driftwatch.ports import StateReader, StreamKey

_MOST_REMEMBERED = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowPerformance:
    """A window with the quality of the labels that are there now, beside that of the reference.

    ``reference`` is empty and ``source`` None where the baseline measured none; ``classes`` are those of the confusion
    matrix.
    """

    window: WindowRecord
    reference: Mapping[str, Measure]
    source: PerformanceSource | None
    classes: tuple[str, ...]


class Performances:
    """Answers questions about quality. Safe to call from any thread."""

    def __init__(self, baselines: Baselines) -> None:
        self._baselines = baselines
        self._remembered: OrderedDict[WindowKey, WindowRecord] = OrderedDict()
        # A version's baseline never changes.
        self._references: dict[tuple[str, str, str], Mapping[str, Measure]] = {}

    def of(self, reader: StateReader, windows: Sequence[WindowRecord]) -> list[WindowPerformance]:
        """Windows as they are stored, with what is known of their quality by now."""
        found = []
        for window in windows:
            key = window.key
            baseline = self._baselines.get(key.model, key.model_version, reader=reader)
            known = self.reference(key.model, key.model_version, key.segment)
            found.append(
                WindowPerformance(
                    window=self.up_to_date(reader, window),
                    reference=self.reference_measures(key.model, key.model_version, key.segment),
                    source=known.source if known is not None else None,
                    classes=baseline.schema.classes,
                )
            )
        return found

    def reference_measures(self, model: str, model_version: str, segment: str) -> Mapping[str, Measure]:
        """The measures of `reference`; empty where there is none."""
        key = (model, model_version, segment)
        if key not in self._references:
            known = self.reference(model, model_version, segment)
            schema = self._baselines.get(model, model_version).schema
            self._references[key] = measured(schema, known.sums) if known is not None else {}
        return self._references[key]

    def reference(self, model: str, model_version: str, segment: str) -> ReferencePerformance | None:
        """The quality that a version's baseline measured, of a segment of it; None where it measured none."""
        baseline = self._baselines.get(model, model_version)
        part = baseline if segment == ALL_ROWS else baseline.segments.get(segment)
        return part.performance if part is not None else None

    def up_to_date(self, reader: StateReader, window: WindowRecord) -> WindowRecord:
        """The window with the quality of the labels that are there now; one whose labels had their time as it is."""
        if window.stage is WindowStage.COMPLETE:
            return window
        key = window.key
        start = to_microseconds(key.start) if key.first_row is None else key.first_row
        end = to_microseconds(key.end) if key.end_row is None else key.end_row
        stream = StreamKey(model=key.model, model_version=key.model_version, segment=key.segment)
        labels = sum(one.labels for one in reader.outlines(stream, start, end))
        known = self._remembered.get(key)
        if known is not None and (known.labels, known.revised) == (labels, window.revised):
            return known
        if labels <= window.labels:
            return window
        schema = self._baselines.get(key.model, key.model_version, reader=reader).schema
        sums = PerformanceSums.empty(schema.task, schema.classes)
        for one in reader.slices(key.model, key.model_version, key.segment, start, end):
            sums += PerformanceSums.from_bytes(one.performance)
        performance, intervals = performance_of(schema, sums)
        quality = replace(window.quality, intervals=intervals, confusion=confusion_of(sums))
        current = replace(window, labels=labels, performance=performance, quality=quality)
        self._remembered[key] = current
        while len(self._remembered) > _MOST_REMEMBERED:
            self._remembered.popitem(last=False)
        return current
