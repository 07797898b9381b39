"""Which cells a column of the reference gets.

Cells are chosen from the distinct values and how often each occurs, not from rows: the same functions serve a
reference that is read in parts.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.cells import NamedCells, NumericCells
from driftwatch.core.table import Names

QUANTILE_CELLS = 1_020
"""Cells of equal mass of a numeric column; a multiple of `PSI_BINS`, so that bins are unions of cells."""

EXACT_VALUES = 512
"""Up to so many distinct numbers each has a cell of its own, and so has each gap between them."""

PSI_BINS = 10

LARGEST_NAMES = 2_000
"""Most distinct names that a column may have."""

LARGEST_NAMED_CELLS = 1_000
"""Most names that get a cell of their own."""

RARE_ROWS = 5
"""Names with fewer rows than this in the reference share the cell ``other``."""


class ValueCounts(NamedTuple):
    """Distinct finite values, ascending, and how often each occurs (``int64``, positive)."""

    values: NDArray[np.float64]
    counts: NDArray[np.int64]


def value_counts(sorted_values: NDArray[np.float64]) -> ValueCounts:
    """Count the distinct values of an ascending array of finite numbers."""
    if len(sorted_values) == 0:
        return ValueCounts(sorted_values, np.zeros(0, dtype=np.int64))
    starts = np.flatnonzero(np.concatenate([[True], sorted_values[1:] != sorted_values[:-1]]))
    # Each array is as long as the column where values never repeat: none is made only to be copied.
    counts = np.empty(len(starts), dtype=np.int64)
    np.subtract(starts[1:], starts[:-1], out=counts[:-1])
    counts[-1] = len(sorted_values) - starts[-1]
    values = sorted_values[starts]
    # -0.0 equals 0.0 and stands for it: an edge must not depend on which of them came first.
    values += 0.0
    return ValueCounts(values, counts)


def numeric_cells(distinct: ValueCounts) -> NumericCells:
    """Cells of about equal mass, with own cells for values that repeat and open ends.

    Parameters
    ----------
    distinct
        Of the reference.

    Returns
    -------
    NumericCells
        With at most `EXACT_VALUES` distinct values, each has a cell that holds it alone. With more, the edges are
        the reference's quantiles at multiples of ``1 / QUANTILE_CELLS`` (the smallest value that this share of
        rows does not exceed), and a value that spans two or more of them has a cell that holds it alone. Without
        any value there is a single cell. At most about 1,030 edges.

    Examples
    --------
    >>> import numpy as np
    >>> cells = numeric_cells(value_counts(np.array([0.0, 0.0, 1.0])))
    >>> cells.edges[1], cells.edges[3], cells.n_cells
    (np.float64(0.0), np.float64(1.0), 5)
    """
    values, counts = distinct
    if len(values) == 0:
        return NumericCells(np.zeros(0))
    if len(values) <= EXACT_VALUES:
        ends, alone = values, values
    else:
        cumulative = np.cumsum(counts)
        n_rows = int(cumulative[-1])
        ranks = -(-n_rows * np.arange(1, QUANTILE_CELLS) // QUANTILE_CELLS)
        found, spanned = np.unique(np.searchsorted(cumulative, ranks), return_counts=True)
        ends, alone = values[found], values[found[spanned > 1]]
    edges = np.unique(np.concatenate([ends, _just_below(alone), _just_below(values[:1]), values[-1:]]))
    # Below the smallest float there is no number: its edge would be infinite, and its open cell is empty anyway.
    return NumericCells(edges[np.isfinite(edges)] + 0.0)


def _just_below(values: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(over="ignore"):
        return np.nextafter(values, -np.inf)


def psi_starts_of(cells: NumericCells, counts: NDArray[np.int64]) -> NDArray[np.intp]:
    """The first cell of each PSI bin.

    Parameters
    ----------
    cells, counts
        Of the reference; ``counts`` of the finite cells.

    Returns
    -------
    starts
        Ascending, the first is 0. Bins end at the reference's deciles. A value with a tenth of the rows or more
        has a bin of its own, and bins below half a tenth join a neighbour as long as two are left. The open ends
        belong to the outermost bins, except for a constant: below it, it, above it.
    """
    n_rows = int(counts.sum())
    held = np.flatnonzero(counts)
    if len(held) <= 1:
        return np.arange(cells.n_cells, dtype=np.intp)
    cumulative = np.cumsum(counts)
    targets = np.arange(1, PSI_BINS) * n_rows
    starts = {int(cell) + 1 for cell in np.searchsorted(cumulative * PSI_BINS, targets)}
    heavy = 1 + np.flatnonzero(np.nextafter(cells.edges[:-1], np.inf) == cells.edges[1:])
    heavy = heavy[counts[heavy] * PSI_BINS >= n_rows]
    starts |= {int(cell) for cell in heavy} | {int(cell) + 1 for cell in heavy}
    bounds = sorted(start for start in starts if 0 < start < cells.n_cells)
    return np.array([0, *_without_slivers(bounds, cumulative, n_rows)], dtype=np.intp)


def _without_slivers(bounds: list[int], cumulative: NDArray[np.int64], n_rows: int) -> list[int]:
    """Drop bounds until every bin has half a tenth of the rows, or a single bound is left."""
    while len(bounds) > 1:
        below = [0, *(int(cumulative[bound - 1]) for bound in bounds), n_rows]
        masses = np.diff(below)
        smallest = int(masses.argmin())
        if masses[smallest] * 2 * PSI_BINS >= n_rows:
            break
        last = len(bounds)
        joins_left = smallest == last or (smallest > 0 and masses[smallest - 1] <= masses[smallest + 1])
        bounds = bounds[: smallest - joins_left] + bounds[smallest - joins_left + 1 :]
    return bounds


class NameCounts(NamedTuple):
    """Names that occur, and how often each does."""

    names: tuple[str, ...]
    counts: NDArray[np.int64]


def name_counts(values: Names) -> NameCounts:
    """Count the names that occur in a column."""
    counts = np.bincount(values.codes + 1, minlength=len(values.names) + 1)[1:]
    held = np.flatnonzero(counts)
    return NameCounts(tuple(values.names[code] for code in held.tolist()), counts[held].astype(np.int64))


def named_cells(occurring: NameCounts, classes: tuple[str, ...] = ()) -> NamedCells:
    """A cell for each frequent name, the most frequent first; the rare ones share ``other``.

    Parameters
    ----------
    occurring
        Of the reference.
    classes
        Names that have cells however rare, in this order: those of labels and predictions.

    Returns
    -------
    NamedCells
        At most `LARGEST_NAMED_CELLS` names (more only for classes). Equal counts go by the alphabet.
    """
    count_of = dict(zip(occurring.names, occurring.counts.tolist(), strict=True))
    others = sorted(set(occurring.names).difference(classes), key=lambda name: (-count_of[name], name))
    room = max(LARGEST_NAMED_CELLS - len(classes), 0)
    frequent = [name for name in others if count_of[name] >= RARE_ROWS][:room]
    if not frequent and not classes:
        # A small reference has nothing but rare names: then the commonest are what there is to tell apart.
        frequent = others[:room]
    return NamedCells((*classes, *frequent), rare=tuple(others[len(frequent) :]))
