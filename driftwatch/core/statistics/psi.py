r"""Population stability index: the symmetric Kullback-Leibler divergence of two sets of shares.

.. math:: PSI = \sum_i (q_i - p_i) \ln(q_i / p_i)

with ``p`` the reference's and ``q`` the window's shares over the baseline's bins: for numbers about ten of equal mass,
then missing and non-finite values; for names a bin a cell, then missing values.

An empty bin would make the index infinite, and flooring it at a tiny number makes it arbitrary: instead, a bin that is
empty on one side counts as half a row there. Without any drift the index is not 0 but about
``(B - 1) * (1 / n_reference + 1 / n_live)`` for ``B`` bins: a score alone says nothing in small windows.

How sure
--------
``PSI >= 4 * sum((sqrt(q) - sqrt(p))**2)``, nearly an equality for small changes. So shares within a PSI of
``tolerance`` lie in a Hellinger ball of radius ``sqrt(tolerance) / 2``, and the p-value is that of having left it
(`driftwatch.core.statistics.outside`).

*Bets.* Half of them are made of the p-value and are all the same. The others are on the cells in which rows ought to
be rare: missing, and non-finite or never seen before. Joining all other bins never makes PSI larger, so that within the
tolerance such a cell has a share of at most the ``q`` at which the index of two bins is the tolerance; the number of
its rows is then bet on as in `driftwatch.core.statistics.ks`. That is exact at every number of rows, and a few such
rows in each of several small windows add up.

References
----------
Yurdakul, B., Naranjo, J. (2020). Statistical properties of the population stability index. Journal of Risk Model
Validation 14(4). doi:10.21314/JRMV.2020.227
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, chdtri

from driftwatch.core.evidence import calibrated
from driftwatch.core.records import ColumnKind, Measurement
from driftwatch.core.statistics.binned import binned_live, binned_reference, p_value_outside_ball
from driftwatch.core.statistics.outside import kl_to_hellinger_ball
from driftwatch.core.statistics.statistic import Statistic

if TYPE_CHECKING:
    from driftwatch.core.baseline import ColumnBaseline
    from driftwatch.core.profile import ColumnProfile

LOG_ODDS = np.array([0.7, 1.5, 3.0])
"""The changes of rare cells that are bet on, in log odds beyond the tolerance."""

_RARE_CELLS = 2
_HALVINGS = 40
_LARGEST_LOG = 600.0


def psi(reference_counts: NDArray[np.int64], live_counts: NDArray[np.int64]) -> float:
    """The index of two sets of counts over the same bins.

    Parameters
    ----------
    reference_counts, live_counts
        Shape ``(B,)``. Bins that are empty on both sides are left out; a bin that is empty on one side counts as
        half a row there.

    Returns
    -------
    float
        ``nan`` where one side has no row.

    Examples
    --------
    >>> import numpy as np
    >>> round(psi(np.array([248, 247, 260, 245]), np.array([13, 43, 63, 81])), 7)
    0.3404592
    """
    return _index(_bins_of(reference_counts), live_counts.tolist())


def _index(reference: _Reference, live: Sequence[int]) -> float:
    """The index, by Python's own numbers: for a dozen bins an array costs more than it saves."""
    n, m = reference.n, sum(live)
    if n == 0 or m == 0:
        return math.nan
    terms = [
        ((rows or 0.5) / m - share) * (math.log((rows or 0.5) / m) - logarithm)
        for rows, known, share, logarithm in zip(
            live, reference.rows, reference.half_shares, reference.logarithms, strict=True
        )
        if rows or known
    ]
    return math.fsum(terms)


class _Reference(NamedTuple):
    """What follows from the reference alone: worked out once a baseline."""

    n: int
    rows: list[int]
    half_shares: list[float]
    """Shares of the bins; one that is empty counts as half a row."""
    logarithms: list[float]
    """Of these."""


