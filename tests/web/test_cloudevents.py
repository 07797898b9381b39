"""What loggers of model servers send, over HTTP, and what stands in the log of it."""

import gzip
import json
import re
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from driftwatch.bootstrap import build_service
from driftwatch.settings import load_settings
from driftwatch.web.app import build_app
from driftwatch.wire.cloudevents import BATCHED, STRUCTURED
from tests.durability.serving import until
from tests.web.conftest import served
from tests.web.test_ingest import problem
from tests.wire.loggers import Sent, kserve, seldon
from tests.wire.test_inference_formats import binary

ASKED = {"instances": [[800.0, "AA"], [400.0, "UA"]]}
TOLD = {"predictions": [100.0, 50.0]}
ROWS = [(("800.0", "AA"), 100.0), (("400.0", "UA"), 50.0)]


def post(web: Any, sent: Sent, path: str = "/", **parameters: str) -> httpx.Response:
    answer = web.client.post(path, content=sent.body, headers=sent.headers, params=parameters)
    assert isinstance(answer, httpx.Response)
    return answer


def take(web: Any, *sent: Sent, path: str = "/") -> None:
    for one in sent:
        answer = post(web, one, path)
        assert (answer.status_code, answer.content) == (200, b""), answer.text
    web.settle()


def logged(web: Any) -> list[tuple[str, tuple[str, str], float]]:
    """Id, features and prediction of every row of the log."""
    rows = []
    for part in web.service.operations.export("flights"):
        batch = part.predictions
        columns = {name: values.to_list() for name, values in batch.columns.columns.items()}
        for at, one in enumerate(batch.prediction_ids):
            rows.append((one, (str(columns["distance"][at]), columns["carrier"][at]), columns["predicted"][at]))
    return rows


def counted(web: Any, name: str) -> dict[str, float]:
    web.client.get("/metrics")
    text = web.service.telemetry.snapshot().counters
    return {
        ",".join(value for _, value in labels): count for (counter, labels), count in text.items() if counter == name
    }


def both(**how: Any) -> tuple[Sent, Sent]:
    return kserve("request", ASKED, **how), kserve("response", TOLD, **how)


def test_a_request_and_its_response_are_logged_as_predictions(web: Any) -> None:
    take(web, *both(event_id="e-1"))
    assert logged(web) == [("e-1/0", *ROWS[0]), ("e-1/1", *ROWS[1])]


def test_the_time_of_a_prediction_is_that_of_its_request(web: Any) -> None:
    take(web, *both(time="2026-01-06T10:00:00.123456789Z"))
    [part] = web.service.operations.export("flights")
    assert set(part.predictions.event_time.tolist()) == {1_767_693_600_123_457}


def test_the_response_may_come_first(web: Any) -> None:
    request, response = both(event_id="e-1")
    take(web, response, request)
    assert len(logged(web)) == 2


@pytest.mark.parametrize("mode", ["structured", "batched"])
@pytest.mark.parametrize("path", ["/", "/v1/cloudevents"])
def test_every_mode_is_taken_at_both_addresses(web: Any, mode: str, path: str) -> None:
    envelopes = [one.structured() for one in both(event_id="e-1")]
    if mode == "batched":
        bodies, content_type = [json.dumps(envelopes).encode()], BATCHED
    else:
        bodies, content_type = [json.dumps(one).encode() for one in envelopes], STRUCTURED
    take(web, *(Sent(headers={"content-type": content_type}, body=body) for body in bodies), path=path)
    assert logged(web) == [("e-1/0", *ROWS[0]), ("e-1/1", *ROWS[1])]


def test_deliveries_that_repeat_are_one_prediction_before_and_after_it_is_read(web: Any) -> None:
    request, response = both()
    take(web, request, request, response, response)
    take(web, request, response)
    assert len(logged(web)) == 2
    assert counted(web, "cloudevents_total") == {
        "request,taken": 1, "request,duplicate": 2, "response,taken": 1, "response,duplicate": 2,
    }  # fmt: skip
    assert web.service.pairing.room().halves == 0


