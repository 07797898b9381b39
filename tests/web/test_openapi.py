"""The OpenAPI document, and the page that shows it."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from driftwatch.wire import FORMATS

PROMISED = {
    ("post", "/v1/models/{model}/predictions"),
    ("post", "/v1/models/{model}/labels"),
    ("put", "/v1/models/{model}/baseline"),
    ("get", "/v1/models/{model}/baseline"),
    ("post", "/v1/cloudevents"),
    ("post", "/"),
    ("get", "/v1/models"),
    ("get", "/v1/models/{model}/shadows"),
    ("get", "/v1/models/{model}/drift"),
    ("get", "/v1/models/{model}/performance"),
    ("get", "/v1/models/{model}/events"),
    ("get", "/v1/alerts"),
    ("get", "/v1/alerts/{alert_id}"),
    ("post", "/v1/alerts/{alert_id}/acknowledge"),
    ("post", "/v1/alerts/{alert_id}/silence"),
    ("post", "/v1/alertmanager"),
    ("get", "/v1/outbox"),
    ("post", "/v1/outbox/{message_id}/resend"),
    ("get", "/v1/retrains"),
    ("get", "/v1/retrains/{retrain_id}"),
    ("post", "/v1/retrains/{retrain_id}/approve"),
    ("post", "/v1/retrains/{retrain_id}/cancel"),
    ("post", "/v1/retrains/{retrain_id}/status"),
    ("get", "/metrics"),
    ("get", "/healthz"),
    ("get", "/readyz"),
}


@pytest.fixture(scope="module")
def openapi(drifted: Any) -> Any:
    return drifted.client.get("/openapi.json").json()


def operations(openapi: Any) -> Iterator[tuple[str, str, Any]]:
    for path, item in openapi["paths"].items():
        for method, operation in item.items():
            yield method, path, operation


def test_every_route_is_documented_and_nothing_else(openapi: Any) -> None:
    assert {(method, path) for method, path, _ in operations(openapi)} == PROMISED


def test_every_documented_route_is_there(drifted: Any, openapi: Any) -> None:
    for method, path, _ in operations(openapi):
        address = re.sub(r"\{\w+\}", "nobody", path)
        answer = drifted.client.request(method, address)
        assert answer.status_code != 405
        if answer.status_code == 404:
            assert answer.json()["type"].rsplit(":", 1)[1].startswith("unknown-")


def test_every_reference_leads_to_a_shape(openapi: Any) -> None:
    for reference in re.findall(r'"\$ref": "([^"]+)"', json.dumps(openapi)):
        assert reference.removeprefix("#/components/schemas/") in openapi["components"]["schemas"]


def test_every_shape_is_used(openapi: Any) -> None:
    used = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(openapi)))
    assert set(openapi["components"]["schemas"]) <= used


def test_every_error_is_documented_as_a_problem(openapi: Any) -> None:
    for _, path, operation in operations(openapi):
        for status, answer in operation["responses"].items():
            if int(status) >= 400:
                assert list(answer["content"]) == ["application/problem+json"], (path, status)


def test_every_operation_has_a_summary_and_a_name_of_its_own(openapi: Any) -> None:
    names = [operation["operationId"] for _, _, operation in operations(openapi)]
    assert len(set(names)) == len(names)
    assert all(operation["summary"] for _, _, operation in operations(openapi))


def test_ingest_documents_every_wire_format(openapi: Any) -> None:
    for kind in ("predictions", "labels"):
        body = openapi["paths"][f"/v1/models/{{model}}/{kind}"]["post"]["requestBody"]
        assert set(body["content"]) == set(FORMATS)


def test_the_examples_of_ingest_decode(openapi: Any) -> None:
    wire = FORMATS["application/json"]
    for kind, decode in (("predictions", wire.predictions), ("labels", wire.labels)):
        content = openapi["paths"][f"/v1/models/{{model}}/{kind}"]["post"]["requestBody"]["content"]
        assert not decode(json.dumps(content["application/json"]["example"]).encode()).rejections


def test_answers_have_the_documented_fields(drifted: Any, openapi: Any) -> None:
    schemas = openapi["components"]["schemas"]
    for path, name in (
        ("/v1/models", "ModelView"),
        ("/v1/alerts", "AlertView"),
        ("/v1/retrains", "RetrainView"),
        ("/v1/models/flights/drift", "DriftView"),
        ("/v1/models/flights/performance", "PerformanceView"),
        ("/v1/models/nobody/drift", "Problem"),
        ("/healthz", "Health"),
    ):
        answer = drifted.client.get(path).json()
        one = answer[0] if isinstance(answer, list) else answer
        assert set(one) <= set(schemas[name]["properties"])
        assert set(one) >= set(schemas[name]["required"])


def test_the_page_shows_every_operation_and_every_shape(drifted: Any, openapi: Any) -> None:
    text = drifted.client.get("/docs").text
    for _, path, operation in operations(openapi):
        assert path in text
        assert operation["summary"] in text
    for name in openapi["components"]["schemas"]:
        assert f'id="schema-{name}"' in text
