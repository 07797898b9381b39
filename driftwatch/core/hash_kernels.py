"""The compiled loop that hashes texts: see `driftwatch.stores.id_hash` for the family of hashes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numpy.typing import NDArray

from driftwatch.core.kernels import Integers, compiled

LONGEST = 64
"""Bytes of a text that are hashed by themselves."""

_UPPER = np.uint64(0xFFFFFFFF00000000)

_u1_read = types.Array(types.uint8, 1, "C", readonly=True)
_i8_read = types.Array(types.int64, 1, "C", readonly=True)
_u8_rows = types.Array(types.uint64, 2, "C")
_u8_rows_read = types.Array(types.uint64, 2, "C", readonly=True)
_u8_read = types.Array(types.uint64, 1, "C", readonly=True)


@compiled(types.int64, _u1_read, _i8_read, _u8_read, _u8_rows_read, _u8_rows)
def hash_texts(
    data: NDArray[np.uint8],
    offsets: Integers,
    start: NDArray[np.uint64],
    key: NDArray[np.uint64],
    hashes: NDArray[np.uint64],
) -> int:
    """Hash texts of at most `LONGEST` bytes; answers how many are longer, whose hashes are not written.

    Parameters
    ----------
    data, offsets
        See `driftwatch.core.texts.Texts`.
    start
        What the four lanes begin with.
    key
        Of shape ``(1 + LONGEST / 4, 4)``: by what a text's length, and each word, is multiplied for each lane.
    hashes
        Takes the hashes, of shape ``(n, 2)``.
    """
    n_longer = 0
    for i in range(offsets.size - 1):
        begin, end = offsets[i], offsets[i + 1]
        size = end - begin
        if size > LONGEST:
            n_longer += 1
            continue
        length = np.uint64(size)
        a, b = start[0] + length * key[0, 0], start[1] + length * key[0, 1]
        c, d = start[2] + length * key[0, 2], start[3] + length * key[0, 3]
        at, row = begin, 1
        while at + 4 <= end:
            word: Any = np.uint64(data[at]) | (np.uint64(data[at + 1]) << np.uint64(8))
            word |= (np.uint64(data[at + 2]) << np.uint64(16)) | (np.uint64(data[at + 3]) << np.uint64(24))
            a, b = a + word * key[row, 0], b + word * key[row, 1]
            c, d = c + word * key[row, 2], d + word * key[row, 3]
            at, row = at + 4, row + 1
        if at < end:
            # The rest, as if zeros followed.
            word = np.uint64(0)
            for place in range(end - at):
                word |= np.uint64(data[at + place]) << np.uint64(8 * place)
            a, b = a + word * key[row, 0], b + word * key[row, 1]
            c, d = c + word * key[row, 2], d + word * key[row, 3]
        hashes[i, 0] = (a & _UPPER) | (b >> np.uint64(32))
        hashes[i, 1] = (c & _UPPER) | (d >> np.uint64(32))
    return n_longer
