"""Alerts of all models, and what people say of them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import Field

from driftwatch.core.records import Alert, AlertState
from driftwatch.pipeline.operations import Operations
from driftwatch.web.parameters import Limit, Moment, OneModel
from driftwatch.web.problem_document import problem_responses
from driftwatch.web.request_body import documented_body, json_body
from driftwatch.web.signature import Signature, signed
from driftwatch.web.views import AlertView

USUAL_LIMIT = 100

AlertId = Annotated[str, Path(max_length=256, description="The alert's id.")]
AlertStateAsked = Annotated[AlertState | None, Query(description="Only alerts in this state.")]


class Silence(Signature):
    """Who does not want to hear of an alert, and until when."""

    until: Moment = Field(description="RFC 3339 with an offset, by the clock; now or before ends a silence.")


def alerts_router(operations: Operations, most_bytes: int) -> APIRouter:
    """``/v1/alerts`` and what is said of each."""
    router = APIRouter(tags=["alerts"])

    @router.get(
        "/v1/alerts", summary="Alerts", response_model=list[AlertView], responses=problem_responses(404, 422, 503)
    )
    def alerts(model: OneModel = None, state: AlertStateAsked = None, limit: Limit = None) -> list[Alert]:
        """Alerts, newest first: those that fire and those that are over."""
        if model is not None:
            operations.baseline(model)
        return operations.alerts(model, limit or USUAL_LIMIT, state)

    @router.get(
        "/v1/alerts/{alert_id}",
        summary="One alert",
        response_model=AlertView,
        responses=problem_responses(404, 422, 503),
    )
    def alert(alert_id: AlertId) -> Alert:
        """An alert with its history."""
        return operations.alert(alert_id)

    @router.post(
        "/v1/alerts/{alert_id}/acknowledge",
        summary="Say that somebody knows of an alert",
        response_model=AlertView,
        responses=problem_responses(400, 404, 408, 409, 413, 415, 422, 503),
        openapi_extra=documented_body({"$ref": "#/components/schemas/Signature"}),
    )
    async def acknowledge(alert_id: AlertId, request: Request) -> Alert:
        """It fires on, and calls for a retrain where the policy says so."""
        given = await json_body(request, Signature, most_bytes)
        return await run_in_threadpool(operations.acknowledge, alert_id, signed(request, given.by), given.note)

    @router.post(
        "/v1/alerts/{alert_id}/silence",
        summary="Silence an alert for a while",
        response_model=AlertView,
        responses=problem_responses(400, 404, 408, 409, 413, 415, 422, 503),
        openapi_extra=documented_body({"$ref": "#/components/schemas/Silence"}),
    )
    async def silence(alert_id: AlertId, request: Request) -> Alert:
        """Until then nobody is told of it, and it calls for no retrain; nor does the next one of its kind."""
        given = await json_body(request, Silence, most_bytes)
        by = signed(request, given.by)
        return await run_in_threadpool(operations.silence, alert_id, given.until, by, given.note)

    return router


__all__ = ["Silence", "alerts_router"]
