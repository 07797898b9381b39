"""Compressed bodies, for each of the encodings that are read."""

import gzip
import os
import time
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.wire.inflation import INFLATERS, LARGEST_WINDOW_BYTES, MOST_MEMBERS, Damaged, TooLarge, unzstd


def zstd(data: bytes, level: int = 1) -> bytes:
    packed: bytes = pa.Codec("zstd", level).compress(data, asbytes=True)
    return packed


DEFLATERS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "x-gzip": gzip.compress, "zstd": zstd}
each = pytest.mark.parametrize("encoding", INFLATERS)


def test_every_encoding_is_tested() -> None:
    assert DEFLATERS.keys() == INFLATERS.keys()


@each
@given(st.lists(st.binary(max_size=200), max_size=4))
def test_what_was_made_small_comes_back_member_by_member(encoding: str, parts: list[bytes]) -> None:
    small = b"".join(map(DEFLATERS[encoding], parts))
    assert INFLATERS[encoding](small, 800) == b"".join(parts)


@each
@given(first=st.integers(0, 500), second=st.integers(0, 500))
def test_inflation_keeps_to_its_bound_over_members(encoding: str, first: int, second: int) -> None:
    small = DEFLATERS[encoding](b"x" * first) + DEFLATERS[encoding](b"y" * second)
    if first + second <= 500:
        assert len(INFLATERS[encoding](small, 500)) == first + second
    else:
        with pytest.raises(TooLarge):
            INFLATERS[encoding](small, 500)


@each
def test_a_large_body_comes_back(encoding: str) -> None:
    body = os.urandom(300_000) + b"a" * 1_000_000
    assert INFLATERS[encoding](DEFLATERS[encoding](body), len(body)) == body


@each
@given(st.binary(min_size=1, max_size=60), st.data())
def test_one_that_is_cut_short_or_followed_by_something_is_damaged(encoding: str, body: bytes, data: Any) -> None:
    small = DEFLATERS[encoding](body)
    cut = data.draw(st.integers(1, len(small) - 1))
    for damaged in (small[:cut], small + b"junk"):
        with pytest.raises(Damaged):
            INFLATERS[encoding](damaged, 1_000)


@each
def test_a_bomb_is_refused_before_it_is_in_memory(encoding: str) -> None:
    import tracemalloc

    bomb = DEFLATERS[encoding](b"\0" * 200_000_000)
    tracemalloc.start()
    with pytest.raises(TooLarge):
        INFLATERS[encoding](bomb, 1_000_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10_000_000


@each
def test_members_without_end_are_refused_at_once(encoding: str) -> None:
    nothing = DEFLATERS[encoding](b"")
    assert INFLATERS[encoding](nothing * (MOST_MEMBERS - 1), 10) == b""
    began = time.monotonic()
    with pytest.raises(Damaged, match="more than 1,000"):
        INFLATERS[encoding](nothing * 500_000, 10)
    assert time.monotonic() - began < 5


def test_a_frame_that_asks_for_a_large_window_is_refused() -> None:
    # A frame header without a content size; the window descriptor is an exponent of 14 over 2**10: 16 MB.
    frame = b"\x28\xb5\x2f\xfd" + bytes([0x00, 14 << 3]) + b"\x01\x00\x00"
    with pytest.raises(Damaged, match="window"):
        unzstd(frame, 1_000)
    smaller = b"\x28\xb5\x2f\xfd" + bytes([0x00, 13 << 3]) + b"\x01\x00\x00"
    assert LARGEST_WINDOW_BYTES == 1 << (10 + 13)
    assert unzstd(smaller, 1_000) == b""


def test_skippable_frames_are_passed_over() -> None:
    skipped = b"\x50\x2a\x4d\x18" + (3).to_bytes(4, "little") + b"abc"
    assert unzstd(skipped + zstd(b"x"), 10) == b"x"
    with pytest.raises(Damaged):
        unzstd(skipped[:-1], 10)
