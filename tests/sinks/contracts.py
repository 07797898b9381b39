"""Receivers that demand what the real ones demand, over real HTTP.

Each answers as its system's documentation says, with the paths, headers, fields and statuses of it; what does not fit
is noted in ``problems``, with the status that the system has for it. What was started stands in ``started``, by the key
that the system itself knows it by: a system that honours keys starts nothing twice.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "s3cret-token-of-a-sink"
PASSWORD = "s3cret-password"
LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def parts(self) -> list[str]:
        return [unquote(part) for part in self.path.strip("/").split("/")]


class Mismatch(Exception):
    """What was asked does not fit the interface: the status that it has for that, and why."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


Answer = tuple[int, Any]


@dataclass
class Contract:
    """One system. ``forced`` answers everything with one status, ``breaks`` breaks answers off."""

    url: str = ""
    forced: int | None = None
    location: str = ""
    pause: threading.Event = field(default_factory=threading.Event)
    breaks: bool = False
    asked: list[Asked] = field(default_factory=list)
    started: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def answer(self, asked: Asked) -> Answer:
        raise NotImplementedError


def demand(condition: object, status: int, why: str) -> None:
    if not condition:
        raise Mismatch(status, why)


def bearer(asked: Asked, token: str = TOKEN) -> None:
    demand(asked.headers.get("authorization") == f"Bearer {token}", 401, "the token")


def basic(asked: Asked, user: str = "bot") -> None:
    wanted = "Basic " + base64.b64encode(f"{user}:{PASSWORD}".encode()).decode()
    demand(asked.headers.get("authorization") == wanted, 401, "user and password")


def only(body: Any, allowed: set[str]) -> None:
    demand(isinstance(body, dict) and set(body) <= allowed, 422, f"unknown fields {set(body) - allowed}")


class Webhook(Contract):
    """Standard Webhooks: the signature is checked by the caller, who knows the secret."""

    def answer(self, asked: Asked) -> Answer:
        demand(asked.method == "POST" and asked.path == "/hooks/s3cret-path", 404, "the path")
        for name in ("webhook-id", "webhook-timestamp", "webhook-signature"):
            demand(asked.headers.get(name), 400, name)
        self.started.append(asked.headers["webhook-id"])
        return 204, None


class AnyPost(Contract):
    """Whatever is posted with the token and a key."""

    def answer(self, asked: Asked) -> Answer:
        bearer(asked)
        demand(asked.method == "POST", 405, "the method")
        self.started.append(asked.headers["webhook-id"])
        return 200, None


class Airflow(Contract):
    """Airflow 2.10 (stable REST API) and 3 (``TriggerDAGRunPostBody``, a strict model: unknown fields are a 422)."""

    version = 3

    def answer(self, asked: Asked) -> Answer:
        if asked.path == "/auth/token" and self.version == 3:
            demand(asked.json == {"username": "bot", "password": PASSWORD}, 401, "user and password")
            return 201, {"access_token": TOKEN}
        bearer(asked) if self.version == 3 else basic(asked)
        api, version, dags, dag_id, runs = [*asked.parts, "", "", "", "", ""][:5]
        demand((api, version) == ("api", "v1" if self.version == 2 else "v2"), 404, "the version of the API")
        demand((asked.method, dags, runs) == ("POST", "dags", "dagRuns"), 404, "the path")
        demand(dag_id == "retrain-flights", 404, "no such DAG")
        only(asked.json, {"dag_run_id", "logical_date", "conf", "note", "data_interval_start", "data_interval_end"})
        demand("logical_date" in asked.json, 422, "logical_date is required")
        demand(datetime.fromisoformat(asked.json["logical_date"]).tzinfo, 422, "logical_date without an offset")
        demand(isinstance(asked.json["conf"], dict), 422, "conf is an object")
        demand(len(asked.json["dag_run_id"]) <= 250, 422, "dag_run_id")
        run_id = asked.json["dag_run_id"]
        if run_id in self.started:
            return 409, {"detail": f"DAGRun with DAG ID: '{dag_id}' and DAGRun ID: '{run_id}' already exists"}
        self.started.append(run_id)
        return 200, {"dag_run_id": run_id, "state": "queued"}


