"""Nothing that comes from outside is ever run: no pickle is loaded, no text evaluated, no template made of one."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

# What unpickles, evaluates or runs a shell, by the name that it is called or imported by.
MODULES = {
    "pickle",
    "cPickle",
    "_pickle",
    "dill",
    "cloudpickle",
    "joblib",
    "marshal",
    "shelve",
    "yaml",
    "code",
    "codeop",
}
FUNCTIONS = {"eval", "exec", "compile", "__import__", "execfile"}
METHODS = {
    "from_string", "overlay", "read_pickle", "to_pickle", "import_module", "system", "popen", "literal_eval", "eval",
    "query",
}  # fmt: skip
# eval, query: of pandas, which evaluate a text. query: a function of the client's own that writes addresses.
# joblib: where a user chose it for models, from a folder that is the user's alone, after the hash was compared.
ALLOWED = {
    ("capture/client.py", "query"),
    ("capture/outgoing.py", "query"),
    ("training/model_store.py", "joblib"),
}


@cache
def sources(root: Path) -> list[tuple[str, ast.Module]]:
    package = root / "driftwatch"
    return [
        (path.relative_to(package).as_posix(), ast.parse(path.read_text())) for path in sorted(package.rglob("*.py"))
    ]


def dangers(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (one.name for one in names if one.name.split(".")[0] in MODULES)
            case ast.ImportFrom(module=str(module)) if module.split(".")[0] in MODULES:
                yield module
            case ast.Call(func=ast.Name(id=name)) if name in FUNCTIONS:
                yield name
            case ast.Call(func=ast.Attribute(attr=name)) if name in METHODS:
                yield name
            case ast.keyword(arg="shell", value=ast.Constant(value=True)):
                yield "shell=True"
            case ast.keyword(arg="allow_pickle", value=value) if not (
                isinstance(value, ast.Constant) and value.value is False
            ):
                yield "allow_pickle"


@pytest.mark.parametrize(
    "code",
    [
        "import pickle", "from joblib import load", "import yaml.loader", "eval('1')", "exec(text)",
        "environment.from_string(text)", "frame.query(text)", "pandas.read_pickle(path)", "os.system(text)",
        "subprocess.run(text, shell=True)", "np.load(path, allow_pickle=True)",
    ],
)  # fmt: skip
def test_the_search_finds_what_would_execute(code: str) -> None:
    assert list(dangers(ast.parse(code)))


def test_no_module_loads_pickles_evaluates_texts_or_runs_a_shell(root: Path) -> None:
    found = {(name, danger) for name, tree in sources(root) for danger in dangers(tree)}
    assert found - ALLOWED == set()


def test_templates_come_from_the_package_by_names_that_no_request_chooses(root: Path) -> None:
    """Every template is named by a constant, and all of them escape what they show."""
    asked = []
    for name, tree in sources(root):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "html":
                asked.append((name, node.args[0]))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Environment":
                escape = [one.value for one in node.keywords if one.arg == "autoescape"]
                assert [one.value for one in escape if isinstance(one, ast.Constant)] == [True], name
    assert asked
    assert [name for name, given in asked if not isinstance(given, ast.Constant)] == []


def test_no_template_turns_escaping_off_or_has_a_script(root: Path) -> None:
    templates = sorted((root / "driftwatch/web/templates").glob("*.html"))
    assert templates
    for path in templates:
        text = path.read_text()
        for forbidden in ("|safe", "| safe", "autoescape", "<script", "javascript:", " onclick", " onload", " style="):
            assert forbidden not in text, f"{path.name}: {forbidden}"


def test_object_arrays_are_not_read_from_what_is_sent(root: Path) -> None:
    """Object arrays of NumPy are pickles: nothing asks for them when it reads bytes."""
    for name, tree in sources(root):
        for node in ast.walk(tree):
            is_load = (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "load"
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id in {"np", "numpy"}
            )
            assert not is_load, name
