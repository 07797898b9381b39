"""How commands print: tables for people, JSON for programs, progress only where somebody looks."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from driftwatch.errors import FileError
from driftwatch.stores.disk import appearing_whole

PIPE_WIDTH = 120


class Format(StrEnum):
    """What a command prints."""

    TABLE = "table"
    JSON = "json"


Shape = Annotated[Format, typer.Option("--format", help="What to print.")]


def console(*, stderr: bool = False) -> Console:
    """A console that knows terminals, pipes and NO_COLOR."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(file=stream, width=None if stream.isatty() else PIPE_WIDTH, soft_wrap=not stream.isatty())


def print_json(record: object) -> None:
    """Print a record as indented JSON."""
    print(msgspec.json.format(msgspec.json.encode(record), indent=2).decode())  # noqa: T201 - this is the output


@contextmanager
def progress_notice(text: str) -> Iterator[None]:
    """Say what takes a while, on a terminal only; the line goes when it is done."""
    shown = console(stderr=True)
    if not shown.is_terminal:
        yield
        return
    with shown.status(text):
        yield


def check_writable(path: Path) -> None:
    """Complain about an output's folder before the work that would be lost.

    Raises
    ------
    FileError
        If there is no such folder.
    """
    if not path.parent.is_dir():
        raise FileError("cannot be written: there is no such folder.", field=str(path), remedy="Check --output.")


def write_whole(path: Path, text: str) -> None:
    """Write a file so that it is there whole or not at all: what was there before stays until the new one is ready.

    Raises
    ------
    FileError
        If the disk does not take it.
    """
    check_writable(path)
    try:
        if path.exists() and not path.is_file():
            # A pipe or a terminal is written to, not replaced.
            path.write_text(text, encoding="utf-8")
            return
        with appearing_whole(path.resolve()) as temporary:
            temporary.write_text(text, encoding="utf-8")
    except OSError as error:
        raise FileError(f"cannot be written ({error.strerror}).", field=str(path), remedy="Check --output.") from None
