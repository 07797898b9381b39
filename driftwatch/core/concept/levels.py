"""What is watched of labelled rows for a change of the concept: means of some rows, from mergeable sums.

Not the mean loss alone: a model can err as often as before, and on other rows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from driftwatch.core.moments import from_units
from driftwatch.core.performance import PerformanceSums
from driftwatch.core.performance.confusion import Confusion
from driftwatch.core.performance.moments_of_sums import mean_of
from driftwatch.core.performance.score_sums import ScoreSums
from driftwatch.core.records import Task

LARGEST_WATCHED_CLASSES = 20
"""With more classes their recalls are not watched one by one."""


class Worse(StrEnum):
    """Which way a mean gets worse; a change for the better is no reason to wake anybody."""

    UP = "up"
    DOWN = "down"
    AWAY_FROM_ZERO = "away_from_zero"
    EITHER = "either"


def worse_way(name: str) -> Worse:
    """Which way what is watched gets worse.

    Examples
    --------
    >>> worse_way("mae").value, worse_way("recall of DE").value, worse_way("bias").value, worse_way("actual_rate").value
    ('up', 'down', 'away_from_zero', 'either')
    """
    return _WORSE.get(name, Worse.DOWN)


_WORSE = MappingProxyType(
    {
        "error_rate": Worse.UP,
        "mae": Worse.UP,
        "bias": Worse.AWAY_FROM_ZERO,
        "calibration": Worse.AWAY_FROM_ZERO,
        "actual_rate": Worse.EITHER,
    }
)
"""All others, precision, specificity and recalls, get worse as they fall."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """A mean over rows, mergeable.

    Attributes
    ----------
    n
        Rows that it is a mean of.
    mean
        0.0 of none.
    squares
        The sum of squared deviations from it.
    is_share
        Whether rows are zeros and ones.
    """

    n: int = 0
    mean: float = 0.0
    squares: float = 0.0
    is_share: bool = False

    @classmethod
    def of_share(cls, hits: int, n: int) -> Level:
        """So many of ``n`` rows."""
        mean = hits / n if n else 0.0
        return cls(n=n, mean=mean, squares=n * mean * (1.0 - mean), is_share=True)

    @property
    def variance(self) -> float:
        """Of a row; 0.0 of none."""
        return self.squares / self.n if self.n else 0.0

    def __add__(self, other: Level) -> Level:
        """The mean of both sets of rows."""
        n = self.n + other.n
        if n == 0:
            return self
        apart = other.mean - self.mean
        return Level(
            n=n,
            mean=self.mean + apart * (other.n / n),
            squares=self.squares + other.squares + apart * apart * (self.n * (other.n / n)),
            is_share=self.is_share,
        )


Levels = Mapping[str, Level]


def levels_of(sums: PerformanceSums) -> dict[str, Level]:
    """What is watched of a task, by name; those without any row are left out.

    Returns
    -------
    dict
        Binary: ``error_rate, precision, recall, specificity, actual_rate``. Multiclass: ``error_rate``, and
        ``recall of C`` for each class. Both: ``calibration``, the mean of confidence minus hit, where scores are
        probabilities. Regression: ``mae``, and ``bias``, the mean of prediction minus label.

    Examples
    --------
    >>> import numpy as np
    >>> from driftwatch.core.table import Numbers
    >>> predicted, labels = Numbers(np.array([1.0, 2.0])), Numbers(np.array([2.0, 2.0]))
    >>> levels = levels_of(PerformanceSums.of(Task.REGRESSION, (), predicted, labels))
    >>> levels["mae"].mean, levels["bias"].mean
    (0.5, -0.5)
    """
    if sums.task is Task.REGRESSION:
        absolute, error, squared, _, _ = sums.sums
        found = {"mae": _of_sums(absolute, squared, sums.n), "bias": _of_sums(error, squared, sums.n)}
    else:
        found = {**_of_confusion(sums), "calibration": _calibration(sums)}
    return {name: level for name, level in found.items() if level.n > 0}


def _of_sums(total: int, squares: int, n: int) -> Level:
    mean = mean_of(total, squares, n)
    if n < 2 or not math.isfinite(mean.value) or not math.isfinite(mean.standard_error):
        return Level()
    return Level(n=n, mean=mean.value, squares=mean.standard_error**2 * (n - 1) * n)


def _of_confusion(sums: PerformanceSums) -> dict[str, Level]:
    matrix = Confusion.of(sums)
    hits, labelled, predicted = matrix.hits.tolist(), matrix.labelled.tolist(), matrix.predicted.tolist()
    found = {"error_rate": Level.of_share(matrix.n - sum(hits), matrix.n)}
    if sums.task is Task.BINARY and len(sums.classes) == 2:
        found["precision"] = Level.of_share(hits[1], predicted[1])
        found["recall"] = Level.of_share(hits[1], labelled[1])
        found["specificity"] = Level.of_share(hits[0], labelled[0])
        found["actual_rate"] = Level.of_share(labelled[1], matrix.n)
    elif len(sums.classes) <= LARGEST_WATCHED_CLASSES:
        for at, name in enumerate(sums.classes):
            found[f"recall of {name}"] = Level.of_share(hits[at], labelled[at])
    return found


def _calibration(sums: PerformanceSums) -> Level:
    scores = sums.details
    if not isinstance(scores, ScoreSums) or scores.probabilities == 0:
        return Level()
    n = scores.probabilities
    gaps = [
        from_units(total) - hits for hits, total in zip(scores.calibration[1::3], scores.calibration[2::3], strict=True)
    ]
    mean = math.fsum(gaps) / n
    return Level(n=n, mean=mean, squares=max(from_units(scores.gap_squares) - n * mean * mean, 0.0))


def merged(one: Levels, other: Levels) -> dict[str, Level]:
    """The levels of both sets of rows."""
    return {**one, **{name: one[name] + level if name in one else level for name, level in other.items()}}
