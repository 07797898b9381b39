"""A request to a model server and its answer, as one input: three lines and the bodies, with a mark between them."""

from __future__ import annotations

import json
from collections.abc import Mapping

from driftwatch.capture.proxy.bodies import ChunkedBody
from driftwatch.capture.proxy.heads import RequestHead, ResponseHead
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


HEADS = (
    b"POST /v2/models/m/infer HTTP/1.1\r\nHost: h\r\nContent-Length: 12\r\nConnection: close, X-A\r\nX-A: 1\r\n\r\n",
    b"GET / HTTP/1.0\r\nTE: trailers\r\nExpect: 100-continue\r\nUpgrade: websocket\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
)
CHUNKS = (b"5;a=b\r\nhello\r\n00A\r\n0123456789\r\n0\r\nX-A: 1\r\n\r\n", b"0\r\n\r\n")


def read_heads(data: bytes) -> None:
    """Read a head as a request's and as an answer's; what is passed on must mean the same."""
    end = data.find(b"\r\n\r\n") + 4
    block = data[:end] if end > 3 else data + b"\r\n\r\n"
    if not block.startswith(b"HTTP"):
        head = RequestHead(block)
        again = RequestHead(head.forwarded())
        assert (again.method, again.target) == (head.method, head.target)
        assert (again.length, again.chunked) == (head.length, head.chunked)
    else:
        answer = ResponseHead(block)
        assert ResponseHead(answer.forwarded([])).length == answer.length


def read_chunks(data: bytes) -> None:
    """Read chunks whole and byte by byte: both must find the same content and the same end."""
    whole, content = ChunkedBody(), list[bytes]()
    end = whole.feed(data, content.append)
    single, letters = ChunkedBody(), list[bytes]()
    at = 0
    while at < end:
        at += single.feed(data[at : at + 1], letters.append)
    assert (single.done, b"".join(letters)) == (whole.done, b"".join(content))
