"""``driftwatch demo``: the main job on a year of real flights."""

from __future__ import annotations

import os
import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

STORY_DID_NOT_HAPPEN = 1


def demo(
    once: Annotated[bool, typer.Option("--once", help="End by itself: 0 if the story happened, 1 if not.")] = False,
    port: Annotated[
        int | None, typer.Option(min=1, max=65_535, help="Port of the service: 8000 or a free one by default.")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="An empty folder to keep everything in.")] = None,
    until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Replay only the flights before this day of 2013.")
    ] = None,
) -> None:
    """Watch a model go stale on a year of real flights, be noticed, be retrained, and be well again.

    A model of air time is fitted on January and February 2013 and serves March to December, faster than life, beside
    a real service. Afterwards the service stays up to be looked at, until Ctrl-C.

    Example: driftwatch demo --once
    """
    # Before numpy is loaded: two processes share the machine, and the model is small.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from rich.console import Console

    from driftwatch.demo.story import Wishes, run
    from driftwatch.demo.summary import YEAR_END

    wishes = Wishes(once=once, port=port, data=data, until=until.replace(tzinfo=UTC) if until else YEAR_END)
    signal.signal(signal.SIGTERM, _interrupt)
    happened = run(wishes, Console(), Console(stderr=True))
    raise typer.Exit(0 if happened else STORY_DID_NOT_HAPPEN)


def _interrupt(number: int, frame: object) -> None:
    """A polite request to end takes the same way as Ctrl-C: the service is ended in order."""
    raise KeyboardInterrupt
