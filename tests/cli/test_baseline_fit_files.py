"""``driftwatch baseline fit`` on files: every format in parts, the same baseline, and never half a document."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from driftwatch.core.baseline import Baseline

N = 3_000
RNG = np.random.default_rng(9)
FRAME = pd.DataFrame(
    {
        "x": RNG.normal(size=N).round(6),
        "plan": RNG.choice(["a", "b"], N),
        "y": RNG.normal(10, 3, N).round(6),
        "y_pred": RNG.normal(10, 3, N).round(6),
        "when": pd.date_range("2024-01-01", periods=N, freq="5min"),
    }
)
WRITERS = {
    "t.csv": lambda path: FRAME.to_csv(path, index=False),
    "t.parquet": lambda path: FRAME.to_parquet(path, index=False, row_group_size=700),
    "t.feather": FRAME.to_feather,
    "t.ndjson": lambda path: FRAME.to_json(path, orient="records", lines=True, date_format="iso"),
}
FIT = ["--label", "y", "--prediction", "y_pred", "--timestamp", "when", "-o", "b.json"]


def command(*arguments):
    return [sys.executable, "-m", "driftwatch", "baseline", "fit", *arguments]


def run(folder, *arguments):
    return subprocess.run(command(*arguments), cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def content(text):
    document = json.loads(text)["baseline"]
    del document["fitted_at"]
    return document


@pytest.mark.parametrize("name", WRITERS)
def test_a_file_gives_the_baseline_of_its_frame(tmp_path, name):
    WRITERS[name](tmp_path / name)
    done = run(tmp_path, name, "--evaluation", name, *FIT)
    assert done.returncode == 0, done.stderr
    expected = Baseline.fit(FRAME, evaluation=FRAME, label="y", prediction="y_pred", timestamp="when")
    assert content((tmp_path / "b.json").read_text()) == content(expected.to_json())
    # Nobody looks at a pipe: no bar there.
    assert "counting" not in done.stderr
    assert "\x1b" not in done.stderr + done.stdout


@contextmanager
def on_a_terminal(folder, *arguments):
    """A running command, and a function that reads what its terminal shows; empty bytes at the end."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm"}
    with subprocess.Popen(
        command(*arguments), cwd=folder, stdout=subprocess.DEVNULL, stderr=theirs, env=environment
    ) as process:
        os.close(theirs)

        def shown():
            try:
                return os.read(ours, 65_536)
            except OSError:  # What Linux says of a terminal whose other end is closed.
                return b""

        yield process, shown
    os.close(ours)


def test_a_terminal_is_shown_what_is_done_and_how_far_it_is(tmp_path):
    FRAME.to_csv(tmp_path / "t.csv", index=False)
    with on_a_terminal(tmp_path, "t.csv", *FIT) as (process, shown):
        seen = b"".join(iter(shown, b""))
        assert process.wait(timeout=60) == 0
    for words in (b"t.csv: finding types", b"t.csv: choosing cells", b"t.csv: counting", b"%"):
        assert words in seen


def test_an_interrupted_fit_leaves_what_was_there(tmp_path):
    FRAME.to_csv(tmp_path / "t.csv", index=False)
    header, rows = (tmp_path / "t.csv").read_bytes().split(b"\n", 1)
    (tmp_path / "t.csv").write_bytes(header + b"\n" + rows * 200)
    (tmp_path / "b.json").write_text("what was there")
    with on_a_terminal(tmp_path, "t.csv", *FIT) as (process, shown):
        seen = b""
        while b"choosing cells" not in seen:
            seen += shown()
        process.send_signal(signal.SIGINT)
        seen += b"".join(iter(shown, b""))
        assert process.wait(timeout=60) not in (0, 1)
    assert b"Traceback" not in seen
    assert (tmp_path / "b.json").read_text() == "what was there"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.json", "t.csv"]


def test_an_output_that_cannot_be_is_refused_before_the_work(tmp_path):
    done = run(tmp_path, "absent.csv", "-o", "nowhere/b.json")
    assert done.returncode == 2
    assert "nowhere/b.json: cannot be written: there is no such folder" in done.stderr


def test_a_baseline_can_be_written_to_a_pipe(tmp_path):
    FRAME.to_parquet(tmp_path / "t.parquet")
    done = run(tmp_path, "t.parquet", "-o", "/dev/stdout")
    assert done.returncode == 0
    assert Baseline.from_json(done.stdout.partition("\n/dev/stdout:")[0].split("/dev/stdout:")[0]).n_rows == N
    assert Path("/dev/stdout").exists()
