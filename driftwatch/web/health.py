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


def health_router(operations: Operations, *, says_why: bool) -> APIRouter:
    """``/readyz``: whether events can be taken and are worked on.

    It needs no token. ``says_why`` is whether everybody may know what is in the way, which may name a folder.
    """
    router = APIRouter(tags=["service"])

    @router.get("/readyz", summary="Does the service do its work?", responses=problem_responses(503))
    def readyz() -> Response:
        """200 while events are taken and worked on; 503 with what is in the way, and with Retry-After, else."""
        ready, why = operations.readiness()
        if ready:
            return response_of(_READY)
        detail = why if says_why else "It cannot do its work at the moment. The log and the status page say why."
        return response_of(problem(HTTPStatus.SERVICE_UNAVAILABLE, "not-ready", detail))

    return router


__all__ = ["alive", "health_router"]
