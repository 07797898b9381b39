r"""Which cell a number falls into, without a search: the index that everything which counts numbers rests on.

Looking up a value among a thousand edges costs 60 to 70 ns. Instead the real line is cut into 32,768 slots, dense
where the column's values are and sparse in its tails, and a value's slot is computed:

.. math:: slot = round\left(\frac{h}{1 + |y|}\right), \quad y = 2 (x - median) / IQR

mirrored around the median. Each operation in it is monotone, rounding included, so that a slot is an interval of
numbers and slots are in the order of numbers. A table tells the cell of each slot that no edge cuts; in one that
edges cut, the value is compared with them. The cell is therefore the one that a search finds, for every float there
is, whatever the map's resolution; where the map is too coarse, only time is lost.

The loops are in `driftwatch.core.kernels`: 2 to 4 ns a value on one core.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.sums import SLOTS

_STEEPEST = 2.0**1000

LARGEST_EDGES = 30_000
"""Cells and cut slots are numbered in two bytes."""


class SlotMap:
    """The map from numbers to slots for one column.

    Parameters
    ----------
    edges
        Of its cells, ascending; their quartiles set the map's middle and its width.

    Attributes
    ----------
    middle, factor
        ``y`` is ``(x - middle) * factor``.
    """

    __slots__ = ("factor", "middle")

    def __init__(self, edges: NDArray[np.float64]) -> None:
        n = len(edges)
        lower, self.middle, upper = (float(edges[n * part // 4]) for part in (1, 2, 3)) if n else (0.0, 0.0, 1.0)
        width = upper / 2.0 - lower / 2.0
        self.factor = min(1.0 / width, _STEEPEST) if width > 1.0 / _STEEPEST else _STEEPEST

    def slots(self, values: NDArray[np.float64]) -> NDArray[np.int32]:
        """The slots of values: 0 for far below, ``SLOTS`` for far above and for ``nan``, ascending with the values."""
        from driftwatch.core.kernels import slots_of

        found = np.empty(len(values), dtype=np.int32)
        slots_of(np.ascontiguousarray(values), self.middle, self.factor, found)
        return found


class CellIndex:
    """Finds the cells of numbers for one column's edges.

    Parameters
    ----------
    edges
        Ascending, distinct, finite, at most ``LARGEST_EDGES``; cell ``i`` holds ``edges[i-1] < x <= edges[i]``.

    Attributes
    ----------
    slot_map
        From numbers to slots.
    parts
        What the kernels ask for: the map's middle and factor; the cell of each slot, or where edges cut it, beyond
        all cells, its number among the cut ones; of each of these the cell below its first edge, its first and its
        second edge; all edges; and how many of the cut slots (the first ones) need a search among these.
    """

    __slots__ = ("parts", "slot_map")

    def __init__(self, edges: NDArray[np.float64]) -> None:
        if len(edges) > LARGEST_EDGES:
            raise ValueError(f"a column has {len(edges):,} edges, more than {LARGEST_EDGES:,}")
        self.slot_map = SlotMap(edges)
        slots = self.slot_map.slots(edges)
        n_inside = np.bincount(slots, minlength=SLOTS + 1)
        below = np.searchsorted(slots, np.arange(SLOTS + 1))
        # Slots with more than two edges take the way of the search; so do the far ones, where what is no number is.
        deep = n_inside > 2
        deep[[0, SLOTS]] = True
        cut = np.concatenate([np.flatnonzero(deep), np.flatnonzero((n_inside > 0) & ~deep)])
        cells = below.astype(np.uint16)
        cells[cut] = len(edges) + 3 + np.arange(len(cut))
        padded = np.append(edges, [np.inf, np.inf])
        low = below[cut]
        self.parts = (
            self.slot_map.middle,
            self.slot_map.factor,
            cells,
            low.astype(np.int32),
            padded[low],
            np.where(n_inside[cut] == 2, padded[low + 1], np.inf),
            np.ascontiguousarray(edges),
            int(np.count_nonzero(deep)),
        )
