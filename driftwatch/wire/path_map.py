"""Any JSON service: paths say where the features are in the request, and the prediction in its answer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from driftwatch.errors import EventError
from driftwatch.wire.exchange import Request, Response, json_of
from driftwatch.wire.inference import Inference, InferenceFormat, usable_id
from driftwatch.wire.input_table import InputTable, from_columns, from_rows
from driftwatch.wire.json_path import JsonPath
from driftwatch.wire.model_answers import Output


@dataclass(frozen=True, slots=True, kw_only=True)
class PathMap:
    """Where things are.

    Attributes
    ----------
    route
        The path of the requests; ``*`` stands for anything between two slashes.
    features
        In the request: an object (one row), a list of rows, or an object of columns.
    prediction, score
        In the answer: one value, or a list with one a row. ``score`` is the probability of a binary model's last
        class, probabilities in the order of the classes, or an object of them.
    prediction_id
        In the request.
    """

    route: str
    features: JsonPath
    prediction: JsonPath
    score: JsonPath | None = None
    prediction_id: JsonPath | None = None


def path_map(found: PathMap) -> InferenceFormat:
    """The format of one mapped route."""
    route = re.compile("[^/]*".join(map(re.escape, found.route.split("*"))))

    def sniff(request: Request) -> bool:
        return route.fullmatch(request.path) is not None

    def decode(request: Request, response: Response) -> Inference:
        inputs = _inputs(found.features, json_of(request.body))
        answer = json_of(response.body)
        outputs = [Output("prediction", _a_value_a_row(found.prediction.find(answer), inputs.n_rows, found.prediction))]
        if found.score is not None:
            outputs.append(Output("score", _a_value_a_row(found.score.find(answer), inputs.n_rows, found.score)))
        return Inference(inputs=inputs, outputs=outputs)

    def request_id(request: Request) -> str | None:
        if found.prediction_id is None:
            return None
        try:
            value = found.prediction_id.find(json_of(request.body))
        except EventError:
            return None
        return usable_id(str(value) if type(value) is int else value)

    return InferenceFormat(f"JSON by a map of paths, at {found.route}", route, sniff, decode, request_id)


def _inputs(path: JsonPath, document: Any) -> InputTable:
    found = path.find(document)
    if isinstance(found, dict):
        return from_columns(found) if _is_columns(found) else from_rows([found])
    if isinstance(found, list) and (path.is_several or (found and isinstance(found[0], list | dict))):
        return from_rows(found)
    # A list of single values is one row without names.
    return from_rows([found])


def _is_columns(found: dict[str, Any]) -> bool:
    """Whether every entry is a list of the same length, above one."""
    lengths = {len(one) if isinstance(one, list) else 0 for one in found.values()}
    return len(found) > 1 and len(lengths) == 1 and lengths.pop() > 1


def _a_value_a_row(found: Any, n_rows: int, path: JsonPath) -> list[Any]:
    if isinstance(found, list) and (path.is_several or len(found) == n_rows != 1):
        return found
    return [found]


__all__ = ["PathMap", "path_map"]
