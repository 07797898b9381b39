"""Argo Events: the message as a CloudEvent, posted to a webhook event source.

A sensor that starts a Workflow names it after ``body.data.retrain_id``, and starts none twice.

References
----------
Argo Events, event source ``webhook``: ``POST`` to its endpoint, ``authSecret`` as a bearer token, answered with 200.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from driftwatch.ports import OutboxMessage
from driftwatch.sinks.options import HttpOptions, SinkKind
from driftwatch.sinks.receiver import Receiver
from driftwatch.sinks.secret import optional


class ArgoEventsOptions(HttpOptions):
    """The table of an Argo Events sink: the event source's address with its endpoint."""

    token_file: Path | None = Field(None, description="The event source's authSecret.")
    token_env: str | None = None


class ArgoEventsSink:
    """Posts the CloudEvent, its key in ``webhook-id``.

    Parameters
    ----------
    options
        Its table in the configuration.
    """

    def __init__(self, options: ArgoEventsOptions) -> None:
        self.name, self.takes = options.name, options.takes
        self._receiver = Receiver(options.url, timeout_seconds=options.timeout_seconds, ca_file=options.ca_file)
        self._token = optional(options.secret("token"), "token")

    def __repr__(self) -> str:
        return f"ArgoEventsSink({self.name}, {self._receiver.host})"

    def deliver(self, message: OutboxMessage) -> str:
        """Post it.

        Raises
        ------
        SinkUnavailable, SinkRejected
        """
        # The event source takes JSON under this type alone.
        headers = {"content-type": "application/json", "webhook-id": message.message_id}
        if self._token is not None:
            headers["authorization"] = f"Bearer {self._token.header_value()}"
        reply = self._receiver.ask("POST", headers=headers, content=message.body.encode())
        return f"delivered to {self._receiver.host} ({reply.status})"


ARGO_EVENTS = SinkKind("Argo Events", ArgoEventsOptions, ArgoEventsSink)

__all__ = ["ARGO_EVENTS", "ArgoEventsOptions", "ArgoEventsSink"]
