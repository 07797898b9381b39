"""What people and trainers say of alerts, retrains and notifications. Safe to call from any thread; calls may block."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from driftwatch.core import alert_lives
from driftwatch.core.alert_lives import awake
from driftwatch.core.episodes import CLOSED, REPORTED, SUCCEEDED, may_follow
from driftwatch.core.records import (
    Alert,
    AlertKind,
    AlertState,
    AlertStep,
    RetrainEpisode,
    RetrainState,
    RetrainStep,
)
from driftwatch.core.windows import from_microseconds
from driftwatch.errors import InputError, StateConflict, UnknownAlert, UnknownMessage, UnknownModel, UnknownRetrain
from driftwatch.pipeline import marks
from driftwatch.pipeline.alerts import WITHDRAWN
from driftwatch.pipeline.episodes import withdraw
from driftwatch.pipeline.judge import stream_time
from driftwatch.pipeline.telemetry import Telemetry
from driftwatch.ports import Clock, OutboxMessage, OutboxState, State, StateReader, StateTransaction, current_of

_RECENT = 200
_MOST_EXTERNAL = 500
_LONGEST_SILENCE = timedelta(days=366)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalCall:
    """An alert that somebody else raised of a model.

    ``key`` is the same for as long as it is the same alert: of Alertmanager its fingerprint and start. ``source`` says
    who, in one word.
    """

    model: str
    source: str
    key: str
    reason: str

    @property
    def alert_id(self) -> str:
        """The id of the alert that it becomes."""
        return f"{self.source}:{self.key}"


class LoopOperations:
    """The part of `driftwatch.pipeline.operations.Operations` that is about alerts and retrains."""

    def __init__(self, state: State, clock: Clock, telemetry: Telemetry) -> None:
        self._state = state
        self._clock = clock
        self._telemetry = telemetry

    def alerts(self, model: str | None = None, limit: int = _RECENT, state: AlertState | None = None) -> list[Alert]:
        """Alerts, newest first, as they stand now."""
        now = self._clock.now()
        with self._state.read() as reader:
            if state in {None, AlertState.RESOLVED}:
                return [awake(one, now) for one in reader.alerts(model, state=state, limit=limit)]
            # A silence may be over: what is stored does not say so yet.
            found = self._open_alerts(reader, model)
        return [one for one in found if one.state is state][:limit]

    def alert(self, alert_id: str) -> Alert:
        """One alert as it stands now.

        Raises
        ------
        UnknownAlert
        """
        with self._state.read() as reader:
            return self._known_alert(reader, alert_id)

    def acknowledge(self, alert_id: str, by: str, note: str = "") -> Alert:
        """Note that somebody knows of an alert. It fires on, and calls for a retrain where the policy says so.

        Raises
        ------
        UnknownAlert
        StateConflict
            It is over.
        """
        with self._state.transaction() as transaction:
            alert = self._known_alert(transaction, alert_id)
            changed = alert_lives.acknowledged(alert, self._clock.now(), by=by, note=note)
            transaction.put_alert(changed)
        self._telemetry.touch()
        return changed

    def silence(self, alert_id: str, until: datetime, by: str, note: str = "") -> Alert:
        """Tell nobody of an alert, and let it call for no retrain, until then. The time may be now: that ends it.

        Raises
        ------
        UnknownAlert
        StateConflict
            It is over.
        InputError
            More than a year.
        """
        now = self._clock.now()
        if until > now + _LONGEST_SILENCE:
            raise InputError("lies more than a year ahead.", field="until", remedy="Silence it for less.")
        with self._state.transaction() as transaction:
            alert = self._known_alert(transaction, alert_id)
            changed = awake(alert_lives.silenced(alert, until, now, by=by, note=note), now)
            transaction.put_alert(changed)
            transaction.set_mark(marks.reconsider(alert.model), 1)
        self._telemetry.touch()
        return changed

    def external_alert(self, call: ExternalCall) -> Alert:
        """Take an alert from outside: it fires until it is withdrawn, and calls for a retrain where the policy says so.

        The same again changes nothing. The pipeline decides in its next step.

        Raises
        ------
        UnknownModel
        StateConflict
            Too many of the model fire already.
        """
        now = self._clock.now()
        with self._state.transaction() as transaction:
            stored = transaction.baselines(call.model)
            if not stored:
                raise UnknownModel(call.model)
            known = transaction.alert(call.alert_id)
            if known is not None:
                return awake(known, now)
            external = [one for one in transaction.alerts(call.model, is_open=True) if one.kind is AlertKind.EXTERNAL]
            if len(external) >= _MOST_EXTERNAL:
                raise StateConflict(f"{len(external)} alerts from outside fire for {call.model!r}: resolve some first.")
            moment = stream_time(transaction, call.model, self._clock)
            alert = Alert(
                alert_id=call.alert_id,
                model=call.model,
                model_version=current_of(stored).model_version,
                kind=AlertKind.EXTERNAL,
                state=AlertState.FIRING,
                started=from_microseconds(moment) if moment is not None else now,
                ended=None,
                columns=(),
                evidence=0.0,
                reason=call.reason,
                history=(AlertStep(at=now, state=AlertState.FIRING, by=call.source),),
            )
            transaction.put_alert(alert)
            transaction.set_mark(marks.reconsider(call.model), 1)
        self._telemetry.touch()
        return alert

    def external_over(self, call: ExternalCall) -> Alert | None:
        """Resolve an alert from outside; answers None where it is not known. The same again changes nothing."""
        now = self._clock.now()
        with self._state.transaction() as transaction:
            alert = transaction.alert(call.alert_id)
            if alert is None or alert.state is AlertState.RESOLVED:
                return alert
            moment = stream_time(transaction, alert.model, self._clock)
            ended = from_microseconds(moment) if moment is not None else now
            over = alert_lives.resolved(alert, max(ended, alert.started), WITHDRAWN, now)
            transaction.put_alert(over)
        self._telemetry.touch()
        return over

    def retrains(self, model: str | None = None, limit: int = _RECENT) -> list[RetrainEpisode]:
        """Retrain episodes, newest first."""
        with self._state.read() as reader:
            return reader.retrains(model, limit=limit)

    def retrain(self, retrain_id: str) -> RetrainEpisode:
        """One episode.

        Raises
        ------
        UnknownRetrain
        """
        with self._state.read() as reader:
            return _known_retrain(reader, retrain_id)

    def retrain_status(
        self, retrain_id: str, state: RetrainState, note: str = "", new_version: str | None = None
    ) -> RetrainEpisode:
        """Note how far a retrain has come, as its trainer says; the same report again changes nothing.

        Raises
        ------
        UnknownRetrain
            No such episode.
        StateConflict
            The episode is finished, or further already, or the state is not the trainer's to say.
        """
        with self._state.transaction() as transaction:
            episode = _known_retrain(transaction, retrain_id)
            said = episode.state is state or (state is RetrainState.PROMOTED and episode.state in SUCCEEDED)
            if said and episode.new_version == (new_version or episode.new_version):
                return episode
            if state not in REPORTED:
                raise StateConflict(
                    f"{state.value} is not for a trainer to say: take one of {', '.join(sorted(REPORTED))}."
                )
            if not may_follow(episode.state, state):
                raise StateConflict(f"The retrain is {episode.state.value}: it cannot become {state.value}.")
            now = self._clock.now()
            watched_from = None
            if state is RetrainState.PROMOTED:
                moment = stream_time(transaction, episode.model, self._clock)
                watched_from = from_microseconds(moment) if moment is not None else now
            transaction.step_retrain(retrain_id, RetrainStep(at=now, state=state, note=note), new_version, watched_from)
            changed = _known_retrain(transaction, retrain_id)
        self._telemetry.touch()
        return changed

    def approve(self, retrain_id: str, by: str, note: str = "") -> RetrainEpisode:
        """Let a retrain that awaits approval be asked for.

        Raises
        ------
        UnknownRetrain
        StateConflict
            It does not await approval.
        """
        now = self._clock.now()
        with self._state.transaction() as transaction:
            episode = _known_retrain(transaction, retrain_id)
            if episode.state is not RetrainState.AWAITING_APPROVAL:
                raise StateConflict(f"The retrain is {episode.state.value}: it does not await approval.")
            step = RetrainStep(at=now, state=RetrainState.REQUESTED, note=note or "approved", by=by)
            transaction.step_retrain(retrain_id, step)
            for message in transaction.outbox(state=OutboxState.HELD, retrain_id=retrain_id):
                transaction.put_message(replace(message, state=OutboxState.PENDING, next_attempt_at=now))
            changed = _known_retrain(transaction, retrain_id)
        self._telemetry.touch()
        return changed

    def cancel(self, retrain_id: str, by: str, note: str = "") -> RetrainEpisode:
        """End a retrain that is not finished.

        Who was not told is not told; a trainer that is at it hears of it when it reports next.

        Raises
        ------
        UnknownRetrain
        StateConflict
            It is finished.
        """
        with self._state.transaction() as transaction:
            episode = _known_retrain(transaction, retrain_id)
            if not may_follow(episode.state, RetrainState.CANCELLED):
                raise StateConflict(f"The retrain is {episode.state.value}: there is nothing to cancel.")
            step = RetrainStep(at=self._clock.now(), state=RetrainState.CANCELLED, note=note, by=by)
            transaction.step_retrain(retrain_id, step)
            withdraw(transaction, retrain_id)
            changed = _known_retrain(transaction, retrain_id)
        self._telemetry.touch()
        return changed

    def outbox(self, state: OutboxState | None = None, limit: int = _RECENT) -> list[OutboxMessage]:
        """Notifications, oldest first."""
        with self._state.read() as reader:
            return reader.outbox(state=state, limit=limit)

    def resend(self, message_id: str) -> OutboxMessage:
        """Deliver a notification that was given up after all, under the same key.

        Raises
        ------
        UnknownMessage
        StateConflict
            It was not given up, or its retrain is over or followed by another.
        """
        now = self._clock.now()
        with self._state.transaction() as transaction:
            message = transaction.message(message_id)
            if message is None:
                raise UnknownMessage(message_id)
            if message.state is not OutboxState.DEAD:
                raise StateConflict(f"The notification is {message.state.value}: only what was given up is sent again.")
            if message.retrain_id is not None:
                self._reopen(transaction, message.retrain_id, now)
            changed = replace(message, state=OutboxState.PENDING, next_attempt_at=now, tried_since=None)
            transaction.put_message(changed)
        self._telemetry.touch()
        return changed

    def _reopen(self, transaction: StateTransaction, retrain_id: str, now: datetime) -> None:
        """Let an episode that failed because nobody could be told begin again."""
        episode = _known_retrain(transaction, retrain_id)
        if episode.state not in CLOSED:
            return
        if episode.state is not RetrainState.FAILED:
            raise StateConflict(f"Its retrain is {episode.state.value}: nobody is asked for it any more.")
        newer = [one for one in transaction.retrains(episode.model, limit=1) if one.retrain_id != retrain_id]
        if newer:
            raise StateConflict(f"Another retrain of {episode.model} was asked for since: {newer[0].retrain_id}.")
        step = RetrainStep(at=now, state=RetrainState.REQUESTED, note="what was given up is sent again")
        transaction.step_retrain(retrain_id, step)

    def _open_alerts(self, reader: StateReader, model: str | None = None) -> list[Alert]:
        """Alerts that are not over, as they stand now."""
        now = self._clock.now()
        return [awake(one, now) for one in reader.alerts(model, is_open=True)]

    def _known_alert(self, reader: StateReader, alert_id: str) -> Alert:
        alert = reader.alert(alert_id)
        if alert is None:
            raise UnknownAlert(alert_id)
        return awake(alert, self._clock.now())


def _known_retrain(reader: StateReader, retrain_id: str) -> RetrainEpisode:
    episode = reader.retrain(retrain_id)
    if episode is None:
        raise UnknownRetrain(retrain_id)
    return episode


__all__ = ["ExternalCall", "LoopOperations"]
