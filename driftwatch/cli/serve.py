"""``driftwatch serve``: the service, in this process."""

from __future__ import annotations

import logging
import socket
from pathlib import Path
from typing import Annotated

import typer

from driftwatch.errors import SettingError


def serve(
    config: Annotated[Path | None, typer.Option(help="Settings in TOML.")] = None,
    data: Annotated[Path | None, typer.Option(help="Folder for everything that is kept.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
) -> None:
    """Run the service: takes predictions and labels, judges windows, serves the page and the metrics.

    Every setting can also be given in the environment, as DRIFTWATCH_WINDOW=7d for example.

    Example: driftwatch serve --data ./driftwatch-data --port 8000
    """
    import os

    from driftwatch import crash_points
    from driftwatch.bootstrap import build_service
    from driftwatch.settings import load_settings
    from driftwatch.web.app import build_app
    from driftwatch.web.server import run_app

    settings = load_settings(config, data=data, host=host, port=port)
    crash_points.arm(os.environ)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for talkative in ("alembic", "uvicorn", "httpx"):
        logging.getLogger(talkative).setLevel(logging.WARNING)
    listener = _listen(settings.host, settings.port)
    service = build_service(settings)
    try:
        service.start()
        address, bound = listener.getsockname()[:2]
        typer.echo(f"driftwatch listens on http://{address}:{bound} and keeps its data in {settings.data}", err=True)
        run_app(build_app(service, settings), listener)
    finally:
        service.close()


def _listen(host: str, port: int) -> socket.socket:
    """Bind before anything else is opened: a port in use is the commonest mistake."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        raise SettingError(
            f"cannot listen on {host}:{port} ({error.strerror}).",
            field="port",
            remedy="Stop what listens there, or choose another with --port.",
        ) from None
    return listener
