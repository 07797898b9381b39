"""Bytes made into typed events, one file a format.

``FORMATS`` is the table of what the ingest routes take, by content type. Adding one is one new file with the two
functions of `Format`, and one line here.
"""

from __future__ import annotations

from collections.abc import Mapping

from driftwatch.wire import native
from driftwatch.wire.arrow_stream import ARROW_STREAM
from driftwatch.wire.native import Format

FORMATS: Mapping[str, Format] = {
    "application/json": native.JSON,
    "application/x-ndjson": native.NDJSON,
    "application/vnd.apache.arrow.stream": ARROW_STREAM,
}

__all__ = ["FORMATS", "Format"]