def test_what_differs_in_its_source_is_another_exchange(web: Any) -> None:
    request, response = both(event_id="e-1")
    elsewhere = Sent(headers={**response.headers, "Ce-Source": "http://localhost:9082/"}, body=response.body)
    take(web, request, elsewhere)
    assert (logged(web), web.service.pairing.room().waiting) == ([], 2)


def test_a_body_may_be_gzip_without_saying_so(web: Any) -> None:
    take(web, *(one.with_body(gzip.compress(one.body)) for one in both()))
    assert len(logged(web)) == 2


def test_a_body_may_be_gzip_and_say_so(web: Any) -> None:
    for one in both():
        packed = Sent(headers={**one.headers, "Content-Encoding": "gzip"}, body=gzip.compress(one.body))
        assert post(web, packed).status_code == 200
    web.settle()
    assert len(logged(web)) == 2


def test_v2_is_told_from_the_body_also_where_a_binary_one_lost_its_header_length(web: Any) -> None:
    distance = ({"name": "distance", "shape": [1], "datatype": "FP64"}, b"\0\0\0\0\0\0\x89\x40")
    carrier = ({"name": "carrier", "shape": [1], "datatype": "BYTES"}, b"\2\0\0\0AA")
    _, asked = binary([distance, carrier], "inputs")
    told = {"outputs": [{"name": "predict", "shape": [1], "datatype": "FP64", "data": [100.0]}]}
    how = {"content_type": "application/octet-stream", "event_id": "e-1"}
    take(web, kserve("request", asked, **how), kserve("response", told, **how))
    assert logged(web) == [("e-1", *ROWS[0])]


def test_an_answer_in_json_comes_under_its_requests_content_type(web: Any) -> None:
    how = {"content_type": "text/csv", "event_id": "e-1"}
    take(web, kserve("request", b"distance,carrier\n800,AA\n400,UA\n", **how), kserve("response", TOLD, **how))
    assert [one[2] for one in logged(web)] == [100.0, 50.0]


def test_seldon_pairs_by_its_request_id_and_its_feedback_gives_labels(web: Any) -> None:
    asked = {"data": {"names": ["distance", "carrier"], "ndarray": [[800.0, "AA"]]}}
    told = {"data": {"names": ["predicted"], "ndarray": [[100.0]]}, "meta": {}}
    truth = {"request": asked, "response": told, "reward": 0.5, "truth": {"data": {"ndarray": [[112.5]]}}}
    take(
        web,
        seldon("inference.request", asked, event_id="a"),
        seldon("inference.response", told, event_id="b"),
        seldon("feedback", truth, event_id="c"),
        seldon("feedback", truth, event_id="c"),
    )
    assert logged(web) == [("a1b2c3", *ROWS[0])]
    [part] = web.service.operations.export("flights", labelled=True)
    assert part.predictions.prediction_ids == ("a1b2c3",)
    assert counted(web, "cloudevents_total")["feedback,duplicate"] == 1


def test_nodes_of_one_seldon_graph_are_not_mixed_up(web: Any) -> None:
    asked = {"data": {"names": ["distance", "carrier"], "ndarray": [[800.0, "AA"]]}}
    other = {"Ce-Modelid": "scaler"}
    take(
        web,
        seldon("inference.request", {"data": {"ndarray": [[1, 2, 3]]}}, event_id="a", **other),
        seldon("inference.response", {"data": {"ndarray": [[100.0]]}}, event_id="b"),
        seldon("inference.request", asked, event_id="c"),
    )
    assert logged(web) == [("a1b2c3", *ROWS[0])]


def test_the_model_may_be_named_by_the_query(web: Any) -> None:
    for one in both(name="sklearn-iris"):
        assert post(web, one, model="flights", model_version="1").status_code == 200
    web.settle()
    assert len(logged(web)) == 2


def test_the_model_is_found_as_the_settings_say(make_web: Any) -> None:
    web = make_web(
        cloudevents_names=("{namespace}.{inferenceservicename}", "{modelid}"),
        cloudevents_models={"default.sklearn-iris": "flights"},
    )
    web.register()
    take(web, *both(name="sklearn-iris"))
    assert len(logged(web)) == 2
    problem(post(web, kserve("request", ASKED, name="sklearn")), 404)


