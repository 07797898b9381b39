"""What the distances of shares have in common: counts over a baseline's bins, and how they stray.

The bins are those of PSI: for numbers about ten of equal mass, then missing and non-finite values; for names a bin a
cell, then missing values. A distance over them is a distance of the binned values: it has no error of its own, and
says nothing of what moves within a bin.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri

from driftwatch.core.statistics.outside import Distance, p_value_outside, smoothed_shares

if TYPE_CHECKING:
    from driftwatch.core.baseline import ColumnBaseline
    from driftwatch.core.profile import ColumnProfile


class BinnedReference(NamedTuple):
    """What follows from the reference alone: worked out once a baseline."""

    n: int
    counts: NDArray[np.int64]
    shares: NDArray[np.float64]
    """With half a row added to each bin, so that none is zero."""

    @property
    def text(self) -> str:
        """The binning in words."""
        return f"{len(self.counts)} bins"


@lru_cache(maxsize=1024)
def binned_reference(baseline: ColumnBaseline) -> BinnedReference:
    """The reference's own counts over its bins."""
    counts = over_bins(baseline, baseline.counts)
    return BinnedReference(int(counts.sum()), counts, smoothed_shares(counts))


def binned_live(baseline: ColumnBaseline, profile: ColumnProfile) -> NDArray[np.int64]:
    """A window's counts over the baseline's bins."""
    return over_bins(baseline, profile.counts)


def over_bins(baseline: ColumnBaseline, counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Counts over the cells (or a matrix with such rows) over the bins: then missing, and of numbers non-finite."""
    return np.concatenate([baseline.psi_counts(counts), counts[..., baseline.cells.n_cells :]], axis=-1)


@lru_cache(maxsize=4096)
def squared_effect_of_sampling(baseline: ColumnBaseline, doubt: float) -> float:
    """What Cohen's w squared between the reference and the truth exceeds with probability ``doubt``.

    ``n * w**2`` is nearly chi-square. ``inf`` for an empty reference.
    """
    reference = binned_reference(baseline)
    return float(chdtri(len(reference.counts) - 1, doubt)) / reference.n if reference.n else math.inf


def p_value_outside_ball(baseline: ColumnBaseline, profile: ColumnProfile, distance: Distance, radius: float) -> float:
    """`p_value_outside` over the baseline's bins; 1.0 where one side has no row."""
    reference = binned_reference(baseline)
    if reference.n == 0:
        return 1.0
    return p_value_outside(reference.shares, binned_live(baseline, profile), distance, radius)


def shares_of(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Counts as shares of their sum; ``nan`` where there is no row."""
    total = int(counts.sum())
    return counts / total if total else np.full(len(counts), math.nan)
