"""``driftwatch outbox``: what the sinks are to be told, and what was given up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from driftwatch.cli.output import Format, Shape, console, print_json
from driftwatch.cli.service import URL, Authority, TokenFile, Url, connected
from driftwatch.errors import InputError
from driftwatch.ports import OutboxState

_MOST = 1_000


def list_messages(
    state: Annotated[OutboxState | None, typer.Option(help="Only in this state; dead is what was given up.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=_MOST, help="At most so many, oldest first.")] = 50,
    url: Url = URL,
    shape: Shape = Format.TABLE,
    token_file: TokenFile = None,
    ca: Authority = None,
) -> None:
    """List notifications, oldest first.

    Example: driftwatch outbox list --state dead
    """
    with connected(url, token_file, ca) as client:
        _print(client.outbox(state=state, limit=limit), shape)


def resend_messages(
    message_id: Annotated[str | None, typer.Argument(help="The notification's id.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that were given up.")] = False,
    url: Url = URL,
    shape: Shape = Format.TABLE,
    token_file: TokenFile = None,
    ca: Authority = None,
) -> None:
    """Deliver what was given up after all, under the same key.

    Example: driftwatch outbox resend --all
    """
    if everything is (message_id is not None):
        raise InputError("is for one of two.", field="--all", remedy="Give the notification's id, or --all.")
    with connected(url, token_file, ca) as client:
        ids = (
            [message_id]
            if message_id is not None
            else [str(one["message_id"]) for one in client.outbox(state=OutboxState.DEAD, limit=_MOST)]
        )
        _print([client.resend(one) for one in ids], shape)


def _print(messages: Sequence[dict[str, Any]], shape: Format) -> None:
    if shape is Format.JSON:
        print_json(messages)
        return
    if not messages:
        typer.echo("There is no such notification.")
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for heading in ("id", "model", "state"):
        table.add_column(heading, no_wrap=True)
    table.add_column("attempts", no_wrap=True, justify="right")
    table.add_column("last trouble", overflow="fold", ratio=1)
    for one in messages:
        table.add_row(one["message_id"], one["model"], one["state"], str(one["attempts"]), Text(one["last_error"]))
    console().print(table, soft_wrap=False)
