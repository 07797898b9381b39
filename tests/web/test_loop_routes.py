"""Routes about alerts, retrains and notifications."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from driftwatch.errors import SinkRejected


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
