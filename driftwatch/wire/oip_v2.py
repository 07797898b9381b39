"""Open Inference Protocol V2 over HTTP: KServe, MLServer, Triton, TorchServe, OpenVINO.

``POST /v2/models/{model}[/versions/{version}]/infer`` with tensors in JSON, or as bytes behind the JSON
(``Inference-Header-Content-Length`` says where it ends; a body that lost that header is read all the same). One tensor
a column, or one matrix, whose columns have no names.

References
----------
Open Inference Protocol, REST: https://github.com/kserve/open-inference-protocol
Triton, binary tensor data extension.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import TypeVar

import msgspec

from driftwatch.errors import EventError
from driftwatch.wire.exchange import Request, Response, struct_of
from driftwatch.wire.inference import Inference, InferenceFormat, usable_id
from driftwatch.wire.input_table import InputTable, Value, table
from driftwatch.wire.model_answers import Output
from driftwatch.wire.oip_tensors import Tensor, attach_binary, flat_values, shape_of

HEADER_LENGTH = "inference-header-content-length"

_ROUTE = re.compile(r"/v2/models/(?P<model>[^/]+)(?:/versions/[^/]+)?/infer")


class _Request(msgspec.Struct):
    inputs: list[Tensor]


class _Response(msgspec.Struct):
    outputs: list[Tensor]
    model_version: str | None = None


class _Id(msgspec.Struct):
    id: str | None = None


MessageT = TypeVar("MessageT", _Request, _Response)


def sniff(request: Request) -> bool:
    """Whether the path is that of an inference, or the body has tensors."""
    if _ROUTE.fullmatch(request.path):
        return True
    head = request.body[:4096]
    return b'"inputs"' in head and b'"datatype"' in head and b'"shape"' in head


def decode(request: Request, response: Response) -> Inference:
    """Read the tensors.

    Raises
    ------
    EventError
        If the bodies are not as the protocol has them, or tensors have unequal numbers of rows.
    """
    asked, tail = _split(_Request, request.headers, request.body)
    attach_binary(asked.inputs, tail)
    answer, tail = _split(_Response, response.headers, response.body)
    attach_binary(answer.outputs, tail)
    return Inference(
        inputs=_inputs(asked.inputs),
        outputs=[_output(one) for one in answer.outputs],
        model_version=answer.model_version,
    )


def request_id(request: Request) -> str | None:
    """The request's ``id``."""
    try:
        return usable_id(msgspec.json.decode(_header(request.headers, request.body), type=_Id).id)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, EventError):
        return None


def _inputs(tensors: Sequence[Tensor]) -> InputTable:
    if not tensors:
        raise EventError("The request has no tensor.")
    names: list[str] = []
    columns: list[Sequence[Value]] = []
    n_rows, _ = shape_of(tensors[0])
    for tensor in tensors:
        rows, width = shape_of(tensor)
        if rows != n_rows:
            raise EventError("does not have as many rows as the other tensors.", field=tensor.name[:256])
        values = flat_values(tensor)
        columns += [values[position::width] for position in range(width)] if width > 1 else [values]
        names += [tensor.name] if width == 1 else [f"{tensor.name}.{position}" for position in range(width)]
    return table(None if len(tensors) == 1 and len(columns) > 1 else names, columns, n_rows)


def _output(tensor: Tensor) -> Output:
    rows, width = shape_of(tensor)
    values = flat_values(tensor)
    if width == 1:
        return Output(tensor.name, values)
    return Output(tensor.name, [values[at : at + width] for at in range(0, rows * width, width)])


def _split(kind: type[MessageT], headers: Mapping[str, str], body: bytes) -> tuple[MessageT, bytes]:
    """The JSON as a record, and the bytes behind it."""
    header = _header(headers, body)
    if len(header) == len(body) and HEADER_LENGTH not in headers:
        try:
            return struct_of(kind, body), b""
        except EventError:
            header = body[: _end_of_json(body)]
    return struct_of(kind, header), body[len(header) :]


def _header(headers: Mapping[str, str], body: bytes) -> bytes:
    length = headers.get(HEADER_LENGTH)
    if length is None:
        return body
    if not re.fullmatch("[0-9]{1,18}", length) or int(length) > len(body):
        raise EventError("is no length that the body has.", field=HEADER_LENGTH)
    return body[: int(length)]


def _end_of_json(body: bytes) -> int:
    # Of the bytes behind the JSON, any may follow: as Latin-1 a byte is a character.
    try:
        _, end = json.JSONDecoder(parse_int=len, parse_float=len).raw_decode(body.decode("latin-1"))
    except (ValueError, RecursionError):
        raise EventError("The body is no JSON.") from None
    return end


OIP_V2 = InferenceFormat("Open Inference Protocol V2, JSON and binary tensors", _ROUTE, sniff, decode, request_id)
