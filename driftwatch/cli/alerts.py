"""``driftwatch alerts``: list the alerts of a service, acknowledge and silence them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from driftwatch.cli.export import moment
from driftwatch.cli.output import Format, Shape, console, print_json
from driftwatch.cli.service import URL, Authority, TokenFile, Url, connected
from driftwatch.cli.signature import Note, Signer, shown_time, signed
from driftwatch.core.records import AlertState
from driftwatch.core.windows import parse_duration
from driftwatch.errors import InputError

if TYPE_CHECKING:
    from driftwatch.core.records import Alert

AlertId = Annotated[str, typer.Argument(help="The alert's id.")]

_COLORS = {"firing": "red", "acknowledged": "yellow", "pending": "yellow", "resolved": "green"}


def list_alerts(  # noqa: PLR0917 - one parameter an option of the command
    model: Annotated[str | None, typer.Option(help="Only of this model.")] = None,
    state: Annotated[AlertState | None, typer.Option(help="Only in this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="At most so many, newest first.")] = 20,
    url: Url = URL,
    shape: Shape = Format.TABLE,
    token_file: TokenFile = None,
    ca: Authority = None,
) -> None:
    """List alerts, newest first.

    Example: driftwatch alerts list --state firing
    """
    with connected(url, token_file, ca) as client:
        _print(client.alerts(model=model, state=state, limit=limit), shape)


def acknowledge_alert(  # noqa: PLR0917 - one parameter an option of the command
    alert_id: AlertId,
    by: Signer = None,
    note: Note = "",
    url: Url = URL,
    shape: Shape = Format.TABLE,
    token_file: TokenFile = None,
    ca: Authority = None,
) -> None:
    """Say that somebody knows of an alert. It fires on, and calls for a retrain where the policy says so.

    Example: driftwatch alerts acknowledge 0198c5f0-9d7e-7c11-a3f2-5f6c1f0b7a11 --note "looking into it"
    """
    with connected(url, token_file, ca) as client:
        _print([client.acknowledge_alert(alert_id, signed(by), note)], shape)


def silence_alert(  # noqa: PLR0917 - one parameter an option of the command
    alert_id: AlertId,
    length: Annotated[
        str | None, typer.Option("--for", help="For how long, such as 2h or 3d; 0s ends a silence.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Or until when, such as 2026-01-31T08:00Z.")] = None,
    by: Signer = None,
    note: Note = "",
    url: Url = URL,
    shape: Shape = Format.TABLE,
    token_file: TokenFile = None,
    ca: Authority = None,
) -> None:
    """Tell nobody of an alert for a while, and let it call for no retrain.

    Example: driftwatch alerts silence 0198c5f0-9d7e-7c11-a3f2-5f6c1f0b7a11 --for 3d --note "known, fixed on Monday"
    """
    with connected(url, token_file, ca) as client:
        _print([client.silence_alert(alert_id, _end(length, until), signed(by), note)], shape)


def _end(length: str | None, until: str | None) -> datetime:
    end = moment(until, "--until")
    if length is not None and end is None:
        return datetime.now(UTC) + parse_duration(length)
    if length is None and end is not None:
        return end
    raise InputError("is for one of two.", field="--for", remedy="Give --for 2h, or --until 2026-01-31T08:00Z.")


def _print(alerts: Sequence[Alert], shape: Format) -> None:
    if shape is Format.JSON:
        print_json(alerts)
        return
    if not alerts:
        typer.echo("There is no such alert.")
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for heading in ("id", "model", "kind", "state", "since"):
        table.add_column(heading, no_wrap=True)
    table.add_column("because", overflow="fold", ratio=1)
    for one in alerts:
        state = Text(one.state.value, style=_COLORS.get(one.state.value, ""))
        if one.state is AlertState.SILENCED:
            state.append(f" until {shown_time(one.silenced_until)}")
        elif one.ended is not None:
            state.append(f" {shown_time(one.ended)}")
        if one.history and one.history[-1].by:
            state.append(f" by {one.history[-1].by}")
        kind = one.kind.value.replace("_", " ")
        table.add_row(
            one.alert_id, f"{one.model} {one.model_version}", kind, state, shown_time(one.started), Text(one.reason)
        )
    console().print(table, soft_wrap=False)
