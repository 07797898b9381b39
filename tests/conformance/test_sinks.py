"""What every sink promises, for each of ``driftwatch.sinks.SINKS``."""

import inspect
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from driftwatch.errors import SinkError, SinkRejected, SinkUnavailable
from driftwatch.ports import OutboxMessage, Sink
from driftwatch.sinks import SINKS
from driftwatch.sinks.webhook import WebhookSink

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

# A new sink adds one line: how it is made so that it speaks to this address.
MAKERS: dict[str, Callable[[str], Sink]] = {
    "webhook": lambda url: WebhookSink(url, SECRET),
}

MESSAGE = OutboxMessage(
    message_id="m-1", sink="any", model="flights", body='{"id":"m-1"}', created_at=datetime(2026, 1, 1, tzinfo=UTC)
)

every_sink = pytest.mark.parametrize("name", SINKS)


@pytest.fixture
def answering() -> Iterator[Callable[[int], str]]:
    """Start receivers that answer every request with a status."""
    servers: list[tuple[ThreadingHTTPServer, threading.Thread]] = []

    def start(status: int) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Be quiet."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}/"

    yield start
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()


def test_every_sink_can_be_made_here() -> None:
    assert MAKERS.keys() == SINKS.keys()


@every_sink
def test_a_sink_is_called_as_in_the_table_and_says_what_it_does(name: str) -> None:
    assert SINKS[name].name == name
    assert inspect.getdoc(SINKS[name])


@every_sink
def test_a_delivery_answers_one_line_for_the_history(name: str, answering: Callable[[int], str]) -> None:
    note = MAKERS[name](answering(200)).deliver(MESSAGE)
    assert note
    assert "\n" not in note


@every_sink
@pytest.mark.parametrize(("status", "expected"), [(503, SinkUnavailable), (400, SinkRejected)])
def test_trouble_says_whether_to_try_again(
    name: str, status: int, expected: type[SinkError], answering: Callable[[int], str]
) -> None:
    with pytest.raises(expected):
        MAKERS[name](answering(status)).deliver(MESSAGE)


@every_sink
def test_nobody_there_is_worth_another_attempt(name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(SinkUnavailable):
        MAKERS[name](f"http://127.0.0.1:{port}/").deliver(MESSAGE)


@every_sink
def test_a_sink_shows_no_secret(name: str, answering: Callable[[int], str]) -> None:
    sink = MAKERS[name](answering(400))
    with pytest.raises(SinkError) as caught:
        sink.deliver(MESSAGE)
    assert SECRET.removeprefix("whsec_") not in f"{sink!r} {sink} {caught.value!r} {caught.value}"
