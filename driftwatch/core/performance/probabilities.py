"""Log loss, Brier score and calibration error: how good the scores are as probabilities.

Undefined where a label is none of the classes, since no score is for it, and where a score is no probability.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from driftwatch.core.moments import from_units
from driftwatch.core.performance.measure import (
    CLASSIFICATION,
    NOT_NEGATIVE,
    SHARE,
    Better,
    Measure,
    MeasureKind,
    normal,
    standard_error,
    undefined,
)
from driftwatch.core.performance.moments_of_sums import mean_of
from driftwatch.core.performance.score_sums import ScoreSums

if TYPE_CHECKING:
    from driftwatch.core.performance.sums import PerformanceSums


def log_loss(sums: PerformanceSums) -> Measure | None:
    """The mean of ``-log(p)``, ``p`` being the score of the label's class, kept within ``2**-52`` of 0 and 1."""
    scores = sums.details
    if not isinstance(scores, ScoreSums):
        return None
    return mean_of(scores.log_loss, scores.log_loss_squares, scores.probabilities, within=NOT_NEGATIVE)


def brier(sums: PerformanceSums) -> Measure | None:
    """The mean squared difference of scores and labels; over several classes the sum of theirs.

    Of a binary model that of the positive class: from 0 to 1. Of others from 0 to 2.
    """
    scores = sums.details
    if not isinstance(scores, ScoreSums):
        return None
    return mean_of(scores.brier, scores.brier_squares, scores.probabilities, within=NOT_NEGATIVE)


def calibration_error(sums: PerformanceSums) -> Measure | None:
    """The expected calibration error over 15 bins of equal width, ``(a, b]``.

    The mean, over rows, of the distance between the mean confidence and the share of hits of their bin. Of binary
    models confidence is the positive class's score, of others the highest. The interval takes the signs of the bins'
    differences as given: where the model is calibrated, the value lies above 0 by chance, and more so of few rows.

    References
    ----------
    Naeini, M. P., Cooper, G. F., Hauskrecht, M. (2015): Obtaining well calibrated probabilities using Bayesian binning.
    https://doi.org/10.1609/aaai.v29i1.9602
    """
    scores = sums.details
    if not isinstance(scores, ScoreSums):
        return None
    n, bins = scores.probabilities, scores.calibration
    if n == 0:
        return undefined(0)
    gaps = [from_units(total) - hits for hits, total in zip(bins[1::3], bins[2::3], strict=True)]
    value = math.fsum(map(abs, gaps)) / n
    error = standard_error(from_units(scores.gap_squares, n) - value * value, n)
    return normal(value, error, n, within=SHARE)


LOG_LOSS = MeasureKind(name="log_loss", tasks=CLASSIFICATION, better=Better.LOWER, measure=log_loss)
BRIER = MeasureKind(name="brier", tasks=CLASSIFICATION, better=Better.LOWER, measure=brier)
CALIBRATION_ERROR = MeasureKind(
    name="calibration_error", tasks=CLASSIFICATION, better=Better.LOWER, measure=calibration_error
)
