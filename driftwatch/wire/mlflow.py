"""MLflow's scoring server (``POST /invocations``), which is also the path of SageMaker's endpoints.

In JSON ``dataframe_split``, ``dataframe_records``, ``instances`` or ``inputs``; or CSV. A CSV whose first line is all
numbers has no header: its columns are known by position, as SageMaker sends them. The answer is
``{"predictions": ...}``, a bare list (older servers), or CSV.

References
----------
MLflow, "Deploy MLflow Model as a Local Inference Server", accepted input formats.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Mapping
from typing import Any

from driftwatch.errors import EventError
from driftwatch.wire.exchange import Request, Response, json_of, object_of
from driftwatch.wire.inference import Inference, InferenceFormat
from driftwatch.wire.input_table import InputTable, Value, from_columns, from_rows
from driftwatch.wire.model_answers import Output, outputs_of_rows
from driftwatch.wire.tf_serving import columns_of_outputs

_ROUTE = re.compile(r"(?:/[^?]*)?/invocations")
_TEXT = frozenset({"text/csv", "text/plain"})
_NUMBER = re.compile(r"[+-]?(?:\d{1,400}(?:\.\d{0,400})?|\.\d{1,400})(?:[eE][+-]?\d{1,4})?")
_MISSING = frozenset({"", "nan", "na", "null", "none", "n/a", "<na>"})


def sniff(request: Request) -> bool:
    """Whether the path is the scoring server's."""
    return _ROUTE.fullmatch(request.path) is not None


def decode(request: Request, response: Response) -> Inference:
    """Read the rows and the predictions.

    Raises
    ------
    EventError
        If the bodies are not as the server has them.
    """
    kind = _media_type(request.headers)
    inputs = _from_csv(request.body) if kind == "text/csv" else _inputs(object_of(request.body))
    return Inference(inputs=inputs, outputs=_outputs(response))


def _inputs(asked: Mapping[str, Any]) -> InputTable:
    if "dataframe_split" in asked:
        return _from_split(asked["dataframe_split"])
    for key in ("dataframe_records", "instances", "inputs"):
        if key in asked:
            found = asked[key]
            return from_columns(found) if isinstance(found, dict) else from_rows(found)
    if "columns" in asked and "data" in asked:
        # What servers before MLflow 2 took under application/json.
        return _from_split(asked)
    raise EventError("The request has no dataframe_split, dataframe_records, instances or inputs.")


def _from_split(frame: Any) -> InputTable:
    if not isinstance(frame, dict) or not isinstance(frame.get("data"), list):
        raise EventError("has no list of rows under data.", field="dataframe_split")
    columns = frame.get("columns")
    if columns is None:
        return from_rows(frame["data"])
    if not isinstance(columns, list) or any(isinstance(one, list | dict) for one in columns):
        raise EventError("has columns that are no list of names.", field="dataframe_split")
    return from_rows(frame["data"], [str(one) for one in columns])


def _from_csv(body: bytes) -> InputTable:
    lines = _csv_lines(body)
    if not lines:
        raise EventError("The body is empty.")
    if all(_NUMBER.fullmatch(cell) for cell in lines[0]):
        return from_rows([[_cell(one) for one in line] for line in lines])
    header, *rows = lines
    return from_rows([[_cell(one) for one in line] for line in rows], header)


def _outputs(response: Response) -> list[Output]:
    if _media_type(response.headers) in _TEXT:
        rows = [[_cell(one) for one in line] for line in _csv_lines(response.body)]
        return [Output("predictions", rows)]
    answer = json_of(response.body)
    found = answer.get("predictions") if isinstance(answer, dict) else answer
    return columns_of_outputs(found) if isinstance(found, dict) else outputs_of_rows(found)


def _csv_lines(body: bytes) -> list[list[str]]:
    try:
        text = body.decode("utf-8-sig")
        return [line for line in csv.reader(text.splitlines(), strict=True) if line]
    except (UnicodeDecodeError, csv.Error) as error:
        raise EventError(f"The body is no CSV ({type(error).__name__}).") from None


def _cell(text: str) -> Value:
    text = text.strip()
    if _NUMBER.fullmatch(text):
        if text.lstrip("+-").isdecimal() and len(text) <= 18:
            return int(text)
        number = float(text)
        return number if math.isfinite(number) else "Infinity" if number > 0 else "-Infinity"
    return None if text.lower() in _MISSING else text


def _media_type(headers: Mapping[str, str]) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


MLFLOW = InferenceFormat(
    "MLflow `/invocations`: dataframe_split, dataframe_records, instances, inputs, CSV", _ROUTE, sniff, decode
)
