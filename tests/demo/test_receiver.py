"""The receiver believes signatures only, answers before it works, and works on nothing twice."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from driftwatch.demo.receiver import RetrainReceiver, RetrainRequest

SECRET = "whsec_" + base64.b64encode(b"a secret of twenty-four b").decode()
OTHER = "whsec_" + base64.b64encode(b"another secret of 24 byte").decode()


class Worker:
    """Keeps what it is given, and works only while it is let."""

    def __init__(self) -> None:
        self.requests: list[RetrainRequest] = []
        self.let = threading.Event()
        self.done = threading.Semaphore(0)

    def __call__(self, request: RetrainRequest) -> None:
        assert self.let.wait(10)
        self.requests.append(request)
        self.done.release()
        if request.reason == "break":
            raise RuntimeError("broken on purpose")


@pytest.fixture
def worker() -> Worker:
    return Worker()


@pytest.fixture
def receiver(worker: Worker) -> Iterator[RetrainReceiver]:
    with RetrainReceiver(SECRET, worker) as receiver:
        yield receiver
        worker.let.set()


def body(kind: str = "io.driftwatch.retrain.requested", reason: str = "MAE rose", **changed: Any) -> str:
    data = {
        "retrain_id": "r-1",
        "model": "flights",
        "model_version": "1",
        "triggered": "2013-05-03T12:00:00Z",
        "until": "2013-05-02T00:00:00Z",
        "reason": reason,
        "rows": 900,
        "status_url": "http://127.0.0.1:1/v1/retrains/r-1/status",
        **changed,
    }
    return json.dumps({"specversion": "1.0", "id": "r-1", "type": kind, "subject": "flights", "data": data})


def post(
    receiver: RetrainReceiver, content: str, *, message_id: str = "m-1", secret: str = SECRET, age_minutes: float = 0
) -> int:
    now = datetime.now(UTC) - timedelta(minutes=age_minutes)
    headers = {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(message_id, now, content),
    }
    return httpx.post(receiver.url, content=content, headers=headers).status_code


def test_a_signed_request_is_answered_before_it_is_worked_on(receiver: RetrainReceiver, worker: Worker) -> None:
    assert post(receiver, body()) == 202
    assert worker.requests == []
    worker.let.set()
    assert worker.done.acquire(timeout=10)
    assert worker.requests[0].until == datetime(2013, 5, 2, tzinfo=UTC)


def test_a_request_signed_with_another_secret_is_refused(receiver: RetrainReceiver, worker: Worker) -> None:
    assert post(receiver, body(), secret=OTHER) == 401
    assert post(receiver, body(reason="the next")) == 202
    worker.let.set()
    assert worker.done.acquire(timeout=10)
    assert [one.reason for one in worker.requests] == ["the next"]


def test_an_old_request_is_refused(receiver: RetrainReceiver) -> None:
    assert post(receiver, body(), age_minutes=10) == 401


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"webhook-id": "m-1", "webhook-timestamp": "soon", "webhook-signature": "v1,AAAA"},
        {"webhook-id": "m-1", "webhook-timestamp": "now", "webhook-signature": "nonsense"},
    ],
)
def test_headers_that_make_no_sense_are_refused(receiver: RetrainReceiver, headers: dict[str, str]) -> None:
    sent = {
        name: str(int(datetime.now(UTC).timestamp())) if value == "now" else value for name, value in headers.items()
    }
    assert httpx.post(receiver.url, content=body(), headers=sent).status_code == 401


def test_a_changed_body_is_refused(receiver: RetrainReceiver) -> None:
    now = datetime.now(UTC)
    headers = {
        "webhook-id": "m-1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(SECRET).sign("m-1", now, body()),
    }
    assert httpx.post(receiver.url, content=body(model="other"), headers=headers).status_code == 401


def test_the_same_request_again_is_worked_on_once(receiver: RetrainReceiver, worker: Worker) -> None:
    assert [post(receiver, body()), post(receiver, body()), post(receiver, body(), message_id="m-2")] == [202] * 3
    worker.let.set()
    assert worker.done.acquire(timeout=10)
    assert worker.done.acquire(timeout=10)
    receiver.__exit__(None, None, None)
    assert len(worker.requests) == 2


def test_an_error_ends_one_request_and_not_the_receiver(
    receiver: RetrainReceiver, worker: Worker, caplog: pytest.LogCaptureFixture
) -> None:
    worker.let.set()
    assert post(receiver, body(reason="break")) == 202
    assert post(receiver, body(reason="go on"), message_id="m-2") == 202
    assert worker.done.acquire(timeout=10)
    assert worker.done.acquire(timeout=10)
    assert [one.reason for one in worker.requests] == ["break", "go on"]
    assert "broken on purpose" in caplog.text


def test_another_kind_of_event_is_taken_and_left(receiver: RetrainReceiver, worker: Worker) -> None:
    assert post(receiver, body(kind="io.driftwatch.alert.fired")) == 202
    worker.let.set()
    receiver.__exit__(None, None, None)
    assert worker.requests == []


@pytest.mark.parametrize("content", ["[]", "no JSON", body(until="yesterday"), body(status_url=None)])
def test_a_signed_request_that_cannot_be_read_is_called_bad(receiver: RetrainReceiver, content: str) -> None:
    assert post(receiver, content) == 400


def test_a_huge_request_is_not_read(receiver: RetrainReceiver) -> None:
    assert post(receiver, "x" * 2_000_000) == 413
