"""Count, sums, minimum and maximum of numbers, which add up to the same bits in any order and grouping.

Floating-point addition depends on its order; a window's mean must not. Sums are therefore exact: every summand is
a ``float64``, that is a whole multiple of ``2**-1074``, and the sum is kept as a Python integer of that unit.

Adding such integers one by one is slow. A deviation of up to 31 of the column's scales is therefore rounded to a
multiple of ``2**-98`` scales, and its square of ``2**-93``, before they are summed: that depends on the value alone, so
that order and grouping still make no difference. Such multiples are two whole numbers each, and 64-bit integers add
them without any error, as fast as memory brings them. Deviations that are larger are few: they are added as they are,
to a sum in digits of 32 bits that has room for every float.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.sums import (
    FAR_SQUARES,
    FAR_SUM,
    FINE_BITS,
    GRID_BITS,
    HIGHEST,
    LARGEST_ON_GRID,
    LOW_BITS,
    LOWEST,
    N_LIMBS,
    N_SUMS,
    NO_KEY,
    SQUARES_GRID_BITS,
    WITHOUT_SIGN,
)

UNIT_EXPONENT = -1074
"""Exact sums are integers in units of ``2**UNIT_EXPONENT``, the smallest positive ``float64``."""

LARGEST_SUMMAND = 2.0**1000
"""Summands beyond this are counted as this: sums stay exact and far from overflow."""

SMALLEST_GRID_SCALE = 2.0**-900
"""With a smaller scale the grid's unit would lie beyond the end of ``float64``: no grid is used."""


_AS_INTEGER, _AS_FLOAT = struct.Struct("<q"), struct.Struct("<d")


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
    from driftwatch.core.kernels import add_exactly

    limbs = np.zeros(N_LIMBS, dtype=np.int64)
    add_exactly(np.ascontiguousarray(values), LARGEST_SUMMAND, limbs)
    return _whole(limbs)


def _whole(limbs: NDArray[np.int64]) -> int:
    """The number that digits of 32 bits make, of which each may be negative or too large."""
    return sum(int(limbs[at]) << 32 * at for at in limbs.nonzero()[0].tolist())


def from_units(total: int, divisor: int = 1) -> float:
    """``total * 2**-1074 / divisor``, rounded once; infinite where no float is that large."""
    try:
        return total / (divisor << -UNIT_EXPONENT)
    except OverflowError:
        return math.inf if total > 0 else -math.inf


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
        Exact sums of ``d`` and ``d * d``, each rounded to its grid, in units of ``2**-1074``.
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
        """The moments of the finite ones among ``values``."""
        from driftwatch.core.kernels import added_up

        sums = cls.no_sums()
        added_up(np.ascontiguousarray(values), cls(centre, scale).steps, sums)
        return cls.from_sums(sums, centre, scale)

    @property
    def steps(self) -> tuple[float, float, float]:
        """What the kernels ask for: centre, the scale's inverse, and up to which deviation to use the grid."""
        return self.centre, 1.0 / self.scale, LARGEST_ON_GRID if self.scale > SMALLEST_GRID_SCALE else -1.0

    @staticmethod
    def no_sums() -> NDArray[np.int64]:
        """What the kernels add to, with nothing added yet."""
        sums = np.zeros(N_SUMS, dtype=np.int64)
        sums[LOWEST], sums[HIGHEST] = NO_KEY, -NO_KEY
        return sums

    @classmethod
    def from_sums(cls, sums: NDArray[np.int64], centre: float, scale: float) -> Moments:
        """What the kernels have added up."""
        parts, (lowest, highest, count, n_far) = sums[:LOWEST].tolist(), sums[LOWEST:FAR_SUM].tolist()
        if count == 0:
            return cls(centre, scale)
        total, fine, squares, fine_squares = (
            (high << LOW_BITS) + low for high, low in zip(parts[::2], parts[1::2], strict=True)
        )
        total = (total << FINE_BITS) + fine << -UNIT_EXPONENT - GRID_BITS - FINE_BITS
        squares = (squares << FINE_BITS) + fine_squares << -UNIT_EXPONENT - SQUARES_GRID_BITS - FINE_BITS
        if n_far:
            total += _whole(sums[FAR_SUM:FAR_SQUARES])
            squares += _whole(sums[FAR_SQUARES:])
        return cls(centre, scale, count, total, squares, _of_key(lowest), _of_key(highest))

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


def _of_key(key: int) -> float:
    """The float whose bits, as a whole number in the order of floats, are these."""
    return float(_AS_FLOAT.unpack(_AS_INTEGER.pack(key if key >= 0 else key ^ WITHOUT_SIGN))[0])


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


def scale_of(sorted_values: NDArray[np.float64], counts: NDArray[np.int64] | None = None) -> tuple[float, float]:
    """Centre and scale for the moments of a column: the median, and the spread as a power of two.

    Parameters
    ----------
    sorted_values
        Finite, ascending, at least one.
    counts
        How often each occurs, if not once each.

    Returns
    -------
    centre, scale
        The scale is the interquartile range, or the first of the 5-95 %, 1-99 % and full ranges that is not
        zero, or the size of the centre; rounded to a power of two between ``2**-1000`` and ``2**1000``.
    """
    up_to = None if counts is None else np.cumsum(counts)
    n = len(sorted_values) if up_to is None else int(up_to[-1])

    def at(rank: int) -> float:
        return float(sorted_values[rank if up_to is None else np.searchsorted(up_to, rank, side="right")])

    centre = at((n - 1) // 2)
    for low, high in ((0.25, 0.75), (0.05, 0.95), (0.01, 0.99), (0.0, 1.0)):
        lower = at(int(low * (n - 1)))
        upper = at(int(high * (n - 1)))
        spread = upper / 2 - lower / 2
        if spread > 0.0:
            break
    else:
        spread = abs(centre) / 2 or 0.5
    exponent = math.frexp(spread)[1]
    return centre, math.ldexp(1.0, min(max(exponent, -1000), 1000))
