"""A uniform sample of rows that are met once, in memory that does not grow with their number."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

_SEED = 20_240_229


class RowSample:
    """Numbers of a uniform sample of rows, without replacement.

    Every row draws a key, and those with the smallest keys stay. Keys depend on a row's position alone: the same rows
    in other batches give the same sample.

    Parameters
    ----------
    capacity
        Most rows to keep; None keeps all.

    Examples
    --------
    >>> sample = RowSample(3)
    >>> for start in range(0, 100, 10):
    ...     sample.add({"x": np.arange(start, start + 10.0)}, 10)
    >>> len(sample.values("x")), len(set(sample.values("x").tolist()))
    (3, 3)
    """

    def __init__(self, capacity: int | None) -> None:
        self._capacity = capacity
        self._random = np.random.default_rng(_SEED)
        self._keys = np.zeros(0)
        self._rows = 0
        self._largest_key = 1.0
        self._parts: dict[str, list[NDArray[np.float64]]] = {}

    def add(self, columns: Mapping[str, NDArray[np.float64]], n_rows: int) -> None:
        """Let rows go by.

        Parameters
        ----------
        columns
            Their numbers by column. A column that was not there before, or is not now, is ``nan`` in those rows.
        n_rows
            How many rows these are.
        """
        chosen: NDArray[np.intp] | None = None
        if self._capacity is not None:
            keys = self._random.random(n_rows)
            if self._largest_key < 1.0:
                chosen = np.flatnonzero(keys < self._largest_key)
                keys, n_rows = keys[chosen], len(chosen)
            self._keys = np.concatenate([self._keys, keys])
        for name, values in columns.items():
            parts = self._parts.setdefault(name, [np.full(self._rows, np.nan)] if self._rows else [])
            parts.append(values if chosen is None else values[chosen])
        for name in self._parts.keys() - columns.keys():
            self._parts[name].append(np.full(n_rows, np.nan))
        self._rows += n_rows
        # Sorting out costs time for all that is kept: it waits until there is half as much too many.
        if self._capacity is not None and self._rows > self._capacity + self._capacity // 2:
            self._sort_out(self._capacity)

    def values(self, name: str) -> NDArray[np.float64]:
        """A column's numbers in the sample, in the order of rows; missing and non-finite ones with them."""
        if self._capacity is not None and self._rows > self._capacity:
            self._sort_out(self._capacity)
        parts = self._parts.get(name, [])
        return parts[0] if len(parts) == 1 else np.concatenate([np.zeros(0), *parts])

    def _sort_out(self, capacity: int) -> None:
        kept = np.sort(np.argpartition(self._keys, capacity - 1)[:capacity])
        for name, parts in self._parts.items():
            self._parts[name] = [np.concatenate(parts)[kept]]
        self._keys = self._keys[kept]
        self._largest_key = float(self._keys.max())
        self._rows = capacity
