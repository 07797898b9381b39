"""How often concept drift is alarmed where nothing changed, and how soon where something did.

    python -m benchmarks.concept_alarms                # what docs/concept_drift.md says
    python -m benchmarks.concept_alarms --data FOLDER  # and SEA, from FOLDER/sea_50k

- *judge*: the service's judge over 320 streams of 100 windows without a change: four kinds of error, two sizes of the
  reference, four of the windows, ten of each.
- *detector*: `EDetector` over streams of 25,000 losses without a change, at its default run length.
- *sea*: the judge over SEA, whose concept changes three times, once without a change of the error rate.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from driftwatch.core.baseline import Baseline
from driftwatch.core.concept.judge import judge_concept
from driftwatch.core.concept.memory import AfterAlarm, ConceptMemory
from driftwatch.core.evidence import FalseAlarmBudget
from driftwatch.core.frames import to_table
from driftwatch.core.performance import PerformanceSums
from driftwatch.core.policy import JudgePolicy
from driftwatch.core.records import AlertKind, Status
from driftwatch.detectors import EDetector

WINDOWS = 100
BUDGET = FalseAlarmBudget(windows=100)
REFERENCES, SIZES, STREAMS = (500, 3_000), (30, 100, 300, 1_000), 10
ROWS = 25_000

Draw = Callable[[np.random.Generator, int], np.ndarray]


def classes(share: float) -> Draw:
    """Labels and predictions of two classes, of which ``share`` are wrong."""

    def drawn(random: np.random.Generator, n: int) -> np.ndarray:
        label = random.random(n) < 0.3
        return np.column_stack([label, label ^ (random.random(n) < share)])

    return drawn


def numbers(error: Draw) -> Draw:
    def drawn(random: np.random.Generator, n: int) -> np.ndarray:
        label = random.normal(size=n)
        return np.column_stack([label, label + error(random, n)])

    return drawn


WORLDS: dict[str, Draw] = {
    "one in ten wrong": classes(0.1),
    "one in a hundred wrong": classes(0.01),
    "errors of Student's t, 3": numbers(lambda random, n: random.standard_t(3, n)),
    "lognormal errors": numbers(lambda random, n: random.lognormal(0.0, 1.0, n)),
}

LOSSES: dict[str, Draw] = {
    "squared normal": lambda random, n: random.normal(size=n) ** 2,
    "squared Student's t of 5": lambda random, n: random.standard_t(5, n) ** 2,
    "squared Student's t of 3": lambda random, n: random.standard_t(3, n) ** 2,
    "lognormal (1.5)": lambda random, n: random.lognormal(0.0, 1.5, n),
    "Pareto of 2": lambda random, n: random.pareto(2.0, n),
    "Cauchy": lambda random, n: np.abs(random.standard_cauchy(n)),
    "squared normal, 2 % of it five times as wide": lambda random, n: (
        (random.normal(size=n) * np.where(random.random(n) < 0.02, 5.0, 1.0)) ** 2
    ),
}


def fitted(rows: dict[str, np.ndarray], task: str) -> Baseline:
    return Baseline.fit(rows, evaluation=rows, label="y", prediction="p", task=task)


def judged(baseline: Baseline, windows: Iterator[dict[str, np.ndarray]], policy: JudgePolicy) -> Iterator[bool]:
    """Whether each window begins an alarm."""
    memory, before = ConceptMemory(), Status.OK
    for rows in windows:
        sums = PerformanceSums.of_table(baseline.schema, to_table(rows, baseline.schema))
        found = judge_concept(baseline, sums, memory, policy, None)
        assert found is not None
        memory, status = found.memory, found.verdict.status
        yield status is Status.DRIFT and before is not Status.DRIFT
        before = status


def columns(drawn: np.ndarray) -> dict[str, np.ndarray]:
    return {"x": np.arange(len(drawn)) % 7.0, "y": drawn[:, 0], "p": drawn[:, 1]}


def judge() -> None:
    alarmed, limit = 0, 0.0
    each = len(REFERENCES) * len(SIZES) * STREAMS
    for name, draw in WORLDS.items():
        task = "regression" if "errors" in name else "binary"
        here = 0
        for n_reference in REFERENCES:
            for size in SIZES:
                for seed in range(STREAMS):
                    random = np.random.default_rng([seed, n_reference, size, len(name)])
                    baseline = fitted(columns(draw(random, n_reference)), task)
                    policy = JudgePolicy(budget=BUDGET)
                    limit = policy.limit(AlertKind.CONCEPT_DRIFT, baseline, None).value
                    windows = (columns(draw(random, size)) for _ in range(WINDOWS))
                    here += any(judged(baseline, windows, policy))
        print(f"judge, {name}: {here} of {each} streams alarmed", flush=True)
        alarmed += here
    streams = each * len(WORLDS)
    print(f"judge: {alarmed} of {streams} streams of {WINDOWS} windows alarmed; allowed: {WINDOWS / limit:.0%} of them")


def detector(trials: int) -> None:
    for name, draw in LOSSES.items():
        shares = []
        for n_reference in (2_000, 600, 200):
            alarmed = 0
            for seed in range(trials):
                random = np.random.default_rng([seed, n_reference, len(name)])
                watching = EDetector(reference=draw(random, n_reference))
                alarmed += len(watching.update_many(draw(random, ROWS))) > 0
            shares.append(f"{alarmed / trials:.0%} with {n_reference:,} reference losses")
        print(f"detector, {name}: {', '.join(shares)}", flush=True)


def sea(data: Path) -> None:
    rows = pd.read_parquet(data / "sea_50k" / "sea_50k.parquet")
    frames = {"x": rows["f1"].to_numpy(), "y": rows["y"].to_numpy(), "p": rows["y_pred"].to_numpy()}

    def part(start: int, end: int) -> dict[str, np.ndarray]:
        return {name: values[start:end] for name, values in frames.items()}

    first, size = 9_000, 250
    baseline = fitted(part(6_250, first), "binary")
    policy = replace(JudgePolicy(budget=FalseAlarmBudget(windows=1_000)), after_alarm=AfterAlarm.REBASE)
    windows = (part(start, start + size) for start in range(first, len(rows), size))
    alarms = [first + size * (at + 1) for at, begins in enumerate(judged(baseline, windows, policy)) if begins]
    delays = [next((one - change for one in alarms if one > change), None) for change in (12_500, 25_000, 37_500)]
    print(f"sea: alarms at {alarms}; {delays} rows after the changes at 12,500, 25,000 and 37,500")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with sea_50k")
    parser.add_argument("--trials", type=int, default=30, help="streams of each kind of loss")
    options = parser.parse_args()
    if options.data is not None:
        sea(options.data)
    judge()
    detector(options.trials)


if __name__ == "__main__":
    main()
