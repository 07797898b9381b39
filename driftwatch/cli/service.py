"""How commands reach a running service."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from driftwatch.capture.client import Client

Url = Annotated[str, typer.Option(help="Where driftwatch serve is.")]

URL = "http://localhost:8000"
"""Where it is if nobody says."""

# A token itself is no option: what is written on a command line, every user of the machine can see.
TokenFile = Annotated[
    Path | None, typer.Option(help="File with a token, where the service wants one; DRIFTWATCH_TOKEN if left out.")
]
Authority = Annotated[
    Path | None, typer.Option(help="PEM file with whom to trust over https; DRIFTWATCH_CA if left out.")
]


def connected(url: str, token_file: Path | None, ca: Path | None) -> Client:
    """A client of the service.

    Raises
    ------
    InputError
        For a URL that is none, and for a token that cannot be sent.
    FileError
        For a file that cannot be read.
    """
    from driftwatch.capture.client import Client
    from driftwatch.capture.credentials import read_token

    return Client(url, token=read_token(token_file) if token_file is not None else None, ca=ca)
