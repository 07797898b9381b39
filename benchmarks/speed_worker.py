"""One tool of `compare_speed.py`, in a process of its own: fits once, then compares whenever it is told to.

Runs under each tool's own Python, so that it imports nothing but numpy before the tool is known. Speaks lines of JSON:
first ``{"ready": ...}``, then for each line ``{"rows": N}`` that it reads the seconds that comparing N rows took.
"""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

Compare = Callable[[object], object]


def frame(folder: Path, name: str):
    """The rows as a pandas frame: numbers, and categories with their names."""
    import pandas as pd

    columns = {}
    for path in sorted(folder.glob(f"{name}.*.npy")):
        values = np.load(path)
        column = path.name.split(".")[1]
        if column.startswith("c"):
            columns[column] = pd.Categorical.from_codes(values, [f"name{code}" for code in range(50)])
        else:
            columns[column] = values
    return pd.DataFrame(columns)


def numeric(data) -> list[str]:
    return [name for name in data.columns if name.startswith("n")]


def named(data) -> list[str]:
    return [name for name in data.columns if name.startswith("c")]


def driftwatch_exact(reference) -> Compare:
    from driftwatch import Baseline, compare

    baseline = Baseline.fit(reference, keep_reference=True)
    return lambda live: compare(baseline, live)


def driftwatch_profile(reference) -> Compare:
    from driftwatch import Baseline, compare

    baseline = Baseline.fit(reference)
    return lambda live: compare(baseline, live)


def driftwatch_psi(reference) -> Compare:
    from driftwatch import Baseline, compare
    from driftwatch.core.judge import JudgePolicy
    from driftwatch.core.records import ColumnKind

    baseline = Baseline.fit(reference)
    policy = JudgePolicy(statistics=dict.fromkeys(ColumnKind, ("psi",)))
    return lambda live: compare(baseline, live, policy=policy)


def scipy_loop(reference) -> Compare:
    from scipy.stats import chi2_contingency, ks_2samp

    def run(live):
        found = {name: ks_2samp(reference[name].to_numpy(), live[name].to_numpy()) for name in numeric(live)}
        for name in named(live):
            counts = np.array([reference[name].value_counts(sort=False), live[name].value_counts(sort=False)])
            found[name] = chi2_contingency(counts[:, counts.sum(axis=0) > 0])
        return found

    return run


def evidently(reference) -> Compare:
    from evidently import Report
    from evidently.presets import DataDriftPreset

    return lambda live: Report([DataDriftPreset(num_method="ks", cat_method="chisquare")]).run(live, reference).dict()


def evidently_psi(reference) -> Compare:
    from evidently import Report
    from evidently.presets import DataDriftPreset

    return lambda live: Report([DataDriftPreset(method="psi")]).run(live, reference).dict()


def nannyml(reference) -> Compare:
    import nannyml as nml

    calculator = nml.UnivariateDriftCalculator(
        column_names=list(reference.columns),
        treat_as_categorical=named(reference),
        continuous_methods=["kolmogorov_smirnov"],
        categorical_methods=["chi2"],
        chunk_number=1,
    )
    calculator.fit(reference)
    return lambda live: calculator.calculate(live).to_df()


def whylogs(reference) -> Compare:
    import whylogs as why

    why.log(reference)
    # Its profile alone: comparing two of them comes on top.
    return lambda live: why.log(live).view()


def alibi_detect(reference) -> Compare:
    from alibi_detect.cd import TabularDrift

    def matrix(data):
        return np.column_stack(
            [data[name].cat.codes if name.startswith("c") else data[name].to_numpy() for name in data.columns]
        )

    names = list(reference.columns)
    categories = {names.index(name): int(reference[name].cat.codes.max()) + 1 for name in named(reference)}
    detector = TabularDrift(matrix(reference), categories_per_feature=categories)
    return lambda live: detector.predict(matrix(live))


def frouros(reference) -> Compare:
    from frouros.detectors.data_drift import ChiSquareTest, KSTest

    detectors = {}
    for name in reference.columns:
        detectors[name] = ChiSquareTest() if name.startswith("c") else KSTest()
        detectors[name].fit(X=np.asarray(reference[name]))
    return lambda live: {name: one.compare(X=np.asarray(live[name])) for name, one in detectors.items()}


TOOLS: dict[str, Callable[[object], Compare]] = {
    "driftwatch": driftwatch_exact,
    "driftwatch_profile": driftwatch_profile,
    "driftwatch_psi": driftwatch_psi,
    "scipy": scipy_loop,
    "evidently": evidently,
    "evidently_psi": evidently_psi,
    "nannyml": nannyml,
    "whylogs": whylogs,
    "alibi_detect": alibi_detect,
    "frouros": frouros,
}


def main() -> None:
    tool, folder = sys.argv[1], Path(sys.argv[2])
    # Peers print to the standard output: the answers go to a copy of it.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    started = time.perf_counter()
    compare = TOOLS[tool](frame(folder, "reference"))
    print(json.dumps({"ready": time.perf_counter() - started}), file=answers)
    lives: dict[int, object] = {}
    for line in sys.stdin:
        rows = json.loads(line)["rows"]
        if rows not in lives:
            lives = {rows: frame(folder, f"live{rows}")}
        started = time.perf_counter()
        compare(lives[rows])
        print(json.dumps({"seconds": time.perf_counter() - started}), file=answers)


if __name__ == "__main__":
    main()
