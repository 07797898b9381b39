"""Hashes of prediction ids."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from driftwatch.core.texts import Texts
from driftwatch.stores import id_hash
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


def defined(model: str, one: str) -> list[int]:
    """The hash evaluated from its definition in integers: what was stored under it must be found by it for ever."""
    key = np.frombuffer(hashlib.shake_256(b"k" * KEY_BYTES).digest(22 * 4 * 8), dtype="<u8").reshape(22, 4).tolist()
    text = one.encode("utf-8", "surrogatepass")
    of_model = np.frombuffer(hashlib.blake2b(model.encode(), digest_size=16).digest(), dtype="<u4").tolist()
    short = text if len(text) <= 64 else hashlib.blake2b(text).digest()
    of_text = [int.from_bytes(short[at : at + 4], "little") for at in range(0, len(short), 4)]
    words = [1, len(text), *of_model, *of_text]
    lanes = [sum(word * row[lane] for word, row in zip(words, key, strict=False)) % 2**64 >> 32 for lane in range(4)]
    return [lanes[0] << 32 | lanes[1], lanes[2] << 32 | lanes[3]]


@contextmanager
def few(number: int) -> Iterator[None]:
    """Up to so many ids are hashed without the compiled loop."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(id_hash, "FEW", number)
        yield


BOTH_WAYS = pytest.mark.parametrize("number", [-1, 1_000_000], ids=["compiled", "not compiled"])


@BOTH_WAYS
@given(ids=st.lists(st.one_of(IDS, st.text(st.characters(categories=["Cs", "Lu"]), max_size=30)), max_size=8))
@example(ids=["a" * 63, "a" * 64, "a" * 65, "a" * 1_000, "", "abcdef"])
@example(ids=["\ud800", "é" * 32, "é" * 33, "\U0010ffff" * 16])
def test_the_hash_of_an_id_never_changes(number: int, ids: list[str]) -> None:
    with few(number):
        assert HASH.of("m", ids).tolist() == [defined("m", one) for one in ids]


@BOTH_WAYS
@pytest.mark.parametrize("kind", [np.int32, np.int64])
@pytest.mark.parametrize("long", ["x" * 70, "x" * 60])
def test_ids_in_the_middle_of_a_piece_have_their_own_hashes(
    number: int, kind: type[np.int32] | type[np.int64], long: str
) -> None:
    ids = ["ab", long, "", "née", "abcdefgh"]
    texts = Texts.of(ids)
    middle = Texts(texts.data, texts.offsets.astype(kind)[1:-1])
    with few(number):
        assert HASH.of("m", middle).tolist() == [defined("m", one) for one in ids[1:-1]]


def test_every_bit_is_set_about_half_the_time() -> None:
    hashes = HASH.of("m", [str(uuid.UUID(int=number)) for number in range(4_000)])
    bits = np.unpackbits(np.ascontiguousarray(hashes).view(np.uint8).reshape(4_000, 16), axis=1)
    # Five standard deviations of 4,000 fair throws are 4 percentage points.
    assert np.abs(bits.mean(axis=0) - 0.5).max() < 0.04
