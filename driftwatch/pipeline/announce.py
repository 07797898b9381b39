"""What is written into the outbox: CloudEvents that carry the evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

import msgspec

from driftwatch.core.records import Alert, AlertState, Finding, RetrainEpisode, RetrainState, Verdict, WindowRecord
from driftwatch.ports import MessageKind, OutboxMessage, OutboxState, StateTransaction

RETRAIN_REQUESTED = "io.driftwatch.retrain.requested"
ALERT_FIRING = "io.driftwatch.alert.firing"
ALERT_RESOLVED = "io.driftwatch.alert.resolved"


class RetrainData(msgspec.Struct, frozen=True, kw_only=True):
    """The ``data`` of a retrain request. Links begin with the service's public URL.

    ``calls`` names the policy's conditions that were met, ``alerts`` are those among them. The window is the one that
    was judged last; null where none was.
    """

    retrain_id: str
    model: str
    model_version: str
    segment: str
    triggered: datetime
    until: datetime
    reason: str
    calls: tuple[str, ...]
    alerts: tuple[Alert, ...]
    window_start: datetime | None
    window_end: datetime | None
    rows: int
    labels: int
    performance: dict[str, float]
    verdicts: tuple[Verdict, ...]
    findings: tuple[Finding, ...]
    events_url: str
    status_url: str


class AlertData(msgspec.Struct, frozen=True, kw_only=True):
    """The ``data`` of an alert that began to fire or is over."""

    alert: Alert
    alert_url: str
    page_url: str


class CloudEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A CloudEvents 1.0 envelope in JSON."""

    specversion: str = "1.0"
    id: str
    source: str
    type: str
    subject: str
    time: datetime
    datacontenttype: str = "application/json"
    data: RetrainData | AlertData


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcer:
    """Puts messages into the outbox: one for each sink that takes them.

    Attributes
    ----------
    retrain_sinks, alert_sinks
        Who is told of retrains, and who of alerts.
    public_url
        What links begin with.
    """

    retrain_sinks: tuple[str, ...] = ()
    alert_sinks: tuple[str, ...] = ()
    public_url: str = ""

    def retrain(
        self,
        transaction: StateTransaction,
        episode: RetrainEpisode,
        window: WindowRecord | None,
        verdicts: Sequence[Verdict],
        alerts: Sequence[Alert],
        now: datetime,
    ) -> None:
        """Ask every trainer; of an episode that awaits approval the messages are held."""
        body = retrain_requested(episode, window, verdicts, alerts, self.public_url, now)
        held = episode.state is RetrainState.AWAITING_APPROVAL
        for sink in self.retrain_sinks:
            transaction.put_message(
                OutboxMessage(
                    message_id=f"{episode.retrain_id}.{sink}",
                    sink=sink,
                    model=episode.model,
                    body=body,
                    created_at=now,
                    next_attempt_at=now,
                    retrain_id=episode.retrain_id,
                    state=OutboxState.HELD if held else OutboxState.PENDING,
                )
            )

    def alert(self, transaction: StateTransaction, alert: Alert, now: datetime) -> None:
        """Say that an alert began to fire, or is over; nobody is told twice."""
        over = alert.state is AlertState.RESOLVED
        kind = ALERT_RESOLVED if over else ALERT_FIRING
        body = alert_changed(alert, kind, self.public_url, now)
        for sink in self.alert_sinks:
            message_id = f"{alert.alert_id}.{'resolved' if over else 'firing'}.{sink}"
            if transaction.message(message_id) is not None:
                continue
            transaction.put_message(
                OutboxMessage(
                    message_id=message_id,
                    sink=sink,
                    model=alert.model,
                    body=body,
                    created_at=now,
                    next_attempt_at=now,
                    kind=MessageKind.ALERT,
                )
            )


def retrain_requested(
    episode: RetrainEpisode,
    window: WindowRecord | None,
    asking: Sequence[Verdict],
    alerts: Sequence[Alert],
    public_url: str,
    now: datetime,
) -> str:
    """The JSON of a request to retrain, with its evidence and links to the data and to the episode's status."""
    model = quote(episode.model, safe="")
    kinds = {verdict.kind for verdict in asking}
    event = CloudEvent(
        id=episode.retrain_id,
        source=f"{public_url}/v1/models/{model}",
        type=RETRAIN_REQUESTED,
        subject=episode.model,
        time=now,
        data=RetrainData(
            retrain_id=episode.retrain_id,
            model=episode.model,
            model_version=episode.model_version,
            segment=episode.segment,
            triggered=episode.triggered,
            until=episode.until,
            reason=episode.reason,
            calls=episode.calls,
            alerts=tuple(alerts),
            window_start=window.key.start if window is not None else None,
            window_end=window.key.end if window is not None else None,
            rows=window.rows if window is not None else 0,
            labels=window.labels if window is not None else 0,
            performance=dict(window.performance) if window is not None else {},
            verdicts=tuple(asking),
            findings=tuple(one for one in window.findings if one.kind in kinds) if window is not None else (),
            events_url=f"{public_url}/v1/models/{model}/events?labelled=true",
            status_url=f"{public_url}/v1/retrains/{episode.retrain_id}/status",
        ),
    )
    return msgspec.json.encode(event).decode()


def alert_changed(alert: Alert, kind: str, public_url: str, now: datetime) -> str:
    """The JSON of what became of an alert."""
    model = quote(alert.model, safe="")
    event = CloudEvent(
        id=f"{alert.alert_id}.{kind.rpartition('.')[2]}",
        source=f"{public_url}/v1/models/{model}",
        type=kind,
        subject=alert.model,
        time=now,
        data=AlertData(
            alert=alert,
            alert_url=f"{public_url}/v1/alerts/{quote(alert.alert_id, safe='')}",
            page_url=f"{public_url}/?model={model}",
        ),
    )
    return msgspec.json.encode(event).decode()


__all__ = [
    "ALERT_FIRING",
    "ALERT_RESOLVED",
    "RETRAIN_REQUESTED",
    "AlertData",
    "Announcer",
    "CloudEvent",
    "RetrainData",
    "alert_changed",
    "retrain_requested",
]
