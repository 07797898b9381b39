"""What happens to an alert once it is there: it fires, somebody acknowledges or silences it, it is resolved.

Pure: each function answers the alert as it stands afterwards, with a line more in its history.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from driftwatch.core.records import Alert, AlertState, AlertStep
from driftwatch.errors import StateConflict

OPEN = frozenset(AlertState) - {AlertState.RESOLVED}
"""Not over yet."""

FIRES = OPEN - {AlertState.PENDING}
"""It fires, whoever may know of it or may not want to hear of it."""

HEARD = FIRES - {AlertState.SILENCED}
"""It fires, and people want to hear of it."""


def stepped(alert: Alert, state: AlertState, at: datetime, *, by: str = "", note: str = "") -> Alert:
    """The alert in another state, and in its history who took it there."""
    step = AlertStep(at=at, state=state, by=by, note=note)
    return replace(alert, state=state, history=(*alert.history, step))


def resolved(alert: Alert, ended: datetime, resolution: str, at: datetime) -> Alert:
    """The alert when it is over. ``ended`` is an event time, ``at`` one of the clock."""
    over = stepped(alert, AlertState.RESOLVED, at, note=resolution)
    return replace(over, ended=ended, resolution=resolution)


def acknowledged(alert: Alert, at: datetime, *, by: str, note: str = "") -> Alert:
    """The alert once somebody knows of it. A silence goes on.

    Raises
    ------
    StateConflict
        It is over, or does not fire yet.
    """
    _check_open(alert)
    if alert.state is AlertState.PENDING:
        raise StateConflict(f"The alert {alert.alert_id!r} is pending: it does not fire yet.")
    if alert.state is AlertState.SILENCED:
        step = AlertStep(at=at, state=AlertState.ACKNOWLEDGED, by=by, note=note)
        return replace(alert, history=(*alert.history, step))
    return stepped(alert, AlertState.ACKNOWLEDGED, at, by=by, note=note)


def silenced(alert: Alert, until: datetime, at: datetime, *, by: str, note: str = "") -> Alert:
    """The alert that nobody is told of, and that asks for no retrain, until a time of the clock.

    Raises
    ------
    StateConflict
        It is over.
    """
    _check_open(alert)
    return replace(stepped(alert, AlertState.SILENCED, at, by=by, note=note), silenced_until=until)


def awake(alert: Alert, now: datetime) -> Alert:
    """The alert as it stands at ``now``: a silence that is over has ended by itself.

    One that had not fired before is pending again: the next judgement says whether it fires.

    Examples
    --------
    >>> from datetime import UTC, timedelta
    >>> from driftwatch.core.records import AlertKind
    >>> noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    >>> alert = Alert(alert_id="a", model="m", model_version="1", kind=AlertKind.QUALITY, state=AlertState.PENDING,
    ...               started=noon, ended=None, columns=(), evidence=1.0, reason="worse")
    >>> quiet = silenced(stepped(alert, AlertState.FIRING, noon), noon + timedelta(hours=2), noon, by="ada")
    >>> awake(quiet, noon).state.value, awake(quiet, noon + timedelta(hours=2)).state.value
    ('silenced', 'firing')
    """
    until = alert.silenced_until
    if alert.state is not AlertState.SILENCED or until is None or now < until:
        return alert
    had = {step.state for step in alert.history}
    state = AlertState.PENDING
    if AlertState.ACKNOWLEDGED in had:
        state = AlertState.ACKNOWLEDGED
    elif AlertState.FIRING in had:
        state = AlertState.FIRING
    return replace(stepped(alert, state, until, note="The silence is over."), silenced_until=None)


def _check_open(alert: Alert) -> None:
    if alert.state not in OPEN:
        raise StateConflict(f"The alert {alert.alert_id!r} is {alert.state.value}: there is nothing to be told of.")


__all__ = ["FIRES", "HEARD", "OPEN", "acknowledged", "awake", "resolved", "silenced", "stepped"]
