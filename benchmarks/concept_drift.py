"""Detectors of concept drift side by side with river's, in the same run on the same losses.

FriedmanDrift: a frozen scikit-learn model, fitted on 10,000 rows; 2,000 held-out rows are the reference of the default
detector; 2,500 rows without a change follow, then 2,500 with one. A detection in the first 2,500 is a false alarm and
ends the trial. Then real and synthetic streams of errors with known changes, and the speed of each detector. River has
an environment of its own (`peers.toml`).

    python -m benchmarks.concept_drift                              # 30 trials a scenario, no data sets
    python -m benchmarks.concept_drift --trials 300 --data FOLDER   # what docs/concept_drift.md says
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.compare_speed import python_of
from driftwatch.core.detectors import DETECTORS, Detector
from driftwatch.detectors import EDetector

HERE = Path(__file__).parent
REFERENCE, STABLE = 2_000, 2_500
SCENARIOS = ("gra", "gsg", "lea")
SPEED_ROWS = 200_000
LEARNED = 2_000
"""After an alarm the default detector takes so many rows as its new reference."""


@dataclass(frozen=True)
class KnownStream:
    """A stream of errors of a frozen model. The reference lies before; changes are rows of the stream."""

    name: str
    reference: np.ndarray
    errors: np.ndarray
    changes: tuple[int, ...]


def river(command: str, folder: Path, *arguments: object) -> list[dict]:
    """Run river's part; answers the lines that it prints."""
    requirements = tomllib.loads((HERE / "peers.toml").read_text())["peers"]
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_CORETYPE"}
    environment |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": ""}
    worker = [python_of("river", requirements), HERE / "drift_worker.py", command, folder]
    done = subprocess.run(
        [*map(str, worker), *map(str, arguments)], capture_output=True, text=True, env=environment, check=False
    )
    if done.returncode:
        raise RuntimeError(f"river's part ended: {done.stderr.strip().rpartition(chr(10))[2]}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def friedman(folder: Path, trials: int) -> None:
    """The three scenarios: false alarms, drifts found, mean delay."""
    print(f"\nFriedmanDrift, {trials} trials a scenario: false alarms, found of the others, mean delay in rows")
    for scenario in SCENARIOS:
        river("friedman", folder, scenario, 0, trials)
        with np.load(folder / f"{scenario}-0.npz") as held:
            losses = held["losses"]
            first = {f"river {name}": held[name] for name in held.files if name != "losses"}
        first = {
            "EDetector": np.array([_first(EDetector(one[:REFERENCE]), one[REFERENCE:]) for one in losses]),
            **first,
        }
        for name, rows in first.items():
            false = (rows >= 0) & (rows < STABLE)
            found = rows >= STABLE
            delay = (rows[found] - STABLE).mean() if found.any() else float("nan")
            share = found.sum() / max((~false).sum(), 1)
            print(f"{scenario}  {name:20s} {false.mean():7.2%} {share:8.2%} {delay:8.1f}", flush=True)


def _first(detector: Detector, losses: np.ndarray) -> int:
    found = detector.update_many(losses)
    return int(found[0]) if len(found) else -1


def streams(data: Path) -> Iterator[KnownStream]:
    """The data sets, as errors of their frozen models."""
    sea = pd.read_parquet(data / "sea_50k" / "sea_50k.parquet")
    yield _known("sea_50k", sea, 6_250, 9_000, (12_500, 25_000, 37_500))
    elec = pd.read_parquet(data / "elec2" / "elec2.parquet")
    yield _known("elec2", elec, 8_736, 11_000, (17_424,))
    loan = pd.read_parquet(data / "car_loan" / "car_loan.parquet")
    yield _known("car_loan", loan.rename(columns={"repaid": "y"}), 0, 50_000, (75_000,))


def _known(name: str, rows: pd.DataFrame, first: int, stream: int, changes: tuple[int, ...]) -> KnownStream:
    errors = (rows["y"].to_numpy() != rows["y_pred"].to_numpy()).astype(float)
    return KnownStream(name, errors[first:stream], errors[stream:], tuple(one - stream for one in changes))


def rebasing(known: KnownStream) -> list[int]:
    """The default detector; after each alarm the rows that follow are its new reference."""
    found, at, reference = [], 0, known.reference
    while at < len(known.errors):
        detector = EDetector(reference, bounds=(0.0, 1.0))
        first = _first(detector, known.errors[at:])
        if first < 0:
            break
        found.append(at + first)
        at += first + 1
        reference = known.errors[at : at + LEARNED]
        at += len(reference)
        if len(reference) < LEARNED:
            break
    return found


def known_changes(folder: Path, data: Path) -> None:
    """Alarms before each change, delay after it, and what was missed."""
    for known in streams(data):
        np.save(folder / f"{known.name}.npy", known.errors)
        print(f"\n{known.name}: {len(known.errors):,} errors, changes at {known.changes}")
        print("detector               alarms  before the first  first after each change, in rows")
        for name in DETECTORS:
            found = rebasing(known) if name == "e_detector" else DETECTORS[name]().update_many(known.errors).tolist()
            _print_delays(name, found, known)
    for line in river("detect", folder):
        known_of = np.load(folder / f"{line['stream']}.npy")
        ours = DETECTORS[line["detector"]](**({"seed": 42} if line["detector"] == "kswin" else {}))
        same = ours.update_many(known_of).tolist() == line["found"]
        print(f"{line['stream']}: {line['detector']} says {'the same as' if same else 'OTHER THAN'} river's")


def _print_delays(name: str, found: list[int], known: KnownStream) -> None:
    ends = (*known.changes[1:], len(known.errors))
    delays = [
        next((str(row - change) for row in found if change <= row < end), "missed")
        for change, end in zip(known.changes, ends, strict=True)
    ]
    before = sum(row < known.changes[0] for row in found)
    print(f"{name:20s} {len(found):8,} {before:17,}  {', '.join(delays)}", flush=True)


def speed(folder: Path) -> None:
    """Values a second of the processor: many at once, one by one, and river's one by one."""
    rng = np.random.default_rng(1)
    losses, errors = rng.normal(size=SPEED_ROWS) ** 2, (rng.random(SPEED_ROWS) < 0.2).astype(float)
    for path in folder.glob("*.npy"):
        path.unlink()
    np.save(folder / "losses.npy", losses)
    np.save(folder / "errors.npy", errors)
    theirs = {line["detector"]: line["values_per_second"] for line in river("speed", folder)}
    print("\nMillions of values a second     many at once   one by one      river's")
    for name in DETECTORS:
        values = losses if name in ("e_detector", "adwin", "page_hinkley", "cusum", "kswin") else errors
        many, one = _rates(name, losses[:REFERENCE], values[: len(values) // 50] if name == "kswin" else values)
        beside = f"{theirs[name] / 1e6:12.3f}" if name in theirs else "           -"
        print(f"{name:28s} {many / 1e6:15.3f} {one / 1e6:12.3f} {beside}", flush=True)


def _rates(name: str, reference: np.ndarray, values: np.ndarray) -> tuple[float, float]:
    def made() -> Detector:
        return DETECTORS[name](**({"reference": reference} if name == "e_detector" else {}))

    detectors = [made() for _ in range(6)]
    many = _rate(lambda: detectors.pop().update_many(values), len(values))
    return many, _rate(lambda: _one_by_one(detectors.pop(), values), len(values))


def _one_by_one(detector: Detector, values: np.ndarray) -> None:
    update = detector.update
    for value in values.tolist():
        update(value)


def _rate(run: Callable[[], object], rows: int) -> float:
    best = 0.0
    for _ in range(3):
        began = time.process_time()
        run()
        best = max(best, rows / (time.process_time() - began))
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=30, help="of each scenario")
    parser.add_argument("--data", type=Path, help="folder with sea_50k, elec2 and car_loan")
    parser.add_argument("--only", choices=("friedman", "known", "speed"), help="one part alone")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="driftwatch-concept-") as name:
        folder = Path(name)
        if options.only in (None, "friedman"):
            friedman(folder, options.trials)
        if options.only in (None, "known") and options.data is not None:
            known_changes(folder, options.data)
        if options.only in (None, "speed"):
            speed(folder)


if __name__ == "__main__":
    main()
