"""uvicorn's HTTP protocol with a bound on the head of a request: its address and its headers, and on connections.

The parser has none: it keeps a header in memory for as long as the client goes on sending it, before any application
sees the request. A head that is too large is answered with 431, one that never ends is given up. It may be larger by
what comes in one read of the connection.

A connection is given up, too, when it is idle for too long. uvicorn would set and take back a timer for each request;
here one timer a connection looks at a time stamp.

uvicorn's own bound on connections answers a bare 503. This one says what is the matter, and when to come back.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from driftwatch.web.answer import CLOSE
from driftwatch.web.direct_http import DirectHttp
from driftwatch.web.problems import problem
from driftwatch.web.whole_answers import in_one_piece

MOST_CONNECTIONS = 1_000
HEAD_SECONDS = 30.0
"""How long a client may take to send a head; it is given up before twice that."""


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
        headers=(CLOSE,),
    )
    await answer.send(send)


class _BoundedHttp(DirectHttp):
    limits: HeadLimits
    most_connections: int

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._got_on = False
        self._read_bytes = 0
        self._unparsed_bytes = 0
        self._refused = False
        self._patience: asyncio.TimerHandle | None = None
        self._due: float | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._due = self.loop.time() + HEAD_SECONDS
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
        DirectHttp.data_received(self, data)
        if self._got_on:
            self._unparsed_bytes = 0
            return
        # Of a header (or a trailer) that has not ended, the parser tells nothing.
        self._unparsed_bytes += len(data)
        if self._unparsed_bytes > self.limits.total_bytes:
            self._refuse()

    def on_message_begin(self) -> None:
        DirectHttp.on_message_begin(self)
        self._got_on = True
        self._due = self.loop.time() + HEAD_SECONDS

    def on_headers_complete(self) -> None:
        self._got_on = True
        self._due = None
        if self._is_large():
            self._refuse()
        if not self._refused:
            most = self.most_connections
            is_busy = len(self.connections) > most or len(self.tasks) >= most
            self.app = too_busy if is_busy else self._served
            DirectHttp.on_headers_complete(self)

    def on_body(self, body: bytes) -> None:
        self._got_on = True
        if self._due is not None:
            # It was answered before its body had come: the connection is not idle.
            self._due = self.loop.time() + self.timeout_keep_alive
        if not self._refused:
            DirectHttp.on_body(self, body)

    def on_message_complete(self) -> None:
        self._got_on = True
        if not self._refused:
            DirectHttp.on_message_complete(self)

    def on_response_complete(self) -> None:
        if self.pipeline or self.flow.read_paused or self.transport.is_closing():
            DirectHttp.on_response_complete(self)
            return
        # Nothing is to be read or begun: what is left of it is to count, and to see that a next request comes.
        self.server_state.total_requests += 1
        if self._due is None:
            self._due = self.loop.time() + self.timeout_keep_alive

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
        if not self.is_answering() and not self.transport.is_closing():
            self.transport.write(self._too_large())
        self.transport.close()

    def _too_large(self) -> bytes:
        answer = problem(
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
            "too-large",
            f"The address and headers may hold at most {self.limits.total_bytes:,} bytes, "
            f"in at most {self.limits.headers:,} headers.",
            headers=(CLOSE,),
        )
        return in_one_piece(answer, self.server_state.default_headers)

    def _look_later(self) -> None:
        # As often as the shortest time that a connection may be given, none is missed by more than a look.
        now = self.loop.time()
        seconds = min(HEAD_SECONDS, self.timeout_keep_alive)
        if self._due is not None and self._due > now:
            seconds = min(seconds, self._due - now)
        self._patience = self.loop.call_later(seconds, self._look)

    def _look(self) -> None:
        # A request that was sent ahead is not read to its end before the one in front is answered.
        if self._due is None or self._due > self.loop.time() or self.is_answering():
            self._look_later()
        elif not self.transport.is_closing():
            self.transport.close()


__all__ = ["HEAD_SECONDS", "MOST_CONNECTIONS", "HeadLimits", "bounded_http"]
