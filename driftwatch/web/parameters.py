"""The path and query parameters that routes share, with their rules."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import Path, Query
from pydantic import AfterValidator, AwareDatetime, BeforeValidator, WithJsonSchema

from driftwatch.web.names import MODEL_NAME, NAME_RULE, is_model_name
from driftwatch.web.problems import TIME_RULE, ProblemError, problem

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d")
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(9999, 1, 1, tzinfo=UTC)


def _named(name: str) -> str:
    if not is_model_name(name):
        raise ValueError(NAME_RULE)
    return name


def _is_written_out(given: object) -> object:
    if isinstance(given, str) and not _RFC_3339.match(given):
        raise ValueError(TIME_RULE)
    return given


def _in_utc(moment: datetime) -> datetime:
    if not _EARLIEST <= moment <= _LATEST:
        raise ValueError("must lie between 1970 and 9999")
    return moment.astimezone(UTC)


Name = Annotated[str, AfterValidator(_named), WithJsonSchema({"type": "string", "pattern": f"^{MODEL_NAME}$"})]
Moment = Annotated[AwareDatetime, BeforeValidator(_is_written_out), AfterValidator(_in_utc)]

ModelName = Annotated[Name, Path(description="The model's name.")]
ModelVersion = Annotated[
    str | None, Query(min_length=1, max_length=256, description="One version only; all of them by default.")
]
OneModel = Annotated[Name | None, Query(description="One model only.")]
Segment = Annotated[str, Query(max_length=256, description="One segment, such as country=DE; all rows by default.")]
From = Annotated[Moment | None, Query(alias="from", description="RFC 3339 with an offset: begins at or after it.")]
To = Annotated[Moment | None, Query(alias="to", description="RFC 3339 with an offset: begins before it.")]
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
