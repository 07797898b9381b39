"""HTTP over a Unix socket, for the standard library's client."""

from __future__ import annotations

import socket
from http.client import HTTPConnection


class UnixConnection(HTTPConnection):
    """A connection to a service that listens on a Unix socket of this machine.

    Parameters
    ----------
    path
        Of the socket.
    timeout
        Seconds to wait for the connection, and for each piece of an answer.
    """

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Open the socket."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self.sock.settimeout(self.timeout)
            self.sock.connect(self._path)
        except BaseException:
            self.close()
            raise


__all__ = ["UnixConnection"]
