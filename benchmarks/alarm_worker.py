"""Another tool's default drift decisions, for `false_alarms.py`: one tool, in a process and an environment of its own.

Reads ``reference.npz`` and windows from a folder, and writes for each window a line of JSON: ``{"columns": N}``, how
many columns the tool calls drifted by its own defaults.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np


def frame(path: Path):
    import pandas as pd

    with np.load(path, allow_pickle=False) as columns:
        return pd.DataFrame({name: columns[name] for name in columns.files})


def evidently(reference, windows: list, **options) -> Iterator[int]:
    """Its preset for data drift; which columns drifted is what it counts itself."""
    from evidently import Report
    from evidently.presets import DataDriftPreset

    for window in windows:
        metrics = Report([DataDriftPreset(**options)]).run(window, reference).dict()["metrics"]
        yield int(next(one["value"]["count"] for one in metrics if "DriftedColumnsCount" in one["metric_name"]))


def nannyml(reference, windows: list) -> Iterator[int]:
    """Its univariate drift, of all windows as chunks of one size in one go."""
    import nannyml as nml
    import pandas as pd

    rows = len(windows[0])
    calculator = nml.UnivariateDriftCalculator(column_names=list(reference.columns), chunk_size=rows)
    calculator.fit(reference)
    found = calculator.calculate(pd.concat(windows, ignore_index=True)).to_df(multilevel=True)
    alerts = found.loc[:, [column for column in found.columns if column[-1] == "alert"]]
    # Chunks of the reference come first.
    for row in alerts.to_numpy()[-len(windows) :]:
        yield int(row.sum())


TOOLS = {
    "evidently": evidently,
    "evidently_psi": lambda reference, windows: evidently(reference, windows, method="psi"),
    "nannyml": nannyml,
}


def main() -> None:
    tool, folder = sys.argv[1], Path(sys.argv[2])
    # Tools print to the standard output: the answers go to a copy of it.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    windows = [frame(path) for path in sorted(folder.glob("window*.npz"))]
    for columns in TOOLS[tool](frame(folder / "reference.npz"), windows):
        print(json.dumps({"columns": columns}), file=answers)


if __name__ == "__main__":
    main()
