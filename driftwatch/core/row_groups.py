"""Rows by a number that many of them share: the slice, the stretch of time or the version that they belong to."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray


def rows_by_value(values: NDArray[np.int64] | NDArray[np.uint32]) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """Each value that there is, ascending, with the positions of its rows, ascending. Nothing for no rows.

    Examples
    --------
    >>> [(value, rows.tolist()) for value, rows in rows_by_value(np.array([7, 3, 7]))]
    [(3, [1]), (7, [0, 2])]
    """
    if not len(values):
        return
    # As a rule what comes together belongs together.
    if (values == values[0]).all():
        yield int(values[0]), np.arange(len(values))
        return
    order = np.argsort(values, kind="stable")
    ranked = values[order]
    begins = np.flatnonzero(ranked[1:] != ranked[:-1]) + 1
    for value, rows in zip(ranked[np.append(0, begins)].tolist(), np.split(order, begins), strict=True):
        yield int(value), rows


__all__ = ["rows_by_value"]
