"""A bounded buffer of recorded calls, and the thread that empties it.

What happens when the service is away: the oldest batch is tried again and again, newer calls wait behind it, and
when the buffer is full the newest are dropped and counted. So a full buffer costs the caller least: nothing is
copied any more.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

from driftwatch.capture.lifetime import Lifetime
from driftwatch.capture.prediction_ids import Numbers

_SHORTEST_PAUSE_SECONDS = 0.1
# A call of one row up to this size needs no account of its bytes: each is taken to be of as many.
SMALL_BYTES = 1_024


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
        Copied bytes that are held at most, about: rows of a hundred numbers reach the bound on events first, frames
        and very wide rows this one.
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
    size_bytes: int = 16 * 2**20
    batch_events: int = 1_000
    linger_seconds: float = 0.5
    exit_seconds: float = 2.0
    idle_seconds: float = 10.0


class Held(Protocol):
    """What a buffer holds."""

    @property
    def n_rows(self) -> int:
        """How many rows there were."""
        ...

    @property
    def kept(self) -> int:
        """How many of them are held, the first."""
        ...

    @property
    def size_bytes(self) -> int:
        """About how large they are."""
        ...

    @property
    def paired(self) -> bool:
        """Whether its events are those of something else that is held too."""
        ...


HeldT = TypeVar("HeldT", bound=Held)


class Waiting(Protocol):
    """What a delivery may ask of the buffer that it works for."""

    def pause(self, seconds: float) -> bool:
        """Wait; false when the time to wait any longer is over, and what is left is lost."""
        ...

    def drop(self, reason: Dropped, count: int) -> None:
        """Count events that will not be sent."""
        ...


class Deliver(Protocol[HeldT]):
    """Brings calls to the service."""

    def __call__(self, calls: list[HeldT], waiting: Waiting) -> None:
        """Send them, however long it takes, and count what is dropped."""
        ...

    def close(self) -> None:
        """Let go of connections; a later call may open new ones."""
        ...


class Buffer(Generic[HeldT]):
    """Holds calls until ``deliver`` has had them, in their order.

    Holding a call of one row takes no lock, so that a caller never waits for the background thread: several threads
    together can exceed the bound by a row each.

    Parameters
    ----------
    deliver
        Called in the background thread with at most ``limits.batch_events`` rows (or one call with more), and
        closed where the thread ends and in a child process.
    limits
        See :class:`BufferLimits`.
    """

    def __init__(self, deliver: Deliver[HeldT], limits: BufferLimits) -> None:
        self._deliver = deliver
        self.limits = limits
        self._begin()
        self._lifetime = Lifetime(self)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._hurry = threading.Event()
        self._calls: deque[HeldT | threading.Event] = deque()
        self._sending = 0
        self._more_events = 0
        self._held_bytes = 0
        self._most = self.limits.events
        self._dropped: Counter[Dropped] = Counter()
        self._thread: threading.Thread | None = None
        self._asleep = False
        self._closed = False
        self._give_up_at = float("inf")
        self.numbers = Numbers()
        """Gives each call the number of its first row."""

    def room(self) -> int:
        """How many more events would be held now: what is beyond it need not be copied. At most 0 when full."""
        return self._most - len(self._calls) - self._sending

    def put(self, call: HeldT, reason: Dropped = Dropped.BUFFER_FULL) -> None:
        """Hold the call, if there is room. ``reason`` is why rows of it were not copied.

        Of a call that is paired nothing is counted as dropped: it would only add to events of another call.
        """
        if _is_small(call) and not self._closed and self.room() > 0:
            self._calls.append(call)
        elif not self._hold_large(call, reason):
            return
        self._look_after()

    def put_small(self, call: HeldT) -> None:
        """Hold a call of one row of at most `SMALL_BYTES`, for which there was room a moment ago."""
        if self._closed:
            self.put(call)
            return
        self._calls.append(call)
        if self._asleep or self._thread is None or len(self._calls) >= self.limits.batch_events:
            self._look_after()

    def _look_after(self) -> None:
        """Have a thread that sees to it."""
        if self._asleep or len(self._calls) >= self.limits.batch_events:
            self._wake_up()
        if self._thread is None:
            self._start()

    def drop(self, reason: Dropped, count: int) -> None:
        """Count events that will not be sent."""
        if count:
            with self._lock:
                self._dropped[reason] += count

    def lose(self, n_rows: int, reason: Dropped) -> None:
        """Count rows of which nothing was copied."""
        self.drop(Dropped.CLOSED if self._closed else reason, n_rows)

    @property
    def dropped(self) -> Counter[str]:
        """How many events were dropped, by reason."""
        with self._lock:
            return Counter({reason.value: count for reason, count in self._dropped.items()})

    @property
    def holds_calls(self) -> bool:
        """Whether something still waits to be sent."""
        return self._thread is not None and bool(self._calls or self._sending)

    def flush(self, timeout_seconds: float) -> bool:
        """Send now what is held; true if nothing of it is left when the time is over."""
        if not self.holds_calls:
            return not self._calls
        done = threading.Event()
        self._calls.append(done)
        self.hurry()
        try:
            return done.wait(timeout_seconds)
        finally:
            self._hurry.clear()

    def hurry(self) -> None:
        """Linger and pause no more, until a flush is over."""
        self._hurry.set()
        self._wake.set()

    def close(self, timeout_seconds: float) -> bool:
        """Take nothing more, and send what is held; what is left when the time is over is dropped."""
        deadline = time.monotonic() + timeout_seconds
        with self._lock:
            self._closed = True
            self._give_up_at = deadline
            before = self._dropped[Dropped.CLOSED]
        sent = self.flush(timeout_seconds)
        left: list[HeldT] = []
        while self._calls:
            call = self._calls.popleft()
            if not isinstance(call, threading.Event):
                left.append(call)
        self.drop(Dropped.CLOSED, sum(call.kept for call in left))
        self._let_go(left)
        self._wake.set()
        thread = self._thread
        if thread is not None and thread.is_alive():
            thread.join(max(0.0, deadline - time.monotonic()))
        # A flush is over, too, when what was left was given up at the last moment.
        return sent and self._dropped[Dropped.CLOSED] == before

    def begin_in_child(self) -> None:
        """After a fork: what is held is the parent's to send, and its thread did not come along."""
        closed = self._closed
        self._begin()
        self._closed = closed
        self._deliver.close()

    def pause(self, seconds: float) -> bool:
        """Wait between two attempts; a flush shortens it. False once a closed buffer's time is over."""
        if self._hurry.wait(min(seconds, max(0.0, self._give_up_at - time.monotonic()))):
            time.sleep(min(seconds, _SHORTEST_PAUSE_SECONDS))
        return time.monotonic() < self._give_up_at

    def _hold_large(self, call: HeldT, reason: Dropped) -> bool:
        kept = call.kept
        with self._lock:
            lost = call.n_rows - kept
            if self._closed:
                lost, reason = call.n_rows, Dropped.CLOSED
            elif kept and (kept > self.room() or self._held_bytes + call.size_bytes > self.limits.size_bytes):
                lost, reason = call.n_rows, Dropped.BUFFER_FULL
            if lost and not call.paired:
                self._dropped[reason] += lost
            if lost == call.n_rows:
                return False
            if not _is_small(call):
                self._account(kept - 1, call.size_bytes)
            self._calls.append(call)
            return True

    def _let_go(self, calls: list[HeldT]) -> None:
        with self._lock:
            for call in calls:
                if not _is_small(call):
                    self._account(1 - call.kept, -call.size_bytes)

    def _account(self, more_events: int, size_bytes: int) -> None:
        """Keep the books of calls that are not small; the lock is held."""
        self._more_events += more_events
        self._held_bytes += size_bytes
        self._most = self.limits.events - self._more_events if self._held_bytes < self.limits.size_bytes else 0

    def _wake_up(self) -> None:
        if not self._wake.is_set():
            self._wake.set()

    def _start(self) -> None:
        with self._lock:
            if self._thread is not None:
                return
            thread = self._thread = threading.Thread(target=self._run, name="driftwatch-capture", daemon=True)
        self._lifetime.watch_exit()
        try:
            thread.start()
        except RuntimeError:  # No more threads, or the interpreter is ending: the next call tries again.
            self._thread = None

    def _run(self) -> None:
        while self._wait():
            batch = self._next_batch()
            if not batch:
                continue
            try:
                self._deliver(batch, self)
            except Exception:  # noqa: BLE001 - a defect in here must not end the thread, and is seen in the counts
                self.drop(Dropped.UNREADABLE, sum(call.kept for call in batch))
            self._let_go(batch)
            self._sending = 0
            del batch
        self._deliver.close()

    def _wait(self) -> bool:
        """Wait for calls, and for others to share their request; false after a long silence, when the thread ends."""
        while not self._calls:
            self._wake.clear()
            self._asleep = True
            if self._calls or self._closed or not self._wake.wait(self.limits.idle_seconds):
                break
        self._asleep = False
        if not self._calls and not self._stays():
            return False
        until = time.monotonic() + self.limits.linger_seconds
        while self.limits.events - self.room() < self.limits.batch_events and not self._hurry.is_set():
            left = until - time.monotonic()
            if left <= 0:
                break
            self._wake.clear()
            self._wake.wait(left)
        return True

    def _stays(self) -> bool:
        """End, unless a call came at this very moment and has seen the thread still there."""
        self._thread = None
        if not self._calls:
            return False
        with self._lock:
            if self._has_thread():
                return False
            self._thread = threading.current_thread()
            return True

    def _has_thread(self) -> bool:
        return self._thread is not None

    def _next_batch(self) -> list[HeldT]:
        """Take a request's worth, up to the end of a flush."""
        batch: list[HeldT] = []
        rows = 0
        while True:
            # Counted before it is taken, so that at no moment it seems to be gone.
            self._sending = len(batch) + 1
            try:
                call = self._calls.popleft()
            except IndexError:
                break
            if isinstance(call, threading.Event):
                if not batch:
                    call.set()
                    continue
            elif not batch or rows + call.kept <= self.limits.batch_events:
                batch.append(call)
                rows += call.kept
                continue
            self._calls.appendleft(call)
            break
        self._sending = len(batch)
        return batch


def _is_small(call: Held) -> bool:
    return call.kept == call.n_rows == 1 and call.size_bytes <= SMALL_BYTES


__all__ = ["SMALL_BYTES", "Buffer", "BufferLimits", "Deliver", "Dropped", "Held", "Waiting"]
