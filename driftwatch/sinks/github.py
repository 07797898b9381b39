"""GitHub Actions: ``repository_dispatch`` and ``workflow_dispatch``.

GitHub knows no keys: a delivery whose answer was lost is sent again. The key is in what is sent, so that a workflow can
have ``concurrency: ${{ github.event.client_payload.key }}`` (or ``inputs.key``) and do nothing the second time.

References
----------
GitHub REST API 2022-11-28, "Create a repository dispatch event" (at most 10 properties of ``client_payload``, less than
64 kB) and "Create a workflow dispatch event" (at most 25 inputs, texts all).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
from pydantic import Field, model_validator

from driftwatch.ports import OutboxMessage
from driftwatch.sinks.notice import FIELDS, Notice, notice_of
from driftwatch.sinks.options import HttpOptions, SinkKind, Template
from driftwatch.sinks.receiver import Receiver
from driftwatch.sinks.secret import needed

_MOST_BYTES = 40_000
_USUAL_INPUTS = {"key": "{key}", "model": "{model}", "reason": "{reason}", "status_url": "{status_url}"}
_IN_PAYLOAD = ("key", "model", "model_version", "reason", "retrain_id", "events_url", "status_url", "title")


class GithubOptions(HttpOptions):
    """The table of a GitHub sink: a ``workflow`` to dispatch, or else an event of the repository."""

    url: str = Field("https://api.github.com", description="Of the API; an Enterprise Server's ends with /api/v3.")
    repository: str = Field(pattern=r"^[\w.-]+/[\w.-]+$", description="owner/name.")
    token_file: Path | None = Field(None, description="A token that may write contents, for a workflow actions.")
    token_env: str | None = None
    event_type: str = Field("retrain", min_length=1, max_length=100, description="Of repository_dispatch.")
    workflow: str | None = Field(None, min_length=1, description="File name or id of a workflow to dispatch instead.")
    ref: str = Field("main", min_length=1, description="Branch or tag of the workflow.")
    inputs: dict[str, Template] = Field(
        _USUAL_INPUTS, max_length=25, description="Inputs of the workflow, with fields such as {model}."
    )

    @model_validator(mode="after")
    def _of_one_kind(self) -> GithubOptions:
        if self.workflow is None and {"inputs", "ref"} & self.model_fields_set:
            raise ValueError("inputs and ref are a workflow's: name the workflow")
        return self


class GithubSink:
    """Starts a workflow of GitHub Actions.

    Parameters
    ----------
    options
        Its table in the configuration.
    """

    def __init__(self, options: GithubOptions) -> None:
        self.name, self.takes = options.name, options.takes
        self._options = options
        self._receiver = Receiver(options.url, timeout_seconds=options.timeout_seconds, ca_file=options.ca_file)
        self._token = needed(options.secret("token"), "token")

    def __repr__(self) -> str:
        return f"GithubSink({self.name}, {self._options.repository})"

    def deliver(self, message: OutboxMessage) -> str:
        """Dispatch; GitHub answers 204.

        Raises
        ------
        SinkUnavailable, SinkRejected
        """
        notice, options = notice_of(message), self._options
        repository = "/".join(quote(part, safe="") for part in options.repository.split("/"))
        if options.workflow is None:
            path = f"/repos/{repository}/dispatches"
            body: dict[str, Any] = {"event_type": options.event_type, "client_payload": _payload(notice)}
        else:
            path = f"/repos/{repository}/actions/workflows/{quote(options.workflow, safe='')}/dispatches"
            body = {
                "ref": options.ref,
                "inputs": {name: notice.filled(text) for name, text in options.inputs.items()},
            }
        self._receiver.ask(
            "POST",
            path,
            headers={
                "accept": "application/vnd.github+json",
                "authorization": f"Bearer {self._token.header_value()}",
                "x-github-api-version": "2022-11-28",
            },
            json=body,
        )
        return f"dispatched {options.workflow or options.event_type} in {options.repository}"


def _payload(notice: Notice) -> dict[str, Any]:
    """At most ten properties: what most workflows need, and all of the evidence that there is room for in one."""
    found: dict[str, Any] = {name: notice.fields[name][:2_000] for name in _IN_PAYLOAD if notice.fields[name]}
    assert set(found) <= FIELDS
    found["data"] = notice.compact(_MOST_BYTES - len(msgspec.json.encode(found)))
    return found


GITHUB = SinkKind("GitHub repository_dispatch and workflow_dispatch", GithubOptions, GithubSink)

__all__ = ["GITHUB", "GithubOptions", "GithubSink"]
