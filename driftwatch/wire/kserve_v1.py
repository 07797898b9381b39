"""KServe's V1 protocol: ``POST /v1/models/{model}:predict`` with ``instances``, answered with ``predictions``.

References
----------
KServe, "Data Plane V1 protocol".
"""

from __future__ import annotations

import re

from driftwatch.errors import EventError
from driftwatch.wire.exchange import Request, Response, object_of
from driftwatch.wire.inference import Inference, InferenceFormat
from driftwatch.wire.input_table import from_rows
from driftwatch.wire.model_answers import outputs_of_rows

_ROUTE = re.compile(r"/v1/models/(?P<model>[^/:]+):predict")


def sniff(request: Request) -> bool:
    """Whether the path is that of a prediction, and the body has rows; those with a signature are TensorFlow's."""
    body = request.body
    return (
        _ROUTE.fullmatch(request.path) is not None
        and b'"instances"' in body
        and b'"signature_name"' not in body
        and b'"inputs"' not in body
    )


def decode(request: Request, response: Response) -> Inference:
    """Read the rows and the predictions.

    Raises
    ------
    EventError
        If the bodies are not as the protocol has them.
    """
    asked, answer = object_of(request.body), object_of(response.body)
    if "instances" not in asked:
        raise EventError("The request has no instances.")
    return Inference(inputs=from_rows(asked["instances"]), outputs=outputs_of_rows(answer.get("predictions")))


KSERVE_V1 = InferenceFormat("KServe V1", _ROUTE, sniff, decode)
