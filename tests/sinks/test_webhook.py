import base64
import json
import logging
import socket
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from driftwatch.errors import SettingError, SinkRejected, SinkUnavailable
from driftwatch.ports import OutboxMessage
from driftwatch.sinks.webhook import WebhookSink

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


def test_the_receiver_can_verify_what_it_gets(receiver: Any, message: OutboxMessage) -> None:
    note = WebhookSink(receiver.url, SECRET).deliver(message)
    verified = Webhook(SECRET).verify(receiver.bodies[0], receiver.headers[0])
    assert verified == json.loads(message.body)
    assert receiver.headers[0]["webhook-id"] == message.message_id
    assert receiver.headers[0]["content-type"] == "application/cloudevents+json"
    assert receiver.paths == ["/hooks/s3cret-path"]
    assert note == f"delivered to {receiver.url.removesuffix('/hooks/s3cret-path')} (204)"


def test_a_body_that_was_changed_on_the_way_does_not_verify(receiver: Any, message: OutboxMessage) -> None:
    WebhookSink(receiver.url, SECRET).deliver(message)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(receiver.bodies[0] + b" ", receiver.headers[0])


def test_a_retry_has_the_same_id_and_a_new_time(receiver: Any, message: OutboxMessage) -> None:
    times = iter([datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, 1, tzinfo=UTC)])
    sink = WebhookSink(receiver.url, SECRET, now=lambda: next(times))
    sink.deliver(message)
    sink.deliver(replace(message, attempts=1))
    first, second = receiver.headers
    assert first["webhook-id"] == second["webhook-id"]
    assert int(second["webhook-timestamp"]) - int(first["webhook-timestamp"]) == 3600
    assert first["webhook-signature"] != second["webhook-signature"]


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_any_status_of_the_200s_says_that_it_arrived(receiver: Any, message: OutboxMessage, status: int) -> None:
    receiver.statuses = [status]
    assert str(status) in WebhookSink(receiver.url, SECRET).deliver(message)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_a_receiver_that_cannot_now_is_asked_again(receiver: Any, message: OutboxMessage, status: int) -> None:
    receiver.statuses = [status]
    with pytest.raises(SinkUnavailable, match=f"answered {status}"):
        WebhookSink(receiver.url, SECRET).deliver(message)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 422])
def test_a_receiver_that_refuses_is_not_asked_again(receiver: Any, message: OutboxMessage, status: int) -> None:
    receiver.statuses = [status]
    with pytest.raises(SinkRejected, match=f"answered {status}"):
        WebhookSink(receiver.url, SECRET).deliver(message)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(receiver: Any, message: OutboxMessage, status: int) -> None:
    receiver.statuses, receiver.location = [status], receiver.url.replace("hooks", "elsewhere")
    with pytest.raises(SinkRejected, match=r"redirects .* new address"):
        WebhookSink(receiver.url, SECRET).deliver(message)
    assert len(receiver.paths) == 1


def test_nobody_listening_may_be_somebody_later(message: OutboxMessage) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(SinkUnavailable, match="could not be reached"):
        WebhookSink(f"http://127.0.0.1:{port}/", SECRET).deliver(message)


def test_a_receiver_that_does_not_answer_in_time_is_asked_again(receiver: Any, message: OutboxMessage) -> None:
    receiver.pause.clear()
    with pytest.raises(SinkUnavailable, match="ReadTimeout"):
        WebhookSink(receiver.url, SECRET, timeout_seconds=0.2).deliver(message)


def test_neither_the_secret_nor_the_path_is_ever_shown(
    receiver: Any, message: OutboxMessage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="driftwatch")
    sink = WebhookSink(receiver.url, SECRET)
    receiver.statuses = [400, 503]
    shown = [repr(sink)]
    for expected in (SinkRejected, SinkUnavailable):
        with pytest.raises(expected) as caught:
            sink.deliver(message)
        shown.append(f"{caught.value!r} {caught.value}")
    text = " ".join(shown) + caplog.text
    assert "s3cret" not in text
    assert SECRET.removeprefix("whsec_")[:12] not in text


def test_a_proxy_in_the_environment_is_not_asked_for_this_machine(
    receiver: Any, message: OutboxMessage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    WebhookSink(receiver.url, SECRET).deliver(message)
    assert len(receiver.bodies) == 1


@pytest.mark.parametrize(
    "url", ["", "ci.example.com", "ftp://ci.example.com/x", "http://", "https://[::1", "http://u:p@ci.example.com/"]
)
def test_an_address_that_cannot_work_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(SettingError) as caught:
        WebhookSink(url, SECRET)
    assert caught.value.field == "webhook_url"


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "whsec_c2hvcnQ=", "whsec_not base64 at all, certainly not!", "hunter2"]
)
def test_a_secret_that_is_too_weak_is_refused_and_not_repeated(secret: str) -> None:
    with pytest.raises(SettingError) as caught:
        WebhookSink("https://ci.example.com/", secret)
    assert caught.value.field == "webhook_secret"
    assert not secret.removeprefix("whsec_") or secret not in str(caught.value)


def test_the_signature_is_of_the_time_it_is_sent_and_not_of_the_message(receiver: Any, message: OutboxMessage) -> None:
    WebhookSink(receiver.url, SECRET).deliver(message)
    sent = datetime.fromtimestamp(int(receiver.headers[0]["webhook-timestamp"]), UTC)
    assert abs(datetime.now(UTC) - sent) < timedelta(minutes=1)
