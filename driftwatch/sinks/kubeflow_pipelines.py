"""A run of Kubeflow Pipelines (API v2beta1).

The API knows no keys, so a run of this name is looked for before one is made; two services that do so at the same
instant could make two. ``POST /apis/v2beta1/runs`` with a reference to a pipeline and its version.

References
----------
Kubeflow Pipelines API v2beta1, ``RunService``: ``CreateRun``, ``ListRuns`` with a filter of predicates.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlencode

import msgspec
from pydantic import Field

from driftwatch.ports import OutboxMessage
from driftwatch.sinks.notice import notice_of
from driftwatch.sinks.options import HttpOptions, SinkKind, Template
from driftwatch.sinks.receiver import Receiver
from driftwatch.sinks.secret import optional


class KubeflowPipelinesOptions(HttpOptions):
    """The table of a Kubeflow Pipelines sink."""

    pipeline_id: str = Field(min_length=1, description="The pipeline.")
    pipeline_version_id: str | None = Field(None, min_length=1, description="Its version; the default one else.")
    experiment_id: str | None = Field(None, min_length=1, description="The experiment; the default one else.")
    namespace: str | None = Field(None, min_length=1, description="In which runs are looked for, of a shared server.")
    service_account: str | None = Field(None, min_length=1, description="That the run has.")
    parameters: dict[str, Template] = Field(
        {}, max_length=100, description="Of the run, with fields such as {model}: those that the pipeline has."
    )
    token_file: Path | None = Field(None, description="A bearer token.")
    token_env: str | None = None


class KubeflowPipelinesSink:
    """Makes a run of a pipeline.

    Parameters
    ----------
    options
        Its table in the configuration.
    """

    def __init__(self, options: KubeflowPipelinesOptions) -> None:
        self.name, self.takes = options.name, options.takes
        self._options = options
        self._receiver = Receiver(options.url, timeout_seconds=options.timeout_seconds, ca_file=options.ca_file)
        self._token = optional(options.secret("token"), "token")

    def __repr__(self) -> str:
        return f"KubeflowPipelinesSink({self.name}, {self._receiver.host})"

    def deliver(self, message: OutboxMessage) -> str:
        """Make the run, unless it is there already.

        Raises
        ------
        SinkUnavailable, SinkRejected
        """
        notice, options = notice_of(message), self._options
        name = notice.object_name
        headers = {} if self._token is None else {"authorization": f"Bearer {self._token.header_value()}"}
        if self._is_there(name, headers):
            return f"run {name} is there already ({self._receiver.host})"
        reference = {"pipeline_id": options.pipeline_id}
        if options.pipeline_version_id:
            reference["pipeline_version_id"] = options.pipeline_version_id
        run: dict[str, object] = {
            "display_name": name,
            "description": f"{notice.fields['title']}: {notice.fields['reason']}"[:1_000],
            "pipeline_version_reference": reference,
            "runtime_config": {"parameters": {one: notice.filled(text) for one, text in options.parameters.items()}},
        }
        if options.experiment_id:
            run["experiment_id"] = options.experiment_id
        if options.service_account:
            run["service_account"] = options.service_account
        self._receiver.ask("POST", "/apis/v2beta1/runs", headers=headers, json=run)
        return f"run {name} ({self._receiver.host})"

    def _is_there(self, name: str, headers: dict[str, str]) -> bool:
        predicate = {"operation": "EQUALS", "key": "display_name", "string_value": name}
        query = {"page_size": "1", "filter": msgspec.json.encode({"predicates": [predicate]}).decode()}
        if self._options.experiment_id:
            query["experiment_id"] = self._options.experiment_id
        if self._options.namespace:
            query["namespace"] = self._options.namespace
        found = self._receiver.ask("GET", f"/apis/v2beta1/runs?{urlencode(query)}", headers=headers)
        return bool(found.record().get("runs"))


KUBEFLOW_PIPELINES = SinkKind("Kubeflow Pipelines", KubeflowPipelinesOptions, KubeflowPipelinesSink)

__all__ = ["KUBEFLOW_PIPELINES", "KubeflowPipelinesOptions", "KubeflowPipelinesSink"]
