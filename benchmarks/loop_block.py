"""How long the service's event loop is blocked, at the longest, while it judges, compacts its log and is scraped.

Run: ``python -m benchmarks.loop_block [--days 40] [--goal 50]``. Takes about a minute.

A service is started in a process of its own, with everything as served and windows of an hour. Inside its event loop a
task sleeps a millisecond at a time and notes how much later than that it is woken: that is how long a request would
have waited. Beside it a process with the same task in a loop that has nothing else to do: what that notes is the
machine's doing, not the service's. And of each wait it is noted how much processor time the service took meanwhile: on
a machine where nothing else runs, the wait would have been that.

Meanwhile predictions of 25 features come day after day of event time, by several segments, so that windows close and
are judged; the log's files are kept small, so that they are written together; and ``/metrics`` is scraped ten times a
second. What was judged, compacted and scraped is counted and printed: nobody takes an idle loop for a quick one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from driftwatch.capture import Client
from driftwatch.core.baseline import Baseline

FEATURES = 25
SEGMENTS = tuple(f"c{number}" for number in range(8))
ROWS_A_DAY = 20_000
TICK_SECONDS = 0.001
START = datetime(2026, 1, 5, tzinfo=UTC)
ARROW = "application/vnd.apache.arrow.stream"
COUNTED = ("windows_judged_total", "log_files_retired_total")


@dataclass
class Heartbeat:
    """Notes how much too late a loop wakes a task, and what of it the process worked, in milliseconds."""

    late: list[tuple[float, float]] = field(default_factory=list)

    async def beat(self) -> None:
        while True:
            due, worked = time.perf_counter() + TICK_SECONDS, time.process_time()
            await asyncio.sleep(TICK_SECONDS)
            late = max(0.0, time.perf_counter() - due)
            self.late.append((late * 1e3, min(late, time.process_time() - worked) * 1e3))

    def answer_questions(self) -> None:
        """A line on the input asks what was noted since the one before."""
        for _ in sys.stdin:
            found, self.late = self.late, []
            print(json.dumps(found), flush=True)


def serve(data: Path) -> None:
    """The service, with a heartbeat in its loop."""
    import socket

    from driftwatch import bootstrap
    from driftwatch.cli.serve import put_requests_first
    from driftwatch.settings import load_settings
    from driftwatch.web.app import build_app
    from driftwatch.web.server import server_of

    settings = load_settings(
        data=data, window=timedelta(hours=1), lateness=timedelta(minutes=5), label_wait=timedelta(hours=1),
        segments=("n0",), file_rows=5_000, log_day_files=4,
    )  # fmt: skip
    listener = socket.create_server(("127.0.0.1", 0))
    # A service looks after its log once a minute.
    bootstrap.Pace = partial(bootstrap.Pace, housekeeping_seconds=1.0)  # type: ignore[misc, assignment]
    service = bootstrap.build_service(settings)
    service.start()
    put_requests_first()
    server = server_of(build_app(service, settings))
    heart = Heartbeat()
    plain = server.startup

    async def startup(sockets: list[socket.socket] | None = None) -> None:
        await plain(sockets)
        server.beating = asyncio.get_running_loop().create_task(heart.beat())  # type: ignore[attr-defined]
        threading.Thread(target=heart.answer_questions, daemon=True).start()
        print(listener.getsockname()[1], flush=True)

    server.startup = startup  # type: ignore[method-assign]
    server.run(sockets=[listener])


def idle() -> None:
    """A loop that has nothing else to do."""
    heart = Heartbeat()
    threading.Thread(target=heart.answer_questions, daemon=True).start()
    print(0, flush=True)
    asyncio.run(heart.beat())


@contextmanager
def process(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "benchmarks.loop_block", *arguments]
    started = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield started
    finally:
        started.terminate()
        started.wait()


def noted(started: subprocess.Popen[str]) -> np.ndarray:
    assert started.stdin is not None
    assert started.stdout is not None
    started.stdin.write("\n")
    started.stdin.flush()
    return np.array(json.loads(started.stdout.readline()) or [(0.0, 0.0)])


def day_of_rows(rng: np.random.Generator, day: int) -> Iterator[bytes]:
    """A day's predictions, in streams of an hour or so."""
    hours = 12
    for part in range(hours):
        count = ROWS_A_DAY // hours
        begin = START + timedelta(days=day, hours=part * 24 / hours)
        seconds = np.sort(rng.uniform(0, 86_400 / hours, count))
        times = pa.array([begin + timedelta(seconds=float(one)) for one in seconds], pa.timestamp("us", tz="UTC"))
        columns = {f"x{one}": rng.normal(size=count) for one in range(FEATURES - 1)}
        table = pa.table(
            {"prediction_id": [f"{day}-{part}-{one}" for one in range(count)], "event_time": times, **columns,
             "n0": rng.choice(SEGMENTS, count), "prediction": columns["x0"]}
        )  # fmt: skip
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        yield sink.getvalue().to_pybytes()


