r"""Unseen share: the share of names that the reference never had, among the values that are not missing.

Between 0 and 1; of the reference itself it is 0. ``nan`` where one side has no present value.

How sure
--------
By exact binomial tails and likelihood ratios (`driftwatch.core.statistics.shares`), at every number of rows. What names
the reference had is chance, too: the probability of the others is estimated by the share of its rows that would be
unseen without themselves (Good), of which those of rare names are an upper bound, and Clopper and Pearson's limit of
that share is the sampling error. Left-out rows are nearly, not quite, independent.

References
----------
Good, I. J. (1953). The population frequencies of species and the estimation of population parameters. Biometrika
40(3/4). doi:10.1093/biomet/40.3-4.237

Examples
--------
>>> from driftwatch.core.baseline import Baseline
>>> from driftwatch.core.frames import to_table
>>> from driftwatch.core.profile import Profile
>>> baseline = Baseline.fit({"colour": ["red", "blue"] * 50})
>>> live = Profile.of(baseline, to_table({"colour": ["red", "green", "red", None]}, baseline.schema))
>>> round(measure(baseline.columns["colour"], live.columns["colour"]).score, 4)
0.3333
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


def _rows(counts: NDArray[np.int64]) -> Rows:
    return Rows(int(counts[-2]), int(counts[:-1].sum()))


def measure(baseline: ColumnBaseline, profile: ColumnProfile) -> Measurement:
    """The share of names never seen before, with the p-value of Fisher's exact test."""
    return measured_share("unseen_share", _rows(baseline.counts), _rows(profile.counts), "unseen against known")


@lru_cache(maxsize=4096)
def sampling_error(baseline: ColumnBaseline, doubt: float) -> float:
    """The share of names that the reference may have missed by chance; see the module's text."""
    counts = baseline.counts
    would_be_unseen = int(np.count_nonzero(counts[:-3] == 1)) + int(counts[-3])
    n = int(counts[:-1].sum())
    return would_be_unseen / max(n, 1) + share_error(Rows(would_be_unseen, n), doubt)


def exceedance(baseline: ColumnBaseline, profile: ColumnProfile, tolerance: float) -> float:
    """The p-value of "the true share is at most the tolerance", exactly."""
    return p_value_of_share(_rows(baseline.counts), _rows(profile.counts), tolerance)


def bets(baseline: ColumnBaseline, profile: ColumnProfile, tolerance: float) -> NDArray[np.float64]:
    """Binomial likelihood ratios; see `driftwatch.core.statistics.shares`."""
    return bets_on_share(_rows(baseline.counts), _rows(profile.counts), tolerance)


UNSEEN_SHARE = Statistic(
    name="unseen_share",
    kinds=frozenset({ColumnKind.CATEGORICAL}),
    tolerance=0.01,
    power=1,
    has_test=True,
    measure=measure,
    sampling_error=sampling_error,
    exceedance=exceedance,
    bets=bets,
)
