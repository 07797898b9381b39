"""Exchanges out of what loggers keep of them: bodies, without paths and with few headers."""

import gzip
import json
from typing import Any

import pytest

from driftwatch.errors import EventError
from driftwatch.wire.inference import Expected, events_of
from driftwatch.wire.logged import LoggedBody, read_exchange, read_feedback
from tests.wire.test_inference_formats import CASES, TWO, XY, Case, as_bytes, binary, ints

MOST = 100_000
CSV = "text/csv"


def rows(asked: LoggedBody, told: LoggedBody, expected: Expected = XY) -> list[Any]:
    found = read_exchange(asked, told, MOST)
    events = events_of(found.inference, expected, prediction_id="a", event_time=0.0).rows
    return [(one.prediction_id, one.features, one.prediction, one.score) for one in events]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.format}: {case.what}")
def test_the_protocol_is_told_from_the_body_alone(case: Case) -> None:
    content_type = case.headers.get("content-type", "application/json")
    asked = LoggedBody(body=as_bytes(case.asked), content_type=content_type)
    # The logger of KServe sends the answer under its request's content type.
    told = LoggedBody(body=as_bytes(case.answered), content_type=content_type)
    assert rows(asked, told, case.expected) == case.events


def test_bodies_are_gzip_without_saying_so() -> None:
    asked = LoggedBody(body=gzip.compress(b'{"instances": [[1, 2], [3, 4]]}'), content_type="application/json")
    told = LoggedBody(body=gzip.compress(b'{"predictions": [5, 6]}'), content_type="application/json")
    assert rows(asked, told) == TWO


def test_inflation_is_bounded() -> None:
    bomb = gzip.compress(b" " * 10_000_000)
    with pytest.raises(EventError, match=r"more than 100,000 bytes"):
        read_exchange(LoggedBody(body=bomb), LoggedBody(body=b"{}"), MOST)
    with pytest.raises(EventError, match=r"more than 100,000 bytes"):
        read_exchange(LoggedBody(body=b'{"instances": [1]}'), LoggedBody(body=bomb), MOST)


@pytest.mark.parametrize("packed", [False, True], ids=["as it is", "gzip"])
def test_a_binary_body_of_v2_is_read_without_its_header_length(packed: bool) -> None:
    tensor = ({"name": "in", "shape": [2, 2], "datatype": "INT32"}, ints([1, 2, 3, 4]))
    _, asked = binary([tensor], "inputs")
    _, told = binary([({"name": "out", "shape": [2], "datatype": "INT32"}, ints([5, 6]))], "outputs")
    if packed:
        asked, told = gzip.compress(asked), gzip.compress(told)
    octets = "application/octet-stream"
    assert rows(LoggedBody(body=asked, content_type=octets), LoggedBody(body=told, content_type=octets)) == TWO


def test_an_answer_in_json_under_its_requests_csv_is_read() -> None:
    asked = LoggedBody(body=b"x,y\n1,2\n3,4\n", content_type=CSV)
    assert rows(asked, LoggedBody(body=b' {"predictions": [5, 6]}', content_type=CSV)) == TWO
    assert rows(asked, LoggedBody(body=b"5\n6\n", content_type=CSV)) == TWO


@pytest.mark.parametrize(
    ("protocol", "asked", "told"),
    [
        ("seldon", {"data": {"ndarray": [[1, 2], [3, 4]]}}, {"data": {"ndarray": [5, 6]}}),
        ("tensorflow", {"instances": [[1, 2], [3, 4]]}, {"predictions": [5, 6]}),
        ("v2", {"inputs": [{"name": "i", "shape": [2, 2], "datatype": "INT32", "data": [1, 2, 3, 4]}]},
         {"outputs": [{"name": "o", "shape": [2], "datatype": "INT32", "data": [5, 6]}]}),
    ],
)  # fmt: skip
def test_seldon_says_which_protocol_it_is(protocol: str, asked: Any, told: Any) -> None:
    one, other = (LoggedBody(body=json.dumps(each).encode(), protocol=protocol) for each in (asked, told))
    assert rows(one, other) == TWO


def test_the_id_in_the_request_is_found() -> None:
    told = LoggedBody(body=b'{"data": {"ndarray": [5]}}')
    asked = LoggedBody(body=b'{"meta": {"puid": "p-1"}, "data": {"ndarray": [[1, 2]]}}')
    assert read_exchange(asked, told, MOST).request_id == "p-1"


def test_what_is_of_no_protocol_is_refused() -> None:
    with pytest.raises(EventError, match="no known protocol"):
        read_exchange(LoggedBody(body=b'{"prompt": "hello"}'), LoggedBody(body=b"{}"), MOST)


def feedback(truth: Any, **more: Any) -> LoggedBody:
    return LoggedBody(body=json.dumps({"reward": 1.0, "truth": truth, **more}).encode())


@pytest.mark.parametrize(
    ("truth", "classes", "labels"),
    [
        ({"data": {"ndarray": [[1.5]]}}, (), [1.5]),
        ({"data": {"ndarray": [12, 7]}}, (), [12, 7]),
        ({"data": {"ndarray": ["yes"]}}, ("no", "yes"), ["yes"]),
        ({"data": {"tensor": {"shape": [2, 1], "values": [0, 1]}}}, ("0", "1"), [0, 1]),
        ({"data": {"names": ["no", "yes"], "ndarray": [[0, 1]]}}, ("no", "yes"), ["yes"]),
    ],
)
def test_the_truth_of_feedback_is_a_label_a_row(truth: Any, classes: tuple[str, ...], labels: list[Any]) -> None:
    assert read_feedback(feedback(truth), classes, MOST).labels == labels


def test_feedback_names_the_prediction_by_the_id_in_its_response_first() -> None:
    truth = {"data": {"ndarray": [1]}}
    both = feedback(truth, request={"meta": {"puid": "q"}}, response={"meta": {"puid": "r"}})
    assert read_feedback(both, (), MOST).prediction_id == "r"
    assert read_feedback(feedback(truth, request={"meta": {"puid": "q"}}), (), MOST).prediction_id == "q"
    assert read_feedback(feedback(truth, response={"meta": 7}), (), MOST).prediction_id is None


@pytest.mark.parametrize("message", [{}, {"reward": 1.0}, {"truth": {}}, {"truth": 5}, {"truth": {"strData": "a"}}])
def test_feedback_without_a_truth_is_refused(message: Any) -> None:
    with pytest.raises(EventError):
        read_feedback(LoggedBody(body=json.dumps(message).encode()), (), MOST)
