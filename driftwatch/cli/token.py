"""``driftwatch token``: make one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from driftwatch.errors import FileError, InputError


def new(
    scopes: Annotated[
        str, typer.Option(help="What it is good for, with commas: ingest, read, metrics, or admin for everything.")
    ] = "ingest",
    name: Annotated[str, typer.Option(help="Whose it is, to know it again in the settings.")] = "token",
    secret_file: Annotated[
        Path | None, typer.Option(help="Write the token to this new file, for its owner alone, instead of showing it.")
    ] = None,
    tokens_file: Annotated[
        Path | None, typer.Option(help="Add the entry to this file, which DRIFTWATCH_TOKENS_FILE names to the service.")
    ] = None,
) -> None:
    """Make a token. It is shown once; the service keeps its hash, in the entry that is printed.

    Example: driftwatch token new --name flights-server --scopes ingest,read
    """
    from driftwatch.web.tokens import hash_of, new_token

    wanted = _scopes(scopes)
    if not name.isprintable() or not name:
        raise InputError("is no name.", field="--name", remedy="Use letters, digits, and what else can be printed.")
    token = new_token()
    entry = _entry(name, wanted, hash_of(token))
    if secret_file is None:
        typer.echo("The token, shown this once:", err=True)
        typer.echo(token)
    else:
        _write(secret_file, f"{token}\n", os.O_CREAT | os.O_EXCL, 0o600)
        typer.echo(f"The token is in {secret_file}.", err=True)
    if tokens_file is None:
        typer.echo("\nFor the service, in its settings or in the file that DRIFTWATCH_TOKENS_FILE names:", err=True)
        typer.echo(entry)
    else:
        _write(tokens_file, f"{entry}\n\n", os.O_CREAT | os.O_APPEND, 0o644)
        typer.echo(f"Its entry is in {tokens_file}. Start the service again, and it is good.", err=True)


def _scopes(text: str) -> list[str]:
    from driftwatch.web.tokens import Scope

    given = list(dict.fromkeys(one.strip() for one in text.split(",") if one.strip()))
    known = [one.value for one in Scope]
    unknown = [one for one in given if one not in known]
    if unknown or not given:
        problem = f"{unknown[0]!r} is no scope." if unknown else "names none."
        raise InputError(problem, field="--scopes", remedy=f"Use some of {', '.join(known)}.")
    return given


def _entry(name: str, scopes: list[str], hash_text: str) -> str:
    import json

    # What JSON says of a text and of a list of texts, TOML says too.
    lines = {"name": name, "scopes": scopes, "hash": hash_text}
    return "\n".join(["[[tokens]]", *(f"{key} = {json.dumps(one, ensure_ascii=False)}" for key, one in lines.items())])


def _write(path: Path, text: str, how: int, mode: int) -> None:
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | how, mode), "w") as file:
            file.write(text)
    except FileExistsError:
        raise FileError("is there already.", field=str(path), remedy="Choose another name, or remove it.") from None
    except OSError as error:
        raise FileError(f"cannot be written ({error.strerror}).", field=str(path)) from None
