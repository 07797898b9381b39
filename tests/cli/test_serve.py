"""``driftwatch serve`` as a process: it starts, ends in order, goes on where it was, and refuses what cannot work."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from driftwatch import Baseline, Client
from driftwatch.errors import ServiceUnavailable


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(data: Path, port: int, **settings: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "driftwatch", "serve", "--data", str(data), "--port", str(port)],
        env={**os.environ, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@contextmanager
def running(data: Path, port: int) -> Iterator[Client]:
    process = start(data, port)
    try:
        with Client(f"http://127.0.0.1:{port}") as client:
            wait_until(client.ready)
            yield client
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)


def wait_until(condition) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if condition():
                return
        except ServiceUnavailable:
            pass
        time.sleep(0.1)
    raise AssertionError("it did not happen within a minute")


def refused(data: Path, port: int, **settings: str) -> str:
    process = start(data, port, **settings)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 2
    return output


@pytest.fixture(scope="module")
def baseline() -> Baseline:
    rng = np.random.default_rng(0)
    x = rng.normal(size=1_000)
    reference = {"x": x, "y": x + rng.normal(size=1_000), "p": x}
    return Baseline.fit(reference, model="m", task="regression", label="y", prediction="p")


def test_a_restart_goes_on_in_the_middle_of_a_window(tmp_path: Path, baseline: Baseline) -> None:
    port = free_port()
    events = [
        {
            "prediction_id": f"{n}",
            "event_time": f"2026-01-0{1 + n // 100}T12:00:00Z",
            "features": {"x": 0.1},
            "prediction": 0.1,
        }
        for n in range(300)
    ]
    with running(tmp_path, port) as client:
        client.register(baseline)
        client.send_predictions("m", events[:150])
    with running(tmp_path, port) as client:
        again = client.send_predictions("m", events[100:])
        assert (again.accepted, again.duplicates) == (150, 50)
        wait_until(lambda: client.models()[0]["pending_rows"] == 0)
        windows = client.drift("m")["windows"]
        assert windows[0]["rows"] == 100
        exported = client.export("m")
    assert sorted(exported["prediction_id"], key=int) == [f"{n}" for n in range(300)]


def test_a_second_service_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    with running(tmp_path, free_port()):
        assert "holds" in refused(tmp_path, free_port()) or "in use" in refused(tmp_path, free_port())


def test_a_port_in_use_is_one_line_and_leaves_no_folder(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        output = refused(tmp_path / "data", taken.getsockname()[1])
    assert "Stop what listens there" in output
    assert output.count("\n") == 1
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("DRIFTWATCH_WINDOW", "soon", "window: 'soon' is neither a length of time nor a number of rows. Write it like"),
        ("DRIFTWATCH_QUALITY_RATIO", "0.5", "quality_ratio: "),
        ("DRIFTWATCH_FALSE_ALARMS", "never", "'never' is no budget"),
    ],
)
def test_a_setting_that_cannot_work_is_named(tmp_path: Path, name: str, value: str, says: str) -> None:
    output = refused(tmp_path / "data", free_port(), **{name: value})
    assert says in output
    assert output.count("\n") == 1


def test_ctrl_c_ends_it_in_order(tmp_path: Path) -> None:
    port = free_port()
    process = start(tmp_path, port)
    with Client(f"http://127.0.0.1:{port}") as client:
        wait_until(client.ready)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=30)
    assert "Traceback" not in output
