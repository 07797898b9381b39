"""The distribution: one version, declared dependencies that are used, locks that follow them."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

import driftwatch

# Never imported by name: what serves HTTP under uvicorn, and what pandas reads and writes with.
USED_WITHOUT_AN_IMPORT = {"httptools", "uvloop"}


def distribution(requirement: str) -> str:
    """The normalised name at the head of a requirement."""
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found is not None
    return re.sub(r"[-_.]+", "-", found.group()).lower()


def pins(lock: Path) -> dict[str, set[str]]:
    """Versions by name of a lock file."""
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", lock.read_text(), re.MULTILINE):
        found.setdefault(distribution(name), set()).add(version)
    return found


@pytest.fixture(scope="session")
def imported(root: Path) -> set[str]:
    """Distributions that driftwatch's modules import, wherever in them; only for types does not count."""
    owners = packages_distributions()
    names: set[str] = set()
    for path in (root / "driftwatch").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names.add(node.module.split(".")[0])
    names -= {"driftwatch", *sys.stdlib_module_names}
    return {distribution(owner) for name in names for owner in owners.get(name, [name])}


def test_the_version_is_written_once_in_the_metadata_and_once_in_the_package_and_is_the_same(
    pyproject: dict[str, Any], root: Path
) -> None:
    assert pyproject["project"]["version"] == driftwatch.__version__
    assert f"## {driftwatch.__version__}" in (root / "CHANGELOG.md").read_text()


def test_every_declared_dependency_is_imported(pyproject: dict[str, Any], imported: set[str]) -> None:
    declared = {distribution(one) for one in pyproject["project"]["dependencies"]}
    assert declared - imported - USED_WITHOUT_AN_IMPORT == set()


def test_every_import_is_declared(pyproject: dict[str, Any], imported: set[str]) -> None:
    project = pyproject["project"]
    declared = {distribution(one) for one in project["dependencies"]}
    extras = project["optional-dependencies"]
    optional = {distribution(one) for one in (*extras["demo"], *extras["notify"], *extras["training"], "polars")}
    # These come with FastAPI, pydantic-settings, Jinja and scikit-learn, which promise them.
    assert imported - declared - optional - {"starlette", "pydantic", "markupsafe", "joblib"} == set()


@pytest.mark.parametrize("name", ["runtime", "build", "dev", "container"])
def test_every_package_of_a_lock_has_hashes(root: Path, name: str) -> None:
    entries = re.split(r"^(?=[A-Za-z0-9])", (root / f"requirements/{name}.lock").read_text(), flags=re.MULTILINE)
    packages = [entry for entry in entries if not entry.startswith("#")]
    assert packages
    assert [entry.split()[0] for entry in packages if "--hash=sha256:" not in entry] == []


def test_the_locks_hold_what_is_declared(root: Path, pyproject: dict[str, Any]) -> None:
    project = pyproject["project"]
    needed = {distribution(one) for one in project["dependencies"]}
    assert needed <= pins(root / "requirements/runtime.lock").keys()
    for extra in project["optional-dependencies"].values():
        needed |= {distribution(one) for one in extra}
    assert needed <= pins(root / "requirements/dev.lock").keys()
    building = {distribution(one) for one in pyproject["dependency-groups"]["build"]}
    building |= {distribution(one) for one in pyproject["build-system"]["requires"]}
    assert building <= pins(root / "requirements/build.lock").keys()


@pytest.mark.parametrize("name", ["runtime", "build"])
def test_what_is_tested_is_what_the_image_gets(root: Path, name: str) -> None:
    tested = pins(root / "requirements/dev.lock")
    assert {one: versions for one, versions in pins(root / f"requirements/{name}.lock").items()
            if versions != tested.get(one)} == {}  # fmt: skip


def test_the_supported_pythons_are_the_same_everywhere(pyproject: dict[str, Any], root: Path) -> None:
    project = pyproject["project"]
    named = {one.rsplit(" ", 1)[1] for one in project["classifiers"] if re.search(r"Python :: 3\.\d+$", one)}
    assert named == {"3.11", "3.12", "3.13"}
    assert project["requires-python"] == ">=3.11,<3.14"
    assert pyproject["tool"]["ruff"]["target-version"] == "py311"
    assert pyproject["tool"]["mypy"]["python_version"] == "3.11"
    assert "(3, 11) <= sys.version_info[:2] < (3, 14)" in (root / "requirements/install").read_text()


def test_the_wheel_has_types_migrations_pages_and_licence_and_no_tests(root: Path, tmp_path: Path) -> None:
    pytest.importorskip("hatchling")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)],
        cwd=root, check=True, capture_output=True,
    )  # fmt: skip
    [wheel] = tmp_path.glob("*.whl")
    inside = set(zipfile.ZipFile(wheel).namelist())
    assert wheel.name.startswith(f"driftwatch_monitor-{driftwatch.__version__}-py3-none-any")
    assert "driftwatch/py.typed" in inside
    assert any(name.endswith("licenses/LICENSE") for name in inside)
    shipped = {
        str(path.relative_to(root))
        for path in (root / "driftwatch").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert shipped <= inside
    assert {name.split("/")[0] for name in inside} == {
        "driftwatch",
        f"driftwatch_monitor-{driftwatch.__version__}.dist-info",
    }
