"""An answer as bytes, and how it is sent over ASGI. The hot routes know nothing else of HTTP frameworks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from starlette.types import Send

JSON = "application/json"

HeaderPairs = tuple[tuple[bytes, bytes], ...]

ALWAYS: HeaderPairs = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
"""Headers of every answer, unless it says otherwise."""


@lru_cache(maxsize=32)
def _head(content_type: str) -> bytes:
    # Only an empty body is of no type.
    typed = [(b"content-type", content_type.encode("latin-1"))] if content_type else []
    lines = [*typed, *ALWAYS]
    return b"".join(b"%b: %b\r\n" % line for line in lines) + b"content-length: "


@dataclass(frozen=True, slots=True)
class Answer:
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

    def in_one_piece(self) -> bytes | None:
        """Its headers as they are written, without those of the server; None where it has some of its own."""
        return None if self.headers else _head(self.content_type) + b"%d\r\n" % len(self.body)

    async def send(self, send: Send, *, head: bool = False) -> None:
        """Send it; with ``head`` without the body."""
        await send({"type": "http.response.start", "status": self.status, "headers": self.header_pairs()})
        await send({"type": "http.response.body", "body": b"" if head else self.body})


__all__ = ["ALWAYS", "JSON", "Answer", "HeaderPairs"]
