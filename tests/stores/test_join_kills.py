"""A process that is killed anywhere in the join's work joins every label once: held against the join in memory."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import wait
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from driftwatch import crash_points
from driftwatch.core.table import Names
from driftwatch.ports import Outstanding, State
from driftwatch.stores import join_index
from driftwatch.stores.state import SqlState
from driftwatch.testing import MemoryState, joined_rows, label_batch

STEPS = 30
HORIZON = timedelta(microseconds=16_000)
PLACES = ("file.written", "file.renamed", "join.file_written", "join.file_counted", "join.rows_written")
KILLS = 3
# Forks are made by a process without threads, which has loaded everything already.
FORK_AND_DIE = """
import os, sys
sys.path.insert(0, sys.argv[1])
import test_join_kills
test_join_kills.fork_and_die(sys.argv[2:])
"""


def step(state: State, number: int) -> None:
    """Predictions, labels, corrections; what is answered is kept in the same transaction."""
    rng = np.random.default_rng(number)
    ids = tuple(f"{number}-{row}" for row in range(20))
    with state.transaction() as transaction:
        assert transaction.mark("step") == number
        rows = Outstanding(
            prediction_ids=ids,
            model_version=str(number % 2),
            segments=Names.of([None, "s"] * 10),
            event_time=rng.integers(0, 4_000, 20) + number,
            values=np.arange(20.0)[:, np.newaxis] + number,
        )
        answered = joined_rows(ids, transaction.add_outstanding("m", rows))
        wanted = [f"{rng.integers(0, number + 2)}-{rng.integers(0, 22)}" for _ in range(15)]
        labels = label_batch(wanted, rng.integers(0, 3, 15).tolist(), model="m", event_time=number * 100)
        answered += joined_rows(wanted, transaction.join_labels(labels))
        if number % 10 == 9:
            answered.append({"forgotten": transaction.forget_outstanding("m", number * 120)})
        said = json.loads(transaction.document("answered") or "[]")
        transaction.put_document("answered", json.dumps([*said, *answered]))
        transaction.set_mark("step", number + 1)


def go_on(state: State) -> None:
    """Take the steps that are left, waiting for files so that every step of their making comes."""
    while True:
        with state.read() as reader:
            number = reader.mark("step")
        if number == STEPS:
            return
        step(state, number)
        if isinstance(state, SqlState) and (settling := state._joins.index._settling) is not None:
            wait([settling.after])


def outcome(state: State) -> tuple[object, int, int]:
    with state.read() as reader:
        answered = json.loads(reader.document("answered") or "[]")
        return answered, reader.outstanding_count("m"), reader.waiting_label_count("m")


def fork_and_die(urls: list[str]) -> None:
    """Go on in processes that are killed at a place, and at last in one that is not."""
    join_index._IN_MEMORY_BYTES = 4_000
    join_index._SMALLEST_CLASS = 50
    for place, url in zip(PLACES, urls, strict=True):
        for kill in range(1, KILLS + 1):
            assert ended(url, f"{place}:{kill * 2}") == -signal.SIGKILL, (place, kill)
        assert ended(url, "") == 0, place


def ended(url: str, crash_at: str) -> int:
    if child := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    crash_points.arm({crash_points.VARIABLE: crash_at})
    with closing(SqlState.open(url, label_horizon=HORIZON)) as state:
        go_on(state)
    os._exit(0)


@pytest.mark.slow
def test_a_join_that_is_killed_at_every_step_answers_as_one_that_never_was(tmp_path: Path) -> None:
    memory = MemoryState(HORIZON)
    go_on(memory)
    urls = [f"sqlite:///{tmp_path}/{place}.db" for place in PLACES]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-c", FORK_AND_DIE, str(Path(__file__).parent), *urls]
    assert subprocess.run(command, env=environment, check=False).returncode == 0
    for place, url in zip(PLACES, urls, strict=True):
        with closing(SqlState.open(url, label_horizon=HORIZON)) as state:
            assert outcome(state) == outcome(memory)
            shelves = state._joins.index._shelves.values()
            counted = {run.path for runs in shelves for run in runs if run.path is not None}
        assert set((tmp_path / f"{place}.db.join").iterdir()) == counted
