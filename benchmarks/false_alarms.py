"""How often driftwatch cries wolf, and how soon it sees a change. No drift, then a small one; counts, not opinions.

A reference of 10,000 rows is drawn and fitted once per run of windows; 20 numeric columns (heavy tails, few values,
many zeros among them) and 5 of names (one with 50). Windows are then drawn from the *true* distribution, as counts
over the baseline's cells: that is what the judge sees of rows, and it is fast.

    python -m benchmarks.false_alarms            # everything: all sizes, 5,000 windows each
    python -m benchmarks.false_alarms --quick    # 500 windows each
    python -m benchmarks.false_alarms --parts peers --peer-windows 50

Beside other tools the windows are rows, the same for all; see `peer_alarms.py`.
"""

from __future__ import annotations

import argparse
import math
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc, ndtr, stdtr

from benchmarks.peer_alarms import PEERS, WORDS, Decided, ours, theirs
from driftwatch.core.baseline import Baseline, ColumnBaseline
from driftwatch.core.cells import NumericCells
from driftwatch.core.evidence import EvidenceMemory, FalseAlarmBudget, calibrated
from driftwatch.core.judge import JudgePolicy, judge_inputs
from driftwatch.core.profile import ColumnProfile, Profile
from driftwatch.core.records import Status, VerdictReason
from driftwatch.core.statistics import DEFAULT_STATISTICS, STATISTICS
from driftwatch.core.thresholds import REFERENCE_DOUBT

RUN_LENGTH = 1_000
WINDOW_ROWS = (50, 100, 200, 500, 5_000, 100_000)
POLICY = JudgePolicy(budget=FalseAlarmBudget.parse(f"1 per {RUN_LENGTH} windows"))

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Numeric:
    """A true distribution of numbers: how to draw from it, and its distribution function."""

    name: str
    draw: Callable[[np.random.Generator, int], Floats]
    below: Callable[[Floats], Floats]


@dataclass(frozen=True)
class Named:
    """A true distribution of names."""

    name: str
    shares: Floats

    @property
    def names(self) -> list[str]:
        """One a share."""
        return [f"{self.name}-{position:02d}" for position in range(len(self.shares))]


def _atoms(values: Sequence[float], shares: Sequence[float]) -> tuple[Callable[..., Floats], Callable[..., Floats]]:
    points, weights = np.array(values, dtype=np.float64), np.array(shares) / np.sum(shares)
    below = np.concatenate([[0.0], np.cumsum(weights)])
    return (
        lambda rng, n: rng.choice(points, n, p=weights),
        lambda x: below[np.searchsorted(points, x, side="right")],
    )


def _poisson(rate: float) -> tuple[Callable[..., Floats], Callable[..., Floats]]:
    shares = np.exp([k * math.log(rate) - rate - math.lgamma(k + 1) for k in range(40)])
    return _atoms(range(40), shares)


def _zero_inflated(x: Floats) -> Floats:
    return np.where(x < 0.0, 0.0, 0.6 + 0.4 * ndtr(np.log(np.maximum(x, 1e-300))))


