"""What is written into the outbox: CloudEvents that carry the evidence."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from urllib.parse import quote

import msgspec

from driftwatch.core.records import Finding, RetrainEpisode, Verdict, WindowRecord

RETRAIN_REQUESTED = "io.driftwatch.retrain.requested"


class RetrainData(msgspec.Struct, frozen=True, kw_only=True):
    """The ``data`` of a retrain request. Links begin with the service's public URL."""

    retrain_id: str
    model: str
    model_version: str
    segment: str
    triggered: datetime
    until: datetime
    reason: str
    window_start: datetime
    window_end: datetime
    rows: int
    labels: int
    performance: dict[str, float]
    verdicts: tuple[Verdict, ...]
    findings: tuple[Finding, ...]
    events_url: str
    status_url: str


class CloudEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A CloudEvents 1.0 envelope in JSON."""

    specversion: str = "1.0"
    id: str
    source: str
    type: str
    subject: str
    time: datetime
    datacontenttype: str = "application/json"
    data: RetrainData


def retrain_requested(
    episode: RetrainEpisode, window: WindowRecord, asking: Sequence[Verdict], public_url: str, now: datetime
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
            segment=window.key.segment,
            triggered=episode.triggered,
            until=episode.until,
            reason=episode.reason,
            window_start=window.key.start,
            window_end=window.key.end,
            rows=window.rows,
            labels=window.labels,
            performance=dict(window.performance),
            verdicts=tuple(asking),
            findings=tuple(one for one in window.findings if one.kind in kinds),
            events_url=f"{public_url}/v1/models/{model}/events?labelled=true",
            status_url=f"{public_url}/v1/retrains/{episode.retrain_id}/status",
        ),
    )
    return msgspec.json.encode(event).decode()
