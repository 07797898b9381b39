"""Numbers and identifiers as people read them."""

from __future__ import annotations

import math

from driftwatch.core.records import Threshold, ThresholdOrigin


def number(value: float | None, digits: int = 4) -> str:
    """A number of a few digits.

    Examples
    --------
    >>> number(11.5371), number(0.05), number(1234567), number(2.5e-9), number(float("nan")), number(None)
    ('11.54', '0.05', '1,234,567', '2.5e-9', '–', '–')
    """
    if value is None or math.isnan(value):
        return "–"
    if isinstance(value, int) or (1_000 <= abs(value) < 1e9 and digits >= 4):
        return f"{value:,.0f}"
    return _short_exponent(f"{value:.{digits}g}")


def _short_exponent(text: str) -> str:
    mantissa, mark, exponent = text.partition("e")
    return f"{mantissa}e{int(exponent)}" if mark else text


def share(value: float) -> str:
    """A share as a percentage; what is there at all never reads as nothing.

    Examples
    --------
    >>> share(0.5), share(0.0), share(0.00004), share(0.0497), share(0.0312), share(0.99999)
    ('50 %', '0 %', '< 0.1 %', '5 %', '3.1 %', '> 99.9 %')
    """
    if math.isnan(value):
        return "–"
    if 0.0 < value < 0.001:
        return "< 0.1 %"
    if 0.999 < value < 1.0:
        return "> 99.9 %"
    percent = 100.0 * value
    return f"{percent:.0f} %" if percent >= 9.95 else f"{percent:.1f}".removesuffix(".0") + " %"


def p_value(value: float) -> str:
    """A p-value; below a billionth nobody cares how far.

    Examples
    --------
    >>> p_value(1.0), p_value(0.04123), p_value(3.2e-5), p_value(1e-120), p_value(float("nan"))
    ('1', '0.041', '3.2e-5', '< 1e-9', '–')
    """
    if math.isnan(value):
        return "–"
    return "< 1e-9" if value < 1e-9 else _short_exponent(f"{value:.2g}")


def limit(threshold: Threshold) -> str:
    """A threshold, of a score or of a p-value.

    Examples
    --------
    >>> limit(Threshold(value=0.0512, origin=ThresholdOrigin.SAMPLING))
    '0.0512'
    >>> limit(Threshold(value=0.001, origin=ThresholdOrigin.FIXED_P_VALUE))
    'p < 0.001'
    """
    text = number(threshold.value, 3)
    return f"p < {text}" if threshold.origin is ThresholdOrigin.FIXED_P_VALUE else text


def words(value: str) -> str:
    """An identifier as words: ``insufficient_data`` reads "insufficient data"."""
    return value.replace("_", " ")


def counted(n: int, noun: str) -> str:
    """A number of things.

    Examples
    --------
    >>> counted(1, "column"), counted(1200, "row")
    ('1 column', '1,200 rows')
    """
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def arrows(text: str) -> str:
    r"""A change in words with its arrow as one character, which no line break parts from what stands before it.

    Examples
    --------
    >>> arrows("mean 2 -> 2.5")
    'mean 2\xa0→ 2.5'
    """
    return text.replace(" -> ", "\xa0→ ")
