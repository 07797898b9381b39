"""The proxy as a whole: it listens, watches the time, copies what is worth it, and ends in order."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from driftwatch.capture.buffer import Buffer
from driftwatch.capture.proxy.downstream import ClientConnection
from driftwatch.capture.proxy.exchange import Exchange
from driftwatch.capture.proxy.heads import Refused, RequestHead
from driftwatch.capture.proxy.metrics import ProxyMetrics
from driftwatch.capture.proxy.upstream import Pool
from driftwatch.capture.tap import Tap, TapRules
from driftwatch.capture.traffic import Captured

if TYPE_CHECKING:
    import ssl

_HANDSHAKE_SECONDS = 10.0
_LAST_TURNS = 5
_ENDS = {"cancelled": "cancelled", "bad_request": "client_error", "slow_client": "client_error"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyLimits:
    """How long things may take.

    Attributes
    ----------
    timeout_seconds
        For an exchange in which nothing moves.
    connect_seconds
        For a connection to the model server.
    drain_seconds
        For requests on their way when the proxy is told to end.
    """

    timeout_seconds: float = 300.0
    connect_seconds: float = 5.0
    drain_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where the model server is."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None


class Proxy:
    """The parts that all connections share. Made within a running loop."""

    def __init__(
        self,
        upstream: Upstream,
        limits: ProxyLimits,
        rules: TapRules,
        buffer: Buffer[Captured],
        metrics: ProxyMetrics,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.clients: set[ClientConnection] = set()
        self.pool = Pool(upstream.host, upstream.port, upstream.tls, limits.connect_seconds)
        self.timeout_seconds = limits.timeout_seconds
        self.draining = False
        self.not_copied: Counter[str] = Counter()
        self.tap: Callable[[RequestHead], Tap | None] = rules.tapper()
        self._limits = limits
        self._buffer = buffer
        self._metrics = metrics
        metrics.connections.set_function(lambda: len(self.clients))

    def ended(self, exchange: Exchange, how: str) -> None:
        """An exchange is over: count it, and hand its copy on."""
        metrics = self._metrics
        answered = how == "answered"
        if exchange.status:
            metrics.request(exchange.status)
        if not answered:
            metrics.failure(how)
        metrics.overhead.observe(exchange.overhead)
        tap = exchange.tap
        if tap is None:
            return
        if not answered:
            metrics.prediction(_ENDS.get(how, "no_answer"))
        elif exchange.status >= 400:
            metrics.prediction("server_error" if exchange.status >= 500 else "client_error")
        else:
            metrics.prediction("ok")
            if 200 <= exchange.status < 300 and exchange.request_done:
                self._keep(tap)

    def refused(self, refused: Refused) -> None:
        """A message was no request."""
        self._metrics.request(refused.status)
        self._metrics.failure("bad_request")

    def check(self) -> None:
        """Give up what takes too long."""
        now = self.loop.time()
        for client in list(self.clients):
            client.check(now)
        self.pool.tidy()

    async def drain(self) -> None:
        """Let what is on its way come to its end, for a while."""
        self.draining = True
        for client in list(self.clients):
            client.drain()
        until = self.loop.time() + self._limits.drain_seconds
        while self.clients and self.loop.time() < until:
            self.check()
            await asyncio.sleep(0.02)
        for client in list(self.clients):
            client.transport.abort()
        self.pool.close()
        # What was broken off hears of it in the loop's next turns, of which the loop has none once it is closed.
        for _ in range(_LAST_TURNS):
            await asyncio.sleep(0)

    def _keep(self, tap: Tap) -> None:
        if not tap.is_whole:
            self.not_copied["too_large"] += 1
            return
        try:
            self._buffer.put(Captured(tap, time.time()))
        except Exception:  # noqa: BLE001 - whatever goes wrong in here is not the traffic's concern
            self.not_copied["defect"] += 1


async def run(
    listener: socket.socket,
    make: Callable[[], Proxy],
    ready: Callable[[], object],
    stop: asyncio.Event | None = None,
    tls: ssl.SSLContext | None = None,
) -> None:
    """Serve, over TLS where a context is given, until SIGTERM or SIGINT (or ``stop``), then end in order."""
    loop = asyncio.get_running_loop()
    proxy = make()
    ending = stop or asyncio.Event()
    if stop is None:
        for one in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(one, ending.set)
    server = await loop.create_server(
        lambda: ClientConnection(proxy),
        sock=listener,
        backlog=1_024,
        ssl=tls,
        ssl_handshake_timeout=None if tls is None else _HANDSHAKE_SECONDS,
    )
    ready()
    pause = min(1.0, max(0.05, proxy.timeout_seconds / 4))
    while not ending.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(ending.wait(), pause)
        proxy.check()
    server.close()
    await proxy.drain()


__all__ = ["Proxy", "ProxyLimits", "Upstream", "run"]
