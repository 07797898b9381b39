"""What single kinds of sink do besides what all of them promise (tests/conformance/test_sinks.py)."""

from __future__ import annotations

import base64
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from driftwatch.core.records import Alert, AlertKind, AlertState
from driftwatch.errors import SettingError, SinkRejected, SinkUnavailable
from driftwatch.ports import RepeatingSink, Sink
from driftwatch.sinks import SINKS, kubernetes_job
from driftwatch.sinks.notice import ALERT_FIRING, ALERT_RESOLVED, notice_of
from tests.conformance.test_sinks import message
from tests.sinks import contracts
from tests.sinks.contracts import PASSWORD, TOKEN, Contract, receiving

NEW, OLD = ("whsec_" + base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2))


@pytest.fixture
def talking(tmp_path: Path) -> Iterator[Callable[..., tuple[Sink, Contract]]]:
    """A sink by its table, in which files of secrets are given by their text, and its receiver."""
    with ExitStack() as stack:

        def made(kind: str, contract: Contract, **table: Any) -> tuple[Sink, Contract]:
            receiver = stack.enter_context(receiving(contract))
            table = {"kind": kind, "name": "sink", "url": "{url}", **table}
            for name, value in table.items():
                if name.endswith("_file"):
                    (tmp_path / name).write_text(value)
                    table[name] = str(tmp_path / name)
            table["url"] = table["url"].replace("{url}", receiver.url)
            return SINKS[kind].made(table), receiver

        yield made


Talking = Callable[..., tuple[Sink, Contract]]


def test_while_a_webhooks_secret_changes_both_verify_and_no_third(talking: Talking) -> None:
    sink, receiver = talking("webhook", contracts.Webhook(), url="{url}/hooks/s3cret-path", secret_file=f"{NEW}\n{OLD}")
    sink.deliver(message())
    [asked] = receiver.asked
    for secret in (NEW, OLD):
        assert Webhook(secret).verify(asked.body, asked.headers)["id"] == "0198c5f0-9d7e-7c11-a3f2-5f6c1f0b7a11"
    with pytest.raises(WebhookVerificationError):
        Webhook(base64.b64encode(b"3" * 32).decode()).verify(asked.body, asked.headers)


def test_a_webhooks_body_is_a_cloudevent_with_evidence_and_links(talking: Talking) -> None:
    sink, receiver = talking("webhook", contracts.Webhook(), url="{url}/hooks/s3cret-path", secret_file=NEW)
    sink.deliver(message())
    event = receiver.asked[0].json
    assert (event["specversion"], event["type"]) == ("1.0", "io.driftwatch.retrain.requested")
    assert {"findings", "verdicts", "events_url", "status_url"} <= set(event["data"])


def test_airflow_2_is_shown_the_password(talking: Talking) -> None:
    how = {"version": 2, "dag_id": "retrain-{model}", "user": "bot", "password_file": PASSWORD}
    sink, receiver = talking("airflow", contracts.Airflow2(), **how)
    sink.deliver(message())
    assert (receiver.problems, len(receiver.started)) == ([], 1)
    assert receiver.asked[0].path == "/api/v1/dags/retrain-flights/dagRuns"


def test_airflow_3_gives_a_token_for_the_password_once(talking: Talking) -> None:
    how = {"dag_id": "retrain-{model}", "user": "bot", "password_file": PASSWORD}
    sink, receiver = talking("airflow", contracts.Airflow(), **how)
    sink.deliver(message())
    sink.deliver(message())
    assert [asked.path for asked in receiver.asked] == ["/auth/token", *2 * ["/api/v2/dags/retrain-flights/dagRuns"]]
    assert (receiver.problems, len(receiver.started)) == ([], 1)


def test_a_token_that_is_good_no_longer_is_exchanged_anew(talking: Talking) -> None:
    class Restarted(contracts.Airflow):
        token = TOKEN

        def answer(self, asked: contracts.Asked) -> contracts.Answer:
            if asked.path == "/auth/token":
                return 201, {"access_token": self.token}
            contracts.bearer(asked, self.token)
            self.started.append(asked.json["dag_run_id"])
            return 200, {}

    airflow = Restarted()
    sink, _ = talking("airflow", airflow, dag_id="d", user="bot", password_file=PASSWORD)
    sink.deliver(message())
    airflow.token = "another"
    sink.deliver(message())
    assert len(airflow.started) == 2
    airflow.token = "a third"
    airflow.forced = 401
    with pytest.raises(SinkRejected, match="401"):
        sink.deliver(message())


