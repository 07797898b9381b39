"""``driftwatch retrain``: the commands about retrains, one file each."""

from __future__ import annotations

import typer

from driftwatch.cli.retrain_episodes import approve_retrain, cancel_retrain, list_retrains, show_retrain
from driftwatch.cli.retrain_run import run

retrain_app = typer.Typer(help="Train the next version of a model, and see to retrains.", no_args_is_help=True)
retrain_app.command("run")(run)
retrain_app.command("list")(list_retrains)
retrain_app.command("show")(show_retrain)
retrain_app.command("approve")(approve_retrain)
retrain_app.command("cancel")(cancel_retrain)
