"""File systems that tests fill, and services that they end."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .serving import Serving


@pytest.fixture
def small_disk() -> Iterator[Callable[[Path, int], Path]]:
    """Make a folder a file system of its own, of so many MB, in memory."""
    mounted: list[Path] = []

    def mount(path: Path, size_mb: int) -> Path:
        path.mkdir(exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", f"size={size_mb}m", "tmpfs", str(path)]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("no file system may be mounted here: run the tests as root")
        mounted.append(path)
        return path

    yield mount
    for path in reversed(mounted):
        subprocess.run(["umount", str(path)], check=True)


@pytest.fixture
def serve(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[..., Serving]]:
    """Start a service on a data folder."""
    # File systems are taken away after the services that use them have ended.
    if "small_disk" in request.fixturenames:
        request.getfixturevalue("small_disk")
    started: list[Serving] = []

    def start(data: Path, **settings: str) -> Serving:
        serving = Serving(data, tmp_path / "serve.log", **settings)
        started.append(serving)
        serving.start()
        return serving

    yield start
    for serving in started:
        serving.stop()
