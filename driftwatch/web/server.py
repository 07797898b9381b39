"""uvicorn, with the settings that driftwatch runs it with."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from driftwatch.errors import SettingError
from driftwatch.web.bounded_http import HeadLimits, bounded_http

STOP_SECONDS = 10
MOST_CONNECTIONS = 1_000


def run_app(
    app: ASGIApp, listener: socket.socket, tls: ssl.SSLContext | None = None, limits: HeadLimits | None = None
) -> None:
    """Serve ``app`` on a bound socket until the process is asked to end (SIGINT, SIGTERM).

    Requests that are being answered then have ten seconds. One process: the stores belong to it alone.
    """
    server_of(app, tls, limits).run(sockets=[listener])


def server_of(app: ASGIApp, tls: ssl.SSLContext | None = None, limits: HeadLimits | None = None) -> uvicorn.Server:
    """The server, not yet started. Bodies are bounded by the application, heads and connections by the server."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            http=bounded_http(limits or HeadLimits()),
            lifespan="on",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=MOST_CONNECTIONS,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=STOP_SECONDS,
            ssl_context_factory=None if tls is None else lambda _config, _usual: tls,
        )
    )


def tls_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """TLS 1.2 or later with this certificate.

    Raises
    ------
    SettingError
        A file cannot be read, is no PEM, or the key is another certificate's.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # Without a password OpenSSL would ask for one at the terminal.
        context.load_cert_chain(certificate, key, password="")
    except OSError as error:
        raise SettingError(
            f"the certificate and its key cannot be used ({getattr(error, 'reason', None) or error.strerror}).",
            field="tls_certificate",
            remedy="Give two PEM files that belong together, the key without a passphrase.",
        ) from None
    return context


__all__ = ["run_app", "server_of", "tls_context"]
