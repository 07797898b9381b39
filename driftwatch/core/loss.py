"""Whether the model's quality fell: the p-value of "the mean loss is at most so many times the reference's"."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.special import bdtrc, betaincinv, ndtri, stdtr

from driftwatch.core.natural import LossVariation
from driftwatch.core.performance import Measure
from driftwatch.core.records import Task, Threshold, ThresholdOrigin


@dataclass(frozen=True, slots=True, kw_only=True)
class LossTest:
    """What was tested, and how sure it is that the loss is above the threshold."""

    threshold: Threshold
    p_value: float


def compared_loss(
    task: Task, reference: Measure, live: Measure, *, ratio: float, natural: LossVariation | None, doubt: float
) -> LossTest:
    r"""Test "the mean loss is at most the threshold".

    The threshold is ``ratio`` times the reference's mean loss, or what sampling may have hidden in the reference
    where that is more. Classification: the number of errors is binomial, and the tail is exact. Regression: Student's
    t; losses lean to the right, which makes its upper tail cautious.

    Rows of one window are no independent draws where the world has good and bad days. Where the reference's windows
    are known to vary among each other by more than sampling, that variation is added to the standard error of the
    window, and of the reference's mean, which was taken over so many windows only; Student's t then has their number
    less one as degrees of freedom.

    Parameters
    ----------
    task
        Of the model.
    reference, live
        Mean losses of a row with their standard errors and numbers of rows.
    ratio
        At least 1.
    natural
        How much the mean losses of windows of this duration vary; None where not known.
    doubt
        The probability that the reference's true loss lies above what is allowed for.

    Returns
    -------
    LossTest
        A p-value of 1.0 where a mean is undefined or there are fewer than two rows.

    Examples
    --------
    >>> reference = Measure(value=0.10, standard_error=0.003, n=10_000)
    >>> live = Measure(value=0.20, standard_error=0.02, n=400)
    >>> found = compared_loss(Task.BINARY, reference, live, ratio=1.25, natural=None, doubt=1e-5)
    >>> found.threshold.value, found.p_value < 1e-4
    (0.125, True)
    """
    threshold = _threshold(task, reference, ratio, doubt)
    if not (live.n >= 2 and math.isfinite(live.value) and math.isfinite(threshold.value)):
        return LossTest(threshold=threshold, p_value=1.0)
    between = natural.deviation * reference.value if natural is not None else 0.0
    if task is not Task.REGRESSION and between == 0.0:
        if threshold.value >= 1.0:
            return LossTest(threshold=threshold, p_value=1.0)
        errors = round(live.value * live.n)
        p_value = float(bdtrc(errors - 1, live.n, threshold.value)) if errors > 0 else 1.0
        return LossTest(threshold=threshold, p_value=p_value)
    excess = live.value - threshold.value
    within = live.standard_error
    if task is not Task.REGRESSION:
        within = math.sqrt(min(threshold.value, 0.5) * (1.0 - min(threshold.value, 0.5)) / live.n)
    degrees = live.n - 1
    spread = within
    if natural is not None and between > 0.0:
        degrees = min(degrees, natural.windows - 1)
        spread = math.hypot(within, between, ratio * natural.of_reference * reference.value)
    if spread == 0.0:
        return LossTest(threshold=threshold, p_value=0.0 if excess > 0.0 else 1.0)
    return LossTest(threshold=threshold, p_value=float(stdtr(degrees, -excess / spread)))


def _threshold(task: Task, reference: Measure, ratio: float, doubt: float) -> Threshold:
    if reference.n == 0 or not math.isfinite(reference.value):
        return Threshold(value=math.nan, origin=ThresholdOrigin.SAMPLING)
    if task is Task.REGRESSION:
        hidden = reference.value - float(ndtri(doubt)) * reference.standard_error
    else:
        errors = round(reference.value * reference.n)
        hidden = 1.0
        if errors < reference.n:
            hidden = float(betaincinv(errors + 1, reference.n - errors, 1.0 - doubt))
    chosen = ratio * reference.value
    if hidden > chosen:
        return Threshold(value=hidden, origin=ThresholdOrigin.SAMPLING)
    return Threshold(value=chosen, origin=ThresholdOrigin.FIXED)
