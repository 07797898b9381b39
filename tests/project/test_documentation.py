"""What is written down is what the code does."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest
from typer.testing import CliRunner


@pytest.mark.parametrize("name", ["settings.md", "metrics.md"])
def test_the_tables_are_those_of_the_code(root: Path, name: str) -> None:
    pages = runpy.run_path(str(root / "docs/write_tables.py"))["PAGES"]
    assert (root / "docs" / name).read_text() == pages[name](), "run: make docs"


def test_links_to_files_of_the_project_lead_somewhere(files: list[Path]) -> None:
    broken = []
    for path in files:
        if path.suffix != ".md":
            continue
        for link in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
            target = link.split("#")[0]
            if target and "://" not in target and not (path.parent / target).exists():
                broken.append(f"{path.name}: {link}")
    assert broken == []


GROUPS = {"baseline", "token", "alerts", "retrain", "outbox"}


def documented_commands(root: Path) -> list[str]:
    """Lines in shell examples of the documentation that call driftwatch, without what a shell does with them."""
    found = set()
    for path in (root / "README.md", root / "CONTRIBUTING.md", *sorted((root / "docs").glob("*.md"))):
        for block in re.findall(r"^```(?:sh|console)\n(.*?)^```", path.read_text(), re.MULTILINE | re.DOTALL):
            for line in block.replace("\\\n", " ").splitlines():
                command = line.removeprefix("$ ").split(" #")[0].strip()
                if command.startswith("driftwatch "):
                    found.add(re.split(r"\s[|>&]", command)[0])
    return sorted(found)


def test_every_driftwatch_command_of_the_documentation_and_its_options_exist(root: Path) -> None:
    from driftwatch.cli.app import app

    commands = documented_commands(root)
    assert commands
    for command in commands:
        words = command.split()[1:]
        group = words[:2] if words[0] in GROUPS else words[:1]
        shown = CliRunner().invoke(app, [*group, "--help"], env={"COLUMNS": "200", "TERM": "dumb", "NO_COLOR": "1"})
        assert shown.exit_code == 0, f"{command}: {shown.output}"
        missing = [word for word in words if word.startswith("--") and word.split("=")[0] not in shown.output]
        assert missing == [], command
