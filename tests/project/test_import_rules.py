"""The import rules bite: a module that breaks one is named by the linter."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("importlinter")

BREACHES = [
    pytest.param("driftwatch/core/records.py", "import driftwatch.ports", "layers", id="core-knows-the-ports"),
    pytest.param(
        "driftwatch/sinks/webhook.py", "import driftwatch.stores.spool", "layers", id="siblings-know-each-other"
    ),
    pytest.param("driftwatch/new_room.py", "", "layers", id="a-module-without-a-layer"),
    pytest.param("driftwatch/core/table.py", "import pandas", "core", id="pandas-in-the-core"),
    pytest.param("driftwatch/core/table.py", "import threading", "core", id="threads-in-the-core"),
    pytest.param("driftwatch/ports.py", "import sqlalchemy", "ports", id="a-framework-in-the-ports"),
    pytest.param("driftwatch/pipeline/ingest.py", "import sqlalchemy", "stores", id="a-database-in-the-pipeline"),
    pytest.param("driftwatch/sinks/webhook.py", "import fastapi", "web", id="the-web-framework-in-a-sink"),
]
HEADS = {
    "layers": "Imports point down, and siblings do not know each other BROKEN",
    "core": "The core computes with numpy and scipy; it does no I/O and has no clock, threads or frameworks BROKEN",
    "ports": "The ports name no framework BROKEN",
    "stores": "Only the stores speak to a database BROKEN",
    "web": "Only the web layer knows the HTTP framework BROKEN",
}


@pytest.mark.parametrize(("module", "line", "contract"), BREACHES)
def test_the_linter_names_a_breach(root: Path, tmp_path: Path, module: str, line: str, contract: str) -> None:
    shutil.copytree(root / "driftwatch", tmp_path / "driftwatch", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(root / "pyproject.toml", tmp_path)
    path = tmp_path / module
    path.write_text(f"{path.read_text() if path.exists() else ''}\n{line}\n")
    program = "import sys; sys.path.insert(0, '.'); from importlinter.cli import lint_imports_command as run; run()"
    done = subprocess.run(
        [sys.executable, "-c", program, "--no-cache"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert HEADS[contract] in " ".join(done.stdout.split())
