"""A small webhook receiver: takes signed requests to retrain, answers at once and works them off one by one."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue
from types import TracebackType
from typing import Self

import msgspec
from standardwebhooks import Webhook, WebhookVerificationError

RETRAIN_REQUESTED = "io.driftwatch.retrain.requested"

_LARGEST_BODY_BYTES = 1 << 20
_ACCEPTED, _BAD_REQUEST, _UNAUTHORIZED, _TOO_LARGE = 202, 400, 401, 413

_logger = logging.getLogger(__name__)


class RetrainRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What the demo needs of a request's ``data``."""

    retrain_id: str
    model: str
    model_version: str
    triggered: datetime
    until: datetime
    reason: str
    status_url: str


class _CloudEvent(msgspec.Struct, frozen=True, kw_only=True):
    specversion: str
    id: str
    type: str
    data: msgspec.Raw


class RetrainReceiver:
    """Listens on 127.0.0.1 for requests signed after the Standard Webhooks specification.

    A request with a bad signature is refused with 401. A good one is answered with 202 before any work is done; the
    same ``webhook-id`` again is answered likewise and not worked on twice. Events of other types are taken and left.

    Parameters
    ----------
    secret
        The shared secret: ``whsec_`` and base64.
    answer
        Called in the receiver's worker thread, one request at a time. What it raises is logged and ends that
        request only.
    """

    def __init__(self, secret: str, answer: Callable[[RetrainRequest], None]) -> None:
        self._webhook = Webhook(secret)
        self._answer = answer
        self._seen: set[str] = set()
        self._lock = threading.Lock()
        self._requests: SimpleQueue[RetrainRequest | None] = SimpleQueue()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._listening = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="webhook", daemon=True)
        self._working = threading.Thread(target=self._work, name="retrain", daemon=True)

    @property
    def url(self) -> str:
        """Where the requests go."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/retrain"

    def __enter__(self) -> Self:
        self._listening.start()
        self._working.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening; a retrain at work may finish, unless an exception is on its way."""
        self._server.shutdown()
        self._server.server_close()
        self._requests.put(None)
        self._listening.join()
        if kind is None:
            self._working.join()

    def receive(self, body: bytes, headers: dict[str, str]) -> int:
        """Take one request and answer its HTTP status."""
        try:
            self._webhook.verify(body, headers, json_parse=False)
        except (WebhookVerificationError, ValueError):
            return _UNAUTHORIZED
        try:
            event = msgspec.json.decode(body, type=_CloudEvent)
            if event.type != RETRAIN_REQUESTED:
                return _ACCEPTED
            request = msgspec.json.decode(event.data, type=RetrainRequest)
        except msgspec.DecodeError:
            return _BAD_REQUEST
        message_id = {name.lower(): value for name, value in headers.items()}["webhook-id"]
        with self._lock:
            new = message_id not in self._seen
            self._seen.add(message_id)
        if new:
            self._requests.put(request)
        return _ACCEPTED

    def _work(self) -> None:
        while (request := self._requests.get()) is not None:
            try:
                self._answer(request)
            except Exception:
                _logger.exception("Retrain %s ended in an error.", request.retrain_id)


def _handler(receiver: RetrainReceiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = self.headers.get("content-length", "")
            if not length.isdecimal():
                status = _BAD_REQUEST
            elif int(length) > _LARGEST_BODY_BYTES:
                status = _TOO_LARGE
            else:
                status = receiver.receive(self.rfile.read(int(length)), dict(self.headers.items()))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            _logger.debug(format, *args)

    return Handler
