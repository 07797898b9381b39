"""The port that a command listens on."""

from __future__ import annotations

import socket

from driftwatch.errors import SettingError


def listen(host: str, port: int) -> socket.socket:
    """Bind before anything else is opened: a port in use is the commonest mistake.

    Raises
    ------
    SettingError
        If it cannot be had.
    """
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        raise SettingError(
            f"cannot listen on {host}:{port} ({error.strerror}).",
            field="port",
            remedy="Stop what listens there, or choose another with --port.",
        ) from None
    return listener
