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
from itertools import pairwise

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

FEW = 256
"""So many ids are hashed and looked up without compiled loops, which take a second to load: the first events that a
service is sent wait for nothing."""

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
        start = self._constant + _model_words(model) @ self._of_model
        data, offsets = _encoded(ids)
        lengths = np.diff(offsets)
        if lengths.max(initial=0) > _LONGEST:
            data, offsets = _with_digests(data, offsets)
        if len(ids) <= FEW:
            return _few(data, offsets, lengths, start, self._of_texts)
        from driftwatch.core.hash_kernels import hash_texts

        hashes = np.empty((len(ids), 2), dtype=np.uint64)
        hash_texts(data, offsets, lengths, start, self._of_texts, hashes)
        return hashes


def _few(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    lengths: NDArray[np.int64],
    start: NDArray[np.uint64],
    key: NDArray[np.uint64],
) -> Hashes:
    """What the compiled loop does; see there."""
    sizes = np.diff(offsets)[:, np.newaxis]
    n_words = -(-int(sizes.max(initial=0)) // 4)
    padded = np.zeros((len(lengths), 4 * n_words), dtype=np.uint8)
    padded[np.arange(4 * n_words) < sizes] = data[offsets[0] : offsets[-1]]
    lanes = padded.view("<u4").astype(np.uint64) @ key[1 : 1 + n_words]
    lanes += start + lengths.astype(np.uint64)[:, np.newaxis] * key[0]
    lanes >>= _SHIFT
    return (lanes[:, 0::2] << _SHIFT) | lanes[:, 1::2]


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


def _with_digests(data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The same with the digest of each long id in its place: no short one has its length."""
    texts = [data[begin:end].tobytes() for begin, end in pairwise(offsets.tolist())]
    short = [one if len(one) <= _LONGEST else hashlib.blake2b(one).digest() for one in texts]
    bounds = np.zeros(len(offsets), dtype=np.int64)
    np.cumsum(np.fromiter(map(len, short), dtype=np.int64, count=len(short)), out=bounds[1:])
    return np.frombuffer(b"".join(short), dtype=np.uint8), bounds