def test_seldons_node_and_the_path_of_the_source_name_a_model_where_nothing_else_does(web: Any) -> None:
    for named in ({"Ce-Modelid": "flights"}, {"Ce-Source": "http://x:9000/serving/flights"}):
        assert post(web, kserve("request", ASKED, name="another", **named)).status_code == 200
    refused = problem(post(web, kserve("request", ASKED, name="another")), 404)
    assert (refused["field"], "'another'" in refused["detail"]) == ("model", True)


def test_an_unknown_version_is_refused(web: Any) -> None:
    assert problem(post(web, kserve("request", ASKED), model_version="9"), 404)["field"] == "model_version"


def test_a_request_whose_response_never_comes_is_an_orphan_after_a_time(web: Any) -> None:
    request, _ = both()
    take(web, request, kserve("response", TOLD, event_id="other"))
    assert web.service.pairing.expire() == 0
    web.clock.advance(timedelta(minutes=9))
    assert web.service.pairing.expire() == 0
    web.clock.advance(timedelta(minutes=2))
    assert web.service.pairing.expire() == 2
    assert counted(web, "cloudevents_orphaned_total") == {"request,flights": 1, "response,flights": 1}
    assert web.service.pairing.room().halves == 0


def test_other_events_are_taken_and_ignored_so_that_no_broker_sends_them_again(web: Any) -> None:
    take(web, seldon("inference.outlier", {}, event_id="o"))
    assert counted(web, "cloudevents_total") == {"other,ignored": 1}


@pytest.mark.parametrize(
    ("asked", "told", "reason"),
    [
        (b"\xff\xfe", TOLD, "unparsable"),
        ({"prompt": "hello"}, TOLD, "unparsable"),
        (ASKED, {"predictions": [1.0]}, "unparsable"),
        (gzip.compress(b"x" * 300_000), TOLD, "unparsable"),
    ],
    ids=["no text", "no protocol", "too few answers", "a bomb"],
)
def test_an_exchange_that_cannot_be_read_is_counted_and_hinders_no_other(
    make_web: Any, asked: Any, told: Any, reason: str
) -> None:
    web = make_web(max_body_bytes=200_000)
    web.register()
    how = {"event_id": "bad"}
    take(web, kserve("request", asked, **how), kserve("response", told, **how), *both(event_id="good"))
    assert [one[0] for one in logged(web)] == ["good/0", "good/1"]
    assert counted(web, "cloudevents_unread_total") == {f"flights,{reason}": 1}


def test_rows_that_do_not_fit_the_baseline_are_rejected_as_those_of_ingest_are(web: Any) -> None:
    take(web, kserve("request", {"instances": [["far", "AA"], [400.0, "UA"]]}), kserve("response", TOLD))
    assert [one[2] for one in logged(web)] == [50.0]
    assert counted(web, "events_rejected_total") == {"predictions,flights,invalid": 1}


@pytest.mark.parametrize(
    ("headers", "body", "field"),
    [
        ({"content-type": "application/json"}, b"{}", "Content-Type"),
        ({"content-type": STRUCTURED}, b"{", None),
        ({"content-type": "application/cloudevents+avro"}, b"", "Content-Type"),
        ({"content-type": BATCHED}, b'[{"id": "1"}]', "specversion"),
        ({"ce-id": "1", "ce-source": "s", "ce-type": "t"}, b"", "specversion"),
    ],
)
def test_what_is_no_event_is_refused(web: Any, headers: dict[str, str], body: bytes, field: str | None) -> None:
    answer = web.client.post("/", content=body, headers=headers)
    assert problem(answer, 400).get("field") == field
    assert counted(web, "cloudevents_total") == {"other,malformed": 1}


def test_of_a_batch_the_good_events_are_taken(web: Any) -> None:
    envelopes = [one.structured() for one in both(event_id="e-1")]
    body = json.dumps([envelopes[0], {"id": "broken"}, envelopes[1]]).encode()
    take(web, Sent(headers={"content-type": BATCHED}, body=body))
    assert len(logged(web)) == 2


