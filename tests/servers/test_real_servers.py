"""Model servers and clients of other projects, unmodified, with the proxy between them and a real service behind it.

``make conformance`` installs them, each in an environment of its own, and runs this; the usual suite passes it over.
"""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from driftwatch import Baseline, Client
from tests.cli.test_proxy import ended, started
from tests.cli.test_serve import free_port, running, wait_until

ENVIRONMENTS = Path(__file__).parents[2] / "build" / "servers"
ROWS = [[1.0, 2.0, 3.0], [-4.0, -5.0, 6.0]]

pytestmark = pytest.mark.skipif("CONFORMANCE" not in os.environ, reason="make conformance runs it")


def python(environment: str) -> str:
    return str(ENVIRONMENTS / environment / "bin" / "python")


def outcome(environment: str, script: str, *arguments: str) -> Any:
    """What a script says as JSON in its last line."""
    done = subprocess.run(
        [python(environment), "-c", script, *arguments], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def post(url: str, body: Any, content_type: str = "application/json") -> tuple[Any, str]:
    """The answer, and the id that the proxy gave it."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    asked = urllib.request.Request(url, data, {"Content-Type": content_type}, method="POST")
    with urllib.request.urlopen(asked, timeout=60) as answer:
        return json.load(answer), answer.headers.get("x-driftwatch-prediction-id", "")


def answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=5).read()
    except OSError:
        return False
    return True


def until_answered(url: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 180
    while not answers(url):
        assert process.poll() is None, "the server ended"
        assert time.monotonic() < until, "the server does not answer"
        time.sleep(0.5)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End it with the processes that it started itself."""
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)


@dataclass
class Watched:
    """A server, the proxy before it, and the service behind that."""

    direct: str
    proxied: str
    client: Client

    def logged(self, count: int) -> pd.DataFrame:
        """What the service has logged, once it is that much."""
        wait_until(lambda: len(self.client.export("flights")) >= count)
        found = self.client.export("flights")
        assert len(found) == count
        return found.set_index("prediction_id")


def baseline() -> Baseline:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(500, 3))
    truth = (rows[:, 0] + rows[:, 1] > 0).astype(int)
    reference = {"a": rows[:, 0], "b": rows[:, 1], "c": rows[:, 2], "y": truth, "p": truth, "s": truth * 0.8 + 0.1}
    return Baseline.fit(reference, model="flights", label="y", prediction="p", score=["s"], task="binary")


@pytest.fixture
def watched(tmp_path: Path, server: str) -> Iterator[Watched]:
    port = free_port()
    with running(tmp_path / "data", port) as client:
        client.register(baseline())
        process, url = started("--upstream", server, "--monitor", f"http://127.0.0.1:{port}", "--model", "flights")
        yield Watched(server, url, client)
        assert ended(process) == 0


TRAIN = """
import sys, numpy as np
from sklearn.linear_model import LogisticRegression
rng = np.random.default_rng(0)
rows = rng.normal(size=(500, 3))
model = LogisticRegression().fit(rows, (rows[:, 0] + rows[:, 1] > 0).astype(int))
if sys.argv[1] == "mlserver":
    import joblib
    joblib.dump(model, sys.argv[2] + "/model.joblib")
else:
    import mlflow, pandas as pd
    signature = mlflow.models.infer_signature(pd.DataFrame(rows, columns=list("abc")), model.predict(rows))
    mlflow.sklearn.save_model(model, sys.argv[2] + "/model", signature=signature)
print("{}")
"""


TRITON = """
import json, sys
import numpy as np
import tritonclient.http as triton
client = triton.InferenceServerClient(sys.argv[1].removeprefix("http://"))
assert client.is_server_ready() and client.is_model_ready("flights")
rows = triton.InferInput("input-0", [2, 3], "FP32")
rows.set_data_from_numpy(np.array(json.loads(sys.argv[2]), "float32"), binary_data=sys.argv[3] == "binary")
wanted = [triton.InferRequestedOutput("predict", binary_data=sys.argv[3] == "binary")]
answers = []
packed = {"response_compression_algorithm": "gzip"}
if sys.argv[3] == "binary":
    packed["request_compression_algorithm"] = "gzip"
for more in ({}, packed):
    answer = client.infer("flights", [rows], outputs=wanted, request_id=f"t{len(answers)}", **more)
    answers.append(answer.as_numpy("predict").ravel().tolist())
print(json.dumps(answers))
"""


