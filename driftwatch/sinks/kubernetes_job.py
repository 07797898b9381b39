"""A Job of Kubernetes, made of a CronJob's template as ``kubectl create job --from=cronjob/NAME`` does.

The CronJob may be suspended: it is where the Job is written down, in YAML, with everything that belongs to it. Each
container finds the message in its environment. The Job's name follows from the message, so that a second attempt finds
it there (409) and makes no other.

References
----------
Kubernetes API, ``batch/v1`` CronJob and Job; "Accessing the API from a Pod".
"""

from __future__ import annotations

import os
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
from pydantic import Field

from driftwatch.errors import SettingError, SinkRejected
from driftwatch.ports import OutboxMessage
from driftwatch.sinks.notice import Notice, notice_of
from driftwatch.sinks.options import Address, SinkKind, SinkOptions, Template
from driftwatch.sinks.receiver import Receiver
from driftwatch.sinks.secret import Secret, needed

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where a pod finds its service account."""

_THERE_ALREADY = frozenset({HTTPStatus.CONFLICT.value})
# One variable may have 128 kB in Linux.
_MOST_BYTES = 64 * 1024
_IN_ENVIRONMENT = ("model", "model_version", "reason", "retrain_id", "triggered", "until", "events_url", "status_url")


class KubernetesJobOptions(SinkOptions):
    """The table of a Kubernetes sink. In a pod, the cluster and the account's token are found by themselves."""

    url: Address | None = Field(None, description="Of the API server; in a pod that of its cluster.")
    ca_file: Path | None = Field(None, description="PEM file of its authorities; in a pod that of its account.")
    namespace: str = Field("", pattern="^[a-z0-9-]{0,63}$", description="In a pod that of its account.")
    cronjob: Template = Field(description="The CronJob whose template is used; fields such as {model} may be in it.")
    token_file: Path | None = Field(None, description="In a pod that of its account.")
    token_env: str | None = None


class KubernetesJobSink:
    """Makes a Job in Kubernetes.

    Its service account must be allowed to ``get`` the CronJob and to ``create`` jobs, both of the group ``batch``.

    Parameters
    ----------
    options
        Its table in the configuration.
    """

    def __init__(self, options: KubernetesJobOptions) -> None:
        self.name, self.takes = options.name, options.takes
        self._cronjob = options.cronjob
        self._namespace = options.namespace or _own_namespace()
        own_ca = ACCOUNT / "ca.crt"
        ca_file = options.ca_file
        if options.url is None and ca_file is None and own_ca.exists():
            ca_file = own_ca
        self._receiver = Receiver(
            options.url or _own_cluster(), timeout_seconds=options.timeout_seconds, ca_file=ca_file
        )
        # The account's token is replaced every hour: it is read for each Job.
        self._token = needed(options.secret("token") or Secret("token", ACCOUNT / "token"), "token")

    def __repr__(self) -> str:
        return f"KubernetesJobSink({self.name}, {self._namespace}/{self._cronjob})"

    def deliver(self, message: OutboxMessage) -> str:
        """Make the Job; one that is there already is as good.

        Raises
        ------
        SinkUnavailable, SinkRejected
        """
        notice = notice_of(message)
        cronjob = notice.filled(self._cronjob)
        root = f"/apis/batch/v1/namespaces/{quote(self._namespace, safe='')}"
        headers = {"authorization": f"Bearer {self._token.header_value()}", "accept": "application/json"}
        found = self._receiver.ask("GET", f"{root}/cronjobs/{quote(cronjob, safe='')}", headers=headers).record()
        job = _job(notice, found)
        reply = self._receiver.ask("POST", f"{root}/jobs", headers=headers, json=job, fine=_THERE_ALREADY)
        there = " is there already" if reply.status in _THERE_ALREADY else ""
        return f"job {notice.object_name} of {cronjob} in {self._namespace}{there}"


def _job(notice: Notice, cronjob: dict[str, Any]) -> dict[str, Any]:
    """The Job's manifest."""
    try:
        template = cronjob["spec"]["jobTemplate"]
        spec = template["spec"]
        containers = spec["template"]["spec"]["containers"]
        metadata = template.get("metadata") or {}
        owner = {
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "name": cronjob["metadata"]["name"],
            "uid": cronjob["metadata"]["uid"],
        }
        environment = _environment(notice)
        names = {one["name"] for one in environment}
        for container in containers:
            kept = [one for one in container.get("env") or [] if one["name"] not in names]
            container["env"] = [*kept, *environment]
    except (KeyError, TypeError, AttributeError):
        raise SinkRejected("The CronJob has no template with containers.") from None
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": notice.object_name,
            "labels": {**(metadata.get("labels") or {}), "app.kubernetes.io/managed-by": "driftwatch"},
            "annotations": {
                **(metadata.get("annotations") or {}),
                "cronjob.kubernetes.io/instantiate": "manual",
                "driftwatch/key": notice.key,
                "driftwatch/reason": notice.fields["reason"][:2_000],
            },
            "ownerReferences": [owner],
        },
        "spec": spec,
    }


def _environment(notice: Notice) -> list[dict[str, str]]:
    found = {"DRIFTWATCH_KEY": notice.key}
    found |= {f"DRIFTWATCH_{name.upper()}": notice.fields[name] for name in _IN_ENVIRONMENT if notice.fields[name]}
    found["DRIFTWATCH_DATA"] = msgspec.json.encode(notice.compact(_MOST_BYTES)).decode()
    # Kubernetes would replace $(NAME) by another variable's value.
    return [{"name": name, "value": text.replace("$(", "$$(")} for name, text in found.items()]


def _own_cluster() -> str:
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    if not host:
        raise SettingError("is missing: this is no pod.", field="url", remedy="Give the address of the API server.")
    return f"https://{f'[{host}]' if ':' in host else host}:{port}"


def _own_namespace() -> str:
    try:
        return (ACCOUNT / "namespace").read_text().strip()
    except OSError:
        raise SettingError("is missing: this is no pod.", field="namespace", remedy="Give the Job's.") from None


KUBERNETES_JOB = SinkKind("Kubernetes Job", KubernetesJobOptions, KubernetesJobSink)

__all__ = ["KUBERNETES_JOB", "KubernetesJobOptions", "KubernetesJobSink"]
