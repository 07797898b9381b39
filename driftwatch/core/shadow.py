"""A shadow version compared with the live one, on the same requests: how often they agree, and who errs less.

Sums are exact, so that they add up in any order and a corrected label can be taken out again.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from driftwatch.core.moments import decoded_units, encoded_units, exact_sum, from_units
from driftwatch.core.performance.measure import LEVEL, Z
from driftwatch.core.records import Task

_LARGEST = 2.0**250
"""Predictions and labels beyond this are counted as this, so that the squares of products stay finite."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A number with its interval at 95 %; ``nan`` where undefined."""

    value: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PairSums:
    """Sums over requests that both versions answered.

    Attributes
    ----------
    task
        Of the model.
    pairs, agreeing
        Requests, and of classification those with the same class.
    live, shadow, live_squared, shadow_squared, product, apart
        Regression: exact sums of ``a, b, a**2, b**2, a b, |a - b|``, with ``a`` the live version's prediction and
        ``b`` the shadow's.
    labelled, gain, gain_squared
        Requests whose label is known, and exact sums of the gain and of its square: how much less the shadow's loss is
        than the live version's. The loss of a row is the absolute error, or of classification 1 for a wrong class.

    Examples
    --------
    >>> sums = PairSums.empty(Task.REGRESSION)
    >>> sums += PairSums.of_pairs(Task.REGRESSION, np.array([1.0, 2.0]), np.array([1.0, 2.5]))
    >>> sums.pairs, sums.mean_distance()
    (2, 0.25)
    """

    task: Task
    pairs: int = 0
    agreeing: int = 0
    live: int = 0
    shadow: int = 0
    live_squared: int = 0
    shadow_squared: int = 0
    product: int = 0
    apart: int = 0
    labelled: int = 0
    gain: int = 0
    gain_squared: int = 0

    @classmethod
    def empty(cls, task: Task) -> PairSums:
        """No requests yet."""
        return cls(task=task)

    @classmethod
    def of_pairs(cls, task: Task, live: Floats, shadow: Floats) -> PairSums:
        """Sum up predictions of the same requests: numbers, or codes of classes; rows with a missing one are left out.

        Negative codes are names that are no class of the live version: they agree with nothing.
        """
        known = np.isfinite(live) & np.isfinite(shadow)
        a, b = live[known], shadow[known]
        if task is not Task.REGRESSION:
            return cls(task=task, pairs=len(a), agreeing=int(np.count_nonzero((a == b) & (a >= 0))))
        a, b = np.clip(a, -_LARGEST, _LARGEST), np.clip(b, -_LARGEST, _LARGEST)
        with np.errstate(under="ignore"):
            return cls(
                task=task,
                pairs=len(a),
                live=exact_sum(a),
                shadow=exact_sum(b),
                live_squared=exact_sum(a * a),
                shadow_squared=exact_sum(b * b),
                product=exact_sum(a * b),
                apart=exact_sum(np.abs(a - b)),
            )

    @classmethod
    def of_labels(cls, task: Task, live: Floats, shadow: Floats, labels: Floats) -> PairSums:
        """Sum up the losses of labelled requests; codes as in `of_pairs`."""
        known = np.isfinite(live) & np.isfinite(shadow) & np.isfinite(labels)
        a, b, y = live[known], shadow[known], labels[known]
        if task is Task.REGRESSION:
            a, b, y = (np.clip(one, -_LARGEST, _LARGEST) for one in (a, b, y))
            gain = np.abs(a - y) - np.abs(b - y)
        else:
            gain = ((b == y) & (b >= 0)).astype(np.float64) - ((a == y) & (a >= 0))
        with np.errstate(under="ignore"):
            return cls(task=task, labelled=len(gain), gain=exact_sum(gain), gain_squared=exact_sum(gain * gain))

    def __add__(self, other: PairSums) -> PairSums:
        """The sums of both sets of requests."""
        return self._combined(other, 1)

    def __sub__(self, other: PairSums) -> PairSums:
        """The sums without requests that were counted before, such as those of corrected labels."""
        return self._combined(other, -1)

    def _combined(self, other: PairSums, sign: int) -> PairSums:
        if self.task is not other.task:
            raise ValueError("sums of different tasks cannot be combined")
        return replace(self, **{name: getattr(self, name) + sign * getattr(other, name) for name in _ALL})

    def agreement(self) -> Estimate:
        r"""How far the two say the same.

        Classification: the share of the same class, with Wilson's interval. Regression: Lin's concordance,
        :math:`2 s_{ab} / (s_a^2 + s_b^2 + (\bar a - \bar b)^2)`, 1 where they are equal, with no interval.

        References
        ----------
        Wilson, E. B. (1927). Probable inference, the law of succession, and statistical inference. JASA 22.
        https://doi.org/10.1080/01621459.1927.10502953

        Lin, L. I.-K. (1989). A concordance correlation coefficient to evaluate reproducibility. Biometrics 45.
        https://doi.org/10.2307/2532051
        """
        n = self.pairs
        if n == 0:
            return Estimate(value=math.nan, lower=math.nan, upper=math.nan)
        if self.task is not Task.REGRESSION:
            return _wilson(self.agreeing, n)
        both = _covariance(self.product, self.live, self.shadow, n)
        spread = _covariance(self.live_squared, self.live, self.live, n)
        spread += _covariance(self.shadow_squared, self.shadow, self.shadow, n)
        spread += from_units(self.live - self.shadow, n) ** 2
        value = 2.0 * both / spread if spread > 0.0 else 1.0
        return Estimate(value=value, lower=math.nan, upper=math.nan)

    def mean_distance(self) -> float:
        """The mean absolute difference of the predictions; of classification ``nan``."""
        is_number = self.task is Task.REGRESSION and self.pairs > 0
        return from_units(self.apart, self.pairs) if is_number else math.nan

    def mean_gain(self) -> Estimate:
        """How much less the shadow's mean loss is than the live version's, on the same rows: above 0 it is better.

        The interval is that of the paired t-test. It takes rows for independent of each other.
        """
        n = self.labelled
        if n < 2:
            value = from_units(self.gain, n) if n else math.nan
            return Estimate(value=value, lower=math.nan, upper=math.nan)
        value = from_units(self.gain, n)
        variance = _covariance(self.gain_squared, self.gain, self.gain, n) * n / (n - 1)
        reach = float(stdtrit(n - 1, 0.5 + LEVEL / 2)) * math.sqrt(max(variance, 0.0) / n)
        return Estimate(value=value, lower=value - reach, upper=value + reach)

    def to_json(self) -> str:
        """A JSON text, exact."""
        counts = {name: getattr(self, name) for name in _COUNTS}
        sums = {name: encoded_units(getattr(self, name)) for name in _SUMS}
        return json.dumps({"v": 1, "task": self.task.value, **counts, **sums}, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> PairSums:
        """The inverse of `to_json`.

        Raises
        ------
        ValueError
            It is cut short, altered or of another version.
        """
        try:
            found: dict[str, Any] = json.loads(text)
            if found["v"] != 1:
                raise ValueError("the sums of a shadow were written by another version of driftwatch")
            counts = {name: int(found[name]) for name in _COUNTS}
            sums = {name: decoded_units(found[name]) for name in _SUMS}
            return cls(task=Task(found["task"]), **counts, **sums)
        except (KeyError, TypeError) as error:
            raise ValueError("the sums of a shadow are cut short or altered") from error


_COUNTS = ("pairs", "agreeing", "labelled")
_ALL = tuple(one.name for one in fields(PairSums) if one.name != "task")
_SUMS = tuple(name for name in _ALL if name not in _COUNTS)


def _covariance(products: int, first: int, second: int, n: int) -> float:
    """The mean product about the means, from exact sums: no cancellation however far the means are from zero."""
    return ((products * n << 1074) - first * second) / (n * n << 2148)


def _wilson(hits: int, n: int) -> Estimate:
    share, z2 = hits / n, Z * Z
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    reach = Z / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return Estimate(value=share, lower=max(centre - reach, 0.0), upper=min(centre + reach, 1.0))


__all__ = ["Estimate", "PairSums"]
