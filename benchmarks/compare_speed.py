"""How fast `driftwatch.compare` is, beside other tools in the same run.

The work: 20 numeric columns (normal, log-normal, exponential, whole numbers) and 5 of categories, one with 50;
1,000,000 reference rows, which every tool that can has fitted before; then 100,000 or 1,000,000 live rows from the
same distributions. KS of all numeric columns and chi-square of the others; driftwatch does PSI of all columns too, and
judges what it found. Each tool is a process of its own, with its own environment. Tools take turns, so that a busy
machine is busy for all of them; the ratio of a turn is the peer's seconds over driftwatch's in that turn, and what is
printed is the median of these (a tool too slow for three turns: its median over driftwatch's).

    python -m benchmarks.compare_speed                        # everything
    python -m benchmarks.compare_speed --peers scipy nannyml --rows 100000 --turns 9

The peers of `peers.toml` are installed below the user's cache folder when first needed; what cannot be installed, or
fails, is passed over with a notice.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import tomllib
import venv
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "driftwatch-benchmarks"
REFERENCE_ROWS = 1_000_000
OURS = ("driftwatch", "driftwatch_profile", "driftwatch_psi")
PEERS = ("scipy", "nannyml", "evidently", "evidently_psi", "whylogs", "alibi_detect", "frouros")
FEWEST_TURNS = 3
RUN_TWICE_SECONDS = 5.0
"""A tool that takes less runs twice in its turn, and the second run counts: it has waited for all the others meanwhile,
and its code and data are in nobody's cache any more. To a slower one that makes no difference."""
SHARED = {"evidently_psi": "evidently"}
"""Peers that run in another one's environment."""


def write_rows(folder: Path, name: str, rows: int, seed: int) -> None:
    """20 columns of numbers and 5 of categories, a file each."""
    rng = np.random.default_rng(seed)
    for position in range(20):
        match position % 5:
            case 0 | 1:
                values = rng.normal(10.0 * position, 3.0, rows)
            case 2:
                values = rng.lognormal(0.0, 1.0, rows)
            case 3:
                values = rng.exponential(5.0, rows)
            case _:
                values = rng.integers(0, 40, rows).astype(float)
        np.save(folder / f"{name}.n{position:02d}.npy", values)
    for position in range(5):
        codes = rng.integers(0, 5 if position < 4 else 50, rows).astype(np.int8)
        np.save(folder / f"{name}.c{position:02d}.npy", codes)


def python_of(peer: str, requirements: dict[str, list[str]]) -> Path:
    """The interpreter of a peer's environment, which is made and filled if it is not there."""
    name = SHARED.get(peer, peer).replace("_", "-")
    if name not in requirements:
        return Path(sys.executable)
    home = CACHE / requirements[name][0].replace("==", "-")
    python = home / "bin" / "python"
    if not (home / "ready").exists():
        print(f"installing {name} ...", flush=True)
        venv.create(home, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *requirements[name]], check=True)
        (home / "ready").touch()
    return python


@dataclass
class Worker:
    """A tool's process."""

    tool: str
    process: subprocess.Popen[str]
    seconds: dict[int, list[float]] = field(default_factory=dict)
    is_alive: bool = True

    @classmethod
    def start(cls, tool: str, python: Path, folder: Path) -> Worker:
        # OPENBLAS_CORETYPE would choose kernels for another processor than this one; one thread each for all.
        environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_CORETYPE"}
        environment |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": ""}
        if tool in OURS:
            environment["PYTHONPATH"] = str(HERE.parent)
        process = subprocess.Popen(
            [python, HERE / "speed_worker.py", tool, folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if tool not in OURS else None,
            text=True,
            env=environment,
        )
        worker = cls(tool, process)
        print(f"{tool}: read and fitted in {worker.answer()['ready']:.1f} s", flush=True)
        return worker

    def answer(self) -> dict[str, float]:
        line = self.process.stdout.readline() if self.process.stdout else ""
        if not line:
            last = (self.process.stderr.read() if self.process.stderr else "").strip().rpartition("\n")[2]
            raise RuntimeError(f"{self.tool} ended: {last}")
        return dict(json.loads(line))

    def run(self, rows: int) -> float:
        if self.process.stdin is None:
            raise RuntimeError(f"{self.tool} listens to nobody")
        print(json.dumps({"rows": rows}), file=self.process.stdin, flush=True)
        return self.answer()["seconds"]

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


def started(tools: list[str], folder: Path, requirements: dict[str, list[str]]) -> list[Worker]:
    workers = []
    for tool in tools:
        try:
            workers.append(Worker.start(tool, python_of(tool, requirements), folder))
        except (OSError, RuntimeError, subprocess.CalledProcessError) as error:
            print(f"{tool} is passed over: {error}", flush=True)
    return workers


def take_turns(workers: list[Worker], rows: int, turns: int, budget_seconds: float) -> None:
    """Every tool once a turn; one that has used up its time waits, and its ratios are of the turns it took."""
    for turn in range(turns + 1):
        for worker in workers:
            times = worker.seconds.setdefault(rows, [])
            if sum(times) > budget_seconds or not worker.is_alive:
                continue
            try:
                seconds = worker.run(rows)
                if seconds < RUN_TWICE_SECONDS:
                    seconds = worker.run(rows)
            except RuntimeError as error:
                print(f"{worker.tool} is passed over: {error}", flush=True)
                worker.is_alive = False
                continue
            # The first turn warms up: files are read, caches filled. A slow tool's is counted all the same.
            if turn > 0 or seconds > budget_seconds / 2:
                times.append(seconds)


def median_ratio(peer: Worker, own: Worker, rows: int) -> float:
    """The median of the turns' ratios; a tool that had time for one or two turns is held against our median."""
    if len(peer.seconds[rows]) < FEWEST_TURNS:
        return statistics.median(peer.seconds[rows]) / statistics.median(own.seconds[rows])
    pairs = zip(peer.seconds[rows], own.seconds[rows], strict=False)
    return statistics.median(theirs / ours for theirs, ours in pairs)


def report(workers: list[Worker], rows: int) -> None:
    by_name = {worker.tool: worker for worker in workers}
    print(f"\n{rows:,} live rows\n{'tool':<20}{'median s':>10}" + "".join(f"{'x ' + own[10:]:>12}" for own in OURS))
    for worker in workers:
        if not worker.seconds[rows]:
            continue
        line = f"{worker.tool:<20}{statistics.median(worker.seconds[rows]):>10.4f}"
        if worker.tool not in OURS:
            for own in OURS:
                ratio = median_ratio(worker, by_name[own], rows) if own in by_name else float("nan")
                line += f"{ratio:>12.1f}"
        print(f"{line}   ({len(worker.seconds[rows])} turns)", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=list(PEERS))
    parser.add_argument("--rows", nargs="*", type=int, default=[100_000, 1_000_000])
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--budget-seconds", type=float, default=60.0, help="of one tool at one size")
    options = parser.parse_args()
    requirements = tomllib.loads((HERE / "peers.toml").read_text())["peers"]
    with tempfile.TemporaryDirectory(prefix="driftwatch-speed-") as name:
        folder = Path(name)
        write_rows(folder, "reference", REFERENCE_ROWS, seed=1)
        for rows in options.rows:
            write_rows(folder, f"live{rows}", rows, seed=rows)
        workers = started([*OURS, *options.peers], folder, requirements)
        try:
            for rows in options.rows:
                take_turns(workers, rows, options.turns, options.budget_seconds)
                report(workers, rows)
        finally:
            for worker in workers:
                worker.end()


if __name__ == "__main__":
    main()
