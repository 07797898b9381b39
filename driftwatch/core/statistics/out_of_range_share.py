r"""Out-of-range share: how many more rows lie below the reference's smallest or above its largest value.

Among the values that are not missing; infinities are out of every range, so that a reference that has some has a share,
and the score is the difference, ``|q - p|``. Between 0 and 1; ``nan`` where one side has no present value.

How sure
--------
By exact binomial tails and likelihood ratios (`driftwatch.core.statistics.shares`), at every number of rows. How far
the reference reaches is chance, too: the probability of what lies beyond the smallest and the largest of ``n`` rows has
a Beta distribution with parameters 2 and ``n - 1``, whatever the rows' distribution, or less with ties. Its upper point
is part of the sampling error.

References
----------
Wilks, S. S. (1941). Determination of sample sizes for setting tolerance limits. Annals of Mathematical Statistics
12(1). doi:10.1214/aoms/1177731788

Examples
--------
>>> import numpy as np
>>> from driftwatch.core.baseline import Baseline
>>> from driftwatch.core.frames import to_table
>>> from driftwatch.core.profile import Profile
>>> baseline = Baseline.fit({"x": np.arange(100.0)})
>>> live = Profile.of(baseline, to_table({"x": [-1.0, 0.0, 99.0, 99.5]}, baseline.schema))
>>> measure(baseline.columns["x"], live.columns["x"]).score
0.5
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from driftwatch.core.records import ColumnKind, Measurement
from driftwatch.core.statistics.shares import Rows, bets_on_share, measured_share, p_value_of_share, share_error
from driftwatch.core.statistics.statistic import Statistic

if TYPE_CHECKING:
    from driftwatch.core.baseline import ColumnBaseline
    from driftwatch.core.profile import ColumnProfile


def _rows(baseline: ColumnBaseline, counts: NDArray[np.int64]) -> Rows:
    cells = baseline.cells.n_cells
    # Of a reference without any finite value there is one cell, and whatever lies in it is out of range.
    outside = int(counts[0]) + (int(counts[cells - 1]) if cells > 1 else 0)
    return Rows(outside + int(counts[-1]), int(counts[:cells].sum()) + int(counts[-1]))


def measure(baseline: ColumnBaseline, profile: ColumnProfile) -> Measurement:
    """How much larger or smaller the share is than the reference's, with the p-value of Fisher's exact test."""
    reference, live = _rows(baseline, baseline.counts), _rows(baseline, profile.counts)
    return measured_share("out_of_range_share", reference, live, "outside against inside the reference's range")


@lru_cache(maxsize=4096)
def sampling_error(baseline: ColumnBaseline, doubt: float) -> float:
    """What may lie beyond the reference's range in truth, and how far its share of infinities may be off."""
    finite = baseline.n_present
    if finite < 2:
        return math.inf
    beyond = float(betaincinv(2.0, finite - 1.0, 1.0 - doubt / 2.0))
    return beyond + share_error(_rows(baseline, baseline.counts), doubt / 2.0)


def exceedance(baseline: ColumnBaseline, profile: ColumnProfile, tolerance: float) -> float:
    """The p-value of "the true share moved by the tolerance at most", exactly."""
    return p_value_of_share(_rows(baseline, baseline.counts), _rows(baseline, profile.counts), tolerance)


def bets(baseline: ColumnBaseline, profile: ColumnProfile, tolerance: float) -> NDArray[np.float64]:
    """Binomial likelihood ratios; see `driftwatch.core.statistics.shares`."""
    return bets_on_share(_rows(baseline, baseline.counts), _rows(baseline, profile.counts), tolerance)


OUT_OF_RANGE_SHARE = Statistic(
    name="out_of_range_share",
    kinds=frozenset({ColumnKind.NUMERIC}),
    tolerance=0.01,
    power=1,
    has_test=True,
    measure=measure,
    sampling_error=sampling_error,
    exceedance=exceedance,
    bets=bets,
)