KSERVE = """
import asyncio, json, sys
import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig

async def main():
    client = InferenceRESTClient(RESTConfig(protocol="v2"))
    rows = InferInput(name="input-0", shape=[2, 3], datatype="FP64")
    rows.set_data_from_numpy(np.array(json.loads(sys.argv[2])), binary_data=False)
    asked = InferRequest(model_name="flights", infer_inputs=[rows], request_id="k")
    answer = await client.infer(sys.argv[1], asked, model_name="flights")
    print(json.dumps(answer.outputs[0].as_numpy().ravel().tolist()))

asyncio.run(main())
"""


def seen_of_triton(watched: Watched) -> None:
    logged = watched.logged(4)
    assert sorted(logged.index) == ["t0/0", "t0/1", "t1/0", "t1/1"]
    for one in ("t0", "t1"):
        assert logged.loc[[f"{one}/0", f"{one}/1"], ["a", "b", "c"]].to_numpy().tolist() == ROWS
        assert logged.loc[[f"{one}/0", f"{one}/1"], "prediction"].astype(int).tolist() == [1, 0]


class TestMLServer:
    """MLServer with a scikit-learn model, asked over V2."""

    @pytest.fixture
    def server(self, tmp_path: Path) -> Iterator[str]:
        outcome("mlserver", TRAIN, "mlserver", str(tmp_path))
        port = free_port()
        model = {"implementation": "mlserver_sklearn.SKLearnModel", "parameters": {"uri": "./model.joblib"}}
        (tmp_path / "model-settings.json").write_text(json.dumps({"name": "flights", **model}))
        ports = {"http_port": port, "grpc_port": free_port(), "metrics_port": free_port()}
        (tmp_path / "settings.json").write_text(json.dumps({"host": "127.0.0.1", "parallel_workers": 0, **ports}))
        process = subprocess.Popen(
            [str(ENVIRONMENTS / "mlserver" / "bin" / "mlserver"), "start", str(tmp_path)], start_new_session=True
        )
        try:
            until_answered(f"http://127.0.0.1:{port}/v2/models/flights/ready", process)
            yield f"http://127.0.0.1:{port}"
        finally:
            stop(process)

    def test_json_in_a_matrix_with_probabilities(self, watched: Watched) -> None:
        tensor = {"name": "input-0", "shape": [2, 3], "datatype": "FP64", "data": [*ROWS[0], *ROWS[1]]}
        asked = {"id": "j", "inputs": [tensor], "outputs": [{"name": "predict"}, {"name": "predict_proba"}]}
        told, prediction_id = post(f"{watched.proxied}/v2/models/flights/infer", asked)
        assert told == post(f"{watched.direct}/v2/models/flights/infer", asked)[0]
        assert prediction_id == "j"
        logged = watched.logged(2)
        assert logged.loc[["j/0", "j/1"], ["a", "b", "c"]].to_numpy().tolist() == ROWS
        outputs = {one["name"]: one["data"] for one in told["outputs"]}
        assert logged.loc[["j/0", "j/1"], "prediction"].astype(int).tolist() == outputs["predict"] == [1, 0]
        assert logged.loc[["j/0", "j/1"], "score"].tolist() == outputs["predict_proba"][1::2]

    def test_json_with_a_tensor_a_column(self, watched: Watched) -> None:
        tensors = [
            {"name": name, "shape": [2, 1], "datatype": "FP64", "data": [row[at] for row in ROWS]}
            for at, name in enumerate("abc")
        ]
        asked = {"parameters": {"content_type": "pd"}, "inputs": tensors}
        told, prediction_id = post(f"{watched.proxied}/v2/models/flights/infer", asked)
        assert told["outputs"][0]["data"] == [1, 0]
        logged = watched.logged(2)
        assert logged.loc[[f"{prediction_id}/0", f"{prediction_id}/1"], ["a", "b", "c"]].to_numpy().tolist() == ROWS

    def test_tritons_client_with_tensors_in_json(self, watched: Watched) -> None:
        """MLServer reads no binary tensors over HTTP: see `TestBinaryTensors`."""
        direct = outcome("mlserver", TRITON, watched.direct, json.dumps(ROWS), "json")
        assert outcome("mlserver", TRITON, watched.proxied, json.dumps(ROWS), "json") == direct == [[1, 0], [1, 0]]
        seen_of_triton(watched)

    def test_kserves_python_sdk(self, watched: Watched) -> None:
        direct = outcome("kserve", KSERVE, watched.direct, json.dumps(ROWS))
        assert outcome("kserve", KSERVE, watched.proxied, json.dumps(ROWS)) == direct == [1, 0]
        logged = watched.logged(2)
        assert logged.loc[["k/0", "k/1"], ["a", "b", "c"]].to_numpy().tolist() == ROWS


