"""A clock that goes when it is told to, and a sink that remembers what it was told."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from datetime import datetime, timedelta

from driftwatch.ports import MessageKind, OutboxMessage


class ManualClock:
    """A clock that stands still until it is moved.

    Parameters
    ----------
    now
        Where it stands at first; UTC-aware.
    """

    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        """Where the clock stands."""
        return self._now

    def advance(self, duration: timedelta) -> None:
        """Move it, forward or back."""
        self._now += duration

    def set(self, now: datetime) -> None:
        """Put it somewhere."""
        self._now = now


class RecordingSink:
    """A sink that keeps what it is told.

    Parameters
    ----------
    name
        What messages call it.
    takes
        What it is told of; retrains by default.
    failures
        Errors to raise from the first deliveries, one each (`SinkUnavailable`, `SinkRejected`); after them it takes
        everything.

    Attributes
    ----------
    messages
        What was delivered, in order.
    attempts
        How often it was asked, failures included.
    """

    def __init__(
        self,
        name: str = "recording",
        failures: Iterable[Exception] = (),
        takes: Iterable[MessageKind] = (MessageKind.RETRAIN,),
    ) -> None:
        self.name = name
        self.takes = frozenset(takes)
        self.messages: list[OutboxMessage] = []
        self.attempts = 0
        self._failures = deque(failures)

    def deliver(self, message: OutboxMessage) -> str:
        """Keep the message, or raise the next of the failures."""
        self.attempts += 1
        if self._failures:
            raise self._failures.popleft()
        self.messages.append(message)
        return f"recorded as number {len(self.messages)}"
