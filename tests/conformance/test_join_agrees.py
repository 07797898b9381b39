"""The join on disk and the join in memory answer alike, whatever comes in whatever order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from itertools import count

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftwatch.ports import Outstanding, StateTransaction
from driftwatch.stores.state import SqlState
from driftwatch.testing import MemoryState, label_batch

IDS = st.sampled_from("abcdefgh")
TIMES = st.integers(0, 9)
PREDICTIONS = st.tuples(st.just("predictions"), st.lists(st.tuples(IDS, TIMES), max_size=6))
LABELS = st.tuples(st.just("labels"), st.lists(st.tuples(IDS, TIMES, st.sampled_from([None, "yes", "no"])), max_size=6))
FORGET = st.tuples(st.just("forget"), TIMES)
ACTION = st.tuples(st.sampled_from(["m", "n"]), PREDICTIONS | LABELS | FORGET)


def act(transaction: StateTransaction, model: str, kind: str, given: object) -> object:
    if kind == "forget" and isinstance(given, int):
        return transaction.forget_outstanding(model, given)
    assert isinstance(given, list)
    ids = [row[0] for row in given]
    times = [row[1] for row in given]
    if kind == "labels":
        batch = label_batch(ids, [row[2] for row in given], model=model, event_time=times)
        return sorted(transaction.join_labels(batch), key=repr)
    rows = Outstanding(
        prediction_ids=tuple(ids),
        model_versions=("1",) * len(ids),
        segments=("",) * len(ids),
        event_time=np.array(times, dtype=np.int64),
        prediction=tuple(f"{one} at {at}".encode() for one, at in zip(ids, times, strict=True)),
    )
    return sorted(transaction.add_outstanding(model, rows), key=repr)


@pytest.fixture(scope="module")
def sql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlState]:
    with closing(SqlState.open(f"sqlite:///{tmp_path_factory.mktemp('state')}/state.db")) as state:
        yield state


EXAMPLE = count()


@settings(max_examples=60)
@given(actions=st.lists(ACTION, max_size=12))
def test_both_joins_answer_alike(sql: SqlState, actions: list[tuple[str, tuple[str, object]]]) -> None:
    memory = MemoryState()
    example = next(EXAMPLE)
    for name, (kind, what) in actions:
        # Models of its own for each example: the database outlives it.
        model = f"{name}-{example}"
        with memory.transaction() as expected, sql.transaction() as found:
            assert act(found, model, kind, what) == act(expected, model, kind, what)
            assert found.outstanding_count(model) == expected.outstanding_count(model)
            assert found.waiting_label_count(model) == expected.waiting_label_count(model)
