from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Reply:
    status: int = 202
    body: bytes = b""
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    wait_seconds: float = 0.0
    break_off: bool = False


Script = Callable[[Request], Reply]


def accepted(request: Request) -> Reply:
    """What driftwatch answers to predictions and labels that are all good."""
    events = request.json
    ids = [event.get("prediction_id") for event in events]
    answer = {"accepted": len(events), "duplicates": 0, "rejected": [], "prediction_ids": ids}
    return Reply(202, json.dumps(answer).encode())


class Service:
    """A real HTTP server on loopback that does what its script says, and remembers what it was asked."""

    Reply = Reply
    accepted = staticmethod(accepted)

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.script: Script = accepted
        self.asked_for_baseline = 0
        self.connections = 0
        self.tells_baseline = False
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                service.connections += 1

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                request = Request(self.command, self.path, dict(self.headers), body)
                # What the wrapper asks besides is answered as to a token for ingest alone, unless the script does it.
                if (
                    request.method == "GET"
                    and request.path.partition("?")[0].endswith("/baseline")
                    and not service.tells_baseline
                ):
                    service.asked_for_baseline += 1
                    reply = Reply(403, b"{}")
                else:
                    service.requests.append(request)
                    reply = service.script(request)
                time.sleep(reply.wait_seconds)
                if reply.break_off:
                    self.close_connection = True
                    return
                self.send_response(reply.status)
                self.send_header("Content-Type", reply.content_type)
                if "Content-Length" in reply.headers:
                    self.close_connection = True
                else:
                    self.send_header("Content-Length", str(len(reply.body)))
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(reply.body)

            do_GET = do_POST = do_PUT = answer

            def log_message(self, *_: object) -> None:
                pass

            def handle(self) -> None:
                try:
                    super().handle()
                except ConnectionError:
                    self.close_connection = True

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def replies(self, *script: Reply | Script) -> None:
        """Answer with these in turn, and with the last one from then on."""
        left = list(script)

        def answer(request: Request) -> Reply:
            following = left.pop(0) if len(left) > 1 else left[0]
            return following(request) if callable(following) else following

        self.script = answer

    @property
    def events(self) -> list[dict[str, Any]]:
        """Every event of every request, in the order of arrival."""
        return [event for request in self.requests for event in request.json]

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def service() -> Iterator[Service]:
    running = Service()
    yield running
    running.stop()
