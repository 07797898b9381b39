"""A service that is killed while it asks for retrains tells every receiver, and one that honours the key acts once."""

from __future__ import annotations

import base64
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from driftwatch import Baseline, Client
from driftwatch.core.records import RetrainEpisode, RetrainState, RetrainStep
from driftwatch.errors import ServiceUnavailable
from driftwatch.ports import OutboxMessage, OutboxState
from driftwatch.stores.folder import DataFolder
from driftwatch.stores.state import SqlState

from .serving import Serving, until

SECRET = "whsec_" + base64.b64encode(b"a secret of twenty-four b").decode()
NOW = datetime(2026, 1, 1, tzinfo=UTC)
FIRST_DAY = datetime(2001, 1, 1, tzinfo=UTC)
"""Days go by quickly while a crash is waited for: none of them lies in the future."""
MESSAGES = 5
KILLS = int(os.environ.get("KILLS", "0"))


@dataclass
class Receiver:
    """A trainer that acts on a key when it sees it first. It has trouble with as many requests at first."""

    trouble: int = 0
    came: Counter[str] = field(default_factory=Counter)
    acted: list[str] = field(default_factory=list)
    """Keys in the order of their acts."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def status(self, key: str) -> int:
        with self.lock:
            self.came[key] += 1
            if self.trouble > 0:
                self.trouble -= 1
                return 503
            if key not in self.acted:
                self.acted.append(key)
            return 202


@contextmanager
def receiver(trouble: int = 0) -> Iterator[tuple[str, Receiver]]:
    """A receiver with its address."""
    received = Receiver(trouble)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(received.status(self.headers["webhook-id"]))
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/", received
        finally:
            server.shutdown()
            thread.join()


def fill_outbox(data: Path) -> None:
    with DataFolder(data) as folder, closing(SqlState.open(folder.state_url)) as state, state.transaction() as changes:
        for number in range(MESSAGES):
            changes.open_retrain(
                RetrainEpisode(
                    retrain_id=f"r{number}",
                    model="m",
                    model_version="1",
                    state=RetrainState.REQUESTED,
                    triggered=NOW,
                    until=NOW,
                    reason="it got worse",
                    alert_ids=(),
                    history=(RetrainStep(at=NOW, state=RetrainState.REQUESTED, note="it got worse"),),
                )
            )
            changes.put_message(
                OutboxMessage(
                    message_id=f"r{number}.webhook",
                    sink="webhook",
                    model="m",
                    body="{}",
                    created_at=datetime.now(UTC),
                    retrain_id=f"r{number}",
                    next_attempt_at=NOW,
                )
            )


def kept(data: Path) -> tuple[list[OutboxMessage], list[RetrainEpisode]]:
    with closing(SqlState.open(f"sqlite:///{data}/state.db")) as state, state.read() as reader:
        return reader.outbox(), reader.retrains()


@pytest.mark.slow
def test_every_receiver_is_told_under_one_key_however_often_the_service_is_killed(tmp_path: Path) -> None:
    data = tmp_path / "data"
    fill_outbox(data)
    with receiver() as (url, received):
        serving = Serving(data, tmp_path / "serve.log", webhook_url=url, webhook_secret=SECRET)
        try:
            for place in ("outbox.delivering", "outbox.delivered", "outbox.noted"):
                serving.start(crash_at=f"{place}:2")
                serving.wait_for_death()
            serving.start()
            until(lambda: len(received.came) == MESSAGES, what="delivery")
            until(lambda: all(one.state is OutboxState.DELIVERED for one in kept(data)[0]), what="noting")
        finally:
            serving.stop()
    messages, retrains = kept(data)
    assert {one.state for one in messages} == {OutboxState.DELIVERED}
    # Of one model they come in order, and only what its receiver had when the service died is sent again.
    assert received.acted == [one.message_id for one in messages]
    assert sum(received.came.values()) == MESSAGES + 1
    assert [[step.state for step in one.history] for one in retrains] == [
        [RetrainState.REQUESTED, RetrainState.DELIVERED]
    ] * MESSAGES


@pytest.mark.slow
def test_failed_attempts_and_dead_letters_survive_a_kill(tmp_path: Path) -> None:
    data = tmp_path / "data"
    fill_outbox(data)
    with receiver(trouble=10_000) as (url, received):
        settings = {"retry_first": "0s", "retry_give_up": "0s"}
        serving = Serving(data, tmp_path / "serve.log", webhook_url=url, webhook_secret=SECRET, **settings)
        try:
            for number in range(1, 4):
                serving.start(crash_at="outbox.failed" if number % 2 else "outbox.delivering:2")
                serving.wait_for_death()
            serving.start()
            with Client(serving.url) as client:
                until(lambda: len(client.outbox(state="dead")) == MESSAGES, what="giving up")
                serving.kill()
                serving.start()
                received.trouble = 0
                for one in client.outbox(state="dead")[-1:]:
                    client.resend(one["message_id"])
                until(lambda: received.acted == [f"r{MESSAGES - 1}.webhook"], what="the second chance")
                until(lambda: len(client.outbox(state="delivered")) == 1, what="noting")
        finally:
            serving.stop()
    messages, _ = kept(data)
    assert Counter(one.state for one in messages) == {OutboxState.DEAD: MESSAGES - 1, OutboxState.DELIVERED: 1}


def baseline() -> Baseline:
    reference = {"x": [float(one % 10) for one in range(500)]}
    reference |= {"p": reference["x"], "y": [x + (one % 3 - 1) for one, x in enumerate(reference["x"])]}
    return Baseline.fit(reference, model="m", task="regression", label="y", prediction="p")


def send_day(client: Client, number: int) -> None:
    """A day of a model that is far off, with its labels; until it is acknowledged, under the same ids."""
    day = FIRST_DAY + timedelta(days=number)
    times = [(day + timedelta(minutes=7 * row)).isoformat() for row in range(200)]
    events = [
        {"prediction_id": f"{number}-{row}", "event_time": times[row], "features": {"x": float(row % 10)},
         "prediction": float(row % 10)}
        for row in range(200)
    ]  # fmt: skip
    labels = [
        {"prediction_id": one["prediction_id"], "label": one["prediction"] + 9.0, "event_time": one["event_time"]}
        for one in events
    ]
    deadline = time.monotonic() + 120
    for send, given in ((client.send_predictions, events), (client.send_labels, labels)):
        while True:
            try:
                send("m", given)
                break
            except ServiceUnavailable:
                assert time.monotonic() < deadline
                time.sleep(0.05)


@pytest.mark.slow
def test_each_trigger_arrives_and_is_acted_on_once_wherever_the_service_is_killed(tmp_path: Path) -> None:
    """From the events on: verdict, episode and message are one transaction, delivery is repeated until noted."""
    choice = random.Random(int(os.environ.get("KILLS_SEED", "1")))
    short = ["stages.saved", "stages.committed", "outbox.delivering", "outbox.delivered", "outbox.noted"]
    places = [f"{choice.choice(short)}:{choice.randint(1, 3)}" for _ in range(KILLS)] if KILLS else short
    data = tmp_path / "data"
    with receiver(trouble=2) as (url, received):
        serving = Serving(
            data, tmp_path / "serve.log", webhook_url=url, webhook_secret=SECRET, window="1d", lateness="0s",
            label_wait="0s", retry_first="0s", windows_keep="30000d",
            retrain='{"cooldown": "0s", "timeouts": {"delivered": "100d", "requested": "100d"}}',
        )  # fmt: skip
        sender_stops = threading.Event()

        def finish_retrains() -> None:
            """What a trainer does, at random moments: its report makes way for the next trigger."""
            with Client(serving.url) as client:
                while not sender_stops.wait(0.05):
                    try:
                        for one in client.retrains():
                            if one.state is RetrainState.DELIVERED:
                                client.retrain_status(one.retrain_id, RetrainState.REJECTED, "no better")
                    except ServiceUnavailable:
                        continue

        trainer = threading.Thread(target=finish_retrains)
        serving.start()
        try:
            with Client(serving.url) as client:
                client.register(baseline())
                trainer.start()
                days = iter(range(10_000))
                for _ in range(4):
                    send_day(client, next(days))
                for place in places:
                    serving.kill()
                    serving.start(crash_at=place)
                    deadline = time.monotonic() + 120
                    while not serving.has_died():
                        assert time.monotonic() < deadline, place
                        quick = threading.Thread(target=send_day, args=(client, next(days)))
                        quick.start()
                        while quick.is_alive() and not serving.has_died():
                            quick.join(0.05)
                        if quick.is_alive():
                            serving.start()
                            quick.join(120)
                            break
                if serving.has_died():
                    serving.start()
                for _ in range(3):
                    send_day(client, next(days))
                    until(lambda: client.models()[0]["pending_rows"] == 0, what="working off")
                until(lambda: client.models()[0]["pending_rows"] == 0, what="working off")
                until(lambda: not client.outbox(state="pending"), what="delivery")
        finally:
            sender_stops.set()
            if trainer.is_alive():
                trainer.join(30)
            serving.stop()
    messages, retrains = kept(data)
    assert len(retrains) >= 2
    assert {one.state for one in messages} == {OutboxState.DELIVERED}
    assert {f"{one.retrain_id}.webhook" for one in retrains} == {one.message_id for one in messages}
    assert len(received.acted) == len(set(received.acted))
    assert received.acted == [one.message_id for one in messages], "in order, each once"
    triggered = [one.triggered for one in retrains]
    assert len(triggered) == len(set(triggered)), "no evidence asked twice"
