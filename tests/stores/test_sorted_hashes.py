"""Hashes in order: sorted and looked up as plain Python does it, however they are spread."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from driftwatch.core import sorted_kernels
from driftwatch.core.sorted_kernels import put_in_order
from driftwatch.stores import sorted_hashes
from driftwatch.stores.id_hash import Hashes
from driftwatch.stores.id_runs import Run, fresh, written
from driftwatch.stores.sorted_hashes import found, merged, ranked

LAST = 2**64 - 1
HALF = st.one_of(
    st.integers(0, LAST),
    st.integers(0, 5),
    st.integers(LAST - 5, LAST),
    st.integers(0, 63).map(lambda bit: 1 << bit),
    st.integers(0, 200).map(lambda small: 2**63 + small),
)
PAIRS = st.lists(st.tuples(HALF, st.integers(0, 3)), max_size=120)


def hashes(pairs: list[tuple[int, int]]) -> Hashes:
    return np.array(pairs, dtype=np.uint64).reshape(-1, 2)


def spread(kind: str, size: int) -> NDArray[np.uint64]:
    """First halves that are spread as whole hashes are, or in ways that no guess foresees."""
    rng = np.random.default_rng(7)
    if kind == "evenly":
        return rng.integers(0, 2**64, size, dtype=np.uint64)
    if kind == "in one corner":
        return rng.integers(0, 2**20, size, dtype=np.uint64)
    if kind == "in the last corner":
        return rng.integers(2**64 - 2**20, 2**64, size, dtype=np.uint64)
    if kind == "in two heaps":
        return rng.integers(0, 2**16, size, dtype=np.uint64) + np.uint64(2**63) * (np.arange(size) % 2).astype(
            np.uint64
        )
    return np.exp2(rng.uniform(0.0, 63.99, size)).astype(np.uint64)


KINDS = ["evenly", "in one corner", "in the last corner", "in two heaps", "by their logarithm"]


@contextmanager
def few(number: int) -> Iterator[None]:
    """Up to so many hashes are handled without compiled loops."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sorted_hashes, "FEW", number)
        patch.setattr(sorted_hashes, "_FEW_MERGED", number)
        yield


BOTH_WAYS = pytest.mark.parametrize("number", [0, 1_000_000], ids=["compiled", "not compiled"])


@BOTH_WAYS
@given(pairs=PAIRS)
@example(pairs=[(3, 1)] * 40 + [(3, 0)] * 2)
def test_hashes_are_sorted_by_both_halves_and_equal_ones_stay_in_order(
    number: int, pairs: list[tuple[int, int]]
) -> None:
    with few(number):
        order, inorder = ranked(hashes(pairs))
    assert order.tolist() == sorted(range(len(pairs)), key=pairs.__getitem__)
    assert [tuple(one) for one in inorder.tolist()] == sorted(pairs)


@pytest.mark.parametrize("kind", KINDS)
def test_many_hashes_are_sorted_however_they_are_spread(kind: str) -> None:
    high = spread(kind, 5_000)
    some = np.stack([high, np.arange(5_000, dtype=np.uint64) % 3], axis=1)
    order, inorder = ranked(some)
    assert np.array_equal(order, np.lexsort((some[:, 1], some[:, 0])))
    assert np.array_equal(inorder, some[order])


@pytest.mark.parametrize(("kind", "is_quick"), [("evenly", True), ("in one corner", False)])
def test_only_hashes_that_are_spread_evenly_are_sorted_by_their_leading_bits(kind: str, is_quick: bool) -> None:
    some = np.stack([spread(kind, 5_000)] * 2, axis=1)
    assert put_in_order(some, np.empty(5_000, dtype=np.int64), np.empty_like(some)) is is_quick