class Airflow2(Airflow):
    version = 2


class Alertmanager(Contract):
    """API v2, ``postAlerts``; ``started`` has the identity of alerts that fire now."""

    def answer(self, asked: Asked) -> Answer:
        bearer(asked)
        demand((asked.method, asked.path) == ("POST", "/api/v2/alerts"), 404, "the path")
        demand(asked.headers["content-type"] == "application/json", 415, "the type")
        demand(isinstance(asked.json, list), 400, "an array of alerts")
        for alert in asked.json:
            only(alert, {"labels", "annotations", "startsAt", "endsAt", "generatorURL"})
            for name, value in {**alert["labels"], **alert["annotations"]}.items():
                demand(re.fullmatch("[a-zA-Z_][a-zA-Z0-9_]*", name) and isinstance(value, str), 400, f"label {name}")
            demand(alert["labels"].get("alertname"), 400, "alertname")
            begins, ends = (datetime.fromisoformat(alert[name]) for name in ("startsAt", "endsAt"))
            demand(begins <= ends, 400, "start before end")
            self.started.append(json.dumps(alert["labels"], sort_keys=True))
        return 200, None


class ArgoEvents(Contract):
    """The ``webhook`` event source with an ``authSecret``."""

    def answer(self, asked: Asked) -> Answer:
        demand((asked.method, asked.path) == ("POST", "/retrain"), 404, "the endpoint")
        bearer(asked)
        demand(asked.headers["content-type"] == "application/json", 400, "the type")
        self.started.append(asked.headers["webhook-id"])
        return 200, b"success"


class ArgoWorkflows(Contract):
    """``WorkflowService_SubmitWorkflow`` (``WorkflowSubmitRequest``, ``SubmitOpts``)."""

    def answer(self, asked: Asked) -> Answer:
        bearer(asked)
        demand((asked.method, asked.path) == ("POST", "/api/v1/workflows/ml/submit"), 404, "the path")
        only(asked.json, {"namespace", "resourceKind", "resourceName", "submitOptions"})
        demand(
            asked.json["resourceKind"] in {"WorkflowTemplate", "ClusterWorkflowTemplate", "CronWorkflow"}, 400, "kind"
        )
        demand(asked.json["resourceName"] == "retrain-flights", 404, "no such template")
        options = asked.json["submitOptions"]
        only(options, {
            "annotations", "dryRun", "entryPoint", "generateName", "labels", "name", "ownerReference", "parameters",
            "podPriorityClassName", "priority", "serverDryRun", "serviceAccount",
        })  # fmt: skip
        demand(LABEL.fullmatch(options["name"]), 400, "the name is no DNS label")
        demand(all(re.match("[^=]+=", one) for one in options["parameters"]), 400, "parameters are name=value")
        if options["name"] in self.started:
            return 409, {"code": 6, "message": f'workflows.argoproj.io "{options["name"]}" already exists'}
        self.started.append(options["name"])
        return 200, {"metadata": {"name": options["name"]}}


class Dagster(Contract):
    """``launchRun`` and ``runsOrError``."""

    def answer(self, asked: Asked) -> Answer:
        demand((asked.method, asked.path) == ("POST", "/graphql"), 404, "the path")
        demand(asked.headers.get("dagster-cloud-api-token") == TOKEN, 401, "the token")
        only(asked.json, {"query", "variables", "operationName"})
        variables = asked.json["variables"]
        if "runsOrError" in asked.json["query"]:
            [tag] = variables["filter"]["tags"]
            found = [{"runId": "r-1"}] if tag["value"] in self.started else []
            return 200, {"data": {"runsOrError": {"__typename": "Runs", "results": found}}}
        demand("launchRun" in asked.json["query"], 400, "the query")
        parameters = variables["executionParams"]
        selector = parameters["selector"]
        if selector != {
            "repositoryLocationName": "ml",
            "repositoryName": "__repository__",
            "jobName": "retrain_flights",
        }:
            return 200, {"data": {"launchRun": {"__typename": "PipelineNotFoundError"}}}
        tags = {one["key"]: one["value"] for one in parameters["executionMetadata"]["tags"]}
        self.started.append(tags["driftwatch/key"])
        return 200, {"data": {"launchRun": {"__typename": "LaunchRunSuccess", "run": {"runId": "r-1"}}}}


