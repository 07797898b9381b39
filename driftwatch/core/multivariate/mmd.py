r"""Maximum mean discrepancy: the distance of two distributions, seen through a Gaussian kernel.

.. math:: \mathrm{MMD}^2 = \mathrm{E}\,k(x, x') + \mathrm{E}\,k(y, y') - 2\,\mathrm{E}\,k(x, y),
          \qquad k(x, y) = \exp(-\lVert x - y \rVert^2 / 2 h^2)

The kernel is a mean of cosines over random frequencies ``w ~ N(0, 1 / h**2)``, so that each row becomes 512 features
and MMD the distance of two mean vectors: linear in the number of rows instead of quadratic. The bandwidth ``h`` is the
median distance between rows of the scale. The score is the root of the unbiased estimate (0 where that is negative);
what the choice of frequencies may add or take is its ``error_bound`` (two standard errors over the frequencies drawn).

The tolerance is given as a shift: the MMD that the reference itself would show if one of its columns, on average over
them, moved by an eighth of a standard deviation. A number of MMD alone says little, since it shrinks as columns come
in.

How sure
--------
The frequencies are fixed before any row is looked at. The difference of the two sample means is the true one, of length
``t`` at most (the tolerance), plus the means' joint error, which is normal for the number of rows that is asked for,
with a covariance that the rows tell. Its squared length is a weighted sum of chi-squares, not central ones; the p-value
is Chernoff's bound of its tail, with the true difference in its worst direction: valid far out, where no number of
permutations reaches.

Which columns moved MMD does not tell.

References
----------
Gretton, A., Borgwardt, K. M., Rasch, M. J., Schölkopf, B., Smola, A. (2012). A kernel two-sample test. Journal of
Machine Learning Research 13.

Rahimi, A., Recht, B. (2007). Random features for large-scale kernel machines. Advances in Neural Information Processing
Systems 20.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.multivariate.encoding import Matrix
from driftwatch.core.multivariate.joint_test import JointMeasurement, JointTest
from driftwatch.core.multivariate.samples import SEED, Samples
from driftwatch.core.multivariate.several import Z_95

FREQUENCIES = 256

_ROWS_FOR_BANDWIDTH = 1_000


def median_distance(rows: Matrix) -> float:
    """The median distance between different ones of the first thousand rows; 1.0 where that is 0."""
    from scipy.spatial.distance import pdist

    some = rows[:_ROWS_FOR_BANDWIDTH]
    distance = float(np.median(pdist(some))) if len(some) > 1 else 0.0
    return distance if distance > 0.0 else 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Frequencies:
    """Frequencies of a Gaussian kernel; ``waves`` has the shape ``(features, frequencies)``."""

    waves: Matrix

    @classmethod
    def drawn(cls, features: int, bandwidth: float, count: int = FREQUENCIES, seed: int = SEED) -> Frequencies:
        """Draw them for a kernel of this bandwidth."""
        return cls(np.random.default_rng(seed).standard_normal((features, count)) / bandwidth)

    def features(self, rows: Matrix) -> Matrix:
        """Shape ``(rows, 2 * frequencies)``: inner products are the kernel's estimates."""
        angles = rows @ self.waves
        return np.hstack([np.cos(angles), np.sin(angles)]) / math.sqrt(self.waves.shape[1])


@dataclass(frozen=True, eq=False)
class Discrepancy:
    """What two samples' features say.

    Attributes
    ----------
    squared
        The unbiased estimate of the squared MMD, with this kernel's frequencies.
    distance
        Of the sample means: biased upward by the rows' own error.
    error_of_squared
        The standard error of ``squared`` that comes from drawing rows.
    error_of_frequencies
        The standard error of ``squared`` that comes from drawing frequencies.
    covariance
        Of the difference of the means.
    """

    squared: float
    distance: float
    error_of_squared: float
    error_of_frequencies: float
    covariance: Matrix

    def p_value(self, tolerance: float) -> float:
        """Of "the true distance is at most the tolerance"."""
        if self.distance**2 <= float(np.trace(self.covariance)) + tolerance**2:
            return 1.0
        return tail_bound(np.maximum(np.linalg.eigvalsh(self.covariance), 0.0), self.distance**2, tolerance)