def _bins_of(counts: NDArray[np.int64]) -> _Reference:
    n = int(counts.sum())
    shares = (np.maximum(counts, 0.5) / max(n, 1)).tolist()
    return _Reference(n, counts.tolist(), shares, [math.log(share) for share in shares])


@lru_cache(maxsize=1024)
def _reference(baseline: ColumnBaseline) -> _Reference:
    return _bins_of(binned_reference(baseline).counts)


def measure(baseline: ColumnBaseline, profile: ColumnProfile) -> Measurement:
    """The index over the baseline's bins; its p-value is that of no difference at all, in the limit of many rows."""
    reference, live = _reference(baseline), binned_live(baseline, profile).tolist()
    n, m = reference.n, sum(live)
    score = _index(reference, live)
    degrees = sum(1 for one, other in zip(reference.rows, live, strict=True) if one or other) - 1
    p_value = None
    if n and m and degrees > 0:
        p_value = float(chdtrc(degrees, score * n * m / (n + m)))
    return Measurement(
        statistic="psi", score=score, p_value=p_value, n_reference=n, n_live=m, binning=f"{degrees + 1} bins"
    )


@lru_cache(maxsize=4096)
def sampling_error(baseline: ColumnBaseline, doubt: float) -> float:
    """The index that the reference may have against the truth: ``n * PSI`` is nearly chi-square."""
    reference = _reference(baseline)
    return float(chdtri(len(reference.rows) - 1, doubt)) / reference.n if reference.n else math.inf


def exceedance(baseline: ColumnBaseline, profile: ColumnProfile, tolerance: float) -> float:
    """The p-value of "the true index is at most the tolerance"; see the module's text."""
    if not _index(_reference(baseline), binned_live(baseline, profile).tolist()) > tolerance:
        return 1.0
    return p_value_outside_ball(baseline, profile, kl_to_hellinger_ball, math.sqrt(tolerance))


def bets(baseline: ColumnBaseline, profile: ColumnProfile, tolerance: float) -> NDArray[np.float64]:
    """As many e-values made of the p-value as there are rare cells times changes of log odds; then theirs.

    Returns
    -------
    array of shape ``(4 * len(LOG_ODDS),)``
        Empty where one side has no row.
    """
    n = int(profile.counts.sum())
    if _reference(baseline).n == 0 or n == 0:
        return np.zeros(0)
    costs, possible = _rare_cells(baseline, tolerance)
    values = np.exp(np.minimum(LOG_ODDS * profile.counts[-_RARE_CELLS:, None] - n * costs, _LARGEST_LOG))
    values *= possible
    result = np.full(2 * values.size, calibrated(exceedance(baseline, profile, tolerance)))
    result[values.size :] = values.ravel()
    return result


@lru_cache(maxsize=1024)
def _rare_cells(baseline: ColumnBaseline, tolerance: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What each bet on a rare cell costs a row, and 1 where its share can be beyond the tolerance, else 0."""
    shares = _largest_shares(baseline, tolerance)[:, None]
    return np.log1p(shares * np.expm1(LOG_ODDS)), (shares < 1.0).astype(np.float64)


def _largest_shares(baseline: ColumnBaseline, tolerance: float) -> NDArray[np.float64]:
    """The largest share that each rare cell can have within the tolerance."""
    p = binned_reference(baseline).shares[-_RARE_CELLS:]
    low, high = p.copy(), np.ones(_RARE_CELLS)
    for _ in range(_HALVINGS):
        q = (low + high) / 2.0
        index = (q - p) * (np.log(q / p) - np.log((1.0 - q) / (1.0 - p)))
        low, high = np.where(index <= tolerance, q, low), np.where(index <= tolerance, high, q)
    return high


PSI = Statistic(
    name="psi",
    kinds=frozenset(ColumnKind),
    tolerance=0.1,
    power=2,
    has_test=True,
    measure=measure,
    sampling_error=sampling_error,
    exceedance=exceedance,
    bets=bets,
)
