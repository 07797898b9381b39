"""Hashes of prediction ids."""

from __future__ import annotations

import uuid

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.core.texts import Texts
from driftwatch.stores.id_hash import KEY_BYTES, IdHash

HASH = IdHash(b"k" * KEY_BYTES)
IDS = st.text(max_size=100)


@given(st.lists(IDS, max_size=8), IDS)
def test_a_hash_does_not_depend_on_the_ids_beside_it(others: list[str], one: str) -> None:
    assert np.array_equal(HASH.of("m", [*others, one])[-1], HASH.of("m", [one])[0])


@given(st.lists(st.text(max_size=70), max_size=8))
def test_ids_in_one_piece_have_the_hashes_of_single_ones(ids: list[str]) -> None:
    assert np.array_equal(HASH.of("m", Texts.of(ids)), HASH.of("m", ids))


@given(st.lists(IDS, unique=True, max_size=20))
def test_different_ids_have_different_hashes(ids: list[str]) -> None:
    assert len({tuple(one) for one in HASH.of("m", ids).tolist()}) == len(ids)


def test_padding_and_digests_do_not_collide_with_text() -> None:
    ids = ["", "\0", "\0\0", "a", "a\0", "a\0\0\0", "a" * 64, "a" * 65, "a" * 66, "\ud800", "�"]
    assert len({tuple(one) for one in HASH.of("m", ids).tolist()}) == len(ids)


def test_the_model_is_part_of_the_hash() -> None:
    assert not np.array_equal(HASH.of("one", ["a"]), HASH.of("two", ["a"]))


def test_the_key_is_part_of_the_hash() -> None:
    assert not np.array_equal(HASH.of("m", ["a"]), IdHash(b"K" * KEY_BYTES).of("m", ["a"]))


def test_the_hash_of_an_id_never_changes() -> None:
    # Evaluated from the definition in integers: ids that were stored under it must be found by it for ever.
    import hashlib

    key = np.frombuffer(hashlib.shake_256(b"k" * KEY_BYTES).digest(22 * 4 * 8), dtype="<u8").reshape(22, 4).tolist()
    model = np.frombuffer(hashlib.blake2b(b"m", digest_size=16).digest(), dtype="<u4").tolist()
    words = [1, 6, *model, int.from_bytes(b"abcd", "little"), int.from_bytes(b"ef", "little")]
    lanes = [sum(word * row[lane] for word, row in zip(words, key, strict=False)) % 2**64 >> 32 for lane in range(4)]
    assert HASH.of("m", ["abcdef"]).tolist() == [[lanes[0] << 32 | lanes[1], lanes[2] << 32 | lanes[3]]]


def test_every_bit_is_set_about_half_the_time() -> None:
    hashes = HASH.of("m", [str(uuid.UUID(int=number)) for number in range(4_000)])
    bits = np.unpackbits(np.ascontiguousarray(hashes).view(np.uint8).reshape(4_000, 16), axis=1)
    # Five standard deviations of 4,000 fair throws are 4 percentage points.
    assert np.abs(bits.mean(axis=0) - 0.5).max() < 0.04
