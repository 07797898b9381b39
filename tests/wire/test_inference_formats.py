"""Payloads as each protocol's documentation has them, and what the events must be."""

import gzip
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from driftwatch.errors import EventError
from driftwatch.wire import INFERENCE_FORMATS
from driftwatch.wire.exchange import Request, Response, inflated
from driftwatch.wire.inference import NOTHING_EXPECTED, Expected, InferenceFormat, events_of
from driftwatch.wire.json_path import json_path
from driftwatch.wire.path_map import PathMap, path_map


def format_of(request: Request) -> str:
    return next(name for name, one in INFERENCE_FORMATS.items() if one.sniff(request))


def seen(
    kind: InferenceFormat, request: Request, response: Response, expected: Expected = NOTHING_EXPECTED
) -> list[tuple[str | None, dict[str, Any], Any, Any]]:
    found = events_of(kind.decode(request, response), expected, prediction_id="a", event_time=0.0)
    return [(one.prediction_id, one.features, one.prediction, one.score) for one in found.rows]


@dataclass
class Case:
    what: str
    format: str
    path: str
    asked: Any
    answered: Any
    events: list[tuple[str, dict[str, Any], Any, Any]]
    expected: Expected = NOTHING_EXPECTED
    headers: Mapping[str, str] = field(default_factory=dict)
    answer_headers: Mapping[str, str] = field(default_factory=dict)


def oip(name: str, shape: list[int], datatype: str, data: Any) -> dict[str, Any]:
    return {"name": name, "shape": shape, "datatype": datatype, "data": data}


V2, V1 = "/v2/models/m/infer", "/v1/models/m:predict"
TWO = [("a/0", {"x": 1, "y": 2}, 5, None), ("a/1", {"x": 3, "y": 4}, 6, None)]
XY = Expected(features=("x", "y"))

