"""What the CloudEvents project's own SDK writes, in binary and structured mode, taken by a running service.

``make conformance`` installs it in an environment of its own and runs this; the usual suite passes it over.
"""

from __future__ import annotations

import base64
import os
from pathlib import Path

import httpx
import pytest

from tests.cli.test_serve import free_port, running, wait_until
from tests.servers.test_real_servers import baseline, outcome
from tests.wire.test_inference_formats import binary

pytestmark = pytest.mark.skipif("CONFORMANCE" not in os.environ, reason="make conformance runs it")

WRITE = """
import base64, json, sys
from datetime import datetime, timezone
from cloudevents.core.bindings.http import to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent

asked, told = {"instances": [[1.0, 2.0, 3.0], [-4.0, -5.0, 6.0]]}, {"predictions": [1, 0]}
tensors = base64.b64decode(sys.argv[1])
answer = {"outputs": [{"name": "predict", "shape": [1], "datatype": "INT64", "data": [1]}]}
exchanges = [
    ("binary", to_binary_event, asked, told, "application/json"),
    ("structured", to_structured_event, asked, told, "application/json"),
    ("tensors", to_binary_event, tensors, json.dumps(answer).encode(), "application/octet-stream"),
    ("tensors-inside", to_structured_event, tensors, json.dumps(answer).encode(), "application/octet-stream"),
]
found = []
for name, write, question, reply, content_type in exchanges:
    for kind, data in (("request", question), ("response", reply)):
        attributes = {
            "specversion": "1.0", "id": name, "source": "http://localhost:9081/", "datacontenttype": content_type,
            "type": "org.kubeflow.serving.inference." + kind, "time": datetime.now(timezone.utc),
            "inferenceservicename": "flights", "namespace": "K\\u00f6ln 100%",
        }
        message = write(CloudEvent(attributes=attributes, data=data))
        body = message.body if isinstance(message.body, bytes) else message.body.encode()
        found.append([dict(message.headers), base64.b64encode(body).decode()])
print(json.dumps(found))
"""


def test_what_the_sdk_writes_is_paired_and_logged(tmp_path: Path) -> None:
    columns = [({"name": name, "shape": [1, 1], "datatype": "FP64"}, bytes(8)) for name in "abc"]
    tensors = base64.b64encode(binary(columns, "inputs")[1]).decode()
    port = free_port()
    with running(tmp_path / "data", port) as client:
        client.register(baseline())
        for headers, body in outcome("cloudevents", WRITE, tensors):
            answer = httpx.post(
                f"http://127.0.0.1:{port}/",
                content=base64.b64decode(body),
                headers=headers,
                trust_env=False,
                timeout=20,
            )
            assert (answer.status_code, answer.content) == (200, b""), answer.text
        expected = {"binary/0", "binary/1", "structured/0", "structured/1", "tensors", "tensors-inside"}
        wait_until(lambda: len(client.export("flights")) >= len(expected))
        assert set(client.export("flights")["prediction_id"]) == expected
