"""TensorFlow Serving's REST interface: rows (``instances``) and columns (``inputs``).

``POST /v1/models/{model}[/versions/{n}|/labels/{label}]:predict``, with ``signature_name`` where it is not the default.
Rows are answered with ``predictions``, columns with ``outputs``. Of both, an object has one entry a named tensor.

References
----------
TensorFlow Serving, "RESTful API", Predict API.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from driftwatch.errors import EventError
from driftwatch.wire.exchange import Request, Response, object_of
from driftwatch.wire.inference import Inference, InferenceFormat
from driftwatch.wire.input_table import InputTable, from_columns, from_rows
from driftwatch.wire.model_answers import Output, outputs_of_rows

_ROUTE = re.compile(r"/v1/models/(?P<model>[^/:]+)(?:/versions/[^/:]+|/labels/[^/:]+)?:predict")


def sniff(request: Request) -> bool:
    """Whether the path is that of a prediction, and the body has rows or columns."""
    if _ROUTE.fullmatch(request.path) is None:
        return False
    return b'"instances"' in request.body or b'"inputs"' in request.body


def decode(request: Request, response: Response) -> Inference:
    """Read rows and predictions, or columns and outputs.

    Raises
    ------
    EventError
        If the bodies are not as the interface has them.
    """
    asked, answer = object_of(request.body), object_of(response.body)
    outputs = columns_of_outputs(answer["outputs"]) if "outputs" in answer else None
    if outputs is None:
        outputs = outputs_of_rows(answer.get("predictions"))
    return Inference(inputs=_inputs(asked), outputs=outputs)


def columns_of_outputs(outputs: Any) -> list[Output]:
    """Outputs in columns: one list, or an object of them.

    Raises
    ------
    EventError
        If they are none.
    """
    named: Mapping[str, Any] = outputs if isinstance(outputs, dict) else {"outputs": outputs}
    for name, rows in named.items():
        if not isinstance(rows, list):
            raise EventError("is no list.", field=name[:256])
    return [Output(name, rows) for name, rows in named.items()]


def _inputs(asked: Mapping[str, Any]) -> InputTable:
    if "instances" in asked:
        return from_rows(asked["instances"])
    inputs = asked.get("inputs")
    return from_columns(inputs) if isinstance(inputs, dict) else from_rows(inputs)


TF_SERVING = InferenceFormat("TensorFlow Serving, rows and columns", _ROUTE, sniff, decode)
