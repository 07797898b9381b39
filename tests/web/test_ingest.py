"""Events over HTTP: what is taken, what is refused, and how that is said."""

import gzip
import json
from collections.abc import Callable
from concurrent.futures import Future
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest

from driftwatch.core.events import Batch
from driftwatch.errors import StoreFull
from driftwatch.ports import SpoolReceipt
from driftwatch.wire import FORMATS

PROBLEM = "application/problem+json"
GOOD = {"prediction_id": "a", "features": {"distance": 800.0, "carrier": "AA"}, "prediction": 100.0}
BAD = {"prediction_id": "b", "features": {"distance": "far"}, "prediction": 100.0}


def post(web: Any, content: bytes, what: str = "predictions", model: str = "flights", **headers: str) -> Any:
    headers = {"content-type": "application/json", **{name.replace("_", "-"): one for name, one in headers.items()}}
    return web.client.post(f"/v1/models/{model}/{what}", content=content, headers=headers)


def problem(answer: Any, status: int) -> Any:
    assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM)
    document = answer.json()
    assert document["status"] == status
    assert document["type"].startswith("urn:problem-type:driftwatch:")
    assert document["title"]
    assert document["detail"].endswith(".")
    return document


def test_a_single_event_is_accepted_and_counted(web: Any) -> None:
    assert web.send("predictions", GOOD) == {"accepted": 1, "duplicates": 0, "rejected": [], "prediction_ids": ["a"]}
    web.settle()
    assert web.service.operations.models()[0].outstanding == 1


def test_an_id_is_made_where_none_is_given(web: Any) -> None:
    [made] = web.send("predictions", {**GOOD, "prediction_id": None})["prediction_ids"]
    assert (len(made), made[14]) == (36, "7")


def test_the_same_id_again_is_a_duplicate(web: Any) -> None:
    web.send("predictions", GOOD)
    assert web.send("predictions", [GOOD, {**GOOD, "prediction_id": "c"}]) == {
        "accepted": 1,
        "duplicates": 1,
        "rejected": [],
        "prediction_ids": ["a", "c"],
    }


def test_a_batch_keeps_its_good_events_and_names_the_bad_ones_by_index_and_field(web: Any) -> None:
    answer = web.send("predictions", [BAD, GOOD, {"features": {}}])
    assert answer["accepted"] == 1
    assert answer["rejected"] == [
        {"index": 0, "field": "features.distance", "error": "Must be a number, not the text 'far'."},
        {"index": 2, "field": "prediction", "error": "Is missing."},
    ]
    assert answer["prediction_ids"] == ["a"]


def test_lines_are_taken_like_an_array(web: Any) -> None:
    lines = "\n".join(json.dumps({**GOOD, "prediction_id": str(number)}) for number in range(3)).encode()
    answer = post(web, lines, content_type="application/x-ndjson; charset=utf-8")
    assert answer.json()["prediction_ids"] == ["0", "1", "2"]


def test_a_large_batch_is_taken_like_a_small_one(web: Any) -> None:
    events = [{**GOOD, "prediction_id": str(number)} for number in range(3_000)]
    assert web.send("predictions", [BAD, *events])["accepted"] == 3_000


def test_labels_meet_their_predictions(web: Any) -> None:
    web.send("predictions", GOOD)
    answer = web.send("labels", [{"prediction_id": "a", "label": 104.5}, {"prediction_id": "a", "label": "late"}])
    assert (answer["accepted"], answer["rejected"][0]["field"]) == (1, "label")
    web.settle()
    assert "labels_total" in {name for name, _ in web.service.telemetry.snapshot().counters}


def test_an_empty_array_is_accepted_and_changes_nothing(web: Any) -> None:
    assert web.send("predictions", []) == {"accepted": 0, "duplicates": 0, "rejected": [], "prediction_ids": []}


def test_a_single_bad_event_is_a_problem_with_its_field(drifted: Any) -> None:
    document = problem(post(drifted, json.dumps(BAD).encode()), 422)
    assert document["field"] == "features.distance"
    assert document["detail"] == "Must be a number, not the text 'far'."


def test_a_batch_of_bad_events_is_a_problem_that_lists_them(drifted: Any) -> None:
    document = problem(post(drifted, json.dumps([BAD, {}]).encode()), 422)
    assert document["detail"].startswith("None of the 2 events was taken; first: Must be a number")
    assert [(one["index"], one["field"]) for one in document["rejected"]] == [(0, "features.distance"), (1, "features")]


def test_rejections_are_counted_by_reason(web: Any) -> None:
    web.send("predictions", [GOOD, BAD, {"features": {}}])
    counters = web.service.telemetry.snapshot().counters
    rejected = {dict(labels)["reason"]: n for (name, labels), n in counters.items() if name == "events_rejected_total"}
    assert rejected == {"invalid": 1, "malformed": 1}


def test_an_unknown_model_is_not_found_and_leaves_no_trace(drifted: Any) -> None:
    for content in (json.dumps(GOOD).encode(), b'{"features":1}'):
        document = problem(post(drifted, content, model="nobody"), 404)
        assert document["field"] == "model"
    assert "nobody" not in str(drifted.service.telemetry.snapshot())


def test_an_unknown_version_is_a_field_at_fault(drifted: Any) -> None:
    document = problem(post(drifted, json.dumps({**GOOD, "model_version": "99"}).encode()), 422)
    assert document["field"] == "model_version"


