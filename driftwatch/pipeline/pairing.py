"""Exchanges that model servers' loggers send in halves: taken durably, paired, and brought to ingest.

What a logger is told is that its half is on disk. A thread of its own reads exchanges when they are whole; their events
have ids that follow from the exchange, so that a crash between ingest and forgetting repeats work and never rows.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import timedelta

from driftwatch.crash_points import reached
from driftwatch.errors import DriftwatchError, EventError, InputError, StoreError, UnknownModel, UnknownVersion
from driftwatch.pipeline.baselines import Baselines
from driftwatch.pipeline.halves import KINDS, ModelNaming, half_of
from driftwatch.pipeline.ingest import IndexedLabel, IndexedPrediction, Ingest
from driftwatch.pipeline.telemetry import Telemetry
from driftwatch.ports import Clock, Inbox, InboxRoom, LoggedHalf, SpoolReceipt
from driftwatch.wire.cloudevents import CloudEvent
from driftwatch.wire.inference import Expected, events_of
from driftwatch.wire.logged import LoggedBody, read_exchange, read_feedback
from driftwatch.wire.native import LabelEvent

_LOGGER = logging.getLogger(__name__)
_AT_ONCE = 256
_ROWS_AT_ONCE = 10_000
_DURABLE_SECONDS = 60.0
_IDLE_SECONDS = 0.5
_RESTS_A_STEP = 4.0
_LONGEST_REST_SECONDS = 0.1
_TROUBLE_SECONDS = 2.0
_EXPIRE_SECONDS = 5.0
_WARN_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PairingRules:
    """How exchanges are named, and how long they wait.

    Attributes
    ----------
    naming
        How the model of an event is found.
    wait
        How long a half waits for the other one.
    most_bytes
        What a body may inflate to.
    """

    naming: ModelNaming = field(default_factory=ModelNaming)
    wait: timedelta = timedelta(minutes=10)
    most_bytes: int = 32 * 2**20


class Pairing:
    """Takes events, and brings whole exchanges to ingest. Safe to use from several threads."""

    def __init__(
        self,
        inbox: Inbox,
        ingest: Ingest,
        baselines: Baselines,
        clock: Clock,
        telemetry: Telemetry,
        rules: PairingRules,
    ) -> None:
        self.inbox = inbox
        """Where halves wait."""
        self._ingest = ingest
        self._baselines = baselines
        self._clock = clock
        self._telemetry = telemetry
        self._rules = rules
        self._stop = threading.Event()
        self._trouble: str | None = None
        self._warned: dict[tuple[str, str], float] = {}
        self._thread = threading.Thread(target=self._run, name="driftwatch-pairing", daemon=True)

    def take(
        self, events: Sequence[CloudEvent], model: str | None = None, model_version: str | None = None
    ) -> Future[tuple[int, ...]] | None:
        """Keep the halves among the events; the future is done when they are on disk. None where there are none.

        Parameters
        ----------
        events
            As they came.
        model
            The model they are of; None to find it in their attributes.
        model_version
            The version they are of; None for the one that is current when they are read.

        Raises
        ------
        UnknownModel
            None of them is of a model that is registered.
        UnknownVersion
            The model has no such version.
        StoreFull
            There is no room at the moment; nothing was taken.
        """
        now = self._clock.now()
        halves: list[LoggedHalf] = []
        unknown: DriftwatchError | None = None
        for event in events:
            kind = KINDS.get(event.type)
            if kind is None:
                self._telemetry.count("cloudevents_total", kind="other", outcome="ignored")
                continue
            try:
                named = model or self._rules.naming.model_of(event, self._baselines)
                self._baselines.get(named, model_version)
            except (UnknownModel, UnknownVersion) as error:
                self._telemetry.count("cloudevents_total", kind=kind.value, outcome="unknown_model")
                unknown = error
                continue
            halves.append(half_of(event, kind, named, model_version or "", now))
        if not halves:
            if unknown is not None:
                raise unknown
            return None
        future = self.inbox.append(halves, now)
        future.add_done_callback(lambda done: self._count(halves, done))
        return future

    def step(self) -> int:
        """Bring the next whole exchanges to ingest; answers how many."""
        exchanges = self.inbox.whole(_AT_ONCE)
        work = _Work(self._rules.most_bytes)
        for position, exchange in enumerate(exchanges):
            work.read(exchange, self._baselines)
            if work.rows >= _ROWS_AT_ONCE or position == len(exchanges) - 1:
                self._ingested(work)
                work = _Work(self._rules.most_bytes)
        return len(exchanges)

    def expire(self) -> int:
        """Forget halves that waited too long, and count them as orphans; answers how many."""
        before = self._clock.now() - self._rules.wait
        orphans = self.inbox.forget_waiting(before, _AT_ONCE)
        for one in orphans:
            self._telemetry.count("cloudevents_orphaned_total", model=one.model, kind=one.kind.value)
        if not orphans:
            # An exchange that was read is known for as long as a half of it could have waited.
            self.inbox.forget_known(before)
        return len(orphans)

    def room(self) -> InboxRoom:
        """How much waits."""
        return self.inbox.room()

    def trouble(self) -> str | None:
        """What keeps exchanges from being read at the moment, if anything."""
        return self._trouble

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, timeout_seconds: float = 10.0) -> None:
        """Let it finish what it is at, and close the inbox; nothing is lost by stopping."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout_seconds)
        self.inbox.close()

    def _count(self, halves: Sequence[LoggedHalf], done: Future[tuple[int, ...]]) -> None:
        failed = done.cancelled() or done.exception() is not None
        known = () if failed else done.result()
        for position, half in enumerate(halves):
            outcome = "refused" if failed else "duplicate" if position in known else "taken"
            self._telemetry.count("cloudevents_total", kind=half.kind.value, outcome=outcome)

    def _ingested(self, work: _Work) -> None:
        receipts: list[Future[SpoolReceipt]] = []
        for model, predictions in work.predictions.items():
            try:
                receipts += self._ingest.predictions(model, predictions).receipts
            except InputError as error:
                work.lost.append(_Lost(model, "invalid", str(error)))
        for model, labels in work.labels.items():
            try:
                receipts += self._ingest.labels(model, labels).receipts
            except InputError as error:
                work.lost.append(_Lost(model, "invalid", str(error)))
        for receipt in receipts:
            receipt.result(_DURABLE_SECONDS)
        reached("inbox.ingested")
        self.inbox.done(work.keys, self._clock.now())
        for model, count in work.exchanges.items():
            self._telemetry.count("cloudevents_read_total", count, model=model)
        for lost in work.lost:
            self._telemetry.count("cloudevents_unread_total", model=lost.model, reason=lost.reason)
            self._warn(lost)

    def _warn(self, lost: _Lost) -> None:
        """Say it, once a minute for each model and reason."""
        now = time.monotonic()
        if now - self._warned.get((lost.model, lost.reason), -_WARN_SECONDS) >= _WARN_SECONDS:
            self._warned[lost.model, lost.reason] = now
            _LOGGER.warning(
                "model %s: a logged exchange was not read (%s: %s)", lost.model, lost.reason, lost.detail[:200]
            )

    def _run(self) -> None:
        expired_at = -_EXPIRE_SECONDS
        while not self._stop.is_set():
            try:
                begun = time.monotonic()
                done = self.step()
                if 0 < done < _AT_ONCE:
                    # A step costs much the same for one exchange as for a hundred: the next ones gather meanwhile.
                    self._stop.wait(min(_RESTS_A_STEP * (time.monotonic() - begun), _LONGEST_REST_SECONDS))
                if time.monotonic() - expired_at >= _EXPIRE_SECONDS and not self.expire():
                    expired_at = time.monotonic()
                if self._trouble is not None:
                    _LOGGER.info("logged exchanges are read again")
                self._trouble = None
                if not done:
                    self.inbox.wait(_IDLE_SECONDS)
            except Exception as error:
                if isinstance(error, StoreError):
                    text = str(error)
                else:
                    text = f"{type(error).__name__} in the pairing of exchanges; see the log"
                    _LOGGER.exception("the pairing of exchanges stopped at something unforeseen; trying again")
                if text != self._trouble:
                    _LOGGER.error("pairing: %s", text)
                self._trouble = text
                self._stop.wait(_TROUBLE_SECONDS)


