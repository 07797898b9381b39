"""Schedulers of other projects, unmodified, told by the sinks: they start each thing once.

``make conformance`` installs them, each in an environment of its own, and runs this; the usual suite passes it over and
has receivers that demand the same (tests/sinks/contracts.py).
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from driftwatch.errors import SinkRejected, SinkUnavailable
from driftwatch.ports import OutboxMessage, Sink
from driftwatch.sinks import SINKS
from tests.cli.test_serve import free_port
from tests.conformance.test_sinks import message
from tests.servers.test_real_servers import ENVIRONMENTS, stop, until_answered

pytestmark = pytest.mark.skipif("CONFORMANCE" not in os.environ, reason="make conformance runs it")

PASSWORD = "s3cret-password"


def program(environment: str, name: str) -> str:
    return str(ENVIRONMENTS / environment / "bin" / name)


@contextmanager
def server(arguments: list[str], ready: str, folder: Path, **environment: str) -> Iterator[None]:
    """A program that serves, until the block ends."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            arguments, cwd=folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
            env={**os.environ, **environment},
        )  # fmt: skip
    try:
        until_answered(ready, process)
        yield
    finally:
        stop(process)


DAGSTER = """
from dagster import Config, Definitions, job, op

class Training(Config):
    model: str

@op
def train(context, config: Training):
    context.log.info(config.model)

@job
def retrain_flights():
    train()

defs = Definitions(jobs=[retrain_flights])
"""


def test_dagster_launches_one_run_with_its_config(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "defs.py").write_text(DAGSTER)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    arguments = [program("dagster", "dagster-webserver"), "-f", str(tmp_path / "defs.py"), "-p", str(port)]
    with server(arguments, f"{url}/server_info", tmp_path, DAGSTER_HOME=str(tmp_path / "home")):
        table = {
            "kind": "dagster", "name": "runs", "url": url, "location": "defs.py", "job": "retrain_{model}",
            "config": {"ops": {"train": {"config": {"model": "{model}"}}}}, "timeout_seconds": 60,
        }  # fmt: skip
        sink = SINKS["dagster"].made(table)
        assert "is there already" not in sink.deliver(message())
        assert "is there already" in sink.deliver(replace(message(), attempts=1))
        query = "{ runsOrError { ... on Runs { results { jobName runConfigYaml tags { key value } } } } }"
        found = httpx.post(f"{url}/graphql", json={"query": query}, timeout=60, trust_env=False).json()
        [run] = found["data"]["runsOrError"]["results"]
        assert (run["jobName"], "model: flights" in run["runConfigYaml"]) == ("retrain_flights", True)
        assert {"key": "driftwatch/key", "value": message().message_id} in run["tags"]
        with pytest.raises(SinkRejected, match="PipelineNotFoundError"):
            SINKS["dagster"].made({**table, "job": "nothing"}).deliver(replace(message(), message_id="another"))


