"""What is expected of a window's quality before labels come, and how far off it was when they had."""

from __future__ import annotations

import math
from collections.abc import Mapping

from driftwatch.core.baseline import Baseline
from driftwatch.core.estimators.estimate import differs
from driftwatch.core.estimators.estimator import estimated
from driftwatch.core.performance import LOSS_MEASURE, Measure
from driftwatch.core.records import WindowStage
from driftwatch.core.window_quality import EstimatedMeasure, EstimateReason, WindowEstimate
from driftwatch.pipeline.due import DueWindow
from driftwatch.pipeline.work import SliceSums
from driftwatch.ports import StateReader


def window_estimate(
    reader: StateReader, baseline: Baseline, due: DueWindow, sums: SliceSums, minimum_rows: int
) -> WindowEstimate:
    """Estimate a window's quality; where labels had their time, say how far off that was.

    Without labels nothing is said where those of the newest window before it contradicted the estimate.
    """
    found = estimated(baseline, sums.estimate, sums.profile, minimum_rows)
    if due.stage is WindowStage.COMPLETE:
        realized = sums.performance.measures(found.measures) if sums.performance.n else {}
        return WindowEstimate(
            measures=_values(found.measures),
            reason=found.reason,
            text=found.text,
            errors=_errors(found.measures, realized),
            contradicted=_contradicted(baseline, found.measures, realized),
        )
    if found.measures and _was_contradicted(reader, due):
        text = "the labels of the newest window that has them contradicted what was expected of it."
        return WindowEstimate(reason=EstimateReason.CONTRADICTED, text=text)
    return WindowEstimate(measures=_values(found.measures), reason=found.reason, text=found.text)


def _values(measures: Mapping[str, Measure]) -> dict[str, EstimatedMeasure]:
    return {
        name: EstimatedMeasure(value=one.value, lower=one.lower, upper=one.upper)
        for name, one in measures.items()
        if math.isfinite(one.value)
    }


def _errors(expected: Mapping[str, Measure], realized: Mapping[str, Measure]) -> dict[str, float]:
    errors = {name: one.value - realized[name].value for name, one in expected.items() if name in realized}
    return {name: error for name, error in errors.items() if math.isfinite(error)}


def _contradicted(baseline: Baseline, expected: Mapping[str, Measure], realized: Mapping[str, Measure]) -> bool:
    loss = LOSS_MEASURE[baseline.schema.task]
    return loss in expected and loss in realized and differs(expected[loss], realized[loss])


def _was_contradicted(reader: StateReader, due: DueWindow) -> bool:
    key = due.key
    before = reader.windows(
        key.model,
        model_version=key.model_version,
        segment=key.segment,
        stage=WindowStage.COMPLETE,
        end=key.start,
        limit=1,
    )
    return any(one.quality.estimate is not None and one.quality.estimate.contradicted for one in before)