@dataclass(frozen=True, slots=True)
class _Lost:
    """An exchange, or several, that gave no events; the detail has no values in it."""

    model: str
    reason: str
    detail: str


class _Work:
    """Exchanges that were read together, and their events by model."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self.keys: list[bytes] = []
        self.rows = 0
        self.predictions: dict[str, list[IndexedPrediction]] = {}
        self.labels: dict[str, list[IndexedLabel]] = {}
        self.exchanges: dict[str, int] = {}
        self.lost: list[_Lost] = []

    def read(self, exchange: tuple[LoggedHalf, ...], baselines: Baselines) -> None:
        """Make events of an exchange; one that cannot be read is noted."""
        self.keys.append(exchange[0].key)
        model = exchange[0].model
        try:
            count = self._pair(baselines, *exchange) if len(exchange) > 1 else self._feedback(baselines, exchange[0])
        except EventError as error:
            self.lost.append(_Lost(model, "unparsable", str(error)))
        except (UnknownModel, UnknownVersion) as error:
            self.lost.append(_Lost(model, "unknown_model", str(error)))
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - a defect in a decoder must cost no more than the exchange
            self.lost.append(_Lost(model, "defect", f"a defect in driftwatch: {type(error).__name__}"))
        else:
            self.rows += count
            self.exchanges[model] = self.exchanges.get(model, 0) + 1

    def _pair(self, baselines: Baselines, asked: LoggedHalf, told: LoggedHalf) -> int:
        schema = baselines.get(asked.model, asked.model_version or None).schema
        expected = Expected(tuple(column.name for column in schema.features), schema.classes)
        exchange = read_exchange(_body(asked), _body(told), self._most_bytes)
        found = events_of(
            exchange.inference,
            expected,
            prediction_id=exchange.request_id or asked.prediction_id,
            event_time=asked.event_time.timestamp(),
            model_version=asked.model_version or None,
        )
        self.predictions.setdefault(asked.model, []).extend((self.rows + at, one) for at, one in enumerate(found.rows))
        return len(found.rows)

    def _feedback(self, baselines: Baselines, half: LoggedHalf) -> int:
        classes = baselines.get(half.model, half.model_version or None).schema.classes
        found = read_feedback(_body(half), classes, self._most_bytes)
        prediction_id = found.prediction_id or half.prediction_id
        single = len(found.labels) == 1
        events = [
            LabelEvent(
                prediction_id=prediction_id if single else f"{prediction_id}/{row}",
                label=label,
                event_time=half.event_time.timestamp(),
            )
            for row, label in enumerate(found.labels)
        ]
        self.labels.setdefault(half.model, []).extend((self.rows + at, one) for at, one in enumerate(events))
        return len(events)


def _body(half: LoggedHalf) -> LoggedBody:
    return LoggedBody(body=half.body, content_type=half.content_type, protocol=half.protocol)


__all__ = ["Pairing", "PairingRules"]
