"""Seldon Core's V1 protocol: ``data`` with names and an ``ndarray``, a ``tensor`` or a ``tftensor``.

``POST .../api/v0.1/predictions`` or ``.../api/v1.0/predictions``; the id is ``puid`` in ``meta``. Lists of names may be
shorter than the rows are wide, and then say nothing.

References
----------
Seldon Core, "Prediction Messages" (``prediction.proto``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from driftwatch.errors import EventError
from driftwatch.wire.exchange import Request, Response, object_of
from driftwatch.wire.inference import Inference, InferenceFormat, usable_id
from driftwatch.wire.input_table import MAX_COLUMNS, from_rows
from driftwatch.wire.model_answers import Output
from driftwatch.wire.native import MAX_EVENTS

_ROUTE = re.compile(r"(?:/seldon/[^/]+/[^/]+)?/api/v(?:0\.1|1\.0)/predictions")
_VALUES = {
    "DT_FLOAT": "floatVal",
    "DT_DOUBLE": "doubleVal",
    "DT_INT32": "intVal",
    "DT_INT64": "int64Val",
    "DT_BOOL": "boolVal",
}
_KINDS = ("ndarray", "tensor", "tftensor")


class _Meta(msgspec.Struct):
    puid: str | None = None


class _Puid(msgspec.Struct):
    meta: _Meta | None = None


def sniff(request: Request) -> bool:
    """Whether the path is that of a prediction."""
    return _ROUTE.fullmatch(request.path) is not None


def decode(request: Request, response: Response) -> Inference:
    """Read the rows and the predictions.

    Raises
    ------
    EventError
        If the bodies have no data of these kinds.
    """
    names, rows = _data(object_of(request.body))
    answer_names, answers = _data(object_of(response.body))
    inputs = from_rows(rows, names if names is not None and len(names) == _width(rows) else None)
    width = _width(answers)
    fitting = answer_names if answer_names is not None and len(answer_names) == width else None
    name = fitting[0] if fitting is not None and width == 1 else "predictions"
    return Inference(inputs=inputs, outputs=[Output(name, answers, None if fitting is None else tuple(fitting))])


def request_id(request: Request) -> str | None:
    """The request's ``meta.puid``."""
    try:
        meta = msgspec.json.decode(request.body, type=_Puid).meta
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return None if meta is None else usable_id(meta.puid)


def _data(message: Mapping[str, Any]) -> tuple[list[str] | None, list[Any]]:
    """Names and rows; a vector is one value a row."""
    data = message.get("data")
    if not isinstance(data, dict):
        raise EventError("The message has no data with rows.", field="data")
    names = data.get("names")
    if not isinstance(names, list) or not all(isinstance(one, str) for one in names):
        names = None
    for kind in _KINDS:
        if kind in data:
            return names, _READERS[kind](data[kind])
    raise EventError(f"has none of {', '.join(_KINDS)}.", field="data")


def _ndarray(array: Any) -> list[Any]:
    if not isinstance(array, list):
        raise EventError("is no list.", field="data.ndarray")
    return array


def _tensor(tensor: Any) -> list[Any]:
    if not isinstance(tensor, dict):
        raise EventError("is no object.", field="data.tensor")
    return _shaped(tensor.get("shape"), tensor.get("values"), "data.tensor")


def _tftensor(tensor: Any) -> list[Any]:
    field = "data.tftensor"
    if not isinstance(tensor, dict) or not isinstance(tensor.get("tensorShape"), dict):
        raise EventError("is no object with a tensorShape.", field=field)
    dimensions = tensor["tensorShape"].get("dim")
    if not isinstance(dimensions, list) or not all(isinstance(one, dict) for one in dimensions):
        raise EventError("has a tensorShape without dimensions.", field=field)
    key = _VALUES.get(str(tensor.get("dtype")), "")
    values = tensor.get(key)
    # JSON of Protocol Buffers writes 64-bit integers as text.
    shape = [_whole(one.get("size")) for one in dimensions]
    if key == "int64Val" and isinstance(values, list):
        values = [_whole(one) for one in values]
    return _shaped(shape, values, field)


def _whole(value: object) -> object:
    return int(value) if isinstance(value, str) and re.fullmatch(r"-?\d{1,19}", value, re.ASCII) else value


def _shaped(shape: Any, values: Any, field: str) -> list[Any]:
    if not isinstance(shape, list) or not all(type(one) is int and one >= 0 for one in shape) or not shape:
        raise EventError("has no shape of whole numbers.", field=field)
    if not isinstance(values, list):
        raise EventError("has no list of values.", field=field)
    if len(shape) > 2 or shape[0] > MAX_EVENTS or shape[-1] > max(MAX_COLUMNS, MAX_EVENTS):
        raise EventError("has more than two dimensions, or is too large.", field=field)
    rows, width = shape[0], shape[1] if len(shape) == 2 else 1
    if rows * width != len(values):
        raise EventError("does not have as many values as its shape says.", field=field)
    return values if len(shape) == 1 else [values[at * width : (at + 1) * width] for at in range(rows)]


def _width(rows: list[Any]) -> int:
    return len(rows[0]) if rows and isinstance(rows[0], list) else 1


_READERS = {"ndarray": _ndarray, "tensor": _tensor, "tftensor": _tftensor}

SELDON_V1 = InferenceFormat("Seldon V1: ndarray, tensor, tftensor", _ROUTE, sniff, decode, request_id)
