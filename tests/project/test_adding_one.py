"""CONTRIBUTING.md carried out on a copy of the project: a new member is one file and one line in a table."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest


def steps(root: Path, heading: str) -> tuple[str, str, str, list[str]]:
    """Path and text of the new file, path of the table's file, and the lines that the table's file gets."""
    section = re.split(r"^#{2,3} ", (root / "CONTRIBUTING.md").read_text(), flags=re.MULTILINE)
    [text] = [part for part in section if part.startswith(heading)]
    [source] = re.findall(r"^   ```python\n(.*?)^   ```", text, re.MULTILINE | re.DOTALL)
    [change] = re.findall(r"^   ```diff\n(.*?)^   ```", text, re.MULTILINE | re.DOTALL)
    new_path, _, new_text = textwrap.dedent(source).partition("\n")
    table_path, *lines = textwrap.dedent(change).splitlines()
    return new_path.removeprefix("# "), new_text, table_path.removeprefix("# "), lines


def put_in(table: str, lines: list[str]) -> str:
    """A module's text with the added lines: the import after the last one, each other line after its context."""
    new_import, *rest = lines
    imports = list(re.finditer(r"^(?:from|import) .*\n", table, re.MULTILINE))
    table = f"{table[: imports[-1].end()]}{new_import[1:]}\n{table[imports[-1].end() :]}"
    context = "".join(line[1:] + "\n" for line in rest if line[0] == " ")
    added = "".join(line[1:] + "\n" for line in rest if line[0] == "+")
    assert table.count(context) == 1, f"the table no longer begins with:\n{context}"
    return table.replace(context, context + added)


@pytest.fixture
def copy(root: Path, tmp_path: Path) -> Path:
    """The project, to change things in."""
    for folder in ("driftwatch", "tests"):
        shutil.copytree(root / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", "project"))
    shutil.copy(root / "pyproject.toml", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("heading", "suite", "member"),
    [
        ("A statistic", "test_statistics.py", "matusita"),
        ("A wire format", "test_wire.py", "csv"),
        ("A sink", "test_sinks.py", "line_file"),
    ],
)
def test_a_new_member_is_one_file_and_one_line_and_the_conformance_suite_finds_it(
    root: Path, copy: Path, heading: str, suite: str, member: str
) -> None:
    new_path, new_text, table_path, lines = steps(root, heading)
    added = [line for line in lines if line.startswith("+")]
    assert len(added) == 2, "an import, and one line"
    assert not (copy / new_path).exists()
    (copy / new_path).write_text(new_text)
    table = copy / table_path
    table.write_text(put_in(table.read_text(), lines))

    outer = {name: value for name, value in os.environ.items() if not name.startswith(("COVERAGE_", "PYTEST_", "COV_"))}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", "-k", member, f"tests/conformance/{suite}"],
        cwd=copy, env={**outer, "PYTHONPATH": str(copy)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    passed = [line for line in done.stdout.splitlines() if " PASSED" in line and member in line]
    assert len(passed) >= 3, done.stdout[-4000:]


@pytest.mark.parametrize("heading", ["A statistic", "A wire format", "A sink"])
def test_the_examples_are_in_the_project_s_style(root: Path, copy: Path, heading: str) -> None:
    pytest.importorskip("ruff")
    new_path, new_text, _, _ = steps(root, heading)
    (copy / new_path).write_text(new_text)
    for command in (["check", "--no-cache"], ["format", "--check", "--no-cache"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, new_path], cwd=copy, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
