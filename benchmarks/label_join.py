"""The join of labels with predictions: 10,000,000 outstanding, then labels in order and in no order.

Run it as ``python -m benchmarks.label_join [--outstanding N] [--batch N] [--folder DIR]``; Linux only, since it reads
``/proc``. Each batch is one transaction of the state, as a step of the pipeline is: hashes, look-up, what is answered,
the commit with its ``fsync``, and merging in the background. Beside it, in the same run, a bare table of SQLite keyed
by a 64-bit hash takes rows for as many seconds as the join took, hashes and batches ready made: what an index of its
kind costs at best here, as far as it comes.
"""

from __future__ import annotations

import argparse
import re
import sqlite3
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np

from driftwatch.core.events import LabelBatch
from driftwatch.core.table import Names, Numbers
from driftwatch.ports import Outstanding
from driftwatch.stores.state import SqlState

MODEL = "flights"
DAY = 86_400_000_000
SPAN = 90 * DAY
LABELS = 1_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--outstanding", type=int, default=10_000_000)
    parser.add_argument("--batch", type=int, default=10_000)
    parser.add_argument("--folder", type=Path, default=None)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as place:
        began = time.perf_counter()
        Join(Path(place), given.outstanding, given.batch).run()
        Tree(Path(place), given.outstanding, given.batch).run(time.perf_counter() - began)


