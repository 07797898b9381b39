"""``driftwatch retrain list``, ``show``, ``approve`` and ``cancel``: the retrains that a service asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from driftwatch.cli.output import Format, Shape, console, print_json
from driftwatch.cli.service import URL, Authority, TokenFile, Url, connected
from driftwatch.cli.signature import Note, Signer, shown_time, signed

if TYPE_CHECKING:
    from driftwatch.core.records import RetrainEpisode

RetrainId = Annotated[str, typer.Argument(help="The retrain's id.")]

_COLORS = {
    "promoted": "green", "recovered": "green", "rejected": "yellow", "timed_out": "yellow", "failed": "red",
    "not_recovered": "red", "awaiting_approval": "magenta",
}  # fmt: skip


def list_retrains(
    model: Annotated[str | None, typer.Option(help="Only of this model.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="At most so many, newest first.")] = 20,
    url: Url = URL,
    shape: Shape = Format.TABLE,
    token_file: TokenFile = None,
    ca: Authority = None,
) -> None:
    """List the retrains that were asked for, newest first.

    Example: driftwatch retrain list --model flights
    """
    with connected(url, token_file, ca) as client:
        episodes = client.retrains(model=model, limit=limit)
    if shape is Format.JSON:
        print_json(episodes)
        return
    if not episodes:
        typer.echo("No retrain was asked for.")
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for heading in ("id", "model", "version", "state", "asked for"):
        table.add_column(heading, no_wrap=True)
    table.add_column("because", overflow="fold", ratio=1)
    for one in episodes:
        state = one.state.value
        table.add_row(
            one.retrain_id,
            one.model,
            f"{one.model_version} → {one.new_version}" if one.new_version else one.model_version,
            Text(state.replace("_", " "), style=_COLORS.get(state, "")),
            shown_time(one.triggered),
            Text(one.reason),
        )
    console().print(table, soft_wrap=False)


def show_retrain(
    retrain_id: RetrainId,
    url: Url = URL,
    shape: Shape = Format.TABLE,
    token_file: TokenFile = None,
    ca: Authority = None,
) -> None:
    """Show one retrain with everything that happened in it.

    Example: driftwatch retrain show 0198c5f0-9d7e-7c11-a3f2-5f6c1f0b7a11
    """
    with connected(url, token_file, ca) as client:
        _show(client.retrain(retrain_id), shape)


def approve_retrain(  # noqa: PLR0917 - one parameter an option of the command
    retrain_id: RetrainId,
    by: Signer = None,
    note: Note = "",
    url: Url = URL,
    shape: Shape = Format.TABLE,
    token_file: TokenFile = None,
    ca: Authority = None,
) -> None:
    """Let a retrain that awaits approval be asked for.

    Example: driftwatch retrain approve 0198c5f0-9d7e-7c11-a3f2-5f6c1f0b7a11 --note "after the release"
    """
    with connected(url, token_file, ca) as client:
        _show(client.approve_retrain(retrain_id, signed(by), note), shape)


def cancel_retrain(  # noqa: PLR0917 - one parameter an option of the command
    retrain_id: RetrainId,
    by: Signer = None,
    note: Note = "",
    url: Url = URL,
    shape: Shape = Format.TABLE,
    token_file: TokenFile = None,
    ca: Authority = None,
) -> None:
    """End a retrain: who was not told is not told, and its trainer hears of it when it reports next.

    Example: driftwatch retrain cancel 0198c5f0-9d7e-7c11-a3f2-5f6c1f0b7a11 --note "the sensor was broken"
    """
    with connected(url, token_file, ca) as client:
        _show(client.cancel_retrain(retrain_id, signed(by), note), shape)


def _show(episode: RetrainEpisode, shape: Format) -> None:
    if shape is Format.JSON:
        print_json(episode)
        return
    from rich.text import Text

    out, state = console(), episode.state.value
    out.print(Text(episode.retrain_id))
    where = f", {episode.segment}" if episode.segment else ""
    version = f"{episode.model_version} → {episode.new_version}" if episode.new_version else episode.model_version
    out.print(Text.assemble(f"{episode.model} {version}{where}: ", (state.replace("_", " "), _COLORS.get(state, ""))))
    out.print(Text(f"{episode.reason}\n"))
    for step in episode.history:
        said = f"{step.note} (by {step.by})" if step.by else step.note
        out.print(Text(f"{shown_time(step.at)}  {step.state.value.replace('_', ' '):<17} {said}".rstrip()))
