"""How much memory and time gradient training takes, by the number of rows.

Run: python benchmarks/training_memory.py [ROWS ...]

For each number of rows, a Parquet file is written in parts and `driftwatch.training.train` runs on it in a process of
its own: splits, one epoch of mini-batches of 256 rows, the test rows, the new baseline. Ten numeric columns, two
categorical.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

PART_ROWS = 50_000
NUMERIC = [f"x{at}" for at in range(10)]
RECIPE = f"""
model = "rows"
task = "regression"
[estimator]
name = "sklearn.linear_model.SGDRegressor"
[data]
numeric = {json.dumps(NUMERIC)}
categorical = ["kind", "place"]
[gradient]
rows = 256
epochs = 1
buffer_rows = 65536
[output]
format = "joblib"
"""


def write(path: Path, rows: int) -> None:
    """Rows of a linear truth, in order of time."""
    import pyarrow as pa
    from pyarrow import parquet

    random = np.random.default_rng(0)
    weights = random.normal(size=len(NUMERIC))
    writer = None
    for start in range(0, rows, PART_ROWS):
        n = min(PART_ROWS, rows - start)
        X = random.normal(size=(n, len(NUMERIC)))
        label = X @ weights + random.normal(size=n)
        at = np.datetime64("2026-01-01", "us") + (start + np.arange(n)) * np.timedelta64(10, "s")
        table = pa.table(
            {name: X[:, place] for place, name in enumerate(NUMERIC)}
            | {
                "kind": random.choice(["a", "b", "c"], n),
                "place": random.choice([f"p{one}" for one in range(50)], n),
                "event_time": pa.array(at).cast(pa.timestamp("us", tz="UTC")),
                "prediction": label + random.normal(0, 3, n),
                "label": label,
            }
        )
        writer = writer or parquet.ParquetWriter(path, table.schema)
        writer.write_table(table)
    assert writer is not None
    writer.close()


def measure(path: Path, folder: Path) -> None:
    """Train, and print the peak of this process' memory before and after as JSON."""
    from driftwatch.sources.files import FileBatches
    from driftwatch.training.model_store import ModelStore
    from driftwatch.training.recipe import parse_recipe
    from driftwatch.training.run import Job, train

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.perf_counter()
    recipe = parse_recipe(RECIPE)
    job = Job(
        recipe=recipe,
        version="1",
        batches=FileBatches(path),
        source="a file",
        store=ModelStore(folder / "models", recipe.model),
    )
    done = train(job)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = time.perf_counter() - began
    print(json.dumps({"outcome": done.outcome, "before": before, "peak": peak, "seconds": seconds}))


def main() -> None:
    if sys.argv[1:2] == ["--measure"]:
        measure(Path(sys.argv[2]), Path(sys.argv[3]))
        return
    for rows in [int(one) for one in sys.argv[1:]] or [250_000, 1_000_000]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "rows.parquet")
            write(path, rows)
            command = [sys.executable, __file__, "--measure", str(path), folder]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            found = json.loads(done.stdout)
            size = path.stat().st_size / 1e6
            print(
                f"{rows:>10,} rows ({size:,.0f} MB): {found['outcome']} in {found['seconds']:.0f} s; "
                f"peak {found['peak'] / 1024:,.0f} MB, {found['before'] / 1024:,.0f} MB of it before the first row"
            )


if __name__ == "__main__":
    main()
