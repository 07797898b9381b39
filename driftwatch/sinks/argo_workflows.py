"""A Workflow of Argo, submitted from a WorkflowTemplate; Argo Events is told by the kind ``webhook`` or ``template``.

``POST /api/v1/workflows/{namespace}/submit``. The Workflow's name follows from the message, so that a second attempt
finds it there (409) and makes no other.

References
----------
Argo Workflows API, ``WorkflowService_SubmitWorkflow``: ``WorkflowSubmitRequest``, ``SubmitOpts``.
"""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from pydantic import Field

from driftwatch.ports import OutboxMessage
from driftwatch.sinks.notice import notice_of
from driftwatch.sinks.options import HttpOptions, SinkKind, Template
from driftwatch.sinks.receiver import Receiver
from driftwatch.sinks.secret import optional

_THERE_ALREADY = frozenset({HTTPStatus.CONFLICT.value})
_USUAL_PARAMETERS = {
    "key": "{key}",
    "model": "{model}",
    "reason": "{reason}",
    "events_url": "{events_url}",
    "status_url": "{status_url}",
}


class ArgoWorkflowsOptions(HttpOptions):
    """The table of an Argo Workflows sink."""

    namespace: str = Field(pattern="^[a-z0-9-]{1,63}$", description="Of the template and the Workflow.")
    template: Template = Field(description="The template's name; fields such as {model} may be in it.")
    template_kind: Literal["WorkflowTemplate", "ClusterWorkflowTemplate", "CronWorkflow"] = Field(
        "WorkflowTemplate", description="What it is."
    )
    parameters: dict[str, Template] = Field(
        _USUAL_PARAMETERS, max_length=100, description="Of the Workflow, with fields such as {model}."
    )
    service_account: str | None = Field(None, description="That it runs under; the namespace's default else.")
    token_file: Path | None = Field(None, description="A bearer token of a service account.")
    token_env: str | None = None


class ArgoWorkflowsSink:
    """Submits a Workflow to Argo's server.

    Parameters
    ----------
    options
        Its table in the configuration.
    """

    def __init__(self, options: ArgoWorkflowsOptions) -> None:
        self.name, self.takes = options.name, options.takes
        self._options = options
        self._receiver = Receiver(options.url, timeout_seconds=options.timeout_seconds, ca_file=options.ca_file)
        self._token = optional(options.secret("token"), "token")

    def __repr__(self) -> str:
        return f"ArgoWorkflowsSink({self.name}, {self._receiver.host})"

    def deliver(self, message: OutboxMessage) -> str:
        """Submit; a Workflow that is there already is as good.

        Raises
        ------
        SinkUnavailable, SinkRejected
        """
        notice, options = notice_of(message), self._options
        submit: dict[str, object] = {
            "name": notice.object_name,
            "labels": "app.kubernetes.io/managed-by=driftwatch",
            "parameters": [f"{name}={notice.filled(text)}" for name, text in options.parameters.items()],
        }
        if options.service_account:
            submit["serviceAccount"] = options.service_account
        template = notice.filled(options.template)
        headers = {} if self._token is None else {"authorization": f"Bearer {self._token.header_value()}"}
        reply = self._receiver.ask(
            "POST",
            f"/api/v1/workflows/{quote(options.namespace, safe='')}/submit",
            headers=headers,
            json={
                "namespace": options.namespace,
                "resourceKind": options.template_kind,
                "resourceName": template,
                "submitOptions": submit,
            },
            fine=_THERE_ALREADY,
        )
        there = " is there already" if reply.status in _THERE_ALREADY else ""
        return f"workflow {notice.object_name} of {template} in {options.namespace}{there}"


ARGO_WORKFLOWS = SinkKind("Argo Workflows", ArgoWorkflowsOptions, ArgoWorkflowsSink)

__all__ = ["ARGO_WORKFLOWS", "ArgoWorkflowsOptions", "ArgoWorkflowsSink"]
