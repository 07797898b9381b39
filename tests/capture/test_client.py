from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from driftwatch.capture import Client
from driftwatch.core.baseline import Baseline
from driftwatch.core.records import AlertKind, AlertState, RetrainState
from driftwatch.errors import InputError, ServiceError, ServiceRejected, ServiceUnavailable

ALERT = {
    "alert_id": "a1", "model": "m", "model_version": "1", "kind": "quality", "state": "firing",
    "started": "2013-04-01T00:00:00Z", "ended": None, "columns": ["x"], "evidence": 12.5, "reason": "worse",
    "a_field_of_a_later_version": 1,
}  # fmt: skip
EPISODE = {
    "retrain_id": "r1", "model": "m", "model_version": "1", "state": "delivered", "triggered": "2013-05-09T00:00:00Z",
    "until": "2013-05-08T00:00:00Z", "reason": "quality", "alert_ids": ["a1"], "new_version": None,
    "history": [{"at": "2013-05-09T00:00:00Z", "state": "requested", "note": ""}],
}  # fmt: skip
FRAME = pd.DataFrame({"x": [1.5, 2.5], "label": [1, 0]})


@pytest.fixture
def client(service: Any) -> Iterator[Client]:
    with Client(service.url) as connected:
        yield connected


def parquet(frame: pd.DataFrame) -> bytes:
    buffer = BytesIO()
    frame.to_parquet(buffer)
    return buffer.getvalue()


def answer_json(service: Any, document: object) -> None:
    service.replies(service.Reply(200, json.dumps(document).encode()))


def test_predictions_are_sent_as_json_has_them_and_have_ids(client: Client, service: Any) -> None:
    when = datetime(2013, 4, 1, 8, tzinfo=UTC)
    events = [
        {"prediction_id": "a", "event_time": when, "features": {"x": np.float32(1.5)}, "prediction": np.int64(1)},
        {"features": {"x": float("nan")}, "prediction": True, "score": {True: np.float64(0.75)}, "segment": None},
    ]
    answer = client.send_predictions("m", events)
    first, second = service.events
    assert first == {
        "prediction_id": "a", "event_time": "2013-04-01T08:00:00.000000Z", "features": {"x": 1.5}, "prediction": 1,
    }  # fmt: skip
    assert {name: second[name] for name in ("features", "prediction", "score")} == {
        "features": {"x": None}, "prediction": True, "score": {"true": 0.75},
    }  # fmt: skip
    assert set(second) == {"prediction_id", "features", "prediction", "score"}
    assert (answer.accepted, answer.duplicates, answer.rejected) == (2, 0, ())
    assert answer.prediction_ids == ("a", second["prediction_id"])


def test_refused_events_are_named_in_the_answer(client: Client, service: Any) -> None:
    refused = {"accepted": 1, "duplicates": 1, "prediction_ids": ["a", "b"]}
    problem = {"index": 2, "field": "features.x", "error": "must be a number"}
    service.replies(service.Reply(202, json.dumps({**refused, "rejected": [problem]}).encode()))
    answer = client.send_predictions("m", [{"features": {}, "prediction": 1}] * 3)
    assert (answer.accepted, answer.duplicates) == (1, 1)
    assert [(one.index, one.field, one.error) for one in answer.rejected] == [(2, "features.x", "must be a number")]


def test_labels_are_sent_with_the_time_they_became_known(client: Client, service: Any) -> None:
    client.send_labels("m", [{"prediction_id": "a", "label": np.float64(2.5), "event_time": pd.Timestamp(0, tz="UTC")}])
    assert service.requests[0].path == "/v1/models/m/labels"
    assert service.events == [
        {"prediction_id": "a", "label": 2.5, "event_time": "1970-01-01T00:00:00.000000Z"},
    ]


def test_nothing_is_asked_where_there_is_nothing_to_send(client: Client, service: Any) -> None:
    assert client.send_labels("m", []).accepted == 0
    assert service.requests == []


def test_a_baseline_is_registered_under_the_name_in_it(client: Client, service: Any) -> None:
    fitted = Baseline.fit({"x": [1.0, 2.0, 3.0]}, model="flights")
    answer_json(service, {})
    client.register(fitted)
    client.register(fitted.to_json().encode())
    client.register(fitted.to_json(), model="trains")
    assert [(request.method, request.path) for request in service.requests] == [
        ("PUT", "/v1/models/flights/baseline"),
        ("PUT", "/v1/models/flights/baseline"),
        ("PUT", "/v1/models/trains/baseline"),
    ]
    assert Baseline.from_json(service.requests[0].body).layout == fitted.layout


