"""uvicorn's HTTP protocol with a short way for requests that come whole: no task, no scope, no messages.

Of what a small request costs, an application is the lesser part; the greater one is what is made to call it and to let
it wait. Here a POST whose end has come in the same read as its head goes to a plain function, which may answer at once
or later. Whatever else comes, and what that function does not take, goes uvicorn's way: its handlers are called with
what was held back, so that they see what they would have seen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol, runtime_checkable

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from driftwatch.web.answer import CLOSE, Answer
from driftwatch.web.whole_answers import CYCLE, in_one_piece

RECEIVE_WHOLE = "driftwatch.receive_whole"
"""In the state of a request's scope: to be called in place of ``receive``, where a body of its length may be kept."""

Headers = list[tuple[bytes, bytes]]
"""Names in lower case."""


@runtime_checkable
class TakesDirectly(Protocol):
    """An application that answers some requests without being called as one."""

    def direct(self, url: bytes, headers: Headers, body: bytes, answer: Callable[[Answer], None]) -> bool:
        """Begin to answer a POST that came whole, over HTTP/1.1 and without TLS.

        Parameters
        ----------
        url
            As it was sent.
        headers, body
            Of the request.
        answer
            To be called once, now or later, in the event loop's thread.

        Returns
        -------
        taken
            False where the application is to be called; ``answer`` is then not.
        """
        ...


class DirectHttp(HttpToolsProtocol):
    """One connection. An application that is no `TakesDirectly` is called for every request."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._served = self.app
        self._direct = self.app.direct if isinstance(self.app, TakesDirectly) else None
        self._held: list[bytes] | None = None
        self._pieces: list[bytes] | None = None

    def data_received(self, data: bytes) -> None:
        """Held back is only what may end in the same read."""
        HttpToolsProtocol.data_received(self, data)
        if self._held is None:
            return
        if self.transport.is_closing():
            # What followed the head was no HTTP: uvicorn has said so.
            self._held = None
        else:
            self._go_usual_way()

    def on_message_begin(self) -> None:
        """Make no scope yet: `_go_usual_way` does."""
        self.url = b""
        self.headers = []
        self.expect_100_continue = False

    def on_headers_complete(self) -> None:
        """Hold back what may become a direct answer."""
        self._held = []
        if not self._may_be_direct():
            self._go_usual_way()

    def on_body(self, body: bytes) -> None:
        """Gather, or hand on."""
        gathered = self._held if self._pieces is None else self._pieces
        if gathered is None:
            HttpToolsProtocol.on_body(self, body)
        else:
            gathered.append(body)

    def on_message_complete(self) -> None:
        """Give the whole request to the short way, or to the usual one."""
        if self._held is not None:
            assert self._direct is not None
            under_way = _UnderWay(self)
            pieces = self._held
            body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
            if self._direct(self.url, self.headers, body, under_way.answer):
                self._held = None
                self.cycle = under_way
                return
            self._go_usual_way()
        self._pieces = None
        HttpToolsProtocol.on_message_complete(self)

    def is_answering(self) -> bool:
        """Whether a request has no whole answer yet."""
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    def _may_be_direct(self) -> bool:
        parser = self.parser
        return (
            self._direct is not None
            and self.app is self._served
            and parser.get_method() == b"POST"
            and not self.is_answering()
            # Who does not read the answers is not to have more of them made.
            and not self.flow.write_paused
            and self.scheme == "http"
            and parser.get_http_version() == "1.1"
            and parser.should_keep_alive()
        )

    def _go_usual_way(self) -> None:
        """Let uvicorn see what was held back."""
        held, self._held = self._held, None
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        HttpToolsProtocol.on_message_begin(self)
        self.url, self.expect_100_continue = url, expects
        # The scope has this list.
        self.headers.extend(headers)
        HttpToolsProtocol.on_headers_complete(self)
        self.scope["state"][CYCLE] = self.cycle
        self.scope["state"][RECEIVE_WHOLE] = partial(self._receive_whole, self.cycle)
        for piece in held or ():
            HttpToolsProtocol.on_body(self, piece)

    async def _receive_whole(self, cycle: RequestResponseCycle) -> Any:
        """The first message of a request, with all of its body in it where it is the one that is being read."""
        if cycle is not self.cycle or not _awaits_more(cycle) or cycle.waiting_for_100_continue:
            return await cycle.receive()
        pieces = self._pieces = [bytes(cycle.body)]
        cycle.body = bytearray()
        cycle.flow.resume_reading()
        try:
            while _awaits_more(cycle):
                cycle.message_event.clear()
                await cycle.message_event.wait()
        finally:
            if self._pieces is pieces:
                self._pieces = None
        if cycle.disconnected:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": b"".join(pieces), "more_body": False}


def _awaits_more(cycle: RequestResponseCycle) -> bool:
    return cycle.more_body and not cycle.disconnected


class _UnderWay(RequestResponseCycle):
    """A request that is being answered directly, in the place of uvicorn's cycle: it has what the protocol looks at."""

    message_event = asyncio.Event()
    """Nobody waits for it."""

    def __init__(self, protocol: DirectHttp) -> None:
        self._protocol = protocol
        self.disconnected = False
        self.keep_alive = True
        self.response_complete = False

    def answer(self, answer: Answer) -> None:
        """Write it, and end the connection where it is to end."""
        self.response_complete = True
        protocol = self._protocol
        transport = protocol.transport
        if self.disconnected or transport.is_closing():
            return
        if not self.keep_alive and CLOSE not in answer.headers:
            # The service is shutting down.
            answer = Answer(answer.status, answer.body, answer.content_type, (*answer.headers, CLOSE))
        transport.write(in_one_piece(answer, protocol.server_state.default_headers))
        if CLOSE in answer.headers:
            transport.close()
        protocol.on_response_complete()


__all__ = ["RECEIVE_WHOLE", "DirectHttp", "Headers", "TakesDirectly"]