CASES = [
    Case("one tensor a column", "oip_v2", V2,
         {"id": "7", "inputs": [oip("age", [2, 1], "FP64", [[1.5], [2.5]]), oip("city", [2], "BYTES", ["a", "b"])]},
         {"model_name": "m", "outputs": [oip("predict", [2, 1], "INT64", [0, 1])]},
         [("a/0", {"age": 1.5, "city": "a"}, 0, None), ("a/1", {"age": 2.5, "city": "b"}, 1, None)]),
    Case("one matrix, flat", "oip_v2", V2, {"inputs": [oip("input-0", [2, 2], "INT32", [1, 2, 3, 4])]},
         {"outputs": [oip("output-0", [2], "INT32", [5, 6])]}, TWO, XY),
    Case("one matrix, nested", "oip_v2", "/v2/models/m/versions/1/infer",
         {"inputs": [oip("input-0", [2, 2], "INT32", [[1, 2], [3, 4]])]},
         {"outputs": [oip("output-0", [2], "INT32", [5, 6])]}, TWO, XY),
    Case("class and probabilities", "oip_v2", V2, {"inputs": [oip("x", [1], "BOOL", [1])]},
         {"outputs": [oip("predict_proba", [1, 3], "FP64", [0.25, 0.5, 0.25]), oip("predict", [1], "INT64", [2])]},
         [("a", {"x": True}, 2, {"0": 0.25, "1": 0.5, "2": 0.25})]),
    Case("columns called otherwise than the baseline's", "oip_v2", V2,
         {"inputs": [oip("INPUT__0", [1], "INT8", [1]), oip("INPUT__1", [1], "INT8", [2])]},
         {"outputs": [oip("OUTPUT__0", [1], "INT8", [5])]}, [("a", {"x": 1, "y": 2}, 5, None)], XY),
    Case("rows", "kserve_v1", V1, {"instances": [[1, 2], [3, 4]]}, {"predictions": [5, 6]}, TWO, XY),
    Case("rows without known names", "kserve_v1", V1, {"instances": [[1.5, "b"]]}, {"predictions": ["yes"]},
         [("a", {"x0": 1.5, "x1": "b"}, "yes", None)]),
    Case("objects", "kserve_v1", V1, {"instances": [{"x": 1, "y": 2}, {"x": 3}]},
         {"predictions": [{"label": "no", "probabilities": [0.75, 0.25]}, {"label": "yes", "probabilities": [0, 1]}]},
         [("a/0", {"x": 1, "y": 2}, "no", 0.25), ("a/1", {"x": 3, "y": None}, "yes", 1.0)],
         Expected(("x", "y"), ("no", "yes"))),
    Case("rows with a signature", "tf_serving", "/v1/models/m/versions/3:predict",
         {"signature_name": "serving_default", "instances": [{"x": [1], "y": [2]}, {"x": [3], "y": [4]}]},
         {"predictions": [[5], [6]]}, TWO),
    Case("columns", "tf_serving", V1, {"inputs": {"x": [1, 3], "y": [[2], [4]]}}, {"outputs": {"price": [[5], [6]]}},
         TWO),
    Case("one input of rows", "tf_serving", V1, {"signature_name": "s", "instances": [{"dense": [1, 2]}]},
         {"predictions": [[0.25, 0.75]]}, [("a", {"x": 1, "y": 2}, "good", 0.75)],
         Expected(("x", "y"), ("bad", "good"))),
    Case("a sigmoid of two known classes", "tf_serving", "/v1/models/m/labels/stable:predict", {"inputs": [[1, 2]]},
         {"outputs": [[0.25]]}, [("a", {"x": 1, "y": 2}, "bad", 0.25)], Expected(("x", "y"), ("bad", "good"))),
    Case("a sigmoid of a regression", "tf_serving", V1, {"inputs": [[1, 2]]}, {"outputs": [[0.25]]},
         [("a", {"x": 1, "y": 2}, 0.25, None)], Expected(("x", "y"), ())),
    Case("dataframe_split", "mlflow", "/invocations",
         {"dataframe_split": {"columns": ["x", "y"], "index": [0, 1], "data": [[1, 2], [3, 4]]}},
         {"predictions": [5, 6]}, TWO),
    Case("dataframe_records", "mlflow", "/invocations", {"dataframe_records": [{"x": 1, "y": 2}, {"x": 3, "y": 4}]},
         {"predictions": [5, 6]}, TWO),
    Case("instances", "mlflow", "/invocations", {"instances": [[1, 2], [3, 4]]}, {"predictions": [5, 6]}, TWO, XY),
    Case("inputs in columns", "mlflow", "/invocations", {"inputs": {"x": [1, 3], "y": [2, 4]}, "params": {"t": 1}},
         [5, 6], TWO),
    Case("a data frame in the answer", "mlflow", "/invocations", {"inputs": [[1, 2], [3, 4]]},
         {"predictions": [{"prediction": 5, "score": 0.5}, {"prediction": 6, "score": 1}]},
         [("a/0", {"x": 1, "y": 2}, 5, 0.5), ("a/1", {"x": 3, "y": 4}, 6, 1.0)], XY),
    Case("CSV", "mlflow", "/invocations", b'x,y\r\n1,"2"\n3,4\n', {"predictions": [5, 6]}, TWO,
         headers={"content-type": "text/csv; charset=utf-8"}),
    Case("CSV without header, both ways", "mlflow", "/invocations", b"1,\n3,4\n".replace(b"1,\n", b"1,2\n"), b"5\n6\n",
         TWO, XY, {"content-type": "text/csv"}, {"content-type": "text/csv"}),
    Case("CSV with missing values", "mlflow", "/invocations", b"x,y\n1,\nNaN,b\n", {"predictions": [5, 6]},
         [("a/0", {"x": 1, "y": None}, 5, None), ("a/1", {"x": None, "y": "b"}, 6, None)],
         headers={"content-type": "text/csv"}),
    Case("ndarray", "seldon_v1", "/seldon/ns/deployment/api/v1.0/predictions",
         {"meta": {"puid": "7"}, "data": {"names": ["x", "y"], "ndarray": [[1, 2], [3, 4]]}},
         {"data": {"names": ["price"], "ndarray": [[5], [6]]}}, TWO),
    Case("tensor", "seldon_v1", "/api/v1.0/predictions", {"data": {"tensor": {"shape": [1, 2], "values": [1, 2]}}},
         {"data": {"names": ["t:0", "t:1"], "tensor": {"shape": [1, 2], "values": [0.75, 0.25]}}},
         [("a", {"x": 1, "y": 2}, 0, 0.25)], XY),
    Case("tensor with names of classes", "seldon_v1", "/api/v0.1/predictions",
         {"data": {"tensor": {"shape": [1, 2], "values": [1, 2]}}},
         {"data": {"names": ["good", "bad"], "ndarray": [[0.75, 0.25]]}}, [("a", {"x": 1, "y": 2}, "good", 0.75)],
         Expected(("x", "y"), ("bad", "good"))),
    Case("tftensor", "seldon_v1", "/api/v1.0/predictions",
         {"data": {"tftensor": {"dtype": "DT_INT64", "tensorShape": {"dim": [{"size": "2"}, {"size": "2"}]},
                                "int64Val": ["1", "2", "3", "4"]}}},
         {"data": {"ndarray": [5, 6]}}, TWO, XY),
]  # fmt: skip


