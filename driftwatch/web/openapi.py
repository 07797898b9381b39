"""The OpenAPI document: what FastAPI knows of its own routes, and the routes in front of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from fastapi import FastAPI

from driftwatch.web.alertmanager import AlertmanagerNotification
from driftwatch.web.alerts import Silence
from driftwatch.web.guard import CLOUDEVENTS_PATHS, scope_of
from driftwatch.web.health import Health
from driftwatch.web.ingest import Kind, Taken
from driftwatch.web.names import MODEL_NAME
from driftwatch.web.problem_document import Problem, problem_response
from driftwatch.web.retrains import RetrainReport
from driftwatch.web.signature import Signature
from driftwatch.wire import FORMATS
from driftwatch.wire.cloudevents import BATCHED, STRUCTURED
from driftwatch.wire.cloudevents import MAX_EVENTS as MAX_CLOUDEVENTS
from driftwatch.wire.native import MAX_EVENTS, LabelEvent, PredictionEvent

_REFERENCE = "#/components/schemas/{name}"
_EVENTS = {Kind.PREDICTIONS: PredictionEvent, Kind.LABELS: LabelEvent}
_BODIES = (RetrainReport, Signature, Silence, AlertmanagerNotification)
_EXAMPLES: Mapping[Kind, dict[str, Any]] = {
    Kind.PREDICTIONS: {
        "prediction_id": "0198c5f0-9d7e-7c11-a3f2-5f6c1f0b7a11",
        "event_time": "2013-03-01T06:00:00Z",
        "features": {"distance": 1400.0, "carrier": "UA"},
        "prediction": 12.5,
    },
    Kind.LABELS: {
        "prediction_id": "0198c5f0-9d7e-7c11-a3f2-5f6c1f0b7a11",
        "label": 11.0,
        "event_time": "2013-03-01T08:20:00Z",
    },
}
_CLOUDEVENT: Mapping[str, Any] = {
    "specversion": "1.0",
    "id": "0009174a-24a8-4603-b098-09c8799950e9",
    "source": "http://localhost:9081/",
    "type": "org.kubeflow.serving.inference.request",
    "inferenceservicename": "flights",
    "data": {"instances": [[1400.0, "UA"]]},
}
_OF_CLOUDEVENTS = """
CloudEvents of the loggers of KServe and Seldon: binary (attributes in `ce-` headers), structured or batched. A request
and its response are one exchange and give predictions; Seldon's feedback gives labels. The answer comes when the events
are on disk; they are read when they are whole. Other types of events are taken and ignored. The model is that of the
query, else found in the attributes.
""".strip()
_SECURITY_SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A token that `driftwatch token new` made, with the scope that the operation names.",
    },
    "basic": {"type": "http", "scheme": "basic", "description": "For browsers: any name, the token as the password."},
}
_SUMMARIES = {Kind.PREDICTIONS: "Log predictions", Kind.LABELS: "Send labels"}
_DESCRIPTIONS = {
    Kind.PREDICTIONS: f"""
One event, or up to {MAX_EVENTS:,} of them: as an array, one a line, or as an Arrow stream whose columns are the fields
of an event and the features by name (or in a structure `features`), which is by far the fastest. As they are, or
compressed by gzip or zstd, as `Content-Encoding` says. The answer comes when they are durable. An id is made where one
is missing; the same id again is a duplicate and changes nothing. One bad event does not keep the others out: `rejected`
names it.
""".strip(),
    Kind.LABELS: f"""
