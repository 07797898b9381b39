"""uvicorn, with the settings that driftwatch runs it with."""

from __future__ import annotations

import socket

import uvicorn
from starlette.types import ASGIApp

STOP_SECONDS = 10
MOST_CONNECTIONS = 1_000


def run_app(app: ASGIApp, listener: socket.socket) -> None:
    """Serve ``app`` on a bound socket until the process is asked to end (SIGINT, SIGTERM).

    Requests that are being answered then have ten seconds. One process: the stores belong to it alone.
    """
    server_of(app).run(sockets=[listener])


def server_of(app: ASGIApp) -> uvicorn.Server:
    """The server, not yet started. Bodies are bounded by the application, their number by the server."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            lifespan="on",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=MOST_CONNECTIONS,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=STOP_SECONDS,
        )
    )


__all__ = ["run_app", "server_of"]
