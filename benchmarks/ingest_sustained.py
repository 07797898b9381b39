"""Events a second that the pipeline keeps up with, and where its time goes.

Run it as ``python -m benchmarks.ingest_sustained [--seconds N] [--batch N] [--labels SHARE]``. Predictions of 25
features and their labels are put into the spool as batches of columns, as the routes do, by one thread; the pipeline
of the service (windows, the join, judging, the log) works in its own, in the same process, stores and ``fsync`` as
served. A minute of event time is as many rows as a batch: labels come half an hour later, windows are an hour long. The
spool is kept short, so what is counted is what is in windows, joined, judged and logged, not what was acknowledged.
"""

from __future__ import annotations

import argparse
import gc
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.label_join import memory
from driftwatch.bootstrap import build_service
from driftwatch.core.baseline import Baseline
from driftwatch.core.events import LabelBatch, PredictionBatch
from driftwatch.core.table import Names, Numbers, Table
from driftwatch.core.windows import to_microseconds
from driftwatch.pipeline import run
from driftwatch.pipeline.work import Work
from driftwatch.settings import load_settings
from driftwatch.stores import state_changes
from driftwatch.stores.state import SqlState

MODEL = "m"
N_NUMBERS, N_NAMES = 20, 5
START = to_microseconds(datetime(2026, 1, 5, tzinfo=UTC))
MINUTE = 60_000_000
LABEL_DELAY = 30
MOST_PENDING = 60_000
CATEGORIES = tuple(f"c{number}" for number in range(50))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--batch", type=int, default=1_000)
    parser.add_argument("--labels", type=float, default=1.0, help="share of predictions that get a label")
    parser.add_argument("--folder", type=Path, default=None)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as place:
        measure(Path(place), given.seconds, given.batch, given.labels)


@dataclass
class Clocked:
    """By stage, seconds and seconds of a processor, of the pipeline's thread."""

    seconds: dict[str, list[float]] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        began, worked = time.perf_counter(), time.thread_time()
        try:
            yield
        finally:
            spent = self.seconds.setdefault(name, [0.0, 0.0])
            spent[0] += time.perf_counter() - began
            spent[1] += time.thread_time() - worked

    def around(self, owner: Any, name: str, stage: str) -> None:
        plain = getattr(owner, name)

        def timed(*args: Any, **options: Any) -> Any:
            with self.stage(stage):
                return plain(*args, **options)

        setattr(owner, name, timed)

    def around_stages(self) -> None:
        run.STAGES = tuple(self._stage(one) for one in run.STAGES)

    def _stage(self, stage: Callable[[Work], None]) -> Callable[[Work], None]:
        holder = type("Holder", (), {"act": staticmethod(stage)})
        self.around(holder, "act", stage.__name__)
        return holder.act


