"""Where a stream is cut into steps, so that every window is judged at the row that makes it due.

A service steps every second or so; a monitor is given any number of rows at once. What is due depends on how far the
stream has come, so rows are taken in parts that end with those at which that changes.
"""

from __future__ import annotations

from collections import deque
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.windows import WindowPlan

MOST_ROWS = 2_500
"""Of a part: with its labels it goes through the pipeline in one step."""


class Cuts:
    """Finds the rows at which windows become due.

    Parameters
    ----------
    plan
        How the stream is cut into windows.

    Examples
    --------
    >>> cuts = Cuts(WindowPlan(window=100, lateness=timedelta(0), label_wait=timedelta(0)))
    >>> times, lengths = np.arange(250), []
    >>> while len(times):
    ...     lengths.append(cuts.length(times))
    ...     cuts.took(lengths[-1], int(times[lengths[-1] - 1]))
    ...     times = times[lengths[-1]:]
    >>> lengths
    [100, 100, 50]
    """

    def __init__(self, plan: WindowPlan) -> None:
        self._plan = plan
        self._wait = plan.label_wait // timedelta(microseconds=1)
        self._lateness = plan.lateness // timedelta(microseconds=1)
        self._rows = 0
        self._waiting: deque[int] = deque()
        self._latest: int | None = None

    @property
    def rows(self) -> int:
        """How many rows were counted."""
        return self._rows

    def length(self, latest: NDArray[np.int64]) -> int:
        """How many of the next rows to take at once: at least one of them.

        Parameters
        ----------
        latest
            The latest event time up to each row, in microseconds; ascending, not empty.
        """
        latest = latest[:MOST_ROWS]
        if self._plan.counted:
            slide = self._plan.slide_length
            length = min(slide - self._rows % slide, len(latest))
            if self._waiting:
                length = min(length, int(np.searchsorted(latest, self._waiting[0])) + 1)
            return length
        before = int(latest[0]) if self._latest is None else self._latest
        for wait in {self._lateness, self._wait}:
            # The first row that lies beyond the end of the window in which the stream was.
            end = self._plan.window_start(before - wait) + self._plan.slide_length + wait
            latest = latest[: int(np.searchsorted(latest, end)) + 1]
        return len(latest)

    def took(self, counted: int, latest: int) -> None:
        """Say what became of them.

        Parameters
        ----------
        counted
            How many of them the pipeline has accepted.
        latest
            The latest event time with the last of them.
        """
        slide = self._plan.slide_length
        if self._plan.counted and self._wait and (self._rows + counted) // slide > self._rows // slide:
            self._waiting.append(latest + self._wait)
        self._rows += counted
        self._latest = latest
        while self._waiting and self._waiting[0] <= latest:
            self._waiting.popleft()

    def to_come(self) -> list[int]:
        """Event times, ascending, at which windows become due if no more rows come."""
        if self._latest is None:
            return []
        if self._plan.counted:
            return list(self._waiting)
        plan, slide = self._plan, self._plan.slide_length
        moments = set()
        for wait in {self._lateness, self._wait}:
            last = plan.windows_over(self._latest)[-1] + plan.window_length
            moments |= set(range(plan.window_start(self._latest - wait) + slide + wait, last + wait + 1, slide))
        return sorted(moments)


__all__ = ["MOST_ROWS", "Cuts"]
