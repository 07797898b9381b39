"""One request on its way, and the answers that the proxy gives in the model server's place."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from driftwatch.capture.proxy.heads import RequestHead

if TYPE_CHECKING:
    from driftwatch.capture.proxy.upstream import UpstreamConnection
    from driftwatch.capture.tap import Tap

# RFC 9110, section 9.2.2.
_REPEATABLE = frozenset({b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"})


class Exchange:
    """One request on its way."""

    __slots__ = (
        "began", "connection", "head", "overhead", "repeatable", "request_done", "status", "tap", "waiting",
    )  # fmt: skip

    def __init__(self, head: RequestHead, began: float) -> None:
        self.head = head
        self.began = began
        self.connection: UpstreamConnection | None = None
        self.tap: Tap | None = None
        self.waiting: list[bytes] = []
        self.request_done = False
        self.repeatable = head.method in _REPEATABLE and not head.has_body and not head.is_websocket
        self.status = 0
        self.overhead = 0.0


def problem_answer(status: HTTPStatus, detail: str, *, with_body: bool = True) -> bytes:
    """An answer that says what went wrong, after which the connection ends (RFC 9457).

    Examples
    --------
    >>> problem_answer(HTTPStatus.BAD_GATEWAY, "It is away.", with_body=False).splitlines()[0]
    b'HTTP/1.1 502 Bad Gateway'
    """
    body = b'{"title": "%b", "status": %d, "detail": "%b", "instance": "driftwatch proxy"}\n' % (
        status.phrase.encode(), status.value, detail.encode("ascii", "replace"),
    )  # fmt: skip
    head = (
        b"HTTP/1.1 %d %b\r\nContent-Type: application/problem+json\r\n"
        b"Content-Length: %d\r\nConnection: close\r\n\r\n" % (status.value, status.phrase.encode(), len(body))
    )
    return head + body if with_body else head


__all__ = ["Exchange", "problem_answer"]
