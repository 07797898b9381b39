"""``driftwatch demo`` as it is typed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

COMMAND = [sys.executable, "-m", "driftwatch", "demo"]
SHORT = ["--until", "2013-03-03"]
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("flights")]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=120, check=False)


def test_a_short_replay_ends_by_itself_and_fits_the_terminal(tmp_path: Path) -> None:
    done = run("--once", *SHORT, "--data", str(tmp_path / "data"))
    assert done.returncode == 0, done.stderr
    assert "2013-02-25" in done.stdout
    assert "every prediction is kept exactly once" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "Traceback" not in done.stderr
    rows = pd.concat(pd.read_parquet(one) for one in (tmp_path / "data" / "log").rglob("*.parquet"))
    assert rows["prediction_id"].notna().all()


def test_the_service_stays_up_until_it_is_interrupted() -> None:
    with subprocess.Popen([*COMMAND, *SHORT], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        assert demo.stderr is not None
        until = next(line for line in demo.stdout if "Ctrl-C" in line)
        assert until
        demo.send_signal(signal.SIGINT)
        said = demo.stderr.read()
    assert demo.returncode == 0, said
    pid = int(said.partition("its process is ")[2].partition(",")[0])
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    done = run("--once", *SHORT, "--data", str(tmp_path))
    assert done.returncode == 2
    assert "is not empty" in done.stderr
    assert [one.name for one in tmp_path.iterdir()] == ["mine.txt"]


def test_a_port_in_use_is_named() -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        done = run("--once", *SHORT, "--port", str(busy.getsockname()[1]))
    assert done.returncode == 2
    assert "--port" in done.stderr
    assert "in use" in done.stderr


def test_a_day_before_the_replay_begins_is_refused() -> None:
    done = run("--once", "--until", "2013-02-28")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
