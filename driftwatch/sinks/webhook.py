"""A signed HTTP POST, after the Standard Webhooks specification."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from pydantic import Field
from standardwebhooks import Webhook

from driftwatch.errors import SettingError
from driftwatch.ports import MessageKind, OutboxMessage
from driftwatch.sinks.options import HttpOptions, SinkKind, checked_address
from driftwatch.sinks.receiver import Receiver
from driftwatch.sinks.secret import Secret, needed

CONTENT_TYPE = "application/cloudevents+json"
_LEAST_SECRET_BYTES = 24


class WebhookOptions(HttpOptions):
    """The table of a signed webhook."""

    secret_file: Path | None = Field(None, description="Signs: whsec_ and base64; while it changes, new and old.")
    secret_env: str | None = None


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
        ``whsec_`` and 24 to 64 random bytes in base64. Where it is being changed, the new one and the old one with a
        space between them: each signs, and a receiver that knows one of them is content.
    name
        What the sink is called.
    takes
        What it is told of.
    ca_file
        Authorities in PEM, besides which none is believed.
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

    def __init__(
        self,
        url: str,
        secret: str | Secret,
        *,
        name: str = "webhook",
        takes: frozenset[MessageKind] = frozenset({MessageKind.RETRAIN}),
        ca_file: Path | None = None,
        timeout_seconds: float = 10.0,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.name, self.takes = name, takes
        _check(url)
        self._receiver = Receiver(url, timeout_seconds=timeout_seconds, ca_file=ca_file)
        self._secret = secret
        self._now = now
        _signers(self._secret_text())

    def __repr__(self) -> str:
        return f"WebhookSink({self._receiver.host})"

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
        signatures = [one.sign(message.message_id, now, message.body) for one in _signers(self._secret_text())]
        headers = {
            "content-type": CONTENT_TYPE,
            "webhook-id": message.message_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(signatures),
        }
        reply = self._receiver.ask("POST", headers=headers, content=message.body.encode())
        return f"delivered to {self._receiver.host} ({reply.status})"

    def _secret_text(self) -> str:
        return self._secret if isinstance(self._secret, str) else self._secret.text()


def _webhook(options: WebhookOptions) -> WebhookSink:
    return WebhookSink(
        options.url,
        needed(options.secret("secret"), "secret"),
        name=options.name,
        takes=options.takes,
        ca_file=options.ca_file,
        timeout_seconds=options.timeout_seconds,
    )


def _check(url: str) -> None:
    try:
        checked_address(url)
    except ValueError as problem:
        raise SettingError(f"{problem}.", field="webhook_url", remedy="Give one, or leave it empty.") from None


def _signers(secrets: str) -> list[Webhook]:
    return [_signer(one) for one in secrets.split() or [""]]


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


WEBHOOK = SinkKind("A signed webhook", WebhookOptions, _webhook)

__all__ = ["CONTENT_TYPE", "WEBHOOK", "WebhookOptions", "WebhookSink"]
