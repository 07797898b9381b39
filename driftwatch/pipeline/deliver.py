"""Stage 7: tell the sinks what the outbox holds, at least once and in order, until it arrived or never will.

Each sink is told by a thread of its own, so that one that is down delays no other. Of each model a sink is told the
oldest message first; a later one waits until that has arrived, or was given up.
"""

from __future__ import annotations

import logging
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from driftwatch.core.episodes import CLOSED, may_follow
from driftwatch.core.records import RetrainState, RetrainStep
from driftwatch.crash_points import reached
from driftwatch.errors import SinkError, SinkRejected, SinkUnavailable
from driftwatch.pipeline.telemetry import Telemetry
from driftwatch.ports import Clock, OutboxMessage, OutboxState, Sink, State

_LOGGER = logging.getLogger(__name__)
_AT_ONCE = 32
_LONGEST_ERROR = 500


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
        for name in sinks:
            telemetry.count("notifications_total", 0, sink=name, outcome="delivered")

    @property
    def sinks(self) -> tuple[str, ...]:
        """The names of those who are told."""
        return tuple(self._sinks)

    def deliver_due(self) -> int:
        """Attempt what is due for every sink, one after the other; answers how many arrived."""
        return sum(self.deliver_to(name) for name in self._sinks) + self.give_up_unknown()

    def deliver_to(self, sink: str) -> int:
        """Attempt what is due for one sink, of each model the oldest; answers how many arrived."""
        with self._state.read() as reader:
            due = reader.heads(sink, self._clock.now(), _AT_ONCE)
        return sum(self._attempt(message) for message in due)

    def give_up_unknown(self) -> int:
        """Give up what is for sinks that the settings no longer have; answers 0, as nothing arrives."""
        with self._state.read() as reader:
            gone = [name for name in reader.pending_sinks() if name not in self._sinks]
        for name in gone:
            self.deliver_to(name)
        return 0

    def _attempt(self, message: OutboxMessage) -> bool:
        sink = self._sinks.get(message.sink)
        message = replace(message, tried_since=message.tried_since or self._clock.now())
        reached("outbox.delivering")
        try:
            if sink is None:
                raise SinkRejected(f"No sink is called {message.sink!r} any more.")
            note = sink.deliver(message)
        except SinkError as error:
            self._failed(message, error)
            return False
        except Exception as error:
            # A sink with a fault of its own must not stand still for ever, and no detail may tell a secret.
            _LOGGER.exception("sink %s", message.sink)
            self._failed(message, SinkUnavailable(f"The sink failed with {type(error).__name__}; see the log."))
            return False
        reached("outbox.delivered")
        told = replace(message, state=OutboxState.DELIVERED, attempts=message.attempts + 1, last_error="")
        self._keep(told, note)
        reached("outbox.noted")
        self._telemetry.count("notifications_total", sink=message.sink, outcome="delivered")
        return True

    def _failed(self, message: OutboxMessage, error: SinkError) -> None:
        reached("outbox.failed")
        now = self._clock.now()
        attempts = message.attempts + 1
        since = message.tried_since or now
        dead = isinstance(error, SinkRejected) or now - since >= self._backoff.give_up
        changed = replace(
            message,
            attempts=attempts,
            last_error=str(error)[:_LONGEST_ERROR],
            state=OutboxState.DEAD if dead else OutboxState.PENDING,
            next_attempt_at=now + self._backoff.wait(attempts, message.message_id),
        )
        self._keep(changed, f"{message.sink} could not be told: {changed.last_error}")
        self._telemetry.count("notifications_total", sink=message.sink, outcome="dead" if dead else "failed")
        _LOGGER.warning("sink %s, attempt %d: %s", message.sink, attempts, error)

    def _keep(self, message: OutboxMessage, note: str) -> None:
        """Keep what became of a message, and note it in its retrain's history, together.

        A receiver may report before its answer to the delivery is read: then its word stands. Of several receivers
        each is noted. A message that was withdrawn meanwhile stays so, unless it arrived.
        """
        with self._state.transaction() as transaction:
            present = transaction.message(message.message_id)
            withdrawn = present is not None and present.state is OutboxState.WITHDRAWN
            if withdrawn and message.state is not OutboxState.DELIVERED:
                message = replace(message, state=OutboxState.WITHDRAWN)
            transaction.put_message(message)
            if message.retrain_id is None:
                return
            episode = transaction.retrain(message.retrain_id)
            if episode is None or message.state in {OutboxState.PENDING, OutboxState.WITHDRAWN}:
                return
            messages = transaction.outbox(retrain_id=message.retrain_id)
            state = RetrainState.DELIVERED
            if message.state is OutboxState.DEAD:
                nobody = all(one.state is OutboxState.DEAD for one in messages)
                state = RetrainState.FAILED if nobody else episode.state
            if not may_follow(episode.state, state):
                if len(messages) == 1 or episode.state in CLOSED:
                    return
                state = episode.state
            transaction.step_retrain(message.retrain_id, RetrainStep(at=self._clock.now(), state=state, note=note))
