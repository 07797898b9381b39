"""What ``driftwatch.watch`` costs: added to a call, held in a full buffer, and to import.

Run: ``python -m benchmarks.capture_cost [--calls 20000] [--features 20] [--peers]``. With ``--peers`` whylogs and
BentoML's monitor log the same rows, each in an environment of its own (``peers.toml``; installing them takes a minute).

Plain and watched calls of one row take turns one by one, so that both see the same machine; the difference of their
quantiles is the cost. Once by the clock on the wall, and once by the caller's own processor time, which other work on
the machine disturbs less, but which does not see waiting. ``service takes it`` is a real ``driftwatch serve`` beside
it, with the whole of its work on the same processors. A model that does nothing shows the cost where everything is in
the processor's caches; a real one, where nothing is.
"""

from __future__ import annotations

import argparse
import gc
import json
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from benchmarks.compare_speed import python_of
from driftwatch.capture import BufferLimits, Client, Watched, watch
from driftwatch.core.baseline import Baseline

NOWHERE = "http://127.0.0.1:9"
LARGE = BufferLimits(events=1_000_000, size_bytes=2**32)
FULL = BufferLimits(events=100)
GOALS = {"median": 4.0, "p99": 10.0, "memory": 20.0, "import": 50.0}

MEMORY = """
import logging, sys, tracemalloc
import numpy as np
logging.disable()
kind = sys.argv[1]
random = np.random.default_rng(1)
names = [f"x{i}" for i in range(int(sys.argv[2]))]
data = random.normal(size=(10_000, len(names)))
if kind == "numpy":
    rows = [data[i:i + 1] for i in range(10_000)]
elif kind == "lists":
    rows = [[one] for one in data.tolist()]
elif kind == "records":
    rows = [[dict(zip(names, one))] for one in data.tolist()]
elif kind == "pandas":
    import pandas
    frame = pandas.DataFrame(data, columns=names)
    frame["carrier"] = "UA"
    rows = [frame[i:i + 1] for i in range(10_000)]
from driftwatch.capture import BufferLimits, watch
answer = np.zeros(1)
model = watch(lambda rows: answer, url="http://127.0.0.1:9", name="m", feature_names=names,
              limits=BufferLimits(linger_seconds=60.0, batch_events=20_000, exit_seconds=0.0))
model(rows[0])
tracemalloc.start()
before = tracemalloc.get_traced_memory()[0]
for one in rows:
    model(one)
held = tracemalloc.get_traced_memory()[0] - before
print((held) / 1e6, 10_001 - model.dropped.total())
"""

IMPORT = """
import time
start, own = time.perf_counter(), time.process_time()
import driftwatch
driftwatch.watch
print((time.perf_counter() - start) * 1e3, (time.process_time() - own) * 1e3)
"""


class Nothing:
    """The cheapest model there is."""

    answer = np.zeros(1)

    def predict(self, X: Any) -> np.ndarray:
        """Answer at once."""
        return self.answer


CLOCKS = {"wall": time.perf_counter_ns, "own": time.thread_time_ns}


@dataclass(frozen=True)
class Cost:
    """Microseconds: a plain call's, and what capture adds at the median and at the 99th percentile."""

    plain_median: float
    added_median: float
    added_p99: float


def cost(
    plain: Callable[[Any], Any], watched: Callable[[Any], Any], rows: list[Any], calls: int, clock: str, pause: float
) -> Cost:
    """Alternate, beginning with each in turn."""
    now = CLOCKS[clock]
    alone, with_capture = np.empty(calls), np.empty(calls)
    for position in range(calls):
        row = rows[position % len(rows)]
        first, second = (plain, watched) if position & 1 else (watched, plain)
        start = now()
        first(row)
        between = now()
        second(row)
        end = now()
        one, two = between - start, end - between
        alone[position], with_capture[position] = (one, two) if position & 1 else (two, one)
        if pause:
            time.sleep(pause)
    (median, p99), (watched_median, watched_p99) = (
        np.quantile(one, [0.5, 0.99]) / 1e3 for one in (alone, with_capture)
    )
    return Cost(median, watched_median - median, watched_p99 - p99)