def discrepancy(frequencies: Frequencies, reference: Matrix, live: Matrix) -> Discrepancy:
    """Compare two samples.

    Parameters
    ----------
    frequencies
        Of the kernel.
    reference, live
        Shapes ``(n, features)`` and ``(m, features)``, two rows each at least.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> found = discrepancy(Frequencies.drawn(2, 2.0), rng.normal(0, 1, (500, 2)), rng.normal(1, 1, (500, 2)))
    >>> 0.2 < found.squared < 0.3
    True
    """
    before, after = frequencies.features(reference), frequencies.features(live)
    apart = after.mean(axis=0) - before.mean(axis=0)
    own = before.var(axis=0, ddof=1) / len(before) + after.var(axis=0, ddof=1) / len(after)
    count = frequencies.waves.shape[1]
    by_frequency = count * (apart**2 - own).reshape(2, count).sum(axis=0)
    covariance = np.cov(before, rowvar=False) / len(before) + np.cov(after, rowvar=False) / len(after)
    variance = 4.0 * float(apart @ covariance @ apart) + 2.0 * float(np.sum(covariance**2))
    return Discrepancy(
        squared=float(by_frequency.mean()),
        distance=float(np.linalg.norm(apart)),
        error_of_squared=math.sqrt(variance),
        error_of_frequencies=float(by_frequency.std(ddof=1)) / math.sqrt(count),
        covariance=covariance,
    )


def tail_bound(weights: NDArray[np.float64], value: float, mean: float = 0.0) -> float:
    """Chernoff's bound of the probability that the squared length of a normal vector reaches a value.

    Parameters
    ----------
    weights
        At least 0: the eigenvalues of the vector's covariance.
    value
        Any.
    mean
        The length of the vector's mean, whose direction is the worst one.

    Returns
    -------
    float
        1.0 up to the mean of the squared length.

    Examples
    --------
    >>> from scipy.special import chdtrc
    >>> bound = tail_bound(np.ones(10), 40.0)
    >>> bool(chdtrc(10, 40.0) < bound < 20 * chdtrc(10, 40.0))
    True
    """
    largest, squared = float(weights.max(initial=0.0)), mean**2
    if value <= float(weights.sum()) + squared:
        return 1.0
    if largest == 0.0:
        return 0.0
    # The exponent's slope rises with the stake: the best one is where it crosses 0.
    low, high = 0.0, 0.5 / largest
    for _ in range(60):
        stake = 0.5 * (low + high)
        slope = float((weights / (1.0 - 2.0 * stake * weights)).sum()) + squared / (1.0 - 2.0 * stake * largest) ** 2
        low, high = (stake, high) if slope < value else (low, stake)
    exponent = low * (squared / (1.0 - 2.0 * low * largest) - value)
    return min(math.exp(exponent - 0.5 * float(np.log1p(-2.0 * low * weights).sum())), 1.0)


def shift_as_discrepancy(frequencies: Frequencies, rows: Matrix, shift: float) -> float:
    """The MMD between rows and the same rows with one feature moved, on average over the features.

    Moving a feature turns each frequency's mean by an angle: ``2 - 2 cos(w * shift)`` times its squared length.
    """
    n = len(rows)
    count = frequencies.waves.shape[1]
    squared_means = count * (frequencies.features(rows).mean(axis=0) ** 2).reshape(2, count).sum(axis=0)
    squared_means = np.maximum((n * squared_means - 1.0) / (n - 1), 0.0)
    turned = 2.0 - 2.0 * np.cos(frequencies.waves * shift)
    return math.sqrt(float((squared_means * turned).mean()))


def measure(samples: Samples, tolerance: float, rate: float) -> JointMeasurement:
    """The discrepancy; it names no columns."""
    if samples.live.shape[1] == 0 or len(samples.scale) < 2:
        return JointMeasurement.undefined(samples, math.nan, "no column varies")
    frequencies = Frequencies.drawn(samples.live.shape[1], median_distance(samples.scale))
    much = shift_as_discrepancy(frequencies, samples.scale, tolerance)
    found = discrepancy(frequencies, samples.reference, samples.live)
    score = _root(found.squared)
    low, high = (_root(found.squared + side * Z_95 * found.error_of_squared) for side in (-1.0, 1.0))
    return JointMeasurement(
        score=score,
        threshold=much,
        p_value=found.p_value(much),
        n_reference=len(samples.reference),
        n_live=len(samples.live),
        interval=(low, high),
        text=f"the distributions lie {score:.3g} apart (one column's shift of {tolerance:g} deviations is {much:.3g})",
        error_bound=_root(found.squared + 2.0 * found.error_of_frequencies) - score,
    )


def _root(squared: float) -> float:
    return math.sqrt(max(squared, 0.0))


MMD = JointTest(name="mmd", tolerance=0.125, minimum_rows=100, measure=measure)
