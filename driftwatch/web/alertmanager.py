"""Alertmanager's webhook, taken: any rule of Prometheus can call for a retrain, through the same policy as all else.

References
----------
Alertmanager, "Webhook receiver configuration" (version 4 of the payload): ``alerts`` with ``status``, ``labels``,
``annotations``, ``startsAt``, ``endsAt``, ``generatorURL``, ``fingerprint``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from driftwatch.core.records import AlertState
from driftwatch.errors import UnknownModel
from driftwatch.pipeline.loop_operations import ExternalCall
from driftwatch.pipeline.operations import Operations
from driftwatch.pipeline.telemetry import Telemetry
from driftwatch.web.names import is_model_name
from driftwatch.web.parameters import OneModel
from driftwatch.web.problem_document import problem_responses
from driftwatch.web.problems import ProblemError, problem
from driftwatch.web.request_body import documented_body, json_body

MOST_ALERTS = 1_000
"""Most alerts of one notification."""
OUR_MONITOR = "driftwatch"
"""The label ``monitor`` of alerts that driftwatch sent to Alertmanager itself."""

_SOURCE = "alertmanager"
_MOST_OPEN = 10_000
_LONGEST_REASON = 2_000
_SAID = ("summary", "description", "message")

ModelLabel = Annotated[
    str, Query(pattern="^[a-zA-Z_][a-zA-Z0-9_]{0,63}$", description="The label that has the model's name.")
]


class AlertStatus(StrEnum):
    """Whether an alert of Alertmanager still fires."""

    FIRING = "firing"
    RESOLVED = "resolved"


class PrometheusAlert(BaseModel):
    """One alert, as Alertmanager has it; what else is in it is passed over."""

    model_config = ConfigDict(frozen=True)

    status: AlertStatus
    labels: dict[str, str] = Field(max_length=200)
    annotations: dict[str, str] = Field(default_factory=dict, max_length=200)
    startsAt: AwareDatetime  # noqa: N815 - Alertmanager's name
    fingerprint: str = Field(pattern="^[0-9A-Za-z_-]{1,64}$", description="Of its labels.")


class AlertmanagerNotification(BaseModel):
    """What Alertmanager posts: the alerts of one group."""

    model_config = ConfigDict(frozen=True)

    alerts: list[PrometheusAlert] = Field(max_length=MOST_ALERTS)


class TakenAlerts(msgspec.Struct, frozen=True):
    """What became of the alerts."""

    firing: int
    resolved: int
    passed_over: int


def alertmanager_router(operations: Operations, telemetry: Telemetry, most_bytes: int) -> APIRouter:
    """``/v1/alertmanager``."""
    router = APIRouter(tags=["alerts"])

    @router.post(
        "/v1/alertmanager",
        summary="Take what Alertmanager sends",
        responses={
            200: {"description": "Taken.", "content": {"application/json": {"schema": _TAKEN_SCHEMA}}},
            **problem_responses(400, 404, 408, 413, 415, 422, 503),
        },
        openapi_extra=documented_body({"$ref": "#/components/schemas/AlertmanagerNotification"}),
    )
    async def take(request: Request, model: OneModel = None, model_label: ModelLabel = "model") -> dict[str, int]:
        """Each alert that fires becomes one of the kind `external`, under its fingerprint and start: once, however
        often it is sent. The retrain policy decides what follows. What driftwatch itself told Alertmanager is passed
        over.
        """  # noqa: D205 - it is the operation's description
        given = await json_body(request, AlertmanagerNotification, most_bytes)
        taken = await run_in_threadpool(_taken, operations, telemetry, given.alerts, model, model_label)
        return {"firing": taken.firing, "resolved": taken.resolved, "passed_over": taken.passed_over}

    return router


def _taken(
    operations: Operations,
    telemetry: Telemetry,
    alerts: Sequence[PrometheusAlert],
    model: str | None,
    model_label: str,
) -> TakenAlerts:
    """Hand on each alert; one of an unknown model is no reason to lose the others."""
    firing = resolved = passed_over = 0
    unknown: UnknownModel | None = None
    for alert in alerts:
        named = model or alert.labels.get(model_label, "")
        outcome = alert.status.value
        if alert.labels.get("monitor") == OUR_MONITOR:
            outcome = "own"
        elif not is_model_name(named):
            outcome = "no_model"
        else:
            try:
                if alert.status is AlertStatus.FIRING:
                    _fire(operations, alert, named)
                    firing += 1
                else:
                    _resolve(operations, named, _open(operations, named, alert.fingerprint))
                    resolved += 1
            except UnknownModel as error:
                unknown, outcome = error, "unknown_model"
        passed_over += outcome in {"own", "no_model", "unknown_model"}
        telemetry.count("alertmanager_alerts_total", outcome=outcome)
    if unknown is not None and not firing + resolved:
        raise unknown
    if alerts and passed_over == len(alerts) and all(one.labels.get("monitor") != OUR_MONITOR for one in alerts):
        detail = f"No alert has a label {model_label} with a model's name. Name it with ?model= or ?model_label=."
        raise ProblemError(problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-input", detail, field="alerts.labels"))
    return TakenAlerts(firing, resolved, passed_over)


def _fire(operations: Operations, alert: PrometheusAlert, model: str) -> None:
    """Take an alert that fires, unless it is known.

    Of two Prometheus servers that watch the same, Alertmanager takes the earlier start: an earlier one than that of an
    open alert is the same alert, a later one another, before which the open one ended.
    """
    start = _microseconds(alert.startsAt)
    known = _open(operations, model, alert.fingerprint)
    if any(start <= one for one in known.values()):
        return
    _resolve(operations, model, known)
    operations.external_alert(
        ExternalCall(model=model, source=_SOURCE, key=f"{alert.fingerprint}:{start}", reason=_reason(alert))
    )


def _open(operations: Operations, model: str, fingerprint: str) -> dict[str, int]:
    """The starts of alerts with this fingerprint that are not over, by their keys."""
    found: dict[str, int] = {}
    for state in (AlertState.FIRING, AlertState.ACKNOWLEDGED, AlertState.SILENCED):
        for alert in operations.alerts(model, _MOST_OPEN, state):
            source, _, key = alert.alert_id.partition(":")
            of, _, start = key.partition(":")
            if (source, of) == (_SOURCE, fingerprint) and start.isdecimal():
                found[key] = int(start)
    return found


def _resolve(operations: Operations, model: str, keys: Iterable[str]) -> None:
    for key in list(keys):
        operations.external_over(ExternalCall(model=model, source=_SOURCE, key=key, reason=""))


def _microseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000)


def _reason(alert: PrometheusAlert) -> str:
    name = alert.labels.get("alertname", "an alert")
    said = next((alert.annotations[one] for one in _SAID if alert.annotations.get(one)), "")
    return (f"{name}: {said}" if said else name)[:_LONGEST_REASON]


_TAKEN_SCHEMA = {
    "type": "object",
    "required": ["firing", "resolved", "passed_over"],
    "properties": {name: {"type": "integer", "minimum": 0} for name in ("firing", "resolved", "passed_over")},
}

__all__ = ["AlertmanagerNotification", "PrometheusAlert", "alertmanager_router"]