def distributions() -> list[Numeric | Named]:
    """Twenty columns of numbers and five of names."""
    numeric = [
        *(Numeric(f"normal-{i}", lambda rng, n: rng.standard_normal(n), ndtr) for i in range(8)),
        Numeric("uniform", lambda rng, n: rng.random(n), lambda x: np.clip(x, 0.0, 1.0)),
        Numeric("exponential", lambda rng, n: rng.exponential(size=n), lambda x: -np.expm1(-np.maximum(x, 0.0))),
        Numeric("gamma", lambda rng, n: rng.gamma(0.5, size=n), lambda x: gammainc(0.5, np.maximum(x, 0.0))),
        Numeric("log-normal", lambda rng, n: rng.lognormal(0, 2, n), lambda x: ndtr(np.log(np.maximum(x, 1e-300)) / 2)),
        Numeric("cauchy", lambda rng, n: rng.standard_cauchy(n), lambda x: 0.5 + np.arctan(x) / np.pi),
        Numeric("student-2", lambda rng, n: rng.standard_t(2, n), lambda x: stdtr(2, x)),
        Numeric("two-humps", lambda rng, n: rng.standard_normal(n) + 6.0 * (rng.random(n) < 0.3),
                lambda x: 0.7 * ndtr(x) + 0.3 * ndtr(x - 6.0)),
        Numeric("flag", *_atoms([0, 1], [0.97, 0.03])),
        Numeric("stars", *_atoms([1, 2, 3, 4, 5], [1, 1, 3, 8, 6])),
        Numeric("poisson", *_poisson(3.0)),
        Numeric("hours", *_atoms(range(24), 1 + np.cos(np.arange(24) / 12 * np.pi) ** 2)),
        Numeric("zero-inflated", lambda rng, n: np.where(rng.random(n) < 0.6, 0.0, rng.lognormal(size=n)),
                _zero_inflated),
    ]  # fmt: skip
    zipf = 1.0 / np.arange(1, 51) ** 1.1
    few_rare = np.concatenate([np.full(9, 0.11), np.full(10, 0.001)])
    shares = {"two": [0.9, 0.1], "four": [4, 3, 2, 1], "ten": np.ones(10), "rare": few_rare, "fifty": zipf}
    named = [Named(name, np.array(share) / np.sum(share)) for name, share in shares.items()]
    return [*numeric, *named]


class World:
    """One reference drawn from the truth, its baseline, and windows of the truth as profiles."""

    def __init__(self, truth: Sequence[Numeric | Named], rows: int, rng: np.random.Generator) -> None:
        self.rng = rng
        self.truth = truth
        self.categorical = [one.name for one in truth if isinstance(one, Named)]
        self.reference = self.rows(rows)
        self.baseline = Baseline.fit(self.reference, categorical=self.categorical)
        self.shares = {one.name: self._cell_shares(one) for one in truth}

    def _cell_shares(self, one: Numeric | Named, shift: float = 0.0) -> Floats:
        cells = self.baseline.columns[one.name].cells
        if isinstance(cells, NumericCells):
            assert isinstance(one, Numeric)
            below = np.concatenate([[0.0], one.below(cells.edges - shift), [1.0]])
            return np.concatenate([np.maximum(np.diff(below), 0.0), [0.0, 0.0]])
        assert isinstance(one, Named)
        shares = np.zeros(cells.n_counts)
        position = {name: cell for cell, name in enumerate(cells.names)}
        position.update(dict.fromkeys(cells.rare, len(cells.names)))
        for name, share in zip(one.names, one.shares, strict=True):
            shares[position.get(name, len(cells.names) + 1)] += share
        return shares

    def rows(self, n: int) -> dict[str, NDArray[Any]]:
        """Rows of the truth."""
        return {
            one.name: one.draw(self.rng, n) if isinstance(one, Numeric) else self.rng.choice(one.names, n, p=one.shares)
            for one in self.truth
        }

    def shifted(self, one: Numeric, shift: float) -> dict[str, Floats]:
        """The truth with one column moved by ``shift``."""
        return {**self.shares, one.name: self._cell_shares(one, shift)}

    def window(self, rows: int, shares: dict[str, Floats] | None = None) -> Profile:
        """The profile of a window."""
        truth = self.shares if shares is None else shares
        columns = {}
        for name, column in self.baseline.columns.items():
            moments = ColumnProfile.empty(column).moments
            columns[name] = ColumnProfile(self.rng.multinomial(rows, truth[name]), moments)
        return Profile(rows, columns, self.baseline.layout)


@dataclass(frozen=True)
class Quiet:
    """What windows without drift gave."""

    rows: int
    windows: int
    alarms: int

    @property
    def per_thousand(self) -> float:
        """Alarms in 1,000 windows."""
        return 1_000.0 * self.alarms / self.windows

    @property
    def upper(self) -> float:
        """The 95 % upper confidence bound of alarms in 1,000 windows (Poisson, exact)."""
        return 1_000.0 * _poisson_upper(self.alarms) / self.windows


def _poisson_upper(count: int) -> float:
    low, high = float(count), count + 20.0 + 6.0 * math.sqrt(count + 1.0)
    for _ in range(60):
        middle = (low + high) / 2.0
        if 1.0 - float(gammainc(count + 1, middle)) > 0.05:
            low = middle
        else:
            high = middle
    return high


