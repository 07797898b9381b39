"""Natural variation: how much the reference's own windows differ from the rest of it.

Traffic has days and weeks; a window of one hour is no random sample of the year. Where the reference has event
times, it is cut into windows of several durations, and each is compared with the remaining rows. What sampling
alone explains is taken off; what is left is a distance that a live window may have without anything being wrong.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

DURATIONS_SECONDS = (3_600, 21_600, 86_400, 604_800)
"""The durations of windows that are tried: an hour, six hours, a day, a week."""

MIN_WINDOWS = 4
"""Fewer windows say nothing about variation."""

MIN_WINDOW_ROWS = 30
"""Windows with fewer rows are not compared."""

PART_MISSING = 0.25
"""A first or last window counts as whole if the reference lacks at most this share of its time."""

LARGEST_WINDOWS = 1_000
"""Of more windows of one duration an even choice is compared: this bounds memory."""

QUANTILE_WINDOWS = 40
"""From so many windows on, the 95 % point is kept instead of the maximum."""

UPPER_SHARE = 0.95


def tail_probability(n_windows: int) -> float:
    """The probability that another window lies beyond the distance that is kept of so many windows.

    Examples
    --------
    >>> tail_probability(9), round(tail_probability(400), 2)
    (0.1, 0.05)
    """
    return 1.0 - UPPER_SHARE if n_windows >= QUANTILE_WINDOWS else 1.0 / (n_windows + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class LossVariation:
    """How much windows' mean losses vary among each other, beyond their sampling error.

    Attributes
    ----------
    deviation
        The standard deviation of windows of ``duration_seconds``, relative to the overall mean loss.
    of_reference
        The standard error that the overall mean loss has because of it, relative to itself.
    windows
        How many windows both were taken from.
    """

    deviation: float
    of_reference: float
    windows: int
    duration_seconds: float

    def over(self, window_seconds: float) -> LossVariation:
        """The variation of longer windows: averages of as many of these as they hold."""
        held = window_seconds / self.duration_seconds
        return replace(self, deviation=self.deviation / math.sqrt(held), duration_seconds=window_seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class NaturalVariation:
    """Distances between the reference's own windows and its rest, sampling noise taken off.

    Attributes
    ----------
    distances
        By duration in seconds, then column, then statistic: the largest distance, or the 95 % point where there are
        40 windows or more. Of statistics for which another stands in (`driftwatch.core.thresholds`) there is none.
    windows
        By duration in seconds: how many windows were compared.
    loss
        By duration in seconds: how much the windows' mean losses vary.
    """

    distances: Mapping[int, Mapping[str, Mapping[str, float]]] = field(default_factory=dict)
    windows: Mapping[int, int] = field(default_factory=dict)
    loss: Mapping[int, LossVariation] = field(default_factory=dict)

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

    def tail(self, window_seconds: float) -> float | None:
        """The probability that a window of this duration lies beyond its natural tolerance, with nothing wrong.

        None where no windows of this duration, or a shorter one, are known.
        """
        known = (n for duration, n in sorted(self.windows.items(), reverse=True) if duration <= window_seconds)
        found = next(known, None)
        return None if found is None else tail_probability(found)

    def loss_variation(self, window_seconds: float) -> LossVariation | None:
        """How much the mean loss of windows of this duration naturally varies, None if not known.

        Where only shorter windows were measured, theirs, averaged over as many of them as the window holds.
        """
        known = (loss for duration, loss in sorted(self.loss.items(), reverse=True) if duration <= window_seconds)
        found = next(known, None)
        return None if found is None else found.over(window_seconds)
