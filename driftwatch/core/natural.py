"""Natural variation: how much the reference's own windows differ from the rest of it.

Traffic has days and weeks; a window of one hour is no random sample of the year. Where the reference has event
times, it is cut into windows of several durations, and each is compared with the remaining rows. What sampling
alone explains is taken off; what is left is a distance that a live window may have without anything being wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

DURATIONS_SECONDS = (3_600, 21_600, 86_400, 604_800)
"""The durations of windows that are tried: an hour, six hours, a day, a week."""

MIN_WINDOWS = 4
"""Fewer windows say nothing about variation."""

MIN_WINDOW_ROWS = 30
"""Windows with fewer rows are not compared."""

LARGEST_WINDOWS = 1_000
"""Of more windows of one duration an even choice is compared: this bounds memory."""

QUANTILE_WINDOWS = 40
"""From so many windows on, the 95 % point is kept instead of the maximum."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NaturalVariation:
    """Distances between the reference's own windows and its rest, sampling noise taken off.

    Attributes
    ----------
    distances
        By duration in seconds, then column, then statistic (``ks``, ``psi``): the largest distance, or the
        95 % point where there are 40 windows or more.
    loss
        By duration in seconds: the standard deviation of the windows' mean loss beyond their sampling error,
        divided by the overall mean loss.
    """

    distances: Mapping[int, Mapping[str, Mapping[str, float]]] = field(default_factory=dict)
    loss: Mapping[int, float] = field(default_factory=dict)

    def tolerance(self, column: str, statistic: str, window_seconds: float) -> float | None:
        """The distance that a window of this duration may naturally have.

        It is the one of the longest measured duration that is not longer than the window's.

        Returns
        -------
        float or None
            None where it is not known: no timestamp, too few rows or windows, or a shorter window.
        """
        known = (
            columns[column][statistic]
            for duration, columns in sorted(self.distances.items(), reverse=True)
            if duration <= window_seconds and statistic in columns.get(column, {})
        )
        return next(known, None)

    def loss_tolerance(self, window_seconds: float) -> float | None:
        """The relative standard deviation that a window's mean loss may naturally have, None if not known."""
        known = (loss for duration, loss in sorted(self.loss.items(), reverse=True) if duration <= window_seconds)
        return next(known, None)
