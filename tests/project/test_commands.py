"""The two commands of the README, and what stands behind them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed here")


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make as a person would, without the settings of a make that runs these tests."""
    of_make = ("MAKE", "MFLAGS", "ARGS", "PYTHON")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(of_make)}
    return subprocess.run(
        ["make", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def commands(text: str) -> list[str]:
    """Lines of the text's shell examples that are commands: comments and output are not."""
    blocks = re.findall(r"^```(?:sh|console)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [line.removeprefix("$ ").split(" #")[0].strip() for line in lines if line.strip() and line[0] not in "#> "]


@pytest.fixture(params=["README.md", "CONTRIBUTING.md", "docs/deployment.md"])
def document(request: pytest.FixtureRequest, root: Path) -> str:
    """A text that tells people what to type."""
    return (root / request.param).read_text()


def test_every_make_command_of_the_documentation_exists(root: Path, document: str) -> None:
    for command in [one for one in commands(document) if one.startswith("make ")]:
        done = make(root, "--dry-run", *command.split()[1:])
        assert done.returncode == 0, f"{command}: {done.stderr}"


def test_every_script_of_the_documentation_exists(root: Path, document: str) -> None:
    for command in commands(document):
        program = command.split()[0]
        if "/" in program and not program.startswith(("http", "/", ".venv/")):
            assert (root / program).is_file(), command


def test_the_readme_names_the_two_commands(root: Path) -> None:
    named = commands((root / "README.md").read_text())
    assert {"make demo", "make test"} <= set(named)


def test_ci_runs_the_readme_s_commands(root: Path) -> None:
    lines = [line.split("|")[0].strip() for line in (root / ".ci/run").read_text().splitlines()]
    assert {"make check", "make test", "make demo ARGS=--once"} <= set(lines)


def test_the_demo_gets_its_arguments(root: Path) -> None:
    done = make(root, "--dry-run", "demo", "ARGS=--once")
    assert done.stdout.splitlines()[-1] == ".venv/bin/driftwatch demo --once"


def test_make_alone_lists_what_can_be_made_and_makes_nothing(root: Path, tmp_path: Path) -> None:
    shutil.copy(root / "Makefile", tmp_path)
    done = make(tmp_path)
    assert {"demo", "test", "check", "lock", "clean"} <= {line.split()[1] for line in done.stdout.splitlines()}
    assert os.listdir(tmp_path) == ["Makefile"]


@pytest.fixture
def without_environment(root: Path, tmp_path: Path) -> Path:
    """A copy of the project's frame in which nothing is set up yet."""
    shutil.copytree(root / "requirements", tmp_path / "requirements")
    shutil.copy(root / "Makefile", tmp_path)
    shutil.copy(root / "pyproject.toml", tmp_path)
    return tmp_path


def pretended_python(folder: Path, version: str) -> str:
    """A program that answers questions about its version as that Python would, and can do nothing else."""
    program = folder / f"python{version}"
    answers = "exit 0" if version in {"3.11", "3.12", "3.13"} else "exit 1"
    program.write_text(f'#!/bin/sh\ncase "$2" in *version_info*) {answers};; *) exit 1;; esac\n')
    program.chmod(0o755)
    return str(program)


def test_a_python_that_does_not_fit_is_refused_with_what_to_do(without_environment: Path) -> None:
    python = pretended_python(without_environment, "3.10")
    done = make(without_environment, "test", f"PYTHON={python}")
    assert done.returncode == 2
    assert f"driftwatch needs Python 3.11, 3.12 or 3.13, and {python} is none of them." in done.stderr
    assert "make PYTHON=/path/to/python3.12" in done.stderr
    assert not (without_environment / ".venv").exists()


def test_a_python_without_venv_is_refused_with_the_package_to_install(without_environment: Path) -> None:
    python = pretended_python(without_environment, "3.12")
    done = make(without_environment, "test", f"PYTHON={python}")
    assert done.returncode == 2
    assert "apt-get install python3-venv" in done.stderr
    assert not (without_environment / ".venv").exists()


def test_the_second_set_up_does_nothing_until_a_lock_changes(without_environment: Path) -> None:
    ready = without_environment / ".venv" / ".ready"
    ready.parent.mkdir()
    ready.touch()
    assert make(without_environment, "--question", str(ready.relative_to(without_environment))).returncode == 0
    later = ready.stat().st_mtime + 10
    os.utime(without_environment / "requirements" / "dev.lock", (later, later))
    assert make(without_environment, "--question", str(ready.relative_to(without_environment))).returncode == 1