def test_airflow_wants_a_user_or_a_token() -> None:
    with pytest.raises(SettingError) as caught:
        SINKS["airflow"].made({"kind": "airflow", "name": "a", "url": "http://x", "dag_id": "d"})
    assert caught.value.field == "user"


def test_a_dag_run_finds_the_evidence_in_its_conf(talking: Talking) -> None:
    sink, receiver = talking("airflow", contracts.Airflow(), dag_id="retrain-{model}", token_file=TOKEN)
    sink.deliver(message())
    body = receiver.asked[0].json
    assert body["conf"]["findings"][0] == {"column": "c0", "score": 0.5}
    assert body["note"] == 'mae 10.8 → 13.9 & "worse"'
    assert abs(datetime.fromisoformat(body["logical_date"]) - datetime.now(UTC)) < timedelta(minutes=1)


def test_github_dispatches_a_workflow_with_its_inputs(talking: Talking) -> None:
    how = {"repository": "acme/models", "token_file": TOKEN, "workflow": "retrain.yml"}
    sink, receiver = talking("github", contracts.Github(), **how, inputs={"key": "{key}", "what": "retrain {model}"})
    sink.deliver(message())
    assert receiver.problems == []
    assert receiver.asked[0].json["inputs"]["what"] == "retrain flights"


def test_a_job_is_its_cronjobs_with_the_message_in_every_environment(talking: Talking) -> None:
    how = {"namespace": "ml", "cronjob": "retrain-{model}", "token_file": TOKEN}
    sink, receiver = talking("kubernetes_job", contracts.Kubernetes(), **how)
    sink.deliver(message(reason="$(HOME) fell"))
    job = receiver.asked[1].json
    [container] = job["spec"]["template"]["spec"]["containers"]
    environment = {one["name"]: one["value"] for one in container["env"]}
    assert (container["image"], job["spec"]["backoffLimit"]) == ("trainer:1", 1)
    assert environment["DRIFTWATCH_KEY"] == "0198c5f0-9d7e-7c11-a3f2-5f6c1f0b7a11.sink"
    assert environment["DRIFTWATCH_MODEL"] == "flights"
    assert environment["DRIFTWATCH_REASON"] == "$$(HOME) fell"
    assert json.loads(environment["DRIFTWATCH_DATA"].replace("$$(", "$("))["retrain_id"]
    assert job["metadata"]["labels"] == {"team": "ml", "app.kubernetes.io/managed-by": "driftwatch"}
    assert job["metadata"]["ownerReferences"][0]["uid"] == "c-1"


def test_in_a_pod_everything_but_the_cronjob_is_found(
    talking: Talking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "namespace").write_text("ml")
    monkeypatch.setattr(kubernetes_job, "ACCOUNT", tmp_path)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    sink = SINKS["kubernetes_job"].made({"kind": "kubernetes_job", "name": "j", "cronjob": "c"})
    assert repr(sink) == "KubernetesJobSink(j, ml/c)"
    assert kubernetes_job._own_cluster() == "https://10.0.0.1:443"
    sink, receiver = talking("kubernetes_job", contracts.Kubernetes(), cronjob="retrain-{model}")
    sink.deliver(message())
    assert receiver.problems == []


