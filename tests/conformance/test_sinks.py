"""What every sink of ``driftwatch.sinks.SINKS`` promises, against receivers that demand what the real ones do.

A new sink adds one line to ``HTTP_SINKS``: the receiver, and the table by which it is configured. Sinks that do not
speak HTTP to one address (a command; Apprise, which has addresses of its own) have theirs below.
"""

from __future__ import annotations

import inspect
import json
import logging
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from driftwatch.errors import SinkError, SinkRejected, SinkUnavailable
from driftwatch.ports import OutboxMessage, Sink
from driftwatch.sinks import SINKS
from driftwatch.sinks.notice import ALERT_FIRING, RETRAIN_REQUESTED
from tests.sinks import contracts
from tests.sinks.contracts import PASSWORD, TOKEN, Contract, receiving

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SECRETS = {"token": TOKEN, "password": PASSWORD, "secret": SECRET, "addresses": f"json://bot:{PASSWORD}@127.0.0.1:9"}

Table = dict[str, Any]

# kind, then: the receiver, and what its table holds besides url, name and the files of secrets.
HTTP_SINKS: dict[str, tuple[type[Contract], Table]] = {
    "webhook": (contracts.Webhook, {"url": "{url}/hooks/s3cret-path", "secret_file": "secret"}),
    "airflow": (contracts.Airflow, {"dag_id": "retrain-{model}", "token_file": "token"}),
    "alertmanager": (contracts.Alertmanager, {"token_file": "token"}),
    "argo_events": (contracts.ArgoEvents, {"url": "{url}/retrain", "token_file": "token"}),
    "argo_workflows": (contracts.ArgoWorkflows, {
        "namespace": "ml", "template": "retrain-{model}", "token_file": "token",
    }),
    "dagster": (contracts.Dagster, {"location": "ml", "job": "retrain_{model}", "token_file": "token"}),
    "github": (contracts.Github, {"repository": "acme/models", "token_file": "token"}),
    "kubeflow_pipelines": (contracts.KubeflowPipelines, {"pipeline_id": "p-1", "token_file": "token"}),
    "kubernetes_job": (contracts.Kubernetes, {"namespace": "ml", "cronjob": "retrain-{model}", "token_file": "token"}),
    "prefect": (contracts.Prefect, {"url": "{url}/api", "deployment": "retrain/{model}", "token_file": "token"}),
    "template": (contracts.Jenkins, {
        "url": "{url}/job/retrain%20{model}/buildWithParameters", "user": "bot", "secret_file": "password",
        "form": {"MODEL": "{model}", "REASON": "{reason}", "KEY": "{key}"},
    }),
}  # fmt: skip
OTHERS = {"command", "notify"}
HONOURS_KEYS = {"airflow", "argo_workflows", "dagster", "kubeflow_pipelines", "kubernetes_job", "prefect"}
"""Those whose receiver starts nothing twice; the others are sent the key, and leave it to whoever reads it."""


def message(kind: str = RETRAIN_REQUESTED, **data: Any) -> OutboxMessage:
    found = {
        "retrain_id": "0198c5f0-9d7e-7c11-a3f2-5f6c1f0b7a11", "model": "flights", "model_version": "1", "segment": "",
        "triggered": "2026-01-15T00:00:00Z", "until": "2026-01-15T00:00:00Z", "reason": 'mae 10.8 → 13.9 & "worse"',
        "events_url": "http://driftwatch:8000/v1/models/flights/events?labelled=true",
        "status_url": "http://driftwatch:8000/v1/retrains/0198c5f0-9d7e-7c11-a3f2-5f6c1f0b7a11/status",
        "findings": [{"column": f"c{number}", "score": 0.5} for number in range(3)], "verdicts": [], **data,
    }  # fmt: skip
    if kind == ALERT_FIRING:
        alert = {
            "alert_id": "0198c5f0-0000", "model": "flights", "model_version": "1", "kind": "feature_drift",
            "state": "firing", "started": "2026-01-15T00:00:00Z", "ended": None, "columns": ["distance"],
            "evidence": 120.5, "reason": "distance moved", "segment": "", "resolution": "",
        }  # fmt: skip
        found = {"alert": alert, "alert_url": "http://driftwatch:8000/v1/alerts/0198c5f0-0000", "page_url": "http://d/"}
    identity = "0198c5f0-9d7e-7c11-a3f2-5f6c1f0b7a11"
    body = {"specversion": "1.0", "id": identity, "source": "s", "type": kind, "subject": "flights", "data": found}
    return OutboxMessage(
        message_id=f"{identity}.sink", sink="sink", model="flights", body=json.dumps(body),
        created_at=datetime(2026, 1, 15, tzinfo=UTC), retrain_id=identity,
    )  # fmt: skip


