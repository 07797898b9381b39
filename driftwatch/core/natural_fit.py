"""Measures natural variation: counts rows by window of event time, and compares each window with the rest.

Counting and comparing are two steps: rows may come in batches, and the rest is known when all of them have come.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri, kolmogi

from driftwatch.core.cells import Cells, NumericCells, cell_codes
from driftwatch.core.natural import MIN_WINDOWS, QUANTILE_WINDOWS, UPPER_SHARE, tail_probability
from driftwatch.core.natural_distances import Sizes, other_distances
from driftwatch.core.natural_rows import OutermostRows, RareNames, rows_apart
from driftwatch.core.natural_windows import Windows
from driftwatch.core.records import ColumnRole
from driftwatch.core.statistics.binned import binned_reference, over_bins
from driftwatch.core.table import Table

if TYPE_CHECKING:
    from driftwatch.core.baseline import ColumnBaseline

_COUNT = np.dtype(np.int32)


class WindowCounts:
    """Counts over the cells of some columns, by window: four bytes a window and cell.

    Parameters
    ----------
    columns
        Their cells, by name, with nothing counted yet.
    plans
        The windows of each duration.
    """

    def __init__(self, columns: Mapping[str, ColumnBaseline], plans: Sequence[Windows]) -> None:
        self._columns = columns
        self._plans = plans
        self._counts = {
            name: [np.zeros((len(plan), column.cells.n_counts), dtype=_COUNT) for plan in plans]
            for name, column in columns.items()
        }
        self._apart = {name: rows_apart(column, [len(plan) for plan in plans]) for name, column in columns.items()}

    def add(self, times: NDArray[np.float64], table: Table) -> None:
        """Count rows; ``times`` are microseconds since 1970-01-01 UTC, rows with ``nan`` are left out."""
        if not self._plans:
            return
        windows = [plan.of_rows(times) for plan in self._plans]
        batches = [_Batch.of(of_row) for of_row in windows]
        for name, column in self._columns.items():
            codes = cell_codes(column.cells, table[name])
            self._apart[name].add(table[name], codes, windows)
            for counts, batch in zip(self._counts[name], batches, strict=True):
                batch.add_to(counts, codes)

    def distances(self, baselines: Mapping[str, ColumnBaseline]) -> dict[int, dict[str, dict[str, float]]]:
        """How much the windows differ from the rest, by duration, column and statistic.

        From PSI and from the squares of other distances, what sampling alone reaches is taken off: its 95 % point where
        the 95 % point of the windows is kept, and the point that one of so many windows exceeds where their maximum is.
        Windows that are random samples of the reference so get about 0, at every number of rows.

        Parameters
        ----------
        baselines
            The columns with the counts of all rows.
        """
        found: dict[int, dict[str, dict[str, float]]] = {plan.duration: {} for plan in self._plans}
        for name in self._columns:
            for number, (plan, counts) in enumerate(zip(self._plans, self._counts[name], strict=True)):
                if known := _distances(baselines[name], counts.astype(np.int64), self._apart[name], number):
                    found[plan.duration][name] = known
        return found


def bytes_of(cells: Cells, plans: Sequence[Windows]) -> int:
    """What the counts of one column take."""
    return cells.n_counts * sum(map(len, plans)) * _COUNT.itemsize


class _Batch(NamedTuple):
    """Which rows of a batch are in windows of one duration, and in which: what is the same for all columns."""

    rows: NDArray[np.intp] | slice
    window: NDArray[np.intp]
    """From the first one on."""
    first: int
    last: int

    @classmethod
    def of(cls, of_row: NDArray[np.intp]) -> _Batch:
        rows = np.flatnonzero(of_row >= 0)
        if len(rows) == 0:
            return cls(rows, rows, 0, -1)
        window = of_row if len(rows) == len(of_row) else of_row[rows]
        # Rows mostly come in the order of time: a batch then lies in a few windows.
        first, last = int(window.min()), int(window.max())
        return cls(slice(None) if window is of_row else rows, window - first, first, last)

    def add_to(self, counts: NDArray[np.int32], codes: NDArray[np.intp]) -> None:
        """Add the rows to the counts of their windows and cells."""
        if len(self.window) == 0:
            return
        flat = self.window * counts.shape[1]
        flat += codes[self.rows]
        touched = counts[self.first : self.last + 1].reshape(-1)
        if len(touched) <= 4 * len(flat):
            touched += np.bincount(flat, minlength=len(touched)).astype(_COUNT)
        else:
            np.add.at(touched, flat, 1)


def _distances(
    column: ColumnBaseline, windows: NDArray[np.int64], apart: OutermostRows | RareNames, duration: int
) -> dict[str, float]:
    if column.column.role is ColumnRole.LABEL:
        # A label's baseline counts present values only.
        windows[:, column.cells.n_cells :] = 0
    distances = {"psi": _psi(column, windows)}
    if isinstance(column.cells, NumericCells):
        distances["ks"] = _ks(column, windows)
    distances |= other_distances(column, windows, apart, duration)
    found = {statistic: _upper(one) for statistic, one in distances.items()}
    return {statistic: value for statistic, value in found.items() if value is not None}


def _upper(distances: NDArray[np.float64]) -> float | None:
    known = distances[np.isfinite(distances)]
    if len(known) < MIN_WINDOWS:
        return None
    upper = np.quantile(known, UPPER_SHARE) if len(known) >= QUANTILE_WINDOWS else known.max()
    # Six digits of what was measured are enough, and keep the document short.
    return float(f"{upper:.6g}")


def _ks(column: ColumnBaseline, windows: NDArray[np.int64]) -> NDArray[np.float64]:
    """The distance of each window from the rest, noise taken off; ``nan`` where one of them is too small."""
    inside = np.cumsum(windows[:, : column.cells.n_cells], axis=1)
    total = np.cumsum(column.counts[: column.cells.n_cells])
    sizes = Sizes.of(inside[:, -1], int(total[-1]))
    # inside / n - (total - inside) / m, in one matrix.
    difference = inside * sizes.noise[:, None]
    difference -= total / sizes.m[:, None]
    farthest = np.maximum(difference.max(axis=1), -difference.min(axis=1))
    return sizes.without(farthest, float(kolmogi(tail_probability(len(windows)))) ** 2 * sizes.noise)


def _psi(column: ColumnBaseline, windows: NDArray[np.int64]) -> NDArray[np.float64]:
    """The index of each window against the rest, noise taken off; ``nan`` where one of them is too small."""
    inside, total = over_bins(column, windows), binned_reference(column).counts
    rest = total - inside
    sizes = Sizes.of(inside.sum(axis=1), int(total.sum()))
    n, m = sizes.n, sizes.m
    # As in the statistic itself: a bin that is empty on one side counts as half a row there.
    q, p = np.maximum(inside, 0.5) / n[:, None], np.maximum(rest, 0.5) / m[:, None]
    used = total > 0
    index = ((q - p) * np.log(q / p))[:, used].sum(axis=1)
    degrees = max(int(np.count_nonzero(used)) - 1, 1)
    noise = float(chdtri(degrees, tail_probability(len(windows)))) * sizes.noise
    return np.where(sizes.enough, np.maximum(index - noise, 0.0), math.nan)
