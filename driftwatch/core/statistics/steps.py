r"""What two profiles say of two distribution functions: known at the ends of cells, enclosed inside them.

``F`` is the reference's and ``G`` the window's distribution function, of finite values. Inside a cell both only grow,
so ``G - F`` lies between ``G_before - F_after`` and ``G_after - F_before``: every integral over ``G - F`` has an
enclosure, and the error bounds of the statistics that use this are its width.

How sure
--------
For a norm of the difference, ``|G - F|_w = (sum_i w_i |G - F|**p)**(1/p)`` with any weights over any cells, the
triangle inequality gives ``|G - F|_w <= tolerance + (sum_i w_i)**(1/p) * sup|G - Q|`` if the rows come from ``Q``
within the tolerance. The Dvoretzky-Kiefer-Wolfowitz inequality bounds the last factor at every number of rows, for all
weights and cells at once; so the cells that say most may be chosen after the rows were seen.

References
----------
Massart, P. (1990). The tight constant in the Dvoretzky-Kiefer-Wolfowitz inequality. Annals of Probability 18(3).
doi:10.1214/aop/1176990746
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.cells import NumericCells

if TYPE_CHECKING:
    from driftwatch.core.baseline import ColumnBaseline
    from driftwatch.core.profile import ColumnProfile


class ReferenceSteps(NamedTuple):
    """What follows from the reference alone: worked out once a baseline."""

    n: int
    counts: NDArray[np.int64]
    before: NDArray[np.float64]
    after: NDArray[np.float64]
    alone: NDArray[np.bool_]
    """Cells that hold a single value."""


class Steps(NamedTuple):
    """Both distribution functions over the cells of finite values; arrays of shape ``(n_cells,)``.

    ``before`` and ``after`` are ``G - F`` at the ends of each cell; inside it, ``|G - F|`` is between ``least`` and
    ``most``.
    """

    n: int
    m: int
    counts: NDArray[np.int64]
    live_counts: NDArray[np.int64]
    reference: ReferenceSteps
    live_after: NDArray[np.float64]
    before: NDArray[np.float64]
    after: NDArray[np.float64]
    least: NDArray[np.float64]
    most: NDArray[np.float64]


@lru_cache(maxsize=1024)
def reference_steps(baseline: ColumnBaseline) -> ReferenceSteps:
    """The reference's distribution function at the ends of its cells.

    Raises
    ------
    TypeError
        If the column is not numeric.
    """
    if not isinstance(baseline.cells, NumericCells):
        raise TypeError("distribution functions need a numeric column")
    counts, edges = baseline.counts[:-2], baseline.cells.edges
    n = int(counts.sum())
    after = np.cumsum(counts) / max(n, 1)
    alone = np.zeros(len(counts), dtype=np.bool_)
    alone[1:-1] = np.nextafter(edges[:-1], np.inf) >= edges[1:]
    return ReferenceSteps(n, counts, _shifted(after), after, alone)


def steps(baseline: ColumnBaseline, profile: ColumnProfile) -> Steps | None:
    """Both distribution functions; None where one side has no finite value."""
    reference = reference_steps(baseline)
    live = profile.counts[:-2]
    m = int(live.sum())
    if reference.n == 0 or m == 0:
        return None
    live_after = np.cumsum(live) / m
    live_before = _shifted(live_after)
    low, high = live_before - reference.after, live_after - reference.before
    return Steps(
        n=reference.n,
        m=m,
        counts=reference.counts,
        live_counts=live,
        reference=reference,
        live_after=live_after,
        before=live_before - reference.before,
        after=live_after - reference.after,
        least=np.maximum(np.maximum(low, -high), 0.0),
        most=np.maximum(high, -low),
    )


def _shifted(after: NDArray[np.float64]) -> NDArray[np.float64]:
    before = np.zeros_like(after)
    before[1:] = after[:-1]
    return before


def sampling_band(n: int, doubt: float) -> float:
    """How far a sample's distribution function lies from the truth's; farther with probability ``doubt`` at most."""
    return math.sqrt(math.log(2.0 / doubt) / (2.0 * n)) if n else math.inf


def p_value_beyond(
    differences: NDArray[np.float64], weights: NDArray[np.float64], power: int, tolerance: float, m: int
) -> float:
    """The p-value of "the weighted norm of the difference is at most the tolerance"; see the module's text.

    Parameters
    ----------
    differences
        What ``|G - F|`` is at least in each cell.
    weights
        Of the cells, not negative: those of the norm, or smaller ones.
    power
        Of the norm: 1 or 2.
    tolerance
        In units of the norm.
    m
        Live rows.

    Examples
    --------
    >>> import numpy as np
    >>> p_value_beyond(np.array([0.3, 0.0]), np.array([1.0, 1.0]), 1, 0.3, 100)
    1.0
    >>> round(p_value_beyond(np.array([0.3, 0.0]), np.array([1.0, 1.0]), 1, 0.1, 100), 6)
    0.000671
    """
    order = np.argsort(-differences, kind="stable")
    chosen = order[weights[order] > 0.0]
    if len(chosen) == 0:
        return 1.0
    total = weights[chosen].cumsum()
    norm = (weights[chosen] * differences[chosen] ** power).cumsum()
    with np.errstate(over="ignore"):
        # A tolerance is infinitely many times the length of cells next to zero.
        excess = float(((norm ** (1.0 / power) - tolerance) / total ** (1.0 / power)).max())
    return min(1.0, 2.0 * math.exp(-2.0 * m * excess * excess)) if excess > 0.0 else 1.0


class PooledCounts(NamedTuple):
    """How often each distinct value of two samples occurs in each; values ascend."""

    values: NDArray[np.float64]
    reference: NDArray[np.int64]
    live: NDArray[np.int64]


def pooled_counts(reference: NDArray[np.float64], live: NDArray[np.float64]) -> PooledCounts:
    """Count the distinct finite values of two samples; missing and infinite ones are left out."""
    first, second = reference[np.isfinite(reference)], live[np.isfinite(live)]
    values, place = np.unique(np.concatenate([first, second]), return_inverse=True)
    counts = (np.bincount(one, minlength=len(values)) for one in (place[: len(first)], place[len(first) :]))
    return PooledCounts(values, *counts)