def deliver_as_the_outbox_does(sink: Sink, told: OutboxMessage) -> None:
    """Again with the same key while the other side is away: Prefect answers 503 while its own services begin."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return sink.deliver(told)
        except SinkUnavailable:
            assert time.monotonic() < deadline
            time.sleep(1.0)


def test_prefect_makes_one_flow_run_under_its_key(tmp_path: Path) -> None:
    port = free_port()
    api = f"http://127.0.0.1:{port}/api"
    auth = f"admin:{PASSWORD}"
    environment = {
        "PREFECT_HOME": str(tmp_path / "home"), "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_API_AUTH_STRING": auth,
    }  # fmt: skip
    arguments = [program("prefect", "prefect"), "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    (tmp_path / "auth").write_text(auth)
    headers = {"authorization": "Basic " + base64.b64encode(auth.encode()).decode()}
    with (
        server(arguments, f"{api}/health", tmp_path, **environment),
        httpx.Client(headers=headers, timeout=60, trust_env=False) as client,
    ):
        flow = client.post(f"{api}/flows/", json={"name": "retrain"}).json()
        deployment = {"name": "flights", "flow_id": flow["id"], "enforce_parameter_schema": False}
        assert client.post(f"{api}/deployments/", json=deployment).status_code == 201
        table = {
            "kind": "prefect", "name": "runs", "url": api, "deployment": "retrain/{model}",
            "parameters": {"model": "{model}"}, "auth_file": str(tmp_path / "auth"), "timeout_seconds": 60,
        }  # fmt: skip
        sink = SINKS["prefect"].made(table)
        deliver_as_the_outbox_does(sink, message())
        deliver_as_the_outbox_does(sink, replace(message(), attempts=1))
        [run] = client.post(f"{api}/flow_runs/filter", json={}).json()
        assert (run["idempotency_key"], run["parameters"]) == (message().message_id, {"model": "flights"})
        assert run["state_type"] == "SCHEDULED"
        with pytest.raises(SinkRejected, match="404"):
            SINKS["prefect"].made({**table, "deployment": "retrain/nothing"}).deliver(message())
        (tmp_path / "auth").write_text("admin:wrong")
        with pytest.raises(SinkRejected, match="401"):
            sink.deliver(message())


AIRFLOW = """
from airflow.sdk import dag, task

@dag(dag_id="retrain-flights", schedule=None)
def retrain():
    @task
    def train(): ...
    train()

retrain()
"""


def test_airflow_3_triggers_one_dag_run_with_the_evidence(tmp_path: Path) -> None:
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "retrain.py").write_text(AIRFLOW)
    (tmp_path / "password").write_text(PASSWORD)
    (tmp_path / "users.json").write_text(json.dumps({"bot": PASSWORD}))
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environment = {
        "AIRFLOW_HOME": str(tmp_path), "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(tmp_path / "dags"),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "bot:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(tmp_path / "users.json"),
        "PATH": f"{ENVIRONMENTS / 'airflow' / 'bin'}:{os.environ['PATH']}",
    }  # fmt: skip
    for arguments in (["db", "migrate"], ["dags", "reserialize"]):
        done = subprocess.run(
            [program("airflow", "airflow"), *arguments], env={**os.environ, **environment}, capture_output=True,
            text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2_000:]
    arguments = [program("airflow", "airflow"), "api-server", "--host", "127.0.0.1", "--port", str(port), "-w", "1"]
    with server(arguments, f"{url}/api/v2/version", tmp_path / "server", **environment):
        table: dict[str, Any] = {
            "kind": "airflow", "name": "dag", "url": url, "dag_id": "retrain-{model}", "user": "bot",
            "password_file": str(tmp_path / "password"), "timeout_seconds": 60,
        }  # fmt: skip
        sink = SINKS["airflow"].made(table)
        assert "is there already" not in sink.deliver(message())
        assert "is there already" in sink.deliver(replace(message(), attempts=1))
        token = httpx.post(
            f"{url}/auth/token", json={"username": "bot", "password": PASSWORD}, timeout=60, trust_env=False
        ).json()["access_token"]
        runs = httpx.get(
            f"{url}/api/v2/dags/retrain-flights/dagRuns", headers={"authorization": f"Bearer {token}"}, timeout=60,
            trust_env=False,
        ).json()["dag_runs"]  # fmt: skip
        [run] = runs
        assert run["dag_run_id"] == "driftwatch-0198c5f0-9d7e-7c11-a3f2-5f6c1f0b7a11"
        assert run["conf"]["findings"][0] == {"column": "c0", "score": 0.5}
        assert run["logical_date"] is not None
        (tmp_path / "token").write_text(token)
        shown = SINKS["airflow"].made(
            {**table, "user": None, "password_file": None, "token_file": str(tmp_path / "token")}
        )
        assert "is there already" in shown.deliver(message())
        with pytest.raises(SinkRejected, match="404"):
            SINKS["airflow"].made({**table, "dag_id": "nothing"}).deliver(message())
