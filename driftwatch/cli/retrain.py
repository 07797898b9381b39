"""``driftwatch retrain``: the commands about retrains, one file each."""

from __future__ import annotations

import typer

from driftwatch.cli.retrain_run import run

retrain_app = typer.Typer(help="Train the next version of a model, and see to retrains.", no_args_is_help=True)
# With one command alone, Typer would take its name away.
retrain_app.callback()(lambda: None)
retrain_app.command("run")(run)
