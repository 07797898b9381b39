"""Numbers whose source is another program or a closed form."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import cdist
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression

from driftwatch.core.multivariate.correlation_change import pearson, spearman
from driftwatch.core.multivariate.domain_classifier import PENALTY, Classifier
from driftwatch.core.multivariate.mmd import (
    Frequencies,
    discrepancy,
    median_distance,
    shift_as_discrepancy,
    tail_bound,
)
from driftwatch.core.multivariate.pca_reconstruction import Directions
from driftwatch.core.multivariate.samples import Samples
from driftwatch.core.multivariate.several import named, p_value_beyond

RNG = np.random.default_rng(21)
MIXED = RNG.normal(size=(300, 4)) @ RNG.normal(size=(4, 4))


def test_reconstruction_errors_are_those_of_a_singular_value_decomposition() -> None:
    _, _, axes = np.linalg.svd(MIXED - MIXED.mean(axis=0), full_matrices=False)
    kept = Directions.of(MIXED, explained=0.9).axes.shape[1]
    other = RNG.normal(size=(50, 4))
    centred = other - MIXED.mean(axis=0)
    expected = np.linalg.norm(centred - centred @ axes[:kept].T @ axes[:kept], axis=1)
    assert Directions.of(MIXED, explained=0.9).errors(other) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("explained", [0.3, 0.6, 0.9])
def test_as_many_directions_are_kept_as_scikit_learn_needs(explained: float) -> None:
    share = PCA().fit(MIXED).explained_variance_ratio_
    needed = int(np.argmax(np.cumsum(share) >= explained)) + 1
    assert Directions.of(MIXED, explained).axes.shape[1] == min(needed, 3)


@pytest.mark.parametrize("decimals", [0, 8])
def test_rank_correlations_are_scipys_ties_or_not(decimals: int) -> None:
    rows = MIXED.round(decimals)
    assert spearman(rows).values == pytest.approx(stats.spearmanr(rows).statistic, abs=1e-12)


def test_rank_correlations_with_missing_values_are_scipys_pair_by_pair() -> None:
    rows = np.where(RNG.random(MIXED.shape) < 0.2, np.nan, MIXED)
    found = spearman(rows)
    for x, y in ((0, 1), (2, 3), (3, 0)):
        expected = stats.spearmanr(rows[:, x], rows[:, y], nan_policy="omit").statistic
        assert found.values[x, y] == pytest.approx(expected, abs=1e-12)


def test_pearson_correlations_are_numpys_and_scipys() -> None:
    assert pearson(MIXED).values == pytest.approx(np.corrcoef(MIXED, rowvar=False), abs=1e-12)
    assert pearson(MIXED).values[0, 1] == pytest.approx(stats.pearsonr(MIXED[:, 0], MIXED[:, 1])[0], abs=1e-12)


def test_the_variance_of_a_rank_correlation_is_what_repeated_samples_show() -> None:
    rng = np.random.default_rng(4)

    def sample() -> np.ndarray:
        x = rng.standard_normal((400, 2))
        x[:, 1] = np.abs(x[:, 0]) * x[:, 1] + 0.8 * x[:, 0]
        return x.round(1)

    found = [spearman(sample()) for _ in range(800)]
    shown = np.var([one.values[0, 1] for one in found])
    # The variance of 800 repetitions is known to a twentieth.
    assert np.mean([one.variances[0, 1] for one in found]) == pytest.approx(shown, rel=0.2)


def test_the_variance_of_normal_columns_correlation_is_the_closed_form() -> None:
    rng = np.random.default_rng(5)
    x = rng.multivariate_normal([0.0, 0.0], [[1.0, 0.6], [0.6, 1.0]], 200_000)
    assert pearson(x).variances[0, 1] * len(x) == pytest.approx((1.0 - 0.6**2) ** 2, rel=0.02)


def exact_squared_mmd(x: np.ndarray, y: np.ndarray, bandwidth: float) -> float:
    """Gretton and others (2012), equation 3."""

    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.exp(-cdist(a, b, "sqeuclidean") / (2.0 * bandwidth**2))

    n, m = len(x), len(y)
    within_x = (kernel(x, x).sum() - n) / (n * (n - 1))
    within_y = (kernel(y, y).sum() - m) / (m * (m - 1))
    return float(within_x + within_y - 2.0 * kernel(x, y).mean())


@pytest.mark.parametrize("seed", range(5))
def test_mmd_converges_to_the_exact_kernels_within_its_stated_error(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.normal(0.0, 1.0, (250, 3)), rng.normal(0.5, 1.2, (200, 3))
    exact = exact_squared_mmd(x, y, 1.7)
    errors = []
    for count in (64, 1_024):
        found = discrepancy(Frequencies.drawn(3, 1.7, count, seed), x, y)
        assert abs(found.squared - exact) < 3.5 * found.error_of_frequencies
        errors.append(found.error_of_frequencies)
    # Sixteen times the frequencies, a quarter of the error.
    assert errors[1] == pytest.approx(errors[0] / 4.0, rel=0.5)


def test_the_spread_of_mmd_over_samples_is_its_stated_error() -> None:
    rng = np.random.default_rng(6)
    frequencies = Frequencies.drawn(2, 1.5, 64)
    found = [discrepancy(frequencies, rng.normal(0, 1, (150, 2)), rng.normal(0.6, 1, (120, 2))) for _ in range(400)]
    shown = np.std([one.squared for one in found])
    assert np.mean([one.error_of_squared for one in found]) == pytest.approx(shown, rel=0.2)


def test_the_bandwidth_is_the_median_distance() -> None:
    distances = cdist(MIXED, MIXED)[np.triu_indices(300, 1)]
    assert median_distance(MIXED) == pytest.approx(np.median(distances))


def test_the_tolerance_is_the_mmd_of_rows_moved_by_so_much() -> None:
    rng = np.random.default_rng(7)
    rows = rng.standard_normal((1_500, 2))
    frequencies = Frequencies.drawn(2, 2.0, 2_048)
    moved = [exact_squared_mmd(rows, rng.standard_normal((1_500, 2)) + shift, 2.0) for shift in ([1.0, 0], [0, 1.0])]
    assert shift_as_discrepancy(frequencies, rows, 1.0) == pytest.approx(math.sqrt(np.mean(moved)), rel=0.05)


@pytest.mark.parametrize(("length", "value"), [(0.0, 30.0), (1.0, 30.0), (2.0, 45.0)])
def test_the_tail_bound_is_above_the_tail_and_not_far(length: float, value: float) -> None:
    tail = stats.ncx2(8, length**2).sf(value) if length else stats.chi2(8).sf(value)
    assert tail < tail_bound(np.ones(8), value, length) < 30.0 * tail


def test_the_tail_bound_holds_for_uneven_weights_in_the_worst_direction() -> None:
    rng = np.random.default_rng(8)
    weights = np.array([4.0, 1.0, 0.5])
    vectors = rng.standard_normal((200_000, 3)) * np.sqrt(weights) + [1.5, 0.0, 0.0]
    for value in (20.0, 35.0):
        assert np.mean((vectors**2).sum(axis=1) >= value) < tail_bound(weights, value, 1.5)


def test_the_classifier_is_scikit_learns_with_the_same_penalty() -> None:
    rng = np.random.default_rng(9)
    features, is_live = rng.normal(size=(500, 3)), np.arange(500) < 150
    features[is_live] += [0.5, 0.0, -0.3]
    weight = np.where(is_live, 0.5 / 150, 0.5 / 350)
    theirs = LogisticRegression(C=1.0 / PENALTY, tol=1e-10, max_iter=1_000)
    theirs.fit(features, is_live, sample_weight=weight)
    ours = Classifier.fitted(features, is_live)
    assert ours.weights == pytest.approx(np.append(theirs.intercept_, theirs.coef_), abs=1e-3)
    assert ours.probabilities(features) == pytest.approx(theirs.predict_proba(features)[:, 1], abs=1e-3)


def test_names_are_those_of_benjamini_and_hochberg() -> None:
    p_values = RNG.random(50) ** 3
    adjusted = stats.false_discovery_control(p_values, method="bh")
    assert sorted(named(p_values, 0.1)) == np.flatnonzero(adjusted <= 0.1).tolist()


def test_the_p_value_beyond_a_tolerance_is_a_folded_normals() -> None:
    expected = stats.norm.sf(0.4, 0.1, 0.15) + stats.norm.cdf(-0.4, 0.1, 0.15)
    assert float(p_value_beyond(-0.4, 0.15, 0.1)) == pytest.approx(expected)


def test_out_of_fold_scores_come_from_models_that_never_saw_the_rows(samples: Callable[..., Samples]) -> None:
    from driftwatch.core.multivariate.domain_classifier import measure

    # Names that no two rows share would give every row away to a model that has seen it.
    aucs = [measure(samples(150, 0.0, 0.0, seed=seed, columns=30), 0.55, 0.05).score for seed in range(12)]
    assert np.mean(aucs) == pytest.approx(0.5, abs=0.03)
