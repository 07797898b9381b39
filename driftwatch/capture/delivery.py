"""Brings recorded calls to the service: reads them, sends them, tries again. Runs in the background thread."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from driftwatch.capture.answers import Acceptance, read_as
from driftwatch.capture.buffer import Dropped, Waiting
from driftwatch.capture.events import NOTHING_KNOWN, Answer, Call, Event, Known, events_of
from driftwatch.capture.grouping import Paired, as_one, grouped, paired
from driftwatch.capture.rows import UnreadableRows
from driftwatch.capture.transport import Transport
from driftwatch.errors import ServiceRejected, ServiceUnavailable

if TYPE_CHECKING:
    from driftwatch.capture.baseline_names import BaselineNames

_FIRST_PAUSE_SECONDS = 0.25
_LONGEST_PAUSE_SECONDS = 30.0
_WARN_SECONDS = 60.0
# What somebody will set right at the service: a token it does not know, a model it does not know.
_LATER_STATUSES = frozenset({401, 403, 404})


class Delivery:
    """Sends the calls of one watched model.

    A service that is away, asks to wait, fails, or does not know the model or the token yet is tried again, with
    pauses that double up to 30 seconds, each shortened by chance so that many senders do not come back together. What
    the service refuses is counted and not sent again.
    """

    def __init__(self, transport: Transport, model: str, batch_events: int) -> None:
        self._transport = transport
        self._model = model
        self._path = f"/v1/models/{quote(model, safe='')}/predictions"
        self._batch_events = batch_events
        self._silent_until = 0.0
        self._names: BaselineNames | None = None

    def __call__(self, calls: list[Call], waiting: Waiting) -> None:
        """Send all events of ``calls``."""
        known = self._known(waiting) if _has_questions(calls) else NOTHING_KNOWN
        if known is None:
            waiting.drop(Dropped.CLOSED, sum(call.kept for call in calls if not call.paired))
            return
        events: list[Event] = []
        for group in grouped(paired(calls)):
            try:
                events += events_of(*as_one(group), known)
            except Exception:  # noqa: BLE001 - rows of any library may fail in any way
                for pair in group:
                    events += self._events_of_one(pair, known, waiting)
        for start in range(0, len(events), self._batch_events):
            self.send(events[start : start + self._batch_events], waiting)

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def _known(self, waiting: Waiting) -> Known | None:
        """What the baseline says of features and classes; None where the time to ask is over."""
        if self._names is None:
            from driftwatch.capture.baseline_names import BaselineNames
            from driftwatch.capture.client import Client

            self._names = BaselineNames(Client.over(self._transport), self._model, None, None, self.warn_of_waiting)
        return self._names.known(waiting)

    def _events_of_one(self, pair: Paired, known: Known, waiting: Waiting) -> list[Event]:
        try:
            return events_of(*pair, known)
        except Exception as error:  # noqa: BLE001 - as above
            kept = pair[0].kept
            waiting.drop(Dropped.UNREADABLE, kept)
            # Only what is said here is known to repeat no value.
            reason = str(error) if isinstance(error, UnreadableRows) else type(error).__name__
            self.warn(f"{kept} predictions could not be read: {reason}")
            return []

    def send(self, events: list[Any], waiting: Waiting) -> None:
        """Send events, at most as many as one request takes, however long it takes."""
        body = self._encoded(events, waiting)
        attempt = 0
        while body is not None:
            try:
                self._count(read_as(Acceptance, self._transport.request("POST", self._path, body)), waiting)
                return
            except ServiceUnavailable as error:
                asked, reason = error.retry_after_seconds, error.detail
            except ServiceRejected as error:
                if error.status == 413 and len(events) > 1:
                    half = len(events) // 2
                    self.send(events[:half], waiting)
                    self.send(events[half:], waiting)
                    return
                if error.status not in _LATER_STATUSES:
                    waiting.drop(Dropped.REJECTED, len(events))
                    at_fault = f"; at fault: {error.field}" if error.field else ""
                    self.warn(f"the service refused {len(events)} predictions (status {error.status}{at_fault})")
                    return
                asked, reason = None, error.detail
            self.warn_of_waiting(reason)
            if not waiting.pause(_pause_seconds(attempt, asked)):
                waiting.drop(Dropped.CLOSED, len(events))
                return
            attempt += 1

    def _encoded(self, events: list[Any], waiting: Waiting) -> bytes | None:
        """The events as a JSON array, without those that JSON cannot hold (a lone surrogate, an integer of 80 bits)."""
        import msgspec

        encode = msgspec.json.Encoder().encode
        sound: list[Any] = []
        texts: list[bytes] = []
        # One by one: a whole request's worth at once would keep the model's own threads waiting.
        for event in events:
            try:
                texts.append(encode(event))
            except (TypeError, ValueError, OverflowError):
                waiting.drop(Dropped.UNREADABLE, 1)
            else:
                sound.append(event)
        if len(sound) < len(events):
            self.warn(f"{len(events) - len(sound)} predictions have values that JSON cannot hold")
            events[:] = sound
        return b"[%b]" % b",".join(texts) if texts else None

    def _count(self, answer: Acceptance, waiting: Waiting) -> None:
        if answer.rejected:
            waiting.drop(Dropped.REJECTED, len(answer.rejected))
            fields = sorted({one.field or "the event" for one in answer.rejected})
            self.warn(f"the service refused {len(answer.rejected)} predictions; at fault: {', '.join(fields[:5])}")

    def warn_of_waiting(self, reason: str) -> None:
        """Log that nothing can be sent at the moment, likewise."""
        self.warn(f"predictions wait to be sent: {reason}")

    def warn(self, text: str) -> None:
        """Log at most once a minute, and never a value of a feature."""
        now = time.monotonic()
        if now >= self._silent_until:
            self._silent_until = now + _WARN_SECONDS
            import logging

            logging.getLogger("driftwatch.capture").warning("Model %r: %s", self._model, text)


def _has_questions(calls: list[Call]) -> bool:
    """Whether names of features or classes are missing that the baseline may know."""
    kinds = {(call.target, call.form is None or call.form.named, call.answer) for call in calls}
    return any(
        (not named and target.names() is None) or (answer is not Answer.PREDICTIONS and target.class_values() is None)
        for target, named, answer in kinds
    )


def _pause_seconds(attempt: int, asked_seconds: float | None) -> float:
    import random

    longest: float = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2.0 ** min(attempt, 10))
    chosen = longest * random.uniform(0.5, 1.0)  # noqa: S311 - chance spreads the load, it guards nothing
    return chosen if asked_seconds is None else max(chosen, min(asked_seconds, 2 * _LONGEST_PAUSE_SECONDS))


__all__ = ["Delivery"]