@pytest.mark.parametrize("document", ["", "[]", "{", '{"model": "m"}', '{"baseline": {"model": 3}}', b"\xff"])
def test_what_is_no_baseline_is_said_before_anything_is_sent(
    client: Client, service: Any, document: str | bytes
) -> None:
    with pytest.raises(InputError):
        client.register(document)
    assert service.requests == []


def test_a_baselines_document_comes_back_as_it_is(client: Client, service: Any) -> None:
    service.tells_baseline = True
    service.replies(service.Reply(200, b'{"model":  "m"}'))
    assert client.baseline("m", model_version="2 b") == '{"model":  "m"}'
    assert service.requests[0].path == "/v1/models/m/baseline?model_version=2+b"


def test_alerts_and_retrains_are_records(client: Client, service: Any) -> None:
    answer_json(service, [ALERT])
    (alert,) = client.alerts()
    assert (alert.kind, alert.state, alert.ended, alert.columns) == (AlertKind.QUALITY, AlertState.FIRING, None, ("x",))
    assert alert.started == datetime(2013, 4, 1, tzinfo=UTC)
    answer_json(service, [EPISODE])
    (episode,) = client.retrains()
    assert episode.state is RetrainState.DELIVERED
    assert episode.history[0].state is RetrainState.REQUESTED


def test_the_end_of_a_retrain_is_reported(client: Client, service: Any) -> None:
    answer_json(service, EPISODE)
    client.retrain_status("r/1", RetrainState.PROMOTED, "better", new_version="2")
    client.retrain_status("r1", "training")
    first, second = service.requests
    assert first.path == "/v1/retrains/r%2F1/status"
    assert first.json == {"state": "promoted", "note": "better", "new_version": "2"}
    assert second.json == {"state": "training", "note": ""}


def test_windows_are_asked_for_by_time_segment_and_version(client: Client, service: Any) -> None:
    answer_json(service, {"model": "m", "windows": []})
    assert client.drift("m") == {"model": "m", "windows": []}
    start = datetime(2013, 4, 1, tzinfo=UTC)
    client.performance("m", start=start, end="2013-05-01T00:00:00Z", segment="DE", model_version="1", limit=5)
    client.performance("m", provisional=True)
    assert [request.path for request in service.requests] == [
        "/v1/models/m/drift",
        "/v1/models/m/performance?from=2013-04-01T00%3A00%3A00.000000Z&to=2013-05-01T00%3A00%3A00.000000Z&"
        "segment=DE&model_version=1&limit=5",
        "/v1/models/m/performance?provisional=true",
    ]


def test_models_are_listed(client: Client, service: Any) -> None:
    answer_json(service, [{"model": "m"}])
    assert client.models() == [{"model": "m"}]


def test_an_export_is_a_frame_or_a_file(client: Client, service: Any, tmp_path: Path) -> None:
    service.replies(service.Reply(200, parquet(FRAME), content_type="application/vnd.apache.parquet"))
    pd.testing.assert_frame_equal(client.export("m"), FRAME)
    path = tmp_path / "events.parquet"
    assert client.export("m", datetime(2013, 4, 1, tzinfo=UTC), labelled=True, path=path) == path
    pd.testing.assert_frame_equal(pd.read_parquet(path), FRAME)
    assert [request.path for request in service.requests] == [
        "/v1/models/m/events",
        "/v1/models/m/events?from=2013-04-01T00%3A00%3A00.000000Z&labelled=true",
    ]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "reply",
    [
        {"status": 500},
        {"status": 404},
        {"break_off": True},
        {"status": 200, "content_type": "text/html", "body": b"<html>"},
        {
            "status": 200,
            "content_type": "application/vnd.apache.parquet",
            "body": b"PAR1",
            "headers": {"Content-Length": "1000000"},
        },
    ],
    ids=str,
)
def test_a_failed_export_leaves_the_file_as_it_was(service: Any, tmp_path: Path, reply: dict[str, Any]) -> None:
    service.replies(service.Reply(**reply))
    path = tmp_path / "events.parquet"
    path.write_text("before")
    with Client(service.url, timeout_seconds=0.3) as client, pytest.raises(ServiceError):
        client.export("m", path=path)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_be_written_is_no_trouble_of_the_service(
    client: Client, service: Any, tmp_path: Path
) -> None:
    service.replies(service.Reply(200, parquet(FRAME), content_type="application/vnd.apache.parquet"))
    with pytest.raises(FileNotFoundError):
        client.export("m", path=tmp_path / "nowhere" / "events.parquet")