@BOTH_WAYS
@given(known=PAIRS, asked=PAIRS)
def test_what_is_found_is_what_a_dictionary_of_the_run_has(
    number: int, known: list[tuple[int, int]], asked: list[tuple[int, int]]
) -> None:
    run = sorted(set(known))
    high, low = np.ascontiguousarray(hashes(run).T)
    with few(number):
        there, where = found(high, low.__getitem__, hashes(asked))
    places = {pair: at for at, pair in enumerate(run)}
    expected = [(at, places[pair]) for at, pair in enumerate(asked) if pair in places]
    assert list(zip(there.tolist(), where.tolist(), strict=True)) == expected


@BOTH_WAYS
@given(one=PAIRS, other=PAIRS)
def test_two_runs_are_merged_in_order(number: int, one: list[tuple[int, int]], other: list[tuple[int, int]]) -> None:
    older, newer = (Run.of(hashes(pairs), stretch=0, newest=0, last_number=0) for pairs in (one, other))
    with few(number):
        high, low = merged((older.high, older.low), (newer.high, newer.low))
    assert high.tolist() == sorted(half for half, _ in one + other)
    assert sorted(zip(high.tolist(), low.tolist(), strict=True)) == sorted(one + other)


@BOTH_WAYS
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [1, 15, 16, 17, 300, 20_000])
def test_a_long_run_answers_as_a_set_does_however_its_hashes_are_spread(number: int, kind: str, size: int) -> None:
    high = np.unique(spread(kind, size))
    # Every hash, what lies just before and behind it, both ends, and strangers.
    ends = np.array([0, LAST], dtype=np.uint64)
    asked = np.concatenate([high, high - np.uint64(1), high + np.uint64(1), ends, spread("evenly", 500)])
    known = set(high.tolist())
    expected = np.array([half in known for half in asked.tolist()])
    with few(number):
        there, where = found(high, high.__getitem__, np.stack([asked, asked], axis=1))
    assert np.array_equal(there, np.flatnonzero(expected))
    assert np.array_equal(where, np.searchsorted(high, asked[expected]))


class Counted:
    """Ascending values that count how often they are looked at."""

    def __init__(self, values: NDArray[np.uint64]) -> None:
        self.values, self.size, self.looks = values, len(values), 0

    def __getitem__(self, at: int) -> np.uint64:
        self.looks += 1
        return np.uint64(self.values[at])


@pytest.mark.parametrize("guess", [0, 1 << 15, (1 << 16) - 1])
def test_the_worst_guess_costs_twice_the_logarithm_of_a_run_and_one_glance(guess: int) -> None:
    values = np.arange(1 << 16, dtype=np.uint64) * np.uint64(2)
    look: Any = sorted_kernels._first_from
    for value in (0, 1, 7, 1 << 15, (1 << 16) + 3, (1 << 17) - 2):
        high = Counted(values)
        assert look.py_func(high, np.uint64(value), guess) == -(-value // 2)
        assert high.looks <= sorted_kernels._GLANCE + 2 * 16


@BOTH_WAYS
def test_an_id_is_fresh_once_though_another_with_its_first_half_lies_between(number: int) -> None:
    with few(number):
        assert fresh(hashes([(0, 0), (0, 7), (0, 0)]), []).tolist() == [True, True, False]


@BOTH_WAYS
def test_nothing_is_known_to_an_empty_run_and_nothing_asked_of_a_full_one(number: int) -> None:
    empty = np.empty((0, 2), dtype=np.uint64)
    some = hashes([(0, 0), (LAST, LAST)])
    with few(number):
        runs = [Run.of(one, stretch=0, newest=0, last_number=0) for one in (empty, some)]
        assert fresh(some, runs[:1]).tolist() == [True, True]
        assert fresh(empty, runs).tolist() == []


def test_a_run_is_looked_up_where_it_lies_in_a_file(tmp_path: Path) -> None:
    some = np.stack([spread("evenly", 3_000)] * 2, axis=1)
    run = written([Run.of(some[:2_000], stretch=0, newest=0, last_number=0)], tmp_path / "a.ids")
    assert isinstance(run.mapped, mmap.mmap)
    assert not run.high.flags.writeable
    assert fresh(some, [run]).tolist() == [False] * 2_000 + [True] * 1_000
