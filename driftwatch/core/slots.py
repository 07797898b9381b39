r"""Which cell a number falls into, without a search: the kernels that everything which counts numbers rests on.

Looking up a value among a thousand edges costs 60 to 70 ns. Instead the real line is cut into about 16,000 slots,
dense where the column's values are and sparse in its tails, and a value's slot is computed:

.. math:: slot = round\left(\frac{h}{1 + |y|}\right), \quad y = 2 (x - median) / IQR

mirrored around the median. Each operation in it is monotone, rounding included, so that a slot is an interval of
numbers and slots are in the order of numbers. A table tells the cell of each slot that no edge cuts; in one that
edges cut, the value is compared with them. The cell is therefore the one that a search finds, for every float there
is, whatever the map's resolution; where the map is too coarse, only time is lost.

NumPy does each step over a block that stays in the cache: about 6 ns a value on one core.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

BLOCK = 1 << 14
"""Values that go through the steps together: their arrays stay in a core's own cache."""

SLOTS = 1 << 14
_HALF = SLOTS // 2 - 1
_FAR = SLOTS // 2
"""Where values far from the median go, on both sides."""
_NAN = SLOTS
"""Where clipping puts what is no number."""

_INTEGER = 1.5 * 2.0**52
"""Adding this rounds to a whole number, which then stands in the lowest bits."""
_OFFSET = int(np.float64(_INTEGER).view(np.int64)) - _FAR

_STEEPEST = 2.0**1000