def as_bytes(message: Any) -> bytes:
    return message if isinstance(message, bytes) else json.dumps(message).encode()


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.format}: {case.what}")
def test_documented_payloads_become_events(case: Case) -> None:
    request = Request(case.path, case.headers, as_bytes(case.asked))
    assert format_of(request) == case.format
    response = Response(case.answer_headers, as_bytes(case.answered))
    assert seen(INFERENCE_FORMATS[case.format], request, response, case.expected) == case.events


def test_every_format_has_documented_payloads() -> None:
    assert {case.format for case in CASES} == INFERENCE_FORMATS.keys()


def binary(tensors: list[tuple[dict[str, Any], bytes]], key: str) -> tuple[dict[str, str], bytes]:
    head = json.dumps(
        {key: [{**tensor, "parameters": {"binary_data_size": len(data)}} for tensor, data in tensors]}
    ).encode()
    headers = {"inference-header-content-length": str(len(head)), "content-type": "application/octet-stream"}
    return headers, head + b"".join(data for _, data in tensors)


def ints(values: list[int]) -> bytes:
    return struct.pack(f"<{len(values)}i", *values)


# Value by value from IEEE 754 and the tensor extension: little-endian, texts behind their length.
BINARY_VALUES: list[tuple[str, bytes, Any]] = [
    ("BOOL", b"\x01", True),
    ("UINT8", b"\xff", 255),
    ("INT8", b"\xff", -1),
    ("INT16", b"\x00\x80", -32768),
    ("UINT16", b"\x00\x80", 32768),
    ("INT32", b"\xfe\xff\xff\xff", -2),
    ("UINT32", b"\xfe\xff\xff\xff", 4294967294),
    ("INT64", b"\x01" + bytes(7), 1),
    ("UINT64", b"\xff" * 8, 2.0**64),
    ("FP16", b"\x00\x3c", 1.0),
    ("FP16", b"\x00\x7e", None),
    ("BF16", b"\x80\x3f", 1.0),
    ("BF16", b"\x80\x7f", "Infinity"),
    ("BF16", b"\xc0\xff", None),
    ("FP32", b"\x00\x00\xc0\x3f", 1.5),
    ("FP32", b"\x00\x00\x80\xff", "-Infinity"),
    ("FP64", b"\x00\x00\x00\x00\x00\x00\xf8\x3f", 1.5),
    ("BYTES", b"\x03\x00\x00\x00\xc3\xa4b", "äb"),
    ("BYTES", b"\x00\x00\x00\x00", ""),
    ("BYTES", b"\x01\x00\x00\x00\xff", "\ufffd"),
]


@pytest.mark.parametrize(("datatype", "data", "value"), BINARY_VALUES)
def test_binary_values_of_every_datatype(datatype: str, data: bytes, value: object) -> None:
    headers, body = binary([({"name": "x", "shape": [1], "datatype": datatype}, data)], "inputs")
    answer = as_bytes({"outputs": [oip("y", [1], "INT8", [1])]})
    kind = INFERENCE_FORMATS["oip_v2"]
    assert seen(kind, Request(V2, headers, body), Response({}, answer)) == [("a", {"x": value}, 1, None)]


@pytest.mark.parametrize("with_length", [True, False])
def test_a_binary_matrix_both_ways_with_and_without_its_length(with_length: bool) -> None:
    headers, body = binary([({"name": "in", "shape": [2, 2], "datatype": "INT32"}, ints([1, 2, 3, 4]))], "inputs")
    answer_headers, answer = binary([({"name": "out", "shape": [2], "datatype": "INT32"}, ints([5, 6]))], "outputs")
    if not with_length:
        headers, answer_headers = {}, {}
    request, response = Request(V2, headers, body), Response(answer_headers, answer)
    assert seen(INFERENCE_FORMATS["oip_v2"], request, response, XY) == TWO


