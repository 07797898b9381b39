"""What the sinks are to be told: what waits, and what was given up."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from driftwatch.pipeline.operations import Operations
from driftwatch.ports import OutboxMessage, OutboxState
from driftwatch.web.parameters import Limit
from driftwatch.web.problem_document import problem_responses
from driftwatch.web.views import MessageView

USUAL_LIMIT = 100

MessageId = Annotated[str, Path(max_length=512, description="The notification's id.")]
OutboxStateAsked = Annotated[OutboxState | None, Query(description="Only notifications in this state.")]


def outbox_router(operations: Operations) -> APIRouter:
    """``/v1/outbox`` and ``/v1/outbox/{message_id}/resend``."""
    router = APIRouter(tags=["outbox"])

    @router.get(
        "/v1/outbox", summary="Notifications", response_model=list[MessageView], responses=problem_responses(422, 503)
    )
    def outbox(state: OutboxStateAsked = None, limit: Limit = None) -> list[OutboxMessage]:
        """Notifications without their bodies, oldest first; ``state=dead`` for those that were given up."""
        return operations.outbox(state, limit or USUAL_LIMIT)

    @router.post(
        "/v1/outbox/{message_id}/resend",
        summary="Deliver after all",
        response_model=MessageView,
        responses=problem_responses(404, 409, 422, 503),
    )
    def resend(message_id: MessageId) -> OutboxMessage:
        """One that was given up is attempted again, under the same key."""
        return operations.resend(message_id)

    return router


__all__ = ["outbox_router"]
