"""What ``driftwatch proxy`` adds to a request, and how many a second go through one process, with capture on.

Run: ``python benchmarks/proxy_cost.py [--requests 5000] [--connections 32] [--rounds 5]``

A small model server (asyncio, in a process of its own) is asked directly and through the proxy, in turns, over one
connection: the difference of their quantiles is the cost, in the same run on the same machine. Then many connections
at once: requests a second. Bodies of 1 kB in KServe's V1 protocol; the monitor is a small server in a process of its
own that takes everything, so that reading, encoding and sending are all paid for. In the end the goal's rate is
asked for through the proxy for ten seconds: what of it was logged, and what was dropped.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass

GOAL_P50_MS, GOAL_P99_MS, GOAL_RATE = 0.5, 2.0, 3_000

MODEL_SERVER = """
import asyncio, uvloop

ANSWER = b'{"predictions": [1]}'
REPLY = b"HTTP/1.1 200 OK\\r\\nContent-Type: application/json\\r\\nContent-Length: 20\\r\\n\\r\\n" + ANSWER

class Model(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.data = transport, b""

    def data_received(self, data):
        self.data += data
        while (end := self.data.find(b"\\r\\n\\r\\n") + 4) > 3:
            length = int(self.data[:end].lower().partition(b"content-length:")[2].partition(b"\\r\\n")[0])
            if len(self.data) < end + length:
                return
            self.data = self.data[end + length:]
            self.transport.write(REPLY)

async def main():
    server = await asyncio.get_running_loop().create_server(Model, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
    runner.run(main())
"""

MONITOR = """
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BASELINE = json.dumps({"baseline": {"schema": {"classes": []}, "columns": [
    {"name": f"feature_{i}", "role": "feature"} for i in range(FEATURES)]}}).encode()

class Monitor(BaseHTTPRequestHandler):
    disable_nagle_algorithm = True
    protocol_version = "HTTP/1.1"

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer(200, BASELINE)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        taken = body.count(b'"prediction_id"')
        self.answer(202, json.dumps({"accepted": taken, "duplicates": 0, "rejected": []}).encode())

    def log_message(self, *args):
        pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Monitor)
print(server.server_port, flush=True)
server.serve_forever()
"""

FEATURES = 52


def request_bytes() -> bytes:
    """A request with a body of about 1 kB: one row of 52 numbers."""
    body = json.dumps({"instances": [[round(1_000.0 + 3.7 * one, 6) * 1.000001 for one in range(FEATURES)]]}).encode()
    head = (
        "POST /v1/models/flights:predict HTTP/1.1\r\nHost: localhost\r\nUser-Agent: benchmark\r\nAccept: */*\r\n"
        f"Accept-Encoding: gzip\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Client(asyncio.Protocol):
    """Asks again as soon as it was answered."""

    def __init__(self, request: bytes, times: int, apart_seconds: float = 0.0) -> None:
        self.request = request
        self.left = times
        self.apart_seconds = apart_seconds
        self.next_at = time.perf_counter()
        self.seconds: list[float] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.data = b""
        self.began = 0.0
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        self.ask()

    def ask(self) -> None:
        self.began = time.perf_counter()
        self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self.data += data
        head, mark, body = self.data.partition(b"\r\n\r\n")
        if not mark or len(body) < int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]):
            return
        assert head.startswith(b"HTTP/1.1 200"), head
        self.seconds.append(time.perf_counter() - self.began)
        self.data = b""
        self.left -= 1
        if self.left and self.apart_seconds:
            self.next_at += self.apart_seconds
            asyncio.get_running_loop().call_later(max(0.0, self.next_at - time.perf_counter()), self.ask)
        elif self.left:
            self.ask()
        else:
            self.transport.close()
            self.done.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(ConnectionError(f"closed with {self.left} requests left"))


async def talk(port: int, request: bytes, times: int, connections: int, rate: float = 0.0) -> tuple[list[float], float]:
    """Seconds of each request, and requests a second; ``rate`` is how many are asked for, as many as possible if 0."""
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    clients = []
    for _ in range(connections):
        _, client = await loop.create_connection(
            lambda: Client(request, times // connections, connections / rate if rate else 0.0), "127.0.0.1", port
        )
        clients.append(client)
    await asyncio.gather(*(client.done for client in clients))
    seconds = [one for client in clients for one in client.seconds]
    return seconds, len(seconds) / (time.perf_counter() - began)


def p50(seconds: list[float]) -> float:
    return 1_000 * statistics.median(seconds)


def p99(seconds: list[float]) -> float:
    return 1_000 * statistics.quantiles(seconds, n=100)[98]


@dataclass
class Parts:
    """Processes of the benchmark."""

    running: list[subprocess.Popen[str]]

    def python(self, *arguments: str) -> subprocess.Popen[str]:
        one = subprocess.Popen(
            [sys.executable, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        self.running.append(one)
        return one


def first_number(stream: object) -> int:
    line = stream.readline()  # type: ignore[attr-defined]
    return int(re.findall(r"\d+", line)[-1])


def listening_port(process: subprocess.Popen[str]) -> int:
    assert process.stderr is not None
    for line in process.stderr:
        if found := re.search(r"listens on http://[^:]+:(\d+)", line):
            return int(found[1])
    raise RuntimeError("the proxy did not start")


def metrics(port: int) -> dict[str, float]:
    text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10).read().decode()
    return {name: float(value) for name, value in re.findall(r"^(driftwatch_proxy_\S+) (\S+)$", text, re.MULTILINE)}


async def sustained(proxied: int, metrics_port: int, connections: int) -> None:
    """Whether the goal's rate is kept for ten seconds, and everything of it logged."""
    before = read_and_lost(metrics_port)
    _, rate = await talk(proxied, request_bytes(), 10 * GOAL_RATE, connections, GOAL_RATE)
    await asyncio.sleep(3)
    read, lost = (now - then for now, then in zip(read_and_lost(metrics_port), before, strict=True))
    print(
        f"asked for {GOAL_RATE:,} a second for ten seconds: {rate:,.0f} a second; {read:,.0f} read, {lost:,.0f} dropped"
    )


async def measure(direct: int, proxied: int, requests: int, connections: int, rounds: int) -> None:
    request = request_bytes()
    print(f"request: {len(request):,} bytes, of which {len(request.partition(bytes((13, 10, 13, 10)))[2]):,} body")
    for port in (direct, proxied):
        await talk(port, request, 500, 1)
    added50, added99 = [], []
    print("one connection, ms       direct p50    p99   proxied p50    p99     added p50    p99")
    for _ in range(rounds):
        plain: list[float] = []
        passed: list[float] = []
        for _ in range(10):
            plain += (await talk(direct, request, requests // 10, 1))[0]
            passed += (await talk(proxied, request, requests // 10, 1))[0]
        added50.append(p50(passed) - p50(plain))
        added99.append(p99(passed) - p99(plain))
        print(
            f"                         {p50(plain):10.3f} {p99(plain):6.3f}   {p50(passed):11.3f} {p99(passed):6.3f}"
            f"   {added50[-1]:11.3f} {added99[-1]:6.3f}"
        )
    rates = []
    for _ in range(rounds):
        _, direct_rate = await talk(direct, request, requests, connections)
        _, rate = await talk(proxied, request, requests, connections)
        rates.append(rate)
        print(f"{connections} connections, requests a second: direct {direct_rate:,.0f}, proxied {rate:,.0f}")
    p50_added, p99_added, rate = map(statistics.median, (added50, added99, rates))
    for what, value, goal, is_met in (
        ("p50 added, ms (median of rounds)", p50_added, GOAL_P50_MS, p50_added <= GOAL_P50_MS),
        ("p99 added, ms (median of rounds)", p99_added, GOAL_P99_MS, p99_added <= GOAL_P99_MS),
        ("requests a second (median)", rate, GOAL_RATE, rate >= GOAL_RATE),
    ):
        print(f"{what}: {value:,.3f} (goal {goal:,}): {'met' if is_met else 'MISSED'}")


def read_and_lost(port: int) -> tuple[float, float]:
    found = metrics(port)
    lost = sum(value for name, value in found.items() if name.startswith("driftwatch_proxy_dropped_total"))
    return found['driftwatch_proxy_captured_total{model="flights"}'], lost


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=5_000, help="a round")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    parts = Parts([])
    try:
        direct = first_number(parts.python("-c", MODEL_SERVER).stdout)
        monitor = first_number(parts.python("-c", MONITOR.replace("FEATURES", str(FEATURES))).stdout)
        with socket.create_server(("127.0.0.1", 0)) as free:
            metrics_port = free.getsockname()[1]
        proxy = parts.python(
            "-m", "driftwatch", "proxy", "--upstream", f"http://127.0.0.1:{direct}", "--monitor",
            f"http://127.0.0.1:{monitor}", "--model", "flights", "--port", "0", "--metrics-port", str(metrics_port),
        )  # fmt: skip
        proxied = listening_port(proxy)
        asyncio.run(measure(direct, proxied, options.requests, options.connections, options.rounds))
        time.sleep(3)
        asyncio.run(sustained(proxied, metrics_port, options.connections))
        read, lost = read_and_lost(metrics_port)
        print(f"in all, {read:,.0f} predictions were read and {lost:,.0f} dropped")
    finally:
        for one in parts.running:
            one.terminate()
            one.wait(10)


if __name__ == "__main__":
    main()
