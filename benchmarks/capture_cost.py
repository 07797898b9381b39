"""What ``driftwatch.watch`` adds to a one-row ``predict``, at the median and at the 99th percentile.

Run: ``python benchmarks/capture_cost.py [--calls 20000] [--clock wall|thread]``; with ``--clock thread`` it is the
caller's own processor time, which other work on the machine disturbs less.

Plain and watched calls take turns in one process, so that both see the same machine; the difference of their
quantiles is the cost. Once with a service that takes everything (a small one in another process), once with the
service away, once with a full buffer, and for a model that does nothing at all: there the cost is seen without the
noise of a real model.
"""

from __future__ import annotations

import argparse
import gc
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from driftwatch.capture import BufferLimits, Watched, watch

SERVICE = """
import json, re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Service(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        answer = json.dumps({"accepted": body.count(b'"prediction_id"'), "duplicates": 0, "rejected": []}).encode()
        self.send_response(202)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args):
        pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
print(server.server_port, flush=True)
server.serve_forever()
"""


@dataclass(frozen=True)
class Cost:
    """Added microseconds, and the plain call's own."""

    plain_median: float
    added_median: float
    added_p99: float
    dropped: int


class Nothing:
    """The cheapest model there is."""

    answer = np.zeros(1)

    def predict(self, X: Any) -> np.ndarray:
        """Answer at once."""
        return self.answer


CLOCKS = {"wall": time.perf_counter_ns, "thread": time.thread_time_ns}


def timed(
    function: Callable[[Any], Any], rows: list[Any], pause_seconds: float, clock: Callable[[], int]
) -> np.ndarray:
    found = np.empty(len(rows))
    for position, row in enumerate(rows):
        start = clock()
        function(row)
        found[position] = clock() - start
        if pause_seconds:
            time.sleep(pause_seconds)
    return found / 1e3


def cost(
    model: Any,
    watched: Watched,
    rows: list[Any],
    *,
    rounds: int,
    clock: Callable[[], int],
    pause_seconds: float = 0.0,
) -> Cost:
    plain, with_capture = [], []
    for _ in range(rounds):
        plain.append(timed(model.predict, rows, pause_seconds, clock))
        with_capture.append(timed(watched.predict, rows, pause_seconds, clock))
    quantiles = [np.quantile(np.concatenate(one), [0.5, 0.99]) for one in (plain, with_capture)]
    (plain_median, plain_p99), (median, p99) = quantiles
    return Cost(plain_median, median - plain_median, p99 - plain_p99, watched.dropped.total())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--features", type=int, default=20)
    parser.add_argument("--clock", choices=list(CLOCKS), default="wall")
    arguments = parser.parse_args()
    clock = CLOCKS[arguments.clock]
    random = np.random.default_rng(1)
    data = random.normal(size=(1_000, arguments.features))
    regression = LogisticRegression().fit(data, data[:, 0] + random.normal(size=1_000) > 0)
    rounds = max(1, arguments.calls // 2_000)
    rows = [data[position : position + 1].copy() for position in random.integers(0, 1_000, size=2_000)]
    names = [f"x{position}" for position in range(arguments.features)]
    service = subprocess.Popen([sys.executable, "-c", SERVICE], stdout=subprocess.PIPE, text=True)
    assert service.stdout is not None
    url = f"http://127.0.0.1:{int(service.stdout.readline())}"
    large = BufferLimits(events=10_000_000, size_bytes=2**34)
    gc.freeze()
    print(f"one row of {arguments.features} features, {rounds * 2_000:,} calls each; microseconds")
    print(f"{'':<44}{'plain':>10}{'+ median':>10}{'+ p99':>10}{'dropped':>10}")
    try:
        for title, model, address, limits in (
            ("no model, service takes it", Nothing(), url, large),
            ("no model, service away, buffer full", Nothing(), "http://127.0.0.1:9", BufferLimits(events=100)),
            ("logistic regression, service takes it", regression, url, large),
            ("logistic regression, service away", regression, "http://127.0.0.1:9", large),
            ("logistic regression, buffer full", regression, "http://127.0.0.1:9", BufferLimits(events=100)),
        ):
            watched = watch(model, url=address, name="benchmark", feature_names=names, limits=limits)
            found = cost(model, watched, rows, rounds=rounds, clock=clock)
            watched.close(timeout_seconds=30.0 if address == url else 0.0)
            print(
                f"{title:<44}{found.plain_median:>10.2f}{found.added_median:>10.2f}{found.added_p99:>10.2f}"
                f"{found.dropped:>10}"
            )
        watched = watch(regression, url=url, name="benchmark", feature_names=names)
        found = cost(regression, watched, rows, rounds=1, clock=clock, pause_seconds=0.0005)
        watched.close(timeout_seconds=30.0)
        print(
            f"{'logistic regression, a call every ms or so':<44}{found.plain_median:>10.2f}{found.added_median:>10.2f}"
            f"{found.added_p99:>10.2f}{found.dropped:>10}"
        )
    finally:
        service.terminate()
        service.wait()


if __name__ == "__main__":
    main()
