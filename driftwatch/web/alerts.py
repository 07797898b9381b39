"""Alerts of all models."""

from __future__ import annotations

from fastapi import APIRouter

from driftwatch.core.records import Alert
from driftwatch.pipeline.operations import Operations
from driftwatch.web.parameters import Limit, OneModel
from driftwatch.web.problem_document import problem_responses
from driftwatch.web.views import AlertView

USUAL_LIMIT = 100


def alerts_router(operations: Operations) -> APIRouter:
    """``/v1/alerts``."""
    router = APIRouter(tags=["alerts"])

    @router.get(
        "/v1/alerts", summary="Alerts", response_model=list[AlertView], responses=problem_responses(404, 422, 503)
    )
    def alerts(model: OneModel = None, limit: Limit = None) -> list[Alert]:
        """Alerts, newest first: those that fire and those that are over."""
        if model is not None:
            operations.baseline(model)
        return operations.alerts(model, limit or USUAL_LIMIT)

    return router


__all__ = ["alerts_router"]
