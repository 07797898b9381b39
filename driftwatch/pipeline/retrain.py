"""Ask for a retrain where the policy calls for one, and see whether one that was promoted helped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from driftwatch.core.alert_lives import awake
from driftwatch.core.performance import LOSS_MEASURE
from driftwatch.core.records import (
    Alert,
    AlertKind,
    RetrainEpisode,
    RetrainState,
    RetrainStep,
    Status,
    Verdict,
    WindowRecord,
    WindowStage,
)
from driftwatch.core.recovery import judged_recovery
from driftwatch.core.retrain import RetrainDecision, RetrainFacts, decide
from driftwatch.core.retrain_policy import (
    AlertFires,
    AllOf,
    AnyOf,
    QualityBelow,
    RetrainPolicies,
    RetrainPolicy,
    conditions,
)
from driftwatch.core.segments import ALL_ROWS
from driftwatch.core.window_quality import EstimatedMeasure
from driftwatch.core.windows import from_microseconds, to_microseconds, watermark
from driftwatch.identifiers import uuid7
from driftwatch.pipeline import marks
from driftwatch.pipeline.announce import Announcer
from driftwatch.pipeline.baselines import Baselines
from driftwatch.pipeline.telemetry import Tally
from driftwatch.ports import Clock, StateReader, StateTransaction, StreamKey, current_of

_EPISODES = 50
"""As many of a model's newest episodes are taken into account."""

