"""uvicorn, with the settings that driftwatch runs it with."""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import suppress
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from driftwatch.web.bounded_http import MOST_CONNECTIONS, HeadLimits, bounded_http

STOP_SECONDS = 10


def run_app(
    app: ASGIApp,
    listener: socket.socket,
    tls: ssl.SSLContext | None = None,
    limits: HeadLimits | None = None,
    unix_listener: socket.socket | None = None,
) -> None:
    """Serve ``app`` on a bound socket until the process is asked to end (SIGINT, SIGTERM).

    Requests that are being answered then have ten seconds. One process: the stores belong to it alone. On
    ``unix_listener`` it is served, too, and without TLS.
    """
    server_of(app, tls, limits, unix_listener=unix_listener).run(sockets=[listener])


def server_of(
    app: ASGIApp,
    tls: ssl.SSLContext | None = None,
    limits: HeadLimits | None = None,
    *,
    most_connections: int = MOST_CONNECTIONS,
    unix_listener: socket.socket | None = None,
) -> uvicorn.Server:
    """The server, not yet started. Bodies are bounded by the application, heads and connections by the server."""
    config = uvicorn.Config(
        app,
        http=bounded_http(limits or HeadLimits(), most_connections),
        lifespan="on",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=STOP_SECONDS,
        ssl_context_factory=None if tls is None else lambda _config, _usual: tls,
    )
    return _Server(config, unix_listener)


class _Server(uvicorn.Server):
    """uvicorn's server, which may listen on a Unix socket besides: it would speak TLS there, too."""

    def __init__(self, config: uvicorn.Config, unix_listener: socket.socket | None) -> None:
        super().__init__(config)
        self._unix_listener = unix_listener

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._unix_listener is None or self.should_exit:
            return
        config = self.config

        def one_connection() -> asyncio.Protocol:
            protocol: asyncio.Protocol = config.http_protocol_class(
                config=config, server_state=self.server_state, app_state=self.lifespan.state
            )  # type: ignore[call-arg]
            return protocol

        loop = asyncio.get_running_loop()
        self.servers.append(await loop.create_unix_server(one_connection, sock=self._unix_listener))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._unix_listener is not None:
            # Here, since uvicorn raises the signal that ended it again, which ends the process.
            with suppress(OSError):
                Path(self._unix_listener.getsockname()).unlink()
        await super().shutdown(sockets)


__all__ = ["run_app", "server_of"]
