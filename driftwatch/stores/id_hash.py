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
_DIGEST_BYTES = 64
_WHOLE_DIGEST = np.array([0, _DIGEST_BYTES], dtype=np.int64)

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
        lanes = np.frombuffer(stream, dtype="<u8").astype(np.uint64).reshape(_WORDS, _LANES)
        self._constant, self._of_model = lanes[0], lanes[2:_HEAD]
        self._of_texts = np.concatenate([lanes[1:2], lanes[_HEAD:]])

    def of(self, model: str, ids: Sequence[str]) -> Hashes:
        """One hash an id, which depends on the model, the id and the key alone. No ids give shape ``(0, 2)``."""
        from driftwatch.core.hash_kernels import hash_texts

        start = self._constant + _model_words(model) @ self._of_model
        data, offsets = _encoded(ids)
        hashes = np.empty((len(ids), 2), dtype=np.uint64)
        if hash_texts(data, offsets, start, self._of_texts, hashes):
            for row in np.flatnonzero(np.diff(offsets) > _LONGEST).tolist():
                # A long id is its length and its digest; no short one has that length.
                text = data[offsets[row] : offsets[row + 1]].tobytes()
                of_length = np.uint64(len(text) - _DIGEST_BYTES) * self._of_texts[0]
                digest = np.frombuffer(hashlib.blake2b(text).digest(), dtype=np.uint8)
                hash_texts(digest, _WHOLE_DIGEST, start + of_length, self._of_texts, hashes[row : row + 1])
        return hashes


def _model_words(model: str) -> NDArray[np.uint64]:
    digest = hashlib.blake2b(model.encode("utf-8", "surrogatepass"), digest_size=4 * _MODEL_WORDS).digest()
    return np.frombuffer(digest, dtype="<u4").astype(np.uint64)


def _encoded(ids: Sequence[str]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The bytes of all ids, and where each begins and the last ends. Single ids may have surrogates, unlike `Texts`."""
    if isinstance(ids, Texts):
        return ids.data, ids.offsets.astype(np.int64)
    joined = "".join(ids)
    encoded = joined.encode("utf-8", "surrogatepass")
    is_ascii = len(encoded) == len(joined)
    lengths = map(len, ids) if is_ascii else (len(one.encode("utf-8", "surrogatepass")) for one in ids)
    offsets = np.zeros(len(ids) + 1, dtype=np.int64)
    np.cumsum(np.fromiter(lengths, dtype=np.int64, count=len(ids)), out=offsets[1:])
    return np.frombuffer(encoded, dtype=np.uint8), offsets
