"""What a judged window does to the alerts of its stream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from driftwatch.core.alert_lives import awake, resolved, stepped
from driftwatch.core.records import Alert, AlertKind, AlertState, AlertStep, Status, Verdict, WindowKey
from driftwatch.identifiers import uuid7
from driftwatch.pipeline import marks
from driftwatch.pipeline.announce import Announcer
from driftwatch.pipeline.telemetry import Tally, Telemetry
from driftwatch.ports import Clock, State, StateTransaction

_RECENT = 200

WELL_AGAIN = "Back within tolerance."
REVISED_AWAY = "Judged again with late rows or labels, the window is within tolerance."
REPLACED = "Another version took over, and its last window is judged."
WITHDRAWN = "Whoever raised it says that it is over."


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertLives:
    """How alerts live: for how many windows in a row one is pending before it fires, and who is told."""

    announcer: Announcer
    windows: int = 1

    def follow(
        self,
        transaction: StateTransaction,
        tally: Tally,
        key: WindowKey,
        verdicts: Sequence[Verdict],
        now: datetime,
        *,
        again: bool,
    ) -> list[Alert]:
        """Open an alert a kind that drifts, resolve the alerts of kinds that are well.

        Parameters
        ----------
        transaction, tally
            Where it is kept and counted.
        key, verdicts
            Of the window.
        now
            By the clock.
        again
            Whether the window had been judged before. It then says nothing of alerts that began after it, opens none
            for what was told already, and is not counted twice: an alert that was told is not untold, it resolves with
            a reason.

        Returns
        -------
        list of Alert
            The open ones of the stream, and those of the model that came from outside.
        """
        everything = [self.awake(transaction, one, now) for one in transaction.alerts(key.model, is_open=True)]
        external = [one for one in everything if one.kind is AlertKind.EXTERNAL]
        present: dict[AlertKind, Alert] = {
            one.kind: one for one in _of(key, everything) if one.kind is not AlertKind.EXTERNAL
        }
        recent: list[Alert] | None = None
        for verdict in verdicts:
            alert = present.get(verdict.kind)
            if verdict.status is Status.DRIFT:
                if alert is None:
                    recent = _of(key, transaction.alerts(key.model, limit=_RECENT)) if recent is None else recent
                    if again and _was_told(recent, verdict, key.end):
                        continue
                    alert = self._begun(
                        transaction, tally, _opened(key, verdict, now, _silence_left(recent, verdict.kind, now)), now
                    )
                else:
                    carried_on = _carried_on(alert, verdict, again=again)
                    alert = self._fired_if_due(transaction, tally, carried_on, now)
                transaction.put_alert(alert)
                present[verdict.kind] = alert
            elif alert is not None and verdict.status is Status.OK and not (again and alert.started > key.end):
                self.resolve(transaction, alert, key.end, REVISED_AWAY if again else WELL_AGAIN, now)
                del present[verdict.kind]
        return [*present.values(), *external]

    def resolve(
        self, transaction: StateTransaction, alert: Alert, ended: datetime, resolution: str, now: datetime
    ) -> None:
        """End an alert, and tell those who were told that it fires."""
        over = resolved(alert, ended, resolution, now)
        transaction.put_alert(over)
        if alert.state in {AlertState.FIRING, AlertState.ACKNOWLEDGED}:
            self.announcer.alert(transaction, over, now)

    def awake(self, transaction: StateTransaction, alert: Alert, now: datetime) -> Alert:
        """The alert as it stands now: where its silence is over, those are told who were not."""
        present = awake(alert, now)
        if present != alert:
            if present.state is AlertState.PENDING and present.windows >= self.windows:
                present = stepped(present, AlertState.FIRING, now)
            transaction.put_alert(present)
            if present.state is AlertState.FIRING:
                self.announcer.alert(transaction, present, now)
        return present

    def _begun(self, transaction: StateTransaction, tally: Tally, alert: Alert, now: datetime) -> Alert:
        """A new alert: it fires at once where one window is enough."""
        if alert.state is AlertState.SILENCED:
            tally.count("alerts_total", model=alert.model, kind=alert.kind.value)
            return alert
        return self._fired_if_due(transaction, tally, alert, now)

    def _fired_if_due(self, transaction: StateTransaction, tally: Tally, alert: Alert, now: datetime) -> Alert:
        """Let a pending alert fire when it is time."""
        if alert.state is not AlertState.PENDING or alert.windows < self.windows:
            return alert
        # One window is enough by default: that it was pending for no time is nothing to tell.
        waited = alert if self.windows > 1 else replace(alert, history=())
        fired = stepped(waited, AlertState.FIRING, now)
        tally.count("alerts_total", model=alert.model, kind=alert.kind.value)
        self.announcer.alert(transaction, fired, now)
        return fired


class SilenceKeeper:
    """Ends silences that are over though nothing was judged: those are told who were not. Used by one thread."""

    def __init__(self, state: State, clock: Clock, lives: AlertLives, telemetry: Telemetry) -> None:
        self._state = state
        self._clock = clock
        self._lives = lives
        self._telemetry = telemetry

    def step(self) -> bool:
        """End what is due; answers false, as nothing is left over."""
        now = self._clock.now()
        with self._state.read() as reader:
            due = [one for one in reader.alerts(state=AlertState.SILENCED) if awake(one, now) != one]
        for alert in due:
            with self._state.transaction() as transaction:
                present = transaction.alert(alert.alert_id)
                if present is not None:
                    self._lives.awake(transaction, present, now)
                    transaction.set_mark(marks.reconsider(alert.model), 1)
            self._telemetry.touch()
        return False


def _of(key: WindowKey, alerts: Sequence[Alert]) -> list[Alert]:
    return [one for one in alerts if (one.model_version, one.segment) == (key.model_version, key.segment)]


def _was_told(alerts: Sequence[Alert], verdict: Verdict, end: datetime) -> bool:
    return any(
        alert.kind is verdict.kind and alert.started <= end and alert.ended is not None and end <= alert.ended
        for alert in alerts
    )


def _silence_left(alerts: Sequence[Alert], kind: AlertKind, now: datetime) -> Alert | None:
    """The alert before this one, where it was silenced for longer than it lasted: that is for the next one, too."""
    return next(
        (one for one in alerts if one.kind is kind and one.silenced_until is not None and now < one.silenced_until),
        None,
    )


def _opened(key: WindowKey, verdict: Verdict, now: datetime, silence: Alert | None) -> Alert:
    state, until, by = AlertState.PENDING, None, ""
    if silence is not None:
        state, until = AlertState.SILENCED, silence.silenced_until
        by = next(step.by for step in reversed(silence.history) if step.state is AlertState.SILENCED)
    note = "The silence of the alert before it goes on." if silence is not None else ""
    return Alert(
        alert_id=uuid7(),
        model=key.model,
        model_version=key.model_version,
        kind=verdict.kind,
        state=state,
        started=key.end,
        ended=None,
        columns=verdict.columns,
        evidence=verdict.evidence,
        reason=f"{key.segment}: {verdict.text}" if key.segment else verdict.text,
        segment=key.segment,
        silenced_until=until,
        history=(AlertStep(at=now, state=state, by=by, note=note),),
    )


def _carried_on(alert: Alert, verdict: Verdict, *, again: bool) -> Alert:
    columns = tuple(dict.fromkeys((*alert.columns, *verdict.columns)))
    windows = alert.windows if again else alert.windows + 1
    return replace(alert, columns=columns, evidence=max(alert.evidence, verdict.evidence), windows=windows)
