"""The windows of event time that a reference is cut into, to learn its natural variation."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.natural import (
    DURATIONS_SECONDS,
    LARGEST_WINDOWS,
    MIN_WINDOW_ROWS,
    MIN_WINDOWS,
    PART_MISSING,
)
from driftwatch.core.windows import FIRST_MONDAY, MICROSECONDS


def _position(times: NDArray[np.float64], duration: int) -> NDArray[np.float64]:
    """Where times lie, in windows since the first Monday."""
    return (times - FIRST_MONDAY) / (duration * MICROSECONDS)


def _index(times: NDArray[np.float64], duration: int) -> NDArray[np.int64]:
    return np.floor(_position(times, duration)).astype(np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """The windows of one duration that are compared.

    Attributes
    ----------
    duration
        In seconds.
    index
        Which ones, ascending: windows since the first Monday.
    """

    duration: int
    index: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.index)

    def of_rows(self, times: NDArray[np.float64]) -> NDArray[np.intp]:
        """Each row's window by position, -1 where it is in none; times in microseconds, ``nan`` where unknown."""
        known = np.isfinite(times)
        wanted = _index(times[known], self.duration)
        at = np.minimum(np.searchsorted(self.index, wanted), len(self.index) - 1)
        of_row = np.full(len(times), -1, dtype=np.intp)
        of_row[known] = np.where(self.index[at] == wanted, at, -1)
        return of_row


class WindowRows:
    """How many rows lie in each window of each duration; 16 bytes a window that has any."""

    def __init__(self) -> None:
        self._rows: dict[int, tuple[NDArray[np.int64], NDArray[np.int64]]] = {}
        self._first = math.inf
        self._last = -math.inf

    def add(self, times: NDArray[np.float64]) -> None:
        """Count rows by their times, in microseconds; those with ``nan`` are left out."""
        known = times[np.isfinite(times)]
        if len(known) == 0:
            return
        self._first, self._last = min(self._first, float(known.min())), max(self._last, float(known.max()))
        for duration in DURATIONS_SECONDS:
            index, counts = np.unique(_index(known, duration), return_counts=True)
            if duration in self._rows:
                held, held_counts = self._rows[duration]
                index, at = np.unique(np.concatenate([held, index]), return_inverse=True)
                more = np.concatenate([held_counts, counts])
                counts = np.zeros(len(index), dtype=np.int64)
                np.add.at(counts, at, more)
            self._rows[duration] = index, counts

    def all_windows(self, duration: int) -> Windows:
        """Every window that has a row."""
        return Windows(duration, self._rows[duration][0] if duration in self._rows else np.zeros(0, dtype=np.int64))

    def windows(self, duration: int) -> Windows | None:
        """Those that are compared: see `compared`."""
        if duration not in self._rows:
            return None
        index, counts = self._rows[duration]
        kept = compared(index, counts, (self._first, self._last), duration)
        return None if kept is None else Windows(duration, index[kept])


def compared(
    index: NDArray[np.int64], counts: NDArray[np.int64], reach: tuple[float, float], duration: int
) -> NDArray[np.intp] | None:
    """The windows that are compared, by position; None if they are too few.

    Those with too few rows are left out, and so are a first and a last one that the reference covers in part only:
    three days of a week are no week. Of very many an even choice is kept.

    Parameters
    ----------
    index, counts
        Of windows that have rows, ascending, and how many each has.
    reach
        The first and the last row's time, in microseconds.
    duration
        In seconds.
    """
    begun, ended = _position(np.array(reach), duration).tolist()
    whole = (index >= begun - PART_MISSING) & (index + 1 <= ended + PART_MISSING)
    kept = np.flatnonzero((counts >= MIN_WINDOW_ROWS) & whole)
    if len(kept) > LARGEST_WINDOWS:
        kept = kept[np.linspace(0, len(kept) - 1, LARGEST_WINDOWS).astype(np.intp)]
    return kept if len(kept) >= MIN_WINDOWS else None
