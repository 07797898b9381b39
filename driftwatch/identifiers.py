"""Ids that sort by the time of their making (UUIDv7, RFC 9562)."""

from __future__ import annotations

import os
import time


def uuid7() -> str:
    """Make a UUIDv7: 48 bits of milliseconds since 1970, then 74 random bits.

    Examples
    --------
    >>> first, second = uuid7(), uuid7()
    >>> len(first), first[14], first != second
    (36, '7', True)
    """
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds << 80) | int.from_bytes(os.urandom(10), "big")
    value = (value & ~(0xF << 76)) | (0x7 << 76)
    value = (value & ~(0x3 << 62)) | (0x2 << 62)
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