@pytest.mark.parametrize("missing", ["url", "namespace"])
def test_out_of_a_pod_what_is_missing_is_named(missing: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    (tmp_path / "token").write_text(TOKEN)
    table = {"url": "http://127.0.0.1:9", "namespace": "ml", "token_file": str(tmp_path / "token"), "cronjob": "c"}
    del table[missing]
    with pytest.raises(SettingError) as caught:
        SINKS["kubernetes_job"].made({"kind": "kubernetes_job", "name": "j", **table})
    assert caught.value.field == missing


class Anything(Contract):
    def answer(self, asked: contracts.Asked) -> contracts.Answer:
        self.started.append(asked.headers["webhook-id"])
        return 200, None


HOSTILE = 'a/../b?c=d&e="f"\n{secret}{key}%00'


def test_fields_of_a_template_are_escaped_where_they_stand(talking: Talking) -> None:
    how = {
        "url": "{url}/start/{reason}?why={reason}",
        "json": {"a": {"b": ["x{reason}y", 5, True]}},
        "secret_file": "S",
    }
    sink, receiver = talking("template", Anything(), **how)
    sink.deliver(message(reason=HOSTILE))
    [asked] = receiver.asked
    assert asked.parts == ["start", HOSTILE]
    assert asked.query == {"why": [HOSTILE]}
    assert asked.json == {"a": {"b": [f"x{HOSTILE}y", 5, True]}}
    form, receiver = talking("template", Anything(), form={"a": "{reason}", "t": "{secret}"}, secret_file="S&=")
    form.deliver(message(reason=HOSTILE))
    assert contracts.parse_qs(receiver.asked[0].body.decode()) == {"a": [HOSTILE], "t": ["S&="]}


def test_headers_of_a_template_hold_no_second_header(talking: Talking) -> None:
    sink, receiver = talking(
        "template", Anything(), headers={"X-Model": "m={model}", "X-Token": "{secret}"}, secret_file="S"
    )
    sink.deliver(message())
    assert (receiver.asked[0].headers["x-model"], receiver.asked[0].headers["x-token"]) == ("m=flights", "S")
    sink, receiver = talking("template", Anything(), headers={"X-Reason": "{reason}"})
    with pytest.raises(SinkRejected, match="header"):
        sink.deliver(message(reason="a\r\nX-Evil: 1"))
    assert receiver.asked == []


def test_a_template_without_a_body_sends_the_cloudevent(talking: Talking) -> None:
    sink, receiver = talking("template", Anything(), method="PUT")
    sink.deliver(message())
    [asked] = receiver.asked
    assert (asked.method, asked.headers["content-type"]) == ("PUT", "application/cloudevents+json")
    assert asked.json["data"]["model"] == "flights"


def test_a_template_says_which_other_statuses_are_well(talking: Talking) -> None:
    sink, receiver = talking("template", Anything(), fine=[409])
    receiver.forced = 409
    assert "409" in sink.deliver(message())


# --- a local command


def command(tmp_path: Path, code: str, **changed: Any) -> Sink:
    table = {"kind": "command", "name": "c", "command": [sys.executable, "-c", code, str(tmp_path / "said")], **changed}
    return SINKS["command"].made(table)


SAY = "import json, os, sys; json.dump([sys.stdin.read(), dict(os.environ), sys.argv[2:]], open(sys.argv[1], 'w'))"


def test_a_command_finds_the_message_and_no_secret_of_the_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRIFTWATCH_WEBHOOK_SECRET", "hunter2")
    monkeypatch.setenv("TRAINER", "7")
    sink = command(tmp_path, SAY, environment=["TRAINER"])
    assert sink.deliver(message()).endswith("is done")
    given, environment, _ = json.loads((tmp_path / "said").read_text())
    assert json.loads(given)["data"]["model"] == "flights"
    assert environment["DRIFTWATCH_KEY"] == "0198c5f0-9d7e-7c11-a3f2-5f6c1f0b7a11.sink"
    assert environment["DRIFTWATCH_STATUS_URL"].endswith("/status")
    assert (environment["TRAINER"], environment["PATH"]) == ("7", os.environ["PATH"])
    assert "hunter2" not in str(environment)


def test_no_shell_reads_a_command(tmp_path: Path) -> None:
    table = {"kind": "command", "name": "c", "command": [sys.executable, "-c", SAY, str(tmp_path / "said"), "$(id); *"]}
    SINKS["command"].made(table).deliver(message())
    assert json.loads((tmp_path / "said").read_text())[2] == ["$(id); *"]


def test_a_command_that_takes_too_long_is_killed_with_what_it_started(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys, time; child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
        "open(sys.argv[1], 'w').write(str(child.pid)); time.sleep(60)"
    )
    begun = time.monotonic()
    with pytest.raises(SinkUnavailable, match="more than 2 seconds"):
        command(tmp_path, code, timeout_seconds=2).deliver(message())
    assert time.monotonic() - begun < 30
    child = int((tmp_path / "said").read_text())
    state = Path(f"/proc/{child}/stat")
    deadline = time.monotonic() + 10
    while state.exists() and state.read_text().split()[2] != "Z":
        assert time.monotonic() < deadline, "the child lives on"
        time.sleep(0.05)


def test_a_command_that_is_not_there_is_never_tried_again(tmp_path: Path) -> None:
    sink = SINKS["command"].made({"kind": "command", "name": "c", "command": [str(tmp_path / "nothing")]})
    with pytest.raises(SinkRejected, match="nothing cannot be started"):
        sink.deliver(message())


# --- what a message says


def test_a_compact_message_keeps_what_fits_and_says_what_it_left_out() -> None:
    findings = [{"column": f"c{number}", "text": "x" * 90} for number in range(1_000)]
    compact = notice_of(message(findings=findings)).compact(5_000)
    assert len(json.dumps(compact)) < 6_000
    assert compact["left_out"] == ["findings"]
    assert 10 < len(compact["findings"]) < 60
    assert compact["findings"] == findings[: len(compact["findings"])]
    assert notice_of(message()).compact(5_000)["findings"] == [{"column": f"c{n}", "score": 0.5} for n in range(3)]


def test_a_message_that_is_large_in_every_way_still_fits() -> None:
    compact = notice_of(message(reason="r" * 100_000)).compact(5_000)
    assert len(json.dumps(compact)) < 6_000
    assert compact["model"] == "flights"


def test_names_are_dns_labels_and_the_same_for_the_same_message() -> None:
    notice = notice_of(message(ALERT_FIRING))
    assert notice.object_name == "driftwatch-0198c5f0-9d7e-7c11-a3f2-5f6c1f0b7a11"
    assert replace(notice, id="Abc.firing_" + "x" * 90).object_name == ("driftwatch-abc-firing-" + "x" * 90)[:63]


# --- Alertmanager's interface


def alert(**changed: Any) -> Alert:
    fields: dict[str, Any] = {
        "alert_id": "0198c5f0-0000", "model": "flights", "model_version": "1", "kind": AlertKind.FEATURE_DRIFT,
        "state": AlertState.FIRING, "started": datetime(2026, 1, 15, tzinfo=UTC), "ended": None,
        "columns": ("distance",), "evidence": 120.5, "reason": "distance moved",
    }  # fmt: skip
    return Alert(**{**fields, **changed})


def test_a_repeated_alert_is_the_same_alert_with_a_later_end(talking: Talking) -> None:
    sink, receiver = talking("alertmanager", contracts.Alertmanager(), token_file=TOKEN, labels={"team": "ml"})
    assert isinstance(sink, RepeatingSink)
    sink.deliver(message(ALERT_FIRING))
    sink.repeat([alert()], "http://driftwatch:8000")
    sink.repeat([], "http://driftwatch:8000")
    assert receiver.problems == []
    first, second = (asked.json[0] for asked in receiver.asked)
    assert first["labels"] == second["labels"]
    assert first["labels"] == {
        "alertname": "DriftwatchFeatureDrift", "monitor": "driftwatch", "model": "flights", "model_version": "1",
        "kind": "feature_drift", "team": "ml",
    }  # fmt: skip
    assert first["annotations"] == second["annotations"]
    assert first["generatorURL"] == second["generatorURL"] == "http://driftwatch:8000/v1/alerts/0198c5f0-0000"
    assert first["startsAt"] == second["startsAt"] == "2026-01-15T00:00:00+00:00"
    ends = [datetime.fromisoformat(one["endsAt"]) for one in (first, second)]
    assert datetime.now(UTC) + timedelta(seconds=200) < ends[0] <= ends[1]


def test_what_is_over_ends_now(talking: Talking) -> None:
    sink, receiver = talking("alertmanager", contracts.Alertmanager(), token_file=TOKEN)
    firing = message(ALERT_FIRING)
    sink.deliver(replace(firing, body=firing.body.replace(ALERT_FIRING, ALERT_RESOLVED)))
    [asked] = receiver.asked
    assert abs(datetime.fromisoformat(asked.json[0]["endsAt"]) - datetime.now(UTC)) < timedelta(minutes=1)


def test_a_segment_has_an_alert_of_its_own(talking: Talking) -> None:
    sink, receiver = talking("alertmanager", contracts.Alertmanager(), token_file=TOKEN)
    assert isinstance(sink, RepeatingSink)
    sink.repeat([alert(), alert(segment="country=DE")], "")
    assert len(set(receiver.started)) == 2
    assert "generatorURL" not in receiver.asked[0].json[0]
