"""The load of `ingest_speed.py`, in a process of its own: keeps some connections busy, and says how that went.

    python -m benchmarks.ingest_load PORT PATH CONTENT_TYPE BODY_FILE CONNECTIONS SECONDS [PER_SECOND]

Sends the same body again and again, each connection as soon as it has its answer, or ``PER_SECOND`` requests in all at
even distances. Where the body holds ``@@@@@@@@``, that becomes the number of the request, so that ids differ. Prints
one line of JSON: requests, statuses, seconds, and milliseconds at the median and the 99 % point.

What is sent lies ready, a copy a connection, in which the numbers alone are written anew: the service has the rest of
the machine.
"""

from __future__ import annotations

import json
import re
import selectors
import socket
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

MARK = b"@@@@@@@@"


@dataclass(eq=False)
class Connection:
    """One connection, with the answer that it waits for."""

    socket: socket.socket
    request: bytearray
    sent_at: float = 0.0
    to_send: memoryview = field(default_factory=lambda: memoryview(b""))
    answer: bytearray = field(default_factory=bytearray)

    def is_answered(self) -> bool:
        head, found, rest = self.answer.partition(b"\r\n\r\n")
        if not found:
            return False
        at = head.lower().find(b"content-length:")
        return len(rest) >= int(head[at + 15 :].split(b"\r\n", 1)[0])


class Load:
    """Requests over several connections, counted."""

    def __init__(self, port: int, path: str, content_type: str, body: bytes, connections: int) -> None:
        self._head = (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content_type}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        ).encode()
        self._request = self._head + body
        starts = np.array([found.start() for found in re.finditer(MARK, self._request)], dtype=np.intp)
        self._marks = starts[:, np.newaxis] + np.arange(len(MARK))
        self._selector = selectors.DefaultSelector()
        self._idle: list[Connection] = []
        self._port = port
        for _ in range(connections):
            connection = Connection(self._opened(), bytearray(self._request))
            self._selector.register(connection.socket, selectors.EVENT_READ, connection)
            self._idle.append(connection)
        self.started = 0
        self.statuses: Counter[str] = Counter()
        self.milliseconds: list[float] = []

    def _opened(self) -> socket.socket:
        one = socket.create_connection(("127.0.0.1", self._port))
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        one.setblocking(False)
        return one

    def _open_again(self, connection: Connection) -> None:
        """Servers close connections that were idle for a while."""
        if connection not in self._idle:
            raise ConnectionError("the server closed a connection and owes an answer")
        self._selector.unregister(connection.socket)
        connection.socket.close()
        connection.socket = self._opened()
        self._selector.register(connection.socket, selectors.EVENT_READ, connection)

    def run(self, seconds: float, per_second: float | None) -> float:
        begun = time.perf_counter()
        while (now := time.perf_counter()) < begun + seconds or len(self._idle) < len(self._selector.get_map()):
            if now > begun + seconds + 60.0:
                break
            while (
                self._idle
                and now < begun + seconds
                and (per_second is None or now - begun >= self.started / per_second)
            ):
                self._send(self._idle.pop())
            for key, events in self._selector.select(0.001 if self._idle else 0.05):
                if events & selectors.EVENT_WRITE:
                    self._push(key.data)
                if events & selectors.EVENT_READ:
                    self._receive(key.data)
        return time.perf_counter() - begun

    def _send(self, connection: Connection) -> None:
        if len(self._marks):
            number = np.frombuffer(b"%08d" % self.started, dtype=np.uint8)
            np.frombuffer(connection.request, dtype=np.uint8)[self._marks] = number
        self.started += 1
        connection.sent_at = time.perf_counter()
        connection.to_send = memoryview(connection.request)
        self._push(connection)

    def _push(self, connection: Connection) -> None:
        try:
            while connection.to_send:
                connection.to_send = connection.to_send[connection.socket.send(connection.to_send) :]
        except BlockingIOError:
            self._selector.modify(connection.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, connection)
            return
        if self._selector.get_key(connection.socket).events != selectors.EVENT_READ:
            self._selector.modify(connection.socket, selectors.EVENT_READ, connection)

    def _receive(self, connection: Connection) -> None:
        received = connection.socket.recv(1 << 20)
        if not received:
            self._open_again(connection)
            return
        connection.answer += received
        if connection.is_answered():
            self.statuses[connection.answer[9:12].decode()] += 1
            self.milliseconds.append((time.perf_counter() - connection.sent_at) * 1e3)
            connection.answer.clear()
            self._idle.append(connection)


def main() -> None:
    port, path, content_type, body, connections, seconds, *rest = sys.argv[1:]
    load = Load(int(port), path, content_type, Path(body).read_bytes(), int(connections))
    took = load.run(float(seconds), float(rest[0]) if rest else None)
    ordered = sorted(load.milliseconds) or [float("nan")]
    print(
        json.dumps(
            {
                "requests": len(load.milliseconds),
                "statuses": load.statuses,
                "seconds": took,
                "median_ms": ordered[len(ordered) // 2],
                "p99_ms": ordered[int(len(ordered) * 0.99)],
                "max_ms": ordered[-1],
            }
        )
    )


if __name__ == "__main__":
    main()
