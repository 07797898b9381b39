"""The join on disk and the join in memory answer alike, whatever comes in whatever order."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import wait
from contextlib import closing
from datetime import timedelta
from itertools import count

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftwatch.core.table import Names
from driftwatch.ports import Outstanding, StateTransaction
from driftwatch.stores import join_index
from driftwatch.stores.state import SqlState
from driftwatch.testing import MemoryState, joined_rows, label_batch

IDS = st.sampled_from("abcdefgh")
TIMES = st.integers(0, 39)
PREDICTIONS = st.tuples(
    st.sampled_from(["predictions 1", "predictions 3"]),
    st.lists(st.tuples(IDS, TIMES, st.sampled_from([None, "s", "t"])), max_size=6),
)
LABELS = st.tuples(
    st.just("labels"),
    st.lists(st.tuples(IDS, TIMES, st.sampled_from([None, "yes", "no"])), max_size=6)
    | st.lists(st.tuples(IDS, TIMES, st.sampled_from([None, 1.0, 0.5])), max_size=6),
)
FORGET = st.tuples(st.just("forget"), TIMES)
ACTION = st.tuples(st.sampled_from(["m", "n"]), PREDICTIONS | LABELS | FORGET)
HORIZON = timedelta(microseconds=160)


def act(transaction: StateTransaction, model: str, kind: str, given: object) -> object:
    if kind == "forget" and isinstance(given, int):
        return transaction.forget_outstanding(model, given)
    assert isinstance(given, list)
    ids = [row[0] for row in given]
    times = [row[1] for row in given]
    if kind == "labels":
        batch = label_batch(ids, [row[2] for row in given], model=model, event_time=times)
        return joined_rows(ids, transaction.join_labels(batch))
    width = int(kind.split()[1])
    rows = Outstanding(
        prediction_ids=tuple(ids),
        model_version=str(width),
        segments=Names.of([row[2] for row in given]),
        event_time=np.array(times, dtype=np.int64),
        values=np.array([[at, *range(1, width)] for at in times], dtype=np.float64).reshape(-1, width),
    )
    return joined_rows(ids, transaction.add_outstanding(model, rows))


@pytest.fixture(scope="module")
def sql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlState]:
    with pytest.MonkeyPatch.context() as patch:
        # Files of a few rows, so that examples go through all sizes of runs.
        patch.setattr(join_index, "_IN_MEMORY_BYTES", 400)
        patch.setattr(join_index, "_SMALLEST_CLASS", 2)
        folder = tmp_path_factory.mktemp("state")
        with closing(SqlState.open(f"sqlite:///{folder}/state.db", label_horizon=HORIZON)) as state:
            yield state


EXAMPLE = count()


@settings(max_examples=60)
@given(actions=st.lists(ACTION, max_size=12))
def test_both_joins_answer_alike(sql: SqlState, actions: list[tuple[str, tuple[str, object]]]) -> None:
    memory = MemoryState(HORIZON)
    example = next(EXAMPLE)
    for name, (kind, what) in actions:
        # Models of its own for each example: the database outlives it.
        model = f"{name}-{example}"
        with memory.transaction() as expected, sql.transaction() as found:
            assert act(found, model, kind, what) == act(expected, model, kind, what)
            assert found.outstanding_count(model) == expected.outstanding_count(model)
            assert found.waiting_label_count(model) == expected.waiting_label_count(model)
        if (settling := sql._joins.index._settling) is not None:
            wait([settling.after])
