"""What is over once windows were judged: alerts of replaced versions, and memories of windows that are past."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from driftwatch.core.records import AlertKind, WindowStage
from driftwatch.core.segments import ALL_ROWS
from driftwatch.core.windows import WindowPlan, from_microseconds
from driftwatch.pipeline import marks
from driftwatch.pipeline.alerts import REPLACED, AlertLives
from driftwatch.pipeline.due import first_kept
from driftwatch.pipeline.stages import judged_before
from driftwatch.ports import StateTransaction, StoredStream, StreamKey, current_of


def resolve_for_replaced_versions(
    transaction: StateTransaction,
    lives: AlertLives,
    plan: WindowPlan,
    model: str,
    streams: Mapping[StreamKey, StoredStream],
    *,
    reached: int,
    now: datetime,
) -> None:
    """Close the alerts of versions that another took over from: when their last window is judged, they are past.

    Parameters
    ----------
    transaction, lives, plan
        Where and how.
    model, streams, reached
        Whose, and how far its stream has come.
    now
        By the clock.
    """
    open_alerts = [one for one in transaction.alerts(model, is_open=True) if one.kind is not AlertKind.EXTERNAL]
    if not open_alerts:
        return
    current = current_of(transaction.baselines(model)).model_version
    for alert in open_alerts:
        key = StreamKey(model=model, model_version=alert.model_version, segment=ALL_ROWS)
        if alert.model_version == current or key not in streams:
            continue
        ended = _ended(plan, streams[key])
        if plan.is_complete(ended, reached):
            lives.resolve(transaction, alert, max(from_microseconds(ended), alert.started), REPLACED, now)


def _ended(plan: WindowPlan, stream: StoredStream) -> int:
    """The event time at which a stream's last window ends, if it gets no more rows."""
    if plan.counted:
        return stream.latest_event
    return plan.windows_over(stream.last)[-1] + plan.window_length


def forget_memories(
    transaction: StateTransaction, plan: WindowPlan, model: str, streams: Mapping[StreamKey, StoredStream]
) -> None:
    """Forget what windows left that take no more rows, or no more labels."""
    latest = transaction.mark(marks.latest_event(model))
    for stream in streams.values():
        if plan.counted:
            rows = judged_before(stream, WindowStage.CLOSED) or stream.first
            labels = first_kept(transaction, plan, stream, latest)
        else:
            rows, labels = plan.kept_from(latest), plan.kept_from(latest, for_labels=True)
        transaction.forget_memories(stream.key, WindowStage.CLOSED, rows)
        transaction.forget_memories(stream.key, WindowStage.COMPLETE, labels)
