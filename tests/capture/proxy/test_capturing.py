"""What is copied while it passes, what becomes of it, and that nothing of this is felt by the traffic."""

import gzip
import json
import re
import struct
import time
from dataclasses import replace
from typing import Any

import pytest

from driftwatch.capture.buffer import BufferLimits
from driftwatch.errors import EventError
from driftwatch.wire import INFERENCE_FORMATS
from driftwatch.wire.json_path import json_path
from driftwatch.wire.path_map import PathMap, path_map
from tests.capture.proxy.wires import ModelServer, Running, Start, eventually

V2, V1 = "/v2/models/m/infer", "/v1/models/m:predict"
ASKED = {"instances": [[1, 2]]}
TOLD = {"predictions": ["yes"]}


def answering(
    model_server: ModelServer, body: Any = TOLD, status: str = "200 OK", headers: str = "", packed: bool = False
) -> None:
    told = body if isinstance(body, bytes) else json.dumps(body).encode()
    if packed:
        told = gzip.compress(told)
    head = f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(told)}\r\n\r\n".encode()
    model_server.answer(lambda _head, _body: head + told)


def ask(running: Running, path: str = V1, body: Any = ASKED, **headers: str) -> tuple[int, dict[str, str], bytes]:
    asked = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    client = running.connect()
    client.send(f"POST {path} HTTP/1.1\r\nHost: h\r\n{lines}Content-Length: {len(asked)}\r\n\r\n".encode() + asked)
    head = client.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
    told = client.take(int(fields["content-length"]))
    client.close()
    return int(head[0].split()[1]), fields, told


def sent(service: Any) -> list[dict[str, Any]]:
    return [event for one in service.requests if one.method == "POST" for event in one.json]


def test_a_prediction_is_logged_under_the_id_that_the_answer_shows(
    start: Start, model_server: ModelServer, service: Any
) -> None:
    answering(model_server)
    running = start()
    before = time.time()
    status, fields, told = ask(running)
    assert (status, json.loads(told)) == (200, TOLD)
    (event,) = eventually(lambda: sent(service))
    assert event["features"] == {"x": 1, "y": 2}
    assert event["prediction"] == "yes"
    assert event["prediction_id"] == fields["x-driftwatch-prediction-id"]
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", event["prediction_id"])
    assert before <= event["event_time"] <= time.time()
    assert running.value("predictions_total", model="m", outcome="ok") == 1
    assert running.delivery.captured == 1


def test_rows_of_one_request_have_its_id_and_their_position(
    start: Start, model_server: ModelServer, service: Any
) -> None:
    answering(model_server, {"predictions": ["yes", "no"]})
    ask(start(), body={"instances": [[1, 2], [3, 4]]}, x_request_id="r7")
    events = eventually(lambda: sent(service))
    assert [one["prediction_id"] for one in events] == ["r7/0", "r7/1"]


IDS = [
    ("the body's, first of all", V2, {"id": "b1"}, {"x_request_id": "r1", "ce_id": "c1"}, "", "b1"),
    ("x-request-id", V2, {}, {"ce_id": "c1", "x_request_id": "r1"}, "", "r1"),
    ("Ce-Id", V2, {}, {"seldon_puid": "s1", "Ce_Id": "c1"}, "", "c1"),
    ("Seldon-Puid", V2, {}, {"Seldon_Puid": "s1"}, "", "s1"),
    ("SageMaker's", V2, {}, {"X_Amzn_SageMaker_Inference_Id": "i1"}, "", "i1"),
    ("the answer's", V2, {}, {}, "Seldon-Puid: s2\r\n", "s2"),
    ("none that could not be in a header", V2, {"id": "b\r\nX: 1"}, {"x_request_id": "r1"}, "", "r1"),
]


