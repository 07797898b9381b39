"""The path and query parameters that routes share, with their rules."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import Path, Query
from pydantic import AwareDatetime

from driftwatch.web.ingest import MODEL_NAME
from driftwatch.web.problems import ProblemError, problem

ModelName = Annotated[str, Path(pattern=f"^{MODEL_NAME}$", description="The model's name.")]
ModelVersion = Annotated[
    str | None, Query(min_length=1, max_length=256, description="One version only; all of them by default.")
]
OneModel = Annotated[str | None, Query(pattern=f"^{MODEL_NAME}$", description="One model only.")]
Segment = Annotated[str | None, Query(max_length=256, description="One segment only.")]
From = Annotated[
    AwareDatetime | None, Query(alias="from", description="RFC 3339 with an offset: begins at or after it.")
]
To = Annotated[AwareDatetime | None, Query(alias="to", description="RFC 3339 with an offset: begins before it.")]
Limit = Annotated[int | None, Query(ge=1, le=1_000, description="At most so many, newest first.")]


def check_range(start: datetime | None, end: datetime | None) -> None:
    """Refuse a range that holds nothing.

    Raises
    ------
    ProblemError
    """
    if start is not None and end is not None and start >= end:
        raise ProblemError(
            problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-input", "Must lie after from.", field="to")
        )


__all__ = ["From", "Limit", "ModelName", "ModelVersion", "OneModel", "Segment", "To", "check_range"]
