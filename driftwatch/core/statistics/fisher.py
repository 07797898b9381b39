r"""Fisher's exact test of a two by two table: a column of two values, or one value against all others.

The score is how much the share of the column's first value moved, ``|q - p|``, between 0 and 1; missing values are left
out. For a boolean column that is its more frequent value, and whatever else is present counts as the other. ``nan``
where one side has no present value; 0 between equal constants.

The p-value of the measurement is the two-sided one of the exact test: the probability, given the table's margins, of
all tables that are at most as probable as this one.

How sure
--------
By exact binomial tails and likelihood ratios (`driftwatch.core.statistics.shares`), at every number of rows.

References
----------
Fisher, R. A. (1922). On the interpretation of chi-square from contingency tables, and the calculation of P. Journal of
the Royal Statistical Society 85(1). doi:10.2307/2340521
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.records import ColumnKind, Measurement
from driftwatch.core.statistics.shares import Rows, bets_on_share, measured_share, p_value_of_share, share_error
from driftwatch.core.statistics.statistic import Statistic

if TYPE_CHECKING:
    from driftwatch.core.baseline import ColumnBaseline
    from driftwatch.core.profile import ColumnProfile


def _rows(baseline: ColumnBaseline, counts: NDArray[np.int64]) -> Rows:
    return Rows(int(counts[0]), int(counts[: baseline.cells.n_cells].sum()))


def measure(baseline: ColumnBaseline, profile: ColumnProfile) -> Measurement:
    """How much the share of the first value moved, with the p-value of the exact test."""
    reference, live = _rows(baseline, baseline.counts), _rows(baseline, profile.counts)
    return measured_share("fisher", reference, live, f"{baseline.cell_text(0)} against the rest")


def sampling_error(baseline: ColumnBaseline, doubt: float) -> float:
    """How far the reference's share may lie from the true one, exactly."""
    return share_error(_rows(baseline, baseline.counts), doubt)


def exceedance(baseline: ColumnBaseline, profile: ColumnProfile, tolerance: float) -> float:
    """The p-value of "the true share moved by the tolerance at most", exactly."""
    return p_value_of_share(_rows(baseline, baseline.counts), _rows(baseline, profile.counts), tolerance)


def bets(baseline: ColumnBaseline, profile: ColumnProfile, tolerance: float) -> NDArray[np.float64]:
    """Binomial likelihood ratios; see `driftwatch.core.statistics.shares`."""
    return bets_on_share(_rows(baseline, baseline.counts), _rows(baseline, profile.counts), tolerance)


FISHER = Statistic(
    name="fisher",
    kinds=frozenset({ColumnKind.BOOLEAN}),
    tolerance=0.05,
    power=1,
    has_test=True,
    measure=measure,
    sampling_error=sampling_error,
    exceedance=exceedance,
    bets=bets,
)