class Traffic:
    """Batches of predictions and labels, made of rows that were drawn before."""

    def __init__(self, batch: int, share: float) -> None:
        self._rng = np.random.default_rng(3)
        self._batch = batch
        self._n_labels = round(batch * share)
        self._numbers = self._rng.normal(size=(64, N_NUMBERS, batch))
        self._codes = self._rng.integers(0, len(CATEGORIES), (64, N_NAMES, batch), dtype=np.int32)
        self._number = 0
        self._unlabelled: deque[tuple[tuple[str, ...], np.ndarray]] = deque()

    def baseline(self) -> Baseline:
        drawn = self._rng.normal(size=(N_NUMBERS, 50_000))
        codes = self._rng.integers(0, len(CATEGORIES), (N_NAMES, 50_000))
        reference: dict[str, Any] = {f"n{at}": column for at, column in enumerate(drawn)}
        reference |= {f"k{at}": np.array(CATEGORIES)[column] for at, column in enumerate(codes)}
        reference |= {"predicted": drawn[0], "truth": drawn[0] + self._rng.normal(size=50_000)}
        return Baseline.fit(reference, model=MODEL, task="regression", label="truth", prediction="predicted")

    def batches(self) -> Iterator[PredictionBatch | LabelBatch]:
        """A batch of predictions, then one of labels where some are due."""
        number = self._number
        self._number += 1
        numbers, codes = self._numbers[number % 64], self._codes[number % 64]
        columns: dict[str, Any] = {f"n{at}": Numbers(values) for at, values in enumerate(numbers)}
        columns |= {f"k{at}": Names(one, CATEGORIES) for at, one in enumerate(codes)}
        columns["predicted"] = Numbers(numbers[0])
        first = number * self._batch
        ids = tuple(
            f"{row:08x}-0000-7000-8000-{row * 2654435761 % 2**48:012x}" for row in range(first, first + self._batch)
        )
        times = START + number * MINUTE + np.arange(self._batch) * (MINUTE // self._batch)
        yield PredictionBatch(
            model=MODEL,
            model_version="1",
            prediction_ids=ids,
            event_time=times,
            segments=("",) * self._batch,
            columns=Table(columns, self._batch),
            extra=Table({}, self._batch),
            prediction="predicted",
        )
        self._unlabelled.append((ids[: self._n_labels], times[: self._n_labels]))
        if self._n_labels and len(self._unlabelled) > LABEL_DELAY:
            due, predicted = self._unlabelled.popleft()
            labels = Numbers(self._rng.normal(size=len(due)))
            event_time = predicted + LABEL_DELAY * MINUTE
            yield LabelBatch(model=MODEL, prediction_ids=due, event_time=event_time, labels=labels)


def measure(folder: Path, seconds: float, batch: int, share: float) -> None:
    traffic = Traffic(batch, share)
    settings = load_settings(
        data=folder / "data", window=timedelta(hours=1), lateness=timedelta(0), label_wait=timedelta(hours=1)
    )
    clocked = Clocked()
    clocked.around_stages()
    service = build_service(settings)
    service.operations.register_baseline(MODEL, traffic.baseline().to_json())
    pipeline = service.pipeline
    clocked.around(pipeline._spool, "read", "spool: read and decode")
    clocked.around(state_changes.SqlStateTransaction, "add_outstanding", "  of it: remember predictions")
    clocked.around(state_changes.SqlStateTransaction, "join_labels", "  of it: look labels up")
    clocked.around(Work, "save", "save slices")
    clocked.around(pipeline._judge, "judge_due", "judge")
    clocked.around(pipeline, "_record_in_steps", "log")
    clocked.around(pipeline, "_taken", "step, all but the log")
    clocked.around(pipeline, "wait_for_work", "wait for events")
    _around_commits(clocked)
    service.start()
    told = {"labels": 0, "predictions": 0}

    def send(until: float) -> None:
        receipts: deque[Any] = deque()
        while time.monotonic() < until:
            for one in traffic.batches():
                receipts.append(service.spool.append(one, datetime.now(UTC)))
                told["labels" if isinstance(one, LabelBatch) else "predictions"] += len(one)
            while len(receipts) > 20:
                receipts.popleft().result()
            while service.spool.rows_after(pipeline.applied()) > MOST_PENDING:
                time.sleep(0.005)

    with _settled():
        # Compiled loops are loaded and pages are warm before it counts.
        send(time.monotonic() + min(5.0, seconds / 4))
        clocked.seconds.clear()
        told.update(labels=0, predictions=0)
        before, began, cpu = _taken(service), time.monotonic(), time.process_time()
        sender = threading.Thread(target=send, args=(began + seconds,))
        sender.start()
        sender.join()
        lasted, used = time.monotonic() - began, time.process_time() - cpu
        taken = _taken(service) - before
    windows = len(service.operations.windows(MODEL, start=datetime(2026, 1, 1, tzinfo=UTC)))
    share_of_labels = told["labels"] / (told["labels"] + told["predictions"])
    print(
        f"{taken / lasted:,.0f} events a second over {lasted:.0f} s, {share_of_labels:.0%} of them labels; "
        f"{used / taken * 1e6:.1f} µs of a processor an event, {used / lasted:.2f} processors busy"
    )
    print(f"{windows} windows judged; {service.spool.pending_rows():,} rows in the spool")
    memory("memory")
    print("the pipeline's thread, microseconds an event (those in which it had a processor):")
    for stage, (spent, worked) in sorted(clocked.seconds.items(), key=lambda one: -one[1][0]):
        print(f"  {spent / taken * 1e6:6.2f} ({worked / taken * 1e6:5.2f})  {stage}")
    service.close()


def _taken(service: Any) -> int:
    counters = service.telemetry.snapshot().counters
    kinds = {"predictions_total", "labels_total"}
    return sum(amount for (name, _), amount in counters.items() if name in kinds)


def _around_commits(clocked: Clocked) -> None:
    plain = SqlState.transaction

    @contextmanager
    def timed(self: SqlState) -> Iterator[Any]:
        manager = plain(self)
        transaction = manager.__enter__()
        try:
            yield transaction
        except BaseException as error:
            manager.__exit__(type(error), error, error.__traceback__)
            raise
        with clocked.stage("commit"):
            manager.__exit__(None, None, None)

    SqlState.transaction = timed  # type: ignore[method-assign]


@contextmanager
def _settled() -> Iterator[None]:
    gc.collect()
    yield


if __name__ == "__main__":
    main()