_NEWEST = 5
"""One that is watched is among as many: no other begins meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """When to ask for a retrain, and whom.

    ``label_wait`` is how long after a window its labels have had their time; windows with fewer labels than
    ``minimum_labels`` say nothing of quality. An alert is pending for ``alert_windows`` windows.
    """

    policies: RetrainPolicies
    announcer: Announcer
    label_wait: timedelta = timedelta()
    minimum_labels: int = 30
    alert_windows: int = 1


@dataclass(frozen=True, slots=True)
class Situation:
    """What may call for a retrain: a stream, its last judged window with what was said of it, and open alerts.

    ``window`` is None where none was judged.
    """

    stream: StreamKey
    window: WindowRecord | None
    verdicts: tuple[Verdict, ...]
    alerts: tuple[Alert, ...]


class Asker:
    """Decides on retrains inside the transaction of a verdict."""

    def __init__(self, asking: Asking, baselines: Baselines, clock: Clock) -> None:
        self._asking = asking
        self._baselines = baselines
        self._clock = clock

    def note_window(self, transaction: StateTransaction, window: WindowRecord) -> None:
        """Remember when a version's service began, and see whether a promoted version's quality has recovered."""
        key = window.key
        if key.segment != ALL_ROWS:
            return
        name = marks.began(key.model, key.model_version)
        if transaction.mark(name) == 0:
            transaction.set_mark(name, to_microseconds(key.start))
        if window.stage is WindowStage.COMPLETE:
            self._watch(transaction, window)

    def ask(self, transaction: StateTransaction, tally: Tally, situation: Situation) -> RetrainDecision | None:
        """Open an episode and put what is to be told into the outbox, if the policy calls for it.

        Answers what was decided; None where nothing could have called.
        """
        stream = situation.stream
        policy = self._asking.policies.of(stream.model)
        if not _may_call(policy, situation.alerts):
            return None
        facts = self._facts(transaction, policy, situation)
        decision = decide(policy, facts)
        if decision.again_at is not None:
            transaction.set_mark(marks.reconsider(stream.model), to_microseconds(decision.again_at))
        if decision.trigger:
            self._open(transaction, tally, situation, facts, decision)
        return decision

    def reconsider(self, transaction: StateTransaction, tally: Tally) -> None:
        """Decide anew on models for which something called meanwhile, or whose quiet hours are over."""
        for name, due in transaction.marks(marks.RECONSIDER).items():
            model = name.removeprefix(marks.RECONSIDER)
            if due and to_microseconds(self._moment(transaction, model)) >= due:
                transaction.set_mark(name, 0)
                self._reconsider(transaction, tally, model)

    def _reconsider(self, transaction: StateTransaction, tally: Tally, model: str) -> None:
        stored = transaction.baselines(model)
        if not stored:
            return
        version, now = current_of(stored).model_version, self._clock.now()
        alerts = [awake(one, now) for one in transaction.alerts(model, is_open=True)]
        mine = [one for one in alerts if one.kind is AlertKind.EXTERNAL or one.model_version == version]
        for segment in dict.fromkeys([ALL_ROWS, *(one.segment for one in mine)]):
            windows = transaction.windows(model, model_version=version, segment=segment, limit=1)
            of_stream = [one for one in mine if one.kind is AlertKind.EXTERNAL or one.segment == segment]
            situation = Situation(
                stream=StreamKey(model=model, model_version=version, segment=segment),
                window=windows[0] if windows else None,
                verdicts=windows[0].verdicts if windows else (),
                alerts=tuple(of_stream),
            )
            decision = self.ask(transaction, tally, situation)
            if decision is not None and decision.trigger:
                return

    def _facts(self, transaction: StateTransaction, policy: RetrainPolicy, situation: Situation) -> RetrainFacts:
        stream = situation.stream
        moment = self._moment(transaction, stream.model)
        began = transaction.mark(marks.began(stream.model, stream.model_version))
        qualities: list[Mapping[str, float]] = []
        estimates: list[Mapping[str, EstimatedMeasure]] = []
        reference: Mapping[str, float] = {}
        below = [one for one in conditions(policy.when) if isinstance(one, QualityBelow)]
        if below:
            reference = self._reference(transaction, stream)
        if not all(one.estimated for one in below):
            qualities = [dict(one.performance) for one in self._complete(transaction, stream, policy.windows)]
        if any(one.estimated for one in below):
            estimates = _expected(transaction, stream, policy.windows)
        return RetrainFacts(
            moment=moment,
            alerts=situation.alerts,
            is_current_version=current_of(transaction.baselines(stream.model)).model_version == stream.model_version,
            qualities=qualities,
            estimates=estimates,
            reference=reference,
            age=moment - from_microseconds(began) if began else None,
            labels=transaction.mark(marks.labels(stream.model)) - transaction.mark(marks.labels_used(stream.model)),
            episodes=transaction.retrains(stream.model, limit=_EPISODES),
        )

    def _complete(self, transaction: StateReader, stream: StreamKey, limit: int) -> list[WindowRecord]:
        """The newest windows whose labels had their time and are enough, newest first."""
        found = transaction.windows(
            stream.model,
            model_version=stream.model_version,
            segment=stream.segment,
            stage=WindowStage.COMPLETE,
            limit=limit,
        )
        return [one for one in found if one.labels >= self._asking.minimum_labels]

    def _reference(self, transaction: StateReader, stream: StreamKey) -> Mapping[str, float]:
        baseline = self._baselines.get(stream.model, stream.model_version, reader=transaction)
        part = baseline if stream.segment == ALL_ROWS else baseline.segments.get(stream.segment)
        performance = part.performance if part is not None else None
        return {name: one.value for name, one in performance.sums.measures().items()} if performance is not None else {}

    def _open(
        self,
        transaction: StateTransaction,
        tally: Tally,
        situation: Situation,
        facts: RetrainFacts,
        decision: RetrainDecision,
    ) -> None:
        stream, now = situation.stream, self._clock.now()
        first = decision.calls[0]
        known = {one.alert_id: one for one in situation.alerts}
        alert_ids = tuple(dict.fromkeys(call.alert_id for call in decision.calls if call.alert_id))
        verdicts = [one for one in situation.verdicts if one.status is Status.DRIFT]
        reason = next((_said(stream, one) for one in verdicts if one.kind.value == first.name), first.text)
        until = facts.moment - self._asking.label_wait
        episode = RetrainEpisode(
            retrain_id=uuid7(),
            model=stream.model,
            model_version=stream.model_version,
            state=decision.begins_as,
            triggered=facts.moment,
            until=min(situation.window.key.end, until) if situation.window is not None else until,
            reason=reason,
            alert_ids=alert_ids,
            history=(RetrainStep(at=now, state=decision.begins_as, note=reason),),
            segment=stream.segment,
            calls=tuple(dict.fromkeys(call.name for call in decision.calls)),
        )
        transaction.open_retrain(episode)
        transaction.set_mark(marks.labels_used(stream.model), transaction.mark(marks.labels(stream.model)))
        if decision.begins_as is RetrainState.DRY_RUN:
            return
        calling = [one for one in verdicts if one.kind.value in episode.calls]
        alerts = [known[one] for one in alert_ids]
        self._asking.announcer.retrain(transaction, episode, situation.window, calling, alerts, now)
        tally.count("retrain_triggers_total", model=stream.model, reason=first.name)

    def _watch(self, transaction: StateTransaction, window: WindowRecord) -> None:
        """End the watch over a promoted version where its windows are enough to tell."""
        key = window.key
        for episode in transaction.retrains(key.model, limit=_NEWEST):
            if episode.state is RetrainState.PROMOTED and key.model_version == watched_version(transaction, episode):
                self._end_watch(transaction, episode, key.model_version)

    def _end_watch(self, transaction: StateTransaction, episode: RetrainEpisode, version: str) -> None:
        stream = StreamKey(model=episode.model, model_version=version, segment=ALL_ROWS)
        before = StreamKey(model=episode.model, model_version=episode.model_version, segment=ALL_ROWS)
        policy = self._asking.policies.of(episode.model)
        baseline = self._baselines.get(episode.model, version, reader=transaction)
        measure = LOSS_MEASURE[baseline.schema.task]
        since = episode.watched_from
        windows = [
            one
            for one in reversed(self._complete(transaction, stream, _EPISODES))
            if since is None or one.key.end > since
        ]
        asked = transaction.windows(
            episode.model,
            model_version=before.model_version,
            segment=ALL_ROWS,
            stage=WindowStage.COMPLETE,
            end=episode.until,
            limit=1,
        )
        recovery = judged_recovery(
            windows,
            measure=measure,
            before=asked[0].performance.get(measure) if asked else None,
            reference=self._reference(transaction, stream).get(measure),
            calls=episode.calls,
            needed=policy.watch_windows,
        )
        if recovery is not None:
            state = RetrainState.RECOVERED if recovery.recovered else RetrainState.NOT_RECOVERED
            step = RetrainStep(at=self._clock.now(), state=state, note=recovery.text)
            transaction.step_retrain(episode.retrain_id, step)

    def _moment(self, reader: StateReader, model: str) -> datetime:
        """How far the stream has come; the clock's time before its first event."""
        latest, now = reader.mark(marks.latest_event(model)), self._clock.now()
        if latest == 0:
            return now
        received = reader.mark(marks.latest_received(model))
        return from_microseconds(watermark(latest, received, to_microseconds(now)))


