"""Isotonic calibration of scores over cells."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from driftwatch.core.estimators.calibration import Calibration

counts = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)).filter(any), min_size=1, max_size=40)


@given(counts)
def test_shares_are_those_of_scikit_learns_isotonic_regression(rows: list[tuple[int, int]]) -> None:
    of_class, others = np.array(rows).T
    cells = np.arange(len(rows)) * 3 + 7
    found = Calibration.of(cells, of_class, others)
    expected = IsotonicRegression().fit_transform(
        cells.astype(float), of_class / (of_class + others), sample_weight=of_class + others
    )
    assert found.share[found.blocks(cells)] == pytest.approx(expected, abs=1e-12)


@given(counts)
def test_blocks_rise_and_hold_every_labelled_row_once(rows: list[tuple[int, int]]) -> None:
    of_class, others = np.array(rows).T
    found = Calibration.of(np.arange(len(rows)), of_class, others)
    assert (np.diff(found.share) > 0).all()
    assert found.rows.sum() == (of_class + others).sum()
    assert found.share @ found.rows == pytest.approx(of_class.sum())


def test_a_score_between_two_known_ones_belongs_to_the_nearer_block() -> None:
    found = Calibration.of(np.array([10, 20]), np.array([0, 5]), np.array([5, 0]))
    assert found.blocks(np.array([0, 14, 16, 99])).tolist() == [0, 0, 1, 1]


def test_scores_below_and_above_all_known_ones_are_beyond() -> None:
    found = Calibration.of(np.array([10, 20]), np.array([0, 5]), np.array([5, 0]))
    assert found.beyond(np.array([9, 10, 15, 20, 21])).tolist() == [True, False, False, False, True]
