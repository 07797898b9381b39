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
from fastapi import FastAPI

from driftwatch.web import openapi
from driftwatch.wire import FORMATS


def steps(root: Path, heading: str) -> tuple[str, str, list[tuple[str, list[str]]]]:
    """Path and text of the new file, then the files that get lines, each with its change."""
    section = re.split(r"^#{2,3} ", (root / "CONTRIBUTING.md").read_text(), flags=re.MULTILINE)
    [text] = [part for part in section if part.startswith(heading)]
    [source] = re.findall(r"^   ```python\n(.*?)^   ```", text, re.MULTILINE | re.DOTALL)
    new_path, _, new_text = textwrap.dedent(source).partition("\n")
    changes = []
    for change in re.findall(r"^   ```diff\n(.*?)^   ```", text, re.MULTILINE | re.DOTALL):
        path, *lines = textwrap.dedent(change).splitlines()
        changes.append((path.removeprefix("# "), lines))
    return new_path.removeprefix("# "), new_text, changes


def changed(text: str, lines: list[str]) -> str:
    """A module's text with the added lines: an import after the last one, each other line after its context."""
    context = "".join(line[1:] + "\n" for line in lines if line[0] == " ")
    assert text.count(context) == 1, f"the table no longer begins with:\n{context}"
    for line in (line[1:] for line in lines if line[0] == "+"):
        if line.startswith(("from ", "import ")):
            end = list(re.finditer(r"^(?:from|import) .*\n", text, re.MULTILINE))[-1].end()
            text = f"{text[:end]}{line}\n{text[end:]}"
        else:
            text = text.replace(context, f"{context}{line}\n")
    return text


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
        ("A detector", "test_detectors.py", "geometric_average"),
        ("A measure", "test_measures.py", "jaccard"),
        ("A wire format", "test_wire.py", "json-seq"),
        ("A model server's protocol", "test_inference_formats.py", "torchserve"),
        ("A sink", "test_sinks.py", "plain_post"),
    ],
)
def test_a_new_member_is_one_file_and_one_line_and_the_conformance_suite_finds_it(
    root: Path, copy: Path, heading: str, suite: str, member: str
) -> None:
    new_path, new_text, changes = steps(root, heading)
    (table_path, lines), *feeding = changes
    assert table_path.endswith("/__init__.py")
    assert [line[1:5] for line in lines if line.startswith("+")] == ["from", "    "], "an import, and one line"
    assert all(path == f"tests/conformance/{suite}" for path, _ in feeding)
    assert not (copy / new_path).exists()
    (copy / new_path).write_text(new_text)
    for path, change in changes:
        (copy / path).write_text(changed((copy / path).read_text(), change))

    outer = {name: value for name, value in os.environ.items() if not name.startswith(("COVERAGE_", "PYTEST_", "COV_"))}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", "-k", member, f"tests/conformance/{suite}"],
        cwd=copy, env={**outer, "PYTHONPATH": str(copy)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    passed = [line for line in done.stdout.splitlines() if " PASSED" in line and member in line]
    assert len(passed) >= 3, done.stdout[-4000:]


def test_a_new_wire_format_is_in_the_api_s_documentation(monkeypatch: pytest.MonkeyPatch) -> None:
    formats = {**FORMATS, "application/json-seq": FORMATS["application/x-ndjson"]}
    monkeypatch.setattr(openapi, "FORMATS", formats)
    app = FastAPI()
    openapi.document_front_routes(app)
    body = app.openapi()["paths"]["/v1/models/{model}/predictions"]["post"]["requestBody"]
    assert set(body["content"]) == set(formats)


@pytest.mark.parametrize(
    "heading", ["A statistic", "A detector", "A wire format", "A model server's protocol", "A sink"]
)
def test_the_examples_are_in_the_project_s_style(root: Path, copy: Path, heading: str) -> None:
    pytest.importorskip("ruff")
    new_path, new_text, _ = steps(root, heading)
    (copy / new_path).write_text(new_text)
    for command in (["check", "--no-cache"], ["format", "--check", "--no-cache"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, new_path], cwd=copy, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
