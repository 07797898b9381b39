"""The axis of a numeric column: on which scale its values are drawn, and where its ticks are.

A heavy tail would leave nothing to see of the middle. What the reference's quantiles look like decides: even ones are
drawn as they are, those of positive numbers over several orders of magnitude by their logarithm, others with far tails
by the inverse hyperbolic sine, which is even around zero and logarithmic far from it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

HEAVY = 6.0
"""The middle 98 % may be so many times as wide as the middle half: a normal's is 3.4, an exponential's 4.2 times."""

_CLOSEST_TICKS = 0.11
_WIDTH_OF_A_LETTER = 0.021
_JUST_OUTSIDE = 0.004
"""A round value this near to an end stands at it: an axis from 0.001 to 10 has a 0."""
_LARGEST = 1e300


class Spacing(StrEnum):
    """How values are spread over an axis."""

    LINEAR = "linear"
    LOG = "logarithmic"
    ASINH = "asinh"


@dataclass(frozen=True, slots=True)
class Tick:
    """A value on an axis: ``position`` from 0 (left) to 1."""

    position: float
    text: str


@dataclass(frozen=True, slots=True)
class Axis:
    """A monotone map of values to coordinates.

    Attributes
    ----------
    spacing
        Which map.
    unit
        What values are divided by first: the axis is even up to about this where it is ``asinh``.
    """

    spacing: Spacing
    unit: float = 1.0

    @classmethod
    def of(cls, values: NDArray[np.float64], weights: NDArray[np.int64]) -> Axis:
        """Choose one.

        Parameters
        ----------
        values
            Ascending finite numbers.
        weights
            Rows of the reference up to each of them, from the one before.

        Examples
        --------
        >>> import numpy as np
        >>> even, rows = np.linspace(1.0, 2.0, 100), np.ones(100)
        >>> far = np.tan(3.1 * (even - 1.5))
        >>> [Axis.of(values, rows).spacing.value for values in (even, 10.0 ** (9.0 * even), far)]
        ['linear', 'logarithmic', 'asinh']
        """
        low, lower, upper, high = quantiles(values, weights, (0.01, 0.25, 0.75, 0.99))
        middle = upper / 2.0 - lower / 2.0
        if not middle > 0.0:
            apart = np.abs(values[values != values[int(np.argmax(weights))]])
            middle = float(np.median(apart)) / 2.0 if len(apart) else 0.0
        if middle > 0.0 and (high / 2.0 - low / 2.0) > HEAVY * middle:
            return cls(Spacing.LOG) if low > 0.0 and values[0] >= 0.0 else cls(Spacing.ASINH, middle)
        largest = float(np.abs(values[[0, -1]]).max())
        return cls(Spacing.LINEAR, 1.0 if 1e-150 < largest < 1e150 else largest or 1.0)

    def coordinates(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Where values are, in units of the axis: finite and in the order of the values."""
        with np.errstate(over="ignore", under="ignore", divide="ignore"):
            scaled = values / self.unit
            if self.spacing is Spacing.LOG:
                return np.log10(np.maximum(scaled, 5e-324))
            return np.clip(np.arcsinh(scaled) if self.spacing is Spacing.ASINH else scaled, -_LARGEST, _LARGEST)

    def value(self, coordinate: float) -> float:
        """The inverse of `coordinates`, for one."""
        try:
            if self.spacing is Spacing.LOG:
                return float(10.0**coordinate)
            return (math.sinh(coordinate) if self.spacing is Spacing.ASINH else coordinate) * self.unit
        except OverflowError:
            return math.copysign(math.inf, coordinate)

    def ticks(self, lower: float, upper: float) -> tuple[Tick, ...]:
        """Round values between two coordinates, as many as fit without touching.

        Examples
        --------
        >>> [tick.text for tick in Axis(Spacing.LINEAR).ticks(0.0, 10.0)]
        ['0', '2', '4', '6', '8', '10']
        >>> [tick.text for tick in Axis(Spacing.LOG).ticks(-2.0, 3.0)]
        ['0.01', '0.1', '1', '10', '100', '1,000']
        """
        first, last = self.value(lower), self.value(upper)
        if not (math.isfinite(first) and math.isfinite(last) and upper > lower):
            return ()
        if self.spacing is Spacing.LINEAR:
            wanted = _even_values(first, last)
        else:
            wanted = _powers(first, last, self.unit if self.spacing is Spacing.ASINH else 0.0)
        ticks: list[Tick] = []
        for value, text in wanted:
            position = (float(self.coordinates(np.array([value]))[0]) - lower) / (upper - lower)
            gap = max(_CLOSEST_TICKS, _WIDTH_OF_A_LETTER * len(text))
            if -_JUST_OUTSIDE <= position <= 1.0 + _JUST_OUTSIDE and (
                not ticks or position - ticks[-1].position >= gap
            ):
                ticks.append(Tick(round(min(max(position, 0.0), 1.0), 4), text))
        return tuple(ticks)


