"""How fast a service answers what KServe's logger sends, and how soon all of it is read.

    python -m benchmarks.cloudevents_speed [--exchanges 5000]

A service in a process of its own, on disk, with one model; each exchange is a request and its response in binary mode,
one after the other over one of 1, 5 (KServe's workers) and 32 connections that stay open. An answer says that the event
is synced to the disk.
"""

from __future__ import annotations

import argparse
import json
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from driftwatch import Baseline, Client
from driftwatch.errors import ServiceError

CONNECTIONS = (1, 5, 32)


def baseline() -> Baseline:
    rng = np.random.default_rng(0)
    distance = rng.gamma(4.0, 200.0, 4_000)
    reference = {"distance": distance, "carrier": rng.choice(["AA", "UA"], 4_000), "p": distance / 8, "y": distance / 8}
    return Baseline.fit(reference, model="flights", task="regression", label="y", prediction="p")


@contextmanager
def service() -> Iterator[int]:
    """A running service; answers its port."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            "-m",
            "driftwatch",
            "serve",
            "--data",
            str(Path(folder) / "data"),
            "--port",
            str(port),
        ]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            with Client(f"http://127.0.0.1:{port}") as client:
                deadline = time.monotonic() + 60
                while True:
                    try:
                        if client.ready():
                            break
                    except ServiceError:
                        pass
                    if time.monotonic() > deadline:
                        raise SystemExit("the service did not start")
                    time.sleep(0.1)
                client.register(baseline())
            yield port
        finally:
            process.terminate()
            process.wait(30)


def written(event_id: str, kind: str, body: bytes) -> bytes:
    """One HTTP request, as KServe's agent writes it."""
    lines = (
        "POST / HTTP/1.1", "Host: localhost", "User-Agent: Go-http-client/1.1", f"Content-Length: {len(body)}",
        "Ce-Component: predictor", "Ce-Endpoint: default", f"Ce-Id: {event_id}", "Ce-Inferenceservicename: flights",
        "Ce-Metadata: %7B%7D", "Ce-Namespace: default", "Ce-Source: http://localhost:9081/", "Ce-Specversion: 1.0",
        f"Ce-Type: org.kubeflow.serving.inference.{kind}", "Content-Type: application/json", "", "",
    )  # fmt: skip
    return "\r\n".join(lines).encode() + body


def send(port: int, exchanges: Iterator[tuple[bytes, bytes]], milliseconds: list[float]) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        for exchange in exchanges:
            for one in exchange:
                begun = time.perf_counter()
                connection.sendall(one)
                answer = b""
                while b"\r\n\r\n" not in answer:
                    answer += connection.recv(65_536)
                milliseconds.append((time.perf_counter() - begun) * 1_000)
                assert answer.startswith(b"HTTP/1.1 200"), answer


def read_so_far(port: int) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        for line in answer.read().decode().splitlines():
            if line.startswith("driftwatch_cloudevents_read_total{"):
                return int(float(line.rsplit(" ", 1)[1]))
    return 0


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--exchanges", type=int, default=5_000)
    count = parser.parse_args().exchanges
    with service() as port:
        for turn, connections in enumerate(CONNECTIONS):
            asked, told = b'{"instances": [[800.0, "AA"]]}', b'{"predictions": [100.0]}'
            ids = [f"{turn}-{number}" for number in range(count)]
            exchanges = iter([(written(one, "request", asked), written(one, "response", told)) for one in ids])
            milliseconds: list[float] = []
            # The iterator of a list may be taken from by several threads.
            threads = [threading.Thread(target=send, args=(port, exchanges, milliseconds)) for _ in range(connections)]
            begun = time.perf_counter()
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            seconds = time.perf_counter() - begun
            while read_so_far(port) < count * (turn + 1):
                time.sleep(0.01)
            median, late = np.percentile(milliseconds, [50, 99])
            print(json.dumps({
                "connections": connections, "events_per_second": round(2 * count / seconds),
                "median_ms": round(float(median), 2), "p99_ms": round(float(late), 2),
                "read_after_seconds": round(time.perf_counter() - begun - seconds, 2),
            }))  # fmt: skip


if __name__ == "__main__":
    main()