def usual(kind: str) -> OutboxMessage:
    return message(ALERT_FIRING if kind == "alertmanager" else RETRAIN_REQUESTED)


Make = Callable[..., tuple[Sink, Contract]]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Makes a sink by its table, and the receiver that it speaks to."""
    for name, text in SECRETS.items():
        (tmp_path / name).write_text(f"{text}\n")

    with ExitStack() as stack:

        def made(kind: str, contract: Contract | None = None, **changed: Any) -> tuple[Sink, Contract]:
            receiver = stack.enter_context(receiving(contract or HTTP_SINKS[kind][0]()))
            table = {"url": "{url}", **HTTP_SINKS[kind][1], **changed, "kind": kind, "name": "sink"}
            for name, value in table.items():
                if name.endswith("_file"):
                    table[name] = str(tmp_path / value)
                elif name == "url":
                    table[name] = value.replace("{url}", receiver.url)
            return SINKS[kind].made(table), receiver

        yield made


@pytest.fixture(params=sorted(HTTP_SINKS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_every_sink_is_held_to_this() -> None:
    assert HTTP_SINKS.keys() | OTHERS == SINKS.keys()


@pytest.mark.parametrize("name", SINKS)
def test_every_sink_says_what_it_does_and_what_it_takes(name: str) -> None:
    sink = SINKS[name]
    assert sink.title
    assert inspect.getdoc(sink.options)
    for option, field in sink.options.model_fields.items():
        assert field.description or option == "kind" or option.endswith("_env"), option


def test_a_delivery_is_what_the_receiver_demands_and_answers_one_line(kind: str, make: Make) -> None:
    sink, receiver = make(kind)
    note = sink.deliver(usual(kind))
    assert receiver.problems == []
    assert len(receiver.started) == 1
    assert note
    assert "\n" not in note
    assert sink.name == "sink"


def test_a_second_attempt_has_the_same_key_and_starts_nothing_new(kind: str, make: Make) -> None:
    sink, receiver = make(kind)
    sink.deliver(usual(kind))
    sink.deliver(replace(usual(kind), attempts=1))
    assert receiver.problems == []
    assert len(receiver.started) == (1 if kind in HONOURS_KEYS else 2)
    assert len(set(receiver.started)) == 1


def test_another_message_starts_something_of_its_own(kind: str, make: Make) -> None:
    sink, receiver = make(kind)
    sink.deliver(usual(kind))
    other = usual(kind)
    body = other.body.replace("0198c5f0", "0298c5f0").replace("feature_drift", "label_drift")
    sink.deliver(replace(other, message_id="another", body=body))
    assert len(set(receiver.started)) == 2


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_a_receiver_that_cannot_now_is_asked_again(kind: str, make: Make, status: int) -> None:
    sink, receiver = make(kind)
    receiver.forced = status
    with pytest.raises(SinkUnavailable, match=str(status)):
        sink.deliver(usual(kind))


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 422])
def test_a_receiver_that_refuses_is_never_asked_again(kind: str, make: Make, status: int) -> None:
    sink, receiver = make(kind)
    receiver.forced = status
    with pytest.raises(SinkRejected, match=str(status)):
        sink.deliver(usual(kind))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(kind: str, make: Make, status: int) -> None:
    sink, receiver = make(kind)
    with receiving(Contract()) as elsewhere:
        receiver.forced, receiver.location = status, f"{elsewhere.url}/elsewhere"
        with pytest.raises(SinkRejected, match="redirects"):
            sink.deliver(usual(kind))
    assert (len(receiver.asked), elsewhere.asked) == (1, [])


def test_nobody_there_is_worth_another_attempt(kind: str, make: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    sink, _ = make(kind, url=HTTP_SINKS[kind][1].get("url", "{url}").replace("{url}", f"http://127.0.0.1:{port}"))
    with pytest.raises(SinkUnavailable, match="could not be reached"):
        sink.deliver(usual(kind))


def test_an_answer_that_does_not_come_in_time_is_worth_another_attempt(kind: str, make: Make) -> None:
    sink, receiver = make(kind, timeout_seconds=0.2)
    receiver.pause.clear()
    with pytest.raises(SinkUnavailable, match="ReadTimeout"):
        sink.deliver(usual(kind))


def test_an_answer_that_breaks_off_is_worth_another_attempt(kind: str, make: Make) -> None:
    sink, receiver = make(kind)
    receiver.forced, receiver.breaks = 200, True
    with pytest.raises(SinkUnavailable):
        sink.deliver(usual(kind))


def test_nothing_shows_a_secret_or_the_path_of_an_address(
    kind: str, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="driftwatch")
    sink, receiver = make(kind)
    shown = [repr(sink), str(sink), sink.deliver(usual(kind))]
    for status in (401, 503, 302):
        receiver.forced = status
        with pytest.raises(SinkError) as caught:
            sink.deliver(usual(kind))
        shown.append(f"{caught.value!r} {caught.value}")
    text = " ".join(shown) + caplog.text
    for secret in (*SECRETS.values(), "s3cret"):
        assert secret not in text


def test_a_secret_that_is_replaced_is_used_from_then_on(kind: str, make: Make, tmp_path: Path) -> None:
    sink, receiver = make(kind)
    sink.deliver(usual(kind))
    [file] = [value for name, value in HTTP_SINKS[kind][1].items() if name.endswith("_file")]
    (tmp_path / file).write_text("whsec_" + "QUJD" * 12)
    with nullcontext() if kind == "webhook" else pytest.raises(SinkRejected):
        sink.deliver(usual(kind))
    first, last = receiver.asked[0].headers, receiver.asked[-1].headers
    shows = {"webhook": "webhook-signature", "dagster": "dagster-cloud-api-token"}.get(kind, "authorization")
    assert first[shows] != last[shows]
    (tmp_path / file).unlink()
    with pytest.raises(SinkUnavailable, match="cannot be read"):
        sink.deliver(usual(kind))


def test_evidence_of_any_size_is_told(kind: str, make: Make) -> None:
    sink, receiver = make(kind)
    findings = [{"column": f"column number {number}", "text": "x" * 500} for number in range(2_000)]
    large = usual(kind) if kind == "alertmanager" else message(findings=findings)
    sink.deliver(large)
    assert receiver.problems == []
    assert len(receiver.started) == 1


def test_a_message_that_is_none_is_rejected(kind: str, make: Make) -> None:
    sink, _ = make(kind)
    if kind not in {*HONOURS_KEYS, "alertmanager", "github", "template"}:
        pytest.skip("it sends the body as it is")
    with pytest.raises(SinkRejected, match="cannot be read"):
        sink.deliver(replace(usual(kind), body="nonsense"))


# --- sinks that do not speak HTTP to one address


def command(tmp_path: Path, code: str, **changed: Any) -> Sink:
    table = {"kind": "command", "name": "sink", "command": [sys.executable, "-c", code], **changed}
    return SINKS["command"].made(table)


@pytest.mark.parametrize(("code", "expected"), [(75, SinkUnavailable), (1, SinkRejected), (2, SinkRejected)])
def test_a_command_says_by_its_exit_code_whether_to_try_again(
    tmp_path: Path, code: int, expected: type[SinkError]
) -> None:
    with pytest.raises(expected, match=str(code)):
        command(tmp_path, f"raise SystemExit({code})").deliver(message())


@pytest.mark.filterwarnings("ignore:.*is deprecated and slated for removal:DeprecationWarning")
def test_apprise_is_told_and_its_refusal_is_tried_again(tmp_path: Path) -> None:
    pytest.importorskip("apprise", reason="the extra notify is not installed")

    class Chat(Contract):
        def answer(self, asked: contracts.Asked) -> contracts.Answer:
            contracts.basic(asked)
            self.started.append(asked.json["title"])
            return 200, {}

    with receiving(Chat()) as chat, receiving(Contract()) as elsewhere:
        (tmp_path / "addresses").write_text(f"# the team\njson://bot:{PASSWORD}@{chat.url.removeprefix('http://')}\n")
        sink = SINKS["notify"].made({"kind": "notify", "name": "team", "addresses_file": str(tmp_path / "addresses")})
        sink.deliver(message())
        assert (chat.problems, chat.started) == ([], ["flights: retrain requested"])
        for status, location in ((503, ""), (302, elsewhere.url)):
            chat.forced, chat.location = status, location
            with pytest.raises(SinkUnavailable) as caught:
                sink.deliver(message())
            assert PASSWORD not in f"{caught.value!r} {sink!r}"
        assert elsewhere.asked == []