def test_json_and_binary_tensors_stand_in_one_request() -> None:
    head = json.dumps(
        {
            "inputs": [
                oip("x", [2], "INT32", [1, 3]),
                {"name": "y", "shape": [2], "datatype": "INT32", "parameters": {"binary_data_size": 8}},
            ]
        }
    ).encode()
    request = Request(V2, {"inference-header-content-length": str(len(head))}, head + ints([2, 4]))
    response = Response({}, as_bytes({"outputs": [oip("y", [2], "INT8", [5, 6])]}))
    assert seen(INFERENCE_FORMATS["oip_v2"], request, response) == TWO


BAD: list[tuple[str, str, Any, Any, str]] = [
    ("oip_v2", V2, {"inputs": [oip("x", [2], "INT8", [1])]}, {"outputs": []}, "as many values"),
    ("oip_v2", V2, {"inputs": [oip("x", [10**30], "INT8", [1])]}, {"outputs": []}, "20,000 rows"),
    ("oip_v2", V2, {"inputs": [oip("x", [10**15, 0], "INT8", [])]}, {"outputs": []}, "20,000 rows"),
    ("oip_v2", V2, {"inputs": [oip("x", [-1], "INT8", [1])]}, {"outputs": []}, "negative"),
    ("oip_v2", V2, {"inputs": [oip("x", [1, 2, 2], "INT8", [1] * 4)]}, {"outputs": []}, "dimension"),
    ("oip_v2", V2, {"inputs": [oip("x", [1], "FP99", [1])]}, {"outputs": []}, "datatype"),
    ("oip_v2", V2, {"inputs": []}, {"outputs": []}, "no tensor"),
    ("oip_v2", V2, {"inputs": [oip("x", [1], "INT8", [1]), oip("y", [2], "INT8", [1, 2])]}, {"outputs": []}, "rows"),
    ("oip_v2", V2, {"inputs": [oip("x", [1], "INT8", [1])]}, {"outputs": []}, "no single prediction"),
    ("oip_v2", V2, {"inputs": [oip("x", [1], "INT8", [1])]}, {"error": "no"}, "shape"),
    ("kserve_v1", V1, {"instances": [[1], [2]]}, {"predictions": [1]}, "1 rows for 2"),
    ("kserve_v1", V1, {"instances": [[1], [2, 3]]}, {"predictions": [1, 2]}, "unequal"),
    ("kserve_v1", V1, {"instances": [[1]]}, {"predictions": [None]}, "without a prediction"),
    ("kserve_v1", V1, {"instances": [[1]]}, {"predictions": [[1, 2]]}, "no single prediction"),
    ("kserve_v1", V1, {"instances": [[{"b64": "aGk="}]]}, {"predictions": [1]}, "lists or objects"),
    ("tf_serving", V1, {"inputs": {"x": [1, 2], "y": [1]}}, {"outputs": [1, 2]}, "unequal"),
    ("mlflow", "/invocations", {"dataframe_split": {"columns": ["x", "x"], "data": [[1, 2]]}}, [1], "one a column"),
    ("mlflow", "/invocations", b"\xff", [1], "no JSON"),
    ("seldon_v1", "/api/v1.0/predictions", {"strData": "hi"}, {"data": {"ndarray": [1]}}, "no data"),
    ("seldon_v1", "/api/v1.0/predictions", {"data": {"tensor": {"shape": [3], "values": [1]}}},
     {"data": {"ndarray": [1]}}, "as many values"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "path", "asked", "answered", "says"), BAD)
def test_what_does_not_fit_is_refused(name: str, path: str, asked: Any, answered: Any, says: str) -> None:
    request, response = Request(path, {}, as_bytes(asked)), Response({}, as_bytes(answered))
    with pytest.raises(EventError, match=says):
        seen(INFERENCE_FORMATS[name], request, response)


@pytest.mark.parametrize("length", ["-1", "1000000", "1e2", "", "9" * 40])
def test_a_header_length_beyond_the_body_is_refused(length: str) -> None:
    request = Request(V2, {"inference-header-content-length": length}, as_bytes({"inputs": []}))
    with pytest.raises(EventError, match="length"):
        INFERENCE_FORMATS["oip_v2"].decode(request, Response({}, b"{}"))


def test_columns_without_names_must_be_as_many_as_the_baseline_has() -> None:
    request, response = Request(V1, {}, b'{"instances": [[1, 2, 3]]}'), Response({}, b'{"predictions": [1]}')
    with pytest.raises(EventError, match="3 columns without names, and the baseline has 2"):
        seen(INFERENCE_FORMATS["kserve_v1"], request, response, XY)


