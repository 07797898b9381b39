"""Retrain episodes that stand still: each state has its time, and then the next retrain may be asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from driftwatch.core.episodes import CLOSED
from driftwatch.core.records import RetrainEpisode, RetrainState, RetrainStep
from driftwatch.core.retrain_policy import RetrainPolicies
from driftwatch.core.windows import format_duration, from_microseconds
from driftwatch.pipeline.judge import stream_time
from driftwatch.pipeline.retrain import watched_version
from driftwatch.pipeline.telemetry import Telemetry
from driftwatch.ports import Clock, OutboxState, State, StateReader, StateTransaction, current_of

_NEWEST = 10

WAITING = frozenset({OutboxState.PENDING, OutboxState.HELD})


class EpisodeKeeper:
    """Ends episodes whose time is over. Used by one thread."""

    def __init__(self, state: State, clock: Clock, policies: RetrainPolicies, telemetry: Telemetry) -> None:
        self._state = state
        self._clock = clock
        self._policies = policies
        self._telemetry = telemetry

    def step(self) -> bool:
        """End what is due; answers false, as nothing is left over."""
        with self._state.read() as reader:
            found = [
                episode
                for model in reader.models()
                for episode in reader.retrains(model, limit=_NEWEST)
                if episode.state not in CLOSED and self._end_of(reader, episode) is not None
            ]
        for episode in found:
            self._end(episode.retrain_id)
        return False

    def _end(self, retrain_id: str) -> None:
        with self._state.transaction() as transaction:
            episode = transaction.retrain(retrain_id)
            step = self._end_of(transaction, episode) if episode is not None else None
            if step is not None:
                transaction.step_retrain(retrain_id, step)
                withdraw(transaction, retrain_id)
        self._telemetry.touch()

    def _end_of(self, reader: StateReader, episode: RetrainEpisode) -> RetrainStep | None:
        """The step that ends it now; None where it goes on."""
        timeout = self._policies.of(episode.model).timeout(episode.state)
        if episode.state is RetrainState.PROMOTED:
            return self._end_of_watch(reader, episode)
        now, since = self._clock.now(), episode.history[-1].at
        if timeout is None or now - since < timeout:
            return None
        note = f"It was {episode.state.value.replace('_', ' ')} for {format_duration(timeout)}, and nothing was heard."
        return RetrainStep(at=now, state=RetrainState.TIMED_OUT, note=note)

    def _end_of_watch(self, reader: StateReader, episode: RetrainEpisode) -> RetrainStep | None:
        now = self._clock.now()
        watched, stored = watched_version(reader, episode), reader.baselines(episode.model)
        versions = [one.model_version for one in stored]
        if watched in versions and stored and current_of(stored).model_version != watched:
            newer = current_of(stored).model_version
            note = f"Version {newer} took over before the windows of version {watched} could tell."
            return RetrainStep(at=now, state=RetrainState.NOT_RECOVERED, note=note)
        timeout = self._policies.of(episode.model).timeout(RetrainState.PROMOTED)
        moment = stream_time(reader, episode.model, self._clock)
        reached = from_microseconds(moment) if moment is not None else now
        if timeout is None or reached - (episode.watched_from or episode.triggered) < timeout:
            return None
        note = (
            f"Within {format_duration(timeout)} too few windows of version {watched} had labels enough. "
            "Look at: whether it is served, under this model_version, and whether its labels arrive."
        )
        return RetrainStep(at=now, state=RetrainState.NOT_RECOVERED, note=note)


def withdraw(transaction: StateTransaction, retrain_id: str) -> None:
    """Tell nobody any more what was not told yet."""
    waiting: Sequence[OutboxState] = tuple(WAITING)
    for message in transaction.outbox(retrain_id=retrain_id):
        if message.state in waiting:
            transaction.put_message(replace(message, state=OutboxState.WITHDRAWN))


__all__ = ["WAITING", "EpisodeKeeper", "withdraw"]
