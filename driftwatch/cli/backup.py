"""``driftwatch backup`` and ``driftwatch restore``: a data folder copied while its service runs, and brought back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from driftwatch.cli.output import progress_notice

_MB = 1_000_000


def backup(
    destination: Annotated[Path, typer.Argument(help="A new folder, or a new file that ends with .tar.")],
    config: Annotated[Path | None, typer.Option(help="Settings in TOML.")] = None,
    data: Annotated[Path | None, typer.Option(help="The data folder.")] = None,
) -> None:
    """Copy everything that the service keeps, at one moment; it may run meanwhile.

    Example: driftwatch backup /backups/monday.tar --data ./driftwatch-data
    """
    from driftwatch.settings import load_settings
    from driftwatch.upkeep.backup import back_up

    folder = load_settings(config, data=data).data
    with progress_notice(f"Copying {folder} …"):
        made = back_up(folder, destination)
    typer.echo(
        f"{destination}: {len(made.files):,} files, {made.size_bytes / _MB:,.1f} MB, everything that was acknowledged "
        f"until {made.taken_at:%Y-%m-%d %H:%M:%S} UTC"
    )


def restore(
    source: Annotated[Path, typer.Argument(help="What driftwatch backup made.")],
    data: Annotated[Path, typer.Option(help="The folder to make.")],
) -> None:
    """Bring a backup back as a new data folder, after every file was checked.

    Example: driftwatch restore /backups/monday.tar --data ./driftwatch-data
    """
    from driftwatch.upkeep import backup as made

    with progress_notice(f"Checking {source} …"):
        manifest = made.restore(source, data)
    typer.echo(
        f"{data}: {len(manifest.files):,} files as they were at {manifest.taken_at:%Y-%m-%d %H:%M:%S} UTC. "
        f"Start it with: driftwatch serve --data {data}"
    )
