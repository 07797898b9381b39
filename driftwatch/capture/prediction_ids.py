"""Prediction ids that cost the call nothing: a call reserves numbers, and they become UUIDv7s when somebody looks."""

from __future__ import annotations

import itertools
import os
import threading

_RANDOM_BITS = 74
_RANDOM_MASK = (1 << _RANDOM_BITS) - 1
ROWS_APART = 2**24
"""The numbers of two calls in a row lie this far apart: each of their rows has one of its own."""
_LOW_MASK = (1 << 62) - 1
_NODE_MASK = (1 << 48) - 1
_TIME_MASK = (1 << 48) - 1


def random_origin() -> int:
    """Where a thread starts to number: 74 random bits, so that no two of them meet."""
    return int.from_bytes(os.urandom(10), "big") & _RANDOM_MASK


class Numbers(threading.local):
    """Gives each call the number of its first row. Every thread counts from an origin of its own.

    ``itertools.count`` is no counter for several threads where these run at the same time.
    """

    def __init__(self) -> None:
        self.following = itertools.count(random_origin(), ROWS_APART).__next__
        """The next number."""


def prediction_ids(time_ns: int, first: int, count: int) -> tuple[str, ...]:
    """UUIDv7s of ``count`` rows that were predicted in one call; the same arguments give the same ids.

    Parameters
    ----------
    time_ns
        When the call was made, in nanoseconds since 1970 UTC.
    first
        The number of the first row; the rows after it count on. Taken modulo 2**74.
    count
        How many ids to make; 0 gives an empty tuple.

    References
    ----------
    RFC 9562, section 5.7 and 6.2 (a counter with a random start).

    Examples
    --------
    >>> prediction_ids(1_700_000_000_000_000_000, 5, 2)
    ('018bcfe5-6800-7000-8000-000000000005', '018bcfe5-6800-7000-8000-000000000006')
    """
    milliseconds = f"{(time_ns // 1_000_000) & _TIME_MASK:012x}"
    head = f"{milliseconds[:8]}-{milliseconds[8:]}"
    made = []
    for number in range(first, first + count):
        random = number & _RANDOM_MASK
        high, low = random >> 62, random & _LOW_MASK
        made.append(f"{head}-7{high:03x}-{0x8000 | low >> 48:04x}-{low & _NODE_MASK:012x}")
    return tuple(made)


__all__ = ["ROWS_APART", "Numbers", "prediction_ids", "random_origin"]
