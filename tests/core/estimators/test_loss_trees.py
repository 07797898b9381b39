"""Boosted trees over bins: they learn what depends on features, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor

from driftwatch.core.estimators.loss_trees import BINS, LossTrees, grown_trees


def _rows(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    codes = random.integers(0, BINS, (n, 5), dtype=np.uint8)
    loss = np.abs(random.normal(size=n)) * (1.0 + codes[:, 0] / 8.0 + 2.0 * (codes[:, 1] > 20))
    return codes, loss


def test_they_explain_as_much_as_scikit_learns_trees_of_the_same_size() -> None:
    codes, loss = _rows(8_000, 1)
    other_codes, other_loss = _rows(8_000, 2)
    ours = grown_trees(codes, loss, 40).of(other_codes)
    peer = HistGradientBoostingRegressor(
        max_iter=40, max_depth=3, learning_rate=0.15, min_samples_leaf=20, early_stopping=False
    ).fit(codes, loss)
    error, peer_error = (np.square(other_loss - one).mean() for one in (ours, peer.predict(other_codes)))
    assert error < 1.02 * peer_error < other_loss.var()


def test_the_mean_of_what_they_say_is_the_mean_loss_of_the_rows() -> None:
    codes, loss = _rows(3_000, 3)
    assert grown_trees(codes, loss, 60).of(codes).mean() == pytest.approx(loss.mean())


def test_they_ask_only_for_features_that_matter_where_one_explains_all() -> None:
    codes, _ = _rows(2_000, 4)
    trees = grown_trees(codes, (codes[:, 2] > 10) * 1.0, 5)
    assert trees.used().tolist()[:1] == [2]
    assert trees.of(codes)[codes[:, 2] > 10].min() > trees.of(codes)[codes[:, 2] <= 10].max()


def test_without_room_for_two_leaves_nothing_is_asked() -> None:
    trees = grown_trees(np.zeros((30, 1), dtype=np.uint8), np.arange(30.0), 3)
    assert trees.used().tolist() == []
    assert trees.of(np.zeros((1, 1), dtype=np.uint8)).tolist() == [14.5]


def test_a_document_says_the_same() -> None:
    codes, loss = _rows(2_000, 5)
    trees = grown_trees(codes, loss, 20)
    read = LossTrees.from_document(trees.to_document(), 5)
    assert (read.of(codes) == trees.of(codes)).all()


@pytest.mark.parametrize(
    ("name", "value"),
    [("feature", [[9] * 7]), ("feature", [[-1] * 7]), ("cut", [[99] * 7]), ("leaf", [[float("inf")] * 8]), ("cut", [])],
)
def test_an_altered_document_is_refused(name: str, value: object) -> None:
    codes, loss = _rows(500, 6)
    document = grown_trees(codes, loss, 1).to_document()
    with pytest.raises(ValueError, match=r"do not fit|points before"):
        LossTrees.from_document({**document, name: value}, 5)


def test_steps_end_at_what_all_trees_say_and_begin_at_the_mean() -> None:
    codes, loss = _rows(1_000, 7)
    trees = grown_trees(codes, loss, 9)
    steps = list(trees.steps(codes))
    assert len(steps) == 10
    assert set(steps[0].tolist()) == {trees.start}
    assert (steps[-1] == trees.of(codes)).all()
