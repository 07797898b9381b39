"""A real HTTP receiver, and a message to send to it."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from driftwatch.ports import OutboxMessage


@dataclass
class Receiver:
    """Takes POSTs and answers each with the next status; the last one stays."""

    url: str = ""
    statuses: list[int] = field(default_factory=lambda: [204])
    location: str = ""
    pause: threading.Event = field(default_factory=threading.Event)
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    state = Receiver()
    state.pause.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            state.bodies.append(self.rfile.read(int(self.headers["content-length"])))
            state.headers.append({name.lower(): value for name, value in self.headers.items()})
            state.paths.append(self.path)
            state.pause.wait(10)
            self.send_response(state.statuses.pop(0) if len(state.statuses) > 1 else state.statuses[0])
            if state.location:
                self.send_header("location", state.location)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Be quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}/hooks/s3cret-path"
    try:
        yield state
    finally:
        state.pause.set()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def message() -> OutboxMessage:
    return OutboxMessage(
        message_id="0198c5f0.webhook",
        sink="webhook",
        model="flights",
        body='{"specversion":"1.0","id":"0198c5f0","data":{"reason":"mae 10.8 → 13.9"}}',
        created_at=datetime(2013, 4, 15, tzinfo=UTC),
        retrain_id="0198c5f0",
    )
