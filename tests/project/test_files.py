"""Habits that a linter does not know: short files, telling names, nothing of one machine."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

MOST_LINES = 400
MOST_LINES_OF_TESTS = 650
CONTRACTS = "driftwatch/ports.py"  # every question to the outside in one place, most of it text
NAMES_THAT_SAY_NOTHING = {"utils", "util", "helpers", "helper", "common", "manager", "misc", "tools"}
# Written in pieces, so that this file does not name them itself.
OF_ONE_MACHINE = [
    re.compile(pattern)
    for pattern in (
        r"(?<![\w.])/" + r"work/(main|shared|\.)",
        r"(?<![\w.])/" + r"tmp/dev\b",
        r"(?<![\w.])/" + r"root/",
        r"(?<![\w.])/" + r"home/(?!someone/)\w",
        r"\bpypi" + r"\.org\b",
        r"\bpython" + r"hosted\.org\b",
        r"\bdeb\.debian" + r"\.org\b",
        r"\bregistry\.npm" + r"js\.org\b",
    )
]


def test_no_file_is_so_long_that_it_has_more_than_one_idea(files: list[Path], root: Path) -> None:
    sources = {str(path.relative_to(root)): path for path in files if path.suffix == ".py"}
    lengths = {name: len(path.read_text().splitlines()) for name, path in sources.items() if name != CONTRACTS}
    assert len(lengths) > 40
    tests = {name for name in lengths if name.startswith("tests/")}
    assert {name: n for name, n in lengths.items() if n > (MOST_LINES_OF_TESTS if name in tests else MOST_LINES)} == {}


def test_every_module_has_a_name_that_says_what_is_in_it(files: list[Path]) -> None:
    assert [path for path in files if path.suffix == ".py" and path.stem in NAMES_THAT_SAY_NOTHING] == []


@pytest.mark.parametrize("pattern", OF_ONE_MACHINE, ids=lambda pattern: pattern.pattern)
def test_no_file_names_a_folder_of_one_machine_or_the_host_of_a_registry(
    files: list[Path], root: Path, pattern: re.Pattern[str]
) -> None:
    named = [str(path.relative_to(root)) for path in files if pattern.search(path.read_text(errors="replace"))]
    assert named == []


def test_shell_scripts_stop_at_the_first_error(root: Path) -> None:
    scripts = [
        path
        for folder in (".ci", "requirements", "deploy/smoke")
        for path in (root / folder).iterdir()
        if not path.suffix
    ]
    assert len(scripts) >= 5
    for script in scripts:
        assert script.read_text().startswith("#!/usr/bin/env bash\n"), script
        assert "\nset -euo pipefail\n" in script.read_text(), script
        assert script.stat().st_mode & 0o111, f"{script} cannot be executed"


def test_public_modules_use_each_word_of_the_field_for_one_thing(files: list[Path], root: Path) -> None:
    not_a_word_of_ours = re.compile(r"\b(drift level|drift_level|reference profile|ground_truth)\b", re.IGNORECASE)
    sources = [path for path in files if path.suffix == ".py" and path.is_relative_to(root / "driftwatch")]
    assert [str(path) for path in sources if not_a_word_of_ours.search(path.read_text())] == []
