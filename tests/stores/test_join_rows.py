"""Runs of rows: what is found in them, merging in memory and on disk."""

from __future__ import annotations

from functools import reduce
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.stores import join_rows, sorted_files
from driftwatch.stores.id_hash import Hashes
from driftwatch.stores.join_rows import Rows, Run, chained, chosen, merged, row_type, united, written

KEYS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), max_size=20)
"""Few first halves, so that many ids share theirs."""


def hashes(keys: list[tuple[int, int]]) -> Hashes:
    return np.array(sorted(keys), dtype=np.uint64).reshape(-1, 2)


def rows(keys: list[tuple[int, int]], label: float) -> Rows:
    found = np.zeros(len(keys), dtype=row_type(2))
    found["low"] = [low for _, low in keys]
    found["label"] = label + np.arange(len(keys))
    found["values"] = [[high, low] for high, low in keys] or np.empty((0, 2))
    return found


def run(keys: list[tuple[int, int]], number: int) -> Run:
    return Run.of(np.array([high for high, _ in keys], dtype=np.uint64), rows(keys, 100.0 * number), number=number)


def contents(one: Run) -> dict[tuple[int, int], float]:
    return {(int(high), int(row["low"])): float(row["label"]) for high, row in zip(one.high, one.rows, strict=True)}


def expected(groups: list[list[tuple[int, int]]]) -> dict[tuple[int, int], float]:
    return {key: 100.0 * number + at for number, keys in enumerate(groups) for at, key in enumerate(keys)}


@given(st.lists(KEYS, min_size=1, max_size=5))
def test_of_rows_with_one_hash_the_newest_stays(groups: list[list[tuple[int, int]]]) -> None:
    runs = [run(keys, number) for number, keys in enumerate(groups)]
    for one in (reduce(merged, runs), united(runs)):
        assert contents(one) == expected(groups)
        assert list(contents(one)) == sorted(contents(one))
        assert len(one) == len(contents(one))
        assert (one.last_number, one.numbers) == (len(groups) - 1, tuple(range(len(groups))))


@given(KEYS.filter(len), KEYS)
def test_what_is_found_is_what_is_there(keys: list[tuple[int, int]], asked: list[tuple[int, int]]) -> None:
    one, questions = run(keys, 0), hashes(asked)
    known, positions = one.find(questions)
    there = [at for at, question in enumerate(questions.tolist()) if tuple(question) in keys]
    assert known.tolist() == there
    assert one.take(positions)["values"].tolist() == questions[known].tolist()


@pytest.mark.parametrize("part_rows", [1, 7, 1 << 17])
@pytest.mark.parametrize("read_at_once", [64, 200, 1 << 25])
def test_a_file_holds_what_memory_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part_rows: int, read_at_once: int
) -> None:
    monkeypatch.setattr(sorted_files, "PART_ROWS", part_rows)
    monkeypatch.setattr(join_rows, "_READ_AT_ONCE_BYTES", read_at_once)
    rng = np.random.default_rng(1)
    # First halves all over their space, and some that are equal.
    highs = [int(high) for high in rng.integers(0, 2**64, 40, dtype=np.uint64)] + [0, 2**63, 2**64 - 1]
    groups = [[(highs[at], int(low)) for at, low in zip(*rng.integers(0, 43, (2, 60)), strict=True)] for _ in range(3)]
    groups = [list(dict.fromkeys(keys)) for keys in groups]
    runs = [run(keys, number) for number, keys in enumerate(groups)]
    half = written(runs[:2], tmp_path / "half.rows", 2)
    file = written([half, runs[2]], tmp_path / "a.rows", 2)
    assert contents(file) == contents(united(runs)) == expected(groups)
    again = Run.opened(file.path, 2, rows=len(file), capacity=file.capacity, last_number=2)
    questions = hashes([*contents(file), (5, 5)])
    known, positions = again.find(questions)
    assert len(known) == len(file)
    assert again.take(positions)["values"].tolist() == questions[known].astype(float).tolist()
    again.let_go()
    assert contents(again) == contents(file)


def test_a_run_comes_back_from_its_bytes() -> None:
    one = run([(3, 1), (1, 2)], 7)
    again = Run.from_bytes(one.to_bytes(), 2, number=7)
    assert (contents(again), again.numbers) == (contents(one), (7,))
    with pytest.raises(ValueError, match="cut short"):
        Run.from_bytes(one.to_bytes()[:-1], 2, number=7)


def test_a_file_that_was_cut_short_is_an_error(tmp_path: Path) -> None:
    file = written([run([(1, 1), (2, 2)], 1)], tmp_path / "a.rows", 2)
    (tmp_path / "a.rows").write_bytes((tmp_path / "a.rows").read_bytes()[:-1])
    with pytest.raises(ValueError, match="bytes and should have"):
        Run.opened(file.path, 2, rows=2, capacity=2, last_number=1)


def test_rows_moved_whole_are_the_rows_that_fields_would_give() -> None:
    some = rows([(1, 2), (3, 4), (5, 6)], 1.0)
    assert chosen(some, np.array([2, 0])).tobytes() == some[[2, 0]].tobytes()
    assert chosen(some, some["low"] > 2).tobytes() == some[some["low"] > 2].tobytes()
    assert chained([some, some[:1]]).tobytes() == some.tobytes() + some[:1].tobytes()
