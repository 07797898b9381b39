"""A baseline of a file that is several times larger than the memory it takes, against reading the file at once.

Writes a file of 20 numeric and 5 categorical columns, then fits a baseline twice, each time in a process of its own:
with ``driftwatch baseline fit``, which reads in parts, and by reading the whole file and calling ``Baseline.fit``.
Prints seconds and peak memory (resident, the interpreter and its libraries with it) beside the size of the rows.

    python -m benchmarks.fit_batches [--rows 6000000] [--format parquet|csv] [--timestamp] [--only-parts] [--limit 0.6]

Exits with 1 if the command's peak memory is more than ``--limit`` times the size of the rows in memory.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import csv, parquet

NUMERIC, NAMED = 20, 5
PART_ROWS = 200_000
WHOLE = (
    "import sys; from driftwatch.core.baseline import Baseline; from driftwatch.sources.files import read_table; "
    "Baseline.fit(read_table(sys.argv[1]), timestamp=sys.argv[2] if len(sys.argv) > 2 else None)"
)


def part(number: int, rows: int, *, timestamp: bool) -> pa.Table:
    """Some rows: normal numbers, names of a few hundred kinds, a time every minute."""
    rng = np.random.default_rng(number)
    names = pa.array([f"name {one}" for one in range(200)])
    columns = {f"x{one}": pa.array(rng.normal(size=rows).round(5)) for one in range(NUMERIC)}
    columns |= {f"c{one}": names.take(pa.array(rng.integers(0, 200, rows))) for one in range(NAMED)}
    if timestamp:
        minutes = number * PART_ROWS + np.arange(rows)
        columns["when"] = pa.array(np.datetime64("2020-01-01", "s") + minutes.astype("timedelta64[m]"))
    return pa.table(columns)


def written(path: Path, rows: int, *, timestamp: bool) -> int:
    """Write the file part by part; answers what its rows would take in memory, in bytes."""
    schema = part(0, 1, timestamp=timestamp).schema
    opened = csv.CSVWriter(path, schema) if path.suffix == ".csv" else parquet.ParquetWriter(path, schema)
    size = 0
    with opened as writer:
        for number, start in enumerate(range(0, rows, PART_ROWS)):
            table = part(number, min(PART_ROWS, rows - start), timestamp=timestamp)
            size += table.nbytes
            writer.write_table(table)
    return size


def run(*arguments: str) -> tuple[float, int]:
    """Seconds and peak resident memory in bytes of a Python process."""
    begun = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"a fit ended with exit code {process.returncode}")
    return time.perf_counter() - begun, usage.ru_maxrss * 1024


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rows", type=int, default=6_000_000)
    options.add_argument("--format", choices=("parquet", "csv"), default="parquet")
    options.add_argument("--timestamp", action="store_true", help="Learn natural variation, too.")
    options.add_argument("--only-parts", action="store_true", help="Leave out reading the file at once.")
    options.add_argument("--limit", type=float, default=0.6)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"rows.{chosen.format}"
        size = written(path, chosen.rows, timestamp=chosen.timestamp)
        named = ["when"] if chosen.timestamp else []
        output = ["-o", str(Path(folder) / "baseline.json"), *(f"--timestamp={one}" for one in named)]
        in_parts = run("-m", "driftwatch", "baseline", "fit", str(path), *output)
        measured = [("in parts", in_parts)]
        if not chosen.only_parts:
            measured.append(("at once", run("-c", WHOLE, str(path), *named)))
        print(f"{chosen.rows:,} rows: {size / 1e6:,.0f} MB in memory, {path.stat().st_size / 1e6:,.0f} MB on disk")
    for name, (seconds, peak) in measured:
        print(f"{name:>8}: {seconds:6.1f} s, peak {peak / 1e6:6,.0f} MB, {peak / size:.2f} times the rows")
    if in_parts[1] > chosen.limit * size:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
