"""A bounded buffer of recorded calls, and the thread that empties it.

What happens when the service is away: the oldest batch is tried again and again, newer calls wait behind it, and
when the buffer is full the newest are dropped and counted. So a full buffer costs the caller least: nothing is
copied any more.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from driftwatch.capture.events import Call
from driftwatch.capture.lifetime import Lifetime
from driftwatch.capture.prediction_ids import random_origin

_LOOK_SECONDS = 0.002
_SHORTEST_PAUSE_SECONDS = 0.1


class Dropped(StrEnum):
    """Why an event never reached the service.

    ``buffer_full``: there was no room. ``unreadable``: rows or results of a shape or type that cannot be logged.
    ``rejected``: the service refused it. ``closed``: it came after ``close()``, or could not be sent before the end.
    """

    BUFFER_FULL = "buffer_full"
    UNREADABLE = "unreadable"
    REJECTED = "rejected"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class BufferLimits:
    """How much is held, and for how long.

    Parameters
    ----------
    events
        Rows that are held at most, those on their way included.
    size_bytes
        Copied bytes that are held at most, about.
    batch_events
        Rows that go out in one request at most.
    linger_seconds
        How long a call waits for others to share its request.
    exit_seconds
        How long the interpreter waits for the last events when it ends.
    idle_seconds
        How long the thread stays when nothing comes; the next call starts another.
    """

    events: int = 10_000
    size_bytes: int = 64 * 2**20
    batch_events: int = 1_000
    linger_seconds: float = 0.5
    exit_seconds: float = 2.0
    idle_seconds: float = 10.0


class Waiting(Protocol):
    """What a delivery may ask of the buffer that it works for."""

    def pause(self, seconds: float) -> bool:
        """Wait; false when the time to wait any longer is over, and what is left is lost."""
        ...

    def drop(self, reason: Dropped, count: int) -> None:
        """Count events that will not be sent."""
        ...


Deliver = Callable[[list[Call], Waiting], None]
"""Bring calls to the service, however long it takes, and count what is dropped."""


class Buffer:
    """Holds calls until ``deliver`` has had them, in their order.

    Parameters
    ----------
    deliver
        Called in the background thread with at most ``limits.batch_events`` rows (or one call with more).
    limits
        See :class:`BufferLimits`.
    forked
        Called in a child process, where nothing of the parent's may be used on.
    """

    def __init__(self, deliver: Deliver, limits: BufferLimits, forked: Callable[[], None]) -> None:
        self._deliver = deliver
        self._forked = forked
        self.limits = limits
        self._begin()
        self._lifetime = Lifetime(self)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._hurry = threading.Event()
        self._calls: deque[Call] = deque()
        self._dropped: Counter[Dropped] = Counter()
        self._held_events = 0
        self._held_bytes = 0
        self._put_calls = 0
        self._done_calls = 0
        self._next_number = random_origin()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._give_up_at = float("inf")

    def room(self) -> int:
        """How many more events would be held now: what is beyond it need not be copied."""
        return 0 if self._held_bytes >= self.limits.size_bytes else self.limits.events - self._held_events

    def put(self, call: Call, first: int | None = None, reason: Dropped = Dropped.BUFFER_FULL) -> None:
        """Number the call's rows and hold it, if there is room. Waits for nothing but a short lock.

        ``first`` is given where the rows have their numbers already, from the other method's call; then what
        is lost is an addition to an event and no event, and is not counted. ``reason`` is why rows of this call
        were not kept.
        """
        kept = call.kept
        start = wake = False
        with self._lock:
            if first is None:
                call.first = self._next_number
                self._next_number += call.count
                lost = call.count - kept
            else:
                call.first = first
                lost = 0
            limits = self.limits
            if self._closed:
                lost, reason, kept = (call.count if first is None else 0), Dropped.CLOSED, 0
            elif kept and (
                self._held_events + kept > limits.events or self._held_bytes + call.size_bytes > limits.size_bytes
            ):
                lost, kept = (call.count if first is None else 0), 0
            if lost:
                self._dropped[reason] += lost
            if kept:
                wake = self._put_calls == self._done_calls or self._held_events + kept >= limits.batch_events
                self._calls.append(call)
                self._put_calls += 1
                self._held_events += kept
                self._held_bytes += call.size_bytes
                start = self._thread is None
                if start:
                    self._thread = threading.Thread(target=self._run, name="driftwatch-capture", daemon=True)
        if start:
            self._start()
        elif wake and not self._wake.is_set():
            self._wake.set()

    def drop(self, reason: Dropped, count: int) -> None:
        """Count events that will not be sent."""
        with self._lock:
            self._dropped[reason] += count

    @property
    def dropped(self) -> Counter[str]:
        """How many events were dropped, by reason."""
        with self._lock:
            return Counter({reason.value: count for reason, count in self._dropped.items()})

    @property
    def holds_calls(self) -> bool:
        """Whether something still waits to be sent."""
        return self._done_calls < self._put_calls

    def flush(self, timeout_seconds: float) -> bool:
        """Send now what is held; true if nothing of it is left when the time is over."""
        deadline = time.monotonic() + timeout_seconds
        with self._lock:
            wanted = self._put_calls
        if self._done_calls < wanted:
            self.hurry()
            while self._done_calls < wanted and time.monotonic() < deadline:
                time.sleep(_LOOK_SECONDS)
            self._hurry.clear()
        return self._done_calls >= wanted

    def hurry(self) -> None:
        """Linger and pause no more, until a flush is over."""
        self._hurry.set()
        self._wake.set()

    def close(self, timeout_seconds: float) -> bool:
        """Take nothing more, and send what is held; what is left when the time is over is dropped."""
        with self._lock:
            self._closed = True
            self._give_up_at = time.monotonic() + timeout_seconds
        sent = self.flush(timeout_seconds)
        with self._lock:
            left = list(self._calls)
            self._calls.clear()
            self._dropped[Dropped.CLOSED] += sum(call.kept for call in left)
            self._let_go(left)
        self._wake.set()
        return sent

    def begin_in_child(self) -> None:
        """After a fork: what is held is the parent's to send, and its thread did not come along."""
        closed = self._closed
        self._begin()
        self._closed = closed
        self._forked()

    def pause(self, seconds: float) -> bool:
        """Wait between two attempts; a flush shortens it. False once a closed buffer's time is over."""
        if self._hurry.wait(seconds):
            time.sleep(min(seconds, _SHORTEST_PAUSE_SECONDS))
        return time.monotonic() < self._give_up_at

    def _start(self) -> None:
        thread = self._thread
        if thread is not None:
            self._lifetime.watch_exit()
            try:
                thread.start()
            except RuntimeError:  # No more threads, or the interpreter is ending: the next call tries again.
                self._thread = None

    def _run(self) -> None:
        while batch := self._next_batch():
            try:
                self._deliver(batch, self)
            except Exception:  # noqa: BLE001 - a defect in here must not end the thread, and is seen in the counts
                self.drop(Dropped.UNREADABLE, sum(call.kept for call in batch))
            with self._lock:
                self._let_go(batch)

    def _let_go(self, calls: list[Call]) -> None:
        self._held_events -= sum(call.kept for call in calls)
        self._held_bytes -= sum(call.size_bytes for call in calls)
        self._done_calls += len(calls)

    def _next_batch(self) -> list[Call]:
        """Wait for calls and take a request's worth; nothing after a long silence, when the thread ends."""
        if not self._calls and not self._closed:
            self._wake.clear()
            if not self._calls:
                self._wake.wait(self.limits.idle_seconds)
        until = time.monotonic() + self.limits.linger_seconds
        while self._calls and self._held_events < self.limits.batch_events and not self._hurry.is_set():
            left = until - time.monotonic()
            if left <= 0:
                break
            self._wake.clear()
            self._wake.wait(left)
        batch: list[Call] = []
        rows = 0
        with self._lock:
            while self._calls and (not batch or rows + self._calls[0].kept <= self.limits.batch_events):
                batch.append(self._calls.popleft())
                rows += batch[-1].kept
            if not batch:
                self._thread = None
        return batch


__all__ = ["Buffer", "BufferLimits", "Deliver", "Dropped", "Waiting"]
