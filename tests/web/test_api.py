"""The quieter routes: models, windows, alerts, retrains, health; and their errors."""

import gzip
import json
from typing import Any

import msgspec
import pytest

from driftwatch.core.baseline import Baseline
from driftwatch.core.records import Alert, Finding, RetrainEpisode, Verdict

PROBLEM = "application/problem+json"


def problem(answer: Any, status: int) -> Any:
    assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM)
    assert answer.json()["status"] == status
    return answer.json()


def test_a_registered_baseline_comes_back_as_it_was(web: Any) -> None:
    answer = web.client.get("/v1/models/flights/baseline")
    assert answer.headers["content-type"] == "application/json"
    assert answer.text == web.document


def test_registering_answers_what_was_registered_and_again_changes_nothing(web: Any) -> None:
    first, second = (web.client.put("/v1/models/flights/baseline", content=web.document).json() for _ in range(2))
    assert (first["model"], first["model_version"]) == ("flights", "1")
    assert first == second


def test_a_baseline_may_come_gzipped(make_web: Any) -> None:
    web = make_web()
    small = gzip.compress(web.document.encode())
    answer = web.client.put("/v1/models/flights/baseline", content=small, headers={"content-encoding": "gzip"})
    assert answer.status_code == 200


def test_a_baseline_of_another_model_is_refused(web: Any) -> None:
    assert problem(web.client.put("/v1/models/trains/baseline", content=web.document), 422)["field"] == "model"


def test_a_baseline_that_was_cut_short_is_refused_and_changes_nothing(make_web: Any) -> None:
    web = make_web()
    problem(web.client.put("/v1/models/flights/baseline", content=web.document[:1_000]), 422)
    assert web.client.get("/v1/models").json() == []


def test_a_baseline_that_is_no_text_is_refused(web: Any) -> None:
    problem(web.client.put("/v1/models/flights/baseline", content=b"\xff\xfe"), 400)


def test_a_version_with_another_baseline_is_a_conflict(web: Any) -> None:
    other = Baseline.fit(
        {"distance": [1.0, 2.0] * 50, "minutes": [1.0, 3.0] * 50, "predicted": [1.0, 2.0] * 50},
        model="flights", model_version="1", task="regression", label="minutes", prediction="predicted",
    )  # fmt: skip
    problem(web.client.put("/v1/models/flights/baseline", content=other.to_json()), 409)


def test_a_baseline_above_the_bound_is_refused(make_web: Any) -> None:
    web = make_web(max_body_bytes=2_000)
    problem(web.client.put("/v1/models/flights/baseline", content=web.document), 413)


def test_an_unknown_version_is_not_found(web: Any) -> None:
    answer = web.client.get("/v1/models/flights/baseline", params={"model_version": "9"})
    assert problem(answer, 404)["field"] == "model_version"


def test_models_are_seen_at_a_glance(drifted: Any) -> None:
    [model] = drifted.client.get("/v1/models").json()
    assert (model["model"], model["versions"], model["current_version"]) == ("flights", ["1"], "1")
    assert model["status"] == "drift"
    assert model["firing_alerts"] == 1
    assert model["retrain"]["state"] == "requested"
    assert model["watermark"].startswith("2026-01-16T23:5")
    assert model["latest_window"]["rows"] == 200


def test_drift_is_of_the_latest_window_by_default(drifted: Any) -> None:
    answer = drifted.client.get("/v1/models/flights/drift").json()
    [window] = answer["windows"]
    assert window["start"] == "2026-01-15T00:00:00Z"
    assert {one["column"] for one in window["findings"]} >= {"distance", "carrier"}
    assert {one["kind"] for one in window["verdicts"]} >= {"feature_drift", "quality"}
    for finding in window["findings"]:
        assert finding["threshold"]["origin"] in {"fixed", "sampling", "natural", "budget"}


def test_findings_and_verdicts_are_the_records_of_the_core(drifted: Any) -> None:
    [window] = drifted.client.get("/v1/models/flights/drift").json()["windows"]
    [record] = drifted.service.operations.windows("flights")
    assert tuple(msgspec.convert(one, Verdict) for one in window["verdicts"]) == record.verdicts
    quality = next(one for one in window["findings"] if one["kind"] == "quality")
    assert msgspec.convert(quality, Finding) in record.findings


def test_a_range_answers_the_windows_that_begin_in_it_newest_first(drifted: Any) -> None:
    asked = {"from": "2026-01-06T00:00:00Z", "to": "2026-01-09T01:00:00+01:00"}
    answer = drifted.client.get("/v1/models/flights/drift", params=asked).json()
    assert [one["start"][:10] for one in answer["windows"]] == ["2026-01-08", "2026-01-07", "2026-01-06"]


def test_a_limit_and_a_version_narrow_the_answer(drifted: Any) -> None:
    asked = {"limit": 2, "model_version": "1"}
    assert len(drifted.client.get("/v1/models/flights/drift", params=asked).json()["windows"]) == 2


def test_performance_comes_with_the_reference_and_the_coverage(drifted: Any) -> None:
    [window] = drifted.client.get("/v1/models/flights/performance").json()["windows"]
    assert window["stage"] == "complete"
    assert window["label_coverage_ratio"] == 1
    assert window["performance"]["mae"] > 4 * window["reference"]["mae"] > 0


