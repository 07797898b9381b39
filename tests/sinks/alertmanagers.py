"""A real Alertmanager, where it is installed (Debian: prometheus-alertmanager)."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.durability.serving import free_port, until

PROGRAM = shutil.which("alertmanager") or shutil.which("prometheus-alertmanager")
if PROGRAM is not None and PROGRAM.endswith("prometheus-alertmanager"):
    # Debian's looks for its templates there and nowhere else.
    PROGRAM = PROGRAM if Path("/usr/share/prometheus/alertmanager/default.tmpl").exists() else None
NEEDED = "Alertmanager is not installed (Debian: apt install prometheus-alertmanager)"

needs_alertmanager = pytest.mark.skipif(PROGRAM is None, reason=NEEDED)


@contextmanager
def alertmanager(folder: Path, webhook: str = "http://127.0.0.1:9/", token: str = "") -> Iterator[str]:
    """Its address. Whatever fires is posted to ``webhook`` at once."""
    assert PROGRAM is not None
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    http: dict[str, Any] = {"authorization": {"credentials": token}} if token else {}
    config = {
        "route": {"receiver": "it", "group_by": ["..."], "group_wait": "0s", "group_interval": "1s"},
        "receivers": [
            {"name": "it", "webhook_configs": [{"url": webhook, "send_resolved": True, "http_config": http}]}
        ],
    }
    # JSON is YAML.
    (folder / "alertmanager.yml").write_text(json.dumps(config))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                PROGRAM, f"--config.file={folder / 'alertmanager.yml'}", f"--storage.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=",
            ],
            stdout=log, stderr=log, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: _ready(url), what="Alertmanager")
        yield url
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def active(url: str) -> list[dict[str, Any]]:
    """Alerts that fire, as it shows them."""
    found = httpx.get(f"{url}/api/v2/alerts", trust_env=False, timeout=10).json()
    return [dict(one) for one in found]


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/-/ready", trust_env=False, timeout=2).status_code == 200
    except httpx.TransportError:
        return False
