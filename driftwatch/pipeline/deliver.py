"""Stage 7: tell the sinks what the outbox holds, at least once, until it arrived or never will."""

from __future__ import annotations

import logging
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from driftwatch.core.records import RetrainState, RetrainStep
from driftwatch.core.retrain import may_follow
from driftwatch.crash_points import reached
from driftwatch.errors import SinkError, SinkRejected
from driftwatch.pipeline.telemetry import Telemetry
from driftwatch.ports import Clock, OutboxMessage, OutboxState, Sink, State

_LOGGER = logging.getLogger(__name__)
_AT_ONCE = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """How long to wait after failed attempts: doubling from ``first`` to ``longest``, given up after ``give_up``."""

    first: timedelta = timedelta(seconds=1)
    longest: timedelta = timedelta(minutes=15)
    give_up: timedelta = timedelta(hours=24)

    def wait(self, attempts: int, message_id: str) -> timedelta:
        """The pause after ``attempts`` failures: up to a quarter longer, by message, so that retries spread."""
        spread = 1 + (zlib.crc32(f"{message_id}:{attempts}".encode()) % 1_000) / 4_000
        return min(self.first * 2.0 ** min(attempts - 1, 30), self.longest) * spread


class Deliverer:
    """Sends what is due. A sink that is down delays nobody else's messages."""

    def __init__(
        self,
        state: State,
        sinks: Mapping[str, Sink],
        clock: Clock,
        telemetry: Telemetry,
        backoff: Backoff | None = None,
    ) -> None:
        self._state = state
        self._sinks = sinks
        self._clock = clock
        self._telemetry = telemetry
        self._backoff = backoff or Backoff()

    def deliver_due(self) -> int:
        """Attempt every message that is due, oldest first; answers how many arrived."""
        with self._state.read() as reader:
            due = reader.outbox(due_at=self._clock.now(), limit=_AT_ONCE)
        return sum(self._attempt(message) for message in due)

    def _attempt(self, message: OutboxMessage) -> bool:
        sink = self._sinks.get(message.sink)
        reached("outbox.delivering")
        try:
            if sink is None:
                raise SinkRejected(f"No sink is called {message.sink!r} any more.")
            note = sink.deliver(message)
        except SinkError as error:
            self._failed(message, error)
            return False
        reached("outbox.delivered")
        told = replace(message, state=OutboxState.DELIVERED, attempts=message.attempts + 1, last_error="")
        self._keep(told, RetrainState.DELIVERED, note)
        reached("outbox.noted")
        self._telemetry.count("notifications_total", sink=message.sink, outcome="delivered")
        return True

    def _failed(self, message: OutboxMessage, error: SinkError) -> None:
        now = self._clock.now()
        attempts = message.attempts + 1
        dead = isinstance(error, SinkRejected) or now - message.created_at >= self._backoff.give_up
        changed = replace(
            message,
            attempts=attempts,
            last_error=str(error),
            state=OutboxState.DEAD if dead else OutboxState.PENDING,
            next_attempt_at=now + self._backoff.wait(attempts, message.message_id),
        )
        self._keep(changed, RetrainState.FAILED if dead else None, f"{message.sink} could not be told: {error}")
        self._telemetry.count("notifications_total", sink=message.sink, outcome="dead" if dead else "failed")
        _LOGGER.warning("sink %s, attempt %d: %s", message.sink, attempts, error)

    def _keep(self, message: OutboxMessage, state: RetrainState | None, note: str) -> None:
        """Keep what became of a message, and note it in its retrain's history, together.

        A receiver may report before its answer to the delivery is read: then its word stands.
        """
        with self._state.transaction() as transaction:
            transaction.put_message(message)
            if message.retrain_id is None or state is None:
                return
            episode = transaction.retrain(message.retrain_id)
            if episode is not None and may_follow(episode.state, state):
                step = RetrainStep(at=self._clock.now(), state=state, note=note)
                transaction.step_retrain(message.retrain_id, step)