def test_a_full_inbox_says_so_and_still_takes_what_makes_an_exchange_whole(make_web: Any) -> None:
    web = make_web(cloudevents_halves=2)
    web.register()
    requests, responses = zip(*(both(event_id=f"e-{number}") for number in range(3)), strict=True)
    assert [post(web, one).status_code for one in requests] == [200, 200, 503]
    take(web, *responses[:2])
    take(web, requests[2], responses[2])
    assert len(logged(web)) == 6


def test_get_is_still_the_dashboard_and_other_methods_are_refused(web: Any) -> None:
    assert web.client.get("/").headers["content-type"].startswith("text/html")
    assert web.client.put("/").status_code == 405
    assert web.client.get("/v1/cloudevents").headers["allow"] == "POST"


TOKEN = "dw_" + "a" * 43


@pytest.fixture
def guarded(make_web: Any) -> Any:
    from driftwatch.web.tokens import hash_of

    web = make_web(
        tokens=[
            {"name": "logger", "scopes": ["ingest"], "hash": hash_of(TOKEN)},
            {"name": "admin", "scopes": ["admin"], "hash": hash_of("all")},
        ]
    )
    put = web.client.put("/v1/models/flights/baseline", content=web.document, headers={"authorization": "Bearer all"})
    assert put.status_code == 200
    return web


def test_a_logger_shows_its_token_in_the_address_since_it_has_no_other_way(guarded: Any) -> None:
    request, _ = both()
    assert post(guarded, request).status_code == 401
    for auth in (httpx.BasicAuth("any", TOKEN), None):
        headers = request.headers if auth else {**request.headers, "authorization": f"Bearer {TOKEN}"}
        answer = guarded.client.post("/", content=request.body, headers=headers, auth=auth)
        assert answer.status_code == 200
    basic = httpx.BasicAuth("any", TOKEN)
    assert guarded.client.post("/v1/models/flights/labels", json=[], auth=basic).status_code == 401
    assert guarded.client.get("/v1/models", auth=basic).status_code == 403


def test_what_a_page_can_make_a_browser_send_unasked_is_no_event(guarded: Any) -> None:
    basic = httpx.BasicAuth("any", TOKEN)
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b"):
        answer = guarded.client.post("/", content=b"{}", headers={"content-type": content_type}, auth=basic)
        assert answer.status_code == 400


@pytest.fixture
def running(tmp_path: Path, document: str) -> Iterator[tuple[str, Any, Path]]:
    """A whole service with its threads, on disk."""
    settings = load_settings(data=tmp_path / "data", window=timedelta(days=1), disk_reserve_bytes=0)
    with closing(build_service(settings)) as service:
        service.operations.register_baseline("flights", document)
        service.start()
        with served(build_app(service, settings)) as url:
            yield url, service, tmp_path / "data"


def test_a_whole_service_logs_what_loggers_send_in_every_mode(running: tuple[str, Any, Path]) -> None:
    url, service, data = running
    with httpx.Client(base_url=url, trust_env=False, timeout=20) as client:
        for number in range(20):
            request, response = both(event_id=f"e-{number}")
            if number % 3 == 0:
                sent = [(one.headers, one.body) for one in (request, response)]
            elif number % 3 == 1:
                pair = [json.dumps(one.structured()).encode() for one in (request, response)]
                sent = [({"content-type": STRUCTURED}, body) for body in pair]
            else:
                batch = json.dumps([request.structured(), response.structured()]).encode()
                sent = [({"content-type": BATCHED}, batch)]
            for headers, body in sent:
                answer = client.post("/", content=body, headers=headers)
                assert (answer.status_code, answer.content) == (200, b"")
                assert "content-type" not in answer.headers
        until(lambda: service.pairing.room().halves == 0, what="pairing")
        service.pipeline.flush()
        read = re.compile(r'driftwatch_cloudevents_read_total\{model="flights"\} 20\.0')
        until(lambda: read.search(client.get("/metrics").text), what="counting")
    from pyarrow import parquet

    files = [parquet.read_table(one) for one in data.glob("log/**/*.parquet")]
    ids = {one for file in files for one in file.column("prediction_id").to_pylist()}
    assert ids == {f"e-{number}/{row}" for number in range(20) for row in range(2)}
