"""The cells of a baseline's column: where each value is counted.

A profile is counts over these cells, so two profiles of the same baseline add up.

*Numbers.* ``edges`` are ``k`` ascending finite numbers; cell ``i`` holds ``edges[i-1] < x <= edges[i]``, the first
and the last are open: ``k + 1`` cells. The first edge is just below the reference's smallest value and the last is
its largest, so the end cells hold exactly what is out of the reference's range. A value that repeats in the
reference, often enough to matter, has a cell of its own (its edges are the next smaller float and itself). Two more
counts follow: missing (``nan``) and non-finite.

*Names.* One cell a name that is frequent in the reference, then ``other`` (names that were rare in it), ``unseen``
(names that it never had) and missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.slots import BLOCK, SLOTS, CellIndex, in_order
from driftwatch.core.table import Names, Numbers, Values


@dataclass(frozen=True, slots=True, eq=False)
class NumericCells:
    """Cells of a numeric column; counts are ``[cell 0, ..., cell k, missing, non-finite]``."""

    edges: NDArray[np.float64]

    @property
    def n_cells(self) -> int:
        """Cells of finite values."""
        return len(self.edges) + 1

    @property
    def n_counts(self) -> int:
        """Length of a count vector over these cells."""
        return self.n_cells + 2


@dataclass(frozen=True, slots=True, eq=False)
class NamedCells:
    """Cells of a column of names; counts are ``[name 0, ..., name k-1, other, unseen, missing]``."""

    names: tuple[str, ...]
    rare: tuple[str, ...] = ()
    """Names that the reference had, too rarely for a cell: they are counted in ``other``."""

    @property
    def n_cells(self) -> int:
        """Cells of present values: the names, ``other`` and ``unseen``."""
        return len(self.names) + 2

    @property
    def n_counts(self) -> int:
        """Length of a count vector over these cells."""
        return self.n_cells + 1


Cells = NumericCells | NamedCells

NO_SLOT = SLOTS + 1

FEW_VALUES = 256
"""Fewer values are looked up among the edges: an index of these would not pay."""

MANY_VALUES = 4_096
"""Fewer values than this are counted faster by sorting them, since every step of the index has its fixed cost."""


def cell_counts(cells: Cells, values: Values) -> NDArray[np.int64]:
    """Count values over the cells.

    The one place where values meet cells. Numbers are not searched for among the edges but sent to their cells by an
    index that is made of the edges (`driftwatch.core.slots`), with the same result for every float there is.

    Parameters
    ----------
    cells
        Of a baseline's column.
    values
        `Numbers` for numeric cells, `Names` for named ones; any length.

    Returns
    -------
    counts
        ``int64`` of length ``cells.n_counts``; sums to ``len(values)``.

    Raises
    ------
    TypeError
        If the values are not of the cells' kind.

    Examples
    --------
    >>> import numpy as np
    >>> from driftwatch.core.table import Names, Numbers
    >>> cell_counts(NumericCells(np.array([0.0, 1.0])), Numbers(np.array([0.0, 0.5, np.nan, 7.0, np.inf])))
    array([1, 1, 1, 1, 1])
    >>> cell_counts(NamedCells(("a",), rare=("b",)), Names.of(["a", "b", "new", None]))
    array([1, 1, 1, 1])
    """
    if isinstance(cells, NumericCells) and isinstance(values, Numbers):
        return _numeric_counts(cells, values.values)
    if isinstance(cells, NamedCells) and isinstance(values, Names):
        return _named_counts(cells, values)
    raise TypeError("numeric cells count numbers, named cells count names")


def counts_and_slots(cells: NumericCells, values: Numbers) -> tuple[NDArray[np.int64], NDArray[np.uint16]]:
    """Count numbers over the cells, and keep the slot of each, in two bytes.

    Returns
    -------
    counts
        As `cell_counts` gives them.
    slots
        Of each value; ``NO_SLOT`` for missing and non-finite ones.
    """
    slots = np.empty(len(values), dtype=np.uint16)
    return _numeric_counts(cells, values.values, slots), slots


def counts_in_order(slots: NDArray[np.uint16]) -> NDArray[np.int64]:
    """How many finite values lie in each slot, in the order of numbers: ``int64`` of length ``SLOTS + 1``."""
    counts = np.zeros(NO_SLOT + 1, dtype=np.int64)
    for start in range(0, len(slots), 8 * BLOCK):
        counts += np.bincount(slots[start : start + 8 * BLOCK], minlength=NO_SLOT + 1)
    return in_order(counts[:NO_SLOT])


def cell_codes(cells: Cells, values: Values) -> NDArray[np.intp]:
    """Each value's position in a count vector over the cells, which `cell_counts` counts.

    Raises
    ------
    TypeError
        If the values are not of the cells' kind.

    Examples
    --------
    >>> import numpy as np
    >>> from driftwatch.core.table import Numbers
    >>> cell_codes(NumericCells(np.array([0.0, 1.0])), Numbers(np.array([0.0, 0.5, np.nan, 7.0, np.inf])))
    array([0, 1, 3, 2, 4])
    """
    if isinstance(cells, NumericCells) and isinstance(values, Numbers):
        return _numeric_codes(cells, values.values)
    if isinstance(cells, NamedCells) and isinstance(values, Names):
        return _cells_of_names(cells, values)[values.codes]
    raise TypeError("numeric cells count numbers, named cells count names")


def _cells_of_names(cells: NamedCells, values: Names) -> NDArray[np.intp]:
    """The cell of each of a column's names, then that of missing values."""
    position = {name: cell for cell, name in enumerate(cells.names)}
    position.update(dict.fromkeys(cells.rare, len(cells.names)))
    unseen = len(cells.names) + 1
    return np.array([*(position.get(name, unseen) for name in values.names), cells.n_counts - 1], dtype=np.intp)


