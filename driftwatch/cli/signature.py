"""Who says something, on a command line."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from typing import Annotated

import typer

Signer = Annotated[str | None, typer.Option("--by", help="Who says so; your login name if left out.")]
Note = Annotated[str, typer.Option(help="One line for people: why.")]


def signed(by: str | None) -> str:
    """The name that was given, or the login's."""
    if by:
        return by
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        # A container may run under a number that has no name.
        return "somebody"


def shown_time(moment: datetime | None) -> str:
    """A time for a table, in UTC and to the minute."""
    return "" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"
