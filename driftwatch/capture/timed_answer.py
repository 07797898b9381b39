"""An answer of HTTP that has to be over at some time: a timeout counts between two bytes only, and bytes may drip."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from functools import partial
from http.client import HTTPConnection, HTTPResponse
from typing import Any


class _InTime(io.RawIOBase):
    """What a socket receives, until a point in time."""

    def __init__(self, raw: Any, sock: Any, until: float) -> None:
        self._raw = raw
        self._socket = sock
        self._until = until
        self._usual = sock.gettimeout()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer takes too long")
        self._socket.settimeout(left if self._usual is None else min(left, self._usual))
        found: int | None = self._raw.readinto(buffer)
        return found

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


class _TimedAnswer(HTTPResponse):
    def __init__(self, sock: Any, *given: Any, until: float, **named: Any) -> None:
        super().__init__(sock, *given, **named)
        self.fp = io.BufferedReader(_InTime(self.fp.detach(), sock, until))


def answered_until(connection: HTTPConnection, until: float | None) -> None:
    """Have the connection's next answer end with a ``TimeoutError`` at a time of the monotonic clock; None: never."""
    make: Callable[..., HTTPResponse] = HTTPResponse if until is None else partial(_TimedAnswer, until=until)
    connection.response_class = make  # type: ignore[assignment]


__all__ = ["answered_until"]
