r"""Missing share: how much the share of missing values moved, ``|q - p|``, between 0 and 1.

Missing is what the file, the frame or the event had no value for, ``nan`` included; infinities are not. ``nan`` where
one side has no row; all missing on both sides is 0.

How sure
--------
By exact binomial tails and likelihood ratios (`driftwatch.core.statistics.shares`), at every number of rows.

References
----------
Clopper, C. J., Pearson, E. S. (1934). The use of confidence or fiducial limits illustrated in the case of the binomial.
Biometrika 26(4). doi:10.1093/biomet/26.4.404

Examples
--------
>>> import numpy as np
>>> from driftwatch.core.baseline import Baseline
>>> from driftwatch.core.frames import to_table
>>> from driftwatch.core.profile import Profile
>>> baseline = Baseline.fit({"x": [1.0, 2.0, 3.0, None] * 50})
>>> live = Profile.of(baseline, to_table({"x": [1.0, None] * 50}, baseline.schema))
>>> measure(baseline.columns["x"], live.columns["x"]).score
0.25
"""

from __future__ import annotations

from functools import lru_cache
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
    return Rows(int(counts[baseline.cells.n_cells]), int(counts.sum()))


def measure(baseline: ColumnBaseline, profile: ColumnProfile) -> Measurement:
    """How much the share moved, with the p-value of Fisher's exact test."""
    reference, live = _rows(baseline, baseline.counts), _rows(baseline, profile.counts)
    return measured_share("missing_share", reference, live, "missing against present")


@lru_cache(maxsize=4096)
def sampling_error(baseline: ColumnBaseline, doubt: float) -> float:
    """How far the reference's share may lie from the true one, exactly."""
    return share_error(_rows(baseline, baseline.counts), doubt)


def exceedance(baseline: ColumnBaseline, profile: ColumnProfile, tolerance: float) -> float:
    """The p-value of "the true share moved by the tolerance at most", exactly."""
    return p_value_of_share(_rows(baseline, baseline.counts), _rows(baseline, profile.counts), tolerance)


def bets(baseline: ColumnBaseline, profile: ColumnProfile, tolerance: float) -> NDArray[np.float64]:
    """Binomial likelihood ratios; see `driftwatch.core.statistics.shares`."""
    return bets_on_share(_rows(baseline, baseline.counts), _rows(baseline, profile.counts), tolerance)


MISSING_SHARE = Statistic(
    name="missing_share",
    kinds=frozenset(ColumnKind),
    tolerance=0.02,
    power=1,
    has_test=True,
    measure=measure,
    sampling_error=sampling_error,
    exceedance=exceedance,
    bets=bets,
)
