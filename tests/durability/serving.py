"""``driftwatch serve`` as a process that tests kill: with small files and runs, so that every step comes often."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from driftwatch import Client
from driftwatch.crash_points import VARIABLE
from driftwatch.errors import ServiceError

START_SECONDS = 60.0
RUN = """
from datetime import timedelta
from functools import partial
from driftwatch import bootstrap
from driftwatch.stores import id_index, join_index
id_index._IN_MEMORY = 2_000
join_index._IN_MEMORY_BYTES = 100_000
join_index._SMALLEST_CLASS = 500
bootstrap.Pace = partial(bootstrap.Pace, idle_seconds=0.3, housekeeping_seconds=0.3)
bootstrap.KeepLog = partial(bootstrap.KeepLog, rows_a_file=6_000, grace=timedelta(seconds=1))
from driftwatch.cli.app import main
main()
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(condition, seconds: float = START_SECONDS, what: str = "it") -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds:.0f} s"
        time.sleep(0.02)


class Serving:
    """The service on a data folder; started and killed as often as a test likes."""

    def __init__(self, data: Path, log: Path, **settings: str) -> None:
        self.data = data
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = log
        self._settings = {f"DRIFTWATCH_{name.upper()}": value for name, value in settings.items()}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self, crash_at: str = "") -> None:
        """Start it, and wait until it is ready or has died where it was told to."""
        assert self._process is None or self._process.poll() is not None
        environment = {**os.environ, "OMP_NUM_THREADS": "1", **self._settings, VARIABLE: crash_at}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", RUN, "serve", "--data", str(self.data), "--port", str(self.port)],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        with Client(self.url) as client:
            until(lambda: self._died() or _ready(client), what="readiness")

    def wait_for_death(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Wait until it has killed itself; ``meanwhile`` may find out that it never will."""

        def died() -> bool:
            meanwhile()
            return self._died()

        until(died, 2 * START_SECONDS, "the crash")

    def has_died(self) -> bool:
        """Whether it has killed itself."""
        return self._died()

    def kill(self) -> None:
        """Kill it from outside."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """End it in order, where it runs."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()

    def said(self) -> str:
        """Everything it has logged."""
        return self._log.read_text()

    def _died(self) -> bool:
        assert self._process is not None
        code = self._process.poll()
        assert code in {None, -signal.SIGKILL}, f"it ended with code {code}:\n{self.said()[-3_000:]}"
        return code is not None


def _ready(client: Client) -> bool:
    try:
        return client.ready()
    except ServiceError:
        return False
