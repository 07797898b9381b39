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

from driftwatch.core.moments import Moments
from driftwatch.core.slots import CellIndex
from driftwatch.core.sums import SLOTS
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
        return _profiled(cells, values, _NO_SUMS)[0]
    if isinstance(cells, NamedCells) and isinstance(values, Names):
        return _named_counts(cells, values)
    raise TypeError("numeric cells count numbers, named cells count names")


def counts_and_moments(cells: NumericCells, values: Numbers, moments: Moments) -> tuple[NDArray[np.int64], Moments]:
    """Count numbers over the cells and add them up, in one pass.

    Parameters
    ----------
    cells, values
        Of a numeric column.
    moments
        Their centre and scale are used.

    Returns
    -------
    counts
        As `cell_counts` gives them.
    moments
        Of the finite values.
    """
    sums = Moments.no_sums()
    counts, _ = _profiled(cells, values, sums, moments)
    return counts, Moments.from_sums(sums, moments.centre, moments.scale)


def counts_and_slots(cells: NumericCells, values: Numbers) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count numbers over the cells, and the finite ones over slots: ``int64`` of length ``SLOTS + 1``."""
    return _profiled(cells, values, _NO_SUMS, with_slots=True)


def counts_by_slot(
    cells: NumericCells, values: Numbers, moments: Moments
) -> tuple[NDArray[np.int64], Moments, NDArray[np.int64]]:
    """What `counts_and_moments` and `counts_and_slots` give, in one pass."""
    sums = Moments.no_sums()
    counts, by_slot = _profiled(cells, values, sums, moments, with_slots=True)
    return counts, Moments.from_sums(sums, moments.centre, moments.scale), by_slot


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
        from driftwatch.core.kernels import codes_of

        codes = np.empty(len(values), dtype=np.int32)
        codes_of(np.ascontiguousarray(values.values), index_of(cells).parts, codes)
        return codes.astype(np.intp)
    if isinstance(cells, NamedCells) and isinstance(values, Names):
        return _cells_of_names(cells, values)[values.codes]
    raise TypeError("numeric cells count numbers, named cells count names")


def _cells_of_names(cells: NamedCells, values: Names) -> NDArray[np.intp]:
    """The cell of each of a column's names, then that of missing values."""
    position = {name: cell for cell, name in enumerate(cells.names)}
    position.update(dict.fromkeys(cells.rare, len(cells.names)))
    unseen = len(cells.names) + 1
    return np.array([*(position.get(name, unseen) for name in values.names), cells.n_counts - 1], dtype=np.intp)


@lru_cache(maxsize=512)
def index_of(cells: NumericCells) -> CellIndex:
    """The index of a column's cells: about 100 kB each, of the columns that were counted last."""
    return CellIndex(cells.edges)


_NO_SUMS = np.empty(0, dtype=np.int64)
_NO_MOMENTS = Moments(0.0, 1.0)


def _profiled(
    cells: NumericCells,
    values: Numbers,
    sums: NDArray[np.int64],
    moments: Moments = _NO_MOMENTS,
    *,
    with_slots: bool = False,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    from driftwatch.core.kernels import profiled

    counts = np.empty(cells.n_counts, dtype=np.int64)
    by_slot = np.zeros(SLOTS + 1, dtype=np.int64) if with_slots else _NO_SUMS
    profiled(np.ascontiguousarray(values.values), index_of(cells).parts, moments.steps, counts, sums, by_slot)
    return counts, by_slot


def _named_counts(cells: NamedCells, values: Names) -> NDArray[np.int64]:
    from driftwatch.core.kernels import names_counted

    # A column's names are few and its rows many: count codes first, then send each name's count to its cell.
    by_code = np.zeros(len(values.names) + 1, dtype=np.int64)
    names_counted(np.ascontiguousarray(values.codes), by_code)
    counts = np.zeros(cells.n_counts, dtype=np.int64)
    np.add.at(counts, _cells_of_names(cells, values), by_code)
    return counts
