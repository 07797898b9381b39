"""Count, sums, minimum and maximum of numbers, which add up to the same bits in any order and grouping.

Floating-point addition depends on its order; a window's mean must not. Sums are therefore exact: every summand is
a ``float64``, that is a whole multiple of ``2**-1074``, and the sum is kept as a Python integer of that unit.
`exact_sum` does this at the speed of a few passes over the array, by splitting all values of a block at a common
bit, so that each part's floating-point sum has no rounding error (Rump, Ogita and Oishi's AccSum).

`Moments` spares the splitting. A deviation of up to seven of the column's scales is cut off at ``2**-52`` scales and
its square rounded to ``2**-43``, before they are summed: that depends on the value alone, so that order and grouping
still make no difference. On such grids values are whole numbers, and 64-bit integers add them without any error, as
fast as memory brings them. Deviations that are larger are few, and `exact_sum` takes them as they are.

References
----------
Rump, S. M., Ogita, T., Oishi, S. (2008). Accurate floating-point summation, part I. SIAM Journal on Scientific
Computing 31(1). doi:10.1137/050645671
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

UNIT_EXPONENT = -1074
"""Exact sums are integers in units of ``2**UNIT_EXPONENT``, the smallest positive ``float64``."""

LARGEST_SUMMAND = 2.0**1000
"""Summands beyond this are counted as this: sums stay exact and far from overflow."""

LARGEST_DEVIATION = 2.0**500
"""Deviations (in scales) beyond this are counted as this, so that their squares stay finite."""

LARGEST_ON_GRID = 7.0
"""Deviations (in scales) up to this are put on a grid, those beyond it are summed as they are."""

SMALLEST_GRID_SCALE = 2.0**-900
"""With a smaller scale the grid's unit would lie beyond the end of ``float64``: no grid is used."""

_FEW = 32
"""So many values are added faster one by one, as Python's integers."""

_BLOCK_BITS = 15
_BLOCK = 1 << _BLOCK_BITS
_MANTISSA_BITS = 53

_GRID_BLOCK = 1 << 14
_GRID_BITS = 52
_TO_GRID = 2.0**_GRID_BITS
_ADDED_TOGETHER = 256
"""Of whole numbers up to ``7 * 2**52`` so many add up to less than ``2**63``."""

_SQUARES_GRID_BITS = 43
_ROUNDER = math.ldexp(512.0, 2 * _GRID_BITS)
"""A square of up to 49 and this stay between two powers of two where the last bit is a unit of the squares' grid."""
_ROUNDER_BITS = int(np.float64(_ROUNDER).view(np.int64))
_WRAP = 1 << 64


def exact_sum(values: NDArray[np.float64]) -> int:
    """The exact sum of finite numbers, in units of ``2**-1074``.

    Parameters
    ----------
    values
        Any number of finite values; beyond ``LARGEST_SUMMAND`` they count as that.

    Returns
    -------
    int
        0 for no values. `from_units` turns it back into a float.

    Examples
    --------
    >>> import numpy as np
    >>> from_units(exact_sum(np.array([1e16, 1.0, -1e16])))
    1.0
    """
    if len(values) <= _FEW:
        return sum(map(_in_units, values.tolist()))
    return sum(_block_sum(values[start : start + _BLOCK]) for start in range(0, len(values), _BLOCK))


def _in_units(value: float) -> int:
    numerator, denominator = min(max(value, -LARGEST_SUMMAND), LARGEST_SUMMAND).as_integer_ratio()
    # The denominator is a power of two.
    return numerator << -UNIT_EXPONENT + 1 - denominator.bit_length()


def from_units(total: int, divisor: int = 1) -> float:
    """``total * 2**-1074 / divisor``, rounded once; infinite where no float is that large."""
    try:
        return total / (divisor << -UNIT_EXPONENT)
    except OverflowError:
        return math.inf if total > 0 else -math.inf


def _block_sum(block: NDArray[np.float64]) -> int:
    largest = max(float(block.max()), -float(block.min()))
    if largest == 0.0:
        return 0
    rest = block.copy() if largest <= LARGEST_SUMMAND else np.clip(block, -LARGEST_SUMMAND, LARGEST_SUMMAND)
    part = np.empty_like(rest)
    exponent = math.frexp(min(largest, LARGEST_SUMMAND))[1]
    total = 0
    while len(rest):
        # All are below 2**exponent; their parts are multiples of 2**unit, so that no partial sum of a block needs
        # more than 53 bits.
        unit = max(exponent + _BLOCK_BITS - _MANTISSA_BITS, UNIT_EXPONENT)
        splitter = math.ldexp(1.5, unit + _MANTISSA_BITS - 1)
        np.add(rest, splitter, out=part)
        np.subtract(part, splitter, out=part)
        np.subtract(rest, part, out=rest)
        total += int(math.ldexp(float(part.sum()), -unit)) << (unit - UNIT_EXPONENT)
        # What is left is at most half a unit, and of most values nothing.
        exponent = unit
        left = np.count_nonzero(rest)
        if left * 2 < len(rest):
            rest = rest[rest != 0.0]
            part = part[:left]
    return total


