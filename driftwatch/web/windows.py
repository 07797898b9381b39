"""Judged windows: what drifted, and how good the model was."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from driftwatch.core.records import WindowRecord, WindowStage
from driftwatch.core.segments import ALL_ROWS
from driftwatch.core.window_quality import WindowEstimate
from driftwatch.pipeline.operations import Operations
from driftwatch.pipeline.provisional import WindowPerformance
from driftwatch.pipeline.quality import quality_notices
from driftwatch.web.parameters import From, Limit, ModelName, ModelVersion, Segment, To, check_range
from driftwatch.web.problem_document import problem_responses
from driftwatch.web.views import (
    DriftView,
    DriftWindowView,
    EstimatedMeasureView,
    FindingView,
    IntervalView,
    LabelSelectionView,
    PerformanceView,
    PerformanceWindowView,
    VerdictView,
    WindowView,
)


def windows_router(operations: Operations) -> APIRouter:
    """``/v1/models/{model}/drift`` and ``/v1/models/{model}/performance``."""
    router = APIRouter(tags=["windows"])

    @router.get(
        "/v1/models/{model}/drift", summary="What was found in windows", responses=problem_responses(404, 422, 503)
    )
    def drift(
        model: ModelName,
        start: From = None,
        end: To = None,
        segment: Segment = ALL_ROWS,
        model_version: ModelVersion = None,
        limit: Limit = None,
    ) -> DriftView:
        """Judged windows that begin in the range, newest first; the latest alone without a range and a limit.

        Those of all rows, or those of one segment.
        """
        check_range(start, end)
        found = operations.windows(
            model, model_version=model_version, start=start, end=end, segment=segment, limit=limit
        )
        return DriftView(model=model, windows=tuple(_drift_view(one) for one in found))

    @router.get(
        "/v1/models/{model}/performance", summary="How good the model was", responses=problem_responses(404, 422, 503)
    )
    def performance(
        model: ModelName,
        start: From = None,
        end: To = None,
        segment: Segment = ALL_ROWS,
        model_version: ModelVersion = None,
        limit: Limit = None,
        *,
        provisional: Annotated[bool, Query(description="Also windows that wait for more labels.")] = False,
    ) -> PerformanceView:
        """Windows whose labels had their time, newest first; the latest alone without a range and a limit.

        With ``provisional`` those that closed and wait for labels too, with the labels that came by now.
        """
        check_range(start, end)
        found = operations.windows(
            model,
            model_version=model_version,
            start=start,
            end=end,
            segment=segment,
            stage=None if provisional else WindowStage.COMPLETE,
            limit=limit,
        )
        return PerformanceView(model=model, windows=tuple(map(_performance_view, operations.performances(found))))

    return router


def window_view(window: WindowRecord) -> WindowView:
    """A window without its findings."""
    return WindowView(**_fields(window))


def _drift_view(window: WindowRecord) -> DriftWindowView:
    return DriftWindowView(
        **_fields(window),
        findings=tuple(FindingView.model_validate(one) for one in window.findings),
        verdicts=tuple(VerdictView.model_validate(one) for one in window.verdicts),
    )


def _performance_view(found: WindowPerformance) -> PerformanceWindowView:
    window = found.window
    quality = window.quality
    estimate = quality.estimate or WindowEstimate()
    return PerformanceWindowView(
        **_fields(window),
        provisional=window.stage is not WindowStage.COMPLETE,
        label_coverage_ratio=window.labels / window.rows if window.rows else None,
        performance=dict(window.performance),
        intervals={name: IntervalView.model_validate(one) for name, one in quality.intervals.items()},
        reference={name: one.value for name, one in found.reference.items()},
        reference_source=found.source,
        classes=found.classes if quality.confusion else (),
        confusion=quality.confusion,
        estimated={name: EstimatedMeasureView.model_validate(one) for name, one in estimate.measures.items()},
        estimate_reason=estimate.reason,
        estimate_text=estimate.text,
        estimate_error=dict(estimate.errors),
        selection=tuple(LabelSelectionView.model_validate(one) for one in quality.selection),
        notices=tuple(quality_notices(window, found.source)),
    )


def _fields(window: WindowRecord) -> dict[str, Any]:
    return {
        "model_version": window.key.model_version,
        "segment": window.key.segment,
        "start": window.key.start,
        "end": window.key.end,
        "first_row": window.key.first_row,
        "end_row": window.key.end_row,
        "stage": window.stage,
        "status": window.status,
        "rows": window.rows,
        "labels": window.labels,
        "judged_at": window.judged_at,
        "revised": window.revised,
    }


__all__ = ["window_view", "windows_router"]
