"""What every join of labels with predictions promises, held against the one on disk and the one in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from driftwatch.core.table import Names
from driftwatch.ports import Outstanding, State, StateTransaction, stretch_microseconds
from driftwatch.stores.state import SqlState
from driftwatch.testing import MemoryState, joined_rows, label_batch
from driftwatch.testing.batches import Given

HORIZON = timedelta(microseconds=160)
STRETCH = 10


@pytest.fixture(params=["sql", "memory"])
def state(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[State]:
    state: State
    if request.param == "sql":
        state = SqlState.open(f"sqlite:///{tmp_path / 'state.db'}", label_horizon=HORIZON)
    else:
        state = MemoryState(HORIZON)
    yield state
    state.close()


Row = dict[str, object]


def predict(
    transaction: StateTransaction,
    *ids: str,
    event_time: int = 7,
    version: str = "1",
    scores: int = 0,
    model: str = "m",
    segment: str = "s",
) -> list[Row]:
    rows = Outstanding(
        prediction_ids=ids,
        model_version=version,
        segments=Names.of([segment] * len(ids)),
        event_time=np.full(len(ids), event_time, dtype=np.int64),
        values=np.array([[value_of(one), *range(scores)] for one in ids], dtype=np.float64).reshape(-1, 1 + scores),
    )
    return joined_rows(ids, transaction.add_outstanding(model, rows))


def label(
    transaction: StateTransaction, ids: Sequence[str], values: Given, *, time: int | Sequence[int] = 9, model: str = "m"
) -> list[Row]:
    return joined_rows(ids, transaction.join_labels(label_batch(ids, values, model=model, event_time=time)))


def value_of(prediction_id: str) -> float:
    return float(sum(prediction_id.encode()))


def joined(prediction_id: str, label: object, *, replaced: object = None, **other: object) -> Row:
    return {
        "prediction_id": prediction_id,
        "model_version": "1",
        "segment": "s",
        "event_time": 7,
        "values": [value_of(prediction_id)],
        "label": label,
        "label_time": 9,
        "replaced": replaced,
    } | other


def counts(transaction: StateTransaction, model: str = "m") -> tuple[int, int]:
    return transaction.outstanding_count(model), transaction.waiting_label_count(model)


class TestMeeting:
    def test_a_label_meets_the_prediction_before_it(self, state: State) -> None:
        with state.transaction() as transaction:
            assert predict(transaction, "a", "b") == []
            assert counts(transaction) == (2, 0)
        with state.transaction() as transaction:
            assert label(transaction, ["b"], [1.5]) == [joined("b", 1.5)]
            assert counts(transaction) == (1, 0)

    def test_a_label_waits_for_the_prediction_after_it(self, state: State) -> None:
        with state.transaction() as transaction:
            assert label(transaction, ["a", "b"], ["yes", "no"]) == []
            assert counts(transaction) == (0, 2)
        with state.transaction() as transaction:
            assert predict(transaction, "c", "b") == [joined("b", "no")]
            assert counts(transaction) == (1, 1)

    def test_the_answer_is_in_the_order_of_the_batch_and_tells_the_positions(self, state: State) -> None:
        ids = [f"p{number}" for number in range(100)]
        with state.transaction() as transaction:
            predict(transaction, *reversed(ids))
            (answer,) = transaction.join_labels(label_batch([*ids, "other"], [1.0] * 101, model="m"))
        assert answer.rows.tolist() == list(range(100))
        assert answer.values[:, 0].tolist() == [value_of(one) for one in ids]

    def test_scores_segments_and_versions_come_back_with_each_row(self, state: State) -> None:
        with state.transaction() as transaction:
            predict(transaction, "a", "b", scores=2, version="2", segment="t")
            predict(transaction, "c", scores=0)
            answer = label(transaction, ["c", "b", "a"], ["x", "y", "z"])
        other = {"model_version": "2", "segment": "t"}
        assert answer == [
            joined("c", "x"),
            joined("b", "y", values=[value_of("b"), 0.0, 1.0], **other),
            joined("a", "z", values=[value_of("a"), 0.0, 1.0], **other),
        ]

    def test_a_missing_prediction_and_a_missing_segment_stay_missing(self, state: State) -> None:
        rows = Outstanding(
            prediction_ids=("a",),
            model_version="1",
            segments=Names.of([None]),
            event_time=np.array([7]),
            values=np.array([[np.nan]]),
        )
        with state.transaction() as transaction:
            transaction.add_outstanding("m", rows)
            (answer,) = transaction.join_labels(label_batch(["a"], [1.0], model="m"))
        assert np.isnan(answer.values).all()
        assert answer.segments.to_list() == [None]

    def test_many_rows_meet_whatever_their_order(self, state: State) -> None:
        ids = [f"p{number}" for number in range(12_000)]
        with state.transaction() as transaction:
            early = label(transaction, ids[:6_000], [1.0] * 6_000)
            met = predict(transaction, *reversed(ids))
            late = label(transaction, ids, [2.0] * 12_000)
            assert (len(early), len(met), len(late)) == (0, 6_000, 12_000)
            assert sum(one["replaced"] == 1.0 for one in late) == 6_000
            assert counts(transaction) == (0, 0)

    def test_models_are_told_apart(self, state: State) -> None:
        with state.transaction() as transaction:
            predict(transaction, "a")
            assert label(transaction, ["a"], ["x"], model="n") == []
            assert (counts(transaction, "m"), counts(transaction, "n")) == ((1, 0), (0, 1))

    def test_a_prediction_that_is_known_stays_as_it_is(self, state: State) -> None:
        with state.transaction() as transaction:
            predict(transaction, "a")
            predict(transaction, "a", "a", version="2", event_time=8)
            predict(transaction, "a", version="2", event_time=88)
            assert counts(transaction) == (1, 0)
            assert label(transaction, ["a"], ["x"]) == [joined("a", "x")]

    def test_of_predictions_with_one_id_in_a_batch_the_first_counts(self, state: State) -> None:
        rows = Outstanding(
            prediction_ids=("a", "a"),
            model_version="1",
            segments=Names.of(["s", "t"]),
            event_time=np.array([7, 8]),
            values=np.array([[value_of("a")], [0.0]]),
        )
        with state.transaction() as transaction:
            transaction.add_outstanding("m", rows)
            assert label(transaction, ["a"], ["x"]) == [joined("a", "x")]

    def test_empty_batches_are_fine(self, state: State) -> None:
        with state.transaction() as transaction:
            assert predict(transaction) == []
            assert label(transaction, [], []) == []
            assert label(transaction, ["a"], [None]) == []


class TestAgain:
    def test_the_same_label_again_is_not_answered(self, state: State) -> None:
        with state.transaction() as transaction:
            predict(transaction, "a")
            label(transaction, ["a"], ["yes"])
            assert label(transaction, ["a"], ["yes"], time=99) == []
            assert counts(transaction) == (0, 0)

    def test_a_label_that_waited_is_not_joined_again(self, state: State) -> None:
        with state.transaction() as transaction:
            label(transaction, ["a"], ["yes"])
            predict(transaction, "a")
            assert label(transaction, ["a"], ["yes"]) == []
            assert predict(transaction, "a") == []

    def test_another_label_is_a_correction_and_names_the_one_before(self, state: State) -> None:
        with state.transaction() as transaction:
            predict(transaction, "a")
            label(transaction, ["a"], ["yes"])
            assert label(transaction, ["a"], ["no"]) == [joined("a", "no", replaced="yes")]

    def test_an_old_label_that_comes_again_after_its_correction_counts(self, state: State) -> None:
        with state.transaction() as transaction:
            predict(transaction, "a")
            for value in ("yes", "no"):
                label(transaction, ["a"], [value])
            assert label(transaction, ["a"], ["yes"]) == [joined("a", "yes", replaced="no")]

    def test_of_several_labels_in_one_batch_the_last_counts(self, state: State) -> None:
        with state.transaction() as transaction:
            predict(transaction, "a")
            assert label(transaction, ["a", "a", "b", "b"], ["1", "2", "3", "4"]) == [joined("a", "2")]
            assert predict(transaction, "b") == [joined("b", "4")]

    @pytest.mark.parametrize("times", [(8, 9), (9, 8), (88, 9), (9, 88)])
    def test_the_last_of_the_waiting_labels_counts_whatever_their_times(
        self, state: State, times: tuple[int, int]
    ) -> None:
        with state.transaction() as transaction:
            label(transaction, ["a"], ["1"], time=times[0])
            label(transaction, ["a"], ["2"], time=times[1])
            assert counts(transaction) == (0, 1)
            assert predict(transaction, "a") == [joined("a", "2", label_time=times[1])]
            assert counts(transaction) == (0, 0)

    def test_a_number_comes_back_to_the_last_bit(self, state: State) -> None:
        with state.transaction() as transaction:
            predict(transaction, "a")
            assert label(transaction, ["a"], [0.1 + 0.2]) == [joined("a", 0.1 + 0.2)]

    def test_a_missing_label_is_none(self, state: State) -> None:
        with state.transaction() as transaction:
            predict(transaction, "a")
            assert label(transaction, ["a", "b"], [None, None]) == []
            assert label(transaction, ["a", "b"], ["x", None]) == [joined("a", "x")]
            assert counts(transaction) == (0, 0)

    def test_where_numbers_were_followed_by_names_both_are_names(self, state: State) -> None:
        with state.transaction() as transaction:
            predict(transaction, "a", "b")
            label(transaction, ["a"], [1.0])
            assert label(transaction, ["a", "b"], ["yes", "no"]) == [
                joined("a", "yes", replaced="1"),
                joined("b", "no"),
            ]


class TestForgetting:
    def test_a_stretch_is_a_sixteenth_of_the_horizon(self) -> None:
        assert stretch_microseconds(HORIZON) == STRETCH

    def test_what_is_older_than_the_horizon_is_forgotten(self, state: State) -> None:
        with state.transaction() as transaction:
            predict(transaction, "old", "met", event_time=7)
            predict(transaction, "new", event_time=10)
            label(transaction, ["met"], ["x"], time=8)
            label(transaction, ["lost", "kept"], ["x", "x"], time=[9, 10])
        with state.transaction() as transaction:
            assert transaction.forget_outstanding("m", 10) == (1, 1)
            assert counts(transaction) == (1, 1)
            assert label(transaction, ["old", "met", "new"], ["x"] * 3) == [joined("new", "x", event_time=10)]

    def test_a_stretch_is_kept_until_it_is_past_as_a_whole(self, state: State) -> None:
        with state.transaction() as transaction:
            predict(transaction, "a", event_time=1)
            assert transaction.forget_outstanding("m", 9) == (0, 0)
            assert label(transaction, ["a"], ["x"]) == [joined("a", "x", event_time=1)]

    def test_what_comes_later_and_is_older_is_kept_as_long_as_the_oldest_that_is(self, state: State) -> None:
        with state.transaction() as transaction:
            transaction.forget_outstanding("m", 25)
            predict(transaction, "a", event_time=3)
            label(transaction, ["b"], ["x"], time=4)
            assert counts(transaction) == (1, 1)
            assert transaction.forget_outstanding("m", 29) == (0, 0)
            assert transaction.forget_outstanding("m", 30) == (1, 1)

    def test_an_id_that_was_forgotten_is_a_new_one(self, state: State) -> None:
        with state.transaction() as transaction:
            predict(transaction, "a", version="0")
            label(transaction, ["a", "w"], ["x", "x"])
            transaction.forget_outstanding("m", 10)
            assert predict(transaction, "a", "w", event_time=11) == []
            assert label(transaction, ["a"], ["y"]) == [joined("a", "y", event_time=11)]

    def test_forgetting_leaves_other_models_alone(self, state: State) -> None:
        with state.transaction() as transaction:
            predict(transaction, "a")
            predict(transaction, "a", model="n")
            assert transaction.forget_outstanding("n", 100) == (1, 0)
            assert (counts(transaction, "m"), counts(transaction, "n")) == ((1, 0), (0, 0))
            assert label(transaction, ["a"], ["x"]) == [joined("a", "x")]
            assert label(transaction, ["a"], ["x"], model="n") == []
            assert transaction.forget_outstanding("n", 50) == (0, 0)

    def test_forgetting_what_is_not_there_is_fine(self, state: State) -> None:
        with state.transaction() as transaction:
            assert transaction.forget_outstanding("m", 100) == (0, 0)
