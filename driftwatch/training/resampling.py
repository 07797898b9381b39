r"""How sure a difference between two models on the same rows is: resampling blocks of rows, both models together.

Rows of one day are alike, and errors of the two models on one row are, too. So whole blocks are drawn, with all their
rows and both models' answers: days, where times are known. The standard error of the measure's difference is that of
its resamples, times :math:`\sqrt{m / (m - 1)}` for ``m`` blocks; the interval is that of Student's t with ``m - 1``
degrees of freedom. Where rows span fewer than eight days, twenty stretches of equal length take their place; rows
without times are taken for independent, and are put into blocks at random.

References
----------
Künsch, H. R. (1989). The jackknife and the bootstrap for general stationary observations. Annals of Statistics 17(3).
doi:10.1214/aos/1176347265
Davison, A. C. & Hinkley, D. V. (1997). Bootstrap methods and their application, ch. 2 and 8.
doi:10.1017/CBO9780511802843
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from driftwatch.training.measures import Answers, Measure, positive_scores

Floats = NDArray[np.float64]

RESAMPLES = 2_000
RANKING_RESAMPLES = 400
LEAST_BLOCKS = 5

_DAY_US = 86_400_000_000
_LEAST_DAYS = 8
_STRETCHES = 20
_MOST_BLOCKS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A value, its standard error and the ends of its confidence interval, ``nan`` where there are too few blocks."""

    value: float
    standard_error: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """Two models on the same rows.

    ``gain`` is by how much the challenger is better, in units of the measure; negative where it is worse.
    """

    rows: int
    blocks: int
    champion: Interval
    challenger: Interval
    gain: Interval


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Blocks:
    """Which block each row is in, and what a block is."""

    codes: NDArray[np.intp]
    kind: str

    @classmethod
    def of(cls, times: NDArray[np.int64] | None, n: int, seed: int) -> Blocks:
        """Blocks of rows.

        Parameters
        ----------
        times
            Event times in microseconds; None where rows have none.
        n
            How many rows.
        seed
            Of the order in which rows without times are put into blocks.
        """
        if times is None:
            order = np.random.default_rng(seed).permutation(n)
            return cls(codes=order % min(n, _MOST_BLOCKS), kind="rows in random groups")
        days = times // _DAY_US
        if len(np.unique(days)) >= _LEAST_DAYS:
            return cls(codes=np.unique(days, return_inverse=True)[1], kind="days")
        if not n:
            return cls(codes=np.zeros(0, dtype=np.intp), kind="days")
        first, last = int(times.min()), int(times.max())
        place = (times - first) * _STRETCHES // (last - first + 1)
        return cls(codes=np.unique(place, return_inverse=True)[1], kind="stretches of equal length")

    def take(self, rows: NDArray[np.intp]) -> Blocks:
        """Those of some rows."""
        return Blocks(codes=np.unique(self.codes[rows], return_inverse=True)[1], kind=self.kind)


def paired(
    measure: Measure,
    champion: Answers,
    challenger: Answers,
    labels: Floats,
    blocks: Blocks,
    *,
    confidence: float,
    seed: int,
) -> Paired:
    """Compare two models on the same rows.

    Parameters
    ----------
    measure
        What is compared.
    champion, challenger, labels
        Of equal length, without missing values.
    blocks
        What is resampled.
    confidence
        Of the two-sided intervals, such as 0.95.
    seed
        Of the resamples.

    Returns
    -------
    Paired
        Intervals are ``nan`` with fewer than five blocks.
    """
    values = measure.of(champion, labels), measure.of(challenger, labels)
    m = int(blocks.codes.max(initial=-1)) + 1
    resamples = RESAMPLES if measure.ranking is None else RANKING_RESAMPLES
    if m < LEAST_BLOCKS:
        drawn = np.full((2, 1), np.nan)
    else:
        weights = np.random.default_rng(seed).multinomial(m, np.full(m, 1.0 / m), size=resamples).astype(np.float64)
        drawn = np.stack([_resampled(measure, one, labels, blocks, weights) for one in (champion, challenger)])
    sign = 1.0 if measure.higher_is_better else -1.0
    gain = sign * (drawn[1] - drawn[0])
    return Paired(
        rows=len(labels),
        blocks=m,
        champion=_interval(values[0], drawn[0], m, confidence),
        challenger=_interval(values[1], drawn[1], m, confidence),
        gain=_interval(measure.gain(*values), gain, m, confidence),
    )


def p_worse(gain: Interval, blocks: int, margin: float) -> float:
    """The p-value of "the challenger is worse by at most the margin"; 1 where it is undefined."""
    if not math.isfinite(gain.standard_error) or not math.isfinite(gain.value):
        return 1.0
    if gain.standard_error == 0.0:
        return float(gain.value >= -margin)
    return float(student.cdf((gain.value + margin) / gain.standard_error, blocks - 1))


def holm(p_values: list[float]) -> list[float]:
    """p-values adjusted for being the smallest of several.

    References
    ----------
    Holm, S. (1979). A simple sequentially rejective multiple test procedure. Scandinavian Journal of Statistics 6(2).

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted, largest = [1.0] * len(p_values), 0.0
    for rank, position in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[position]))
        adjusted[position] = largest
    return adjusted


def _resampled(measure: Measure, answers: Answers, labels: Floats, blocks: Blocks, weights: Floats) -> Floats:
    if measure.ranking is not None:
        scores = positive_scores(answers)
        return np.array([measure.ranking(scores, labels, one[blocks.codes]) for one in weights])
    assert measure.terms is not None
    assert measure.value is not None
    terms = measure.terms(answers, labels)
    sums = np.stack([np.bincount(blocks.codes, column, weights.shape[1]) for column in terms.T], axis=1)
    return measure.value(weights @ sums)


def _interval(value: float, drawn: Floats, m: int, confidence: float) -> Interval:
    known = drawn[np.isfinite(drawn)]
    if m < LEAST_BLOCKS or len(known) < 2:
        return Interval(value=value, standard_error=math.nan, low=math.nan, high=math.nan)
    error = float(known.std(ddof=1)) * math.sqrt(m / (m - 1))
    reach = float(student.ppf(0.5 + confidence / 2.0, m - 1)) * error
    return Interval(value=value, standard_error=error, low=value - reach, high=value + reach)