def test_ids_come_from_the_places_that_the_protocols_have() -> None:
    ids = {
        name: INFERENCE_FORMATS[name].request_id(Request("/", {}, b'{"id": "7", "meta": {"puid": "8"}, "x": [1]}'))
        for name in INFERENCE_FORMATS
    }
    assert ids == {"oip_v2": "7", "kserve_v1": None, "tf_serving": None, "mlflow": None, "seldon_v1": "8"}
    headers, body = binary([({"name": "x", "shape": [1], "datatype": "INT8"}, b"\xff")], "inputs")
    with_id = body.replace(b'{"inputs"', b'{"id": "9", "inputs"', 1)
    longer = {"inference-header-content-length": str(int(headers["inference-header-content-length"]) + 11)}
    assert INFERENCE_FORMATS["oip_v2"].request_id(Request(V2, longer, with_id)) == "9"


def test_nan_of_python_servers_is_a_missing_value() -> None:
    request = Request(V1, {}, b'{"instances": [[NaN, -Infinity]]}')
    response = Response({}, b'{"predictions": [1]}')
    events = [("a", {"x": None, "y": "-Infinity"}, 1, None)]
    assert seen(INFERENCE_FORMATS["kserve_v1"], request, response, XY) == events


MAPS = [
    ("one object", "$.customer", "$.score", '{"customer": {"age": 3, "home": {"zip": "1"}}}', '{"score": 0.5}',
     [("a", {"age": 3, "home.zip": "1"}, 0.5, None)]),
    ("rows", "$.rows", "$.answers[*].value", '{"rows": [{"x": 1}, {"x": 2}]}', '{"answers": [{"value": 5}, '
     '{"value": 6}]}', [("a/0", {"x": 1}, 5, None), ("a/1", {"x": 2}, 6, None)]),
    ("each row's part", "$.rows[*]['the features']", "$", '{"rows": [{"the features": [1, 2]}]}', "[9]",
     [("a", {"x0": 1, "x1": 2}, 9, None)]),
    ("a vector", "$[0]", "$[0][0]", "[[1, 2]]", '[["yes"]]', [("a", {"x0": 1, "x1": 2}, "yes", None)]),
]  # fmt: skip


@pytest.mark.parametrize(("what", "features", "prediction", "asked", "answered", "events"), MAPS)
def test_any_json_is_read_by_a_map_of_paths(
    what: str, features: str, prediction: str, asked: str, answered: str, events: Any
) -> None:
    kind = path_map(PathMap(route="/score/*", features=json_path(features), prediction=json_path(prediction)))
    request = Request("/score/a", {}, asked.encode())
    assert kind.sniff(request)
    assert not kind.sniff(Request("/score/a/b", {}, b""))
    assert seen(kind, request, Response({}, answered.encode())) == events


def test_a_map_has_places_for_scores_and_ids() -> None:
    found = PathMap(
        route="/score",
        features=json_path("$.x"),
        prediction=json_path("$.y"),
        score=json_path("$.p"),
        prediction_id=json_path("$.request.id"),
    )
    kind = path_map(found)
    request = Request("/score", {}, b'{"x": {"a": 1}, "request": {"id": 12}}')
    assert kind.request_id(request) == "12"
    response = Response({}, b'{"y": "no", "p": {"yes": 0.25, "no": 0.75}}')
    expected = Expected(classes=("no", "yes"))
    assert seen(kind, request, response, expected) == [("a", {"a": 1}, "no", 0.25)]


def test_a_path_that_leads_nowhere_is_named() -> None:
    kind = path_map(PathMap(route="/s", features=json_path("$.customer"), prediction=json_path("$.y")))
    with pytest.raises(EventError, match=r"\$\.customer: leads nowhere"):
        kind.decode(Request("/s", {}, b"{}"), Response({}, b"{}"))


def test_a_body_is_inflated_within_its_bound_also_where_no_header_says_so() -> None:
    packed = gzip.compress(b"x" * 10_000)
    assert inflated({}, packed, 10_000) == inflated({"content-encoding": "GZIP"}, packed, 10_000) == b"x" * 10_000
    with pytest.raises(EventError, match="more than 9,999"):
        inflated({}, packed, 9_999)
    with pytest.raises(EventError, match="content-encoding"):
        inflated({"content-encoding": "br"}, b"x", 10)
