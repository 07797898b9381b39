r"""How much rows say that a mean moved: an e-value that counts the reference's own sampling error.

A reference has the mean :math:`\bar x_0` of :math:`n_0` rows, and a stretch of live rows :math:`\bar x` of ``n``.
Under "nothing changed" their difference is normal around 0 with the variance

.. math:: v = \sigma^2 (1 / n + 1 / n_0) + \omega^2 (1 / k + 1 / k_0)

where :math:`\omega` is how much windows differ among each other with nothing wrong, and ``k`` the number of windows.
Against it stand changes of a size that is half-normal with the deviation :math:`\tau`, beyond a tolerance. The ratio
of both marginal likelihoods of :math:`d = \bar x - \bar x_0 - \text{tolerance}`,

.. math::
    e = 2 \sqrt{\frac{v}{v + \tau^2}} \exp\left(\frac{d^2 \tau^2}{2 v (v + \tau^2)}\right)
        \Phi\left(\frac{d \tau}{\sqrt{v (v + \tau^2)}}\right)

is, while rows are added to the stretch, a martingale with the expectation 1 if the change is exactly the tolerance,
and less if it is smaller: whatever the true mean is, since the reference's own error is part of both likelihoods. So
no doubt about the reference is left to be bounded, and none of its information is given away. Four values of
:math:`\tau` are averaged, and both directions where both are worse. A mean that is to be near 0 is worse where it is
farther away than the reference's was, on either side.

Normal means
------------
Shares of few rows are not normal. For them ``d`` is taken from the signed root of the likelihood ratio of two
binomials, whose tails are right. For means of numbers :math:`\sigma` is the larger of both sides': one odd row widens
what it moves.

References
----------
Robbins, H. (1970). Statistical methods related to the law of the iterated logarithm. Annals of Mathematical Statistics
41(5). doi:10.1214/aoms/1177696786

Pérez-Ortiz, M. F., Lardy, T., de Heide, R., Grünwald, P. (2024). E-statistics, group invariance and anytime-valid
testing. Annals of Statistics 52(4). doi:10.1214/24-AOS2394
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr, xlogy

from driftwatch.core.concept.levels import Level, Worse

Floats = NDArray[np.float64]

FEWEST = 10
"""Rows on each side: of fewer nothing is said."""

TOLERANCE = 0.02
"""A change of this many standard deviations of a row is nothing to act on: 0.6 points of an error rate of 10 %."""

_SIZES = (0.1, 0.2, 0.4, 0.8)
"""Of changes, in standard deviations of a row."""

_WAYS = MappingProxyType({Worse.UP: (1.0,), Worse.DOWN: (-1.0,), Worse.EITHER: (1.0, -1.0)})
_LARGEST_LOG = 600.0
_FIELDS = ("n", "mean", "squares")


def change_e_values(
    reference: Level,
    live: Sequence[Level],
    *,
    worse: Worse = Worse.EITHER,
    between: Floats | float = 0.0,
    between_reference: float = 0.0,
) -> Floats:
    """The e-values of "the mean of these rows is no worse than the reference's, give or take the tolerance".

    Parameters
    ----------
    reference, live
        The mean that was, and those of the rows since some supposed changes.
    worse
        Which way is worse.
    between, between_reference
        Variances that the means have because windows differ among each other, in variances of a row; ``between`` one
        for each of ``live``, or one for all.

    Returns
    -------
    array
        One a supposed change; 1.0 where one side has too few rows, or where no row differs from another.

    Examples
    --------
    >>> before, after = Level.of_share(100, 1000), Level.of_share(160, 1000)
    >>> change_e_values(before, [before, after]).round(1)
    array([ 0.1, 64.6])
    """
    n, mean, squares = (np.array([getattr(one, name) for one in live], dtype=np.float64) for name in _FIELDS)
    is_share = reference.is_share
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = _variance(reference, n, mean, squares)
        known = (n >= FEWEST) & (reference.n >= FEWEST) & (variance > 0.0)
        variance = np.where(known, variance, 1.0)
        sampling = variance * (1.0 / np.maximum(n, 1.0) + 1.0 / max(reference.n, 1))
        if worse is Worse.AWAY_FROM_ZERO:
            ways = [mean - abs(reference.mean), -mean - abs(reference.mean)]
        else:
            apart = mean - reference.mean
            if is_share:
                apart = np.copysign(np.sqrt(_deviance(reference, n, mean) * sampling), apart)
            ways = [way * apart for way in _WAYS[worse]]
    spread = sampling + variance * (between + between_reference)
    tolerance = TOLERANCE * np.sqrt(variance)
    sizes = np.square(_SIZES)[:, np.newaxis] * variance
    logs = [_log_ratio(apart - tolerance, spread, sizes) for apart in ways]
    e_values: Floats = np.exp(np.minimum(logs, _LARGEST_LOG)).mean(axis=(0, 1))
    e_values[~known] = 1.0
    return e_values


def _variance(reference: Level, n: Floats, mean: Floats, squares: Floats) -> Floats:
    """Of a row: that of both sides together where rows are zeros and ones, else the larger side's."""
    if reference.is_share:
        share = _together(reference, n, mean)
        return share * (1.0 - share)
    return np.maximum(reference.variance, squares / n)


def _together(reference: Level, n: Floats, mean: Floats) -> Floats:
    return (reference.n * reference.mean + n * mean) / (reference.n + n)


def _deviance(reference: Level, n: Floats, mean: Floats) -> Floats:
    """Twice the logarithm of the likelihood ratio of two shares and one."""
    share = _together(reference, n, mean)
    live = n * (xlogy(mean, mean / share) + xlogy(1.0 - mean, (1.0 - mean) / (1.0 - share)))
    was, was_not = reference.mean, 1.0 - reference.mean
    held = reference.n * (xlogy(was, was / share) + xlogy(was_not, was_not / (1.0 - share)))
    deviance: Floats = np.maximum(2.0 * (live + held), 0.0)
    return deviance


def _log_ratio(apart: Floats, spread: Floats, sizes: Floats) -> Floats:
    """One row a size."""
    at = apart * np.sqrt(sizes / (spread * (spread + sizes)))
    ratio: Floats = math.log(2.0) + 0.5 * np.log(spread / (spread + sizes)) + 0.5 * at * at + log_ndtr(at)
    return ratio