@dataclass(frozen=True, slots=True)
class Moments:
    """Count, mean, variance, minimum and maximum of finite numbers, mergeable without rounding.

    Sums are of the deviations ``d = (x - centre) / scale`` and of their squares, with the baseline's centre and
    scale: the variance does not suffer from a mean far from zero, and squares do not overflow. ``scale`` is a
    power of two, so that dividing by it is exact. Deviations and squares are put on fine grids first (see the
    module's text); deviations beyond ``2**500`` scales saturate there. Minimum and maximum are what they are.

    Attributes
    ----------
    centre, scale
        Fixed by the baseline. Only moments with the same two can be added.
    count
        How many finite values.
    total, total_squares
        Exact sums of ``d`` and ``d * d``, each put on its grid, in units of ``2**-1074``.
    minimum, maximum
        ``inf`` and ``-inf`` where there is no value. After a subtraction: those of the rows before it.

    Examples
    --------
    >>> import numpy as np
    >>> a = Moments.of(np.array([1.0, 2.0]), centre=2.0, scale=1.0)
    >>> b = Moments.of(np.array([3.0]), centre=2.0, scale=1.0)
    >>> (a + b).mean, (a + b).variance, (a + b) == (b + a)
    (2.0, 1.0, True)
    """

    centre: float
    scale: float
    count: int = 0
    total: int = 0
    total_squares: int = 0
    minimum: float = math.inf
    maximum: float = -math.inf

    @classmethod
    def of(cls, values: NDArray[np.float64], centre: float, scale: float) -> Moments:
        """The moments of finite ``values``."""
        if len(values) == 0:
            return cls(centre, scale)
        minimum, maximum = float(values.min()), float(values.max())
        inverse = 1.0 / scale
        limit = LARGEST_ON_GRID if scale > SMALLEST_GRID_SCALE else -1.0
        total = total_squares = 0
        beyond: list[NDArray[np.float64]] = []
        size = -(-min(len(values), _GRID_BLOCK) // _ADDED_TOGETHER) * _ADDED_TOGETHER
        deviations, squares, whole = np.empty(size), np.empty(size), np.zeros(size, dtype=np.int64)
        with np.errstate(over="ignore", under="ignore"):
            near = max(maximum - centre, centre - minimum) * inverse <= limit
            for start in range(0, len(values), _GRID_BLOCK):
                block = values[start : start + _GRID_BLOCK]
                n = len(block)
                d, r = deviations[:n], squares[:n]
                np.subtract(block, centre, out=d)
                if near:
                    np.multiply(d, inverse * _TO_GRID, out=d)
                else:
                    beyond.append(_taken_out(np.multiply(d, inverse, out=d), limit, r))
                    np.multiply(d, _TO_GRID, out=d)
                np.copyto(whole[:n], d, casting="unsafe")
                whole[n:] = 0
                total += sum(np.add.reduce(whole.reshape(-1, _ADDED_TOGETHER), axis=1).tolist())
                np.multiply(d, d, out=r)
                np.add(r, _ROUNDER, out=r)
                total_squares += (int(np.add.reduce(r.view(np.int64))) - n * _ROUNDER_BITS) % _WRAP
        total <<= -UNIT_EXPONENT - _GRID_BITS
        total_squares <<= -UNIT_EXPONENT - _SQUARES_GRID_BITS
        if beyond:
            far = np.concatenate(beyond)
            total += exact_sum(far)
            with np.errstate(under="ignore"):
                total_squares += exact_sum(far * far)
        return cls(centre, scale, len(values), total, total_squares, minimum, maximum)

    @property
    def mean(self) -> float:
        """The mean; ``nan`` of no value."""
        if self.count == 0:
            return math.nan
        return self.centre + self.scale * from_units(self.total, self.count)

    @property
    def variance(self) -> float:
        """The variance with ``count - 1`` as its divisor; ``nan`` of fewer than two values."""
        if self.count < 2:
            return math.nan
        # sum(d*d) - sum(d)**2/n, over a common divisor and without rounding before the division.
        spread = (self.total_squares * self.count << -UNIT_EXPONENT) - self.total * self.total
        divisor = self.count * (self.count - 1) << -2 * UNIT_EXPONENT
        try:
            ratio = max(spread, 0) / divisor
        except OverflowError:
            return math.inf
        return ratio * self.scale * self.scale

    @property
    def std(self) -> float:
        """The square root of `variance`."""
        return math.sqrt(self.variance)

    def __add__(self, other: Moments) -> Moments:
        """The moments of both sets of rows."""
        self._check(other)
        return Moments(
            self.centre,
            self.scale,
            self.count + other.count,
            self.total + other.total,
            self.total_squares + other.total_squares,
            min(self.minimum, other.minimum),
            max(self.maximum, other.maximum),
        )

    def __sub__(self, other: Moments) -> Moments:
        """Take out rows that were counted before. Minimum and maximum cannot be taken back: they stay."""
        self._check(other)
        if other.count > self.count:
            raise ValueError("more rows are taken out than were counted")
        if other.count == self.count:
            return Moments(self.centre, self.scale)
        return Moments(
            self.centre,
            self.scale,
            self.count - other.count,
            self.total - other.total,
            self.total_squares - other.total_squares,
            self.minimum,
            self.maximum,
        )

    def _check(self, other: Moments) -> None:
        if (self.centre, self.scale) != (other.centre, other.scale):
            raise ValueError("moments of different baselines cannot be combined")

    def to_document(self) -> dict[str, Any]:
        """A JSON-able form, exact: integers as ``[hexadecimal digits, power of two]``."""
        document: dict[str, Any] = {
            "centre": self.centre,
            "scale": self.scale,
            "count": self.count,
            "total": encoded_units(self.total),
            "total_squares": encoded_units(self.total_squares),
        }
        if self.count:
            document["minimum"] = self.minimum
            document["maximum"] = self.maximum
        return document

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Moments:
        """The inverse of `to_document`.

        Raises
        ------
        KeyError, TypeError, ValueError
            If the document is not such a form.
        """
        count = int(document["count"])
        centre, scale = float(document["centre"]), float(document["scale"])
        if not (math.isfinite(centre) and math.isfinite(scale) and scale > 0.0 and count >= 0):
            raise ValueError("moments need a finite centre, a positive scale and a count")
        if count == 0:
            return cls(centre, scale)
        minimum, maximum = float(document["minimum"]), float(document["maximum"])
        if not minimum <= maximum:
            raise ValueError("a minimum is above its maximum")
        total, total_squares = decoded_units(document["total"]), decoded_units(document["total_squares"])
        return cls(centre, scale, count, total, total_squares, minimum, maximum)


def _taken_out(deviations: NDArray[np.float64], limit: float, scratch: NDArray[np.float64]) -> NDArray[np.float64]:
    """The deviations beyond the limit, in both directions; in their own array they become 0."""
    rows = (np.abs(deviations, out=scratch) > limit).nonzero()[0]
    far = np.clip(deviations[rows], -LARGEST_DEVIATION, LARGEST_DEVIATION)
    deviations[rows] = 0.0
    return far


def encoded_units(total: int) -> list[str | int]:
    """An exact sum as ``[hexadecimal digits, power of two]``, without its trailing zeros."""
    if total == 0:
        return ["0", 0]
    zeros = (total & -total).bit_length() - 1
    return [format(total >> zeros, "x"), zeros]


def decoded_units(encoded: Any) -> int:
    """The inverse of `encoded_units`.

    Raises
    ------
    ValueError
        If it is not of that form, or larger than any sum can be.
    """
    if not (isinstance(encoded, list) and len(encoded) == 2 and isinstance(encoded[0], str)):
        raise ValueError("an exact sum is [hexadecimal digits, power of two]")
    zeros = int(encoded[1])
    if not 0 <= zeros <= 4096 or len(encoded[0]) > 1024:
        raise ValueError("an exact sum is out of range")
    return int(encoded[0], 16) << zeros


def scale_of(sorted_values: NDArray[np.float64]) -> tuple[float, float]:
    """Centre and scale for the moments of a column: the median, and the spread as a power of two.

    Parameters
    ----------
    sorted_values
        Finite, ascending, at least one.

    Returns
    -------
    centre, scale
        The scale is the interquartile range, or the first of the 5-95 %, 1-99 % and full ranges that is not
        zero, or the size of the centre; rounded to a power of two between ``2**-1000`` and ``2**1000``.
    """
    n = len(sorted_values)
    centre = float(sorted_values[(n - 1) // 2])
    for low, high in ((0.25, 0.75), (0.05, 0.95), (0.01, 0.99), (0.0, 1.0)):
        lower = float(sorted_values[int(low * (n - 1))])
        upper = float(sorted_values[int(high * (n - 1))])
        spread = upper / 2 - lower / 2
        if spread > 0.0:
            break
    else:
        spread = abs(centre) / 2 or 0.5
    exponent = math.frexp(spread)[1]
    return centre, math.ldexp(1.0, min(max(exponent, -1000), 1000))
