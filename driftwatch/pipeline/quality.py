"""What is said of a window's quality: measures with intervals, the confusion matrix, how labelled rows were chosen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from driftwatch.core.baseline import Baseline
from driftwatch.core.performance import PerformanceSums
from driftwatch.core.performance.business_value import measured
from driftwatch.core.performance.measure import TRAINING_ROWS
from driftwatch.core.policy import JudgePolicy
from driftwatch.core.records import WindowRecord, WindowStage
from driftwatch.core.reference_performance import PerformanceSource
from driftwatch.core.schema import Schema
from driftwatch.core.selection import compared_labelled
from driftwatch.core.window_quality import Interval, LabelSelection, WindowQuality
from driftwatch.pipeline.work import SliceSums

_ENCODER = msgspec.msgpack.Encoder()

LARGEST_CONFUSION = 50
"""Classes; with more there is no confusion matrix in a window."""


def performance_of(schema: Schema, sums: PerformanceSums) -> tuple[Mapping[str, float], Mapping[str, Interval]]:
    """The measures of a window and their intervals, by name; empty without a label."""
    measures = measured(schema, sums) if sums.n else {}
    values = {name: one.value for name, one in measures.items()}
    intervals = {
        name: Interval(lower=one.lower, upper=one.upper, labels=one.n, error_bound=one.error_bound)
        for name, one in measures.items()
    }
    return values, intervals


def quality_of(
    baseline: Baseline,
    sums: SliceSums,
    intervals: Mapping[str, Interval],
    stage: WindowStage,
    policy: JudgePolicy,
    window_seconds: float | None,
) -> WindowQuality:
    """What goes with the measures. Labels are compared once they had their time: the first ones are never all."""
    return WindowQuality(
        intervals=intervals,
        confusion=confusion_of(sums.performance),
        selection=_selection(baseline, sums, policy, window_seconds) if stage is WindowStage.COMPLETE else (),
    )


def quality_notices(window: WindowRecord, source: PerformanceSource | None) -> Iterator[str]:
    """What somebody should know before trusting a window's quality."""
    if window.stage is not WindowStage.COMPLETE:
        coverage = f"{window.labels / window.rows:.0%}" if window.rows else "none"
        yield f"Provisional: {coverage} of the rows have a label by now, and more are waited for."
    if source is PerformanceSource.REFERENCE:
        yield TRAINING_ROWS
    yield from (one.text for one in window.quality.selection if one.is_notable)


def is_same(one: WindowRecord, other: WindowRecord) -> bool:
    """Whether two records say the same; what is undefined in both is no difference."""
    return _ENCODER.encode(one) == _ENCODER.encode(other)


def confusion_of(sums: PerformanceSums) -> tuple[tuple[int, ...], ...]:
    """The confusion matrix, row by row; empty where there is none to show."""
    size = len(sums.classes) + 1
    if not sums.n or not sums.confusion or len(sums.classes) > LARGEST_CONFUSION:
        return ()
    return tuple(sums.confusion[at : at + size] for at in range(0, size * size, size))


def _selection(
    baseline: Baseline, sums: SliceSums, policy: JudgePolicy, window_seconds: float | None
) -> tuple[LabelSelection, ...]:
    if sums.labelled.n_rows != sums.labels or not sums.labels:
        return ()
    level = 1.0 / max(policy.budget.run_length(window_seconds), 1.0)
    return compared_labelled(baseline, sums.profile, sums.labelled, level=level)
