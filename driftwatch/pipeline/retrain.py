"""Ask for a retrain where the verdicts of a window call for one."""

from __future__ import annotations

from dataclasses import dataclass

from driftwatch.core.records import (
    Alert,
    RetrainEpisode,
    RetrainState,
    RetrainStep,
    Status,
    Verdict,
    WindowRecord,
)
from driftwatch.core.retrain import RetrainPolicy, decide
from driftwatch.core.windows import from_microseconds, to_microseconds, watermark
from driftwatch.identifiers import uuid7
from driftwatch.pipeline import marks
from driftwatch.pipeline.announce import retrain_requested
from driftwatch.pipeline.telemetry import Tally
from driftwatch.ports import Clock, OutboxMessage, StateTransaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """When to ask for a retrain, and whom."""

    policy: RetrainPolicy
    sinks: tuple[str, ...] = ()
    public_url: str = ""


@dataclass(frozen=True, slots=True)
class JudgedJustNow:
    """What may call for a retrain: a window, what was said of it just now, and the alerts that fire in its stream."""

    window: WindowRecord
    verdicts: tuple[Verdict, ...]
    alerts: tuple[Alert, ...]


def ask_for_retrain(
    transaction: StateTransaction, tally: Tally, asking: Asking, clock: Clock, judged: JudgedJustNow
) -> None:
    """Open an episode and put a message a sink into the outbox, if the verdicts call for a retrain."""
    window, verdicts, alerts = judged.window, judged.verdicts, judged.alerts
    key = window.key
    episodes = transaction.retrains(key.model, limit=1)
    decision = decide(
        asking.policy,
        verdicts,
        window_end=key.end,
        is_current_version=transaction.baselines(key.model)[-1].model_version == key.model_version,
        latest=episodes[0] if episodes else None,
    )
    if not decision.trigger:
        return
    calling = [one for one in verdicts if one.kind in asking.policy.kinds and one.status is Status.DRIFT]
    reason = f"{key.segment}: {calling[0].text}" if key.segment else calling[0].text
    now = clock.now()
    latest = transaction.mark(marks.latest_event(key.model))
    triggered = watermark(latest, transaction.mark(marks.latest_received(key.model)), to_microseconds(now))
    episode = RetrainEpisode(
        retrain_id=uuid7(),
        model=key.model,
        model_version=key.model_version,
        state=RetrainState.REQUESTED,
        triggered=from_microseconds(triggered),
        until=key.end,
        reason=reason,
        alert_ids=tuple(alert.alert_id for alert in alerts if alert.kind in asking.policy.kinds),
        history=(RetrainStep(at=now, state=RetrainState.REQUESTED, note=reason),),
    )
    transaction.open_retrain(episode)
    body = retrain_requested(episode, window, calling, asking.public_url, now)
    for sink in asking.sinks:
        transaction.put_message(
            OutboxMessage(
                message_id=f"{episode.retrain_id}.{sink}",
                sink=sink,
                model=key.model,
                body=body,
                created_at=now,
                next_attempt_at=now,
                retrain_id=episode.retrain_id,
            )
        )
    tally.count("retrain_triggers_total", model=key.model, reason=decision.reason.value)