def quiet(rows: int, windows: int, *, reference_rows: int, references: int, seed: int) -> Quiet:
    """Count alarms without drift, over several references."""
    truth = distributions()
    alarms = 0
    for number in range(references):
        world = World(truth, reference_rows, np.random.default_rng([seed, number]))
        memory = EvidenceMemory()
        for _ in range(windows // references):
            judgement = judge_inputs(world.baseline, world.window(rows), memory, POLICY, None)
            memory = judgement.memory
            alarms += any(one.reason is VerdictReason.EVIDENCE_REACHED_BUDGET for one in judgement.verdicts)
    return Quiet(rows, windows // references * references, alarms)


def power(shift: float, rows: int, runs: int, *, within: int = 3, seed: int = 7) -> float:
    """The share of runs in which a shift of one of 25 columns is alarmed within so many windows."""
    truth = distributions()
    moved = truth[0]
    assert isinstance(moved, Numeric)
    found = 0
    for block in range(10):
        world = World(truth, 10_000, np.random.default_rng([seed, block]))
        shares = world.shifted(moved, shift)
        for _ in range(runs // 10):
            memory = EvidenceMemory()
            for _ in range(within):
                judgement = judge_inputs(world.baseline, world.window(rows, shares), memory, POLICY, None)
                memory = judgement.memory
                if any(one.status is Status.DRIFT for one in judgement.verdicts):
                    found += moved.name in judgement.verdicts[0].columns
                    break
    return found / (runs // 10 * 10)


@dataclass(frozen=True)
class Calibration:
    """What e-values and p-values of one statistic come to without drift."""

    statistic: str
    rows: int
    reference_rows: int
    mean_e: float
    worst_column: str
    worst_mean_e: float
    tail_ratio: float


def calibration(rows: int, reference_rows: int, windows: int, *, tolerant: bool, seed: int = 11) -> list[Calibration]:
    """Mean e-values without drift, and how often ``p <= 0.01`` against 0.01.

    ``tolerant`` uses the default tolerance; otherwise only the reference's sampling error is allowed for.
    """
    references = 4
    values: dict[tuple[str, str], list[float]] = {}
    tails: dict[str, list[bool]] = {}
    for number in range(references):
        world = World(distributions(), reference_rows, np.random.default_rng([seed, number]))
        for _ in range(windows // references):
            profile = world.window(rows)
            for name, column in world.baseline.columns.items():
                for statistic in DEFAULT_STATISTICS[column.column.kind]:
                    e_value, p_value = _tested(statistic, column, profile.columns[name], tolerant)
                    values.setdefault((statistic, name), []).append(e_value)
                    tails.setdefault(statistic, []).append(p_value <= 0.01)
    found = []
    for statistic, surprised in tails.items():
        means = {name: float(np.mean(one)) for (which, name), one in values.items() if which == statistic}
        worst = max(means, key=lambda name: means[name])
        mean = float(np.mean(list(means.values())))
        ratio = float(np.mean(surprised)) / 0.01
        found.append(Calibration(statistic, rows, reference_rows, mean, worst, means[worst], ratio))
    return found


def _tested(name: str, column: ColumnBaseline, profile: ColumnProfile, tolerant: bool) -> tuple[float, float]:
    statistic = STATISTICS[name]
    tolerance = statistic.sampling_error(column, REFERENCE_DOUBT)
    if tolerant:
        tolerance = max(tolerance, statistic.tolerance)
    p_value = statistic.exceedance(column, profile, tolerance)
    if statistic.bets is None:
        return calibrated(p_value), p_value
    return float(statistic.bets(column, profile, tolerance).mean()), p_value


def beside_peers(rows: int, windows: int, *, reference_rows: int, peers: Sequence[str]) -> Iterator[Decided]:
    """What driftwatch and other tools say of the same windows without drift; a tool that fails is passed over."""
    world = World(distributions(), reference_rows, np.random.default_rng([rows, 5]))
    drawn = [world.rows(rows) for _ in range(windows)]
    yield ours(world.reference, drawn, world.categorical, POLICY)
    for peer in peers:
        try:
            yield theirs(peer, world.reference, drawn)
        except (OSError, RuntimeError, subprocess.CalledProcessError) as error:
            print(f"{peer} is passed over: {error}", flush=True)


def judging_milliseconds() -> float:
    """How long one window of 25 columns takes to judge."""
    world = World(distributions(), 10_000, np.random.default_rng(3))
    profiles = [world.window(200) for _ in range(20)]
    memory = EvidenceMemory()
    start = time.perf_counter()
    for profile in profiles:
        memory = judge_inputs(world.baseline, profile, memory, POLICY, None).memory
    return (time.perf_counter() - start) / len(profiles) * 1_000.0


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="a tenth of the windows")
    parser.add_argument("--reference-rows", type=int, default=10_000)
    parser.add_argument("--parts", nargs="*", choices=PARTS, default=list(PARTS))
    parser.add_argument("--rows", nargs="*", type=int, default=list(WINDOW_ROWS), help="sizes of windows")
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=list(PEERS))
    parser.add_argument(
        "--peer-windows", type=int, default=50, help="of each size, for the slow tools beside driftwatch"
    )
    options = parser.parse_args()
    for part in options.parts:
        PARTS[part](options)


def _print_quiet(options: argparse.Namespace) -> None:
    windows = 500 if options.quick else 5_000
    print(f"No drift: {options.reference_rows:,} reference rows, 25 columns, budget 1 per {RUN_LENGTH:,} windows")
    print("| window rows | windows | alarms | per 1,000 windows | 95 % bound |\n|---|---|---|---|---|")
    for rows in options.rows:
        seen = quiet(rows, windows, reference_rows=options.reference_rows, references=10, seed=rows)
        rates = f"{seen.per_thousand:.2f} | {seen.upper:.2f}"
        print(f"| {rows:,} | {seen.windows:,} | {seen.alarms} | {rates} |", flush=True)


def _print_power(options: argparse.Namespace) -> None:
    print("\nOne of 25 columns moves: share of runs alarmed within three windows")
    print("| shift (standard deviations) | window rows | share |\n|---|---|---|")
    for shift, rows in ((0.5, 200), (0.25, 2_000)):
        print(f"| {shift} | {rows:,} | {power(shift, rows, 100 if options.quick else 1_000):.3f} |", flush=True)


def _print_peers(options: argparse.Namespace) -> None:
    print(f"\nNo drift, beside other tools at their defaults: {options.reference_rows:,} reference rows, 25 columns")
    print(
        "| window rows | tool | windows | with an alarm | 95 % bound | columns called drifted |\n"
        "|---|---|---|---|---|---|"
    )
    for rows in options.rows:
        for one in beside_peers(rows, options.peer_windows, reference_rows=options.reference_rows, peers=options.peers):
            found = Quiet(rows, len(one.drifted), sum(drifted > 0 for drifted in one.drifted))
            print(
                f"| {rows:,} | {WORDS.get(one.tool, one.tool)} | {found.windows} | {one.of_windows:.1%} "
                f"| {min(found.upper / 1_000.0, 1.0):.1%} | {one.of_columns:.1%} |",
                flush=True,
            )


def _print_calibration(options: argparse.Namespace) -> None:
    windows = 500 if options.quick else 5_000
    print("\nMean e-values without drift (at most 1), and how often p <= 0.01 in units of 0.01")
    print("| reference rows | window rows | tolerance | statistic | mean e | worst column | its mean e | p <= .01 |")
    print("|---|---|---|---|---|---|---|---|")
    for reference_rows in (1_000, 10_000):
        for rows in (50, 100, 200, 500, 5_000):
            for tolerant in (True, False):
                for one in calibration(rows, reference_rows, windows // 5, tolerant=tolerant):
                    print(
                        f"| {reference_rows:,} | {rows:,} | {'default' if tolerant else 'sampling error'} "
                        f"| {one.statistic} | {one.mean_e:.3f} | {one.worst_column} | {one.worst_mean_e:.3f} "
                        f"| {one.tail_ratio:.2f} |",
                        flush=True,
                    )
    print(f"\nJudging a window of 25 columns: {judging_milliseconds():.1f} ms")


PARTS: dict[str, Callable[[argparse.Namespace], None]] = {
    "quiet": _print_quiet,
    "power": _print_power,
    "peers": _print_peers,
    "calibration": _print_calibration,
}


if __name__ == "__main__":
    main()