def counters(page: str) -> dict[str, float]:
    found = dict.fromkeys(COUNTED, 0.0)
    for line in page.splitlines():
        for name in COUNTED:
            if line.startswith(f"driftwatch_{name}"):
                found[name] += float(line.rsplit(" ", 1)[1])
    return found


class Scraper:
    """Asks for ``/metrics`` ten times a second."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._over = threading.Event()
        self.scrapes = 0
        self.page = ""
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._over.wait(0.1):
            with urllib.request.urlopen(f"{self._url}/metrics", timeout=60) as answer:
                self.page = answer.read().decode()
            self.scrapes += 1

    def stop(self) -> None:
        self._over.set()
        self._thread.join()


def measure(days: int, goal: float) -> bool:
    rng = np.random.default_rng(1)
    reference = {f"x{one}": rng.normal(size=20_000) for one in range(FEATURES - 1)}
    reference |= {"n0": rng.choice(SEGMENTS, 20_000), "p": reference["x0"]}
    baseline = Baseline.fit(reference, model="m", model_version="1", prediction="p", task="regression", segments=["n0"])
    with tempfile.TemporaryDirectory() as folder, process("--idle") as control, process("--serve", folder) as service:
        assert service.stdout is not None
        assert control.stdout is not None
        control.stdout.readline()
        url = f"http://127.0.0.1:{int(service.stdout.readline())}"
        with Client(url) as client:
            client.register(baseline)
        time.sleep(1)
        longest = [0.0, 0.0, 0.0]
        print(f"{'longest, and 99.9 %, ms':<34}{'late':>16}{'of it own work':>18}{'machine late':>18}")
        for title, lasting in (("idle", 0), ("rows, judging, compaction, scrapes", days)):
            noted(service), noted(control)
            scraper = Scraper(url) if lasting else None
            if scraper is None:
                time.sleep(5)
            else:
                send(url, rng, lasting)
                settle(scraper)
                scraper.stop()
            ours, machines = noted(service), noted(control)
            longest = [float(one.max()) for one in (ours[:, 0], ours[:, 1], machines[:, 0])]
            usual = [float(np.quantile(one, 0.999)) for one in (ours[:, 0], ours[:, 1], machines[:, 0])]
            cells = zip(longest, usual, (10, 12, 12), strict=True)
            print(f"{title:<34}" + "".join(f"{high:>{width}.1f}{low:>6.1f}" for high, low, width in cells))
            if scraper is not None:
                done = counters(scraper.page)
                print(f"windows judged {done[COUNTED[0]]:,.0f}, files of the log removed {done[COUNTED[1]]:,.0f}, "
                      f"scrapes {scraper.scrapes:,} of {len(scraper.page):,} bytes")  # fmt: skip
                assert all(done.values()), "something did not happen, so that nothing was measured"
    late, own, _ = longest
    met = min(late, own) <= goal
    print(f"goal: {goal:.0f} ms of its own: {'met' if met else f'missed by {own - goal:.0f} ms'}")
    return met


def send(url: str, rng: np.random.Generator, days: int) -> None:
    for day in range(days):
        for body in day_of_rows(rng, day):
            request = urllib.request.Request(
                f"{url}/v1/models/m/predictions", body, {"Content-Type": ARROW}, method="POST"
            )
            with urllib.request.urlopen(request, timeout=60) as answer:
                assert answer.status == 202


def settle(scraper: Scraper) -> None:
    """Until everything has happened, and nothing more does."""
    before: dict[str, float] = {}
    same, until = 0, time.monotonic() + 120
    while time.monotonic() < until and same < 4:
        time.sleep(2)
        now = counters(scraper.page)
        same = same + 1 if now == before and all(now.values()) else 0
        before = now


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=40)
    parser.add_argument("--goal", type=float, default=50.0)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--idle", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve is not None:
        serve(given.serve)
    elif given.idle:
        idle()
    else:
        return 0 if measure(given.days, given.goal) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
