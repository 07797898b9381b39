r"""The domain classifier: how well live rows can be told from reference rows, and by which columns.

A logistic regression learns to tell them apart from the features of `driftwatch.core.multivariate.encoding`, their
squares and their products: means, spreads, and how columns go together. It is penalised (``L2``), runs on one thread in
a fraction of a second, and scores every row by a model that never saw it (5 folds, each class spread over them evenly).

.. math:: \mathrm{AUC} = \frac1K \sum_k \mathrm{AUC}_k

is the score: 0.5 where the rows cannot be told apart. Averaged over folds, since probabilities of different models have
no common scale. Tolerance: an AUC of up to 0.55 is nothing to act on.

How sure
--------
Given the model of a fold, its test rows are independent of it, and DeLong's variance holds for its AUC. The folds'
models share training rows, so that their AUCs depend on each other; for an algorithm as stable as a penalised
regression that dependence vanishes as rows grow, and the mean of the folds' AUCs is normal around the mean of the
*models' true* AUCs with the average of their variances (LeDell, Petersen, van der Laan; Bayle and others). That is the
interval. For no number of rows is it exact. Two things make the p-value careful: the standard error is never taken for
smaller than that of rows that cannot be told apart, and a model's true AUC is never above the best possible one, which
is what the tolerance speaks of.

A column is named if the AUC falls by more than 0.005 when its values are shuffled among a fold's test rows: a paired
test (DeLong) for each column, named at a false-discovery rate. Without drift every such fall has a mean of 0.

References
----------
LeDell, E., Petersen, M., van der Laan, M. (2015). Computationally efficient confidence intervals for cross-validated
area under the ROC curve estimates. Electronic Journal of Statistics 9(1). doi:10.1214/15-EJS1035

Bayle, P., Bayle, A., Janson, L., Mackey, L. (2020). Cross-validation confidence intervals for test error. Advances in
Neural Information Processing Systems 33. doi:10.48550/arXiv.2007.12671

Kim, I., Ramdas, A., Singh, A., Wasserman, L. (2021). Classification accuracy as a proxy for two-sample testing. Annals
of Statistics 49(1). doi:10.1214/20-AOS1962

Breiman, L. (2001). Random forests. Machine Learning 45(1). doi:10.1023/A:1010933404324
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtr

from driftwatch.core.multivariate.auc import Placements
from driftwatch.core.multivariate.encoding import Matrix
from driftwatch.core.multivariate.joint_test import JointMeasurement, JointTest
from driftwatch.core.multivariate.samples import SEED, Samples
from driftwatch.core.multivariate.several import Z_95, named

FOLDS = 5

MOST_ROWS = 5_000
"""Rows of each side; of more, the first: samples are in random order."""

MOST_MULTIPLIED = 40
"""Features whose products are looked at: those that vary most in the reference."""

SMALLEST_FALL = 0.005
"""Of the AUC, that a column must cause to be named."""

PENALTY = 0.03
"""Half of this times the squared weights is added to the mean loss of a row."""

_STEPS = 60


@dataclass(frozen=True, slots=True, eq=False)
class Classifier:
    """A penalised logistic regression; ``weights[0]`` is the intercept."""

    weights: NDArray[np.float64]

    @classmethod
    def fitted(cls, features: Matrix, is_live: NDArray[np.bool_]) -> Classifier:
        """Fit it; both classes weigh the same, however many rows they have.

        Parameters
        ----------
        features
            Shape ``(rows, features)``.
        is_live
            Shape ``(rows,)``, with rows of both kinds.
        """
        from scipy.optimize import minimize

        sign = np.where(is_live, 1.0, -1.0)
        weight = np.where(is_live, 0.5 / max(is_live.sum(), 1), 0.5 / max((~is_live).sum(), 1))

        def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            margin = sign * (features @ weights[1:] + weights[0])
            slope = -weight * sign * expit(-margin)
            gradient = np.concatenate([[slope.sum()], slope @ features + PENALTY * weights[1:]])
            penalty = 0.5 * PENALTY * float(weights[1:] @ weights[1:])
            return float(weight @ np.logaddexp(0.0, -margin)) + penalty, gradient

        start = np.zeros(features.shape[1] + 1)
        found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": _STEPS, "gtol": 1e-5})
        return cls(np.asarray(found.x))

    def probabilities(self, features: Matrix) -> NDArray[np.float64]:
        """That each row is a live one, both kinds being as frequent."""
        return np.asarray(expit(features @ self.weights[1:] + self.weights[0]))


def expanded(matrix: Matrix, multiplied: NDArray[np.intp]) -> Matrix:
    """A matrix with the squares and products of some of its features added.

    Examples
    --------
    >>> expanded(np.array([[2.0, 3.0]]), np.array([0, 1])).tolist()
    [[2.0, 3.0, 4.0, 6.0, 9.0]]
    """
    first, second = np.triu_indices(len(multiplied))
    return np.hstack([matrix, matrix[:, multiplied[first]] * matrix[:, multiplied[second]]])


@dataclass(frozen=True, slots=True, eq=False)
class _Fold:
    classifier: Classifier
    reference: Matrix
    live: Matrix
    multiplied: NDArray[np.intp]

    def placements(self, owned: NDArray[np.intp] | None = None, rng: np.random.Generator | None = None) -> Placements:
        """Of the test rows; with the values of some features shuffled among all of them, where they are given."""
        rows = np.vstack([self.reference, self.live])
        if owned is not None and rng is not None:
            rows[:, owned] = rows[rng.permutation(len(rows))][:, owned]
        scores = self.classifier.probabilities(expanded(rows, self.multiplied))
        return Placements.of(scores[: len(self.reference)], scores[len(self.reference) :])


def measure(samples: Samples, tolerance: float, rate: float) -> JointMeasurement:
    """The AUC on out-of-fold probabilities, with its interval and the columns that give the live rows away."""
    if samples.live.shape[1] == 0:
        return JointMeasurement.undefined(samples, tolerance, "no column varies")
    folds = list(_folds(samples))
    placed = [fold.placements() for fold in folds]
    auc = math.fsum(one.auc for one in placed) / FOLDS
    own = math.sqrt(math.fsum(one.variance for one in placed)) / FOLDS
    error = max(own, math.sqrt(math.fsum(one.variance_without_difference for one in placed)) / FOLDS)
    p_value = float(ndtr(-(auc - tolerance) / error))
    columns = _named_columns(samples, folds, placed, rate) if p_value <= rate else ()
    return JointMeasurement(
        score=auc,
        threshold=tolerance,
        p_value=p_value,
        n_reference=sum(len(fold.reference) for fold in folds),
        n_live=sum(len(fold.live) for fold in folds),
        interval=(max(auc - Z_95 * error, 0.0), min(auc + Z_95 * error, 1.0)),
        columns=columns,
        text=f"live rows can {'' if auc > tolerance else 'hardly '}be told from reference rows: AUC {auc:.3f}",
    )


def _folds(samples: Samples) -> Iterator[_Fold]:
    """Models of four fifths, with the fifth that each did not see."""
    reference, live = samples.reference[:MOST_ROWS], samples.live[:MOST_ROWS]
    multiplied = np.sort(np.argsort(-samples.scale.var(axis=0), kind="stable")[:MOST_MULTIPLIED])
    features = expanded(np.vstack([reference, live]), multiplied)
    is_live = np.arange(len(features)) >= len(reference)
    fold_of = np.concatenate([np.arange(len(reference)) % FOLDS, np.arange(len(live)) % FOLDS])
    for fold in range(FOLDS):
        learned = fold_of != fold
        classifier = Classifier.fitted(features[learned], is_live[learned])
        yield _Fold(classifier, reference[fold::FOLDS], live[fold::FOLDS], multiplied)


def _named_columns(samples: Samples, folds: list[_Fold], placed: list[Placements], rate: float) -> tuple[str, ...]:
    rng = np.random.default_rng(SEED)
    p_values, falls = np.ones(len(samples.columns)), np.zeros(len(samples.columns))
    for position in range(len(samples.columns)):
        owned = np.flatnonzero(samples.owners == position)
        if len(owned) == 0:
            continue
        shuffled = [fold.placements(owned, rng) for fold in folds]
        pairs = list(zip(placed, shuffled, strict=True))
        fall = math.fsum(one.auc - other.auc for one, other in pairs) / FOLDS
        error = math.sqrt(math.fsum(one.variance_of_drop(other) for one, other in pairs)) / FOLDS
        falls[position] = fall
        p_values[position] = float(ndtr(-(fall - SMALLEST_FALL) / error)) if error > 0.0 else 1.0
    found = named(p_values, rate)
    return tuple(samples.columns[position] for position in sorted(found, key=lambda at: -falls[at]))


DOMAIN_CLASSIFIER = JointTest(name="domain_classifier", tolerance=0.55, minimum_rows=100, measure=measure)
