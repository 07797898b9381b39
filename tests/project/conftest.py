"""The project as files: what is in it, and a way to run a program that knows nothing of this test process."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
NOT_OURS = {"build", "dist", "htmlcov", "__pycache__", "driftwatch-data", "demo-data"}
TEXT_ENDINGS = {"", ".py", ".md", ".toml", ".yaml", ".yml", ".txt", ".lock", ".html", ".css", ".js", ".sql", ".mako"}


@pytest.fixture(scope="session")
def root() -> Path:
    """The folder of the project."""
    return ROOT


def project_files() -> list[Path]:
    """Every text file of the project, as git would list it."""
    found = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name == ".ci" or (name[0] != "." and name not in NOT_OURS)]
        found += [Path(folder, name) for name in names if Path(name).suffix in TEXT_ENDINGS]
    # In a work tree of its own, .git is a file that names the repository's folder.
    ours = [path for path in found if path.name not in {".coverage", ".git"}]
    return sorted(path for path in ours if not path.name.startswith(".coverage."))


@pytest.fixture(scope="session")
def files() -> list[Path]:
    """Every text file of the project."""
    return project_files()


@pytest.fixture(scope="session")
def pyproject() -> dict[str, Any]:
    """The project's metadata and the settings of its tools."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.fixture(scope="session")
def modules_after() -> Callable[[str], set[str]]:
    """Run some Python in a fresh interpreter: which modules are loaded when it ends?"""

    def run(code: str) -> set[str]:
        program = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{code}\nprint(*sys.modules)"
        # Measuring the coverage of a subprocess loads modules of its own.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
        done = subprocess.run(
            [sys.executable, "-I", "-c", program], capture_output=True, text=True, check=False, env=environment
        )
        assert done.returncode == 0, done.stderr
        return set(done.stdout.split())

    return run