@pytest.mark.parametrize("model", ["-flights", "a b", "ü", "x" * 129, "a%0Ab"])
def test_a_name_that_no_model_can_have_is_refused_by_its_rule(drifted: Any, model: str) -> None:
    document = problem(post(drifted, json.dumps(GOOD).encode(), model=model), 422)
    assert document["field"] == "model"
    assert "1 to 128 letters" in document["detail"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"{", "no JSON"),
        (b'{"features":{"\xff":1}}', "not UTF-8"),
        (b'{"features":{"distance":NaN},"prediction":1}', "JSON has no NaN; send null for a missing value."),
    ],
)
def test_a_body_that_is_no_json_is_a_bad_request(drifted: Any, content: bytes, words: str) -> None:
    assert words in problem(post(drifted, content), 400)["detail"]


def test_the_field_that_holds_nan_is_named(drifted: Any) -> None:
    document = problem(post(drifted, b'{"features":{"distance":NaN},"prediction":1}'), 400)
    assert document["field"] == "features.distance"


@pytest.mark.parametrize(
    "content_type", ["text/csv", "application/x-www-form-urlencoded", "application/json; charset=utf-16"]
)
def test_another_type_is_not_supported_and_the_answer_says_which_are(drifted: Any, content_type: str) -> None:
    answer = post(drifted, json.dumps(GOOD).encode(), content_type=content_type)
    assert problem(answer, 415)["field"] == "Content-Type"
    assert answer.headers["accept-post"] == ", ".join(FORMATS)


def test_gzip_is_inflated(web: Any) -> None:
    answer = post(web, gzip.compress(json.dumps(GOOD).encode()), content_encoding="gzip")
    assert answer.json()["accepted"] == 1


def test_zstd_is_inflated(web: Any) -> None:
    body = pa.compress(json.dumps(GOOD).encode(), codec="zstd", asbytes=True)
    assert post(web, body, content_encoding="zstd").json()["accepted"] == 1


def test_an_unknown_encoding_is_not_supported(drifted: Any) -> None:
    answer = post(drifted, b"x", content_encoding="br")
    assert problem(answer, 415)["field"] == "Content-Encoding"
    assert answer.headers["accept-encoding"] == "gzip, zstd"


@pytest.mark.parametrize("damage", [b"no gzip", gzip.compress(b"[]" * 100)[:-9]], ids=["no-gzip", "cut-short"])
def test_damaged_gzip_is_a_bad_request(drifted: Any, damage: bytes) -> None:
    problem(post(drifted, damage, content_encoding="gzip"), 400)


def test_a_body_above_the_bound_is_refused_before_it_is_read(make_web: Callable[..., Any]) -> None:
    web = make_web(max_body_bytes=2_000)
    assert "2,000 bytes" in problem(post(web, b" " * 2_001), 413)["detail"]


def test_a_body_of_unknown_length_is_bounded_while_it_comes(make_web: Callable[..., Any]) -> None:
    web = make_web(max_body_bytes=2_000)
    pieces = (b" " * 500 for _ in range(1_000))
    answer = web.client.post(
        "/v1/models/flights/predictions", content=pieces, headers={"content-type": "application/json"}
    )
    problem(answer, 413)


def test_what_gzip_inflates_to_is_bounded(make_web: Callable[..., Any]) -> None:
    web = make_web(max_body_bytes=2_000)
    bomb = gzip.compress(b" " * 10_000_000, 9)[:1_990]
    problem(post(web, bomb, content_encoding="gzip"), 413)


def test_a_body_in_pieces_is_put_together(web: Any) -> None:
    whole = json.dumps(GOOD).encode()
    answer = web.client.post(
        "/v1/models/flights/predictions",
        content=(whole[at : at + 7] for at in range(0, len(whole), 7)),
        headers={"content-type": "application/json"},
    )
    assert answer.json()["accepted"] == 1


class FullSpool:
    """Has no room: at the call, or only when it comes to writing."""

    def __init__(self, at_once: bool) -> None:
        self.at_once = at_once

    def __call__(self, batch: Batch, received_time: object) -> Future[SpoolReceipt]:
        error = StoreFull("The spool holds 5,000,000 rows. Wait until they are worked off.")
        if self.at_once:
            raise error
        future: Future[SpoolReceipt] = Future()
        future.set_exception(error)
        return future


@pytest.mark.parametrize("at_once", [True, False])
def test_no_room_asks_to_come_again(web: Any, monkeypatch: pytest.MonkeyPatch, at_once: bool) -> None:
    monkeypatch.setattr(web.service.spool, "append", FullSpool(at_once))
    answer = post(web, json.dumps(GOOD).encode())
    assert "5,000,000 rows" in problem(answer, 503)["detail"]
    assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_another_method_is_not_allowed(drifted: Any, method: str) -> None:
    answer = drifted.client.request(method, "/v1/models/flights/predictions")
    problem(answer, 405)
    assert answer.headers["allow"] == "POST"


def test_a_defect_shows_nothing_of_the_inside(
    web: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("/home/someone/secret.db")

    monkeypatch.setattr(web.service.spool, "append", broken)
    document = problem(post(web, json.dumps(GOOD).encode()), 500)
    assert "secret" not in json.dumps(document)
    assert "secret.db" in caplog.text


def test_an_event_of_the_far_future_is_refused_by_its_field(drifted: Any) -> None:
    future = (drifted.clock.now() + timedelta(days=1)).isoformat()
    assert problem(post(drifted, json.dumps({**GOOD, "event_time": future}).encode()), 422)["field"] == "event_time"


def test_ten_thousand_features_are_refused(drifted: Any) -> None:
    wide = {**GOOD, "features": {f"f{number}": 1.0 for number in range(10_000)}}
    assert problem(post(drifted, json.dumps(wide).encode()), 422)["field"] == "features"
