"""How commands print: tables for people, JSON for programs, progress only where somebody looks."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

import msgspec
from rich.console import Console

_PIPE_WIDTH = 120


class Format(StrEnum):
    """What a command prints."""

    TABLE = "table"
    JSON = "json"


def console(*, stderr: bool = False) -> Console:
    """A console that knows terminals, pipes and NO_COLOR."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(file=stream, width=None if stream.isatty() else _PIPE_WIDTH, soft_wrap=not stream.isatty())


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
