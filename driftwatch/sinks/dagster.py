"""A run of a Dagster job, over its GraphQL.

Dagster knows no keys, so a run that has the message's tag is looked for before one is launched.

References
----------
Dagster GraphQL API: ``launchRun(executionParams)``, ``runsOrError(filter: {tags})``. Dagster+ wants its token in the
header ``Dagster-Cloud-Api-Token``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field

from driftwatch.errors import SinkRejected, SinkUnavailable
from driftwatch.ports import OutboxMessage
from driftwatch.sinks.notice import Notice, notice_of
from driftwatch.sinks.options import HttpOptions, SinkKind, Template
from driftwatch.sinks.receiver import Receiver
from driftwatch.sinks.secret import optional

_TAG = "driftwatch/key"
_FIND = """
query Find($filter: RunsFilter!) {
  runsOrError(filter: $filter, limit: 1) { __typename ... on Runs { results { runId } } }
}
"""
_LAUNCH = """
mutation Launch($executionParams: ExecutionParams!) {
  launchRun(executionParams: $executionParams) { __typename ... on LaunchRunSuccess { run { runId } } }
}
"""
_LATER = frozenset({"PythonError", "RunConflict"})


class DagsterOptions(HttpOptions):
    """The table of a Dagster sink. The address is the webserver's, of Dagster+ the deployment's."""

    location: str = Field(min_length=1, description="The code location.")
    repository: str = Field("__repository__", min_length=1, description="The repository in it.")
    job: Template = Field(description="The job to launch; fields such as {model} may be in it.")
    config: dict[str, Any] = Field(
        default_factory=dict, description="Run config; every text in it may have fields such as {model}."
    )
    token_file: Path | None = Field(None, description="A token of Dagster+.")
    token_env: str | None = None


class DagsterSink:
    """Launches a run.

    Parameters
    ----------
    options
        Its table in the configuration.
    """

    def __init__(self, options: DagsterOptions) -> None:
        self.name, self.takes = options.name, options.takes
        self._options = options
        self._receiver = Receiver(options.url, timeout_seconds=options.timeout_seconds, ca_file=options.ca_file)
        self._token = optional(options.secret("token"), "token")

    def __repr__(self) -> str:
        return f"DagsterSink({self.name}, {self._receiver.host})"

    def deliver(self, message: OutboxMessage) -> str:
        """Launch the run, unless it is there already.

        Raises
        ------
        SinkUnavailable, SinkRejected
        """
        notice = notice_of(message)
        found = self._asked(_FIND, {"filter": {"tags": [{"key": _TAG, "value": notice.key}]}}, "runsOrError")
        if found.get("results"):
            return f"a run for {notice.key} is there already ({self._receiver.host})"
        launched = self._asked(_LAUNCH, {"executionParams": self._parameters(notice)}, "launchRun")
        kind = launched.get("__typename")
        if kind != "LaunchRunSuccess":
            error = SinkUnavailable if kind in _LATER else SinkRejected
            raise error(f"{self._receiver.host} did not launch the run ({kind}).")
        return f"run {launched['run']['runId']} of {notice.filled(self._options.job)} ({self._receiver.host})"

    def _parameters(self, notice: Notice) -> dict[str, Any]:
        options = self._options
        tags = {_TAG: notice.key, "driftwatch/model": notice.model, "driftwatch/reason": notice.fields["reason"]}
        return {
            "selector": {
                "repositoryLocationName": options.location,
                "repositoryName": options.repository,
                "jobName": notice.filled(options.job),
            },
            "mode": "default",
            "runConfigData": notice.filled_throughout(options.config),
            "executionMetadata": {"tags": [{"key": key, "value": text[:500]} for key, text in tags.items()]},
        }

    def _asked(self, query: str, variables: dict[str, Any], name: str) -> dict[str, Any]:
        headers = {} if self._token is None else {"dagster-cloud-api-token": self._token.header_value()}
        reply = self._receiver.ask("POST", "/graphql", headers=headers, json={"query": query, "variables": variables})
        data = reply.record().get("data")
        found = data.get(name) if isinstance(data, dict) else None
        if not isinstance(found, dict):
            raise SinkRejected(f"{self._receiver.host} did not understand the question. Is it Dagster's address?")
        return found


DAGSTER = SinkKind("Dagster", DagsterOptions, DagsterSink)

__all__ = ["DAGSTER", "DagsterOptions", "DagsterSink"]
