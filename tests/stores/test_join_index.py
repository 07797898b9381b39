"""The join's files: they are made, merged, counted, removed, and found again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import wait
from contextlib import AbstractContextManager, closing
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from driftwatch.core.table import Names
from driftwatch.errors import StoreError, StoreFull
from driftwatch.ports import Outstanding
from driftwatch.stores import join_index
from driftwatch.stores.join_rows import Run
from driftwatch.stores.state import SqlState
from driftwatch.testing import label_batch

HORIZON = timedelta(microseconds=16_000)
STRETCH = 1_000


@pytest.fixture(autouse=True)
def _small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(join_index, "_IN_MEMORY_BYTES", 5_000)
    monkeypatch.setattr(join_index, "_SMALLEST_CLASS", 50)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[SqlState]:
    with closing(opened(tmp_path)) as state:
        yield state


def opened(folder: Path, horizon: timedelta = HORIZON) -> SqlState:
    return SqlState.open(f"sqlite:///{folder}/state.db", label_horizon=horizon)


def predict(state: SqlState, rows: range, *, time: int = 0, model: str = "m") -> None:
    outstanding = Outstanding(
        prediction_ids=tuple(map(str, rows)),
        model_version="1",
        segments=Names.of([""] * len(rows)),
        event_time=np.full(len(rows), time, dtype=np.int64),
        values=np.array(rows, dtype=np.float64)[:, np.newaxis],
    )
    with state.transaction() as transaction:
        transaction.add_outstanding(model, outstanding)
    settle(state)


def label(state: SqlState, rows: range, value: float = 1.0, *, model: str = "m") -> list[float]:
    with state.transaction() as transaction:
        batch = label_batch(list(map(str, rows)), [value] * len(rows), model=model, event_time=10)
        joined = transaction.join_labels(batch)
    settle(state)
    return [value for one in joined for value in one.values[:, 0].tolist()]


def settle(state: SqlState) -> None:
    if (settling := state._joins.index._settling) is not None:
        wait([settling.after])


def files(folder: Path) -> list[Path]:
    place = folder / "state.db.join"
    return list(place.iterdir()) if place.exists() else []


def recent(state: SqlState) -> int:
    with state._reader.connect() as connection:
        return int(connection.exec_driver_sql("SELECT count(*) FROM join_recent").scalar() or 0)


def test_rows_go_to_few_files_and_are_found_through_all_merges(state: SqlState, tmp_path: Path) -> None:
    for start in range(0, 6_000, 60):
        predict(state, range(start, start + 60))
    assert 1 <= len(files(tmp_path)) <= 12
    assert recent(state) < 20
    assert label(state, range(6_100)) == list(range(6_000))
    for start in range(0, 6_000, 60):
        assert label(state, range(start, start + 60)) == []
        assert len(label(state, range(start, start + 60), 2.0)) == 60
    assert len(label(state, range(6_000), 1.0)) == 6_000


def test_everything_is_known_after_a_restart(tmp_path: Path) -> None:
    with closing(opened(tmp_path)) as state:
        for start in range(0, 900, 60):
            predict(state, range(start, start + 60))
            label(state, range(start, start + 30))
    with closing(opened(tmp_path)) as state:
        assert len(label(state, range(900))) == 450
        predict(state, range(900))
        with state.read() as reader:
            assert (reader.outstanding_count("m"), reader.waiting_label_count("m")) == (0, 0)


def test_nothing_of_a_transaction_that_failed_is_known(state: SqlState) -> None:
    predict(state, range(10))
    with pytest.raises(ZeroDivisionError), state.transaction() as transaction:  # noqa: PT012
        batch = label_batch(["0", "new"], ["a new name", "another"], model="m")
        assert len(transaction.join_labels(batch)) == 1
        transaction.forget_outstanding("m", 5_000)
        raise ZeroDivisionError
    with state.transaction() as transaction:
        assert transaction.waiting_label_count("m") == 0
        (joined,) = transaction.join_labels(label_batch(["0"], ["yet another"], model="m"))
    assert joined.labels.to_list() == ["yet another"]
    assert joined.replaced.to_list() == [None]


def test_a_file_that_no_transaction_counted_is_removed_and_nothing_lost(tmp_path: Path) -> None:
    with closing(opened(tmp_path)) as state:
        predict(state, range(200))
        assert recent(state) == 1
    assert len(files(tmp_path)) == 1
    with closing(opened(tmp_path)) as state:
        assert files(tmp_path) == []
        assert len(label(state, range(200))) == 200


def test_a_counted_file_that_is_gone_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with closing(opened(tmp_path)) as state:
        for start in range(0, 300, 60):
            predict(state, range(start, start + 60))
        counted = [run.path for runs in state._joins.index._shelves.values() for run in runs if run.path is not None]
    counted[0].unlink()
    with pytest.raises(StoreError, match=r"state\.db\.join.* cannot be read.*Restore the whole data folder"):
        opened(tmp_path)


def test_what_is_past_leaves_the_tables_and_the_folder(state: SqlState, tmp_path: Path) -> None:
    for start in range(0, 1_200, 60):
        predict(state, range(start, start + 60), time=start)
        label(state, range(5_000 + start, 5_060 + start))
    with state.transaction() as transaction:
        unlabelled, orphans = transaction.forget_outstanding("m", 2 * STRETCH)
    settle(state)
    assert (unlabelled, orphans) == (1_200, 1_200)
    predict(state, range(1), time=3 * STRETCH)
    assert files(tmp_path) == []
    assert recent(state) == 1


def test_rows_of_a_model_that_is_not_past_keep_the_files(state: SqlState) -> None:
    for start in range(0, 300, 60):
        predict(state, range(start, start + 60), model="m")
        predict(state, range(start, start + 60), model="n")
    with state.transaction() as transaction:
        assert transaction.forget_outstanding("m", STRETCH) == (300, 0)
    assert label(state, range(300), model="m") == []
    assert len(label(state, range(300), model="n")) == 300


def test_another_horizon_than_before_still_finds_and_forgets_everything(tmp_path: Path) -> None:
    with closing(opened(tmp_path)) as state:
        predict(state, range(100), time=1_500)
    with closing(opened(tmp_path, timedelta(microseconds=48_000))) as state:
        predict(state, range(100, 200), time=1_500)
        assert len(label(state, range(50, 150))) == 100
        with state.transaction() as transaction:
            assert transaction.forget_outstanding("m", 2_000) == (50, 0)
            assert transaction.forget_outstanding("m", 3_000) == (50, 0)


def test_where_no_file_can_be_written_rows_stay_in_the_database(
    state: SqlState, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "state.db.join").write_text("a file where the folder should be")
    for start in range(0, 600, 60):
        predict(state, range(start, start + 60))
    assert recent(state) == 10
    assert len(label(state, range(600))) == 600
    assert "stay in the database" in caplog.text


def test_a_full_disk_undoes_the_step_and_the_next_one_works(
    state: SqlState, full_disk: Callable[[int], AbstractContextManager[None]]
) -> None:
    predict(state, range(10))
    with full_disk(100_000), pytest.raises(StoreFull):
        predict(state, range(100, 60_000))
    assert label(state, range(100, 110)) == []
    predict(state, range(100, 60_000))
    with state.read() as reader:
        assert reader.outstanding_count("m") == 10 + 59_890


def test_a_writer_that_is_too_slow_makes_transactions_wait(state: SqlState, monkeypatch: pytest.MonkeyPatch) -> None:
    waited = []
    monkeypatch.setattr(join_index, "wait", waited.append)
    held = [state._joins.index._worker.submit(lambda: None)]

    class Never:
        def done(self) -> bool:
            return False

    state._joins.index._settling = join_index.Settling(join_index.Shelf(1, 0, 1), (), Never())  # type: ignore[arg-type]
    for start in range(0, 600, 60):
        with state.transaction() as transaction:
            rows = range(start, start + 60)
            transaction.add_outstanding(
                "m",
                Outstanding(
                    prediction_ids=tuple(map(str, rows)),
                    model_version="1",
                    segments=Names.of([""] * 60),
                    event_time=np.zeros(60, dtype=np.int64),
                    values=np.zeros((60, 1)),
                ),
            )
    assert 1 <= len(waited) < 10
    state._joins.index._settling = None
    wait(held)


def test_the_newest_row_of_an_id_counts_whatever_was_merged_in_between(state: SqlState) -> None:
    rng = np.random.default_rng(3)
    known: dict[int, float] = {}
    predict(state, range(500))
    for value in range(1, 60):
        rows = rng.permutation(500)[:40].tolist()
        with state.transaction() as transaction:
            joined = transaction.join_labels(label_batch([str(row) for row in rows], [float(value)] * 40, model="m"))
        settle(state)
        before = {rows[at]: label for one in joined for at, label in zip(one.rows, one.replaced.to_list(), strict=True)}
        assert before == {row: known.get(row) for row in rows}
        known |= dict.fromkeys(rows, float(value))


def test_files_are_runs_of_like_size(state: SqlState) -> None:
    for start in range(0, 6_000, 60):
        predict(state, range(start, start + 60))
    (runs,) = state._joins.index._shelves.values()
    lengths = [len(one) for one in runs if isinstance(one, Run) and one.path is not None]
    assert lengths == sorted(lengths, reverse=True)
