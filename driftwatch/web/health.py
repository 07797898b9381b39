"""Whether the process is alive, and whether it does its work."""

from __future__ import annotations

from http import HTTPStatus

import msgspec
from fastapi import APIRouter
from starlette.responses import Response

from driftwatch.pipeline.operations import Operations
from driftwatch.web.answer import Answer
from driftwatch.web.problem_document import problem_responses
from driftwatch.web.problems import problem, response_of


class Health(msgspec.Struct, frozen=True):
    """The body of a good answer."""

    status: str


_ALIVE = Answer(HTTPStatus.OK.value, msgspec.json.encode(Health("alive")))
_READY = Answer(HTTPStatus.OK.value, msgspec.json.encode(Health("ready")))


def alive() -> Answer:
    """The answer of ``/healthz``: the process answers; a restart would help nothing as long as it does."""
    return _ALIVE


def health_router(operations: Operations) -> APIRouter:
    """``/readyz``: whether events can be taken and are worked on."""
    router = APIRouter(tags=["service"])

    @router.get("/readyz", summary="Does the service do its work?", responses=problem_responses(503))
    def readyz() -> Response:
        """200 while events are taken and worked on; 503 with what is in the way, and with Retry-After, else."""
        ready, why = operations.readiness()
        if ready:
            return response_of(_READY)
        return response_of(problem(HTTPStatus.SERVICE_UNAVAILABLE, "not-ready", why))

    return router


__all__ = ["alive", "health_router"]