class Github(Contract):
    """REST API 2022-11-28: both dispatches, with their bounds."""

    def answer(self, asked: Asked) -> Answer:
        bearer(asked)
        demand(asked.headers.get("accept") == "application/vnd.github+json", 415, "accept")
        demand(asked.headers.get("x-github-api-version") == "2022-11-28", 400, "the version")
        demand(asked.headers.get("user-agent"), 403, "GitHub wants to know who asks")
        demand(asked.method == "POST" and asked.path.startswith("/repos/acme/models/"), 404, "the path")
        if asked.path == "/repos/acme/models/dispatches":
            only(asked.json, {"event_type", "client_payload"})
            payload = asked.json["client_payload"]
            demand(0 < len(asked.json["event_type"]) <= 100, 422, "event_type")
            demand(len(payload) <= 10, 422, "No more than 10 properties are allowed")
            demand(len(json.dumps(payload)) < 65_535, 422, "client_payload is too large")
            self.started.append(payload["key"])
        else:
            demand(asked.path == "/repos/acme/models/actions/workflows/retrain.yml/dispatches", 404, "the workflow")
            only(asked.json, {"ref", "inputs"})
            demand(asked.json["ref"] == "main", 422, "No ref found")
            demand(len(asked.json["inputs"]) <= 25, 422, "too many inputs")
            demand(all(isinstance(one, str) for one in asked.json["inputs"].values()), 422, "inputs are texts")
            self.started.append(asked.json["inputs"]["key"])
        return 204, None


class KubeflowPipelines(Contract):
    """``RunService`` of v2beta1."""

    def answer(self, asked: Asked) -> Answer:
        bearer(asked)
        demand(asked.path == "/apis/v2beta1/runs", 404, "the path")
        if asked.method == "GET":
            [predicate] = json.loads(asked.query["filter"][0])["predicates"]
            demand(predicate["operation"] == "EQUALS" and predicate["key"] in {"display_name", "name"}, 400, "filter")
            found = [one for one in self.started if one == predicate["string_value"]]
            return 200, {"runs": [{"display_name": one} for one in found]} if found else {}
        only(asked.json, {
            "display_name", "description", "pipeline_version_reference", "runtime_config", "experiment_id",
            "service_account",
        })  # fmt: skip
        demand(asked.json["pipeline_version_reference"]["pipeline_id"] == "p-1", 404, "no such pipeline")
        demand(isinstance(asked.json["runtime_config"]["parameters"], dict), 400, "parameters")
        self.started.append(asked.json["display_name"])
        return 200, {"run_id": "r-1", "display_name": asked.json["display_name"]}


CRONJOB: dict[str, Any] = {
    "apiVersion": "batch/v1",
    "kind": "CronJob",
    "metadata": {"name": "retrain-flights", "namespace": "ml", "uid": "c-1"},
    "spec": {
        "suspend": True,
        "schedule": "0 0 1 1 *",
        "jobTemplate": {
            "metadata": {"labels": {"team": "ml"}},
            "spec": {
                "backoffLimit": 1,
                "template": {
                    "spec": {
                        "restartPolicy": "Never",
                        "containers": [
                            {"name": "train", "image": "trainer:1", "env": [{"name": "DRIFTWATCH_KEY", "value": "old"}]}
                        ],
                    }
                },
            },
        },
    },
}


