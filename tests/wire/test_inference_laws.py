"""Laws of the inference formats: whatever comes is read or cleanly refused, and what was written is what is read."""

import json
import struct
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from driftwatch.errors import EventError, InputError
from driftwatch.wire import INFERENCE_FORMATS
from driftwatch.wire.exchange import Request, Response
from driftwatch.wire.inference import Expected, InferenceFormat, events_of
from driftwatch.wire.json_path import json_path
from driftwatch.wire.path_map import PathMap, path_map

PATHS = {
    "oip_v2": "/v2/models/m/infer",
    "kserve_v1": "/v1/models/m:predict",
    "tf_serving": "/v1/models/m/versions/1:predict",
    "mlflow": "/invocations",
    "seldon_v1": "/api/v1.0/predictions",
}
KINDS: dict[str, InferenceFormat] = {
    **INFERENCE_FORMATS,
    "path_map": path_map(PathMap(route="/s", features=json_path("$.inputs"), prediction=json_path("$.outputs[*]"))),
}
EXPECTED = [Expected(), Expected(("x", "y"), ("no", "yes")), Expected(("x",), ()), Expected(None, ("a", "b", "c"))]

# Words of the protocols, so that what is drawn gets past the first look.
KEYS = st.sampled_from(
    [
        "id",
        "inputs",
        "outputs",
        "name",
        "shape",
        "datatype",
        "data",
        "parameters",
        "binary_data_size",
        "instances",
        "predictions",
        "signature_name",
        "dataframe_split",
        "dataframe_records",
        "columns",
        "index",
        "names",
        "ndarray",
        "tensor",
        "tftensor",
        "values",
        "dtype",
        "tensorShape",
        "dim",
        "size",
        "int64Val",
        "meta",
        "puid",
        "score",
        "proba",
        "x",
        "y",
    ]
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from([10**30, -(10**400), 2**63, 1e308, float("nan"), float("inf")])
    | st.floats()
    | st.sampled_from(["", "x", "INT8", "FP32", "BYTES", "BOOL", "DT_INT64", "7", "\ud800"])
)
DOCUMENTS = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5), max_leaves=15
)
TENSORS = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["x", "predict", "score"]),
        "shape": st.lists(st.integers(-1, 4) | st.just(10**18), max_size=3),
        "datatype": st.sampled_from(["BOOL", "INT8", "UINT64", "FP16", "BF16", "FP64", "BYTES", "FP7"]),
    },
    optional={
        "data": DOCUMENTS,
        "parameters": st.fixed_dictionaries({"binary_data_size": st.integers(-1, 40) | DOCUMENTS}),
    },
)
BODIES = {
    "oip_v2": (
        st.fixed_dictionaries({"inputs": st.lists(TENSORS, max_size=3)}),
        st.fixed_dictionaries({"outputs": st.lists(TENSORS, max_size=3)}),
    ),
    "kserve_v1": (st.fixed_dictionaries({"instances": DOCUMENTS}), st.fixed_dictionaries({"predictions": DOCUMENTS})),
    "tf_serving": (st.fixed_dictionaries({"inputs": DOCUMENTS}), st.fixed_dictionaries({"outputs": DOCUMENTS})),
    "mlflow": (
        st.one_of(
            *(
                st.fixed_dictionaries({key: DOCUMENTS})
                for key in ("dataframe_split", "dataframe_records", "instances", "inputs")
            )
        ),
        st.fixed_dictionaries({"predictions": DOCUMENTS}) | DOCUMENTS,
    ),
    "seldon_v1": (st.fixed_dictionaries({"data": DOCUMENTS}), st.fixed_dictionaries({"data": DOCUMENTS})),
    "path_map": (st.fixed_dictionaries({"inputs": DOCUMENTS}), st.fixed_dictionaries({"outputs": DOCUMENTS})),
}
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "inference-header-content-length": st.integers(-1, 200).map(str) | st.text(max_size=3),
        "content-type": st.sampled_from(["text/csv", "text/plain", "application/json", ""]),
    },
)


def holds(name: str, asked: Request, answered: Response, expected: Expected) -> None:
    """Events that can be sent, or a clean refusal."""
    kind = KINDS[name]
    kind.sniff(asked)
    found_id = kind.request_id(asked)
    assert found_id is None or found_id.isascii()
    try:
        events = events_of(kind.decode(asked, answered), expected, prediction_id="a", event_time=0.0).rows
    except EventError:
        return
    for event in events:
        assert event.prediction is not None
        for value in event.features.values():
            assert value is None or type(value) in {int, float, str, bool}
            assert type(value) is not int or -(2**63) <= value < 2**63
            assert type(value) is not float or abs(value) < float("inf")


