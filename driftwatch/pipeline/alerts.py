"""What a judged window does to the alerts of its stream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from driftwatch.core.records import Alert, AlertState, Status, Verdict, WindowKey
from driftwatch.identifiers import uuid7
from driftwatch.pipeline.telemetry import Tally
from driftwatch.ports import StateTransaction

_RECENT = 200

WELL_AGAIN = "Back within tolerance."
REVISED_AWAY = "Judged again with late rows or labels, the window is within tolerance."
REPLACED = "Another version took over, and its last window is judged."


def follow(
    transaction: StateTransaction, tally: Tally, key: WindowKey, verdicts: Sequence[Verdict], *, again: bool
) -> list[Alert]:
    """Open an alert a kind that drifts, resolve the alerts of kinds that are well; answers the open ones.

    Parameters
    ----------
    transaction, tally
        Where it is kept and counted.
    key, verdicts
        Of the window.
    again
        Whether the window had been judged before. It then says nothing of alerts that began after it, and opens none
        for what was told already: an alert that was told is not untold, it resolves with a reason.
    """
    firing = {alert.kind: alert for alert in _of(key, transaction.alerts(key.model, state=AlertState.FIRING))}
    told = _of(key, transaction.alerts(key.model, limit=_RECENT)) if again else []
    for verdict in verdicts:
        present = firing.get(verdict.kind)
        if verdict.status is Status.DRIFT:
            if present is None and _was_told(told, verdict, key.end):
                continue
            firing[verdict.kind] = _carried_on(present or _opened(key, verdict), verdict)
            transaction.put_alert(firing[verdict.kind])
            if present is None:
                tally.count("alerts_total", model=key.model, kind=verdict.kind.value)
        elif present is not None and verdict.status is Status.OK and not (again and present.started > key.end):
            resolution = REVISED_AWAY if again else WELL_AGAIN
            transaction.put_alert(resolved(present, key.end, resolution))
            del firing[verdict.kind]
    return list(firing.values())


def resolved(alert: Alert, ended: datetime, resolution: str) -> Alert:
    """The alert when it is over."""
    return replace(alert, state=AlertState.RESOLVED, ended=ended, resolution=resolution)


def _of(key: WindowKey, alerts: Sequence[Alert]) -> list[Alert]:
    return [one for one in alerts if (one.model_version, one.segment) == (key.model_version, key.segment)]


def _was_told(alerts: Sequence[Alert], verdict: Verdict, end: datetime) -> bool:
    return any(
        alert.kind is verdict.kind and alert.started <= end and alert.ended is not None and end <= alert.ended
        for alert in alerts
    )


def _opened(key: WindowKey, verdict: Verdict) -> Alert:
    return Alert(
        alert_id=uuid7(),
        model=key.model,
        model_version=key.model_version,
        kind=verdict.kind,
        state=AlertState.FIRING,
        started=key.end,
        ended=None,
        columns=verdict.columns,
        evidence=verdict.evidence,
        reason=f"{key.segment}: {verdict.text}" if key.segment else verdict.text,
        segment=key.segment,
    )


def _carried_on(alert: Alert, verdict: Verdict) -> Alert:
    columns = tuple(dict.fromkeys((*alert.columns, *verdict.columns)))
    return replace(alert, columns=columns, evidence=max(alert.evidence, verdict.evidence))
