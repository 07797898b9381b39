"""Models: their baselines, how they are, and the rows that were logged for them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import Response

from driftwatch.pipeline.operations import ModelSummary, Operations
from driftwatch.pipeline.shadow import ShadowComparison
from driftwatch.ports import StoredBaseline, VersionRole
from driftwatch.web.answer import JSON
from driftwatch.web.parameters import ModelName, ModelVersion
from driftwatch.web.problem_document import problem_responses
from driftwatch.web.request_body import documented_body, text_body
from driftwatch.web.views import ModelView, RegisteredView, RetrainView, ShadowView
from driftwatch.web.windows import window_view

Role = Annotated[
    VersionRole | None,
    Query(description="shadow: its predictions on the live version's requests are compared, and nothing else."),
]
_DOCUMENT = {"type": "object", "description": "A baseline document, as `driftwatch baseline fit` writes it."}


def models_router(operations: Operations, most_bytes: int) -> APIRouter:
    """``/v1/models`` and ``/v1/models/{model}/baseline``."""
    router = APIRouter(tags=["models"])

    @router.get("/v1/models", summary="All models at a glance", responses=problem_responses(503))
    def models() -> list[ModelView]:
        """Every registered model, by name."""
        return [_view(one) for one in operations.models()]

    @router.put(
        "/v1/models/{model}/baseline",
        summary="Register a baseline",
        response_model=RegisteredView,
        responses=problem_responses(400, 408, 409, 413, 415, 422, 503),
        openapi_extra=documented_body(_DOCUMENT),
    )
    async def register(model: ModelName, request: Request, role: Role = None) -> StoredBaseline:
        """Register a version of a model, which becomes the current one unless it is a shadow.

        The same document again changes nothing but its role, where one is given.
        """
        document = await text_body(request, most_bytes)
        return await run_in_threadpool(operations.register_baseline, model, document, role)

    @router.get(
        "/v1/models/{model}/shadows",
        summary="How shadow versions compare",
        response_model=list[ShadowView],
        responses=problem_responses(404, 422, 503),
    )
    def shadows(model: ModelName) -> list[ShadowComparison]:
        """Each shadow version beside each live one, on requests that both answered."""
        return operations.shadows(model)

    @router.get(
        "/v1/models/{model}/baseline",
        summary="A registered baseline",
        responses={200: {"content": {JSON: {"schema": _DOCUMENT}}}, **problem_responses(404, 422, 503)},
        response_class=Response,
    )
    def baseline(model: ModelName, model_version: ModelVersion = None) -> Response:
        """The document as it was registered; of the version that was registered last by default."""
        return Response(operations.baseline(model, model_version).document, media_type=JSON)

    return router


def _view(summary: ModelSummary) -> ModelView:
    latest = summary.latest_window
    return ModelView(
        model=summary.model,
        versions=summary.versions,
        current_version=summary.current_version,
        status=latest.status if latest else None,
        watermark=summary.watermark,
        latest_window=window_view(latest) if latest else None,
        firing_alerts=summary.firing_alerts,
        retrain=RetrainView.model_validate(summary.retrain) if summary.retrain else None,
        outstanding_predictions=summary.outstanding,
        waiting_labels=summary.waiting_labels,
        pending_rows=summary.pending_rows,
    )


__all__ = ["models_router"]
