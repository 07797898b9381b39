"""The ``driftwatch`` command: one file a command, this one puts them together."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from driftwatch import __version__
from driftwatch.cli.alerts import acknowledge_alert, list_alerts, silence_alert
from driftwatch.cli.backtest import backtest
from driftwatch.cli.backup import backup, restore
from driftwatch.cli.baseline import fit, show
from driftwatch.cli.check import check
from driftwatch.cli.demo import demo
from driftwatch.cli.doctor import doctor
from driftwatch.cli.export import export
from driftwatch.cli.outbox import list_messages, resend_messages
from driftwatch.cli.proxy import proxy
from driftwatch.cli.replay import replay
from driftwatch.cli.retrain import retrain_app
from driftwatch.cli.serve import serve
from driftwatch.cli.token import new
from driftwatch.errors import DriftwatchError

WRONG_USE = 2
INTERRUPTED = 130

app = typer.Typer(
    name="driftwatch",
    help="Watches machine-learning models in production for drift, and asks for a retrain when the evidence says so.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
baseline_app = typer.Typer(help="Fit and show baselines.", no_args_is_help=True)
baseline_app.command("fit")(fit)
baseline_app.command("show")(show)
app.add_typer(baseline_app, name="baseline")
token_app = typer.Typer(help="Make tokens.", no_args_is_help=True)
token_app.command("new")(new)
# With one command alone, Typer would take its name away.
token_app.callback()(lambda: None)
app.add_typer(token_app, name="token")
alerts_app = typer.Typer(help="List alerts, acknowledge and silence them.", no_args_is_help=True)
alerts_app.command("list")(list_alerts)
alerts_app.command("acknowledge")(acknowledge_alert)
alerts_app.command("silence")(silence_alert)
app.add_typer(alerts_app, name="alerts")
app.add_typer(retrain_app, name="retrain")
outbox_app = typer.Typer(help="List notifications, and send again what was given up.", no_args_is_help=True)
outbox_app.command("list")(list_messages)
outbox_app.command("resend")(resend_messages)
app.add_typer(outbox_app, name="outbox")
app.command()(check)
app.command()(serve)
app.command()(proxy)
app.command()(backtest)
app.command()(replay)
app.command()(export)
app.command()(backup)
app.command()(restore)
app.command()(doctor)
app.command()(demo)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"driftwatch {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Options of the command itself."""


def main() -> None:
    """Run the command; errors that driftwatch raises on purpose end in one line and exit code 2."""
    try:
        app()
    except DriftwatchError as error:
        typer.echo(f"driftwatch: {error}", err=True)
        sys.exit(WRONG_USE)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