@dataclass
class Join:
    """The join as the service has it."""

    folder: Path
    outstanding: int
    batch: int

    def open(self) -> SqlState:
        return SqlState.open(f"sqlite:///{self.folder}/state.db", label_horizon=timedelta(days=90))

    def run(self) -> None:
        said = f"{self.outstanding:,} predictions over 90 days, batches of {self.batch:,}"
        print(f"the join: {said}")
        state = self.open()
        rng = np.random.default_rng(1)
        _timed("predictions", range(0, self.outstanding, self.batch), lambda at: self.predict(state, at), self.batch)
        memory("  after them")
        order = rng.permutation(self.outstanding)[:LABELS]
        steps = range(0, len(order), self.batch)
        _timed("labels in no order", steps, lambda at: self.label(state, order[at : at + self.batch]), self.batch)
        memory("  after them")
        begin = self.outstanding // 2
        steps = range(begin, min(begin + LABELS, self.outstanding), self.batch)
        _timed("labels in order", steps, lambda at: self.label(state, np.arange(at, at + self.batch)), self.batch)
        _timed("the same again", steps, lambda at: self.label(state, np.arange(at, at + self.batch)), self.batch)
        strangers = range(2 * self.outstanding, 2 * self.outstanding + LABELS // 4, self.batch)
        _timed("labels of nobody", strangers, lambda at: self.label(state, np.arange(at, at + self.batch)), self.batch)
        memory("  after them")
        with state.read() as reader:
            print(f"  outstanding {reader.outstanding_count(MODEL):,}, waiting {reader.waiting_label_count(MODEL):,}")
        state.close()
        size = sum(file.stat().st_size for file in self.folder.rglob("*") if file.is_file())
        files = len(list((self.folder / "state.db.join").iterdir()))
        print(f"  on disk {size / 1e6:,.0f} MB, {size / self.outstanding:.0f} bytes a prediction, {files} files")
        began = time.perf_counter()
        state = self.open()
        print(f"  reopened in {time.perf_counter() - began:.2f} s")
        began = time.perf_counter()
        with state.transaction() as transaction:
            transaction.forget_outstanding(MODEL, SPAN // 2)
        print(f"  half of it forgotten in {time.perf_counter() - began:.3f} s")
        state.close()

    def predict(self, state: SqlState, at: int) -> int:
        rows = np.arange(at, min(at + self.batch, self.outstanding))
        ids = tuple(identifiers(rows))
        outstanding = Outstanding(
            prediction_ids=ids,
            model_version="1",
            segments=Names(np.zeros(len(ids), dtype=np.int32), ("",)),
            event_time=rows * (SPAN // self.outstanding),
            values=rows.astype(np.float64)[:, np.newaxis],
        )
        began = time.perf_counter()
        with state.transaction() as transaction:
            transaction.add_outstanding(MODEL, outstanding)
        return time.perf_counter() - began

    def label(self, state: SqlState, rows: np.ndarray) -> float:
        batch = LabelBatch(
            model=MODEL,
            prediction_ids=tuple(identifiers(rows)),
            event_time=rows * (SPAN // self.outstanding) + DAY,
            labels=Numbers(rows + 0.5),
        )
        began = time.perf_counter()
        with state.transaction() as transaction:
            joined = transaction.join_labels(batch)
        seconds = time.perf_counter() - began
        for one in joined:
            assert (one.labels.values == one.values[:, 0] + 0.5).all()
        return seconds


@dataclass
class Tree:
    """A bare table of SQLite, the rows given ready made."""

    folder: Path
    outstanding: int
    batch: int

    def run(self, seconds: float) -> None:
        print("a bare SQLite table by 64-bit hashes, WAL, as many rows a commit")
        with closing(sqlite3.connect(self.folder / "tree.db", isolation_level=None)) as connection:
            for pragma in ("journal_mode = WAL", "synchronous = FULL", "cache_size = -65536"):
                connection.execute(f"PRAGMA {pragma}")
            connection.execute("CREATE TABLE row (hash INTEGER PRIMARY KEY, time INTEGER, value REAL, label REAL)")
            deadline = time.perf_counter() + seconds
            steps = range(0, self.outstanding, self.batch)
            inserted = _timed("predictions", steps, lambda at: self.insert(connection, at), self.batch, deadline)
            print(f"  with {inserted:,} rows")
            order = np.random.default_rng(2).permutation(inserted)[: LABELS // 10]
            steps = range(0, len(order), self.batch)
            _timed(
                "labels in no order", steps, lambda at: self.label(connection, order[at : at + self.batch]), self.batch
            )

    def insert(self, connection: sqlite3.Connection, at: int) -> float:
        rows = np.arange(at, min(at + self.batch, self.outstanding))
        values = sorted(zip(scattered(rows), rows.tolist(), rows.astype(float).tolist(), strict=True))
        began = time.perf_counter()
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO row (hash, time, value) VALUES (?, ?, ?)", values)
        connection.execute("COMMIT")
        return time.perf_counter() - began

    def label(self, connection: sqlite3.Connection, rows: np.ndarray) -> float:
        values = [(0.5, one) for one in sorted(scattered(rows))]
        began = time.perf_counter()
        connection.execute("BEGIN IMMEDIATE")
        for _, one in values:
            connection.execute("SELECT time, value, label FROM row WHERE hash = ?", (one,)).fetchone()
        connection.executemany("UPDATE row SET label = ? WHERE hash = ?", values)
        connection.execute("COMMIT")
        return time.perf_counter() - began


def identifiers(rows: np.ndarray) -> list[str]:
    return [f"{row:08x}-0000-7000-8000-{row * 2654435761 % 2**48:012x}" for row in rows.tolist()]


def scattered(rows: np.ndarray) -> list[int]:
    mixed = (rows.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    return (mixed ^ (mixed >> np.uint64(29))).astype(np.int64).tolist()


def _timed(
    what: str, steps: Sequence[int], act: Callable[[int], float], batch: int, deadline: float = float("inf")
) -> int:
    """Do all steps, or those that there is time for; answers how many rows those were."""
    worked = time.process_time()
    seconds = [act(at) for at in steps if time.perf_counter() < deadline]
    worked = time.process_time() - worked
    last = seconds[-max(1, len(seconds) // 10) :]
    n_rows = batch * len(seconds)
    print(
        f"  {what:20} {n_rows / sum(seconds):>9,.0f} a second, the last tenth {batch * len(last) / sum(last):>9,.0f}, "
        f"the slowest batch {max(seconds):.2f} s, {worked / n_rows * 1e6:.1f} µs of a processor each",
        flush=True,
    )
    return n_rows


def memory(when: str) -> None:
    said = Path("/proc/self/status").read_text()
    now, peak, own = (re.search(rf"{name}:\s+(\d+)", said) for name in ("VmRSS", "VmHWM", "RssAnon"))
    assert now
    assert peak
    assert own
    print(
        f"{when:22} {int(now[1]) / 1024:>7,.0f} MB resident, at most {int(peak[1]) / 1024:,.0f} MB, "
        f"{int(own[1]) / 1024:,.0f} MB of it not file pages"
    )


if __name__ == "__main__":
    main()
