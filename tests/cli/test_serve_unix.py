"""``driftwatch serve --unix-socket``: one process, two doors."""

from __future__ import annotations

import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import driftwatch
from driftwatch import Baseline, Client
from driftwatch.cli.listening import listening_at
from driftwatch.errors import InputError, ServiceUnavailable, SettingError
from tests.cli.test_serve import wait_until


@pytest.fixture
def folder() -> Iterator[Path]:
    """With a short name, which sockets need."""
    with tempfile.TemporaryDirectory(prefix="dw") as name:
        yield Path(name)


def test_the_service_is_reached_through_the_socket_and_the_port_and_removes_the_socket_in_the_end(folder: Path) -> None:
    path = folder / "dw.sock"
    command = [sys.executable, "-m", "driftwatch", "serve", "--data", str(folder / "data"), "--port", "0"]
    process = subprocess.Popen(
        [*command, "--unix-socket", str(path)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        with Client(f"unix://{path}") as client:
            wait_until(client.ready)
            x = np.random.default_rng(0).normal(size=1_000)
            client.register(Baseline.fit({"x": x, "p": x}, model="m", prediction="p", task="regression"))
            assert stat.S_IMODE(path.stat().st_mode) == 0o660
            model = driftwatch.watch(lambda rows: rows[:, 0], url=f"unix://{path}", name="m")
            for value in x[:50]:
                model(np.array([[value]]))
            assert model.close()
            assert model.dropped == {}
            [known] = client.models()
            assert known["model"] == "m"
            assert client.export("m")["x"].tolist() == x[:50].tolist()
    finally:
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=60)
    assert f"unix://{path}" in said
    assert not path.exists()
    with Client(f"unix://{path}") as client, pytest.raises(ServiceUnavailable, match="No such file"):
        client.models()


def test_a_socket_that_a_killed_process_left_behind_is_replaced(folder: Path) -> None:
    path = folder / "dw.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with listening_at(path) as listener, socket.socket(socket.AF_UNIX) as client:
        listener.listen()
        client.connect(str(path))
    assert not path.exists()


def test_a_socket_in_use_a_file_and_a_path_that_cannot_be_are_refused(folder: Path) -> None:
    path, file = folder / "dw.sock", folder / "notes.txt"
    file.write_text("mine")
    with listening_at(path) as listener:
        listener.listen()
        with pytest.raises(SettingError, match="another process listens"), listening_at(path):
            pass
    with pytest.raises(SettingError, match="another kind"), listening_at(file):
        pass
    assert file.read_text() == "mine"
    for impossible in (folder / "no" / "dw.sock", folder / ("x" * 200)):
        with pytest.raises(SettingError, match="cannot listen"), listening_at(impossible):
            pass


@pytest.mark.parametrize("url", ["unix://dw.sock", "unix://", "unix:///" + "x" * 120, "unix://host/dw.sock"])
def test_addresses_that_are_no_path_of_a_socket_are_said(url: str) -> None:
    with pytest.raises(InputError) as raised:
        Client(url)
    assert raised.value.field == "url"
