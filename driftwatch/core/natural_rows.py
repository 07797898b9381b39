"""What counts over the cells do not tell of windows, and natural variation needs: gathered while rows are counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.cells import NamedCells, NumericCells
from driftwatch.core.statistics.stretches import in_scales
from driftwatch.core.table import Names, Numbers, Values

if TYPE_CHECKING:
    from driftwatch.core.baseline import ColumnBaseline

Floats = NDArray[np.float64]
Places = NDArray[np.intp]

POWERS = (1, 2, 3, 4)


class OutermostRows:
    """Sums over rows in the two outermost cells at each end, which may be as wide as the farthest value is far.

    Parameters
    ----------
    column
        Its cells, centre and scale.
    sizes
        How many windows each duration has.

    Attributes
    ----------
    cells
        Which cells are meant; those of a single value are not.
    by_window
        For each duration the sums of deviations in scales, and of their squares: shape ``(2, n_windows)``.
    total
        Of all rows, the sums of the deviations' powers from the first to the fourth.
    """

    def __init__(self, column: ColumnBaseline, sizes: list[int]) -> None:
        assert isinstance(column.cells, NumericCells)
        self._moments = column.moments
        n, edges = column.cells.n_cells, column.cells.edges
        ends = sorted({cell for cell in (0, 1, n - 2, n - 1) if 0 <= cell < n})
        alone = {cell for cell in ends if 0 < cell < n - 1 and np.nextafter(edges[cell - 1], np.inf) >= edges[cell]}
        self.cells = np.array([cell for cell in ends if cell not in alone], dtype=np.intp)
        self.by_window = [np.zeros((2, size)) for size in sizes]
        self.total = np.zeros(len(POWERS))
        self._is_outermost = np.zeros(column.cells.n_counts, dtype=np.bool_)
        self._is_outermost[self.cells] = True

    def add(self, values: Values, codes: Places, windows: list[Places]) -> None:
        """Add rows: their values, cells, and windows of each duration (-1 where in none)."""
        rows = np.flatnonzero(self._is_outermost[codes])
        if len(rows) == 0 or self._moments is None or not isinstance(values, Numbers):
            return
        deviations = in_scales(values.values[rows], self._moments)
        # What overflows is no distance in the end, and is left out there.
        with np.errstate(over="ignore", invalid="ignore"):
            self.total += [float((deviations**power).sum()) for power in POWERS]
            for sums, of_row in zip(self.by_window, windows, strict=True):
                window = of_row[rows]
                held = window >= 0
                for power in (1, 2):
                    sums[power - 1] += np.bincount(window[held], deviations[held] ** power, sums.shape[1])


class RareNames:
    """Which of the names that share the cell ``other`` occur in a single window.

    Parameters
    ----------
    column
        Its cells.
    sizes
        How many windows each duration has.
    """

    def __init__(self, column: ColumnBaseline, sizes: list[int]) -> None:
        assert isinstance(column.cells, NamedCells)
        self._names = column.cells.rare
        self._other = len(column.cells.names)
        self._rows = np.zeros(len(self._names), dtype=np.int64)
        self._sizes = sizes
        self._lowest = [np.full(len(self._names), size) for size in sizes]
        self._highest = [np.full(len(self._names), -1) for _ in sizes]

    @property
    def once(self) -> int:
        """How many names occur once."""
        return int(np.count_nonzero(self._rows == 1))

    def add(self, values: Values, codes: Places, windows: list[Places]) -> None:
        """Add rows: their values, cells, and windows of each duration (-1 where in none)."""
        rows = np.flatnonzero(codes == self._other)
        if len(rows) == 0 or not isinstance(values, Names):
            return
        names = values.take(rows).recoded(self._names)
        self._rows += np.bincount(names, minlength=len(self._rows))
        for lowest, highest, of_row in zip(self._lowest, self._highest, windows, strict=True):
            np.minimum.at(lowest, names, of_row[rows])
            np.maximum.at(highest, names, of_row[rows])

    def alone(self, duration: int) -> NDArray[np.int64]:
        """Rows of each window of a duration (by position) whose name no other row has."""
        lowest, highest = self._lowest[duration], self._highest[duration]
        own = (lowest == highest) & (highest >= 0)
        return np.bincount(highest[own], self._rows[own], self._sizes[duration]).astype(np.int64)


def rows_apart(column: ColumnBaseline, sizes: list[int]) -> OutermostRows | RareNames:
    """What to gather of a column beside its counts."""
    return OutermostRows(column, sizes) if isinstance(column.cells, NumericCells) else RareNames(column, sizes)
