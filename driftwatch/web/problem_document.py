"""The shape of an error, for answers and for the documentation of routes."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import msgspec

PROBLEM_JSON = "application/problem+json"


class Refused(msgspec.Struct, frozen=True):
    """One event of a request that was not taken."""

    index: int
    field: str
    error: str


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body of an error (RFC 9457). ``type`` is for programs, ``detail`` for people."""

    type: str
    title: str
    status: int
    detail: str
    field: str | None = None
    rejected: tuple[Refused, ...] = ()


def problem_response(status: int) -> dict[str, Any]:
    """How a route documents one of its errors."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": HTTPStatus(status).phrase, "content": {PROBLEM_JSON: {"schema": schema}}}


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """How a FastAPI route documents its errors."""
    return {status: problem_response(status) for status in statuses}


__all__ = ["PROBLEM_JSON", "Problem", "Refused", "problem_response", "problem_responses"]
