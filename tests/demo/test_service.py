"""The service is a process of its own: waited for, started again when it dies, and gone in the end."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import httpx
import pytest

import driftwatch
from driftwatch.demo.service import ServiceProcess, free_port
from driftwatch.errors import ServiceUnavailable


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def kill(pid: int) -> None:
    """Kill a child process, and wait until it is dead without taking its exit code away from its parent's hands."""
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def test_the_preferred_port_is_taken_where_it_is_free() -> None:
    port = free_port(0)
    assert free_port(port) == port


def test_another_port_is_taken_where_the_preferred_one_is_not_free() -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        taken = busy.getsockname()[1]
        assert free_port(taken) not in {0, taken}


@pytest.mark.slow
def test_a_killed_service_is_started_again_with_what_it_knew_and_gone_in_the_end(tmp_path: Path) -> None:
    baseline = driftwatch.Baseline.fit({"x": [float(one) for one in range(100)]}, model="numbers")
    with ServiceProcess(tmp_path, free_port(0), {}) as service, driftwatch.Client(service.url) as client:
        client.register(baseline)
        killed = service.pid
        kill(killed)
        assert service.keep_running()
        assert service.pid != killed
        assert [one["model"] for one in client.models()] == ["numbers"]
    assert not alive(service.pid)


@pytest.mark.slow
def test_a_service_that_cannot_start_is_quoted(tmp_path: Path) -> None:
    with (
        pytest.raises(ServiceUnavailable, match=r"(?s)ended with code 2 before it was ready.*window: .*fortnight"),
        ServiceProcess(tmp_path, free_port(0), {"DRIFTWATCH_WINDOW": "a fortnight"}),
    ):
        pass


@pytest.mark.slow
def test_a_service_that_has_died_too_often_is_given_up(tmp_path: Path) -> None:
    with ServiceProcess(tmp_path, free_port(0), {}) as service:
        assert httpx.get(f"{service.url}/readyz").is_success
        assert not service.keep_running()
        service.restarts = 3
        kill(service.pid)
        with pytest.raises(ServiceUnavailable, match="ended 4 times"):
            service.keep_running()