def test_alerts_and_retrains_are_the_records_of_the_core(drifted: Any) -> None:
    alerts = msgspec.convert(drifted.client.get("/v1/alerts").json(), list[Alert])
    assert alerts == drifted.service.operations.alerts()
    assert [one.kind.value for one in alerts] == ["quality"]
    retrains = msgspec.convert(drifted.client.get("/v1/retrains").json(), list[RetrainEpisode])
    assert retrains == drifted.service.operations.retrains()
    assert len(retrains) == 1


@pytest.mark.parametrize("what", ["alerts", "retrains"])
def test_alerts_and_retrains_of_one_model(drifted: Any, what: str) -> None:
    assert len(drifted.client.get(f"/v1/{what}", params={"model": "flights"}).json()) == 1
    problem(drifted.client.get(f"/v1/{what}", params={"model": "nobody"}), 404)


def test_a_retrain_is_taken_on_step_by_step(make_web: Any) -> None:
    web = make_web()
    web.register()
    for number in range(12):
        web.day(number, error=5.0 if number < 6 else 25.0)
    [episode] = web.client.get("/v1/retrains").json()
    address = f"/v1/retrains/{episode['retrain_id']}/status"
    for state in ("acknowledged", "training", "evaluating"):
        assert web.client.post(address, json={"state": state, "note": f"now {state}"}).json()["state"] == state
    done = web.client.post(address, json={"state": "promoted", "new_version": "2"}).json()
    assert (done["state"], done["new_version"]) == ("promoted", "2")
    assert [step["state"] for step in done["history"]] == [
        "requested", "acknowledged", "training", "evaluating", "promoted"
    ]  # fmt: skip
    assert done["history"][2]["note"] == "now training"
    problem(web.client.post(address, json={"state": "training"}), 409)
    again = web.client.post(address, json={"state": "promoted", "new_version": "2"})
    assert (again.status_code, len(again.json()["history"])) == (200, 5)


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"state": "promoted"}, 404, "retrain_id"),
        ({"state": "sleeping"}, 422, "state"),
        ({}, 422, "state"),
        ({"state": "training", "note": 7}, 422, "note"),
        ({"state": "training", "note": "x" * 2_001}, 422, "note"),
        ({"state": "training", "stage": 1}, 422, "stage"),
        ([1], 422, None),
    ],
)
def test_a_report_that_does_not_fit_names_its_field(drifted: Any, body: Any, status: int, field: str | None) -> None:
    answer = drifted.client.post("/v1/retrains/nobody/status", json=body)
    assert problem(answer, status).get("field") == field


def test_a_report_that_is_no_json_is_a_bad_request(drifted: Any) -> None:
    assert "no JSON" in problem(drifted.client.post("/v1/retrains/x/status", content=b"{"), 400)["detail"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("from=yesterday", "from"),
        ("from=2026-01-06T00:00:00", "from"),
        ("from=2026-01-06", "from"),
        ("to=1767657600", "to"),
        ("to=1969-12-31T23:59:59Z", "to"),
        ("from=0001-01-01T00:00:00%2B14:00", "from"),
        ("to=9999-12-31T23:59:59-14:00", "to"),
        ("from=2026-01-07T00:00:00Z&to=2026-01-06T00:00:00Z", "to"),
        ("limit=0", "limit"),
        ("limit=many", "limit"),
        ("model_version=", "model_version"),
    ],
)
@pytest.mark.parametrize("what", ["drift", "performance"])
def test_a_parameter_that_cannot_work_is_named(drifted: Any, what: str, query: str, field: str) -> None:
    document = problem(drifted.client.get(f"/v1/models/flights/{what}?{query}"), 422)
    assert document["field"] == field
    assert document["detail"][0].isupper()
    assert document["detail"].endswith(".")


@pytest.mark.parametrize("what", ["baseline", "drift", "performance", "events"])
def test_an_unknown_model_and_an_impossible_name_are_told_apart(drifted: Any, what: str) -> None:
    assert problem(drifted.client.get(f"/v1/models/nobody/{what}"), 404)["field"] == "model"
    assert problem(drifted.client.get(f"/v1/models/no%20body/{what}"), 422)["field"] == "model"


def test_an_address_with_nothing_is_a_problem_too(drifted: Any) -> None:
    for path in ("/nothing", "/v1/models/", "/v2/models", "/v1/models/flights/drift/"):
        problem(drifted.client.get(path), 404)


def test_a_wrong_method_says_which_is_right(drifted: Any) -> None:
    answer = drifted.client.delete("/v1/models/flights/baseline")
    problem(answer, 405)
    assert "GET" in answer.headers["allow"]
    problem(drifted.client.post("/metrics"), 405)


def test_a_defect_is_a_problem_without_its_words(
    web: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("/home/someone/secret.db")

    monkeypatch.setattr(web.service.operations, "alerts", broken)
    assert "secret" not in json.dumps(problem(web.client.get("/v1/alerts"), 500))


def test_every_answer_forbids_guessing_its_type_and_keeping_it(drifted: Any) -> None:
    for path in ("/healthz", "/v1/models", "/metrics", "/nothing", "/"):
        headers = drifted.client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"


def test_health_is_about_the_process_and_readiness_about_the_work(web: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web.service.operations, "readiness", lambda: (False, "the disk is full"))
    assert web.client.get("/healthz").json() == {"status": "alive"}
    answer = web.client.get("/readyz")
    assert problem(answer, 503)["detail"] == "the disk is full"
    assert "retry-after" in answer.headers
    monkeypatch.undo()
    assert web.client.get("/readyz").json() == {"status": "ready"}


def test_a_head_request_has_no_body(drifted: Any) -> None:
    answer = drifted.client.head("/metrics")
    assert (answer.status_code, answer.content) == (200, b"")