class TestMLflow:
    """MLflow's scoring server with a scikit-learn model."""

    @pytest.fixture
    def server(self, tmp_path: Path) -> Iterator[str]:
        outcome("mlflow", TRAIN, "mlflow", str(tmp_path))
        port = free_port()
        binaries = ENVIRONMENTS / "mlflow" / "bin"
        process = subprocess.Popen(
            [str(binaries / "mlflow"), "models", "serve", "-m", str(tmp_path / "model"), "--env-manager", "local",
             "-p", str(port), "-h", "127.0.0.1"],
            start_new_session=True,
            env={**os.environ, "PATH": f"{binaries}:{os.environ['PATH']}"},
        )  # fmt: skip
        try:
            until_answered(f"http://127.0.0.1:{port}/ping", process)
            yield f"http://127.0.0.1:{port}"
        finally:
            stop(process)

    def test_every_kind_of_input(self, watched: Watched) -> None:
        columns = {name: [row[at] for row in ROWS] for at, name in enumerate("abc")}
        csv = "a,b,c\n" + "".join(",".join(map(str, row)) + "\n" for row in ROWS)
        bodies: list[tuple[Any, str]] = [
            ({"dataframe_split": {"columns": ["a", "b", "c"], "data": ROWS}}, "application/json"),
            ({"dataframe_records": [dict(zip("abc", row, strict=True)) for row in ROWS]}, "application/json"),
            ({"instances": [dict(zip("abc", row, strict=True)) for row in ROWS]}, "application/json"),
            ({"inputs": columns}, "application/json"),
            (csv.encode(), "text/csv"),
        ]
        ids = []
        for body, content_type in bodies:
            told, prediction_id = post(f"{watched.proxied}/invocations", body, content_type)
            assert told == {"predictions": [1, 0]} == post(f"{watched.direct}/invocations", body, content_type)[0]
            ids.append(prediction_id)
        logged = watched.logged(2 * len(bodies))
        for one in ids:
            assert logged.loc[[f"{one}/0", f"{one}/1"], ["a", "b", "c"]].to_numpy().tolist() == ROWS
            assert logged.loc[[f"{one}/0", f"{one}/1"], "prediction"].astype(int).tolist() == [1, 0]


class TestBinaryTensors:
    """Triton's client, unmodified, with tensors as bytes; the server is a small one that takes what Triton takes."""

    @pytest.fixture
    def server(self) -> Iterator[str]:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.answer(b"", {})

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                packed = self.headers.get("Content-Encoding") == "gzip"
                body = gzip.decompress(body) if packed else body
                at = int(self.headers["Inference-Header-Content-Length"])
                (tensor,) = json.loads(body[:at])["inputs"]
                assert (tensor["shape"], tensor["datatype"]) == ([2, 3], "FP32")
                rows = np.frombuffer(body[at:], "<f4").reshape(2, 3)
                told = (rows[:, 0] + rows[:, 1] > 0).astype("<i8").tobytes()
                output = {"name": "predict", "shape": [2], "datatype": "INT64", "parameters": {"binary_data_size": 16}}
                head = json.dumps({"model_name": "flights", "outputs": [output]}).encode()
                headers = {"Inference-Header-Content-Length": str(len(head))}
                if packed:
                    self.answer(gzip.compress(head + told), {**headers, "Content-Encoding": "gzip"})
                else:
                    self.answer(head + told, headers)

            def answer(self, body: bytes, headers: dict[str, str]) -> None:
                self.send_response(200)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        listening.daemon_threads = True
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()
        thread.join()
        listening.server_close()

    def test_tritons_client_with_tensors_as_bytes_and_packed(self, watched: Watched) -> None:
        direct = outcome("mlserver", TRITON, watched.direct, json.dumps(ROWS), "binary")
        assert outcome("mlserver", TRITON, watched.proxied, json.dumps(ROWS), "binary") == direct == [[1, 0], [1, 0]]
        seen_of_triton(watched)
