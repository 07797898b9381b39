"""``driftwatch retrain``, ``alerts`` and ``outbox`` against a service with an alert, a retrain and a dead letter."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from driftwatch.bootstrap import Service, assemble
from driftwatch.cli.app import app
from driftwatch.core.baseline import Baseline
from driftwatch.core.records import AlertState, RetrainState
from driftwatch.errors import DriftwatchError, SinkRejected
from driftwatch.pipeline.loop_operations import ExternalCall
from driftwatch.settings import load_settings
from driftwatch.testing import MemoryLog, MemorySpool, MemoryState, RecordingSink
from driftwatch.web.app import build_app
from driftwatch.web.server import server_of

Run = Callable[..., Result]
CALL = ExternalCall(model="m", source="alertmanager", key="f00d", reason="LatencyHigh: p99 above 2 s")


@pytest.fixture
def service(tmp_path: Path) -> Iterator[tuple[Service, str, RecordingSink]]:
    settings = load_settings(data=tmp_path, retrain={"approval": True})
    sink = RecordingSink("ci", failures=[SinkRejected("ci answered 410.")])
    service = assemble(settings, spool=MemorySpool(), log=MemoryLog(), state=MemoryState(), told={"ci": sink})
    reference = {"x": [1.0, 2.0] * 50, "y": [1.0, 3.0] * 50, "p": [1.0, 2.0] * 50}
    fitted = Baseline.fit(reference, model="m", task="regression", label="y", prediction="p")
    service.operations.register_baseline("m", fitted.to_json())
    service.operations.external_alert(CALL)
    service.pipeline.step()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = server_of(build_app(service, settings))
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        while not server.started:
            time.sleep(0.005)
        yield service, f"http://127.0.0.1:{listener.getsockname()[1]}", sink
        server.should_exit = True
        thread.join(20)
    service.close()


@pytest.fixture
def run(service: tuple[Service, str, RecordingSink]) -> Run:
    def invoke(*arguments: str, code: int = 0) -> Result:
        result = CliRunner().invoke(app, [*arguments, "--url", service[1]], env={"COLUMNS": "200", "NO_COLOR": "1"})
        if code == 0:
            assert result.exit_code == 0, result.output
        return result

    return invoke


def test_a_retrain_is_listed_shown_and_approved(run: Run, service: tuple[Service, str, RecordingSink]) -> None:
    (episode,) = json.loads(run("retrain", "list", "--format", "json").output)
    assert (episode["state"], episode["calls"]) == ("awaiting_approval", ["external"])
    listed = run("retrain", "list", "--model", "m").output
    assert episode["retrain_id"] in listed
    assert "awaiting approval" in listed
    assert CALL.reason in run("retrain", "show", episode["retrain_id"]).output
    approved = run("retrain", "approve", episode["retrain_id"], "--by", "ada", "--note", "go on").output
    assert "go on (by ada)" in approved
    assert service[0].operations.retrains()[0].state is RetrainState.REQUESTED


def test_a_retrain_is_cancelled_once(run: Run, service: tuple[Service, str, RecordingSink]) -> None:
    retrain_id = service[0].operations.retrains()[0].retrain_id
    assert json.loads(run("retrain", "cancel", retrain_id, "--format", "json").output)["state"] == "cancelled"
    again = run("retrain", "cancel", retrain_id, code=2)
    assert isinstance(again.exception, DriftwatchError)
    assert "nothing to cancel" in str(again.exception)


def test_alerts_are_listed_acknowledged_and_silenced(run: Run, service: tuple[Service, str, RecordingSink]) -> None:
    assert CALL.reason in run("alerts", "list", "--state", "firing").output
    (alert,) = json.loads(run("alerts", "list", "--format", "json").output)
    assert "acknowledged by ada" in run("alerts", "acknowledge", alert["alert_id"], "--by", "ada").output
    assert "silenced until" in run("alerts", "silence", alert["alert_id"], "--for", "2h", "--by", "bob").output
    (present,) = service[0].operations.alerts(state=AlertState.SILENCED)
    assert present.silenced_until is not None
    assert timedelta(minutes=115) < present.silenced_until - datetime.now(UTC) <= timedelta(hours=2)
    run("alerts", "silence", alert["alert_id"], "--for", "0s")
    assert service[0].operations.alerts()[0].state is AlertState.ACKNOWLEDGED
    assert "no such alert" in run("alerts", "list", "--state", "resolved").output


@pytest.mark.parametrize("given", [(), ("--for", "2h", "--until", "2030-01-01")])
def test_a_silence_has_one_end(run: Run, given: tuple[str, ...]) -> None:
    result = run("alerts", "silence", "alertmanager:f00d", *given, code=2)
    assert "--for" in str(result.exception)


def test_what_was_given_up_is_listed_and_sent_again(run: Run, service: tuple[Service, str, RecordingSink]) -> None:
    world, _, sink = service
    world.operations.approve(world.operations.retrains()[0].retrain_id, "ada")
    world.runner._deliverer.deliver_due()
    assert world.operations.retrains()[0].state is RetrainState.FAILED
    assert "ci answered 410." in run("outbox", "list", "--state", "dead").output
    run("outbox", "resend", "--all")
    world.runner._deliverer.deliver_due()
    (message,) = json.loads(run("outbox", "list", "--format", "json").output)
    assert (message["state"], message["attempts"]) == ("delivered", 2)
    assert [one.message_id for one in sink.messages] == [message["message_id"]]
    assert world.operations.retrains()[0].state is RetrainState.DELIVERED
    assert "no such notification" in run("outbox", "list", "--state", "dead").output
    assert "--all" in str(run("outbox", "resend", code=2).exception)
