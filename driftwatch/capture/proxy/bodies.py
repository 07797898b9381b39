"""Where a body ends. Its bytes are passed on as they came, with chunks and trailers; copies have the content alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Protocol

from driftwatch.capture.proxy.heads import Refused, is_trailer

_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[ \t]*;[\t -~\x80-\xff]*)?\r\n")
_MOST_LINE_BYTES = 8 * 1024
_MOST_TRAILER_BYTES = 64 * 1024

Payload = Callable[[bytes], object]
"""Gets the content of a body, piece by piece."""


class Body(Protocol):
    """Follows one body."""

    done: bool

    def feed(self, data: bytes, payload: Payload | None) -> int:
        """How many of the bytes belong to the body.

        Raises
        ------
        Refused
            If they are malformed.
        """
        ...


class LengthBody:
    """A body of a length that was said beforehand."""

    __slots__ = ("_left", "done")

    def __init__(self, length: int) -> None:
        self._left = length
        self.done = not length

    def feed(self, data: bytes, payload: Payload | None) -> int:
        """See `Body`."""
        taken = min(self._left, len(data))
        self._left -= taken
        self.done = not self._left
        if payload is not None:
            payload(data if taken == len(data) else data[:taken])
        return taken


class OpenBody:
    """A body that ends with its connection."""

    __slots__ = ("done",)

    def __init__(self) -> None:
        self.done = False

    def feed(self, data: bytes, payload: Payload | None) -> int:
        """See `Body`."""
        if payload is not None:
            payload(data)
        return len(data)


class ChunkedBody:
    """A body in chunks (RFC 9112, section 7.1), with its trailers."""

    __slots__ = ("_left", "_line", "_reads", "_trailer_bytes", "done")

    def __init__(self) -> None:
        self._reads = self._size
        self._left = 0
        self._line = b""
        self._trailer_bytes = 0
        self.done = False

    def feed(self, data: bytes, payload: Payload | None) -> int:
        """See `Body`."""
        at, end = 0, len(data)
        while at < end and not self.done:
            if self._left:
                until = min(end, at + self._left)
                self._left -= until - at
                if payload is not None:
                    payload(data[at:until])
                at = until
                continue
            line_end = data.find(b"\n", at) + 1
            if not line_end:
                self._line += data[at:]
                if len(self._line) > _MOST_LINE_BYTES:
                    raise Refused(HTTPStatus.BAD_REQUEST, "A line between chunks is too long.")
                return end
            line, self._line = self._line + data[at:line_end], b""
            at = line_end
            self._reads(line)
        return at

    def _size(self, line: bytes) -> None:
        found = _CHUNK_LINE.fullmatch(line)
        if found is None:
            raise Refused(HTTPStatus.BAD_REQUEST, "A chunk's size is malformed.")
        self._left = int(found[1], 16)
        self._reads = self._after_chunk if self._left else self._trailer

    def _after_chunk(self, line: bytes) -> None:
        if line != b"\r\n":
            raise Refused(HTTPStatus.BAD_REQUEST, "A chunk does not end where its size says.")
        self._reads = self._size

    def _trailer(self, line: bytes) -> None:
        if line == b"\r\n":
            self.done = True
            return
        self._trailer_bytes += len(line)
        if self._trailer_bytes > _MOST_TRAILER_BYTES or not is_trailer(line):
            raise Refused(HTTPStatus.BAD_REQUEST, "A trailer is malformed, or not allowed.")


__all__ = ["Body", "ChunkedBody", "LengthBody", "OpenBody", "Payload"]
