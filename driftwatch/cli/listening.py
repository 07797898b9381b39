"""The port, or the Unix socket, that a command listens on, and the certificate that it shows there."""

from __future__ import annotations

import os
import socket
import ssl
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

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


@contextmanager
def listening_at(path: Path | None) -> Iterator[socket.socket | None]:
    """Bind a Unix socket that this user and group may open, and remove it in the end; None for no path.

    A socket that nobody listens on is what a killed process left behind, and is replaced.

    Raises
    ------
    SettingError
        If it cannot be had.
    """
    if path is None:
        yield None
        return
    _remove_left_behind(path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        try:
            listener.bind(str(path))
            path.chmod(0o660)
        except OSError as error:
            raise SettingError(
                f"cannot listen on {path} ({error.strerror or error}).",
                field="unix_socket",
                remedy="Give a short path in a folder that may be written to.",
            ) from None
        try:
            yield listener
        finally:
            with suppress(OSError):
                path.unlink()


def _remove_left_behind(path: Path) -> None:
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            raise SettingError(f"{path} is a file of another kind.", field="unix_socket", remedy="Give another path.")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.connect(str(path))
    except ConnectionRefusedError:
        path.unlink()
    except OSError:
        return  # It is not there, or cannot be used: binding it says why.
    else:
        raise SettingError(
            f"another process listens on {path}.", field="unix_socket", remedy="Stop it, or give another path."
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
    context.set_alpn_protocols(["http/1.1"])
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
