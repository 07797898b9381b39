"""What driftwatch's parts cost: adding rows, merging, judging, fitting, and the memory that comparing takes.

    python -m benchmarks.profile_speed

20 numeric columns and 5 of categories, 1,000,000 reference rows: the rows of `compare_speed.py`. Seconds are those of
the process's own time on one core, the best of several: other work on the machine adds to a time and never takes off.
Memory is the peak beyond what was there before, as the allocator counts it (NumPy reports its arrays to it).
"""

from __future__ import annotations

import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.compare_speed import REFERENCE_ROWS, write_rows
from benchmarks.speed_worker import frame
from driftwatch import compare
from driftwatch.core.baseline import Baseline
from driftwatch.core.evidence import EvidenceMemory
from driftwatch.core.frames import to_table
from driftwatch.core.judge import JudgePolicy, judge_inputs
from driftwatch.core.profile import Profile
from driftwatch.core.records import ColumnKind
from driftwatch.core.table import Table


def best(run: Callable[[], Any], repeats: int) -> float:
    seconds = []
    for _ in range(repeats):
        started = time.thread_time()
        run()
        seconds.append(time.thread_time() - started)
    return min(seconds)


def peak_bytes(run: Callable[[], Any]) -> int:
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    run()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak - before


def adding(baseline: Baseline, live: Table, kinds: set[ColumnKind], rows: int) -> float:
    """Values a second, of the columns of these kinds."""
    names = [column.name for column in baseline.schema.columns if column.kind in kinds]
    some = Table({name: live[name].take(slice(0, rows)) for name in names}, rows)  # type: ignore[arg-type]
    empty = best(lambda: Profile.of(baseline, Table({}, 0)), 20)
    seconds = best(lambda: Profile.of(baseline, some), 5 if rows > 100_000 else 60) - empty
    return rows * len(names) / seconds


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="driftwatch-speed-") as name:
        folder = Path(name)
        write_rows(folder, "reference", REFERENCE_ROWS, seed=1)
        write_rows(folder, "live", REFERENCE_ROWS, seed=2)
        reference, frame_of_live = frame(folder, "reference"), frame(folder, "live")
    size = int(reference.memory_usage(index=False).sum())
    baseline = Baseline.fit(reference)
    live = to_table(frame_of_live, baseline.schema)
    for rows in (1_000, 10_000, 100_000):
        numeric = adding(baseline, live, {ColumnKind.NUMERIC}, rows)
        both = adding(baseline, live, set(ColumnKind), rows)
        print(
            f"adding {rows:>7,} rows: {numeric / 1e6:6.1f} million numbers a second, {both / 1e6:6.1f} with categories"
        )
    one, other = Profile.of(baseline, live), Profile.of(baseline, live)
    print(f"merging two profiles: {best(lambda: one + other, 200) * 1e3:.2f} ms")
    policy = JudgePolicy()
    judge_seconds = best(lambda: judge_inputs(baseline, one, EvidenceMemory(), policy, None), 50)
    print(f"judging a window of {len(baseline.columns)} columns: {judge_seconds * 1e3:.2f} ms")
    print(f"Baseline.fit, {REFERENCE_ROWS:,} rows: {best(lambda: Baseline.fit(reference), 3):.2f} s")
    kept = Baseline.fit(reference, keep_reference=True)
    for words, run, data in (
        ("Baseline.fit", lambda: Baseline.fit(reference), size),
        ("compare with a baseline", lambda: compare(baseline, frame_of_live), size),
        ("compare with a baseline that keeps its rows", lambda: compare(kept, frame_of_live), size),
        ("compare two frames", lambda: compare(reference, frame_of_live), 2 * size),
    ):
        print(f"{words}: peak memory {peak_bytes(run) / data:+.0%} of the data's {data / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
