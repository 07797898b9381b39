"""Retrain episodes: what was asked for, and what came of it."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict, Field

from driftwatch.core.records import RetrainEpisode, RetrainState
from driftwatch.pipeline.operations import Operations
from driftwatch.web.parameters import Limit, OneModel
from driftwatch.web.problem_document import problem_responses
from driftwatch.web.request_body import documented_body, json_body
from driftwatch.web.signature import Signature, signed
from driftwatch.web.views import RetrainView

USUAL_LIMIT = 100

RetrainId = Annotated[str, Path(max_length=128, description="The id that the request to retrain brought.")]


class RetrainReport(BaseModel):
    """How a retrain goes, as its trainer says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    state: Literal["acknowledged", "training", "evaluating", "promoted", "rejected", "failed"]
    note: str = Field("", max_length=2_000, description="One line for people.")
    new_version: str | None = Field(None, min_length=1, max_length=256, description="The version that was trained.")


def retrains_router(operations: Operations, most_bytes: int) -> APIRouter:
    """``/v1/retrains`` and ``/v1/retrains/{retrain_id}/status``."""
    router = APIRouter(tags=["retrains"])

    @router.get(
        "/v1/retrains",
        summary="Retrain episodes",
        response_model=list[RetrainView],
        responses=problem_responses(404, 422, 503),
    )
    def retrains(model: OneModel = None, limit: Limit = None) -> list[RetrainEpisode]:
        """Episodes with their history, newest first."""
        if model is not None:
            operations.baseline(model)
        return operations.retrains(model, limit or USUAL_LIMIT)

    @router.get(
        "/v1/retrains/{retrain_id}",
        summary="One retrain episode",
        response_model=RetrainView,
        responses=problem_responses(404, 422, 503),
    )
    def retrain(retrain_id: RetrainId) -> RetrainEpisode:
        """An episode with everything that happened in it."""
        return operations.retrain(retrain_id)

    @router.post(
        "/v1/retrains/{retrain_id}/approve",
        summary="Let a retrain be asked for",
        response_model=RetrainView,
        responses=problem_responses(400, 404, 408, 409, 413, 415, 422, 503),
        openapi_extra=documented_body({"$ref": "#/components/schemas/Signature"}),
    )
    async def approve(retrain_id: RetrainId, request: Request) -> RetrainEpisode:
        """A retrain that awaits approval is delivered."""
        given = await json_body(request, Signature, most_bytes)
        return await run_in_threadpool(operations.approve, retrain_id, signed(request, given.by), given.note)

    @router.post(
        "/v1/retrains/{retrain_id}/cancel",
        summary="End a retrain",
        response_model=RetrainView,
        responses=problem_responses(400, 404, 408, 409, 413, 415, 422, 503),
        openapi_extra=documented_body({"$ref": "#/components/schemas/Signature"}),
    )
    async def cancel(retrain_id: RetrainId, request: Request) -> RetrainEpisode:
        """Who was not told is not told; a trainer that is at it hears of it with its next report."""
        given = await json_body(request, Signature, most_bytes)
        return await run_in_threadpool(operations.cancel, retrain_id, signed(request, given.by), given.note)

    @router.post(
        "/v1/retrains/{retrain_id}/status",
        summary="Say how a retrain goes",
        response_model=RetrainView,
        responses=problem_responses(400, 404, 408, 409, 413, 415, 422, 503),
        openapi_extra=documented_body({"$ref": "#/components/schemas/RetrainReport"}),
    )
    async def report(retrain_id: RetrainId, request: Request) -> RetrainEpisode:
        """Take an episode on: acknowledged, training, evaluating, then promoted, rejected or failed.

        The same report again changes nothing.
        """
        given = await json_body(request, RetrainReport, most_bytes)
        return await run_in_threadpool(
            operations.retrain_status, retrain_id, RetrainState(given.state), given.note, given.new_version
        )

    return router


__all__ = ["RetrainReport", "retrains_router"]