@pytest.mark.parametrize(("what", "path", "extra", "headers", "told", "expected"), IDS, ids=[one[0] for one in IDS])
def test_ids_are_taken_from_where_they_are(
    start: Start, model_server: ModelServer, what: str, path: str, extra: Any, headers: Any, told: str, expected: str
) -> None:
    answering(model_server, headers=told)
    _, fields, _ = ask(start(), path, {**extra, "inputs": []}, **headers)
    assert fields["x-driftwatch-prediction-id"] == expected


def test_the_id_in_a_packed_body_is_seen(start: Start, model_server: ModelServer) -> None:
    answering(model_server)
    body = gzip.compress(b'{"id": "b1", "inputs": []}')
    assert ask(start(), V2, body, content_encoding="gzip")[1]["x-driftwatch-prediction-id"] == "b1"


def test_packed_bodies_and_binary_tensors_are_read(start: Start, model_server: ModelServer, service: Any) -> None:
    answering(
        model_server,
        {"outputs": [{"name": "y", "shape": [1], "datatype": "BYTES", "data": ["no"]}]},
        headers="Content-Encoding: gzip\r\n",
        packed=True,
    )
    head = json.dumps(
        {"inputs": [{"name": "i", "shape": [1, 2], "datatype": "FP32", "parameters": {"binary_data_size": 8}}]}
    ).encode()
    _status, _, told = ask(
        start(),
        V2,
        gzip.compress(head + struct.pack("<2f", 1.5, 2.5)),
        inference_header_content_length=str(len(head)),
        content_encoding="gzip",
    )
    assert gzip.decompress(told).startswith(b'{"outputs"')
    (event,) = eventually(lambda: sent(service))
    assert (event["features"], event["prediction"]) == ({"x": 1.5, "y": 2.5}, "no")


def test_columns_of_tensorflow_serving_are_logged(start: Start, model_server: ModelServer, service: Any) -> None:
    answering(model_server, {"outputs": {"probabilities": [[0.25, 0.75], [0.5, 0.5]]}})
    asked = {"signature_name": "serving_default", "inputs": {"x": [[1], [3]], "y": [[2], [4]]}}
    ask(start(), "/v1/models/m/versions/2:predict", asked)
    events = eventually(lambda: sent(service))
    assert [one["features"] for one in events] == [{"x": 1, "y": 2}, {"x": 3, "y": 4}]
    assert [(one["prediction"], one["score"]) for one in events] == [("yes", 0.75), ("no", 0.5)]


def test_any_json_is_logged_by_a_map(start: Start, model_server: ModelServer, service: Any) -> None:
    answering(model_server, {"score": 7})
    mapped = path_map(PathMap(route="/score", features=json_path("$.customer"), prediction=json_path("$.score")))
    ask(start(formats={"map": mapped}), "/score", {"customer": {"age": 3}})
    (event,) = eventually(lambda: sent(service))
    assert (event["features"], event["prediction"]) == ({"age": 3}, 7)


@pytest.mark.parametrize(("status", "outcome"), [("400 Bad", "client_error"), ("503 Busy", "server_error")])
def test_failed_predictions_are_counted_and_not_logged(
    start: Start, model_server: ModelServer, service: Any, status: str, outcome: str
) -> None:
    answering(model_server, {"error": "no"}, status)
    running = start()
    assert ask(running)[0] == int(status[:3])
    assert running.value("predictions_total", model="m", outcome=outcome) == 1
    running.stop()
    assert not sent(service)
    assert not running.delivery.unread


def test_what_is_no_prediction_is_not_touched(start: Start, model_server: ModelServer, service: Any) -> None:
    answering(model_server)
    running = start(served_as="m")
    for path in ("/v2/health/ready", "/v2/models/other/infer", "/anything"):
        assert "x-driftwatch-prediction-id" not in ask(running, path)[1]
    assert "x-driftwatch-prediction-id" in ask(running, V2)[1]


LOST = [
    ("a body that is no JSON", b"{", TOLD, "unparsable"),
    ("an answer that is no JSON", ASKED, b"<html>", "unparsable"),
    ("rows that do not fit the baseline", {"instances": [[1, 2, 3]]}, TOLD, "unparsable"),
    ("a bomb", gzip.compress(b" " * 2**22), TOLD, "unparsable"),
]


