"""Kolmogorov-Smirnov of two samples, exactly, without sorting the second one.

Both samples are counted over the same slots of the real line (`driftwatch.core.slots`), which are in the order of
numbers. At the ends of slots the difference of the two distribution functions follows from the counts: the largest
one is a lower bound of the statistic. Inside a slot the difference can exceed that before it by no more than the
slot's own rows. Only the few slots that could hold something larger than the lower bound are looked into: their
values are sorted and merged with the reference's. The result is that of sorting everything.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import kolmogorov

from driftwatch.core.cell_choice import numeric_cells, value_counts
from driftwatch.core.cells import NO_SLOT, NumericCells, counts_and_slots, counts_in_order
from driftwatch.core.records import Measurement
from driftwatch.core.slots import BLOCK, by_slot
from driftwatch.core.statistics.ks import KolmogorovSmirnov
from driftwatch.core.table import Numbers

LARGEST_EXACT = 10_000
"""Samples of up to so many values have an exact p-value."""


@dataclass(frozen=True, slots=True, eq=False)
class KeptNumbers:
    """The reference's values of one numeric column, ready to be compared exactly.

    Attributes
    ----------
    ascending
        The finite values, in order.
    in_slots
        ``int64``: how many of them lie in each slot, in the order of numbers.
    """

    ascending: NDArray[np.float64]
    in_slots: NDArray[np.int64]

    @classmethod
    def of(cls, cells: NumericCells, values: Numbers) -> KeptNumbers:
        """Sort and count the reference's values.

        Parameters
        ----------
        cells
            Of the baseline's column; their edges make the slots.
        values
            Missing and non-finite ones are left out.
        """
        ascending = np.sort(values.values[np.isfinite(values.values)])
        return cls(ascending, counts_in_order(counts_and_slots(cells, Numbers(ascending))[1]))


def exact_distance(kept: KeptNumbers, live: Numbers, slots: NDArray[np.uint16]) -> float:
    """The largest difference between the distribution functions of the reference and of live values.

    Parameters
    ----------
    kept
        The reference's column.
    live
        Any length; missing and non-finite values are left out.
    slots
        Of the live values, over the same cells: `driftwatch.core.cells.counts_and_slots`.

    Returns
    -------
    float
        What ``scipy.stats.ks_2samp`` calls its statistic; ``nan`` where one side has no finite value.
    """
    in_slots = counts_in_order(slots)
    n, m = len(kept.ascending), int(in_slots.sum())
    if n == 0 or m == 0:
        return math.nan
    up_to = in_slots.cumsum()
    ends = up_to / m - kept.in_slots.cumsum() / n
    largest = float(np.abs(ends).max())
    before = np.concatenate([[0.0], ends[:-1]])
    reach = np.maximum(before + in_slots / m, kept.in_slots / n - before)
    # Where one of the two has no row, the difference is largest at an end.
    looked_into = (reach > largest) & (in_slots > 0) & (kept.in_slots > 0)
    if not looked_into.any():
        return largest
    inside = np.sort(_values_in(live, slots, looked_into))
    # Rows before each of these values: all of the slots before its own, and those that stand before it here.
    taken = in_slots[looked_into]
    outside = np.repeat((up_to - in_slots)[looked_into] - (taken.cumsum() - taken), taken)
    below, not_above = (
        (np.searchsorted(inside, inside, side) + outside) / m - np.searchsorted(kept.ascending, inside, side) / n
        for side in ("left", "right")
    )
    return max(largest, -float(below.min()), float(not_above.max()))


def _values_in(live: Numbers, slots: NDArray[np.uint16], looked_into: NDArray[np.bool_]) -> NDArray[np.float64]:
    lookup = np.append(by_slot(looked_into), False)
    parts = []
    for start in range(0, len(slots), BLOCK):
        rows = lookup[slots[start : start + BLOCK]].nonzero()[0]
        parts.append(live.values[start : start + BLOCK][rows])
    return np.concatenate(parts)


def measured_exactly(kept: KeptNumbers, live: Numbers, slots: NDArray[np.uint16]) -> Measurement:
    """The statistic of all finite values, with the p-value of Kolmogorov's limit.

    Parameters are those of `exact_distance`.
    """
    n, m = len(kept.ascending), int(np.count_nonzero(slots != NO_SLOT))
    score = exact_distance(kept, live, slots)
    p_value = None if math.isnan(score) else float(kolmogorov(score * math.sqrt(n * m / (n + m))))
    return Measurement(
        statistic="ks", score=score, p_value=p_value, n_reference=n, n_live=m, binning="every value", error_bound=0.0
    )


def exact_ks(reference: NDArray[np.float64], live: NDArray[np.float64]) -> KolmogorovSmirnov:
    """The two-sample test of finite values: statistic and p-value are those of ``scipy.stats.ks_2samp``.

    Parameters
    ----------
    reference, live
        Any lengths; missing and non-finite values are left out.

    Returns
    -------
    KolmogorovSmirnov
        The p-value is exact where neither side has more than `LARGEST_EXACT` values; else that of the limit
        distribution with its correction for the number of rows. Both are ``nan`` where one side has no value.

    References
    ----------
    Simard, R., L'Ecuyer, P. (2011). Computing the two-sided Kolmogorov-Smirnov distribution. Journal of Statistical
    Software 39(11). doi:10.18637/jss.v039.i11

    Examples
    --------
    >>> import numpy as np
    >>> result = exact_ks(np.arange(20.0), np.arange(20.0) + 7.0)
    >>> round(result.statistic, 12), round(result.p_value, 6)
    (0.35, 0.174533)
    """
    ascending = np.sort(reference[np.isfinite(reference)])
    cells = numeric_cells(value_counts(ascending))
    values = Numbers(live[np.isfinite(live)])
    statistic = exact_distance(KeptNumbers.of(cells, Numbers(ascending)), values, counts_and_slots(cells, values)[1])
    n, m = len(ascending), len(values)
    if math.isnan(statistic):
        return KolmogorovSmirnov(math.nan, math.nan)
    # Loaded here: the service never asks for it, and it is large.
    from scipy.stats import ks_2samp, kstwo

    if max(n, m) <= LARGEST_EXACT:
        return KolmogorovSmirnov(statistic, float(ks_2samp(ascending, values.values).pvalue))
    return KolmogorovSmirnov(statistic, float(kstwo.sf(statistic, round(n * m / (n + m)))))
