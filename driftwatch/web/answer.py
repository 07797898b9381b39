"""An answer as bytes, and how it is sent over ASGI. The hot routes know nothing else of HTTP frameworks."""

from __future__ import annotations

from functools import lru_cache

import msgspec
from starlette.types import Send

JSON = "application/json"

HeaderPairs = tuple[tuple[bytes, bytes], ...]

ALWAYS: HeaderPairs = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
"""Headers of every answer, unless it says otherwise."""

CLOSE = (b"connection", b"close")
"""The header of an answer after which the connection ends."""


@lru_cache(maxsize=32)
def _head(content_type: str) -> bytes:
    # Only an empty body is of no type.
    typed = [(b"content-type", content_type.encode("latin-1"))] if content_type else []
    return lines_of((*typed, *ALWAYS)) + b"content-length: "


def lines_of(headers: HeaderPairs) -> bytes:
    """Headers as they are written, each line with its end."""
    return b"".join(b"%b: %b\r\n" % pair for pair in headers)


class Answer(msgspec.Struct, frozen=True):
    """A finished HTTP answer. ``headers`` come on top of the content type, the length and the usual ones.

    An empty content type is left out, for an empty body.
    """

    status: int
    body: bytes
    content_type: str = JSON
    headers: HeaderPairs = ()

    def header_pairs(self) -> list[tuple[bytes, bytes]]:
        """All headers, names in lower case."""
        return [
            *(((b"content-type", self.content_type.encode("latin-1")),) if self.content_type else ()),
            (b"content-length", b"%d" % len(self.body)),
            *ALWAYS,
            *self.headers,
        ]

    def head_lines(self) -> bytes:
        """All headers as they are written, each line with its end."""
        usual = _head(self.content_type) + b"%d\r\n" % len(self.body)
        return usual + lines_of(self.headers) if self.headers else usual

    async def send(self, send: Send, *, head: bool = False) -> None:
        """Send it; with ``head`` without the body."""
        await send({"type": "http.response.start", "status": self.status, "headers": self.header_pairs()})
        await send({"type": "http.response.body", "body": b"" if head else self.body})


__all__ = ["ALWAYS", "CLOSE", "JSON", "Answer", "HeaderPairs", "lines_of"]