@pytest.mark.parametrize(("what", "asked", "told", "reason"), LOST, ids=[one[0] for one in LOST])
def test_what_cannot_be_read_passes_and_is_counted(
    start: Start, model_server: ModelServer, what: str, asked: Any, told: Any, reason: str
) -> None:
    answering(model_server, told)
    running = start()
    status, _, answer = ask(running, "/invocations", asked)
    assert status == 200
    assert answer == (told if isinstance(told, bytes) else json.dumps(told).encode())
    assert eventually(lambda: running.delivery.unread) == {reason: 1}


def test_a_defect_in_a_decoder_costs_the_event_and_nothing_else(
    start: Start, model_server: ModelServer, service: Any
) -> None:
    answering(model_server)

    def broken(*_: object) -> Any:
        raise ZeroDivisionError

    good = INFERENCE_FORMATS["kserve_v1"]
    running = start(formats={"bad": replace(INFERENCE_FORMATS["mlflow"], decode=broken, request_id=broken), "v1": good})
    assert ask(running, "/invocations")[0] == 200
    assert ask(running, V1)[0] == 200
    (event,) = eventually(lambda: sent(service))
    assert event["features"] == {"x": 1, "y": 2}
    assert running.delivery.unread == {"defect": 1}


def test_bodies_beyond_the_bound_pass_and_are_not_copied(start: Start, model_server: ModelServer) -> None:
    running = start(most_bytes=2_000)
    answering(model_server, b"x" * 5_000)
    assert len(ask(running)[2]) == 5_000
    assert ask(running, body=b"y" * 5_000)[0] == 200
    assert running.proxy.not_copied == {"too_large": 2}


def test_traffic_passes_while_the_monitor_is_dead_and_what_is_dropped_is_counted(
    start: Start, model_server: ModelServer
) -> None:
    answering(model_server)
    running = start(
        monitor="http://127.0.0.1:9",
        held=BufferLimits(events=20, batch_events=5, linger_seconds=0.01, exit_seconds=0.1),
    )
    for _ in range(50):
        assert ask(running)[0] == 200
    assert running.buffer.dropped["buffer_full"] >= 25
    running.stop()
    assert eventually(lambda: sum(running.buffer.dropped.values()) == 50)


def test_events_wait_for_a_monitor_that_does_not_know_the_model_yet(
    start: Start, model_server: ModelServer, service: Any
) -> None:
    answering(model_server)
    running = start()
    whole = service.script
    service.script = lambda request: service.Reply(404, b'{"detail": "unknown"}')
    assert ask(running)[0] == 200
    eventually(lambda: len(service.requests) > 1)
    assert not sent(service)
    service.script = whole
    (event,) = eventually(lambda: sent(service))
    assert event["features"] == {"x": 1, "y": 2}


def test_names_are_made_up_and_counted_where_nobody_tells_them(
    start: Start, model_server: ModelServer, service: Any
) -> None:
    answering(model_server)
    running = start()
    service.script = lambda request: (
        service.Reply(403, b'{"detail": "scope"}') if request.method == "GET" else service.accepted(request)
    )
    ask(running)
    (event,) = eventually(lambda: sent(service))
    assert event["features"] == {"x0": 1, "x1": 2}
    assert running.delivery.unnamed == 1


def test_a_decoder_never_sees_a_socket() -> None:
    seen: list[tuple[type, ...]] = []
    for one in INFERENCE_FORMATS.values():
        from driftwatch.wire.exchange import Request, Response

        request = Request("/", {}, b"{}")
        with pytest.raises(EventError):
            one.decode(request, Response({}, b"{}"))
        seen.append(tuple(type(getattr(request, name)) for name in ("path", "headers", "body")))
    assert set(seen) == {(str, dict, bytes)}
