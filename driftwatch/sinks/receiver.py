"""The one way in which sinks speak HTTP: to the address that is configured, in bounded time."""

from __future__ import annotations

import ipaddress
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
import msgspec

from driftwatch.errors import SettingError, SinkRejected, SinkUnavailable

_LATER = frozenset({408, 425, 429})
_LARGEST_ANSWER = 256 * 1024
_REMEDIES = {
    401: " Check its credentials.",
    403: " Check what its credentials are good for.",
    404: " Check its address, and the names of what it is to start.",
}


@dataclass(frozen=True, slots=True)
class Reply:
    """A status, and the first part of the body."""

    status: int
    body: bytes

    def record(self) -> dict[str, Any]:
        """The body's JSON object; empty where it is none."""
        try:
            found = msgspec.json.decode(self.body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}


class Receiver:
    """Somebody who is told over HTTP.

    Redirects are not followed: what is sent is for this address. Nothing beyond the host of it is in an error, a log or
    a ``repr``, nor is anything of an answer, which could repeat a secret.

    Parameters
    ----------
    url
        Its address, which `ask` adds paths to.
    timeout_seconds
        For connecting, for each wait, and for the whole of an answer.
    ca_file
        Authorities in PEM, besides which none is believed.

    Raises
    ------
    SettingError
        ``ca_file`` cannot be used.
    """

    def __init__(self, url: str, *, timeout_seconds: float, ca_file: Path | None = None) -> None:
        self._url = url.rstrip("/")
        parts = urlsplit(url)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        self.host = f"{parts.scheme}://{host}{f':{parts.port}' if parts.port else ''}"
        self._timeout_seconds = timeout_seconds
        self._verify: ssl.SSLContext | bool = True
        if ca_file is not None:
            try:
                self._verify = ssl.create_default_context(cafile=ca_file)
            except OSError as error:
                problem = f"cannot be used ({getattr(error, 'reason', None) or error.strerror})."
                raise SettingError(problem, field="ca_file", remedy="Name a PEM file with certificates.") from None
        # A proxy from the environment is for the world outside; it would not know this machine's own receivers.
        self._trust_env = not _is_loopback(parts.hostname or "")

    def __repr__(self) -> str:
        return f"Receiver({self.host})"

    def ask(
        self,
        method: str,
        path: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        content: bytes | None = None,
        fine: frozenset[int] = frozenset(),
    ) -> Reply:
        """Ask, and answer what came where it is a status of the 200s, or one of ``fine``.

        Parameters
        ----------
        method, path, headers
            Of the request; the path is added to the address.
        json, form, content
            Its body, one of them.
        fine
            Other statuses that mean that it is well.

        Raises
        ------
        SinkUnavailable
            No connection, no answer in time, or a status that asks to come again: 408, 425, 429 or one of the 500s.
        SinkRejected
            Any other status. A redirect too: the new address belongs into the settings.
        """
        # What is small when it comes may not be when it is inflated: nobody asks for it, and nothing is.
        sent = {"user-agent": "driftwatch", "accept-encoding": "identity", **(headers or {})}
        if json is not None:
            content = msgspec.json.encode(json)
            sent.setdefault("content-type", "application/json")
        elif form is not None:
            content = urlencode(form).encode()
            sent["content-type"] = "application/x-www-form-urlencoded"
        try:
            reply = self._asked(method, self._url + path, sent, content)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.CookieConflict, httpx.StreamError) as error:
            # The text of the error could show the address with its path.
            raise SinkUnavailable(f"{self.host} could not be reached ({type(error).__name__}).") from None
        status = reply.status
        if 200 <= status < 300 or status in fine:
            return reply
        if status in _LATER or status >= 500:
            raise SinkUnavailable(f"{self.host} answered {status}.")
        if 300 <= status < 400:
            raise SinkRejected(f"{self.host} redirects ({status}). Give the sink its new address.")
        raise SinkRejected(f"{self.host} answered {status}.{_REMEDIES.get(status, '')}")

    def _asked(self, method: str, url: str, headers: Mapping[str, str], content: bytes | None) -> Reply:
        deadline = time.monotonic() + 2 * self._timeout_seconds
        with (
            httpx.Client(
                timeout=httpx.Timeout(self._timeout_seconds),
                follow_redirects=False,
                trust_env=self._trust_env,
                verify=self._verify,
            ) as client,
            client.stream(method, url, content=content, headers=dict(headers)) as response,
        ):
            body = b""
            for piece in response.iter_raw():
                body += piece
                if time.monotonic() > deadline:
                    raise httpx.ReadTimeout("the answer took too long")
                if len(body) > _LARGEST_ANSWER:
                    break
            return Reply(response.status_code, body)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


__all__ = ["Receiver", "Reply"]
