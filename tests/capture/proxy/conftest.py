from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uvloop
from prometheus_client import CollectorRegistry

from driftwatch.capture.baseline_names import BaselineNames
from driftwatch.capture.buffer import Buffer, BufferLimits
from driftwatch.capture.client import Client
from driftwatch.capture.delivery import Delivery
from driftwatch.capture.proxy.metrics import ProxyMetrics
from driftwatch.capture.proxy.server import Proxy, ProxyLimits, Upstream, run
from driftwatch.capture.tap import TapRules
from driftwatch.capture.traffic import Captured, TrafficDelivery
from driftwatch.capture.transport import Transport
from driftwatch.wire import INFERENCE_FORMATS
from driftwatch.wire.inference import InferenceFormat
from tests.capture.proxy.wires import BASELINE, ModelServer, Running, Start


@pytest.fixture
def model_server() -> Iterator[ModelServer]:
    server = ModelServer()
    yield server
    server.close()


@pytest.fixture
def start(model_server: ModelServer, service: Any) -> Iterator[Start]:
    """Starts a proxy in front of the model server, with the service as its monitor."""
    ends: list[Callable[[], object]] = []

    def script(request: Any) -> Any:
        if request.path.endswith("/baseline"):
            return service.Reply(200, BASELINE)
        return service.accepted(request)

    service.script = script
    service.tells_baseline = True

    def begin(
        *,
        formats: dict[str, InferenceFormat] | None = None,
        limits: ProxyLimits | None = None,
        monitor: str | None = None,
        upstream_port: int | None = None,
        held: BufferLimits | None = None,
        tls: ssl.SSLContext | None = None,
        upstream_tls: ssl.SSLContext | None = None,
        upstream_host: str = "127.0.0.1",
        **rules: Any,
    ) -> Running:
        known = dict(INFERENCE_FORMATS) if formats is None else formats
        url = monitor or service.url
        bounds = held or BufferLimits(linger_seconds=0.01, exit_seconds=0.2)
        delivery = TrafficDelivery(
            Delivery(Transport(url), "m", bounds.batch_events),
            BaselineNames(Client(url), "m", None, None),
            known,
            model_version=None,
            most_bytes=rules.get("most_bytes", 2**20),
            batch_events=bounds.batch_events,
        )
        buffer: Buffer[Captured] = Buffer(delivery, bounds)
        registry = CollectorRegistry()
        listener = socket.create_server(("127.0.0.1", 0))
        up = threading.Event()
        made: list[tuple[Proxy, asyncio.AbstractEventLoop, asyncio.Event]] = []

        async def main() -> None:
            loop = asyncio.get_running_loop()
            proxy = Proxy(
                Upstream(upstream_host, upstream_port or model_server.port, upstream_tls),
                limits or ProxyLimits(drain_seconds=0.5),
                TapRules(formats=known, **rules),
                buffer,
                ProxyMetrics("m", registry),
            )
            stop = asyncio.Event()
            made.append((proxy, loop, stop))
            await run(listener, lambda: proxy, up.set, stop, tls)

        def serve() -> None:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(main())

        thread = threading.Thread(target=serve)
        thread.start()
        assert up.wait(10)
        port = listener.getsockname()[1]
        proxy, loop, stopped = made[0]

        def end() -> None:
            if thread.is_alive():
                loop.call_soon_threadsafe(stopped.set)
                thread.join(10)
            buffer.close(0.2)
            assert not thread.is_alive()

        ends.append(end)
        running = Running(port, proxy, buffer, delivery, registry, loop, end)
        ends.insert(0, lambda: [wire.close() for wire in running.wires])
        return running

    yield begin
    for end in ends:
        end()
