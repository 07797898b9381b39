"""Alerts for Prometheus' Alertmanager: ``POST /api/v2/alerts``.

Alertmanager forgets an alert that nobody repeats, and all of them when it starts again. So those that fire are sent
again every minute, each to end four minutes later unless it is repeated, as Prometheus does; one that is over is sent
once more with its end.

References
----------
Alertmanager API v2, ``postAlerts``: ``labels``, ``annotations``, ``startsAt``, ``endsAt``, ``generatorURL``.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from driftwatch.core.records import Alert
from driftwatch.ports import OutboxMessage
from driftwatch.sinks.notice import ALERT_FIRING, ALERT_RESOLVED, Notice, notice_of
from driftwatch.sinks.options import ALERTS, HttpOptions, SinkKind, Told
from driftwatch.sinks.receiver import Receiver
from driftwatch.sinks.secret import optional

FROM_US = "driftwatch"
"""The label ``monitor`` of our alerts: when Alertmanager sends one back, nobody takes it for another's."""

_REPEATS = 4
_LONGEST_TEXT = 2_000


class AlertmanagerOptions(HttpOptions):
    """The table of an Alertmanager sink; of several that belong together, one sink each."""

    told: frozenset[Told] = Field(ALERTS, min_length=1, description="Alerts; it cannot be told of triggers.")
    labels: dict[str, str] = Field({}, max_length=50, description="Labels of every alert besides ours.")
    repeat_seconds: float = Field(60.0, ge=1, le=3_600, description="How often alerts that fire are sent again.")
    user: str | None = Field(None, min_length=1, description="Of HTTP Basic, with the password.")
    password_file: Path | None = Field(None, description="The user's password.")
    password_env: str | None = None
    token_file: Path | None = Field(None, description="A bearer token, in place of a user.")
    token_env: str | None = None

    @field_validator("told")
    @classmethod
    def _alerts_alone(cls, told: frozenset[Told]) -> frozenset[Told]:
        if told != ALERTS:
            raise ValueError('must be ["alerts"]: Alertmanager knows nothing else')
        return told


class AlertmanagerSink:
    """Tells Alertmanager of alerts, and keeps those alive that fire.

    Parameters
    ----------
    options
        Its table in the configuration.
    now
        Where the time comes from.
    """

    def __init__(
        self, options: AlertmanagerOptions, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self.name, self.takes = options.name, options.takes
        self.repeat_seconds = options.repeat_seconds
        self._options = options
        self._now = now
        self._receiver = Receiver(options.url, timeout_seconds=options.timeout_seconds, ca_file=options.ca_file)
        self._token = optional(options.secret("token"), "token")
        self._password = optional(options.secret("password"), "password")

    def __repr__(self) -> str:
        return f"AlertmanagerSink({self.name}, {self._receiver.host})"

    def deliver(self, message: OutboxMessage) -> str:
        """Send what began to fire or is over.

        Raises
        ------
        SinkUnavailable, SinkRejected
        """
        notice = notice_of(message)
        if notice.type not in {ALERT_FIRING, ALERT_RESOLVED}:
            return "not told: it is no alert"
        self._post([self._of_notice(notice)])
        return f"delivered to {self._receiver.host}"

    def repeat(self, alerts: Sequence[Alert], public_url: str) -> None:
        """Send the alerts that fire again; with none, nothing is sent.

        Raises
        ------
        SinkUnavailable, SinkRejected
        """
        if alerts:
            self._post([self._of_alert(alert, public_url) for alert in alerts])

    def _post(self, alerts: list[dict[str, Any]]) -> None:
        headers = {}
        if self._token is not None:
            headers["authorization"] = f"Bearer {self._token.header_value()}"
        elif self._password is not None:
            pair = f"{self._options.user or ''}:{self._password.text()}"
            headers["authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        self._receiver.ask("POST", "/api/v2/alerts", headers=headers, json=alerts)

    def _of_notice(self, notice: Notice) -> dict[str, Any]:
        fields = notice.fields
        labels = (notice.model, fields["model_version"], fields["segment"], fields["alert_kind"])
        over = notice.type == ALERT_RESOLVED
        return self._sent(
            labels, fields["reason"], notice.columns, notice.evidence, notice.started, fields["alert_url"], over=over
        )

    def _of_alert(self, alert: Alert, public_url: str) -> dict[str, Any]:
        labels = (alert.model, alert.model_version, alert.segment, alert.kind.value)
        url = f"{public_url}/v1/alerts/{alert.alert_id}"
        return self._sent(labels, alert.reason, alert.columns, alert.evidence, alert.started, url, over=False)

    def _sent(
        self,
        of: tuple[str, str, str, str],
        reason: str,
        columns: Sequence[str],
        evidence: float | None,
        started: datetime | None,
        url: str,
        *,
        over: bool,
    ) -> dict[str, Any]:
        """An alert as the API has it. Its labels are its identity: they must be the same whenever it is sent."""
        model, version, segment, kind = of
        now = self._now()
        labels = {
            **self._options.labels,
            "alertname": "Driftwatch" + "".join(word.capitalize() for word in kind.split("_")),
            "monitor": FROM_US,
            "model": model,
            "model_version": version,
            "kind": kind,
        }
        if segment:
            labels["segment"] = segment
        annotations = {"summary": f"{model}: {kind.replace('_', ' ')}", "description": reason[:_LONGEST_TEXT]}
        if columns:
            annotations["columns"] = ", ".join(columns)[:_LONGEST_TEXT]
        if evidence is not None:
            annotations["evidence"] = f"{evidence:.4g}"
        ends = now if over else now + _REPEATS * timedelta(seconds=self.repeat_seconds)
        begins = min(started or now, ends)
        sent = {
            "labels": labels,
            "annotations": annotations,
            "startsAt": begins.isoformat(),
            "endsAt": ends.isoformat(),
        }
        if url.startswith(("http://", "https://")):
            sent["generatorURL"] = url
        return sent


ALERTMANAGER = SinkKind("Alertmanager", AlertmanagerOptions, AlertmanagerSink)

__all__ = ["ALERTMANAGER", "FROM_US", "AlertmanagerOptions", "AlertmanagerSink"]
