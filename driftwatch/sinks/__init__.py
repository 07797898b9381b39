"""What is told. Adding a sink is one new file with its `SinkKind`, and one line here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from driftwatch.sinks.airflow import AIRFLOW
from driftwatch.sinks.alertmanager import ALERTMANAGER
from driftwatch.sinks.argo_events import ARGO_EVENTS
from driftwatch.sinks.argo_workflows import ARGO_WORKFLOWS
from driftwatch.sinks.command import COMMAND
from driftwatch.sinks.dagster import DAGSTER
from driftwatch.sinks.github import GITHUB
from driftwatch.sinks.kubeflow_pipelines import KUBEFLOW_PIPELINES
from driftwatch.sinks.kubernetes_job import KUBERNETES_JOB
from driftwatch.sinks.notify import NOTIFY
from driftwatch.sinks.options import SinkKind
from driftwatch.sinks.prefect import PREFECT
from driftwatch.sinks.template import TEMPLATE
from driftwatch.sinks.webhook import WEBHOOK

SINKS: Mapping[str, SinkKind[Any]] = {
    "webhook": WEBHOOK,
    "airflow": AIRFLOW,
    "alertmanager": ALERTMANAGER,
    "argo_events": ARGO_EVENTS,
    "argo_workflows": ARGO_WORKFLOWS,
    "command": COMMAND,
    "dagster": DAGSTER,
    "github": GITHUB,
    "kubeflow_pipelines": KUBEFLOW_PIPELINES,
    "kubernetes_job": KUBERNETES_JOB,
    "notify": NOTIFY,
    "prefect": PREFECT,
    "template": TEMPLATE,
}

__all__ = ["SINKS", "SinkKind"]