@contextmanager
def running_service(names: list[str], data: np.ndarray, truth: np.ndarray) -> Iterator[str]:
    """A service that knows the model."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "driftwatch", "serve", "--data", folder, "--port", "0"]
        service = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        try:
            assert service.stderr is not None
            url = next(line for line in service.stderr if "listens on" in line).split()[3]
            reference = {name: data[:, at] for at, name in enumerate(names)} | {"y": truth, "p": truth}
            baseline = Baseline.fit(
                reference, model="benchmark", model_version="1", task="binary", label="y", prediction="p"
            )
            with Client(url) as client:
                client.register(baseline)
            yield url
        finally:
            service.terminate()
            service.wait()


def watching(model: Any, url: str, names: list[str], limits: BufferLimits) -> Watched:
    return watch(model, url=url, name="benchmark", feature_names=names, limits=limits)


def print_costs(calls: int, features: int) -> bool:
    random = np.random.default_rng(1)
    names = [f"x{position}" for position in range(features)]
    data = random.normal(size=(1_000, features))
    truth = (data[:, 0] + random.normal(size=1_000) > 0).astype(int)
    regression = LogisticRegression().fit(data, truth)
    rows = [data[position : position + 1].copy() for position in range(1_000)]
    met = True
    print(f"One row of {features} features, {calls:,} calls each, in turns with plain ones; microseconds")
    print(f"{'':<40}{'wall':>9}{'+ median':>10}{'+ p99':>9}{'own time':>11}{'+ median':>10}{'+ p99':>9}{'dropped':>9}")
    with running_service(names, data, truth) as url:
        for title, model, address, limits, pause in (
            ("no model, service takes it", Nothing(), url, LARGE, 0.0),
            ("no model, buffer full", Nothing(), NOWHERE, FULL, 0.0),
            ("logistic regression, service takes it", regression, url, LARGE, 0.0),
            ("  a call every ms or so", regression, url, LARGE, 0.0005),
            ("  service away", regression, NOWHERE, LARGE, 0.0),
            ("  buffer full", regression, NOWHERE, FULL, 0.0),
        ):
            watched = watching(model, address, names, limits)
            gc.collect()
            gc.freeze()
            turns = calls // 10 if pause else calls
            found = [cost(model.predict, watched.predict, rows, turns, clock, pause) for clock in CLOCKS]
            watched.close(timeout_seconds=60.0 if address == url else 0.0)
            columns = "".join(
                f"{one.plain_median:>{width}.1f}{one.added_median:>10.2f}{one.added_p99:>9.2f}"
                for one, width in zip(found, (9, 11), strict=True)
            )
            print(f"{title:<40}{columns}{watched.dropped['buffer_full']:>9,}")
            met &= min(one.added_median for one in found) <= GOALS["median"]
            met &= min(one.added_p99 for one in found) <= GOALS["p99"]
    return met


def print_memory(features: int) -> bool:
    print(f"\nA full buffer of one-row calls of {features} features, megabytes")
    met = True
    for kind in ("numpy", "lists", "records", "pandas"):
        arguments = [sys.executable, "-c", MEMORY, kind, str(features)]
        done = subprocess.run(arguments, capture_output=True, text=True, check=True)
        megabytes, events = done.stdout.split()
        print(f"{kind:<40}{float(megabytes):>9.1f}   {int(events):,} events")
        met &= float(megabytes) <= GOALS["memory"]
    return met


def print_import() -> bool:
    runs = []
    for _ in range(7):
        done = subprocess.run([sys.executable, "-c", IMPORT], capture_output=True, text=True, check=True)
        runs.append([float(one) for one in done.stdout.split()])
    wall, own = (min(one) for one in zip(*runs, strict=True))
    print(f"\nimport driftwatch; driftwatch.watch: {wall:.0f} ms, of which {own:.0f} ms of processor time")
    return min(wall, own) <= GOALS["import"]


def print_peers(calls: int, features: int) -> None:
    versions = tomllib.loads(Path(__file__).with_name("peers.toml").read_text())["peers"]
    print(f"\nOthers, the same rows of {features} features; microseconds added to a call")
    for peer in ("whylogs", "bentoml"):
        worker = Path(__file__).with_name("capture_peer.py")
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(
                [python_of(peer, versions), worker, peer, str(calls // 10), str(features)],
                capture_output=True, text=True, check=True, cwd=folder,
            )  # fmt: skip
        found = json.loads(done.stdout.splitlines()[-1])
        print(f"{peer:<40}{found['median']:>9.1f} at the median{found['p99']:>9.1f} at p99")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--features", type=int, default=20)
    parser.add_argument("--peers", action="store_true")
    arguments = parser.parse_args()
    met = [
        print_costs(arguments.calls, arguments.features), print_memory(arguments.features), print_import()
    ]  # fmt: skip
    if arguments.peers:
        print_peers(arguments.calls, arguments.features)
    print(f"\ngoals: {GOALS['median']} and {GOALS['p99']} µs by the better clock, {GOALS['memory']} MB, "
          f"{GOALS['import']} ms: {'met' if all(met) else 'missed'}")  # fmt: skip
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
