"""Rows by a number that they share."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.core.row_groups import rows_by_value


@given(st.lists(st.integers(-3, 3)) | st.lists(st.just(2**62)))
def test_each_value_has_its_rows_in_order(values: list[int]) -> None:
    found = [(value, rows.tolist()) for value, rows in rows_by_value(np.array(values, dtype=np.int64))]
    assert found == [(value, [at for at, one in enumerate(values) if one == value]) for value in sorted(set(values))]
