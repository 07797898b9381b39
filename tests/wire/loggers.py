"""Requests as the loggers of KServe and of Seldon Core send them.

The shapes are those of KServe's ``pkg/logger`` (worker.go, handler.go) and of Seldon Core 1's ``executor/logger``: the
attributes, their order and their casing as Go writes them; the answer under its request's content type.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

KSERVE = "org.kubeflow.serving.inference."
SELDON = "io.seldon.serving."


@dataclass(frozen=True, kw_only=True)
class Sent:
    """One HTTP request in binary mode."""

    headers: dict[str, str]
    body: bytes

    def structured(self) -> dict[str, Any]:
        """The same event as an envelope."""
        envelope: dict[str, Any] = {
            name.lower().removeprefix("ce-"): value
            for name, value in self.headers.items()
            if name.lower().startswith("ce-")
        }
        envelope["datacontenttype"] = self.headers["Content-Type"]
        envelope["data"] = json.loads(self.body)
        return envelope

    def with_body(self, body: bytes) -> Sent:
        return replace(self, body=body)


def body_of(content: Any) -> bytes:
    return content if isinstance(content, bytes) else json.dumps(content).encode()


def kserve(
    what: str, content: Any, *, event_id: str = "0009174a-24a8-4603-b098-09c8799950e9", name: str = "flights",
    content_type: str = "application/json", time: str = "2026-01-06T00:23:26.080736102Z", **more: str,
) -> Sent:  # fmt: skip
    """What KServe's agent sends: ``what`` is request or response; both share id and source."""
    headers = {
        "User-Agent": "Go-http-client/1.1",
        "Ce-Component": "predictor",
        "Ce-Endpoint": "default",
        "Ce-Id": event_id,
        "Ce-Inferenceservicename": name,
        "Ce-Metadata": "%7B%7D",
        "Ce-Namespace": "default",
        "Ce-Recordedtime": "2026-01-06T00:23:26.081Z",
        "Ce-Source": "http://localhost:9081/",
        "Ce-Specversion": "1.0",
        "Ce-Time": time,
        "Ce-Type": KSERVE + what,
        "Content-Type": content_type,
        "Traceparent": "00-90bdf848647d50283394155d2df58f19-84dacdfdf07cadfc-00",
        **more,
    }
    return Sent(headers=headers, body=body_of(content))


def seldon(
    what: str, content: Any, *, event_id: str, request_id: str = "a1b2c3", name: str = "flights",
    protocol: str = "seldon", **more: str,
) -> Sent:  # fmt: skip
    """What Seldon's executor sends: every event has an id of its own, and ``ce-requestid`` is the request's."""
    headers = {
        "User-Agent": "Go-http-client/1.1",
        "Ce-Endpoint": "default",
        "Ce-Id": event_id,
        "Ce-Inferenceservicename": name,
        "Ce-Modelid": "classifier",
        "Ce-Namespace": "seldon",
        "Ce-Protocol": protocol,
        "Ce-Requestid": request_id,
        "Ce-Source": "http://localhost:8000/",
        "Ce-Specversion": "1.0",
        "Ce-Time": "2026-01-06T17:55:29.709146122Z",
        "Ce-Type": SELDON + what,
        "Content-Type": "application/json",
        **more,
    }
    return Sent(headers=headers, body=body_of(content))
