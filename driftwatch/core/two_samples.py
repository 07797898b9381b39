"""Kolmogorov-Smirnov of two samples, exactly, without sorting the second one.

Both samples are counted over the same slots of the real line (`driftwatch.core.slots`), which are in the order of
numbers. At the ends of slots, and of the baseline's cells, the difference of the two distribution functions follows
from the counts: the largest one is a lower bound of the statistic. Inside a slot the difference can exceed those at its
ends by no more than the slot's own rows. Only the few slots that could hold something larger than the lower bound are
looked into: their values are sorted and merged with the reference's. The result is that of sorting everything.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import kolmogorov

from driftwatch.core.cell_choice import numeric_cells, value_counts
from driftwatch.core.cells import NumericCells, counts_and_slots, index_of
from driftwatch.core.records import Measurement
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
    up_to_slot
        ``int64``: how many of them lie up to the end of each slot.
    up_to_cell
        ``int64``: likewise for the baseline's cells.
    uncertain
        ``uint8``: 1 for slots where the reference has values without a cell of their own. What happens inside them is
        not known from their ends and the ends of cells.
    """

    ascending: NDArray[np.float64]
    up_to_slot: NDArray[np.int64]
    up_to_cell: NDArray[np.int64]
    uncertain: NDArray[np.uint8]

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
        counts, by_slot = counts_and_slots(cells, Numbers(ascending))
        up_to_slot, up_to_cell = by_slot.cumsum(), counts[:-2].cumsum()
        alone = 1 + np.flatnonzero(np.nextafter(cells.edges[:-1], np.inf) == cells.edges[1:])
        alone = alone[counts[alone] > 0]
        slots = index_of(cells).slot_map.slots(cells.edges[alone])
        shared = by_slot.copy()
        np.subtract.at(shared, slots, counts[alone])
        return cls(ascending, up_to_slot, up_to_cell, (shared > 0).astype(np.uint8))


def exact_distance(
    cells: NumericCells, kept: KeptNumbers, live: Numbers, counts: NDArray[np.int64], by_slot: NDArray[np.int64]
) -> float:
    """The largest difference between the distribution functions of the reference and of live values.

    Parameters
    ----------
    cells
        Those that both sides were counted over.
    kept
        The reference's column.
    live
        Any length; missing and non-finite values are left out.
    counts, by_slot
        Of the live values: `driftwatch.core.cells.counts_and_slots`.

    Returns
    -------
    float
        What ``scipy.stats.ks_2samp`` calls its statistic; ``nan`` where one side has no finite value.
    """
    from driftwatch.core.two_sample_kernels import largest_difference, largest_inside, looked_into, values_in

    m = int(counts[:-2].sum())
    if len(kept.ascending) == 0 or m == 0:
        return math.nan
    wanted = np.empty(len(by_slot), dtype=np.uint8)
    largest = largest_difference(counts[:-2], kept.up_to_cell, m)
    largest, n_inside = looked_into(by_slot, kept.up_to_slot, kept.uncertain, m, largest, wanted)
    if n_inside == 0:
        return float(largest)
    slot_map, inside = index_of(cells).slot_map, np.empty(n_inside)
    values_in(np.ascontiguousarray(live.values), slot_map.middle, slot_map.factor, wanted, inside)
    inside.sort()
    return float(largest_inside(inside, wanted, by_slot, kept.up_to_slot, kept.ascending, m, largest))


def measured_exactly(
    cells: NumericCells, kept: KeptNumbers, live: Numbers, counts: NDArray[np.int64], by_slot: NDArray[np.int64]
) -> Measurement:
    """The statistic of all finite values, with the p-value of Kolmogorov's limit.

    Parameters are those of `exact_distance`.
    """
    n, m = len(kept.ascending), int(counts[:-2].sum())
    score = exact_distance(cells, kept, live, counts, by_slot)
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
    kept = KeptNumbers.of(cells, Numbers(ascending))
    statistic = exact_distance(cells, kept, values, *counts_and_slots(cells, values))
    n, m = len(ascending), len(values)
    if math.isnan(statistic):
        return KolmogorovSmirnov(math.nan, math.nan)
    # Loaded here: the service never asks for it, and it is large.
    from scipy.stats import ks_2samp, kstwo

    if max(n, m) <= LARGEST_EXACT:
        with warnings.catch_warnings():
            # Where its exact computation fails it says so and takes the limit: that is the documented result.
            warnings.simplefilter("ignore", RuntimeWarning)
            return KolmogorovSmirnov(statistic, float(ks_2samp(ascending, values.values).pvalue))
    return KolmogorovSmirnov(statistic, float(kstwo.sf(statistic, round(n * m / (n + m)))))
