"""Bytes made into typed events, one file a format.

``FORMATS`` is the table of what the ingest routes take, by content type. Adding one is one new file with the two
functions of `Format`, and one line here.

``INFERENCE_FORMATS`` is the table of the model servers' protocols: how predictions are read from a server's traffic.
The first that knows a request reads it. Adding one is one new file with ``sniff`` and ``decode``, and one line here.
"""

from __future__ import annotations

from collections.abc import Mapping

from driftwatch.wire import native
from driftwatch.wire.arrow_stream import ARROW_STREAM
from driftwatch.wire.inference import InferenceFormat
from driftwatch.wire.kserve_v1 import KSERVE_V1
from driftwatch.wire.mlflow import MLFLOW
from driftwatch.wire.native import Format
from driftwatch.wire.oip_v2 import OIP_V2
from driftwatch.wire.seldon_v1 import SELDON_V1
from driftwatch.wire.tf_serving import TF_SERVING

FORMATS: Mapping[str, Format] = {
    "application/json": native.JSON,
    "application/x-ndjson": native.NDJSON,
    "application/vnd.apache.arrow.stream": ARROW_STREAM,
}

INFERENCE_FORMATS: Mapping[str, InferenceFormat] = {
    "oip_v2": OIP_V2,
    "kserve_v1": KSERVE_V1,
    "tf_serving": TF_SERVING,
    "mlflow": MLFLOW,
    "seldon_v1": SELDON_V1,
}

__all__ = ["FORMATS", "INFERENCE_FORMATS", "Format", "InferenceFormat"]
