"""Traffic that keeps at it: what was not acknowledged is sent again, with the same ids, until it is."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from driftwatch import Baseline, Client
from driftwatch.capture.client import Acceptance
from driftwatch.errors import ServiceUnavailable

MODEL = "m"
FIRST_DAY = datetime(2026, 1, 5, tzinfo=UTC)
DAYS = 3


def baseline() -> Baseline:
    rng = np.random.default_rng(0)
    x = rng.normal(size=1_000)
    reference = {"x": x, "k": rng.choice(["a", "b"], 1_000), "y": x + rng.normal(size=1_000), "p": x}
    return Baseline.fit(reference, model=MODEL, task="regression", label="y", prediction="p")


@dataclass
class Ledger:
    """What the service said yes to."""

    predictions: dict[str, tuple[int, float]] = field(default_factory=dict)
    """Day and prediction by id."""
    labels: dict[str, float] = field(default_factory=dict)
    """The last label by id."""
    made: set[str] = field(default_factory=set)
    """Ids that the service made itself."""
    refused: int = 0
    """Times that it asked to come again."""

    def expected_error(self, day: int) -> float:
        """The mean absolute error of a day's labelled predictions."""
        errors = [
            abs(self.predictions[one][1] - label)
            for one, label in self.labels.items()
            if self.predictions[one][0] == day
        ]
        return float(np.mean(errors))


class Load:
    """Threads that send predictions and labels, each its own ids, one request at a time.

    Parameters
    ----------
    url
        Of the service; it may be away.
    senders
        How many threads.
    most_rows
        Of a batch.
    seed
        Of everything random.
    """

    def __init__(
        self, url: str, *, senders: int = 4, most_rows: int = 200, seed: int = 0, unnamed: bool = True
    ) -> None:
        self.ledger = Ledger()
        self.url = url
        self._most_rows = most_rows
        self._unnamed = unnamed
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._problems: list[str] = []
        self._threads = [
            threading.Thread(target=self._guarded, args=(number, random.Random(f"{seed}/{number}")))
            for number in range(senders)
        ]

    @contextmanager
    def running(self) -> Iterator[Ledger]:
        """Send while the block runs; when it has ended, everything that was sent is acknowledged."""
        for thread in self._threads:
            thread.start()
        try:
            yield self.ledger
        finally:
            self._stop.set()
            for thread in self._threads:
                thread.join(120)
        self.check()
        assert not any(thread.is_alive() for thread in self._threads)

    def check(self) -> None:
        """Fail where a sender has found that something is wrong."""
        assert not self._problems, self._problems

    def _guarded(self, number: int, choice: random.Random) -> None:
        try:
            with Client(self.url) as client:
                self._send_on(client, number, choice)
        except Exception as error:  # noqa: BLE001 - the test's own thread hears of it
            self._problems.append(repr(error))

    def _send_on(self, client: Client, number: int, choice: random.Random) -> None:
        sent = 0
        unlabelled: list[str] = []
        batches: list[list[dict[str, Any]]] = []
        while not self._stop.wait(0.01):
            ids = [f"{number}-{row}" for row in range(sent, sent + choice.randint(1, self._most_rows))]
            sent += len(ids)
            if choice.random() < 0.1:
                # Some labels come before their predictions.
                self._label(client, choice, ids[: len(ids) // 2])
            unlabelled += ids
            batches.append([self._event(choice, one) for one in ids])
            self._acknowledged(client, batches[-1])
            if choice.random() < 0.2:
                again = self._until_taken(client, "predictions", choice.choice(batches))
                assert again.accepted == 0, f"a batch that was sent again counted {again.accepted} rows"
            if choice.random() < 0.4:
                choice.shuffle(unlabelled)
                self._label(client, choice, unlabelled[: len(unlabelled) // 2])
                del unlabelled[: len(unlabelled) // 2]
            if self._unnamed and choice.random() < 0.1:
                self._send_unnamed(client, choice)

    def _event(self, choice: random.Random, prediction_id: str) -> dict[str, Any]:
        day, second, x = choice.randrange(DAYS), choice.randrange(86_400), choice.gauss(0, 1)
        moment = FIRST_DAY + timedelta(days=day, seconds=second)
        return {
            "prediction_id": prediction_id,
            "event_time": moment.isoformat(),
            "features": {"x": x, "k": choice.choice("ab")},
            "prediction": x,
        }

    def _acknowledged(self, client: Client, events: list[dict[str, Any]]) -> None:
        answer = self._until_taken(client, "predictions", events)
        assert answer.accepted + answer.duplicates == len(events)
        assert list(answer.prediction_ids) == [one["prediction_id"] for one in events]
        with self._lock:
            for one in events:
                day = (datetime.fromisoformat(one["event_time"]) - FIRST_DAY).days
                self.ledger.predictions[one["prediction_id"]] = day, one["prediction"]

    def _label(self, client: Client, choice: random.Random, ids: list[str]) -> None:
        if not ids:
            return
        for part in (ids, ids[: len(ids) // 10]):  # every tenth label is corrected
            labels = {one: choice.gauss(0, 2) for one in part}
            if labels:
                moment = (FIRST_DAY + timedelta(days=DAYS)).isoformat()
                sent = [{"prediction_id": one, "label": y, "event_time": moment} for one, y in labels.items()]
                assert self._until_taken(client, "labels", sent).accepted == len(sent)
                with self._lock:
                    self.ledger.labels |= labels

    def _send_unnamed(self, client: Client, choice: random.Random) -> None:
        """Not sent again: nobody could tell what a second sending would double."""
        events = [self._event(choice, "") for _ in range(5)]
        for one in events:
            del one["prediction_id"]
        try:
            answer = client.send_predictions(MODEL, events)
        except ServiceUnavailable:
            return
        with self._lock:
            self.ledger.made.update(answer.prediction_ids)

    def _until_taken(self, client: Client, kind: str, events: list[dict[str, Any]]) -> Acceptance:
        deadline = time.monotonic() + 120
        while True:
            try:
                return (
                    client.send_predictions(MODEL, events)
                    if kind == "predictions"
                    else client.send_labels(MODEL, events)
                )
            except ServiceUnavailable as unavailable:
                if unavailable.status == 503:
                    self.ledger.refused += 1
                    if not unavailable.retry_after_seconds:
                        raise AssertionError("a refusal without Retry-After") from unavailable
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
