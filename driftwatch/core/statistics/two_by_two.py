"""Two by two tables: Fisher's exact test.

References
----------
Fisher, R. A. (1922). On the interpretation of chi-square from contingency tables, and the calculation of P. Journal of
the Royal Statistical Society 85(1). doi:10.2307/2340521
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

_EQUALLY_PROBABLE = 1e-7
"""Log probabilities that differ by less are the same, but for rounding."""

_DEVIATIONS = 40.0


@dataclass(frozen=True, slots=True)
class Fisher:
    """The sample's odds ratio, and the two-sided p-value."""

    odds_ratio: float
    p_value: float


def fisher_exact(table: tuple[tuple[int, int], tuple[int, int]]) -> Fisher:
    """Fisher's exact test.

    Parameters
    ----------
    table
        Counts: rows are the samples, columns the values.

    Returns
    -------
    Fisher
        As ``scipy.stats.fisher_exact(table)``. Where a margin is empty there is only one table: p-value 1, odds ratio
        ``nan``.

    Examples
    --------
    >>> found = fisher_exact(((8, 2), (1, 5)))
    >>> found.odds_ratio, round(found.p_value, 4)
    (20.0, 0.035)
    """
    (a, b), (c, d) = table
    if 0 in (a + b, c + d, a + c, b + d):
        return Fisher(math.nan, 1.0)
    odds_ratio = a * d / (b * c) if b * c else math.inf
    row, column, total = a + b, a + c, a + b + c + d
    lowest, highest = max(0, row + column - total), min(row, column)
    mean = row * (column / total)
    deviation = math.sqrt(mean * ((total - row) / total) * ((total - column) / max(total - 1, 1)))
    # Farther out, tables have no probability worth adding.
    reach = 2.0 * abs(a - mean) + _DEVIATIONS * deviation + 10.0
    values = np.arange(max(lowest, math.floor(mean - reach)), min(highest, math.ceil(mean + reach)) + 1)
    logs = (
        _log_ways(row, values.astype(np.float64))
        + _log_ways(total - row, (column - values).astype(np.float64))
        - _log_ways(total, np.array(float(column)))
    )
    at_most = logs <= logs[a - int(values[0])] + _EQUALLY_PROBABLE
    return Fisher(odds_ratio, min(float(np.exp(logs[at_most]).sum()), 1.0))


def _log_ways(n: int, k: NDArray[np.float64]) -> NDArray[np.float64]:
    ways: NDArray[np.float64] = gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0)
    return ways
