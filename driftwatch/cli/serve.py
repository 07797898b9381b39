"""``driftwatch serve``: the service, in this process."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from driftwatch.cli.listening import listen, listening_at, tls_context
from driftwatch.errors import SettingError

_YOUNG_OBJECTS = 20_000
_SWITCH_SECONDS = 0.002


def serve(
    config: Annotated[Path | None, typer.Option(help="Settings in TOML.")] = None,
    data: Annotated[Path | None, typer.Option(help="Folder for everything that is kept.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    unix_socket: Annotated[
        Path | None, typer.Option(help="Unix socket to listen on besides, for processes of this machine.")
    ] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Listen where others reach it without tokens: they may do anything.")
    ] = False,
) -> None:
    """Run the service: takes predictions and labels, judges windows, serves the page and the metrics.

    Every setting can also be given in the environment, as DRIFTWATCH_WINDOW=7d for example.

    On an address that other machines reach it needs tokens: see driftwatch token new --help.

    Example: driftwatch serve --data ./driftwatch-data --port 8000
    """
    import os

    from driftwatch import crash_points
    from driftwatch.bootstrap import build_service
    from driftwatch.resident_memory import give_back_in_turns, keep_little
    from driftwatch.settings import load_settings
    from driftwatch.web.app import build_app
    from driftwatch.web.bounded_http import HeadLimits
    from driftwatch.web.guard import is_loopback
    from driftwatch.web.server import run_app

    keep_little()
    crash_points.arm(os.environ)
    settings = load_settings(
        config, data=data, host=host, port=port, unix_socket=unix_socket, insecure=insecure or None
    )
    tls = None
    if settings.tls_certificate is not None and settings.tls_key is not None:
        tls = tls_context(settings.tls_certificate, settings.tls_key)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for talkative in ("alembic", "uvicorn", "httpx"):
        logging.getLogger(talkative).setLevel(logging.WARNING)
    listener = listen(settings.host, settings.port)
    address, bound = listener.getsockname()[:2]
    if not is_loopback(address) and not settings.tokens:
        _without_tokens(settings.host, insecure=settings.insecure)
    if not is_loopback(address) and settings.tokens and tls is None:
        typer.echo("There is no TLS: tokens and events travel so that whoever is on the way can read them.", err=True)
    with listening_at(settings.unix_socket) as unix_listener:
        service = build_service(settings)
        try:
            service.start()
            give_back_in_turns()
            put_requests_first()
            shown = f"{'http' if tls is None else 'https'}://{f'[{address}]' if ':' in address else address}:{bound}"
            besides = "" if settings.unix_socket is None else f" and on unix://{settings.unix_socket.absolute()}"
            typer.echo(f"driftwatch listens on {shown}{besides} and keeps its data in {settings.data}", err=True)
            limits = HeadLimits(settings.max_head_bytes, settings.max_headers)
            run_app(build_app(service, settings), listener, tls, limits, unix_listener)
        finally:
            service.close()


def put_requests_first() -> None:
    """Set the interpreter so that requests wait as little as can be for the service's other threads.

    The garbage collector looks at what requests make, not at what was there before the first of them: whole passes over
    a few hundred thousand objects of the libraries took a quarter of a busy service's time, and held every request up
    meanwhile. And a thread that computes gives way ten times as often as is usual: while windows were judged and files
    compacted, the event loop's longest wait fell to two thirds.
    """
    import gc
    import sys

    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS, 20, 20)
    sys.setswitchinterval(_SWITCH_SECONDS)


def _without_tokens(host: str, *, insecure: bool) -> None:
    """Refuse, or say what it means."""
    if not insecure:
        raise SettingError(
            f"{host} can be reached from other machines, and there are no tokens.",
            field="host",
            remedy="Make one with driftwatch token new, listen on 127.0.0.1, or say --insecure.",
        )
    typer.echo(
        f"INSECURE: whoever reaches {host} can read everything that is logged, send what they like, replace baselines "
        "and stop retrains. There are no tokens.",
        err=True,
    )
