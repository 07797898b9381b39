"""What a model server's logger sends of an exchange: bodies without their paths, and with few of their headers.

The protocol is told from the request's body. KServe's logger sends the answer under the request's content type, so that
of an answer is believed only where its body does not say otherwise. Bodies may be gzip without saying so, and binary
tensors come without the header that says where their JSON ends.

References
----------
KServe, ``pkg/logger/handler.go``; Seldon Core 1, ``executor/logger/worker.go``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from driftwatch.errors import EventError
from driftwatch.wire import INFERENCE_FORMATS
from driftwatch.wire.exchange import Request, Response, inflated, object_of
from driftwatch.wire.inference import Inference, usable_id
from driftwatch.wire.model_answers import answers_of
from driftwatch.wire.seldon_v1 import SELDON_V1

_V1, _V2 = "/v1/models/logged:predict", "/v2/models/logged/infer"
_SELDON, _MLFLOW = "/api/v1.0/predictions", "/invocations"
_PROTOCOLS: Mapping[str, str] = {"seldon": _SELDON, "tensorflow": _V1, "v2": _V2, "kfserving": _V2, "oip": _V2}
"""What Seldon calls the protocol of a payload, and a path that has it."""
_BRACKETS = (b"{", b"[")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedBody:
    """One side of an exchange, as it was logged. ``protocol`` is what the logger calls it; empty where it does not."""

    body: bytes
    content_type: str = ""
    protocol: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class LoggedExchange:
    """What a request and its answer say, and the id in the request's body, if there is one."""

    inference: Inference
    request_id: str | None


@dataclass(frozen=True, slots=True, eq=False)
class LoggedTruth:
    """A label a row, and the id in the messages, if there is one."""

    labels: list[int | float | str | bool]
    prediction_id: str | None


def read_exchange(asked: LoggedBody, told: LoggedBody, most_bytes: int) -> LoggedExchange:
    """Read both sides.

    Parameters
    ----------
    asked, told
        The request and its answer.
    most_bytes
        What each may inflate to.

    Raises
    ------
    EventError
        The protocol is none that is known, or the bodies are not as it has them.

    Examples
    --------
    >>> found = read_exchange(
    ...     LoggedBody(body=b'{"instances": [[1, 2]]}'), LoggedBody(body=b'{"predictions": [0.5]}'), 1_000
    ... )
    >>> found.inference.inputs.columns, found.inference.outputs[0].rows
    (([1], [2]), [0.5])
    """
    headers = {"content-type": asked.content_type}
    body = inflated({}, asked.body, most_bytes)
    answer = inflated({}, told.body, most_bytes)
    request = Request(_path(body, answer, headers, asked.protocol), headers, body)
    kind = next((one for one in INFERENCE_FORMATS.values() if one.sniff(request)), None)
    if kind is None:
        raise EventError("The request is of no known protocol.")
    content_type = "application/json" if answer.lstrip()[:1] in _BRACKETS else told.content_type
    response = Response({"content-type": content_type}, answer)
    return LoggedExchange(kind.decode(request, response), kind.request_id(request))


def read_feedback(logged: LoggedBody, classes: tuple[str, ...], most_bytes: int) -> LoggedTruth:
    """Read the truth out of a message of Seldon's feedback.

    Parameters
    ----------
    logged
        ``{"request": ..., "response": ..., "truth": ..., "reward": ...}``, of which the truth is needed.
    classes
        The model's, empty for regression.
    most_bytes
        What it may inflate to.

    Raises
    ------
    EventError
        There is no truth in it that can be read.
    """
    message = object_of(inflated({}, logged.body, most_bytes))
    truth = message.get("truth")
    if not isinstance(truth, dict) or not truth:
        raise EventError("The feedback has no truth.", field="truth")
    try:
        written = msgspec.json.encode(truth)
    except (ValueError, RecursionError):
        raise EventError("cannot be read.", field="truth") from None
    inference = SELDON_V1.decode(Request(_SELDON, {}, written), Response({}, written))
    rows = len(inference.outputs[0].rows)
    labels = list(answers_of(inference.outputs, rows, classes).predictions) if rows else []
    return LoggedTruth(labels, _puid(message.get("response")) or _puid(message.get("request")))


def _path(body: bytes, answer: bytes, headers: Mapping[str, str], protocol: str) -> str:
    """A path under which the request would have come."""
    named = _PROTOCOLS.get(protocol.strip().lower())
    if named is not None:
        return named
    if INFERENCE_FORMATS["oip_v2"].sniff(Request("", headers, body)):
        return _V2
    if b'"dataframe_' in body[:4096] or headers["content-type"].startswith("text/csv"):
        return _MLFLOW
    if b'"instances"' in body or b'"inputs"' in body:
        # Rows alone are the answer of older servers of MLflow.
        return _MLFLOW if answer.lstrip()[:1] == b"[" else _V1
    return _SELDON if b'"data"' in body else ""


def _puid(message: Any) -> str | None:
    meta = message.get("meta") if isinstance(message, dict) else None
    return usable_id(meta.get("puid")) if isinstance(meta, dict) else None


__all__ = ["LoggedBody", "LoggedExchange", "LoggedTruth", "read_exchange", "read_feedback"]
