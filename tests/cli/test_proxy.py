"""``driftwatch proxy`` as a process, between a client, a model server and a real ``driftwatch serve``."""

import json
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from driftwatch import Baseline
from driftwatch.capture.credentials import trust
from driftwatch.cli.app import app
from driftwatch.errors import DriftwatchError
from tests.cli.test_serve import free_port, running, wait_until
from tests.web.test_tls import self_signed


@pytest.fixture
def model_server() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            told = json.dumps({"predictions": [sum(row) for row in asked["instances"]]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def started(*arguments: str) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "driftwatch", "proxy", *arguments, "--port", "0"], stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    lines = []
    for line in process.stderr:
        lines.append(line)
        if found := re.search(r"listens on (https?://\S+) ", line):
            return process, found[1]
    raise AssertionError("".join(lines))


def ended(process: subprocess.Popen[str]) -> int:
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    return process.returncode


@pytest.mark.slow
def test_predictions_of_an_unchanged_model_server_arrive_in_the_log(tmp_path: Path, model_server: str) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=1_000), rng.normal(size=1_000)
    reference = {"x": x, "y": y, "truth": x + y, "p": x + y}
    baseline = Baseline.fit(reference, model="sum", task="regression", label="truth", prediction="p")
    port, metrics_port = free_port(), free_port()
    monitor = f"http://127.0.0.1:{port}"
    with running(tmp_path, port) as client:
        client.register(baseline)
        process, url = started(
            "--upstream", model_server, "--monitor", monitor, "--model", "sum", "--metrics-port", str(metrics_port)
        )
        ids = []
        for n in range(20):
            asked = urllib.request.Request(
                f"{url}/v1/models/sum:predict", json.dumps({"instances": [[n, 0.5]]}).encode(), method="POST"
            )
            with urllib.request.urlopen(asked, timeout=30) as answer:
                ids.append(answer.headers["x-driftwatch-prediction-id"])
                assert json.load(answer) == {"predictions": [n + 0.5]}
        shown = f"http://127.0.0.1:{metrics_port}/metrics"
        wait_until(lambda: b'captured_total{model="sum"} 20.0' in urllib.request.urlopen(shown, timeout=30).read())
        text = urllib.request.urlopen(shown, timeout=30).read().decode()
        assert 'driftwatch_proxy_predictions_total{model="sum",outcome="ok"} 20.0' in text
        assert "driftwatch_proxy_overhead_seconds_count 20.0" in text
        assert ended(process) == 0
        # Labels that come under the ids of the answers find their predictions.
        client.send_labels("sum", [{"prediction_id": ids[0], "label": 0.5}])
        wait_until(lambda: len(client.export("sum", labelled=True)) == 1)
        logged = client.export("sum").set_index("prediction_id")
    assert sorted(logged.index) == sorted(ids)
    assert logged.loc[ids[3], "x"] == 3
    assert logged.loc[ids[3], "y"] == 0.5


@pytest.mark.slow
def test_it_starts_and_passes_without_a_monitor_and_ends_in_time(model_server: str) -> None:
    process, url = started("--upstream", model_server, "--monitor", "http://127.0.0.1:9", "--model", "sum")
    asked = urllib.request.Request(f"{url}/v1/models/sum:predict", b'{"instances": [[1, 2]]}', method="POST")
    with urllib.request.urlopen(asked, timeout=30) as answer:
        assert json.load(answer) == {"predictions": [3]}
    began = time.monotonic()
    assert ended(process) == 0
    assert time.monotonic() - began < 20


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed here")
def test_with_a_certificate_it_speaks_tls(model_server: str, tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path, "127.0.0.1")
    process, url = started(
        "--upstream", model_server, "--monitor", "http://127.0.0.1:9", "--model", "sum",
        "--tls-certificate", str(certificate), "--tls-key", str(key),
    )  # fmt: skip
    assert url.startswith("https://")
    asked = urllib.request.Request(f"{url}/v1/models/sum:predict", b'{"instances": [[1, 2]]}', method="POST")
    with urllib.request.urlopen(asked, timeout=30, context=trust(certificate)) as answer:
        assert json.load(answer) == {"predictions": [3]}
    assert ended(process) == 0


WRONG = [
    (["--upstream", "http://h", "--tls-key", "key.pem"], "tls-certificate: is missing"),
    (["--upstream", "http://h", "--tls-key", "a.pem", "--tls-certificate", "b.pem"], "cannot be used"),
    (["--upstream", "localhost:9000"], "upstream: 'localhost:9000' is no address of a server"),
    (["--upstream", "http://h/path"], "upstream: has more than a host and a port"),
    (["--upstream", "http://h:99999"], "is no address"),
    (["--upstream", "http://h", "--monitor", "ftp://h"], "url: 'ftp://h' is no address of a service"),
    (["--upstream", "http://h", "--map", "/nowhere.toml"], "cannot be read"),
]


@pytest.mark.parametrize(("options", "says"), WRONG)
def test_wrong_use_is_told_before_anything_starts(options: list[str], says: str) -> None:
    result = CliRunner().invoke(app, ["proxy", "--model", "m", *options])
    assert isinstance(result.exception, DriftwatchError)
    assert says in str(result.exception)


MAPS = [
    ("[[routes", "is no TOML"),
    ("a = 1", "has no [[routes]]"),
    ('[[routes]]\nroute = "/s"\nfeatures = "$"', "has no prediction"),
    ('[[routes]]\nroute = "/s"\nfeatures = "$"\nprediction = "$"\nlabel = "$"', "has 'label', which means nothing"),
    ('[[routes]]\nroute = "s"\nfeatures = "$"\nprediction = "$"', "Begin it with a slash"),
    ('[[routes]]\nroute = "/s"\nfeatures = "$..x"\nprediction = "$"', "is no path into JSON"),
    ('[[routes]]\nroute = "/s"\nfeatures = "$[?(@.x)]"\nprediction = "$"', "is no path into JSON"),
    ("[[routes]]\nroute = 5", "must have texts alone"),
]


@pytest.mark.parametrize(("text", "says"), MAPS)
def test_a_map_that_cannot_work_says_where(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "map.toml").write_text(text)
    options = ["proxy", "--model", "m", "--upstream", "http://h", "--map", str(tmp_path / "map.toml")]
    result = CliRunner().invoke(app, options)
    assert isinstance(result.exception, DriftwatchError)
    assert says in str(result.exception)
