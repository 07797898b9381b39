"""``driftwatch check --together``, from files and from a service's log, as its user runs it."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import Result
from typer.testing import CliRunner

from driftwatch import Baseline, Client
from driftwatch.cli.app import app
from driftwatch.errors import DriftwatchError

FINE, DRIFTED = 0, 1


def check(*arguments: object) -> Result:
    """The command in this process: a new one takes seconds where the machine is busy."""
    return CliRunner().invoke(app, ["check", *map(str, arguments)])


def rows(n: int, correlation: float, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x, y, z = rng.standard_normal((3, n))
    return pd.DataFrame({"x": x, "y": correlation * x + np.sqrt(1 - correlation**2) * y, "z": z})


def predicted(features: pd.DataFrame) -> pd.DataFrame:
    return features.assign(answer=features["z"], truth=features["z"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("files")
    predicted(rows(2_000, 0.8, 1)).to_parquet(made / "train.parquet")
    rows(2_000, 0.8, 1).to_parquet(made / "features.parquet")
    rows(600, 0.8, 2).to_csv(made / "same.csv", index=False)
    rows(600, -0.8, 3).to_csv(made / "flipped.csv", index=False)
    baseline = Baseline.fit(
        predicted(rows(2_000, 0.8, 1)), model="m", task="regression", label="truth", prediction="answer"
    )
    (made / "b.json").write_text(baseline.to_json())
    return made


@pytest.fixture(autouse=True)
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("NO_COLOR", "1")


@pytest.mark.parametrize(("current", "expected"), [("same.csv", FINE), ("flipped.csv", DRIFTED)])
def test_a_baseline_and_the_references_rows(current: str, expected: int) -> None:
    done = check("b.json", current, "--together", "--reference", "train.parquet")
    assert done.exit_code == expected, done.output
    assert "correlation_change" in done.stdout
    assert ("Columns together: within tolerance" in done.stdout) == (expected == FINE)
    assert ("rank correlation of x and y 0.7" in done.stdout) == (expected == DRIFTED)


def test_a_file_of_reference_rows_takes_the_baselines_place() -> None:
    assert check("features.parquet", "flipped.csv").exit_code == FINE
    done = check("features.parquet", "flipped.csv", "--together", "--format", "json")
    assert done.exit_code == DRIFTED, done.output
    report = json.loads(done.stdout)
    assert set(report["drifted_columns"]) == {"x", "y"}
    assert {one["test"]: one["status"] for one in report["together"]}["correlation_change"] == "drift"


def test_one_test_with_a_tolerance_of_its_own() -> None:
    done = check("features.parquet", "flipped.csv", "--joint-test", "correlation_change=1.9", "--format", "json")
    assert done.exit_code == FINE, done.output
    found = json.loads(done.stdout)["together"]
    assert [(one["test"], one["threshold"]) for one in found] == [("correlation_change", 1.9)]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["b.json", "same.csv", "--together"], "--together: a baseline holds no rows"),
        (["b.json"], "CURRENT: no rows to compare"),
        (["b.json", "same.csv", "--from", "2026-01-01"], "--from: rows come from a file or from the log"),
        (["b.json", "--from", "2026-01-01"], "--url: rows of the log come from one place"),
        (["b.json", "--from", "soon", "--data", "absent"], "--from: 'soon' is no time"),
        (["b.json", "--data", "absent"], "absent: holds no service's data"),
        (
            ["b.json", "same.csv", "--reference", "train.parquet"],
            "--reference: the reference's rows are for --together",
        ),
        (["features.parquet", "same.csv", "--together", "--reference", "train.parquet"], "come from one place"),
        (["features.parquet", "same.csv", "--joint-test", "mmd=much"], "'mmd=much' has no number"),
        (["features.parquet", "same.csv", "--joint-test", "nmd"], "Did you mean mmd?"),
    ],
)
def test_wrong_use_says_what_to_do(folder: Path, arguments: list[str], says: str) -> None:
    done = check(*arguments)
    assert isinstance(done.exception, DriftwatchError)
    assert says in str(done.exception)
    assert not (folder / "absent").exists()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def sent(client: Client, features: pd.DataFrame, day: int) -> None:
    events = [
        {
            "prediction_id": f"{day}-{row}",
            "event_time": f"2026-01-{day:02d}T{row * 24 // len(features):02d}:00:00Z",
            "features": values,
            "prediction": values["z"],
        }
        for row, values in enumerate(features.to_dict("records"))
    ]
    assert client.send_predictions("m", events).accepted == len(features)


@pytest.fixture(scope="module")
def service(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A service that has seen two quiet days and one on which two columns turned against each other."""
    port = free_port()
    command = [sys.executable, "-m", "driftwatch", "serve", "--data", str(folder / "data"), "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        with Client(url) as client:
            deadline = time.monotonic() + 60
            while not client.ready():
                assert time.monotonic() < deadline, "it did not start within a minute"
                time.sleep(0.1)
            client.register((folder / "b.json").read_text())
            sent(client, rows(900, 0.8, 11), 5)
            sent(client, rows(500, 0.8, 12), 6)
            sent(client, rows(500, -0.8, 13), 7)
        yield process, url
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=30)


QUIET, TURNED = ("--from", "2026-01-06", "--to", "2026-01-07"), ("--from", "2026-01-07", "--to", "2026-01-08")
FIRST_DAY = ("--together", "--reference-from", "2026-01-05", "--reference-to", "2026-01-06")


@pytest.mark.slow
def test_both_sides_come_from_the_log_of_a_service_running_or_killed(
    service: tuple[subprocess.Popen[bytes], str], folder: Path
) -> None:
    process, url = service
    assert check("b.json", "--url", url, *QUIET, *FIRST_DAY).exit_code == FINE
    of_another = check("b.json", "--url", url, *QUIET, "--model-version", "2", "--format", "json")
    assert json.loads(of_another.stdout)["rows"]["live"] == 0
    running = check("b.json", "--url", url, *TURNED, *FIRST_DAY, "--format", "json")
    assert running.exit_code == DRIFTED, running.output
    report = json.loads(running.stdout)
    assert (report["rows"]["live"], report["drifted_columns"]) == (500, ["x", "y"])
    assert {one["test"]: one["n_reference"] for one in report["together"]}["correlation_change"] == 900
    assert {one["column"] for one in report["findings"]} == {"x", "y", "z", "answer", "truth"}

    assert "is in use" in str(check("b.json", "--data", "data", *TURNED).exception)
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=30)
    files = {path: path.stat().st_mtime_ns for path in (folder / "data").rglob("*.parquet")}
    stopped = check("b.json", "--data", "data", *TURNED, *FIRST_DAY, "--format", "json")
    assert stopped.exit_code == DRIFTED, stopped.output
    assert json.loads(stopped.stdout) == report
    assert {path: path.stat().st_mtime_ns for path in (folder / "data").rglob("*.parquet")} == files
    assert "No model is called 'nobody'" in str(check("b.json", "--data", "data", "--model", "nobody").exception)