@pytest.mark.parametrize("name", KINDS)
@settings(max_examples=50)
@given(data=st.data(), headers=HEADERS, answer_headers=HEADERS, expected=st.sampled_from(EXPECTED), tail=st.binary())
def test_strange_documents_are_read_or_refused(
    name: str,
    data: st.DataObject,
    headers: dict[str, str],
    answer_headers: dict[str, str],
    expected: Expected,
    tail: bytes,
) -> None:
    asked, answered = (json.dumps(data.draw(one)).encode() for one in BODIES[name])
    request = Request(PATHS.get(name, "/s"), headers, asked + tail)
    holds(name, request, Response(answer_headers, answered), expected)


@pytest.mark.parametrize("name", KINDS)
@settings(max_examples=50)
@given(asked=st.binary(), answered=st.binary(), headers=HEADERS, answer_headers=HEADERS)
@example(asked=b"[" * 100_000, answered=b"{" * 100_000, headers={}, answer_headers={})
@example(asked=b'{"inputs":' * 50_000, answered=b"", headers={}, answer_headers={})
@example(asked=b'"' + b"x" * 200_000, answered=b"1", headers={"content-type": "text/csv"}, answer_headers={})
def test_strange_bytes_are_read_or_refused(
    name: str, asked: bytes, answered: bytes, headers: dict[str, str], answer_headers: dict[str, str]
) -> None:
    holds(name, Request(PATHS.get(name, "/s"), headers, asked), Response(answer_headers, answered), EXPECTED[1])


@given(st.text(max_size=30) | st.from_regex(r"\$([.\[][a-z0-9'\]*]{0,5}){0,5}", fullmatch=True), DOCUMENTS)
def test_a_path_is_refused_or_walks(text: str, document: Any) -> None:
    try:
        path = json_path(text)
    except InputError:
        return
    try:
        path.find(document)
    except EventError:
        return


CODES = {"FP64": "d", "INT32": "i", "INT64": "q", "UINT8": "B"}
FRAMES = st.integers(1, 4).flatmap(
    lambda n: st.lists(
        st.sampled_from(["FP64", "INT32", "INT64", "UINT8"]).flatmap(
            lambda datatype: st.tuples(
                st.just(datatype),
                st.lists(
                    st.floats(allow_nan=False, allow_infinity=False) if datatype == "FP64" else st.integers(0, 255),
                    min_size=n,
                    max_size=n,
                ),
            )
        ),
        min_size=1,
        max_size=4,
    )
)


@given(FRAMES, st.booleans())
def test_columns_written_as_tensors_are_read_as_they_were(frame: list[tuple[str, list[Any]]], binary: bool) -> None:
    n = len(frame[0][1])
    tensors: list[dict[str, Any]] = []
    tail = b""
    for position, (datatype, values) in enumerate(frame):
        tensor: dict[str, Any] = {"name": f"c{position}", "shape": [n, 1], "datatype": datatype}
        if binary:
            data = struct.pack(f"<{n}{CODES[datatype]}", *values)
            tensor["parameters"] = {"binary_data_size": len(data)}
            tail += data
        else:
            tensor["data"] = values
        tensors.append(tensor)
    head = json.dumps({"inputs": tensors}).encode()
    answer = json.dumps({"outputs": [{"name": "y", "shape": [n], "datatype": "INT8", "data": [1] * n}]}).encode()
    request = Request(PATHS["oip_v2"], {"inference-header-content-length": str(len(head))}, head + tail)
    inference = INFERENCE_FORMATS["oip_v2"].decode(request, Response({}, answer))
    assert [list(column) for column in inference.inputs.columns] == [values for _, values in frame]
    assert inference.inputs.names == tuple(f"c{position}" for position in range(len(frame)))


ROWS = st.lists(st.fixed_dictionaries({"x": st.integers(), "y": st.text()}), min_size=1, max_size=5)


@given(ROWS)
def test_one_frame_gives_the_same_events_in_every_form(rows: list[dict[str, Any]]) -> None:
    matrix = [[row["x"], row["y"]] for row in rows]
    answer = {"predictions": [1] * len(rows), "data": {"ndarray": [1] * len(rows)}}
    forms: list[tuple[str, Any]] = [
        ("kserve_v1", {"instances": rows}),
        ("kserve_v1", {"instances": matrix}),
        ("tf_serving", {"inputs": {"x": [row["x"] for row in rows], "y": [row["y"] for row in rows]}}),
        ("mlflow", {"dataframe_split": {"columns": ["x", "y"], "data": matrix}}),
        ("mlflow", {"dataframe_records": rows}),
        ("seldon_v1", {"data": {"names": ["x", "y"], "ndarray": matrix}}),
    ]
    read = [
        events_of(
            KINDS[name].decode(
                Request(PATHS[name], {}, json.dumps(asked).encode()), Response({}, json.dumps(answer).encode())
            ),
            Expected(("x", "y")),
            prediction_id="a",
            event_time=0.0,
        ).rows
        for name, asked in forms
    ]
    assert all(one == read[0] for one in read)