def _expected(reader: StateReader, stream: StreamKey, limit: int) -> list[Mapping[str, EstimatedMeasure]]:
    """What was expected of the newest windows without labels, newest first; empty of those where nothing was."""
    found = reader.windows(stream.model, model_version=stream.model_version, segment=stream.segment, limit=limit)
    return [one.quality.estimate.measures if one.quality.estimate is not None else {} for one in found]


def watched_version(reader: StateReader, episode: RetrainEpisode) -> str:
    """The version that a promoted episode is watched by: the one that it made, or the one that answers now."""
    return episode.new_version or current_of(reader.baselines(episode.model)).model_version


def _said(stream: StreamKey, verdict: Verdict) -> str:
    return f"{stream.segment}: {verdict.text}" if stream.segment else verdict.text


def _may_call(policy: RetrainPolicy, alerts: tuple[Alert, ...]) -> bool:
    """Whether anything could be met: most windows of most models are spared the questions to the state."""
    parts = conditions(policy.when)
    if not all(isinstance(one, AlertFires | AnyOf | AllOf) for one in parts):
        return True
    wanted = {one.kind for one in parts if isinstance(one, AlertFires)}
    return any(one.kind in wanted for one in alerts)


__all__ = ["Asker", "Asking", "Situation", "watched_version"]
