"""A flow run of a Prefect deployment, of Prefect Cloud or one's own server.

``POST /deployments/{id}/create_flow_run`` with ``idempotency_key``: a run that is there already is answered,
and no other made.

References
----------
Prefect REST API, "Create Flow Run From Deployment" and "Read Deployment By Name".
"""

from __future__ import annotations

import base64
from pathlib import Path
from urllib.parse import quote

from pydantic import Field

from driftwatch.errors import SinkRejected
from driftwatch.ports import OutboxMessage
from driftwatch.sinks.notice import Notice, notice_of
from driftwatch.sinks.options import HttpOptions, SinkKind, Template
from driftwatch.sinks.receiver import Receiver
from driftwatch.sinks.secret import optional


class PrefectOptions(HttpOptions):
    """The table of a Prefect sink. The address ends with ``/api``, of Prefect Cloud with the workspace."""

    deployment: Template = Field(
        pattern="^[^/]+/[^/]+$", description="flow/deployment, by their names; fields such as {model} may be in it."
    )
    parameters: dict[str, Template] = Field(
        {}, max_length=100, description="Of the flow, with fields such as {model}: those that it has."
    )
    token_file: Path | None = Field(None, description="An API key of Prefect Cloud.")
    token_env: str | None = None
    auth_file: Path | None = Field(None, description="user:password of one's own server (its auth string).")
    auth_env: str | None = None


class PrefectSink:
    """Makes a flow run.

    Parameters
    ----------
    options
        Its table in the configuration.
    """

    def __init__(self, options: PrefectOptions) -> None:
        self.name, self.takes = options.name, options.takes
        self._options = options
        self._receiver = Receiver(options.url, timeout_seconds=options.timeout_seconds, ca_file=options.ca_file)
        self._token = optional(options.secret("token"), "token")
        self._auth = optional(options.secret("auth"), "auth")

    def __repr__(self) -> str:
        return f"PrefectSink({self.name}, {self._receiver.host})"

    def deliver(self, message: OutboxMessage) -> str:
        """Make the run; one that is there already is as good.

        Raises
        ------
        SinkUnavailable, SinkRejected
        """
        notice, headers = notice_of(message), self._headers()
        deployment = self._deployment_id(notice, headers)
        reply = self._receiver.ask(
            "POST",
            f"/deployments/{quote(deployment, safe='')}/create_flow_run",
            headers=headers,
            json={
                "name": notice.object_name,
                "idempotency_key": notice.key,
                "parameters": {name: notice.filled(text) for name, text in self._options.parameters.items()},
                "tags": ["driftwatch", f"model:{notice.model}"],
                "state": {"type": "SCHEDULED"},
            },
        )
        run = reply.record().get("name")
        return f"flow run {run if isinstance(run, str) else notice.object_name} ({self._receiver.host})"

    def _deployment_id(self, notice: Notice, headers: dict[str, str]) -> str:
        flow, _, name = self._options.deployment.partition("/")
        path = "/".join(quote(notice.filled(part), safe="") for part in (flow, name))
        found = self._receiver.ask("GET", f"/deployments/name/{path}", headers=headers).record().get("id")
        if not isinstance(found, str):
            raise SinkRejected(f"{self._receiver.host} knows no such deployment. Check its name.")
        return found

    def _headers(self) -> dict[str, str]:
        if self._token is not None:
            return {"authorization": f"Bearer {self._token.header_value()}"}
        if self._auth is not None:
            return {"authorization": "Basic " + base64.b64encode(self._auth.text().encode()).decode()}
        return {}


PREFECT = SinkKind("Prefect", PrefectOptions, PrefectSink)

__all__ = ["PREFECT", "PrefectOptions", "PrefectSink"]
