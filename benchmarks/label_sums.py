"""What adding a label to its window costs: sums of quality, with scores and without, and the profile of labelled rows.

Run it as ``python -m benchmarks.label_sums [--rows N] [--batch N]``. Each batch of labels, joined already, is added to
one slice as the pipeline adds it; the second figure is with reading the slice and writing it back, as each step does.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from driftwatch.core.baseline import Baseline
from driftwatch.core.performance import PerformanceSums
from driftwatch.core.profile import Profile
from driftwatch.core.selection import answers_of
from driftwatch.core.table import Names, Numbers, Table, Values


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--batch", type=int, default=10_000)
    given = parser.parse_args()
    rng = np.random.default_rng(1)
    for what, baseline, columns, label in (
        ("regression", *regression(rng, given.rows)),
        ("binary, no scores", *classes(rng, given.rows, 2, scored=False)),
        ("binary, scores", *classes(rng, given.rows, 2, scored=True)),
        ("3 classes, scores", *classes(rng, given.rows, 3, scored=True)),
        ("10 classes, scores", *classes(rng, given.rows, 10, scored=True)),
    ):
        measure(what, baseline, columns, label, given.batch)


def regression(rng: np.random.Generator, n: int) -> tuple[Baseline, dict[str, Values], Values]:
    label = rng.gamma(4.0, 20.0, n)
    said = label + rng.normal(0.0, 5.0, n)
    baseline = Baseline.fit({"y": label[:20_000], "said": said[:20_000]}, label="y", prediction="said")
    return baseline, {"said": Numbers(said)}, Numbers(label)


def classes(rng: np.random.Generator, n: int, size: int, *, scored: bool) -> tuple[Baseline, dict[str, Values], Values]:
    names = tuple(f"c{at}" for at in range(size))
    label = rng.integers(0, size, n).astype(np.int32)
    raw = rng.normal(size=(n, size)) + np.eye(size)[label]
    shares = np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)
    said = shares.argmax(axis=1).astype(np.int32)
    kept = shares[:, -1:] if size == 2 else shares
    scores = {f"p{at}": Numbers(np.ascontiguousarray(kept[:, at])) for at in range(kept.shape[1] if scored else 0)}
    reference = {name: values.values[:20_000] for name, values in scores.items()}
    reference |= {"y": np.array(names)[label[:20_000]], "said": np.array(names)[said[:20_000]]}
    task = "binary" if size == 2 else "multiclass"
    baseline = Baseline.fit(reference, label="y", prediction="said", score=list(scores), task=task)
    return baseline, {"said": Names(said, names), **scores}, Names(label, names)


def measure(what: str, baseline: Baseline, columns: dict[str, Values], label: Values, batch: int) -> None:
    schema, answers = baseline.schema, answers_of(baseline)
    sums, labelled = PerformanceSums.empty(schema.task, schema.classes), Profile.empty(answers)
    added = stored = 0.0
    for at in range(0, len(label), batch):
        rows = np.arange(at, min(at + batch, len(label)))
        began = time.process_time()
        part = {name: values.take(rows) for name, values in columns.items()}
        scores = [values.values for name in schema.scores if isinstance(values := part[name], Numbers)]
        sums += PerformanceSums.of(schema.task, schema.classes, part["said"], label.take(rows), scores)
        labelled += Profile.of(answers, Table(part, len(rows)))
        done = time.process_time()
        sums = PerformanceSums.from_bytes(sums.to_bytes())
        labelled = Profile.from_bytes(answers, labelled.to_bytes())
        added, stored = added + done - began, stored + time.process_time() - done
    n = len(label)
    print(
        f"{what:20} {added / n * 1e6:5.2f} µs a label, {(added + stored) / n * 1e6:5.2f} µs with the slice read and "
        f"written; {len(sums.to_bytes()):>7,} + {len(labelled.to_bytes()):,} bytes a slice"
    )


if __name__ == "__main__":
    main()