@lru_cache(maxsize=1024)
def _index(cells: NumericCells) -> CellIndex:
    """About 60 kB, of the 1,024 columns that were counted last."""
    return CellIndex(cells.edges)


def _numeric_counts(
    cells: NumericCells, values: NDArray[np.float64], slots: NDArray[np.uint16] | None = None
) -> NDArray[np.int64]:
    if slots is None and len(values) < MANY_VALUES:
        if len(values) < FEW_VALUES:
            return np.bincount(_searched(cells, values), minlength=cells.n_counts)
        return _sorted_counts(cells, values)
    index = _index(cells)
    counts = np.zeros(cells.n_counts, dtype=np.int64)
    size = min(len(values), BLOCK)
    codes, found, scratch = np.empty(size, dtype=index.code_type), np.empty(size, dtype=np.int64), np.empty(size)
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, len(values), BLOCK):
            block = values[start : start + BLOCK]
            n = len(block)
            index.codes(block, codes[:n], found[:n], scratch[:n])
            counts += np.bincount(codes[:n], minlength=cells.n_counts)
            if slots is not None:
                index.slot_map.keep(found[:n], block, slots[start : start + n])
                if counts[-2:].any():
                    slots[start : start + n][codes[:n] >= cells.n_cells] = NO_SLOT
    return counts


def _sorted_counts(cells: NumericCells, values: NDArray[np.float64]) -> NDArray[np.int64]:
    ascending = np.sort(values)
    counts = np.zeros(cells.n_counts, dtype=np.int64)
    if not (ascending[0] > -np.inf and ascending[-1] < np.inf):
        # Missing values are at the end, behind infinity.
        last, present = ascending.searchsorted([np.inf, np.nan], side="left")
        first = ascending.searchsorted(-np.inf, side="right")
        counts[-2:] = len(ascending) - present, present - last + first
        ascending = ascending[first:last]
    up_to = np.append(ascending.searchsorted(cells.edges, side="right"), len(ascending))
    counts[0] = up_to[0]
    np.subtract(up_to[1:], up_to[:-1], out=counts[1:-2])
    return counts


def _numeric_codes(cells: NumericCells, values: NDArray[np.float64]) -> NDArray[np.intp]:
    if len(values) < FEW_VALUES:
        return _searched(cells, values)
    index = _index(cells)
    codes = np.empty(len(values), dtype=index.code_type)
    size = min(len(values), BLOCK)
    slots, scratch = np.empty(size, dtype=np.int64), np.empty(size)
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, len(values), BLOCK):
            block = values[start : start + BLOCK]
            n = len(block)
            index.codes(block, codes[start : start + n], slots[:n], scratch[:n])
    return codes.astype(np.intp)


def _searched(cells: NumericCells, values: NDArray[np.float64]) -> NDArray[np.intp]:
    codes = np.searchsorted(cells.edges, values, side="left")
    codes[np.isinf(values)] = cells.n_counts - 1
    codes[np.isnan(values)] = cells.n_counts - 2
    return codes


def _named_counts(cells: NamedCells, values: Names) -> NDArray[np.int64]:
    # A column's names are few and its rows many: count codes first, then send each name's count to its cell.
    by_code = np.roll(np.bincount(values.codes + 1, minlength=len(values.names) + 1), -1)
    counts = np.zeros(cells.n_counts, dtype=np.int64)
    np.add.at(counts, _cells_of_names(cells, values), by_code)
    return counts
