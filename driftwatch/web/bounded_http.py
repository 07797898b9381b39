"""uvicorn's HTTP protocol with a bound on the head of a request: its address and its headers, and on connections.

The parser has none: it keeps a header in memory for as long as the client goes on sending it, before any application
sees the request. A head that is too large is answered with 431, one that never ends is given up. It may be larger by
what comes in one read of the connection.

uvicorn's own bound on connections answers a bare 503. This one says what is the matter, and when to come back.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from driftwatch.web.problems import problem

MOST_CONNECTIONS = 1_000
HEAD_SECONDS = 30.0
"""How long a client may take to send a head; it is given up before twice that."""


CYCLE = "driftwatch.cycle"
"""In the state of a request's scope: what `write_whole` takes."""


@dataclass(frozen=True, slots=True)
class HeadLimits:
    """What the head of a request may at most be."""

    total_bytes: int = 32 * 1024
    headers: int = 100


def bounded_http(limits: HeadLimits, most_connections: int = MOST_CONNECTIONS) -> type[asyncio.Protocol]:
    """The protocol, for uvicorn to make one a connection."""
    return type("BoundedHttp", (_BoundedHttp,), {"limits": limits, "most_connections": most_connections})


async def too_busy(scope: Any, receive: Any, send: Any) -> None:
    """The application for requests beyond the bound: 503, with when to come back."""
    answer = problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "too-busy",
        "The service has as many connections as it takes. Come back in a few seconds, or keep fewer open.",
        headers=((b"connection", b"close"),),
    )
    await answer.send(send)


def write_whole(cycle: RequestResponseCycle, status: int, head: bytes, body: bytes) -> bool:
    """Write an answer of an application at once: head and body in one piece, in place of two ASGI messages.

    Parameters
    ----------
    cycle
        uvicorn's, of the request: what stands in the scope's state under `CYCLE`.
    status, body
        Of the answer; the request is no HEAD.
    head
        Lines of headers, the length of the body among them.

    Returns
    -------
    written
        False where the usual way is to be taken: the client is gone or slow, or the connection is to end.
    """
    if cycle.disconnected or cycle.response_started or cycle.flow.write_paused or not cycle.keep_alive:
        return False
    cycle.response_started = cycle.response_complete = True
    cycle.waiting_for_100_continue = False
    server = b"".join(b"%b: %b\r\n" % line for line in cycle.default_headers)
    cycle.transport.write(b"".join((STATUS_LINE[status], server, head, b"\r\n", body)))
    cycle.message_event.set()
    cycle.on_response()
    return True


class _BoundedHttp(HttpToolsProtocol):
    limits: HeadLimits
    most_connections: int

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._served = self.app
        self._got_on = False
        self._read_bytes = 0
        self._unparsed_bytes = 0
        self._refused = False
        self._patience: asyncio.TimerHandle | None = None
        self._head_due: float | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._head_due = self.loop.time() + HEAD_SECONDS
        self._look_later()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        self._got_on = False
        self._read_bytes = len(data)
        HttpToolsProtocol.data_received(self, data)
        if self._got_on:
            self._unparsed_bytes = 0
            return
        # Of a header (or a trailer) that has not ended, the parser tells nothing.
        self._unparsed_bytes += len(data)
        if self._unparsed_bytes > self.limits.total_bytes:
            self._refuse()

    def on_message_begin(self) -> None:
        HttpToolsProtocol.on_message_begin(self)
        self._got_on = True
        self._head_due = self.loop.time() + HEAD_SECONDS

    def on_headers_complete(self) -> None:
        self._got_on = True
        self._head_due = None
        if self._is_large():
            self._refuse()
        if not self._refused:
            most = self.most_connections
            is_busy = len(self.connections) > most or len(self.tasks) >= most
            self.app = too_busy if is_busy else self._served
            HttpToolsProtocol.on_headers_complete(self)
            self.scope["state"][CYCLE] = self.cycle

    def on_body(self, body: bytes) -> None:
        self._got_on = True
        if not self._refused:
            HttpToolsProtocol.on_body(self, body)

    def on_message_complete(self) -> None:
        self._got_on = True
        if not self._refused:
            HttpToolsProtocol.on_message_complete(self)

    def _is_large(self) -> bool:
        most = self.limits.total_bytes
        if len(self.headers) > self.limits.headers:
            return True
        # Mostly a head comes in one small piece, and needs no adding up.
        if self._unparsed_bytes + self._read_bytes <= most:
            return False
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > most

    def _refuse(self) -> None:
        if self._refused:
            return
        self._refused = True
        if not self._answering() and not self.transport.is_closing():
            self.transport.write(self._too_large())
        self.transport.close()

    def _too_large(self) -> bytes:
        answer = problem(
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
            "too-large",
            f"The address and headers may hold at most {self.limits.total_bytes:,} bytes, "
            f"in at most {self.limits.headers:,} headers.",
            headers=((b"connection", b"close"),),
        )
        head = b"".join(b"%b: %b\r\n" % pair for pair in answer.header_pairs())
        return b"HTTP/1.1 431 Request Header Fields Too Large\r\n%b\r\n%b" % (head, answer.body)

    def _answering(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    def _look_later(self) -> None:
        # One timer a connection, not one a request: a request costs a look at the clock.
        self._patience = self.loop.call_later(HEAD_SECONDS, self._look_for_head)

    def _look_for_head(self) -> None:
        # A request that was sent ahead is not read to its end before the one in front is answered.
        if self._head_due is None or self._head_due > self.loop.time() or self._answering():
            self._look_later()
        elif not self.transport.is_closing():
            self.transport.close()


__all__ = ["HEAD_SECONDS", "MOST_CONNECTIONS", "HeadLimits", "bounded_http"]
