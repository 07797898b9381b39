"""``driftwatch serve`` as a process of its own: started, waited for, started again if it dies, ended."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from driftwatch.errors import ServiceUnavailable

USUAL_PORT = 8000

_START_SECONDS = 60.0
_STOP_SECONDS = 20.0
_LOG_LINES = 15
_MOST_RESTARTS = 3


def free_port(preferred: int = USUAL_PORT) -> int:
    """The preferred port of 127.0.0.1 where it is free, any free one otherwise."""
    for port in (preferred, 0):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise ServiceUnavailable("No port of 127.0.0.1 is free.")


class ServiceProcess:
    """The service on 127.0.0.1, with its embedded stores in a folder and its output in ``serve.log`` there.

    Used as a context manager: entering waits until the service is ready, leaving ends it. It is in a process group
    of its own, so that Ctrl-C reaches the demo first and the service is ended in order.

    Parameters
    ----------
    data
        The folder; it exists.
    port
        Where to listen.
    settings
        Environment variables on top of the present ones.
    """

    def __init__(self, data: Path, port: int, settings: Mapping[str, str]) -> None:
        self._data = data
        self._port = port
        self._environment = {**os.environ, "OMP_NUM_THREADS": "1", **settings}
        self._process: subprocess.Popen[bytes] | None = None
        self.restarts = 0

    @property
    def url(self) -> str:
        """The address of the status page."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def log(self) -> Path:
        """What the service said."""
        return self._data / "serve.log"

    @property
    def pid(self) -> int:
        """The process id of the service as it runs now."""
        assert self._process is not None
        return self._process.pid

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def keep_running(self) -> bool:
        """Start the service again where it has ended, and wait until it is ready; answers whether it had to.

        Raises
        ------
        ServiceUnavailable
            It does not become ready, or has ended too often.
        """
        if self._process is not None and self._process.poll() is None:
            return False
        self.restarts += 1
        if self.restarts > _MOST_RESTARTS:
            raise ServiceUnavailable(f"The service ended {self.restarts} times. It said last:\n{self._last_words()}")
        self._start()
        return True

    def _start(self) -> None:
        command = [sys.executable, "-m", "driftwatch", "serve", "--data", str(self._data)]
        command += ["--host", "127.0.0.1", "--port", str(self._port)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603
                command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self._ready():
            if self._process.poll() is not None:
                raise ServiceUnavailable(
                    f"The service ended with code {self._process.returncode} before it was ready. "
                    f"It said last:\n{self._last_words()}"
                )
            if time.monotonic() > deadline:
                raise ServiceUnavailable(
                    f"The service was not ready within {_START_SECONDS:.0f} seconds. "
                    f"It said last:\n{self._last_words()}"
                )
            time.sleep(0.05)

    def _ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", timeout=5).is_success
        except httpx.TransportError:
            return False

    def _stop(self) -> None:
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _last_words(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-_LOG_LINES:])
