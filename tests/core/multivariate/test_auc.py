"""The AUC and DeLong's variance, against scikit-learn and brute force."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from driftwatch.core.multivariate.auc import Placements


def samples(seed: int, *, tied: bool) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    reference, live = rng.normal(0.0, 1.0, 37), rng.normal(0.4, 1.3, 23)
    return (reference.round(0), live.round(0)) if tied else (reference, live)


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_the_auc_is_that_of_scikit_learn(seed: int, tied: bool) -> None:
    reference, live = samples(seed, tied=tied)
    is_live = np.repeat([0, 1], [len(reference), len(live)])
    expected = roc_auc_score(is_live, np.concatenate([reference, live]))
    assert Placements.of(reference, live).auc == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("tied", [False, True])
def test_the_variance_is_delongs_by_all_pairs(tied: bool) -> None:
    reference, live = samples(9, tied=tied)
    above = (live[:, None] > reference).astype(float) + 0.5 * (live[:, None] == reference)
    of_live, of_reference = above.mean(axis=1), above.mean(axis=0)
    # DeLong, DeLong and Clarke-Pearson (1988), equations 3 to 5.
    s10 = ((of_live - above.mean()) ** 2).sum() / (len(live) - 1)
    s01 = ((of_reference - above.mean()) ** 2).sum() / (len(reference) - 1)
    expected = s10 / len(live) + s01 / len(reference)
    assert Placements.of(reference, live).variance == pytest.approx(expected, rel=1e-12)


def test_the_variance_of_a_difference_is_delongs_with_the_covariance() -> None:
    rng = np.random.default_rng(2)
    first = Placements.of(rng.normal(size=40), rng.normal(size=30))
    second = Placements.of(rng.normal(size=40), rng.normal(size=30))
    covariance = np.cov(first.live, second.live)[0, 1] / 30 + np.cov(first.reference, second.reference)[0, 1] / 40
    expected = first.variance + second.variance - 2.0 * covariance
    assert first.variance_of_drop(second) == pytest.approx(expected, rel=1e-12)


def test_without_a_difference_the_variance_is_that_of_the_rank_sum() -> None:
    rng = np.random.default_rng(3)
    aucs = [Placements.of(rng.random(12), rng.random(9)).auc for _ in range(20_000)]
    expected = Placements.of(rng.random(12), rng.random(9)).variance_without_difference
    assert np.var(aucs) == pytest.approx(expected, rel=0.05)