def quantiles(values: NDArray[np.float64], weights: NDArray[np.int64], shares: tuple[float, ...]) -> tuple[float, ...]:
    """The first value that each share of the weights does not exceed; 0.0 where there are none."""
    if not weights.any():
        return (0.0,) * len(shares)
    up_to = np.cumsum(weights)
    at = np.searchsorted(up_to, np.asarray(shares) * up_to[-1])
    return tuple(values[np.minimum(at, len(values) - 1)].tolist())


def _even_values(first: float, last: float) -> list[tuple[float, str]]:
    width = last / 5.0 - first / 5.0
    if not 0.0 < width < math.inf or width < 1e-300:
        return []
    power = 10.0 ** math.floor(math.log10(width))
    step = next(power * factor for factor in (1.0, 2.0, 5.0, 10.0) if power * factor >= width * 0.8)
    largest = max(abs(first), abs(last))
    if largest / step > 1e9:
        return []
    near = 5.0 * _JUST_OUTSIDE
    steps = range(math.ceil(first / step - near), math.floor(last / step + near) + 1)
    if not 1e-4 <= largest < 1e9:
        return [(at * step, _exponent(at * step, largest / step)) for at in steps]
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return [(at * step, f"{at * step:,.{decimals}f}") for at in steps]


def _exponent(value: float, ratio: float) -> str:
    digits = max(1, math.ceil(math.log10(ratio)) + 1)
    mantissa, mark, exponent = f"{value:.{digits}g}".partition("e")
    return f"{mantissa}e{int(exponent)}" if mark else mantissa


def _powers(first: float, last: float, smallest: float) -> list[tuple[float, str]]:
    """Powers of ten on both sides of zero, not below ``smallest``; the ones between where they are few."""
    found: set[float] = {0.0} if first <= 0.0 <= last else set()
    for sign, nearest, far in ((1.0, first, last), (-1.0, -last, -first)):
        near = max(nearest, smallest, 1e-300)
        if far <= near:
            continue
        lowest, highest = math.floor(math.log10(near)), math.floor(math.log10(far))
        factors = (1.0, 2.0, 5.0) if highest - lowest < 3 else (1.0,)
        every = max(1, round((highest - lowest) / 6))
        found |= {
            sign * factor * 10.0**power
            for power in range(highest, lowest - 1, -every)
            for factor in factors
            if near * 0.999999 <= factor * 10.0**power <= far * 1.000001
        }
    return [(value, _power_text(value)) for value in sorted(found)]


def _power_text(value: float) -> str:
    if value == 0.0:
        return "0"
    if 1e-3 <= abs(value) < 1e5:
        return f"{value:,.{max(0, -math.floor(math.log10(abs(value)) + 1e-9))}f}"
    mantissa, _, exponent = f"{value:.0e}".partition("e")
    return f"{mantissa}e{int(exponent)}"
