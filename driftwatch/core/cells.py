"""The cells of a baseline's column: where each value is counted.

A profile is counts over these cells, so two profiles of the same baseline add up.

*Numbers.* ``edges`` are ``k`` ascending finite numbers; cell ``i`` holds ``edges[i-1] < x <= edges[i]``, the first
and the last are open: ``k + 1`` cells. The first edge is just below the reference's smallest value and the last is
its largest, so the end cells hold exactly what is out of the reference's range. A value that repeats in the
reference has a cell of its own (its edges are its neighbour below and itself). Two more counts follow: missing
(``nan``) and non-finite.

*Names.* One cell a name that is frequent in the reference, then ``other`` (names that were rare in it), ``unseen``
(names that it never had) and missing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


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
