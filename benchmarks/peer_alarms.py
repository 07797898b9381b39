"""Other tools' default drift decisions beside driftwatch's, on the same windows without drift; for `false_alarms.py`.

Windows are rows here, since other tools know no profiles. Each tool decides by its own defaults, in an environment of
its own (`peers.toml`); they are slow, so that they get few windows, and the bound says what that is worth.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.compare_speed import python_of
from driftwatch.core.baseline import Baseline
from driftwatch.core.evidence import EvidenceMemory
from driftwatch.core.frames import to_table
from driftwatch.core.judge import judge_inputs
from driftwatch.core.policy import JudgePolicy
from driftwatch.core.profile import Profile
from driftwatch.core.records import Status

HERE = Path(__file__).parent
PEERS = ("evidently", "evidently_psi", "nannyml")
WORDS = {
    "evidently": "Evidently's data drift preset (Wasserstein, Jensen-Shannon)",
    "evidently_psi": "Evidently's data drift preset with PSI",
    "nannyml": "NannyML's univariate drift (Jensen-Shannon)",
}

Rows = dict[str, np.ndarray]


@dataclass(frozen=True)
class Decided:
    """What a tool said of windows without drift."""

    tool: str
    rows: int
    columns: int
    drifted: tuple[int, ...]
    """For each window, how many columns."""

    @property
    def of_windows(self) -> float:
        """The share of windows with an alarm."""
        return float(np.mean([one > 0 for one in self.drifted]))

    @property
    def of_columns(self) -> float:
        """The share of columns that are called drifted."""
        return float(np.mean(self.drifted)) / self.columns


def ours(reference: Rows, windows: Sequence[Rows], categorical: Sequence[str], policy: JudgePolicy) -> Decided:
    """Driftwatch's decisions, remembering the windows before."""
    baseline, memory, drifted = Baseline.fit(reference, categorical=categorical), EvidenceMemory(), []
    for window in windows:
        judged = judge_inputs(baseline, Profile.of(baseline, to_table(window, baseline.schema)), memory, policy, None)
        memory = judged.memory
        drifted.append(sum(len(one.columns) for one in judged.verdicts if one.status is Status.DRIFT))
    return Decided("driftwatch", _rows(windows), len(reference), tuple(drifted))


def theirs(tool: str, reference: Rows, windows: Sequence[Rows]) -> Decided:
    """Another tool's decisions.

    Raises
    ------
    RuntimeError
        If it cannot be installed, or fails.
    """
    requirements = tomllib.loads((HERE / "peers.toml").read_text())["peers"]
    # One thread a tool; OPENBLAS_CORETYPE would choose kernels for another processor than this one.
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_CORETYPE"}
    environment |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": ""}
    with tempfile.TemporaryDirectory(prefix="driftwatch-alarms-") as name:
        folder = Path(name)
        np.savez(folder / "reference.npz", **reference)
        for number, window in enumerate(windows):
            np.savez(folder / f"window{number:06d}.npz", **window)
        try:
            done = subprocess.run(
                [python_of(tool, requirements), HERE / "alarm_worker.py", tool, folder],
                capture_output=True,
                text=True,
                env=environment,
                check=True,
            )
        except subprocess.CalledProcessError as error:
            last = str(error.stderr or error).strip().rpartition("\n")[2]
            raise RuntimeError(f"{tool} ended: {last}") from None
    drifted = tuple(int(json.loads(line)["columns"]) for line in done.stdout.splitlines())
    return Decided(tool, _rows(windows), len(reference), drifted)


def _rows(windows: Sequence[Rows]) -> int:
    return len(next(iter(windows[0].values())))
