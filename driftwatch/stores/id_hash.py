"""128-bit hashes of prediction ids, many at a time.

Each id is read as 32-bit words ``s_i`` and hashed four times to 32 bits by ``(k_0 + sum k_i s_i mod 2**64) >> 32``
with its own random 64-bit ``k``. That family is strongly universal: two different ids share all 128 bits with
probability ``2**-128``, whatever they are, as long as nobody knows the key. A cryptographic hash an id costs five
times as much here, and at a million events a second that is what there is no time for.

References
----------
Lemire, D., Kaser, O. (2014). Strongly universal string hashing is fast. The Computer Journal 57(11).
doi:10.1093/comjnl/bxt070
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.texts import Texts

KEY_BYTES = 32
"""Length of a secret key."""

_LONGEST = 64
_LANES = 4
_MODEL_WORDS = 4
_HEAD = 2 + _MODEL_WORDS
_WORDS = _HEAD + _LONGEST // 4
_SHIFT = np.uint64(32)

Hashes = NDArray[np.uint64]
"""Shape ``(n, 2)``: the two halves of each hash."""


class IdHash:
    """Hashes ids of a model under a secret key.

    Parameters
    ----------
    key
        `KEY_BYTES` random bytes, kept for as long as hashes are compared.

    Examples
    --------
    >>> hashes = IdHash(bytes(KEY_BYTES)).of("flights", ["a", "b", "a"])
    >>> hashes.shape, bool((hashes[0] == hashes[2]).all()), bool((hashes[0] == hashes[1]).any())
    ((3, 2), True, False)
    """

    def __init__(self, key: bytes) -> None:
        stream = hashlib.shake_256(key).digest(_WORDS * _LANES * 8)
        self._key = np.frombuffer(stream, dtype="<u8").astype(np.uint64).reshape(_WORDS, _LANES)

    def of(self, model: str, ids: Sequence[str]) -> Hashes:
        """One hash an id, which depends on the model, the id and the key alone. No ids give shape ``(0, 2)``."""
        lengths, words = _words(ids)
        start = self._key[0] + _model_words(model) @ self._key[2:_HEAD]
        lanes = words @ self._key[_HEAD : _HEAD + words.shape[1]]
        lanes += start
        lanes += lengths[:, np.newaxis] * self._key[1]
        lanes >>= _SHIFT
        return (lanes[:, 0::2] << _SHIFT) | lanes[:, 1::2]


def _model_words(model: str) -> NDArray[np.uint64]:
    digest = hashlib.blake2b(model.encode("utf-8", "surrogatepass"), digest_size=4 * _MODEL_WORDS).digest()
    return np.frombuffer(digest, dtype="<u4").astype(np.uint64)


def _words(ids: Sequence[str]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Lengths in bytes, and the bytes as rows of 32-bit words, padded with zeros."""
    block = _block(ids)
    if block is not None and (size := block.shape[1]) <= _LONGEST:
        flat = block
        lengths = np.full(len(ids), size, dtype=np.uint64)
    else:
        encoded = [one.encode("utf-8", "surrogatepass") for one in ids]
        lengths = np.fromiter(map(len, encoded), dtype=np.uint64, count=len(encoded))
        # A long id is its length and its digest; no short one has that length.
        short = [one if len(one) <= _LONGEST else hashlib.blake2b(one).digest() for one in encoded]
        size = max(map(len, short), default=0)
        flat = np.frombuffer(b"".join(one.ljust(size, b"\0") for one in short), dtype=np.uint8)
        flat = flat.reshape(len(ids), size)
    if size % 4 == 0 and size:
        return lengths, np.ascontiguousarray(flat).view("<u4").astype(np.uint64)
    padded = np.zeros((len(ids), -(-size // 4) * 4), dtype=np.uint8)
    padded[:, :size] = flat
    return lengths, padded.view("<u4").astype(np.uint64)


def _block(ids: Sequence[str]) -> NDArray[np.uint8] | None:
    """The bytes of the ids, a row each, where all have equally many."""
    if isinstance(ids, Texts):
        return ids.block
    sizes = set(map(len, ids))
    joined = "".join(ids)
    if len(sizes) != 1 or not joined.isascii():
        return None
    return np.frombuffer(joined.encode("ascii"), dtype=np.uint8).reshape(len(ids), sizes.pop())
