"""Compressed bodies made large again, never beyond a bound: what the few bytes of a bomb become is never in memory."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping

_GZIP_WINDOW = 31
_PIECE_BYTES = 64 * 1024
MOST_MEMBERS = 1_000
"""Most members (gzip) or frames (zstd) of one body: each costs the same, however little it holds."""
LARGEST_WINDOW_BYTES = 8 * 2**20
"""What a decoder of zstd must hold in memory at most (RFC 9659)."""

_FRAME = b"\x28\xb5\x2f\xfd"
_SKIPPABLE = range(0x184D2A50, 0x184D2A60)


class TooLarge(Exception):
    """It would be more than the bound."""


class Damaged(Exception):
    """It is not what it is said to be; the text completes "The body ...."."""


def gunzipped(body: bytes, most_bytes: int) -> bytes:
    """What gzip made small (RFC 1952), member by member.

    Raises
    ------
    TooLarge
    Damaged

    Examples
    --------
    >>> import gzip
    >>> gunzipped(gzip.compress(b"ab") + gzip.compress(b"c"), 3)
    b'abc'
    """
    inflated = bytearray()
    view, at = memoryview(body), 0
    for _ in range(MOST_MEMBERS):
        if at == len(view):
            return bytes(inflated)
        inflater = zlib.decompressobj(_GZIP_WINDOW)
        while not inflater.eof:
            piece = inflater.unconsumed_tail or view[at : at + _PIECE_BYTES]
            if not piece:
                raise Damaged("is gzip that was cut short")
            if not inflater.unconsumed_tail:
                at += len(piece)
            try:
                inflated += inflater.decompress(piece, most_bytes + 1 - len(inflated))
            except zlib.error:
                raise Damaged("is no gzip, although Content-Encoding says so") from None
            if len(inflated) > most_bytes:
                raise TooLarge
        at -= len(inflater.unused_data)
    raise Damaged(f"is gzip of more than {MOST_MEMBERS:,} members")


def unzstd(body: bytes, most_bytes: int) -> bytes:
    """What Zstandard made small (RFC 8878), frame by frame.

    Raises
    ------
    TooLarge
    Damaged

    Examples
    --------
    >>> import pyarrow as pa
    >>> unzstd(pa.compress(b"abc", codec="zstd", asbytes=True), 3)
    b'abc'
    """
    try:
        _check_frames(body)
    except IndexError:
        raise Damaged("is zstd that was cut short") from None
    import pyarrow as pa

    inflated = bytearray()
    try:
        with pa.CompressedInputStream(pa.BufferReader(body), "zstd") as stream:
            while piece := stream.read(min(_PIECE_BYTES, most_bytes + 1 - len(inflated))):
                inflated += piece
                if len(inflated) > most_bytes:
                    raise TooLarge
    except (OSError, pa.ArrowException):
        raise Damaged("is no zstd, although Content-Encoding says so") from None
    return bytes(inflated)


def _check_frames(body: bytes) -> None:
    """Walk over the frames without inflating them: there are not too many, and none asks for a large window.

    Raises
    ------
    Damaged
    IndexError
        The last frame is cut short.
    """
    at = 0
    for _ in range(MOST_MEMBERS):
        if at == len(body):
            return
        magic = body[at : at + 4]
        if magic == _FRAME:
            at = _after_frame(body, at + 4)
        elif int.from_bytes(magic, "little") in _SKIPPABLE:
            at = _within(body, at + 8 + int.from_bytes(body[at + 4 : at + 8], "little"))
        else:
            raise Damaged("is no zstd, although Content-Encoding says so")
    raise Damaged(f"is zstd of more than {MOST_MEMBERS:,} frames")


def _after_frame(body: bytes, at: int) -> int:
    """Where the frame ends whose header begins here (RFC 8878, 3.1.1)."""
    descriptor = body[at]
    has_window = not descriptor & 0x20
    if has_window:
        exponent, mantissa = body[at + 1] >> 3, body[at + 1] & 7
        base = 1 << (10 + exponent)
        if base + base // 8 * mantissa > LARGEST_WINDOW_BYTES:
            raise Damaged(f"is zstd with a window of more than {LARGEST_WINDOW_BYTES:,} bytes")
    size_bytes = (0 if has_window else 1, 2, 4, 8)[descriptor >> 6]
    at = _within(body, at + 1 + has_window + (0, 1, 2, 4)[descriptor & 3] + size_bytes)
    is_last = False
    while not is_last:
        header = int.from_bytes(body[at : _within(body, at + 3)], "little")
        is_last, kind = bool(header & 1), header >> 1 & 3
        # A block of one repeated byte holds that byte alone.
        at = _within(body, at + 3 + (1 if kind == 1 else header >> 3))
    return _within(body, at + (4 if descriptor & 4 else 0))


def _within(body: bytes, at: int) -> int:
    if at > len(body):
        raise IndexError(at)
    return at


INFLATERS: Mapping[str, Callable[[bytes, int], bytes]] = {"gzip": gunzipped, "x-gzip": gunzipped, "zstd": unzstd}
"""By ``Content-Encoding``."""


__all__ = ["INFLATERS", "LARGEST_WINDOW_BYTES", "MOST_MEMBERS", "Damaged", "TooLarge", "gunzipped", "unzstd"]
