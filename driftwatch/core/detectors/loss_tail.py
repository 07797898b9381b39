r"""How likely losses are that are larger than nearly all of the reference's: a generalized Pareto tail.

Beyond a high quantile ``u`` the excesses ``y`` of nearly every distribution are near

.. math:: P(Y > y) = (1 + \xi y / \sigma)^{-1 / \xi}

With some hundred excesses the shape :math:`\xi` is known to about 0.1, and far out that is all the difference. So no
single shape is trusted: the tail is the average over all shapes and scales, weighted by how well they explain the
excesses, with a prior that prefers light tails and lets itself be told otherwise (half-Cauchy of scale 0.1). Tails are
never taken to end: shapes below 0 are not allowed for.

References
----------
Pickands, J. (1975). Statistical inference using extreme order statistics. Annals of Statistics 3(1).
doi:10.1214/aos/1176343003

Coles, S., Tawn, J. (1996). A Bayesian analysis of extreme rainfall data. Journal of the Royal Statistical Society C
45(4). doi:10.2307/2986068
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_SHAPES = np.concatenate([[1e-9], np.linspace(0.02, 1.5, 75)])
_SCALES = np.geomspace(0.25, 2.5, 48)
_PRIOR_SCALE = 0.1


def exceedance_of(excesses: Floats, at: Floats) -> Floats:
    """The probability that an excess is larger than each of some sizes.

    Parameters
    ----------
    excesses
        Shape ``(k,)``, not negative; at least 2, not all 0.
    at
        Shape ``(m,)``, not negative.

    Returns
    -------
    array
        Shape ``(m,)``, from 1 at 0 down, never 0.

    Examples
    --------
    >>> import numpy as np
    >>> drawn = np.random.default_rng(1).exponential(size=400)
    >>> exceedance_of(drawn, np.array([0.0, 1.0, 3.0])).round(3)
    array([1.   , 0.353, 0.05 ])
    """
    mean = float(excesses.mean())
    scaled = excesses / mean
    weights = _weights(scaled)
    result = np.zeros(len(at))
    for i, shape in enumerate(_SHAPES):
        for j, scale in enumerate(_SCALES):
            if weights[i, j] > 1e-12:
                result += weights[i, j] * np.exp(-np.log1p(shape / scale * (at / mean)) / shape)
    return np.maximum(result, 1e-300)


def _weights(excesses: Floats) -> Floats:
    """Of each shape and scale; they add up to 1."""
    logs = np.empty((len(_SHAPES), len(_SCALES)))
    for i, shape in enumerate(_SHAPES):
        for j, scale in enumerate(_SCALES):
            logs[i, j] = -len(excesses) * np.log(scale) - (1.0 + 1.0 / shape) * np.log1p(shape / scale * excesses).sum()
    prior = 1.0 / (1.0 + (_SHAPES / _PRIOR_SCALE) ** 2)
    weights = np.exp(logs - logs.max()) * prior[:, np.newaxis]
    return weights / weights.sum()  # type: ignore[no-any-return]
