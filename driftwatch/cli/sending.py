"""Sends a file's events to a service in the order of life: each label when it became known, at any speed."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from driftwatch.capture.answers import Acceptance
from driftwatch.capture.client import Client
from driftwatch.cli.events_file import Label, Part, Prediction
from driftwatch.errors import ServiceRejected, ServiceUnavailable

PATIENCE_SECONDS = 60.0
"""How long a service may be away, once it was there."""

_TICK_SECONDS = 0.25
_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 5.0
_REFUSALS_SHOWN = 3
_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)
_AFTER_ALL = datetime.max.replace(tzinfo=UTC)


@dataclass(slots=True)
class Tally:
    """What became of the events of one kind so far."""

    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0


@dataclass(slots=True)
class Result:
    """What became of a replay so far. ``refusals`` are the first few reasons, each with the row (from 1)."""

    rows: int = 0
    predictions: Tally = field(default_factory=Tally)
    labels: Tally = field(default_factory=Tally)
    refusals: list[str] = field(default_factory=list)


class Sending:
    """One replay.

    Parameters
    ----------
    client
        Where to.
    model
        The model's name there.
    batch
        Events in one request at most.
    speed
        How many times faster than life; None is as fast as the service takes.
    on_progress
        Called after each request.
    clock, sleep
        Seconds that pass, and how they are waited for.
    """

    def __init__(
        self,
        client: Client,
        model: str,
        *,
        batch: int,
        speed: float | None,
        on_progress: Callable[[Result], object],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.result = Result()
        self._client = client
        self._model = model
        self._batch = batch
        self._speed = speed
        self._on_progress = on_progress
        self._clock = clock
        self._sleep = sleep
        self._began: tuple[float, datetime] | None = None
        self._waiting: list[tuple[datetime, int, Label]] = []
        self._arrivals = count()

    def run(self, parts: Iterable[Part]) -> None:
        """Send everything.

        Raises
        ------
        ServiceUnavailable
            If the service stays away.
        ServiceRejected
            If it refuses whole requests, such as those of a model that it does not know.
        """
        for part in parts:
            labels = {one.row: one for one in part.labels}
            for step in self._steps(part.predictions):
                first, last = step[0].time, step[-1].time
                if first is not None:
                    self._send_labels(until=first)
                    self._wait_for(first)
                self._send_predictions(step)
                for one in step:
                    if one.row in labels:
                        self._remember(labels.pop(one.row))
                self._send_labels(until=last or _BEFORE_ALL)
            for label in labels.values():
                self._remember(label)
            self.result.rows += part.n_rows - len(part.predictions)
            self._on_progress(self.result)
        self._send_labels(until=_AFTER_ALL)

    def _steps(self, predictions: Sequence[Prediction]) -> Iterator[Sequence[Prediction]]:
        """Predictions that are sent together; with a speed, those of a quarter of a second."""
        span = self._span()
        step: list[Prediction] = []
        for one in predictions:
            if step and (len(step) == self._batch or _apart(step[0].time, one.time) >= span):
                yield step
                step = []
            step.append(one)
        if step:
            yield step

    def _span(self) -> timedelta:
        return timedelta.max if self._speed is None else timedelta(seconds=self._speed * _TICK_SECONDS)

    def _remember(self, label: Label) -> None:
        heapq.heappush(self._waiting, (label.time or _BEFORE_ALL, next(self._arrivals), label))

    def _send_labels(self, until: datetime) -> None:
        span = self._span()
        while self._waiting and self._waiting[0][0] <= until:
            due = self._waiting[0][0]
            if due > _BEFORE_ALL:
                self._wait_for(due)
            step: list[Label] = []
            while (
                self._waiting
                and len(step) < self._batch
                and self._waiting[0][0] <= until
                and self._waiting[0][0] - due < span
            ):
                step.append(heapq.heappop(self._waiting)[2])
            self._send(self._client.send_labels, step, self.result.labels)

    def _send_predictions(self, step: Sequence[Prediction]) -> None:
        self._send(self._client.send_predictions, step, self.result.predictions)
        self.result.rows += len(step)
        self._on_progress(self.result)

    def _send(
        self,
        send: Callable[[str, list[dict[str, Any]]], Acceptance],
        step: Sequence[Prediction | Label],
        tally: Tally,
    ) -> None:
        try:
            answer = self._patiently(send, [one.event for one in step])
        except ServiceRejected as error:
            if error.status == 413 and len(step) > 1:
                half = len(step) // 2
                self._send(send, step[:half], tally)
                self._send(send, step[half:], tally)
            elif error.status == 422:
                tally.rejected += len(step)
                self._note(step[0].row, str(error))
            else:
                raise
            return
        tally.accepted += answer.accepted
        tally.duplicates += answer.duplicates
        tally.rejected += len(answer.rejected)
        for refused in answer.rejected:
            self._note(step[refused.index].row, f"{refused.field}: {refused.error}" if refused.field else refused.error)

    def _note(self, row: int, reason: str) -> None:
        if len(self.result.refusals) < _REFUSALS_SHOWN:
            self.result.refusals.append(f"row {row + 1:,}: {reason}")

    def _patiently(
        self, send: Callable[[str, list[dict[str, Any]]], Acceptance], events: list[dict[str, Any]]
    ) -> Acceptance:
        """Send, and try again while the service is away; each event has its id, so nothing is counted twice."""
        deadline = self._clock() + PATIENCE_SECONDS
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                return send(self._model, events)
            except ServiceUnavailable as error:
                if self._clock() >= deadline:
                    raise
                asked = error.retry_after_seconds or 0.0
            left = max(0.0, deadline - self._clock())
            self._sleep(min(left, max(pause, min(asked, _LONGEST_PAUSE_SECONDS))))
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    def _wait_for(self, moment: datetime) -> None:
        """Wait until it is time, counted from the first event."""
        if self._speed is None:
            return
        if self._began is None:
            self._began = (self._clock(), moment)
        began, first = self._began
        seconds = began + (moment - first).total_seconds() / self._speed - self._clock()
        if seconds > 0:
            self._sleep(seconds)


def _apart(first: datetime | None, second: datetime | None) -> timedelta:
    return timedelta(0) if first is None or second is None else second - first


__all__ = ["PATIENCE_SECONDS", "Result", "Sending", "Tally"]
