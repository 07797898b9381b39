"""Many hypotheses at once, and a difference that may be as large as a tolerance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

Z_95 = 1.959963984540054
"""Standard errors on both sides of an estimate within which the true value lies with 95 % confidence."""


def named(p_values: NDArray[np.float64], rate: float) -> list[int]:
    """The hypotheses to reject, with a false-discovery rate of at most ``rate`` (Benjamini and Hochberg).

    Parameters
    ----------
    p_values
        Shape ``(k,)``; independent or positively dependent.
    rate
        Between 0 and 1.

    Returns
    -------
    list of int
        Positions, the smallest p-value first.

    References
    ----------
    Benjamini, Y., Hochberg, Y. (1995). Controlling the false discovery rate: a practical and powerful approach to
    multiple testing. Journal of the Royal Statistical Society B 57(1). doi:10.1111/j.2517-6161.1995.tb02031.x

    Examples
    --------
    >>> named(np.array([0.04, 0.001, 0.9, 0.012]), rate=0.05)
    [1, 3]
    """
    order = np.argsort(p_values, kind="stable")
    steps = rate * np.arange(1, len(order) + 1) / max(len(order), 1)
    passing = np.flatnonzero(p_values[order] <= steps)
    return [int(at) for at in order[: passing[-1] + 1]] if len(passing) else []


def p_value_beyond(
    difference: NDArray[np.float64] | float,
    error: NDArray[np.float64] | float,
    tolerance: NDArray[np.float64] | float,
) -> NDArray[np.float64]:
    """The p-value of "the true difference is at most the tolerance, up or down", of normal estimates.

    The largest probability of a difference at least as large, over all true ones that the tolerance allows: that of
    a true difference equal to it.

    Parameters
    ----------
    difference, error
        Estimates and their standard errors, of one shape. Where the error is 0, so is the p-value of a difference
        above the tolerance; ``nan`` gives 1.
    tolerance
        At least 0.

    Examples
    --------
    >>> p_value_beyond(np.array([0.3, 0.1, -0.3]), np.array([0.1, 0.1, 0.1]), 0.1).round(4).tolist()
    [0.0228, 0.5228, 0.0228]
    """
    size, spread = np.abs(np.asarray(difference, dtype=np.float64)), np.asarray(error, dtype=np.float64)
    safe = np.where(spread > 0.0, spread, 1.0)
    tails = ndtr(-(size - tolerance) / safe) + ndtr(-(size + tolerance) / safe)
    found = np.where(spread > 0.0, tails, np.where(size > tolerance, 0.0, 1.0))
    return np.asarray(np.where(np.isnan(found), 1.0, np.minimum(found, 1.0)), dtype=np.float64)
