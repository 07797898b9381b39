"""How often the tests of several columns cry wolf, and what they find of changes that hardly a column shows alone.

Rows have 20 numeric columns (heavy tails, few values, many zeros among them) and 5 of names, those of
`benchmarks.false_alarms`; the first two numeric ones are normal and go together with a given correlation, and so does a
count with a heavy tail. Each run draws a reference of twice the live rows and live rows.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python -m benchmarks.multivariate           # some minutes
    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python -m benchmarks.multivariate --quick   # a quarter of the runs

*Calibration* is the share of p-values up to 5 % and 1 % without drift where nothing is tolerated: valid ones have at
most that. *Alarms* are those of the verdict with the usual tolerances and a budget of 1 per 1,000 windows.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.false_alarms import Numeric, distributions
from driftwatch.core.evidence import FalseAlarmBudget
from driftwatch.core.multivariate import JOINT_TESTS
from driftwatch.core.multivariate.samples import Samples
from driftwatch.core.multivariate.together import chosen_tests, judged_together
from driftwatch.core.policy import JudgePolicy
from driftwatch.core.records import Status
from driftwatch.core.table import Names, Numbers, Table

POLICY = JudgePolicy(budget=FalseAlarmBudget.parse("1 per 1000 windows"))
NOTHING = {"domain_classifier": 0.5, "pca_reconstruction": 0.0, "mmd": 0.0, "correlation_change": 0.0}
"""Tolerances that tolerate nothing."""

SIZES = {200: 200, 1_000: 120, 10_000: 12}
"""Runs without drift by live rows."""

POWER_RUNS = {200: 24, 1_000: 24, 10_000: 4}
TRUTH = distributions()


@dataclass(frozen=True)
class Change:
    """A change of the live rows."""

    name: str
    correlation: float = 0.6
    apply: Callable[[dict[str, Numbers | Names], np.random.Generator], None] = lambda columns, rng: None


def rows(n: int, correlation: float, rng: np.random.Generator) -> dict[str, Numbers | Names]:
    columns: dict[str, Numbers | Names] = {}
    for one in TRUTH:
        if isinstance(one, Numeric):
            columns[one.name] = Numbers(one.draw(rng, n))
        else:
            codes = rng.choice(len(one.names), n, p=one.shares).astype(np.int32)
            columns[one.name] = Names(codes, tuple(one.names))
    first, second = columns["normal-0"].values, columns["normal-1"].values  # type: ignore[union-attr]
    columns["normal-1"] = Numbers(correlation * first + np.sqrt(1.0 - correlation**2) * second)
    columns["poisson"] = Numbers(rng.poisson(np.exp(0.5 * first)).astype(np.float64))
    return columns


def _shifted(columns: dict[str, Numbers | Names], rng: np.random.Generator) -> None:
    for name in ("normal-2", "normal-3", "normal-4", "normal-5"):
        columns[name] = Numbers(columns[name].values + 0.25)  # type: ignore[union-attr]


def _unlinked(columns: dict[str, Numbers | Names], rng: np.random.Generator) -> None:
    columns["poisson"] = Numbers(rng.permutation(columns["poisson"].values))  # type: ignore[union-attr]


def _linked_names(columns: dict[str, Numbers | Names], rng: np.random.Generator) -> None:
    two, x = columns["two"], columns["normal-6"]
    assert isinstance(two, Names)
    assert isinstance(x, Numbers)
    # The rarer name goes to the rows with the largest values: both columns stay as they were.
    rare = int(np.argmin(np.bincount(two.codes)))
    order = np.argsort(-x.values)
    codes = np.full(len(order), 1 - rare, dtype=np.int32)
    codes[order[: int((two.codes == rare).sum())]] = rare
    columns["two"] = Names(codes, two.names)


CHANGES = (
    Change("a correlation of 0.6 becomes -0.6", correlation=-0.6),
    Change("a correlation of 0.6 becomes 0.2", correlation=0.2),
    Change("a count no longer follows a column", apply=_unlinked),
    Change("a name comes to follow a column", apply=_linked_names),
    Change("four columns of 25 shift by 0.25 deviations", apply=_shifted),
)


def _table(columns: dict[str, Numbers | Names], n: int) -> Table:
    return Table(columns, n)


def _both(n: int, change: Change, rng: np.random.Generator) -> tuple[Table, Table]:
    live = rows(n, change.correlation, rng)
    change.apply(live, rng)
    return _table(rows(2 * n, 0.6, rng), 2 * n), _table(live, n)


def without_drift(n: int, runs: int, seed: int) -> dict[str, list[str]]:
    """A table's line for each test: calibration, named columns, seconds; and the alarms."""
    rng = np.random.default_rng(seed)
    p_values: dict[str, list[float]] = {name: [] for name in JOINT_TESTS}
    named: Counter[str] = Counter()
    seconds: Counter[str] = Counter()
    alarms = warnings = 0
    for _ in range(runs):
        reference, live = _both(n, Change("none"), rng)
        samples = Samples.of(reference, live)
        for test in chosen_tests(NOTHING):
            begun = time.perf_counter()
            p_values[test.name].append(test.measure(samples, test.tolerance, 0.05).p_value)
            seconds[test.name] += time.perf_counter() - begun  # type: ignore[assignment]
        found = judged_together(reference, live, chosen_tests(True), POLICY)
        alarms += found.verdict.status is Status.DRIFT
        warnings += found.verdict.status is Status.WARNING
        named.update(finding.test for finding in found.findings if finding.columns)
    lines = {
        name: [
            f"{np.mean(np.array(values) <= 0.05):.3f}",
            f"{np.mean(np.array(values) <= 0.01):.3f}",
            str(named[name]),
            f"{seconds[name] / runs:.2f}",
        ]
        for name, values in p_values.items()
    }
    lines["verdict"] = [f"{alarms} alarms, {warnings} warnings", "", "", ""]
    return lines


def found(n: int, change: Change, runs: int, seed: int) -> list[str]:
    """How often each test, and the verdict, say drift."""
    rng = np.random.default_rng(seed)
    counts: Counter[str] = Counter()
    for _ in range(runs):
        report = judged_together(*_both(n, change, rng), chosen_tests(True), POLICY)
        counts.update(finding.test for finding in report.findings if finding.status is Status.DRIFT)
        counts["verdict"] += report.verdict.status is Status.DRIFT
    return [f"{100.0 * counts[name] / runs:.0f} %" for name in (*JOINT_TESTS, "verdict")]


def _print_line(cells: Sequence[str]) -> None:
    print("| " + " | ".join(cells) + " |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a quarter of the runs")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    part = 4 if asked.quick else 1
    _print_line(["live rows", "runs", "test", "p <= 0.05", "p <= 0.01", "runs with names", "seconds"])
    _print_line(["---"] * 7)
    for n, runs in SIZES.items():
        for name, cells in without_drift(n, runs // part, asked.seed).items():
            _print_line([f"{n:,}", str(runs // part), name, *cells])
    print()
    _print_line(["live rows", "change", *JOINT_TESTS, "verdict"])
    _print_line(["---"] * (3 + len(JOINT_TESTS)))
    for n, runs in POWER_RUNS.items():
        for change in CHANGES:
            _print_line([f"{n:,}", change.name, *found(n, change, max(runs // part, 1), asked.seed)])


if __name__ == "__main__":
    main()
