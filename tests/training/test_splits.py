"""Splits follow time, leave out what could not have been known, and seal the test rows."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.pipeline import Pipeline

from driftwatch.errors import RecipeError, RowsOpened, TrainingFailed
from driftwatch.training.chosen import Chosen
from driftwatch.training.guard import TrainingGuard
from driftwatch.training.rows import Rows, Stretch
from driftwatch.training.splits import SealedRows
from tests.training.conftest import REGRESSION, START, day, flights, table


def chosen() -> Chosen:
    return Chosen(
        pipeline=Pipeline([("nothing", "passthrough")]),
        parameters={},
        seed=0,
        value=0.0,
        certificate=TrainingGuard().certificate(),
        chosen_at=datetime.now(UTC),
        trials=(),
    )


def test_every_training_row_is_before_every_validation_row_and_those_before_every_test_row(
    rows: pa.Table, cut: Callable[..., Any]
) -> None:
    _, _, parts = cut(rows)
    train, validation, test = (
        one.frame()["event_time"] for one in (parts.train, parts.validation, parts.test.open(chosen()))
    )
    assert train.max() < validation.min()
    assert validation.max() < test.min()
    assert (len(train), len(validation), len(test)) == (2_400, 800, 800)


def test_the_order_of_the_rows_in_the_source_does_not_matter(rows: pa.Table, cut: Callable[..., Any]) -> None:
    order = np.random.default_rng(3).permutation(rows.num_rows)
    parts, mixed = cut(rows)[2], cut(rows.take(order))[2]
    pd.testing.assert_frame_equal(
        parts.validation.frame(), mixed.validation.frame().sort_values("event_time", ignore_index=True)
    )


def test_the_gap_before_each_boundary_is_in_no_part(rows: pa.Table, cut: Callable[..., Any]) -> None:
    _, _, parts = cut(rows, REGRESSION + '[splits]\ngap = "2d"\n')
    assert parts.train.frame()["event_time"].max() < day(22)
    assert parts.validation.frame()["event_time"].min() >= day(24)
    assert parts.validation.frame()["event_time"].max() < day(30)
    assert parts.test.stretch.first >= day(32)
    assert parts.in_gaps == 400


def test_a_label_that_came_after_the_boundary_cannot_have_been_learned_from(cut: Callable[..., Any]) -> None:
    columns = flights()
    times = columns["event_time"].to_pandas()
    known = times + pd.to_timedelta(np.where(np.arange(len(times)) % 7 == 0, 10, 0), unit="D")
    _, _, parts = cut(table(**columns, label_time=known))
    for part, boundary in ((parts.train, day(24)), (parts.validation, day(32))):
        frame = part.frame()
        assert frame["label_time"].max() < boundary
        assert frame["event_time"].max() > boundary - timedelta(hours=1)
    assert parts.in_gaps > 200


def test_moments_are_taken_as_they_are_given(rows: pa.Table, cut: Callable[..., Any]) -> None:
    moments = "[splits]\nvalidation_from = 2026-01-20T00:00:00Z\ntest_from = 2026-02-01T00:00:00Z\n"
    _, _, parts = cut(rows, REGRESSION + moments)
    assert parts.validation.stretch.first == datetime(2026, 1, 20, tzinfo=UTC)
    assert parts.test.stretch.first == datetime(2026, 2, 1, tzinfo=UTC)


def test_rows_without_times_are_split_in_their_order_with_a_gap_in_rows(cut: Callable[..., Any]) -> None:
    columns = flights(1_000)
    del columns["event_time"]
    _, _, parts = cut(table(**columns, number=np.arange(1_000)), REGRESSION + '[splits]\ngap = "50 rows"\n')
    assert (len(parts.train), len(parts.validation), parts.test.stretch.rows, parts.in_gaps) == (550, 150, 200, 100)
    assert parts.train.frame()["label"].tolist() == columns["label"][:550].tolist()


def test_a_gap_of_another_kind_than_the_rows_is_refused(rows: pa.Table, cut: Callable[..., Any]) -> None:
    with pytest.raises(RecipeError, match=r"splits\.gap: is in rows, and rows have times"):
        cut(rows, REGRESSION + '[splits]\ngap = "50 rows"\n')
    with pytest.raises(RecipeError, match=r"splits\.gap: is a time, and rows have none"):
        cut(rows.drop_columns("event_time"), REGRESSION + '[splits]\ngap = "1d"\n')


def test_rows_without_a_label_or_a_time_are_in_no_part(cut: Callable[..., Any]) -> None:
    columns = flights(1_000)
    columns["label"][:100] = np.nan
    times = columns["event_time"].to_pandas()
    times[100:110] = pd.NaT
    _, _, parts = cut(table(**{**columns, "event_time": times}))
    assert len(parts.train) + len(parts.validation) + parts.test.stretch.rows == 890
    assert parts.unlabelled == 110


def test_a_part_that_would_be_empty_is_said_with_the_reason(rows: pa.Table, cut: Callable[..., Any]) -> None:
    with pytest.raises(TrainingFailed, match=r"no validation rows: of 4,000 rows 0 have no label, 1,600 are in gaps"):
        cut(rows, REGRESSION + '[splits]\ngap = "8d"\n')


def test_test_rows_are_opened_once_and_say_when() -> None:
    moment = datetime(2026, 3, 1, tzinfo=UTC)
    inside = Rows(path=None, stretch=Stretch(rows=1, first=START, last=START))  # type: ignore[arg-type]
    sealed = SealedRows(inside, clock=lambda: moment)
    assert sealed.opened_at is None
    assert sealed.open(chosen()) is inside
    assert sealed.opened_at == moment
    with pytest.raises(RowsOpened, match="opened at 2026-03-01T00:00:00Z"):
        sealed.open(chosen())


def test_test_rows_are_not_opened_by_anything_but_a_choice() -> None:
    sealed = SealedRows(Rows(path=None, stretch=Stretch(rows=1, first=None, last=None)))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="chosen without them"):
        sealed.open("please")  # type: ignore[arg-type]
    assert sealed.opened_at is None
    assert not hasattr(sealed, "frame")
    assert not hasattr(sealed, "batches")


def test_a_column_that_is_not_there_is_named_with_the_one_that_may_be_meant(cut: Callable[..., Any]) -> None:
    with pytest.raises(
        RecipeError, match=r"data\.numeric: the rows have no column 'distnace'. Did you mean 'distance'"
    ):
        cut(table(**flights(100)), REGRESSION.replace('"distance"', '"distnace"'))


def test_a_numeric_column_of_text_is_refused(cut: Callable[..., Any]) -> None:
    with pytest.raises(RecipeError, match="'carrier' holds string, no numbers"):
        cut(
            table(**flights(100)),
            REGRESSION.replace('["distance", "wind"]', '["carrier"]').replace('categorical = ["carrier"]', ""),
        )


def test_shuffled_rows_are_each_met_once_in_an_order_of_the_seed(rows: pa.Table, cut: Callable[..., Any]) -> None:
    train = cut(rows)[2].train

    def order(seed: int) -> list[float]:
        batches = list(train.shuffled(100, 1_000, np.random.default_rng(seed)))
        assert max(len(one) for one in batches) == 100
        return [value for one in batches for value in one["distance"]]

    straight = train.frame()["distance"].tolist()
    assert sorted(order(0)) == sorted(straight)
    assert order(0) != straight
    assert order(0) == order(0) != order(1)
