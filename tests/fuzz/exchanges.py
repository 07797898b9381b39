"""A request to a model server and its answer, as one input: three lines and the bodies, with a mark between them."""

from __future__ import annotations

import json
from collections.abc import Mapping

from driftwatch.wire import INFERENCE_FORMATS
from driftwatch.wire.exchange import Request, Response, inflated
from driftwatch.wire.inference import Expected, InferenceFormat, events_of
from driftwatch.wire.json_path import json_path
from driftwatch.wire.path_map import PathMap, path_map
from tests.wire.test_inference_formats import CASES, V2, as_bytes, binary, ints

_MARK = b"\n\0--\n"
_EXPECTED = Expected(("x", "y"), ("no", "yes"))

FORMATS: dict[str, InferenceFormat] = {
    **INFERENCE_FORMATS,
    "path_map": path_map(PathMap(route="/s", features=json_path("$.rows[*]"), prediction=json_path("$.answers[*].p"))),
}


def written(
    path: str, headers: Mapping[str, str], asked: bytes, answer_headers: Mapping[str, str], told: bytes
) -> bytes:
    """The input."""
    heads = f"{path}\n{json.dumps(dict(headers))}\n{json.dumps(dict(answer_headers))}".encode()
    return heads + _MARK + asked + _MARK + told


def read(name: str, data: bytes) -> None:
    """Decode an input, and make events of it."""
    parts = [*data.split(_MARK, 2), b"", b""]
    lines = parts[0].decode("utf-8", "replace").split("\n")
    headers, answer_headers = (_headers(lines[at] if at < len(lines) else "") for at in (1, 2))
    kind = FORMATS[name]
    request = Request(lines[0], headers, inflated(headers, parts[1], 100_000))
    kind.sniff(request)
    kind.request_id(request)
    response = Response(answer_headers, inflated(answer_headers, parts[2], 100_000))
    events_of(kind.decode(request, response), _EXPECTED, prediction_id="a", event_time=0.0)


def seeds(name: str) -> tuple[bytes, ...]:
    """Good inputs: the documented payloads."""
    if name == "path_map":
        return (written("/s", {}, b'{"rows": [{"x": 1}, {"x": 2}]}', {}, b'{"answers": [{"p": 5}, {"p": 6}]}'),)
    found = [
        written(case.path, case.headers, as_bytes(case.asked), case.answer_headers, as_bytes(case.answered))
        for case in CASES
        if case.format == name and case.expected.features in {None, ("x", "y")} and case.expected.classes is None
    ]
    if name == "oip_v2":
        asked = binary([({"name": "in", "shape": [2, 2], "datatype": "INT32"}, ints([1, 2, 3, 4]))], "inputs")
        told = binary([({"name": "out", "shape": [2], "datatype": "BYTES"}, 2 * b"\x01\0\0\0a")], "outputs")
        found.append(written(V2, *asked, *told))
        found.append(written(V2, {}, asked[1], {}, told[1]))
    return tuple(found)


def _headers(line: str) -> dict[str, str]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return {name: value for name, value in found.items() if isinstance(value, str)} if isinstance(found, dict) else {}
