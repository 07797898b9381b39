"""Routes about alerts, retrains and notifications."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from driftwatch.core.baseline import Baseline
from driftwatch.errors import SinkRejected
from driftwatch.pipeline.loop_operations import ExternalCall
from driftwatch.web.tokens import hash_of, new_token


@pytest.fixture
def worse(make_web: Any) -> Any:
    """A model whose error grows, under a policy that wants approval."""
    web = make_web(retrain={"approval": True})
    web.register()
    for number in range(10):
        web.day(number, error=5.0 if number < 4 else 25.0)
    return web


def one(web: Any, what: str) -> Any:
    (found,) = web.client.get(f"/v1/{what}").json()
    return found


def test_a_retrain_is_approved_by_somebody(worse: Any) -> None:
    episode = one(worse, "retrains")
    assert episode["state"] == "awaiting_approval"
    address = f"/v1/retrains/{episode['retrain_id']}"
    assert worse.client.get(address).json() == episode
    assert worse.client.post(f"{address}/approve", json={}).json()["field"] == "by"
    approved = worse.client.post(f"{address}/approve", json={"by": "ada", "note": "go on"}).json()
    assert (approved["state"], approved["history"][-1]["by"]) == ("requested", "ada")
    assert worse.client.post(f"{address}/approve", json={"by": "ada"}).status_code == 409
    assert worse.client.post(f"{address}/cancel", json={"by": "bob"}).json()["state"] == "cancelled"
    late = worse.client.post(f"{address}/status", json={"state": "training"})
    assert (late.status_code, "cancelled" in late.json()["detail"]) == (409, True)
    page = worse.client.get("/").text
    assert "cancelled" in page
    assert "by bob" in page


@pytest.mark.parametrize("state", ["delivered", "requested", "timed_out", "recovered", "cancelled", "dry_run"])
def test_a_trainer_cannot_say_what_is_not_its_own(worse: Any, state: str) -> None:
    address = f"/v1/retrains/{one(worse, 'retrains')['retrain_id']}/status"
    answer = worse.client.post(address, json={"state": state})
    assert (answer.status_code, answer.json()["field"]) == (422, "state")


def test_an_alert_is_acknowledged_and_silenced_until_a_time(worse: Any) -> None:
    address = f"/v1/alerts/{one(worse, 'alerts')['alert_id']}"
    known = worse.client.post(f"{address}/acknowledge", json={"by": "ada"}).json()
    assert (known["state"], known["history"][-1]["by"]) == ("acknowledged", "ada")
    until = worse.clock.now() + timedelta(hours=2)
    quiet = worse.client.post(f"{address}/silence", json={"by": "bob", "until": until.isoformat()}).json()
    assert (quiet["state"], quiet["silenced_until"]) == ("silenced", until.isoformat().replace("+00:00", "Z"))
    assert worse.client.get("/v1/alerts?state=silenced").json() == [quiet]
    assert worse.client.get("/v1/alerts?state=firing").json() == []
    page = worse.client.get("/").text
    assert "1 silenced" in page
    assert "silenced until" in page
    worse.clock.advance(timedelta(hours=2))
    assert worse.client.get(address).json()["state"] == "acknowledged"


@pytest.mark.parametrize(
    ("body", "field"),
    [({"by": "a"}, "until"), ({"until": "2027-01-05T00:00:00Z"}, "by"), ({"by": "a", "until": "soon"}, "until"),
     ({"by": "a", "until": "2900-01-01T00:00:00Z"}, "until")],
)  # fmt: skip
def test_a_silence_that_does_not_fit_names_its_field(worse: Any, body: Any, field: str) -> None:
    address = f"/v1/alerts/{one(worse, 'alerts')['alert_id']}/silence"
    answer = worse.client.post(address, json=body)
    assert (answer.status_code, answer.json()["field"]) == (422, field)


@pytest.mark.parametrize(
    "path", ["/v1/alerts/nobody", "/v1/retrains/nobody", "/v1/alerts/nobody/silence", "/v1/outbox/nobody/resend"]
)
def test_what_is_not_known_is_not_found(worse: Any, path: str) -> None:
    method = "GET" if path.endswith("nobody") else "POST"
    body = {"by": "a", "until": "2027-01-05T00:00:00Z"} if "silence" in path else None
    answer = worse.client.request(method, path, json=body)
    assert (answer.status_code, answer.json()["type"].rsplit(":", 1)[1].startswith("unknown-")) == (404, True)


def test_what_was_given_up_is_shown_without_its_body_and_sent_again(make_web: Any) -> None:
    web = make_web()
    web.register()
    web.sink._failures.append(SinkRejected("answered 410."))
    for number in range(10):
        web.day(number, error=5.0 if number < 4 else 25.0)
    deliverer = web.service.runner._deliverer
    deliverer.deliver_due()
    assert one(web, "retrains")["state"] == "failed"
    dead = one(web, "outbox?state=dead")
    assert (dead["attempts"], dead["last_error"], "body" in dead) == (1, "answered 410.", False)
    assert web.client.get("/v1/outbox?state=pending").json() == []
    again = web.client.post(f"/v1/outbox/{dead['message_id']}/resend").json()
    assert (again["state"], one(web, "retrains")["state"]) == ("pending", "requested")
    assert web.client.post(f"/v1/outbox/{dead['message_id']}/resend").status_code == 409
    deliverer.deliver_due()
    assert one(web, "retrains")["state"] == "delivered"
    assert [step["state"] for step in one(web, "retrains")["history"]] == [
        "requested", "failed", "requested", "delivered"
    ]  # fmt: skip


def test_a_shadow_is_registered_sent_to_and_compared(make_web: Any, document: str) -> None:
    web = make_web()
    web.register()
    text = replace(Baseline.from_json(document), model_version="2").to_json()
    web.clock.advance(timedelta(seconds=1))
    answer = web.client.put("/v1/models/flights/baseline?role=shadow", content=text)
    assert (answer.status_code, answer.json()["role"]) == (200, "shadow")
    assert web.client.put("/v1/models/flights/baseline?role=ghost", content=text).status_code == 422
    web.day(0)
    from_web = [
        {"prediction_id": f"0-{row}", "event_time": "2026-01-05T12:00:00Z", "model_version": "2", "prediction": 90.0,
         "features": {"distance": 800.0, "carrier": "AA"}}
        for row in range(200)
    ]  # fmt: skip
    assert web.send("predictions", from_web)["accepted"] == 200
    web.settle()
    (found,) = web.client.get("/v1/models/flights/shadows").json()
    assert (found["model_version"], found["live_version"], found["pairs"], found["labelled"]) == ("2", "1", 200, 200)
    assert found["mean_gain"]["upper"] < 0
    assert web.client.get("/v1/models").json()[0]["current_version"] == "1"
    page = web.client.get("/").text
    assert "Shadows of flights" in page
    metrics = web.client.get("/metrics").text
    deadline = time.monotonic() + 20
    while "shadow_pairs{" not in metrics and time.monotonic() < deadline:
        time.sleep(0.05)
        metrics = web.client.get("/metrics").text
    assert 'driftwatch_shadow_pairs{live_version="1",model="flights",model_version="2"} 200.0' in metrics


def test_who_approves_is_noted_with_the_token_that_was_shown(make_web: Any) -> None:
    token = new_token()
    web = make_web(
        tokens=[{"name": "ops", "scopes": ["admin"], "hash": hash_of(token)}],
        retrain={"approval": True, "any": ["external"]},
    )
    web.client.headers["authorization"] = f"Bearer {token}"
    web.register()
    web.service.operations.external_alert(ExternalCall(model="flights", source="am", key="1", reason="slow"))
    web.settle()
    address = f"/v1/retrains/{one(web, 'retrains')['retrain_id']}/approve"
    assert web.client.post(address, json={"by": "ada"}).json()["history"][-1]["by"] == "ada (token ops)"
    alert = f"/v1/alerts/{one(web, 'alerts')['alert_id']}/acknowledge"
    assert web.client.post(alert, json={"by": "ops"}).json()["history"][-1]["by"] == "ops"
