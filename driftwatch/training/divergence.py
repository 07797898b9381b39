r"""Whether a loss diverges, told from noise by blocks of steps.

Losses come in blocks of ``block`` steps. A block is summed up by its median ``m`` and by its mean absolute deviation
from it, ``d``. Let ``best`` be the lowest median so far, ``first`` that of the first block, and ``s`` the scale of the
noise: of the last 25 blocks that were not high, the mean of ``d``, or of how far a median lies from the one before,
whichever is more (the second counts noise that is alike over many steps). A block is *high* where

.. math:: m - best > 4 s \quad\text{and}\quad m - best > \max(0.5\,|best|,\; 0.1\,(first - best)).

A loss diverges after ``patience`` high blocks in a row that also lie above the first one, or four times as many that do
not: a loss that jumps up and falls again, as where a learning rate starts anew, stops nothing. Besides, three steps in
a row of a million times the size of all before diverge at once, after the first block or where a size was told.
"""

from __future__ import annotations

from collections import deque
from statistics import fmean, median

_SCALES = 4.0
_SHARE_OF_BEST = 0.5
_SHARE_OF_FALL = 0.1
_BLOCKS_OF_NOISE = 25
_BELOW_FIRST = 4
_BEYOND_ALL = 1e6
_BEYOND_STEPS = 3


class Divergence:
    """Watches a loss, step by step; the memory it needs is bounded.

    Parameters
    ----------
    block
        Steps of a block.
    patience
        High blocks in a row that diverge, where they lie above the first.

    Examples
    --------
    >>> watch = Divergence(block=10, patience=2)
    >>> falling = [watch.add(1.0 / (1 + step)) for step in range(100)]
    >>> rising = [watch.add(0.01 * 1.2**step) for step in range(60)]
    >>> any(falling), any(rising)
    (False, True)
    """

    def __init__(self, *, block: int = 20, patience: int = 3) -> None:
        self._block = block
        self._patience = patience
        self._losses: list[float] = []
        self._best: float | None = None
        self._first = self._last = 0.0
        self._size = 0.0
        self._is_size_known = False
        self._spreads: deque[float] = deque(maxlen=_BLOCKS_OF_NOISE)
        self._moves: deque[float] = deque(maxlen=_BLOCKS_OF_NOISE)
        self._high = self._above = 0
        self._beyond = 0

    @property
    def best(self) -> float | None:
        """The lowest median of a block; None before the first is full."""
        return self._best

    @property
    def first(self) -> float | None:
        """The median of the first block; None before it is full."""
        return None if self._best is None else self._first

    def expect(self, loss: float) -> None:
        """Say what the loss of a model is that has learned nothing: before the first block, nothing else is known."""
        self._size = max(self._size, abs(loss))
        self._is_size_known = True

    def add(self, loss: float) -> bool:
        """Take a finite loss; answers whether it diverges with this step."""
        if self._is_size_known and 0 < _BEYOND_ALL * self._size < abs(loss):
            self._beyond += 1
            if self._beyond >= _BEYOND_STEPS:
                return True
        else:
            self._beyond = 0
            self._size = max(self._size, abs(loss))
        self._losses.append(loss)
        if len(self._losses) < self._block:
            return False
        middle = median(self._losses)
        spread = fmean(abs(one - middle) for one in self._losses)
        self._losses.clear()
        return self._add_block(middle, spread)

    def _add_block(self, middle: float, spread: float) -> bool:
        if self._best is None:
            self._best = self._first = self._last = middle
            self._is_size_known = True
            self._spreads.append(spread)
            return False
        rise = middle - self._best
        noise = _SCALES * max(fmean(self._spreads), fmean(self._moves) if self._moves else 0.0)
        least = max(_SHARE_OF_BEST * abs(self._best), _SHARE_OF_FALL * (self._first - self._best))
        if rise > noise and rise > least:
            self._high += 1
            self._above = self._above + 1 if middle > self._first + noise else 0
        else:
            # Blocks that are high are wide, too: they must not hide themselves.
            self._spreads.append(spread)
            self._moves.append(abs(middle - self._last))
            self._high = self._above = 0
            self._best = min(self._best, middle)
        self._last = middle
        return self._above >= self._patience or self._high >= _BELOW_FIRST * self._patience
