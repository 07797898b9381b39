"""What Alertmanager sends, and the retrain that it calls for."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from driftwatch.bootstrap import build_service
from driftwatch.core.records import AlertKind, AlertState
from driftwatch.settings import load_settings
from driftwatch.web.app import build_app
from tests.durability.serving import until
from tests.sinks.alertmanagers import active, alertmanager, needs_alertmanager
from tests.web.conftest import Web, served
from tests.web.test_ingest import problem


def fired(*, status: str = "firing", fingerprint: str = "c6eadffa33fcdf37", start: str = "10", **labels: str) -> Any:
    """One alert, as version 4 of the payload has it."""
    return {
        "status": status,
        "labels": {"alertname": "HighLatency", "model": "flights", "severity": "page", **labels},
        "annotations": {"summary": "p99 above 2 s for 10 minutes"},
        "startsAt": f"2026-01-20T{start}:00:00.123456789Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus:9090/graph?g0.expr=1",
        "fingerprint": fingerprint,
    }


def sent(*alerts: Any) -> dict[str, Any]:
    """A whole notification."""
    return {
        "version": "4", "groupKey": '{}/{retrain="yes"}:{}', "truncatedAlerts": 0, "status": alerts[0]["status"],
        "receiver": "driftwatch", "groupLabels": {}, "commonLabels": alerts[0]["labels"],
        "commonAnnotations": alerts[0]["annotations"], "externalURL": "http://alertmanager:9093",
        "alerts": list(alerts),
    }  # fmt: skip


def post(web: Any, *alerts: Any, **parameters: str) -> httpx.Response:
    answer = web.client.post("/v1/alertmanager", json=sent(*alerts), params=parameters)
    assert isinstance(answer, httpx.Response)
    return answer


@pytest.fixture
def flights(web: Web) -> Web:
    """A model with two days of flights behind it."""
    for number in range(2):
        web.day(number)
    return web


def test_an_alert_calls_for_a_retrain_once_however_often_it_is_sent(flights: Any) -> None:
    for _ in range(3):
        answer = post(flights, fired())
        assert (answer.status_code, answer.json()) == (200, {"firing": 1, "resolved": 0, "passed_over": 0})
        flights.service.pipeline.step()
    [alert] = flights.service.operations.alerts("flights")
    assert (alert.kind, alert.state) == (AlertKind.EXTERNAL, AlertState.FIRING)
    assert alert.reason == "HighLatency: p99 above 2 s for 10 minutes"
    [episode] = flights.service.operations.retrains("flights")
    assert episode.alert_ids == (alert.alert_id,)
    flights.service.runner._deliverer.deliver_due()
    [message] = flights.sink.messages
    assert message.retrain_id == episode.retrain_id


def test_an_alert_is_over_when_alertmanager_says_so(flights: Any) -> None:
    post(flights, fired())
    assert post(flights, fired(status="resolved")).json() == {"firing": 0, "resolved": 1, "passed_over": 0}
    [alert] = flights.service.operations.alerts("flights")
    assert alert.state is AlertState.RESOLVED


def states(web: Any) -> list[str]:
    return sorted(one.state.value for one in web.service.operations.alerts("flights"))


def test_fingerprint_and_start_tell_alerts_apart(flights: Any) -> None:
    post(flights, fired(), fired(fingerprint="aaaa"), fired())
    assert states(flights) == ["firing", "firing"]
    post(flights, fired(start="11"))
    assert states(flights) == ["firing", "firing", "resolved"], "a later start is another alert, and ends the first"


def test_an_earlier_start_is_that_of_another_prometheus_which_saw_the_same(flights: Any) -> None:
    post(flights, fired(start="10"))
    post(flights, fired(start="09"))
    assert states(flights) == ["firing"]
    post(flights, fired(start="09", status="resolved"))
    assert states(flights) == ["resolved"]
    post(flights, fired(start="12"))
    assert states(flights) == ["firing", "resolved"]


def test_the_policy_decides_what_follows(make_web: Any) -> None:
    web = make_web(retrain_on=("quality",))
    web.register()
    web.day(0)
    post(web, fired())
    web.service.pipeline.step()
    assert len(web.service.operations.alerts("flights")) == 1
    assert web.service.operations.retrains("flights") == []


def test_the_model_may_be_named_otherwise(flights: Any) -> None:
    one = fired(model="", isvc="flights")
    assert problem(post(flights, one), 422)["field"] == "alerts.labels"
    assert post(flights, one, model_label="isvc").json()["firing"] == 1
    assert post(flights, fired(model="", fingerprint="b"), model="flights").json()["firing"] == 1


def test_one_alert_of_an_unknown_model_does_not_keep_the_others_out(flights: Any) -> None:
    answer = post(flights, fired(model="nobody"), fired())
    assert answer.json() == {"firing": 1, "resolved": 0, "passed_over": 1}
    assert problem(post(flights, fired(model="nobody")), 404)["field"] == "model"


def test_what_driftwatch_told_alertmanager_comes_back_to_nobody(flights: Any) -> None:
    answer = post(flights, fired(monitor="driftwatch", alertname="DriftwatchQuality"))
    assert (answer.status_code, answer.json()["passed_over"]) == (200, 1)
    assert flights.service.operations.alerts("flights") == []


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"fingerprint": "a b"}, "alerts.0.fingerprint"),
        ({"startsAt": "soon"}, "alerts.0.startsAt"),
        ({"status": "burning"}, "alerts.0.status"),
        ({"labels": {"model": 7}}, "alerts.0.labels.model"),
    ],
)
def test_what_is_no_notification_is_refused_with_its_field(web: Any, changed: dict[str, Any], field: str) -> None:
    answer = web.client.post("/v1/alertmanager", json={"alerts": [{**fired(), **changed}]})
    assert problem(answer, 422)["field"] == field


@pytest.fixture
def running(tmp_path: Path, document: str) -> Iterator[Any]:
    """Starts whole services with their threads; answers one and its address."""
    services: list[Any] = []

    def start(**options: Any) -> Any:
        settings = load_settings(data=tmp_path / f"data-{len(services)}", disk_reserve_bytes=0, **options)
        service = build_service(settings)
        services.append(service)
        service.operations.register_baseline("flights", document)
        service.start()
        return service, settings

    yield start
    for service in services:
        service.close()


@needs_alertmanager
def test_a_real_alertmanager_calls_for_a_retrain_and_resolves_its_alert(running: Any, tmp_path: Path) -> None:
    service, settings = running(window=timedelta(days=1))
    with (
        served(build_app(service, settings)) as url,
        alertmanager(tmp_path / "am", f"{url}/v1/alertmanager") as manager,
        httpx.Client(base_url=manager, trust_env=False, timeout=10) as client,
    ):
        alert = {
            "labels": {"alertname": "HighLatency", "model": "flights"}, "annotations": {"summary": "slow"},
            "startsAt": (datetime.now(UTC) - timedelta(minutes=1)).isoformat(),
        }  # fmt: skip
        assert client.post("/api/v2/alerts", json=[alert]).status_code == 200
        until(lambda: service.operations.retrains("flights"), what="the retrain")
        [raised] = service.operations.alerts("flights")
        assert (raised.kind, raised.reason) == (AlertKind.EXTERNAL, "HighLatency: slow")
        over = {**alert, "endsAt": datetime.now(UTC).isoformat()}
        assert client.post("/api/v2/alerts", json=[over]).status_code == 200
        until(
            lambda: service.operations.alerts("flights")[0].state is AlertState.RESOLVED, what="the alert's resolution"
        )
        assert len(service.operations.retrains("flights")) == 1


@needs_alertmanager
def test_what_fires_is_kept_alive_in_a_real_alertmanager_and_resolved_there(tmp_path: Path, document: str) -> None:
    def told() -> list[dict[str, Any]]:
        return [one for one in active(manager) if one["labels"]["alertname"] == "DriftwatchFeatureDrift"]

    with alertmanager(tmp_path / "am") as manager:
        sink = {"kind": "alertmanager", "name": "am", "url": manager, "repeat_seconds": 1}
        settings = load_settings(
            data=tmp_path / "data", disk_reserve_bytes=0, window=timedelta(days=1), label_wait=timedelta(hours=6),
            sinks=[sink],
        )  # fmt: skip
        with closing(build_service(settings)) as service:
            service.operations.register_baseline("flights", document)
            service.start()
            with served(build_app(service, settings)) as url, httpx.Client(base_url=url, trust_env=False) as client:
                web = Web(client, service, None, None, document)  # type: ignore[arg-type]
                web.settle = lambda: None  # type: ignore[method-assign] # the service has its own threads
                for number in range(4):
                    web.day(number, moved=1.6)
                until(told, what="the alert")
                [first] = told()
                assert first["labels"]["model"] == "flights"
                assert "distance" in first["annotations"]["columns"]
                # It would end four seconds after it was told; repeated, its end moves on.
                until(
                    lambda: [one["endsAt"] for one in told()] > [first["endsAt"]],
                    what="the alert's repetition",
                )
                for number in range(4, 14):
                    web.day(number)
                until(lambda: not told(), what="the alert's resolution")
                repeated = 'driftwatch_notifications_total{outcome="repeated",sink="am"}'
                until(lambda: repeated in client.get("/metrics").text, what="counting")
