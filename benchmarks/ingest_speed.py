"""How many events the service takes in durably, beside servers that store nothing, in the same run.

    python -m benchmarks.ingest_speed                          # everything, about four minutes
    python -m benchmarks.ingest_speed --only single arrow --seconds 5
    python -m benchmarks.ingest_speed --only sustained --sustained-seconds 300

Events have 20 features of numbers and 5 of names. The load comes from a process of its own on the same machine.

*single*: one event a request over 256 connections, beside a bare ASGI application and a FastAPI route with a pydantic
model. *json* and *arrow*: batches of 1,000 and of 10,000, acknowledged, and what is joined by the end.
*sustained*: batches of predictions and, for each of them, labels; while they come, ``/healthz`` is asked every 10 ms:
the longest answer bounds for how long the event loop was blocked. *light*: 50 single events a second.

Processor time a request tells more than requests a second where other work keeps the machine busy: both are printed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.ingest_load import MARK

PARTS = ("single", "light", "json", "arrow", "sustained")
SINGLE_CONNECTIONS = 256
PORT = 18_700
PATH = "/v1/models/speed/{kind}"
JSON, ARROW = "application/json", "application/vnd.apache.arrow.stream"
NUMBERS, NAMES = [f"n{position:02d}" for position in range(20)], [f"c{position}" for position in range(5)]


def features(rows: int, rng: np.random.Generator) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {name: rng.normal(10.0, 3.0, rows).round(4).tolist() for name in NUMBERS}
    for name in NAMES:
        found[name] = rng.choice(["red", "green", "blue", "black", "white"], rows).tolist()
    return found


def bodies(folder: Path) -> None:
    """Everything that is sent, as files; ids have eight digits of the request and five of the row."""
    rng = np.random.default_rng(1)
    columns = features(10_000, rng)
    predictions = rng.normal(0.0, 1.0, 10_000).round(4).tolist()
    rows = [
        {"features": {name: values[row] for name, values in columns.items()}, "prediction": predictions[row]}
        for row in range(1_000)
    ]
    mark = MARK.decode()
    ids = [f"{mark}{row:05d}" for row in range(10_000)]
    (folder / "one").write_text(json.dumps(rows[0]))
    (folder / "json").write_text(json.dumps([{"prediction_id": ids[row], **one} for row, one in enumerate(rows)]))
    (folder / "labels").write_text(json.dumps([{"prediction_id": one, "label": 0.5} for one in ids[:1_000]]))
    table = pa.table({"prediction_id": ids, **columns, "prediction": predictions})
    with pa.OSFile(str(folder / "arrow"), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table)


def baseline() -> bytes:
    from driftwatch import Baseline

    rng = np.random.default_rng(2)
    predicted = rng.normal(0.0, 1.0, 20_000)
    frame = {**features(20_000, rng), "predicted": predicted, "truth": predicted + rng.normal(0.0, 1.0, 20_000)}
    fitted = Baseline.fit(frame, model="speed", task="regression", label="truth", prediction="predicted")
    return fitted.to_json().encode()


def environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "OPENBLAS_CORETYPE"}
    return kept | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def asked(port: int, path: str, body: bytes | None = None, method: str = "GET") -> bytes:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data=body, method=method)
    if body is not None:
        request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=30) as answer:
        return bytes(answer.read())


@contextmanager
def running(command: list[str], port: int) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, env=environment(), stdout=subprocess.DEVNULL)
    try:
        for _ in range(300):
            try:
                asked(port, "/healthz")
                break
            except urllib.error.HTTPError:
                break
            except OSError:
                time.sleep(0.1)
        yield process
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def service(folder: Path, document: bytes) -> Iterator[subprocess.Popen[bytes]]:
    with tempfile.TemporaryDirectory(prefix="driftwatch-ingest-", dir=folder) as data:
        command = [sys.executable, "-m", "driftwatch", "serve", "--data", data, "--port", str(PORT)]
        with running(command, PORT) as process:
            asked(PORT, "/v1/models/speed/baseline", document, "PUT")
            yield process


def peer(name: str) -> Any:
    return running([sys.executable, "-m", "benchmarks.ingest_peers", name, str(PORT)], PORT)


def load(folder: Path, body: str, content_type: str, *, kind: str = "predictions", connections: int, seconds: float,
         per_second: float | None = None) -> dict[str, Any]:  # fmt: skip
    command = [sys.executable, "-m", "benchmarks.ingest_load", str(PORT), PATH.format(kind=kind), content_type]
    command += [str(folder / body), str(connections), str(seconds), *([str(per_second)] if per_second else [])]
    found: dict[str, Any] = json.loads(
        subprocess.run(command, capture_output=True, check=True, env=environment()).stdout
    )
    return found


def resident_mb(process: subprocess.Popen[bytes]) -> float:
    pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def processor_seconds(process: subprocess.Popen[bytes]) -> float:
    """User and system time of the process so far."""
    after_name = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")


def waiting_rows() -> float:
    page = asked(PORT, "/metrics").decode()
    (line,) = (one for one in page.splitlines() if one.startswith("driftwatch_spool_pending_rows "))
    return float(line.split()[1])


def drained(most_seconds: float = 600.0) -> float:
    """Seconds until everything acknowledged is through the windows and the join."""
    begun = time.perf_counter()
    while waiting_rows() > 0 and time.perf_counter() - begun < most_seconds:
        time.sleep(0.2)
    return time.perf_counter() - begun


def single(folder: Path, document: bytes, seconds: float) -> None:
    rates, costs = {}, {}
    for name in ("bare", "fastapi", "driftwatch"):
        with service(folder, document) if name == "driftwatch" else peer(name) as process:
            load(folder, "one", JSON, connections=SINGLE_CONNECTIONS, seconds=2.0)
            before = processor_seconds(process)
            found = load(folder, "one", JSON, connections=SINGLE_CONNECTIONS, seconds=seconds)
            costs[name] = (processor_seconds(process) - before) / found["requests"] * 1e6
            rates[name] = found["requests"] / found["seconds"]
            print(
                f"single, {name}: {rates[name]:,.0f} requests a second, {costs[name]:.0f} µs of processor time each, "
                f"{found['statuses']}",
                flush=True,
            )
    print(
        f"single: {rates['driftwatch'] / rates['bare']:.0%} of the bare application (goal 50 %), "
        f"{rates['driftwatch'] / rates['fastapi']:.1f} times FastAPI with pydantic (goal 2); by processor time "
        f"{costs['bare'] / costs['driftwatch']:.0%} and {costs['fastapi'] / costs['driftwatch']:.1f} times",
        flush=True,
    )


def light(folder: Path, document: bytes, seconds: float) -> None:
    with service(folder, document) as process:
        time.sleep(2.0)
        print(f"idle: {resident_mb(process):.0f} MB resident (goal 200)", flush=True)
        found = load(folder, "one", JSON, connections=8, seconds=2 * seconds, per_second=50.0)
        print(
            f"light load: median {found['median_ms']:.1f} ms, 99 % within {found['p99_ms']:.1f} ms (goal 30), "
            f"longest {found['max_ms']:.1f}",
            flush=True,
        )


def batches(folder: Path, document: bytes, seconds: float, name: str) -> None:
    rows, content_type, acknowledged, sustained = (
        (1_000, JSON, 150_000, 50_000) if name == "json" else (10_000, ARROW, 1_000_000, 200_000)
    )
    with service(folder, document) as process:
        before = processor_seconds(process)
        found = load(folder, name, content_type, connections=4, seconds=seconds)
        rest = drained()
        n_rows = found["statuses"].get("202", 0) * rows
        cost = (processor_seconds(process) - before) / max(n_rows, 1) * 1e6
        print(
            f"{name}, batches of {rows:,}: {n_rows / found['seconds']:,.0f} events a second acknowledged "
            f"(goal {acknowledged:,}); {n_rows / (found['seconds'] + rest):,.0f} through windows and join "
            f"(goal {sustained:,}), {cost:.1f} µs of processor time each; {found['statuses']}, "
            f"99 % within {found['p99_ms']:.0f} ms",
            flush=True,
        )


def sustained(folder: Path, document: bytes, seconds: float) -> None:
    with service(folder, document) as process:
        time.sleep(1.0)
        delays: list[float] = []
        over = threading.Event()

        def probe() -> None:
            while not over.wait(0.01):
                begun = time.perf_counter()
                asked(PORT, "/healthz")
                delays.append((time.perf_counter() - begun) * 1e3)

        def labelling() -> None:
            over.wait(1.0)
            results["labels"] = load(
                folder, "labels", JSON, kind="labels", connections=1, seconds=seconds - 1.0, per_second=30.0
            )

        results: dict[str, Any] = {}
        threads = [threading.Thread(target=probe), threading.Thread(target=labelling)]
        for thread in threads:
            thread.start()
        found = load(folder, "json", JSON, connections=2, seconds=seconds, per_second=30.0)
        threads[1].join()
        peak = resident_mb(process)
        over.set()
        threads[0].join()
        rest = drained()
        n_events = 1_000 * sum(one["statuses"].get("202", 0) for one in (found, results["labels"]))
        delays.sort()
        print(
            f"sustained for {seconds:.0f} s: {n_events / (found['seconds'] + rest):,.0f} predictions and labels a "
            f"second through windows, join and log (goal 50,000), {rest:.1f} s behind at the end; {found['statuses']}\n"
            f"meanwhile /healthz: 99 % within {delays[int(0.99 * len(delays))]:.0f} ms, longest {delays[-1]:.0f} "
            f"(goal 50); {peak:.0f} MB resident after {n_events / 1e6:.1f} million events (goal 300), "
            f"{resident_mb(process):.0f} at the end",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", choices=PARTS, default=list(PARTS))
    parser.add_argument("--seconds", type=float, default=10.0, help="of each load but the sustained one")
    parser.add_argument("--sustained-seconds", type=float, default=60.0)
    parser.add_argument("--folder", type=Path, help="where the data folders are made; the system's temporary one")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="driftwatch-bodies-", dir=options.folder) as name:
        folder = Path(name)
        bodies(folder)
        document = baseline()
        for part in options.only:
            if part == "single":
                single(folder, document, options.seconds)
            elif part == "light":
                light(folder, document, options.seconds)
            elif part == "sustained":
                sustained(folder, document, options.sustained_seconds)
            else:
                batches(folder, document, options.seconds, part)


if __name__ == "__main__":
    main()
