"""``driftwatch demo`` as it is typed."""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from driftwatch.demo.story import Wishes, run
from driftwatch.errors import SettingError

COMMAND = [sys.executable, "-m", "driftwatch", "demo"]
SHORT = ["--until", "2013-03-02"]


@pytest.fixture
def quiet() -> Console:
    return Console(file=io.StringIO())


@pytest.mark.slow
@pytest.mark.usefixtures("flights")
def test_a_short_replay_ends_by_itself_and_fits_the_terminal(tmp_path: Path) -> None:
    command = [*COMMAND, "--once", *SHORT, "--data", str(tmp_path / "data")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "2013-02-25" in done.stdout
    assert "every prediction is kept exactly once" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "Traceback" not in done.stderr
    rows = pd.concat(pd.read_parquet(one) for one in (tmp_path / "data" / "log").rglob("*.parquet"))
    assert rows["prediction_id"].notna().all()


@pytest.mark.slow
@pytest.mark.usefixtures("flights")
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


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path, quiet: Console) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(SettingError, match="is not empty"):
        run(Wishes(once=True, data=tmp_path), quiet, quiet)
    assert [one.name for one in tmp_path.iterdir()] == ["mine.txt"]


def test_a_port_in_use_is_named(quiet: Console) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        with pytest.raises(SettingError, match=r"--port: .* in use"):
            run(Wishes(once=True, port=busy.getsockname()[1]), quiet, quiet)


@pytest.mark.parametrize("day", [datetime(2013, 3, 1, tzinfo=UTC), datetime(2014, 1, 2, tzinfo=UTC)])
def test_a_day_outside_the_replay_is_refused(day: datetime) -> None:
    with pytest.raises(SettingError, match="--until"):
        Wishes(until=day)