def test_a_refusal_has_the_services_words_and_field(client: Client, service: Any) -> None:
    body = json.dumps({"type": "t", "title": "Invalid", "status": 422, "detail": "Must be a number.", "field": "x"})
    service.replies(service.Reply(422, body.encode(), content_type="application/problem+json"))
    with pytest.raises(ServiceRejected) as raised:
        client.models()
    assert (raised.value.detail, raised.value.field, raised.value.status) == ("Must be a number.", "x", 422)
    assert str(raised.value) == "x: Must be a number."


def test_a_service_that_asks_to_wait_says_how_long(client: Client, service: Any) -> None:
    service.replies(service.Reply(503, b'{"detail": "The disk is full."}', headers={"Retry-After": "7"}))
    with pytest.raises(ServiceUnavailable) as raised:
        client.models()
    assert raised.value.detail == "The disk is full."
    assert raised.value.retry_after_seconds == 7.0


def test_a_redirect_says_where_to(client: Client, service: Any) -> None:
    service.replies(service.Reply(307, headers={"Location": "https://monitor.example/"}))
    with pytest.raises(ServiceRejected, match=r"https://monitor\.example/"):
        client.models()


@pytest.mark.parametrize("body", [b"<html>", b"", b"\xff", b'{"models": []}', b"[1]", b"null"])
def test_an_answer_that_is_not_driftwatchs_is_told_as_such(client: Client, service: Any, body: bytes) -> None:
    service.replies(service.Reply(200, body, content_type="text/html"))
    with pytest.raises(ServiceUnavailable, match="URL point"):
        client.models()


def test_nobody_answers() -> None:
    client = Client("http://127.0.0.1:9")
    assert not client.ready()
    with pytest.raises(ServiceUnavailable, match="Is driftwatch serve running"):
        client.models()


def test_an_answer_that_does_not_come_ends_by_the_time_limit(service: Any) -> None:
    answered = threading.Event()
    service.script = lambda request: (answered.wait(10), service.Reply(200, b"[]"))[1]
    with Client(service.url, timeout_seconds=0.1) as client, pytest.raises(ServiceUnavailable, match="timed out"):
        client.models()
    answered.set()


def test_an_answer_without_end_is_not_read_to_its_end(
    client: Client, service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("driftwatch.capture.transport._LARGEST_ANSWER_BYTES", 1_000)
    service.replies(service.Reply(200, b"[" + b" " * 2_000 + b"]"))
    with pytest.raises(ServiceUnavailable, match="does not end"):
        client.models()


def test_readiness_is_what_the_service_says(client: Client, service: Any) -> None:
    service.replies(service.Reply(200, b"{}"), service.Reply(503, b"{}"))
    assert client.ready()
    assert not client.ready()


def test_a_connection_that_the_service_closed_meanwhile_is_opened_again(client: Client, service: Any) -> None:
    service.replies(service.Reply(200, b"[]"), service.Reply(break_off=True), service.Reply(200, b"[]"))
    assert client.models() == []
    assert client.models() == []
    assert service.connections == 2
    assert len(service.requests) == 3


def test_a_connection_that_was_idle_for_long_is_not_used_again(
    client: Client, service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_json(service, [])
    client.models()
    client.models()
    assert service.connections == 1
    later = time.monotonic() + 4.5
    monkeypatch.setattr("driftwatch.capture.transport.time.monotonic", lambda: later)
    client.models()
    assert service.connections == 2


def test_one_client_may_be_used_from_several_threads(client: Client, service: Any) -> None:
    answers: list[int] = []

    def send(start: int) -> None:
        for one in range(start, start + 20):
            answer = client.send_labels("m", [{"prediction_id": str(one), "label": 1}])
            answers.extend(int(sent) for sent in answer.prediction_ids)

    threads = [threading.Thread(target=send, args=(20 * one,)) for one in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == list(range(80))
    assert service.connections <= 4


def test_what_json_cannot_hold_is_said_before_anything_is_sent(client: Client, service: Any) -> None:
    with pytest.raises(InputError, match="Nothing was sent"):
        client.send_labels("m", [{"prediction_id": "\ud800", "label": 1}])
    assert service.requests == []


def test_an_event_time_that_is_none_is_for_the_service_to_refuse(client: Client, service: Any) -> None:
    client.send_labels("m", [{"prediction_id": "a", "label": 1, "event_time": "yesterday"}])
    assert service.events[0]["event_time"] == "yesterday"
