"""Judged windows: what drifted, and how good the model was."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from driftwatch.core.records import WindowRecord, WindowStage
from driftwatch.core.segments import ALL_ROWS
from driftwatch.pipeline.operations import Operations
from driftwatch.web.parameters import From, Limit, ModelName, ModelVersion, Segment, To, check_range
from driftwatch.web.problem_document import problem_responses
from driftwatch.web.views import (
    DriftView,
    DriftWindowView,
    FindingView,
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
    ) -> PerformanceView:
        """Windows whose labels had their time, newest first; the latest alone without a range and a limit."""
        check_range(start, end)
        found = operations.windows(
            model,
            model_version=model_version,
            start=start,
            end=end,
            segment=segment,
            stage=WindowStage.COMPLETE,
            limit=limit,
        )
        references = {
            version: operations.reference_performance(model, version, segment)
            for version in {one.key.model_version for one in found}
        }
        return PerformanceView(
            model=model,
            windows=tuple(
                PerformanceWindowView(
                    **_fields(one),
                    label_coverage_ratio=one.labels / one.rows if one.rows else None,
                    performance=dict(one.performance),
                    reference={name: value.value for name, value in references[one.key.model_version].items()},
                )
                for one in found
            ),
        )

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
