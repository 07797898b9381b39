"""A service that is killed while it tells schedulers that honour keys starts each retrain once, and shows no secret."""

from __future__ import annotations

import json
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.request import urlopen

import pytest

from driftwatch.core.records import RetrainEpisode, RetrainState, RetrainStep
from driftwatch.ports import OutboxState
from driftwatch.stores.folder import DataFolder
from driftwatch.stores.state import SqlState
from tests.conformance.test_sinks import message
from tests.sinks.contracts import PASSWORD, TOKEN, Airflow, Kubernetes, receiving

from .serving import Serving, until

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RETRAINS = 4


def fill_outbox(data: Path, sinks: tuple[str, ...]) -> None:
    with DataFolder(data) as folder, closing(SqlState.open(folder.state_url)) as state, state.transaction() as changes:
        for number in range(RETRAINS):
            retrain_id = f"retrain-{number}"
            changes.open_retrain(
                RetrainEpisode(
                    retrain_id=retrain_id, model="flights", model_version="1", state=RetrainState.REQUESTED,
                    triggered=NOW, until=NOW, reason="it got worse", alert_ids=(),
                    history=(RetrainStep(at=NOW, state=RetrainState.REQUESTED, note="it got worse"),),
                )
            )  # fmt: skip
            for sink in sinks:
                body = {**json.loads(message().body), "id": retrain_id}
                changes.put_message(
                    replace(
                        message(), message_id=f"{retrain_id}.{sink}", sink=sink, body=json.dumps(body),
                        retrain_id=retrain_id, created_at=datetime.now(UTC), next_attempt_at=NOW,
                    )
                )  # fmt: skip


@pytest.mark.slow
def test_schedulers_start_each_retrain_once_however_often_the_service_is_killed(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "password").write_text(PASSWORD)
    fill_outbox(data, ("dag", "job"))
    with ExitStack() as stack:
        airflow, kubernetes = (stack.enter_context(receiving(one)) for one in (Airflow(), Kubernetes()))
        tables = [
            {
                "kind": "airflow", "name": "dag", "url": airflow.url, "dag_id": "retrain-{model}", "user": "bot",
                "password_file": str(tmp_path / "password"),
            },
            {
                "kind": "kubernetes_job", "name": "job", "url": kubernetes.url, "namespace": "ml",
                "cronjob": "retrain-{model}", "token_file": str(tmp_path / "token"),
            },
        ]  # fmt: skip
        serving = Serving(data, tmp_path / "serve.log", sinks=json.dumps(tables))
        stack.callback(serving.stop)
        for place in ("outbox.delivering:2", "outbox.delivered:2", "outbox.delivered:1", "outbox.noted:2"):
            serving.start(crash_at=place)
            serving.wait_for_death()
        serving.start()

        def told() -> bool:
            with closing(SqlState.open(f"sqlite:///{data}/state.db")) as state, state.read() as reader:
                return {one.state for one in reader.outbox()} == {OutboxState.DELIVERED}

        until(told, what="delivery")
        shown = serving.said()
        for path in ("/", "/v1/outbox", "/v1/retrains", "/metrics"):
            with urlopen(serving.url + path, timeout=10) as answer:
                shown += answer.read().decode()
    names = {f"driftwatch-retrain-{number}" for number in range(RETRAINS)}
    for contract in (airflow, kubernetes):
        assert contract.problems == []
        assert sorted(contract.started) == sorted(names)
    posted = [one for one in (*airflow.asked, *kubernetes.asked) if one.method == "POST" and one.path != "/auth/token"]
    assert len(posted) > 2 * RETRAINS, "a kill came between a delivery and its being noted"
    assert TOKEN not in shown
    assert PASSWORD not in shown
