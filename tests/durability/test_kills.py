"""A service that is killed at every step and at random moments loses nothing and counts nothing twice.

``make kills`` is the long form: every step several times, and more kills at random, under more load.
"""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest

from driftwatch import Client
from driftwatch.crash_points import POINTS

from .accounts import hold_to_account
from .load import Load, baseline
from .serving import Serving

KILLS = int(os.environ.get("KILLS", "0"))
ELSEWHERE = {name for name in POINTS if name.startswith(("outbox.", "inbox."))}
"""Steps that this load never comes to; they have tests of their own."""
SETTINGS = {
    "file_rows": "1500",
    "file_age": "1s",
    "window": "1d",
    "lateness": "8d",
    "label_wait": "9d",
    "log_day_files": "3",
}
SHORT = (
    "compaction.written",
    "log.retired",
    "spool.committed",
    "stages.saved",
    "record.files_written",
    "record.counted",
    "ids.file_written",
    "join.file_counted",
)


def plan(kills: int, choice: random.Random) -> list[str]:
    """Where to kill: every step in turn, and then at random moments; the short form has the steps that matter most."""
    if not kills:
        return [*(f"{name}:{choice.randint(1, 3)}" for name in SHORT), ""]
    steps = [name for name in POINTS if name not in ELSEWHERE]
    places = [f"{name}:{choice.randint(1, 4)}" for name in steps * 2]
    places += [""] * max(10, kills - len(places))
    choice.shuffle(places)
    return places


@pytest.mark.slow
def test_a_service_that_is_killed_at_every_step_loses_nothing_and_counts_nothing_twice(tmp_path: Path) -> None:
    seed = int(os.environ.get("KILLS_SEED", "1"))
    choice = random.Random(seed)
    serving = Serving(tmp_path / "data", tmp_path / "serve.log", **SETTINGS)
    places = plan(KILLS, choice)
    load = Load(serving.url, seed=seed, most_rows=200 if KILLS else 100)
    serving.start()
    try:
        with Client(serving.url) as client:
            client.register(baseline())
        with load.running() as ledger:
            for place in places:
                serving.kill()
                serving.start(crash_at=place)
                if place:
                    serving.wait_for_death(load.check)
                else:
                    time.sleep(choice.uniform(0.05, 1.0))
                    serving.kill()
            serving.start()
        hold_to_account(serving, ledger)
    finally:
        serving.stop()
    print(f"{len(places)} kills, seed {seed}: {len(ledger.predictions):,} predictions, {len(ledger.labels):,} labels")
