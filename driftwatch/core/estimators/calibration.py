"""What a score means: the share of rows that were of the class, as a rising step function of the score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """Blocks of scores, each with the share of its rows that were of the class.

    Attributes
    ----------
    last
        Ascending: the highest cell of each block but the last, ``int64`` of length ``k - 1``. A score's block is the
        first whose last cell is not below it.
    share
        By block, ascending, from 0 to 1; length ``k``.
    rows
        By block, the labelled rows that the share was measured on; length ``k``.
    lowest, highest
        The first and the last cell that labelled rows had.
    """

    last: NDArray[np.int64]
    share: Floats
    rows: NDArray[np.int64]
    lowest: int
    highest: int

    def __len__(self) -> int:
        return len(self.share)

    @classmethod
    def of(cls, cells: NDArray[np.int64], of_class: NDArray[np.int64], others: NDArray[np.int64]) -> Calibration:
        """Fit by isotonic regression: least squares among all functions that do not fall.

        Scores between two that labelled rows had belong to the nearer one's block.

        Parameters
        ----------
        cells
            Numbers of the scores' cells, ascending, at least one; their order is that of the scores.
        of_class, others
            Labelled rows of the class, and of all others, by cell; together at least one in each.

        References
        ----------
        Barlow, R. E., Brunk, H. D. (1972): The isotonic regression problem and its dual.
        https://doi.org/10.1080/01621459.1972.10481216

        Examples
        --------
        >>> found = Calibration.of(np.array([1, 2, 3, 5]), np.array([0, 2, 1, 4]), np.array([4, 2, 3, 0]))
        >>> found.share.tolist(), found.rows.tolist(), found.last.tolist()
        ([0.0, 0.375, 1.0], [4, 8, 4], [1, 4])
        """
        starts = _pooled(of_class, of_class + others)
        hits = np.add.reduceat(of_class, starts)
        rows = np.add.reduceat(of_class + others, starts)
        ends, begins = cells[starts[1:] - 1], cells[starts[1:]]
        return cls((ends + begins) // 2, hits / rows, rows, int(cells[0]), int(cells[-1]))

    def blocks(self, cells: NDArray[np.int64]) -> NDArray[np.intp]:
        """The block of each cell."""
        return np.searchsorted(self.last, cells, side="left")

    def beyond(self, cells: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which cells lie below or above all that labelled rows had."""
        return (cells < self.lowest) | (cells > self.highest)


def _pooled(hits: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.intp]:
    """Where the blocks of equal share begin: neighbours that fall are pooled, in whole numbers."""
    first: list[int] = []
    block_hits: list[int] = []
    block_rows: list[int] = []
    for at, (hits_here, rows_here) in enumerate(zip(hits.tolist(), rows.tolist(), strict=True)):
        first.append(at)
        block_hits.append(hits_here)
        block_rows.append(rows_here)
        while len(first) > 1 and block_hits[-2] * block_rows[-1] >= block_hits[-1] * block_rows[-2]:
            first.pop()
            block_hits[-2:] = [sum(block_hits[-2:])]
            block_rows[-2:] = [sum(block_rows[-2:])]
    return np.array(first, dtype=np.intp)