One label, or up to {MAX_EVENTS:,} of them. A label finds its prediction by `prediction_id`, whichever comes first; a
later one for the same prediction corrects it.
""".strip(),
}


def document_front_routes(app: FastAPI) -> None:
    """Let ``app.openapi()`` include the routes that are answered before FastAPI, and bodies that are read by hand."""
    own = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = own()
            paths, schemas = _front_paths()
            document["paths"] = {**paths, **document["paths"]}
            components = document.setdefault("components", {})
            components.setdefault("schemas", {}).update(schemas)
            components["securitySchemes"] = _SECURITY_SCHEMES
            _tell_who_may_ask(document["paths"])
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _tell_who_may_ask(paths: dict[str, Any]) -> None:
    """Add to each operation the scope that it needs, where the service has tokens, and how it refuses."""
    for path, item in paths.items():
        for method, operation in item.items():
            scope = scope_of(method.upper(), path)
            if scope is None:
                continue
            kinds = ("bearer", "basic") if method == "get" else ("bearer",)
            # An empty requirement: a service of this machine alone may have no tokens.
            operation["security"] = [*({kind: [scope.value]} for kind in kinds), {}]
            operation["responses"] |= {str(status): problem_response(status) for status in (401, 403)}


def _front_paths() -> tuple[dict[str, Any], dict[str, Any]]:
    types = (PredictionEvent, LabelEvent, Taken, Health, Problem)
    _, schemas = msgspec.json.schema_components(types, ref_template=_REFERENCE)
    paths: dict[str, Any] = {f"/v1/models/{{model}}/{kind.value}": {"post": _ingest(kind)} for kind in Kind}
    paths |= {path: {"post": _cloudevents(path)} for path in sorted(CLOUDEVENTS_PATHS)}
    paths["/metrics"] = {"get": _text("Metrics for Prometheus", "As rendered when something changed last.")}
    paths["/healthz"] = {
        "get": {
            "tags": ["service"],
            "summary": "Is the process alive?",
            "operationId": "healthz",
            "responses": {"200": _json_body("It answers.", "Health")},
        }
    }
    for one in _BODIES:
        schema = one.model_json_schema(ref_template=_REFERENCE.replace("{name}", "{model}"))
        schemas |= {**schema.pop("$defs", {}), one.__name__: schema}
    return paths, schemas


def _ingest(kind: Kind) -> dict[str, Any]:
    event = {"$ref": _REFERENCE.format(name=_EVENTS[kind].__name__)}
    many = {"type": "array", "items": event, "maxItems": MAX_EVENTS}
    content: dict[str, Any] = {content_type: {"schema": {"type": "string"}} for content_type in FORMATS}
    content["application/json"] = {"schema": {"anyOf": [event, many]}, "example": _EXAMPLES[kind]}
    refused = {status: problem_response(status) for status in (400, 404, 408, 413, 415, 422, 503)}
    return {
        "tags": ["events"],
        "summary": _SUMMARIES[kind],
        "description": _DESCRIPTIONS[kind],
        "operationId": kind.value,
        "parameters": [
            {
                "name": "model",
                "in": "path",
                "required": True,
                "schema": {"type": "string", "pattern": f"^{MODEL_NAME}$"},
            }
        ],
        "requestBody": {"required": True, "content": content},
        "responses": {
            "202": _json_body("Durable. `rejected` names what was not taken.", "Taken"),
            **{str(status): response for status, response in refused.items()},
        },
    }


def _cloudevents(path: str) -> dict[str, Any]:
    query = {"in": "query", "required": False}
    event = {"type": "object", "required": ["specversion", "id", "source", "type"], "example": _CLOUDEVENT}
    content: dict[str, Any] = {
        STRUCTURED: {"schema": event},
        BATCHED: {"schema": {"type": "array", "items": event, "maxItems": MAX_CLOUDEVENTS}},
        "application/json": {"schema": {}, "example": _CLOUDEVENT["data"]},
    }
    refused = {str(status): problem_response(status) for status in (400, 404, 408, 413, 415, 422, 503)}
    return {
        "tags": ["events"],
        "summary": "Log exchanges as CloudEvents" + (", at the usual address" if path == "/" else ""),
        "description": _OF_CLOUDEVENTS,
        "operationId": "cloudevents" if path == "/v1/cloudevents" else "cloudevents_at_root",
        "parameters": [
            {**query, "name": "model", "schema": {"type": "string", "pattern": f"^{MODEL_NAME}$"}},
            {**query, "name": "model_version", "schema": {"type": "string", "minLength": 1, "maxLength": 256}},
        ],
        "requestBody": {"required": True, "content": content},
        "responses": {"200": {"description": "On disk. There is no body."}, **refused},
    }


def _json_body(description: str, schema: str) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": _REFERENCE.format(name=schema)}}}
    return {"description": description, "content": content}


def _text(summary: str, description: str) -> dict[str, Any]:
    return {
        "tags": ["service"],
        "summary": summary,
        "description": description,
        "operationId": "metrics",
        "responses": {
            "200": {"description": "The page.", "content": {"text/plain": {"schema": {"type": "string"}}}},
            "503": problem_response(503),
        },
    }


__all__ = ["document_front_routes"]
