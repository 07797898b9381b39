"""Connections of clients: requests are passed on as they come in, one after the other, and so are the answers."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from time import perf_counter
from typing import TYPE_CHECKING

from driftwatch.capture.proxy.bodies import Body, ChunkedBody, LengthBody, Payload
from driftwatch.capture.proxy.exchange import Exchange, problem_answer
from driftwatch.capture.proxy.gate import Gate, Reason
from driftwatch.capture.proxy.heads import BARE_LINE_END, MOST_HEAD_BYTES, Refused, RequestHead, ResponseHead

if TYPE_CHECKING:
    from driftwatch.capture.proxy.server import Proxy
    from driftwatch.capture.proxy.upstream import UpstreamConnection

HEAD_SECONDS = 30.0
"""How long a client may take to send a head."""
IDLE_SECONDS = 75.0
"""How long a connection is kept for the next request."""
LINGER_SECONDS = 2.0
"""How long what a client still sends is thrown away after an answer that came early: closing at once would reset it."""

_MOST_WAITING_BYTES = 64 * 1024
_CLOSE = b"Connection: close"
# Plain integers, which cost less than members of an enumeration.
_CONNECTING, _UPSTREAM, _AHEAD = map(int, Reason)
_ANSWERED = _UPSTREAM | _AHEAD


class ClientConnection(asyncio.Protocol):
    """One connection of a client; towards the upstream it is the `Asker`."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._loop = proxy.loop
        self._pending = b""
        self._current: Exchange | None = None
        self._body: Body | None = None
        self._out: list[bytes] = []
        self._chunks: Payload | None = None
        self._tunnel = False
        self._discarding = False
        self._keep = True
        self._gate: Gate
        self._connecting: asyncio.Task[None] | None = None
        self._client_is_slow = False
        self.moved = self._loop.time()
        self._head_since = 0.0
        self.transport: asyncio.Transport

    # --- what the client does

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self.transport = transport  # type: ignore[assignment]
        self._gate = Gate(self.transport)
        self._proxy.clients.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`. A client that goes away cancels its request."""
        self._proxy.clients.discard(self)
        exchange = self._current
        if exchange is not None:
            self._current = None
            if self._connecting is not None:
                self._connecting.cancel()
            if exchange.connection is not None:
                exchange.connection.let_go()
            self._proxy.ended(exchange, "cancelled")

    def eof_received(self) -> bool:
        """See `asyncio.Protocol`. Half a close is a whole one: nobody can say which of them was meant."""
        return False

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        self.moved = self._loop.time()
        if self._discarding:
            return
        if self._tunnel:
            self._write_upstream(data)
            return
        if self._pending:
            data, self._pending = self._pending + data, b""
        try:
            self._take(data)
        except Refused as refused:
            self._refuse(refused)

    def pause_writing(self) -> None:
        """See `asyncio.Protocol`."""
        self._client_is_slow = True
        if self._current is not None and self._current.connection is not None:
            self._current.connection.transport.pause_reading()

    def resume_writing(self) -> None:
        """See `asyncio.Protocol`."""
        self._client_is_slow = False
        self.moved = self._loop.time()
        if self._current is not None and self._current.connection is not None:
            self._current.connection.transport.resume_reading()

    def _take(self, data: bytes) -> None:
        while data:
            body = self._body
            if body is not None:
                exchange = self._current
                assert exchange is not None
                taken = body.feed(data, None if exchange.tap is None else exchange.tap.asked)
                if taken:
                    self._out.append(data if taken == len(data) else data[:taken])
                data = data[taken:]
                if body.done:
                    self._body = None
                    exchange.request_done = True
            elif self._current is not None:
                # A request that was sent ahead waits for the one before it.
                self._pending = data
                if len(data) > _MOST_WAITING_BYTES:
                    self._gate.shut(_AHEAD)
                break
            else:
                data = self._begin(data)
        if self._out:
            out, self._out = self._out, []
            self._write_upstream(out[0] if len(out) == 1 else b"".join(out))

    def _begin(self, data: bytes) -> bytes:
        """Begin an exchange if there is a whole head; gives what comes behind it."""
        if data.startswith(b"\r\n"):
            data = data[2:]
        end = data.find(b"\r\n\r\n") + 4
        if end < 4 or end > MOST_HEAD_BYTES:
            if len(data) > MOST_HEAD_BYTES:
                raise Refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The head is too large.")
            if BARE_LINE_END.search(data):
                raise Refused(HTTPStatus.BAD_REQUEST, "A line does not end with CR and LF.")
            self._pending = data
            self._head_since = self._head_since or self.moved
            return b""
        self._head_since = 0.0
        began = perf_counter()
        head = RequestHead(data[:end])
        exchange = self._current = Exchange(head, began)
        self._keep = head.keeps_alive and not self._proxy.draining
        if head.chunked:
            self._body = ChunkedBody()
        elif head.length:
            self._body = LengthBody(head.length)
        else:
            exchange.request_done = True
        exchange.tap = self._proxy.tap(head)
        self._out.append(head.forwarded())
        connection = self._proxy.pool.idle()
        if connection is None:
            self._connect(exchange)
        else:
            self._connected(exchange, connection)
        return data[end:]

    # --- towards the upstream

    def _connect(self, exchange: Exchange) -> None:
        self._gate.shut(_CONNECTING)
        self._connecting = self._loop.create_task(self._open(exchange))

    async def _open(self, exchange: Exchange) -> None:
        try:
            connection = await self._proxy.pool.fresh()
        except TimeoutError:
            self._fail(exchange, HTTPStatus.GATEWAY_TIMEOUT, "connect_timeout", "The model server did not answer.")
            return
        except OSError:
            self._fail(exchange, HTTPStatus.BAD_GATEWAY, "connect", "The model server cannot be reached.")
            return
        finally:
            self._connecting = None
        if self._current is not exchange:
            connection.transport.abort()
            return
        self._connected(exchange, connection)
        waiting, exchange.waiting = exchange.waiting, []
        if waiting:
            self._write_upstream(b"".join(waiting))
        self._gate.open(_CONNECTING)

    def _connected(self, exchange: Exchange, connection: UpstreamConnection) -> None:
        exchange.connection = connection
        connection.ask(self, exchange.head.method)
        if self._client_is_slow:
            connection.transport.pause_reading()

    def _write_upstream(self, data: bytes) -> None:
        exchange = self._current
        if exchange is None:
            return
        if exchange.connection is None:
            exchange.waiting.append(data)
            return
        exchange.connection.transport.write(data)
        if not exchange.overhead:
            exchange.overhead = perf_counter() - exchange.began

    # --- what the upstream does

    def answered(self, head: ResponseHead) -> Payload | None:
        """See `Asker`."""
        began = perf_counter()
        exchange = self._current
        assert exchange is not None
        self.moved = self._loop.time()
        exchange.status = head.status
        more: list[bytes] = []
        tap = exchange.tap
        if tap is not None:
            tap.answered(head)
            more.append(b"x-driftwatch-prediction-id: " + tap.prediction_id.encode())
        is_open = head.has_body(exchange.head.method) and not head.chunked and head.length is None
        unchunk = exchange.head.minor == 0 and head.chunked
        if is_open or unchunk or self._proxy.draining:
            self._keep = False
        if not self._keep:
            more.append(_CLOSE)
        self._chunks = self.transport.write if unchunk and head.has_body(exchange.head.method) else None
        self.transport.write(head.forwarded(more, without_chunks=unchunk))
        exchange.overhead += perf_counter() - began
        content = None if tap is None or not tap.wants_answer else tap.told
        if self._chunks is None:
            return content
        if content is None:
            return self._chunks
        both = (self._chunks, content)
        return lambda piece: [each(piece) for each in both]

    def interim(self, head: bytes) -> None:
        """See `Asker`."""
        self.moved = self._loop.time()
        if self._current is not None and self._current.head.minor == 1:
            self.transport.write(head)

    def switched(self, head: ResponseHead) -> None:
        """See `Asker`."""
        exchange = self._current
        assert exchange is not None
        if not exchange.head.is_websocket:
            raise Refused(HTTPStatus.BAD_GATEWAY, "it switched to a protocol that nobody asked for")
        exchange.status = head.status
        self._tunnel = True
        self._keep = False
        self.transport.write(head.forwarded([b"Upgrade: websocket", b"Connection: Upgrade"]))
        pending, self._pending = self._pending, b""
        if pending:
            self._write_upstream(pending)
        self._gate.open(_AHEAD)

    def body(self, data: bytes) -> None:
        """See `Asker`."""
        self.moved = self._loop.time()
        if self._chunks is None:
            self.transport.write(data)

    def finished(self) -> None:
        """See `Asker`."""
        exchange = self._current
        assert exchange is not None
        self._current = None
        self._chunks = None
        self._proxy.ended(exchange, "answered")
        if exchange.connection is not None and not exchange.request_done:
            # The answer came before the request was over: what is left of it is of no use to anybody.
            exchange.connection.transport.abort()
            self._linger()
        elif not self._keep or self._tunnel:
            self.transport.close()
        else:
            self._gate.open(_ANSWERED)
            if self._pending:
                self._loop.call_soon(self._next)

    def _next(self) -> None:
        if self._current is None and not self.transport.is_closing():
            self.data_received(b"")

    def lost(self, reason: str, error: Exception | None) -> None:
        """See `Asker`."""
        exchange = self._current
        if exchange is None:
            return
        connection, exchange.connection = exchange.connection, None
        if self._tunnel:
            self._current = None
            self._proxy.ended(exchange, "answered")
            self.transport.close()
        elif exchange.status:
            # The head is on its way already: all that can be said is that the rest does not come.
            self._current = None
            self._proxy.ended(exchange, "broken_off")
            if error is None:
                self.transport.close()
            else:
                self.transport.abort()
        elif connection is not None and connection.used and exchange.repeatable and reason == "closed":
            exchange.repeatable = False
            exchange.waiting = [exchange.head.forwarded()]
            self._connect(exchange)
        else:
            self._fail(exchange, HTTPStatus.BAD_GATEWAY, "broken_off", f"The model server gave no answer ({reason}).")

    def hold(self) -> None:
        """See `Asker`."""
        self._gate.shut(_UPSTREAM)

    def go_on(self) -> None:
        """See `Asker`."""
        self.moved = self._loop.time()
        self._gate.open(_UPSTREAM)

    # --- ends

    def check(self, now: float) -> None:
        """Called every second or more often: give up what takes too long."""
        silent = now - self.moved
        exchange = self._current
        if self._discarding:
            if silent > LINGER_SECONDS:
                self.transport.abort()
        elif exchange is None:
            # A head that comes byte by byte moves, too.
            if silent > IDLE_SECONDS or (self._head_since and now - self._head_since > HEAD_SECONDS):
                self.transport.close()
        elif silent > self._proxy.timeout_seconds and not self._tunnel:
            if exchange.status or self._client_is_slow:
                self.transport.abort()
            elif exchange.request_done or self._gate.reasons:
                self._fail(exchange, HTTPStatus.GATEWAY_TIMEOUT, "timeout", "The model server took too long.")
            else:
                self._fail(exchange, HTTPStatus.REQUEST_TIMEOUT, "slow_client", "The body did not come in time.")

    def drain(self) -> None:
        """Take no further request."""
        self._keep = False
        if self._current is None:
            self.transport.close()

    def _refuse(self, refused: Refused) -> None:
        self._out = []
        exchange = self._current
        if exchange is None:
            self._proxy.refused(refused)
            self._answer(refused.status, refused.detail)
            self._linger()
        else:
            self._fail(exchange, refused.status, "bad_request", refused.detail)

    def _fail(self, exchange: Exchange, status: HTTPStatus, reason: str, detail: str) -> None:
        """Answer in the upstream's place, or break off where it had begun."""
        if self._current is not exchange:
            return
        self._current = self._body = None
        connection, exchange.connection = exchange.connection, None
        if connection is not None:
            connection.let_go()
        if exchange.status:
            self._proxy.ended(exchange, reason)
            self.transport.abort()
            return
        exchange.status = status
        self._proxy.ended(exchange, reason)
        self._answer(status, detail, with_body=exchange.head.method != b"HEAD")
        self._linger()

    def _answer(self, status: HTTPStatus, detail: str, *, with_body: bool = True) -> None:
        if self.transport.is_closing():
            return
        self.transport.write(problem_answer(status, detail, with_body=with_body))

    def _linger(self) -> None:
        """Close, but let the client read the answer first, which a reset would take from it."""
        self._discarding = True
        self._pending = b""
        self._body = None
        self.moved = self._loop.time()
        if self.transport.is_closing():
            return
        self._gate.open(~0)
        if self.transport.can_write_eof():
            self.transport.write_eof()


__all__ = ["HEAD_SECONDS", "IDLE_SECONDS", "LINGER_SECONDS", "ClientConnection"]
