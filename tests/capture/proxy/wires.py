"""A real proxy between raw sockets: the test is the client, and what it scripts is the model server."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from prometheus_client import CollectorRegistry

from driftwatch.capture.buffer import Buffer
from driftwatch.capture.proxy.server import Proxy
from driftwatch.capture.traffic import Captured, TrafficDelivery

BASELINE = json.dumps(
    {
        "baseline": {
            "schema": {"classes": ["no", "yes"]},
            "columns": [
                {"name": "x", "role": "feature"},
                {"name": "y", "role": "feature"},
                {"name": "answer", "role": "prediction"},
            ],
        }
    }
).encode()


class Wire:
    """One end of a connection, in bytes."""

    def __init__(self, end: socket.socket) -> None:
        self.end = end
        self.got = b""
        end.settimeout(10)

    def send(self, data: bytes) -> None:
        self.end.sendall(data)

    def until(self, mark: bytes) -> bytes:
        """Everything up to and with the mark."""
        while mark not in self.got:
            piece = self.end.recv(65536)
            assert piece, f"closed after {self.got!r}"
            self.got += piece
        before, _, self.got = self.got.partition(mark)
        return before + mark

    def take(self, count: int) -> bytes:
        while len(self.got) < count:
            piece = self.end.recv(65536)
            assert piece, f"closed after {len(self.got)} bytes"
            self.got += piece
        taken, self.got = self.got[:count], self.got[count:]
        return taken

    def rest(self) -> bytes:
        """Everything until the other side closes; a reset is marked."""
        try:
            while piece := self.end.recv(65536):
                self.got += piece
        except ConnectionError:
            self.got += b"<reset>"
        taken, self.got = self.got, b""
        return taken

    def close(self) -> None:
        self.end.close()


class ModelServer:
    """Listens; every connection is handed to the test, or answered by a script a request."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(10)
        self.port = self.listener.getsockname()[1]
        self.connections = 0
        self._wires: list[Wire] = []

    def accept(self) -> Wire:
        end, _ = self.listener.accept()
        self.connections += 1
        if self._tls is not None:
            end.settimeout(10)
            end = self._tls.wrap_socket(end, server_side=True)
        wire = Wire(end)
        self._wires.append(wire)
        return wire

    def answer(self, script: Callable[[bytes, bytes], bytes], *, times: int = 1_000_000) -> None:
        """In the background: each request's head and body of a length, until the connection ends."""

        def serve(wire: Wire) -> None:
            with contextlib.suppress(AssertionError, OSError):
                for _ in range(times):
                    head = wire.until(b"\r\n\r\n")
                    lengths = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
                    body = wire.take(int(lengths[0].partition(b":")[2])) if lengths else b""
                    wire.send(script(head, body))
            wire.close()

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=serve, args=(self.accept(),), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for wire in self._wires:
            wire.close()


@dataclass
class Running:
    port: int
    proxy: Proxy
    buffer: Buffer[Captured]
    delivery: TrafficDelivery
    registry: CollectorRegistry
    loop: asyncio.AbstractEventLoop
    stop: Callable[[], None]
    wires: list[Wire] = field(default_factory=list)

    def connect(self) -> Wire:
        self.wires.append(Wire(socket.create_connection(("127.0.0.1", self.port))))
        return self.wires[-1]

    def value(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(f"driftwatch_proxy_{name}", labels) or 0.0

    def ask(self, request: bytes) -> bytes:
        """Send a request and close its side of the talk when the answer was whole (``Connection: close``)."""
        wire = self.connect()
        wire.send(request)
        answer = wire.rest()
        wire.close()
        return answer


Start = Callable[..., Running]


def eventually(holds: Callable[[], Any], seconds: float = 10.0) -> Any:
    """Wait for something that happens in the background."""
    until = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.01)
    return found