class SlotMap:
    """The map from numbers to slots for one column.

    Parameters
    ----------
    edges
        Of its cells, ascending; their quartiles set the map's middle and its width.
    """

    __slots__ = ("_factor", "_middle")

    def __init__(self, edges: NDArray[np.float64]) -> None:
        n = len(edges)
        lower, self._middle, upper = (float(edges[n * part // 4]) for part in (1, 2, 3)) if n else (0.0, 0.0, 1.0)
        # Subtracting -0.0 makes both zeros the same one.
        self._middle = self._middle or -0.0
        width = upper / 2.0 - lower / 2.0
        self._factor = min(1.0 / width, _STEEPEST) if width > 1.0 / _STEEPEST else _STEEPEST

    def slots(
        self, values: NDArray[np.float64], out: NDArray[np.int64], scratch: NDArray[np.float64]
    ) -> NDArray[np.int64]:
        """Each value's slot.

        Parameters
        ----------
        values
            Any; ``nan`` gives a number that is out of range.
        out
            As long; takes the slots, and while they are computed other numbers.
        scratch
            As long.

        Returns
        -------
        out
            From ``_FAR + 1`` (far below the median) to ``SLOTS - 1``, then from 1 to ``_FAR - 1`` (far above);
            ``_FAR`` itself is farther than that, on either side.
        """
        signed = out.view(np.float64)
        np.subtract(values, self._middle, out=scratch)
        np.multiply(scratch, self._factor, out=scratch)
        np.copysign(1.0, scratch, out=signed)
        np.add(scratch, signed, out=scratch)
        np.divide(-float(_HALF), scratch, out=scratch)
        np.add(scratch, _INTEGER, out=scratch)
        return np.subtract(scratch.view(np.int64), _OFFSET, out=out)

    def places(self, values: NDArray[np.float64]) -> NDArray[np.intp]:
        """The slots in the order of numbers: 0 for far below, ``SLOTS`` for far above, ascending with the values.

        Parameters
        ----------
        values
            Not ``nan``.
        """
        found = np.empty(len(values), dtype=np.intp)
        scratch = np.empty(min(len(values), BLOCK))
        with np.errstate(over="ignore", invalid="ignore"):
            for start in range(0, len(values), BLOCK):
                block = values[start : start + BLOCK]
                slots = self.slots(block, found[start : start + BLOCK], scratch[: len(block)])
                self.put_in_order(slots, block)
        return found

    def put_in_order(self, slots: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        """Turn slots into places, in their own array."""
        np.bitwise_and(np.subtract(slots, _FAR, out=slots), SLOTS - 1, out=slots)
        far = np.flatnonzero(slots == 0)
        if len(far):
            slots[far] = np.where(values[far] > self._middle, SLOTS, 0)

    def keep(self, slots: NDArray[np.int64], values: NDArray[np.float64], out: NDArray[np.uint16]) -> None:
        """Write slots in two bytes each, those far above the median as ``SLOTS``: `in_order` reads their counts.

        Parameters
        ----------
        slots, values
            At most a block. Values that are not finite get any slot.
        out
            As long.
        """
        np.copyto(out, slots, casting="unsafe")
        far = (out == _FAR).nonzero()[0]
        if len(far):
            out[far[values[far] > self._middle]] = SLOTS


def in_order(by_slot: NDArray[Any]) -> NDArray[Any]:
    """What is listed by kept slots (length ``SLOTS + 1``), in the order of numbers: by places."""
    return np.concatenate([by_slot[_FAR:SLOTS], by_slot[:_FAR], by_slot[SLOTS:]])


def by_slot(in_order: NDArray[Any]) -> NDArray[Any]:
    """The inverse of `in_order`."""
    return np.concatenate([in_order[_FAR:SLOTS], in_order[:_FAR], in_order[SLOTS:]])


class CellIndex:
    """Finds the cells of numbers for one column's edges.

    Parameters
    ----------
    edges
        Ascending, distinct, finite; cell ``i`` holds ``edges[i-1] < x <= edges[i]``.
    """

    __slots__ = ("_cells", "_edges", "_first", "_low", "_n_deep", "_n_whole", "_second", "slot_map")

    def __init__(self, edges: NDArray[np.float64]) -> None:
        self.slot_map = SlotMap(edges)
        self._edges = edges
        self._n_whole = len(edges) + 1
        places = self.slot_map.places(edges)
        n_inside = np.bincount(places, minlength=SLOTS + 1)[:SLOTS]
        below = np.searchsorted(places, np.arange(SLOTS))
        # Far values, and slots with more than two edges, take the way of the search.
        deep = n_inside > 2
        deep[0] = True
        cut = np.concatenate([np.flatnonzero(deep), np.flatnonzero((n_inside > 0) & ~deep)])
        padded = np.append(edges, [np.inf, np.inf])
        self._low = below[cut]
        self._first = padded[self._low]
        twice = n_inside[cut] == 2
        self._second = np.where(twice, padded[self._low + 1], np.inf) if twice.any() else None
        self._n_deep = int(np.count_nonzero(deep))
        cells = below.copy()
        cells[cut] = self._n_whole + np.arange(len(cut))
        # From places to slots; what is no number comes out at either end, and goes where far values go.
        in_order = cells[(np.arange(SLOTS) - _FAR) % SLOTS]
        in_order[0] = self._n_whole
        self._cells: NDArray[np.signedinteger[Any]] = np.append(in_order, self._n_whole).astype(
            np.int16 if len(edges) < 1 << 13 else np.int32
        )

    @property
    def code_type(self) -> np.dtype[np.signedinteger[Any]]:
        """The type of `codes`' result."""
        return self._cells.dtype

    def codes(
        self,
        values: NDArray[np.float64],
        out: NDArray[np.signedinteger[Any]],
        slots: NDArray[np.int64],
        scratch: NDArray[np.float64],
    ) -> None:
        """Write each value's cell into ``out``; missing and non-finite values follow the last cell.

        Parameters
        ----------
        values
            At most a block.
        out, slots, scratch
            As long. ``slots`` takes the values' slots.
        """
        self.slot_map.slots(values, slots, scratch)
        np.take(self._cells, slots, out=out, mode="clip")
        rows = (out >= self._n_whole).nonzero()[0]
        if len(rows):
            out[rows] = self._decided(values[rows], out[rows] - self._n_whole)

    def _decided(self, values: NDArray[np.float64], cut: NDArray[np.integer]) -> NDArray[np.intp]:
        """The cells of values in slots that edges cut."""
        found: NDArray[np.intp] = self._low[cut]
        found += values > self._first[cut]
        if self._second is not None:
            found += values > self._second[cut]
        if cut.min() < self._n_deep:
            deep = np.flatnonzero(cut < self._n_deep)
            found[deep] = self.searched(values[deep])
        return found

    def searched(self, values: NDArray[np.float64]) -> NDArray[np.intp]:
        """The cells of a few values."""
        found = np.searchsorted(self._edges, values, side="left")
        found[np.isinf(values)] = self._n_whole + 1
        found[np.isnan(values)] = self._n_whole
        return found
