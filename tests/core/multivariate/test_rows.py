"""A uniform sample of rows that come in batches."""

import numpy as np
import pandas as pd
import pytest

from driftwatch.core.multivariate.rows import RowSample
from driftwatch.core.records import ColumnKind, ColumnRole
from driftwatch.core.schema import Column

X = Column(name="x", kind=ColumnKind.NUMERIC, role=ColumnRole.FEATURE)
C = Column(name="c", kind=ColumnKind.CATEGORICAL, role=ColumnRole.FEATURE)


def sampled(n: int, batch: int, rows: int, seed: int = 1) -> np.ndarray:
    sample = RowSample([X], rows, seed)
    for start in range(0, n, batch):
        sample.add({"x": np.arange(start, min(start + batch, n))})
    assert sample.seen == n
    return sample.table()["x"].values


@pytest.mark.parametrize("batch", [1, 7, 100, 1_000])
def test_batches_make_no_difference(batch: int) -> None:
    assert sampled(1_000, batch, 50).tolist() == sampled(1_000, 1_000, 50).tolist()


def test_all_rows_are_kept_where_there_is_room() -> None:
    assert sampled(40, 9, 50).tolist() == list(range(40))


def test_each_row_is_as_likely_as_any_other() -> None:
    counts = np.zeros(60)
    for seed in range(2_000):
        counts[sampled(60, 25, 15, seed).astype(int)] += 1
    # Each row is kept in 500 of 2,000 samples, give or take 19.
    assert np.abs(counts - 500.0).max() < 5 * np.sqrt(2_000 * 0.25 * 0.75)


def test_columns_of_a_row_stay_together() -> None:
    sample = RowSample([X, C], 20)
    for start in range(0, 500, 50):
        numbers = np.arange(start, start + 50)
        sample.add(pd.DataFrame({"x": numbers, "c": [f"n{one}" for one in numbers]}))
    table = sample.table()
    assert table["c"].to_list() == [f"n{one:.0f}" for one in table["x"].values]


def test_a_column_that_cannot_be_read_is_left_out_and_said() -> None:
    sample = RowSample([X, C], 20)
    sample.add({"x": [1, 2], "c": ["a", "b"]})
    sample.add({"x": [1, "word"], "c": ["a", "b"]})
    sample.add({"x": [1], "c": ["z"]})
    assert list(sample.table().columns) == ["c"]
    assert sample.table()["c"].to_list() == ["a", "b", "a", "b", "z"]
    assert "x" in sample.unread
