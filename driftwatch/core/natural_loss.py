"""How much the mean loss of the reference's own windows varies."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.natural import DURATIONS_SECONDS, LossVariation
from driftwatch.core.natural_windows import WindowRows, compared
from driftwatch.core.performance import PerformanceSums
from driftwatch.core.schema import Schema
from driftwatch.core.table import Names, Numbers, Table

_LARGEST_LOSS = 2.0**480
"""Losses beyond this count as this: sums of their squares stay finite."""


class LossWindows:
    """The quality of some rows, in all and by window of event time.

    Sums are taken in the order of rows, whatever their batches: the same rows give the same bits.

    Parameters
    ----------
    schema
        Says which columns are label and prediction.
    rows
        The windows that the rows lie in.

    Attributes
    ----------
    sums
        Of all rows with label and prediction.
    """

    def __init__(self, schema: Schema, rows: WindowRows) -> None:
        self._schema = schema
        self._windows = {duration: rows.all_windows(duration) for duration in DURATIONS_SECONDS}
        # By duration: for each window the number of rows, their summed losses, and the summed squares of those.
        self._summed = {duration: np.zeros((3, len(windows))) for duration, windows in self._windows.items()}
        self._first, self._last = math.inf, -math.inf
        self.sums = PerformanceSums.empty(schema.task, schema.classes)

    def add(self, table: Table, times: NDArray[np.float64] | None) -> None:
        """Add rows that have both columns; ``times`` in microseconds, None where no row has one."""
        label, prediction = self._schema.label, self._schema.prediction
        if label is None or prediction is None:
            return
        self.sums += PerformanceSums.of_table(self._schema, table)
        if times is None:
            return
        loss = _losses(self._schema, table)
        known = np.isfinite(loss) & np.isfinite(times)
        if not known.any():
            return
        when, loss = times[known], np.minimum(loss[known], _LARGEST_LOSS)
        self._first, self._last = min(self._first, float(when.min())), max(self._last, float(when.max()))
        for duration, windows in self._windows.items():
            window = windows.of_rows(when)
            for summed, terms in zip(self._summed[duration], (np.ones(len(loss)), loss, loss * loss), strict=True):
                np.add.at(summed, window, terms)

    def variation(self, duration: int) -> LossVariation | None:
        """That of windows of one duration; None where they are too few, or no row has a loss."""
        mean = self.sums.loss().value
        n_rows, totals, squares = self._summed[duration]
        index, counts = self._windows[duration].index, n_rows.astype(np.int64)
        kept = None
        if mean > 0.0 and math.isfinite(self._first):
            kept = compared(index, counts, (self._first, self._last), duration)
        if kept is None:
            return None
        n, means = n_rows[kept], totals[kept] / n_rows[kept]
        variances = np.maximum(squares[kept] - n * means**2, 0.0) / (n - 1.0)
        beyond = float((means / mean).var(ddof=1) - (variances / mean / mean / n).mean())
        deviation = math.sqrt(max(beyond, 0.0))
        return LossVariation(
            deviation=deviation,
            of_reference=deviation / math.sqrt(len(kept)),
            windows=len(kept),
            duration_seconds=float(duration),
        )


def loss_variation(sources: Sequence[LossWindows]) -> dict[int, LossVariation]:
    """By duration, that of the first set of rows that knows it."""
    result: dict[int, LossVariation] = {}
    for duration in DURATIONS_SECONDS:
        known = (found for source in sources if (found := source.variation(duration)) is not None)
        if (first := next(known, None)) is not None:
            result[duration] = first
    return result


def _losses(schema: Schema, table: Table) -> NDArray[np.float64]:
    """The loss of each row, ``nan`` where it has no label or prediction."""
    label, prediction = table[schema.label or ""], table[schema.prediction or ""]
    if isinstance(label, Numbers) and isinstance(prediction, Numbers):
        with np.errstate(over="ignore", invalid="ignore"):
            loss = np.abs(prediction.values - label.values)
        return np.where(np.isfinite(loss), loss, np.nan)
    if isinstance(label, Names) and isinstance(prediction, Names):
        actual, predicted = label.recoded(schema.classes), prediction.recoded(schema.classes)
        return np.where((actual < 0) | (predicted < 0), np.nan, actual != predicted)
    raise TypeError("label and prediction are of one kind")
