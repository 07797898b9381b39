"""``driftwatch doctor``: looks at a data folder, and repairs what is safe to repair."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from driftwatch.cli.output import Format, console, print_json, progress_notice

if TYPE_CHECKING:
    from driftwatch.upkeep.diagnosis import Diagnosis

_COLOURS = {"fine": "green", "repaired": "yellow", "problem": "red"}


def doctor(
    config: Annotated[Path | None, typer.Option(help="Settings in TOML.")] = None,
    data: Annotated[Path | None, typer.Option(help="The data folder.")] = None,
    repair: Annotated[bool, typer.Option("--repair", help="Repair what is safe to repair.")] = False,
    output_format: Annotated[Format, typer.Option("--format", help="How to print.")] = Format.TABLE,
) -> None:
    """Look at everything that the service keeps: versions, sizes, lag, and whether all of it is there and whole.

    Beside a running service it only looks. Exit code 0: all is fine; 1: there is a problem.

    Example: driftwatch doctor --data ./driftwatch-data
    """
    from driftwatch.settings import load_settings
    from driftwatch.upkeep.contradictions import contradictions
    from driftwatch.upkeep.diagnosis import Condition
    from driftwatch.upkeep.doctor import examine

    settings = load_settings(config, data=data)
    with progress_notice(f"Looking at {settings.data} …"):
        found = examine(
            settings.data,
            reserve_bytes=settings.disk_reserve_bytes,
            contradictions=tuple(contradictions(settings)),
            repair=repair,
            horizon_seconds=settings.duplicate_horizon.total_seconds(),
        )
    problems = sum(one.condition is Condition.PROBLEM for one in found)
    if output_format is Format.JSON:
        print_json({"problems": problems, "found": found})
    else:
        _print_table(found)
    if problems:
        raise typer.Exit(1)


def _print_table(found: Sequence[Diagnosis]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column()
    for one in found:
        table.add_row(f"[{_COLOURS[one.condition.value]}]{one.condition.value}[/]", one.part, one.text)
    console().print(table)
