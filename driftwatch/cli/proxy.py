"""``driftwatch proxy``: in front of a model server, in a process of its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from driftwatch.cli.listening import listen, tls_context
from driftwatch.cli.service import Authority, TokenFile
from driftwatch.errors import SettingError

if TYPE_CHECKING:
    import ssl

    from driftwatch.capture.proxy.server import Upstream

_SWITCH_SECONDS = 0.00005


def proxy(  # noqa: PLR0913, PLR0917 - one parameter an option of the command
    upstream: Annotated[str, typer.Option(envvar="DRIFTWATCH_PROXY_UPSTREAM", help="The model server.")],
    model: Annotated[str, typer.Option(envvar="DRIFTWATCH_PROXY_MODEL", help="Name of the model in the monitor.")],
    monitor: Annotated[
        str, typer.Option(envvar="DRIFTWATCH_PROXY_MONITOR", help="Where driftwatch serve is.")
    ] = "http://localhost:8000",
    model_version: Annotated[
        str | None, typer.Option(envvar="DRIFTWATCH_PROXY_MODEL_VERSION", help="Its version; the latest if left out.")
    ] = None,
    host: Annotated[str, typer.Option(envvar="DRIFTWATCH_PROXY_HOST", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(envvar="DRIFTWATCH_PROXY_PORT", help="Port to listen on.")] = 8080,
    metrics_port: Annotated[
        int | None, typer.Option(envvar="DRIFTWATCH_PROXY_METRICS_PORT", help="Port of /metrics; none if left out.")
    ] = None,
    map_file: Annotated[
        Path | None,
        typer.Option("--map", envvar="DRIFTWATCH_PROXY_MAP", help="TOML file that maps routes of any JSON service."),
    ] = None,
    features: Annotated[
        str | None,
        typer.Option(
            envvar="DRIFTWATCH_PROXY_FEATURES",
            help="Names of the features in the model's order, with commas; the baseline's if left out.",
        ),
    ] = None,
    served_as: Annotated[
        str | None,
        typer.Option(
            envvar="DRIFTWATCH_PROXY_SERVED_AS",
            help="The model's name in the server's paths; every model's if left out.",
        ),
    ] = None,
    copy_bytes: Annotated[
        int,
        typer.Option(envvar="DRIFTWATCH_PROXY_COPY_BYTES", min=1_024, help="Largest body that is copied; all pass."),
    ] = 2**20,
    timeout: Annotated[
        float,
        typer.Option(envvar="DRIFTWATCH_PROXY_TIMEOUT", min=0.1, help="Seconds in which nothing moves, before 504."),
    ] = 300.0,
    drain: Annotated[
        float,
        typer.Option(envvar="DRIFTWATCH_PROXY_DRAIN", min=0.0, help="Seconds for requests on their way at the end."),
    ] = 30.0,
    tls_certificate: Annotated[
        Path | None,
        typer.Option(envvar="DRIFTWATCH_PROXY_TLS_CERTIFICATE", help="Certificate chain in PEM: clients speak TLS."),
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option(envvar="DRIFTWATCH_PROXY_TLS_KEY", help="Its private key in PEM, no passphrase.")
    ] = None,
    token_file: TokenFile = None,
    ca: Authority = None,
) -> None:
    """Pass requests to a model server and back unchanged, and log the predictions in them.

    Fails open: whatever happens to the monitor or in a decoder, traffic passes, and a counter says why it was not
    logged. Recognised are the Open Inference Protocol V2, KServe V1, TensorFlow Serving, MLflow, Seldon V1, and any
    JSON by --map.

    Example: driftwatch proxy --upstream http://localhost:9000 --monitor http://localhost:8000 --model flights
    """
    import asyncio
    import gc
    import logging
    import sys
    from collections import Counter

    from prometheus_client import CollectorRegistry, start_http_server

    from driftwatch.capture.baseline_names import BaselineNames
    from driftwatch.capture.buffer import Buffer, BufferLimits
    from driftwatch.capture.client import Client
    from driftwatch.capture.credentials import read_token
    from driftwatch.capture.delivery import Delivery
    from driftwatch.capture.map_file import read_map
    from driftwatch.capture.proxy.metrics import CaptureMetrics, ProxyMetrics
    from driftwatch.capture.proxy.server import Proxy, ProxyLimits, run
    from driftwatch.capture.tap import TapRules
    from driftwatch.capture.traffic import Captured, TrafficDelivery
    from driftwatch.capture.transport import Transport
    from driftwatch.wire import INFERENCE_FORMATS
    from driftwatch.wire.path_map import path_map

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    target = _upstream(upstream, ca)
    tls = _shown_certificate(tls_certificate, tls_key)
    token = read_token(token_file) if token_file is not None else None
    maps = read_map(map_file) if map_file is not None else []
    formats = {**{f"map {one.route}": path_map(one) for one in maps}, **INFERENCE_FORMATS}
    rules = TapRules(formats=formats, most_bytes=copy_bytes, served_as=served_as)
    limits = BufferLimits(size_bytes=64 * 2**20, batch_events=200, linger_seconds=0.5)
    names = tuple(one.strip() for one in features.split(",")) if features is not None else None
    delivery = TrafficDelivery(
        Delivery(Transport(monitor, token=token, ca=ca), model, limits.batch_events),
        BaselineNames(Client(monitor, token=token, ca=ca), model, model_version, names),
        formats,
        model_version=model_version,
        most_bytes=copy_bytes,
        batch_events=limits.batch_events,
    )
    buffer: Buffer[Captured] = Buffer(delivery, limits)
    registry = CollectorRegistry()
    metrics = ProxyMetrics(model, registry)
    running: list[Proxy] = []

    def make() -> Proxy:
        running.append(Proxy(target, ProxyLimits(timeout_seconds=timeout, drain_seconds=drain), rules, buffer, metrics))
        return running[0]

    def dropped() -> dict[str, int]:
        return dict(buffer.dropped + delivery.unread + (running[0].not_copied if running else Counter()))

    registry.register(CaptureMetrics(model, lambda: delivery.captured, lambda: delivery.unnamed, dropped))
    listener = listen(host, port)
    address, bound = listener.getsockname()[:2]
    if metrics_port is not None:
        try:
            start_http_server(metrics_port, addr=host, registry=registry)
        except OSError as error:
            raise SettingError(
                f"cannot listen on {host}:{metrics_port} ({error.strerror}).", field="metrics-port"
            ) from None
    # The background thread reads copies; a request that comes meanwhile waits no longer than this.
    sys.setswitchinterval(_SWITCH_SECONDS)
    # What is loaded stays: looking through it for garbage would stop the traffic for tens of milliseconds.
    gc.collect()
    gc.freeze()

    def say_ready() -> None:
        shown = f"[{address}]" if ":" in address else address
        scheme = "http" if tls is None else "https"
        typer.echo(f"driftwatch proxy listens on {scheme}://{shown}:{bound} in front of {upstream}", err=True)

    factory = None
    if sys.platform != "win32":
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(run(listener, make, say_ready, tls=tls))
    buffer.close(limits.exit_seconds)


def _shown_certificate(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        missing = "tls-certificate" if certificate is None else "tls-key"
        raise SettingError("is missing.", field=missing, remedy="TLS needs a certificate and its key.")
    return tls_context(certificate, key)


def _upstream(url: str, ca: Path | None) -> Upstream:
    from urllib.parse import urlsplit

    from driftwatch.capture.credentials import trust
    from driftwatch.capture.proxy.server import Upstream

    remedy = "Give one such as http://localhost:9000."
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise SettingError(f"{url!r} is no address of a server.", field="upstream", remedy=remedy) from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise SettingError(f"{url!r} is no address of a server.", field="upstream", remedy=remedy)
    if parts.path not in {"", "/"} or parts.query or parts.username is not None:
        raise SettingError("has more than a host and a port.", field="upstream", remedy=remedy)
    is_tls = parts.scheme == "https"
    return Upstream(parts.hostname, port or (443 if is_tls else 80), trust(ca) if is_tls else None)
