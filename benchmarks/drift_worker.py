"""River's part of `concept_drift.py`, in its own environment: FriedmanDrift streams, and river's detectors on losses.

    python drift_worker.py friedman FOLDER SCENARIO FIRST TRIALS      # writes SCENARIO-FIRST.npz: losses and detections
    python drift_worker.py detect FOLDER                              # detections on FOLDER/*.npy, of errors
    python drift_worker.py speed FOLDER                               # values a second on FOLDER/losses.npy, errors.npy

Imports nothing of driftwatch.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
from river import drift
from river.datasets import synth
from sklearn.ensemble import HistGradientBoostingRegressor

TRAIN, REFERENCE, STABLE, DRIFTED = 10_000, 2_000, 2_500, 2_500
NEVER = 10**9

DETECTORS = {
    "adwin": drift.ADWIN,
    "page_hinkley": drift.PageHinkley,
    "kswin": lambda: drift.KSWIN(seed=42),
    "ddm": drift.binary.DDM,
    "eddm": drift.binary.EDDM,
    "hddm_a": drift.binary.HDDMA,
    "hddm_w": drift.binary.HDDMW,
}
OF_LOSSES = ("adwin", "page_hinkley", "kswin")


def friedman(folder: Path, scenario: str, first: int, trials: int) -> None:
    """Squared residuals of a frozen model, by trial; the reference's first, then the stream's."""
    at = TRAIN + REFERENCE + STABLE
    positions = {"gra": (at, NEVER), "gsg": (at, NEVER), "lea": (at, NEVER, NEVER + 1)}[scenario]
    more = {"transition_window": 500} if scenario == "gsg" else {}
    rows = at + DRIFTED
    losses = np.empty((trials, REFERENCE + STABLE + DRIFTED))
    found = {name: np.full(trials, -1) for name in OF_LOSSES if name != "kswin"}
    for trial in range(trials):
        generator = synth.FriedmanDrift(drift_type=scenario, position=positions, seed=first + trial, **more)
        taken = list(generator.take(rows))
        x = np.array([list(row.values()) for row, _ in taken])
        y = np.array([label for _, label in taken])
        model = HistGradientBoostingRegressor(random_state=0).fit(x[:TRAIN], y[:TRAIN])
        losses[trial] = np.square(y[TRAIN:] - model.predict(x[TRAIN:]))
        for name, where in found.items():
            detector = DETECTORS[name]()
            for row, loss in enumerate(losses[trial, REFERENCE:].tolist()):
                detector.update(loss)
                if detector.drift_detected:
                    where[trial] = row
                    break
    np.savez(folder / f"{scenario}-{first}.npz", losses=losses, **found)


def detect(folder: Path) -> None:
    """All detections of each detector on each stream of errors, as lines of JSON."""
    for path in sorted(folder.glob("*.npy")):
        errors = np.load(path).tolist()
        for name, make in DETECTORS.items():
            detector, found = make(), []
            for row, error in enumerate(errors):
                detector.update(error)
                if detector.drift_detected:
                    found.append(row)
            print(json.dumps({"stream": path.stem, "detector": name, "found": found}), flush=True)


def speed(folder: Path) -> None:
    """Values a second, one by one, as river takes them; the best of three."""
    streams = {name: np.load(folder / f"{name}.npy").tolist() for name in ("losses", "errors")}
    for name, make in DETECTORS.items():
        values = streams["losses" if name in OF_LOSSES else "errors"]
        values = values[: len(values) // 50] if name == "kswin" else values
        best = 0.0
        for _ in range(3):
            detector = make()
            began = time.process_time()
            for value in values:
                detector.update(value)
            best = max(best, len(values) / (time.process_time() - began))
        print(json.dumps({"detector": name, "values_per_second": best}), flush=True)


if __name__ == "__main__":
    command, home = sys.argv[1], Path(sys.argv[2])
    if command == "friedman":
        friedman(home, sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
    elif command == "detect":
        detect(home)
    else:
        speed(home)
