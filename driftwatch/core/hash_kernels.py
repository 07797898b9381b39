"""The compiled loop that hashes texts: see `driftwatch.stores.id_hash` for the family of hashes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numpy.typing import NDArray

from driftwatch.core.kernels import Integers, compiled

_UPPER = np.uint64(0xFFFFFFFF00000000)

_u1_read = types.Array(types.uint8, 1, "C", readonly=True)
_i8_read = types.Array(types.int64, 1, "C", readonly=True)
_u8_rows = types.Array(types.uint64, 2, "C")
_u8_rows_read = types.Array(types.uint64, 2, "C", readonly=True)
_u8_read = types.Array(types.uint64, 1, "C", readonly=True)


@compiled(types.void, _u1_read, _i8_read, _i8_read, _u8_read, _u8_rows_read, _u8_rows)
def hash_texts(
    data: NDArray[np.uint8],
    offsets: Integers,
    lengths: Integers,
    start: NDArray[np.uint64],
    key: NDArray[np.uint64],
    hashes: NDArray[np.uint64],
) -> None:
    """Hash texts of at most 64 bytes.

    Parameters
    ----------
    data, offsets
        See `driftwatch.core.texts.Texts`.
    lengths
        What is hashed as each one's length.
    start
        What the four lanes begin with.
    key
        Of shape ``(17, 4)``: by what the length, and each word of 32 bits, is multiplied for each lane.
    hashes
        Takes the hashes, of shape ``(n, 2)``.
    """
    for i in range(lengths.size):
        begin, end = offsets[i], offsets[i + 1]
        length = np.uint64(lengths[i])
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
