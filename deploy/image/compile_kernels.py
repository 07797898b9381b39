"""Compile every loop of the installed driftwatch, and keep the machine code beside its file; the image runs it once."""

from __future__ import annotations

import importlib
from pathlib import Path

import driftwatch


def kernel_modules() -> list[str]:
    """The modules that hold compiled loops."""
    root = Path(driftwatch.__file__).parent
    return sorted(
        ".".join((driftwatch.__name__, *path.relative_to(root).with_suffix("").parts))
        for path in root.rglob("*.py")
        if "\n@compiled(" in path.read_text(encoding="utf-8")
    )


if __name__ == "__main__":
    for name in kernel_modules():
        importlib.import_module(name)
