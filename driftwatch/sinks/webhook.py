"""A signed HTTP POST, after the Standard Webhooks specification."""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpx
from standardwebhooks import Webhook

from driftwatch.errors import SettingError, SinkRejected, SinkUnavailable
from driftwatch.ports import MessageKind, OutboxMessage

CONTENT_TYPE = "application/cloudevents+json"
_LATER = frozenset({408, 425, 429})
_LEAST_SECRET_BYTES = 24


class WebhookSink:
    """Posts a message's CloudEvent to one address, signed with a shared secret.

    The headers ``webhook-id`` (the same over every retry), ``webhook-timestamp`` and ``webhook-signature`` let the
    receiver verify the body and drop what it saw before. Redirects are not followed: the signature is for this
    address. Neither the secret nor the address beyond its host appears in an error, a log or a ``repr``.

    Parameters
    ----------
    url
        An ``https`` or ``http`` address. User and password do not belong in it.
    secret
        ``whsec_`` and 24 to 64 random bytes in base64.
    timeout_seconds
        For connecting, and for each wait for the receiver's answer.
    now
        Where the signature's time comes from.

    Raises
    ------
    SettingError
        The address or the secret cannot work.

    References
    ----------
    https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md

    Examples
    --------
    >>> WebhookSink("https://ci.example.com/hooks/9f3b", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    WebhookSink(https://ci.example.com)
    """

    name = "webhook"
    takes = frozenset({MessageKind.RETRAIN})

    def __init__(
        self,
        url: str,
        secret: str,
        *,
        timeout_seconds: float = 10.0,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._url, self._host = _checked(url)
        self._signer = _signer(secret)
        self._timeout = httpx.Timeout(timeout_seconds)
        self._now = now

    def __repr__(self) -> str:
        return f"WebhookSink({self._host})"

    def deliver(self, message: OutboxMessage) -> str:
        """Post the message; any status of the 200s says that it arrived.

        Raises
        ------
        SinkUnavailable
            No connection, no answer in time, or a status that asks to come again: 408, 425, 429 or one of the 500s.
        SinkRejected
            Any other status. A redirect too: the new address belongs into the settings.
        """
        now = self._now()
        headers = {
            "content-type": CONTENT_TYPE,
            "user-agent": "driftwatch",
            "webhook-id": message.message_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._signer.sign(message.message_id, now, message.body),
        }
        try:
            status = self._posted(message.body.encode(), headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            # The text of the error could show the address with its path.
            raise SinkUnavailable(f"{self._host} could not be reached ({type(error).__name__}).") from None
        if 200 <= status < 300:
            return f"delivered to {self._host} ({status})"
        if status in _LATER or status >= 500:
            raise SinkUnavailable(f"{self._host} answered {status}.")
        if 300 <= status < 400:
            raise SinkRejected(f"{self._host} redirects ({status}). Set webhook_url to the new address.")
        raise SinkRejected(f"{self._host} answered {status}.")

    def _posted(self, body: bytes, headers: dict[str, str]) -> int:
        # A proxy from the environment is for the world outside; it would not know this machine's own receivers.
        with (
            httpx.Client(
                timeout=self._timeout, follow_redirects=False, trust_env=not _is_loopback(self._url)
            ) as client,
            client.stream("POST", self._url, content=body, headers=headers) as response,
        ):
            return response.status_code


def _checked(url: str) -> tuple[str, str]:
    """The address, and how it is shown: without its path, which may hold a token."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        usable, parts = False, urlsplit("")
    if not usable:
        raise SettingError("is no http or https address.", field="webhook_url", remedy="Give one, or leave it empty.")
    if parts.username or parts.password:
        raise SettingError(
            "holds a user or a password.", field="webhook_url", remedy="The signature proves who sends; remove them."
        )
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return url, f"{parts.scheme}://{host}{f':{parts.port}' if parts.port else ''}"


def _signer(secret: str) -> Webhook:
    encoded = secret.removeprefix("whsec_")
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except ValueError:
        key = b""
    if len(key) < _LEAST_SECRET_BYTES:
        raise SettingError(
            f"must be whsec_ and at least {_LEAST_SECRET_BYTES} random bytes in base64.",
            field="webhook_secret",
            remedy='One is made by: echo "whsec_$(openssl rand -base64 32)"',
        )
    return Webhook(key)


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


__all__ = ["CONTENT_TYPE", "WebhookSink"]