class Kubernetes(Contract):
    """``batch/v1``: the CronJob is read, the Job made; names are DNS labels, a second of one name is a 409."""

    def answer(self, asked: Asked) -> Answer:
        bearer(asked)
        if asked.method == "GET":
            demand(asked.path == "/apis/batch/v1/namespaces/ml/cronjobs/retrain-flights", 404, "no such CronJob")
            return 200, CRONJOB
        demand((asked.method, asked.path) == ("POST", "/apis/batch/v1/namespaces/ml/jobs"), 404, "the path")
        job = asked.json
        demand((job["apiVersion"], job["kind"]) == ("batch/v1", "Job"), 400, "apiVersion and kind")
        name = job["metadata"]["name"]
        demand(LABEL.fullmatch(name), 422, "the name")
        demand(
            all(isinstance(one, str) for one in job["metadata"]["annotations"].values()), 400, "annotations are texts"
        )
        spec = job["spec"]["template"]["spec"]
        demand(spec["restartPolicy"] in {"Never", "OnFailure"}, 422, "restartPolicy")
        for container in spec["containers"]:
            names = [one["name"] for one in container["env"]]
            demand(len(set(names)) == len(names), 422, "a variable twice")
            demand(all(isinstance(one["value"], str) for one in container["env"]), 400, "values are texts")
            demand(all(len(one["value"]) < 131_072 for one in container["env"]), 422, "argument list too long")
        if name in self.started:
            return 409, {"kind": "Status", "reason": "AlreadyExists", "code": 409}
        self.started.append(name)
        return 201, job


class Prefect(Contract):
    """Prefect 3: a deployment by its name, and ``create_flow_run``, which honours ``idempotency_key``."""

    def answer(self, asked: Asked) -> Answer:
        bearer(asked)
        if asked.method == "GET":
            demand(asked.path == "/api/deployments/name/retrain/flights", 404, "Deployment not found")
            return 200, {"id": "6b5a7e2c-0a4e-4f0e-8ac6-3c2f0c5b2d11", "name": "flights"}
        demand(asked.path == "/api/deployments/6b5a7e2c-0a4e-4f0e-8ac6-3c2f0c5b2d11/create_flow_run", 404, "the path")
        only(asked.json, {
            "state", "name", "parameters", "enforce_parameter_schema", "context", "infrastructure_document_id",
            "empirical_policy", "tags", "idempotency_key", "labels", "parent_task_run_id", "work_queue_name",
            "job_variables",
        })  # fmt: skip
        demand(asked.json["state"] == {"type": "SCHEDULED"}, 422, "the state")
        key = asked.json["idempotency_key"]
        there = key in self.started
        if not there:
            self.started.append(key)
        return (200 if there else 201), {"id": "f-1", "name": asked.json["name"]}


class Jenkins(Contract):
    """``buildWithParameters`` with an API token: 201 with the queue's item in ``Location``."""

    def answer(self, asked: Asked) -> Answer:
        basic(asked)
        demand((asked.method, asked.path) == ("POST", "/job/retrain%20flights/buildWithParameters"), 404, "the job")
        demand(asked.headers["content-type"] == "application/x-www-form-urlencoded", 415, "a form")
        found = {name: values[0] for name, values in parse_qs(asked.body.decode(), strict_parsing=True).items()}
        demand(set(found) == {"MODEL", "REASON", "KEY"}, 400, "parameters")
        self.started.append(found["KEY"])
        return 201, None


@contextmanager
def receiving(contract: Contract) -> Iterator[Contract]:
    """The receiver behind a real server."""
    contract.pause.set()

    class Handler(BaseHTTPRequestHandler):
        def respond(self) -> None:
            parts = urlsplit(self.path)
            asked = Asked(
                self.command, parts.path, parse_qs(parts.query),
                {name.lower(): value for name, value in self.headers.items()},
                self.rfile.read(int(self.headers.get("content-length", 0))),
            )  # fmt: skip
            contract.asked.append(asked)
            contract.pause.wait(10)
            status, body = contract.forced or 0, None
            if not status:
                try:
                    status, body = contract.answer(asked)
                except Mismatch as mismatch:
                    contract.problems.append(str(mismatch))
                    status, body = mismatch.status, {"detail": str(mismatch)}
                except (KeyError, TypeError, ValueError, IndexError) as error:
                    contract.problems.append(repr(error))
                    status, body = 400, {"detail": repr(error)}
            content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
            self.send_response(status)
            if contract.location:
                self.send_header("location", contract.location)
            self.send_header("content-type", "application/json")
            if status != 204:
                self.send_header("content-length", str(len(content) + 100 * contract.breaks))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = respond

        def log_message(self, *_: object) -> None:
            """Be quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    contract.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield contract
    finally:
        contract.pause.set()
        server.shutdown()
        thread.join()
        server.server_close()


MakeContract = Callable[[], Contract]
