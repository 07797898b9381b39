"""Logged rows out again, as Parquet."""

from __future__ import annotations

import logging
import tempfile
import threading
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import IO, Annotated

from fastapi import APIRouter, Query
from starlette.responses import StreamingResponse

from driftwatch.pipeline.operations import Operations
from driftwatch.web.parameters import From, ModelName, To, check_range
from driftwatch.web.problem_document import problem_responses
from driftwatch.web.problems import ProblemError, problem
from driftwatch.wire.parquet import CONTENT_TYPE, write_rows

AT_ONCE = 2
"""Exports that run at the same time; more are asked to come again."""

_PIECE_BYTES = 2**18
_LOGGER = logging.getLogger(__name__)


def events_router(operations: Operations, scratch: Path) -> APIRouter:
    """``/v1/models/{model}/events``."""
    router = APIRouter(tags=["events"])
    places = threading.BoundedSemaphore(AT_ONCE)
    file_schema = {"schema": {"type": "string", "format": "binary"}}

    @router.get(
        "/v1/models/{model}/events",
        summary="Logged predictions with their labels",
        response_class=StreamingResponse,
        responses={
            200: {"description": "A Parquet file.", "content": {CONTENT_TYPE: file_schema}},
            **problem_responses(404, 422, 503),
        },
    )
    def events(
        model: ModelName,
        start: From = None,
        end: To = None,
        labelled: Annotated[bool, Query(description="Only rows that have a label.")] = False,
    ) -> StreamingResponse:
        """Everything that was acknowledged before the request, `from <= event_time < to`."""
        check_range(start, end)
        if not places.acquire(blocking=False):
            detail = f"{AT_ONCE} exports are running already. Try again in a few seconds."
            raise ProblemError(problem(HTTPStatus.SERVICE_UNAVAILABLE, "busy", detail))
        try:
            parts = operations.export(model, start=start, end=end, labelled=labelled)
            # The file has no name: however this process ends, nothing of it stays behind.
            file = tempfile.TemporaryFile(dir=scratch)  # noqa: SIM115 - closed when it is sent
            try:
                write_rows(parts, file, scratch=scratch)
                size = file.tell()
                file.seek(0)
            except BaseException:
                file.close()
                raise
        except OSError as error:
            _LOGGER.error("an export: %s", error)
            detail = "The disk has no room for the export. Free some space, or ask for fewer days."
            raise ProblemError(problem(HTTPStatus.SERVICE_UNAVAILABLE, "no-room", detail)) from error
        finally:
            places.release()
        headers = {"content-length": str(size), "content-disposition": f'attachment; filename="{model}.parquet"'}
        return StreamingResponse(_pieces(file), media_type=CONTENT_TYPE, headers=headers)

    return router


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while piece := file.read(_PIECE_BYTES):
            yield piece


__all__ = ["events_router"]
