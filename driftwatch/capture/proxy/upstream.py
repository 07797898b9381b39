"""Connections to the model server: one exchange at a time each, kept open for the next one."""

from __future__ import annotations

import asyncio
from collections import deque
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol

from driftwatch.capture.proxy.bodies import Body, ChunkedBody, LengthBody, OpenBody, Payload
from driftwatch.capture.proxy.heads import MOST_HEAD_BYTES, Refused, ResponseHead

if TYPE_CHECKING:
    import ssl

# uvicorn closes a connection that was silent for five seconds: a request that crosses its end would be lost.
REUSED_FOR_SECONDS = 4.0
MOST_IDLE = 256


class Asker(Protocol):
    """The client's side of an exchange."""

    def answered(self, head: ResponseHead) -> Payload | None:
        """The head came; who wants a copy of the body's content."""
        ...

    def interim(self, head: bytes) -> None:
        """An answer of the 100s came."""
        ...

    def switched(self, head: ResponseHead) -> None:
        """From here on both sides speak another protocol."""
        ...

    def body(self, data: bytes) -> None:
        """A piece of the body, or of what is spoken in a tunnel."""
        ...

    def finished(self) -> None:
        """The answer is whole."""
        ...

    def lost(self, reason: str, error: Exception | None) -> None:
        """There will be no (whole) answer."""
        ...

    def hold(self) -> None:
        """The upstream does not take more at the moment."""
        ...

    def go_on(self) -> None:
        """It does again."""
        ...


class UpstreamConnection(asyncio.Protocol):
    """One connection."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._asker: Asker | None = None
        self._method = b""
        self._head = b""
        self._body: Body | None = None
        self._payload: Payload | None = None
        self._answer: ResponseHead | None = None
        self._tunnel = False
        self.used = False
        self.idle_since = 0.0
        self.transport: asyncio.Transport

    def ask(self, asker: Asker, method: bytes) -> None:
        """Begin an exchange; what is written from here on is the request."""
        self._asker = asker
        self._method = method
        self._answer = self._body = None
        self._head = b""

    def let_go(self) -> None:
        """End the exchange in the middle: nothing of it can be made use of."""
        self._asker = None
        self.transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        asker = self._asker
        if asker is None:
            # Nobody asked: the connection is of no use any more.
            self.transport.abort()
            return
        if self._tunnel:
            asker.body(data)
            return
        try:
            self._read(asker, data)
        except Refused as refused:
            self._asker = None
            self.transport.abort()
            asker.lost(f"bad answer: {refused.detail}", None)

    def _read(self, asker: Asker, data: bytes) -> None:
        while data:
            if self._body is None:
                data = self._read_head(asker, data)
                if self._tunnel or self._asker is None:
                    if data:
                        asker.body(data)
                    return
            if self._body is not None:
                taken = self._body.feed(data, self._payload)
                if taken:
                    asker.body(data if taken == len(data) else data[:taken])
                data = data[taken:]
                if self._body.done:
                    self._finish(asker, clean=not data)
                    return

    def _read_head(self, asker: Asker, data: bytes) -> bytes:
        """Read a head if it is there; gives what comes behind."""
        if self._head:
            data, self._head = self._head + data, b""
        end = data.find(b"\r\n\r\n") + 4
        if end < 4:
            if len(data) > MOST_HEAD_BYTES:
                raise Refused(HTTPStatus.BAD_GATEWAY, "its head is too large")
            self._head = data
            return b""
        head = ResponseHead(data[:end])
        rest = data[end:]
        if head.status == 101:
            self._tunnel = True
            asker.switched(head)
            return rest
        if head.status < 200:
            asker.interim(head.forwarded([]))
            return rest
        self._answer = head
        if not head.has_body(self._method):
            self._body = LengthBody(0)
        elif head.chunked:
            self._body = ChunkedBody()
        elif head.length is not None:
            self._body = LengthBody(head.length)
        else:
            self._body = OpenBody()
        self._payload = asker.answered(head)
        if self._body.done:
            self._finish(asker, clean=not rest)
            return b""
        return rest

    def _finish(self, asker: Asker, *, clean: bool) -> None:
        answer = self._answer
        self._asker = self._payload = None
        self.used = True
        asker.finished()
        # Bytes behind an answer would be taken for the next one.
        if clean and answer is not None and answer.keeps_alive and not isinstance(self._body, OpenBody):
            self._pool.put(self)
        else:
            self.transport.close()

    def eof_received(self) -> bool:
        """See `asyncio.Protocol`."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._pool.forget(self)
        asker, self._asker = self._asker, None
        if asker is None:
            return
        if exc is None and isinstance(self._body, OpenBody):
            asker.finished()
        else:
            asker.lost("closed", exc)

    def pause_writing(self) -> None:
        """See `asyncio.Protocol`."""
        if self._asker is not None:
            self._asker.hold()

    def resume_writing(self) -> None:
        """See `asyncio.Protocol`."""
        if self._asker is not None:
            self._asker.go_on()


class Pool:
    """Idle connections to one upstream, the one used last first."""

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None, connect_seconds: float) -> None:
        self._host = host
        self._port = port
        self._tls = tls
        self._connect_seconds = connect_seconds
        self._idle: deque[UpstreamConnection] = deque()
        self._loop = asyncio.get_running_loop()

    def idle(self) -> UpstreamConnection | None:
        """An open connection that may be used again; None where there is none."""
        oldest = self._loop.time() - REUSED_FOR_SECONDS
        while self._idle:
            found = self._idle.pop()
            if found.idle_since >= oldest and not found.transport.is_closing():
                return found
            found.transport.abort()
        return None

    async def fresh(self) -> UpstreamConnection:
        """Open a connection.

        Raises
        ------
        OSError, TimeoutError
        """
        async with asyncio.timeout(self._connect_seconds):
            _, protocol = await self._loop.create_connection(
                lambda: UpstreamConnection(self), self._host, self._port, ssl=self._tls
            )
        return protocol

    def put(self, connection: UpstreamConnection) -> None:
        """Keep it for the next exchange."""
        connection.idle_since = self._loop.time()
        # The client may have been slow to the very end.
        connection.transport.resume_reading()
        if len(self._idle) >= MOST_IDLE:
            self._idle.popleft().transport.close()
        self._idle.append(connection)

    def forget(self, connection: UpstreamConnection) -> None:
        """It was closed."""
        if connection in self._idle:
            self._idle.remove(connection)

    def tidy(self) -> None:
        """Close what nobody will use again."""
        oldest = self._loop.time() - REUSED_FOR_SECONDS
        while self._idle and self._idle[0].idle_since < oldest:
            self._idle.popleft().transport.close()

    def close(self) -> None:
        """Break all idle connections off: saying goodbye over TLS takes time that there is none of at the end."""
        while self._idle:
            self._idle.pop().transport.abort()


__all__ = ["MOST_IDLE", "REUSED_FOR_SECONDS", "Asker", "Pool", "UpstreamConnection"]
