"""Who says something of an alert or a retrain, in a request."""

from __future__ import annotations

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field

from driftwatch.web.guard import SHOWN_BY


class Signature(BaseModel):
    """Who says so, and why."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    by: str = Field(min_length=1, max_length=128, description="Who does it.")
    note: str = Field("", max_length=2_000, description="One line for people.")


def signed(request: Request, by: str) -> str:
    """Who says so, with the token that was shown, where there are any: a name alone proves nothing."""
    token = request.scope.get(SHOWN_BY)
    return by if token in {None, by} else f"{by} (token {token})"
