"""What another tool adds to a call that logs one row; runs in that tool's environment, for `capture_cost.py`.

Run: ``python capture_peer.py whylogs|bentoml CALLS FEATURES``
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable


def whylogs(names: list[str]) -> Callable[[list[float]], object]:
    """A profile in memory, a row at a time."""
    from whylogs.core import DatasetProfile

    profile = DatasetProfile()
    return lambda row: profile.track(dict(zip(names, row, strict=True)))


def bentoml(names: list[str]) -> Callable[[list[float]], object]:
    """The default monitor, which writes to files in the working directory."""
    import bentoml

    def log(row: list[float]) -> None:
        with bentoml.monitor("benchmark") as monitor:
            for name, value in zip(names, row, strict=True):
                monitor.log(value, name=name, role="feature", data_type="numerical")
            monitor.log(1, name="prediction", role="prediction", data_type="categorical")

    return log


def main() -> None:
    tool, calls, features = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    chance = random.Random(1)
    rows = [[chance.gauss(0, 1) for _ in range(features)] for _ in range(calls)]
    log = {"whylogs": whylogs, "bentoml": bentoml}[tool]([f"x{one}" for one in range(features)])
    took = []
    for row in rows:
        start = time.perf_counter_ns()
        log(row)
        took.append((time.perf_counter_ns() - start) / 1e3)
    took.sort()
    print(json.dumps({"median": took[len(took) // 2], "p99": took[int(len(took) * 0.99)]}))


if __name__ == "__main__":
    main()
