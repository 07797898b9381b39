"""Features that a baseline does not know: counted, and logged as long as there are not too many of them.

Each is a column of its own in the log, so their number is bounded: whoever may send events must not be able to make
columns without end.
"""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np

from driftwatch.core.events import PredictionBatch
from driftwatch.core.table import Numbers, Table, Values
from driftwatch.pipeline.telemetry import Telemetry

LONGEST_NAME = 256
"""Most characters of the name of a feature that is logged."""


class ExtraFeatures:
    """Keeps and counts them. Safe to use from several threads.

    Parameters
    ----------
    telemetry
        Counts values by what became of them.
    most
        How many features of one model are logged: those that come first after the service has started.
    """

    def __init__(self, telemetry: Telemetry, most: int) -> None:
        self._telemetry = telemetry
        self._most = most
        self._known: dict[str, set[str]] = {}
        self._lock = threading.Lock()

    def kept(self, batch: PredictionBatch) -> PredictionBatch:
        """The batch with those features that are logged."""
        if not batch.extra.columns:
            return batch
        # Where the baseline has no column for predictions, the log has them here.
        own = () if batch.prediction is not None else ("prediction",)
        admitted = self._admitted(batch.model, [name for name in batch.extra.columns if name not in own])
        kept: dict[str, Values] = {}
        counts = {"logged": 0, "dropped": 0}
        for name, values in batch.extra.columns.items():
            if name in own or name in admitted:
                kept[name] = values
            if name not in own:
                counts["logged" if name in admitted else "dropped"] += _present(values)
        for outcome, count in counts.items():
            self._telemetry.count("extra_features_total", count, model=batch.model, outcome=outcome)
        return batch if len(kept) == len(batch.extra.columns) else replace(batch, extra=Table(kept, len(batch)))

    def _admitted(self, model: str, names: list[str]) -> set[str]:
        with self._lock:
            known = self._known.setdefault(model, set())
            for name in names:
                if len(known) < self._most and len(name) <= LONGEST_NAME:
                    known.add(name)
            return known.intersection(names)


def _present(values: Values) -> int:
    present = ~np.isnan(values.values) if isinstance(values, Numbers) else values.codes >= 0
    return int(np.count_nonzero(present))


__all__ = ["LONGEST_NAME", "ExtraFeatures"]
