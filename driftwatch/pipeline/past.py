"""What is over once windows were judged: alerts of replaced versions, and memories of windows that are past."""

from __future__ import annotations

from collections.abc import Mapping

from driftwatch.core.records import AlertState, WindowStage
from driftwatch.core.segments import ALL_ROWS
from driftwatch.core.windows import WindowPlan, from_microseconds
from driftwatch.pipeline import alerts as alerting
from driftwatch.pipeline import marks
from driftwatch.pipeline.due import first_kept
from driftwatch.pipeline.stages import judged_before
from driftwatch.ports import StateTransaction, StoredStream, StreamKey


def resolve_for_replaced_versions(
    transaction: StateTransaction, plan: WindowPlan, model: str, streams: Mapping[StreamKey, StoredStream], now: int
) -> None:
    """Close the alerts of versions that another took over from: when their last window is judged, they are past."""
    current = transaction.baselines(model)[-1].model_version
    for alert in transaction.alerts(model, state=AlertState.FIRING):
        key = StreamKey(model=model, model_version=alert.model_version, segment=ALL_ROWS)
        if alert.model_version == current or key not in streams:
            continue
        ended = _ended(plan, streams[key])
        if plan.is_complete(ended, now):
            moment = max(from_microseconds(ended), alert.started)
            transaction.put_alert(alerting.resolved(alert, moment, alerting.REPLACED))


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
