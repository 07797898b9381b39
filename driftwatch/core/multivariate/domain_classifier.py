r"""The domain classifier: how well live rows can be told from reference rows, and by which columns.

A logistic regression learns to tell them apart from the features of `driftwatch.core.multivariate.encoding`, their
squares and their products: means, spreads, and how columns go together. It is penalised (``L2``), and runs on one
thread in a fraction of a second. Each side is cut into five parts at random; the third, the fourth and the fifth are
scored, each by a model of the parts before it, which never saw its rows.

.. math:: \mathrm{AUC} = \frac13 \sum_{k=3}^{5} \mathrm{AUC}_k

is the score: 0.5 where the rows cannot be told apart. Averaged over parts, since probabilities of different models have
no common scale. Tolerance: an AUC of up to 0.55 is nothing to act on.

How sure
--------
Given the parts before, the rows of a part are new: what its AUC differs by from its model's true one has a mean of 0
and DeLong's variance, and the sum over parts is a martingale, whose variances add up. So the mean of the AUCs is normal
around the mean of the *models' true* AUCs, none of which is above the best possible one, of which the tolerance speaks.
The standard error is never taken for smaller than that of rows that cannot be told apart. Where each part is scored by
a model of all others, as in cross-validation, that does not hold: models share rows with each other's tests, and at 200
rows of 25 columns without drift the AUC varied 1.3 times as much as the parts' variances said.

A column is named if the AUC falls by more than 0.005 when its values are shuffled among a part's rows: a paired
test (DeLong) for each column, named at a false-discovery rate. Without drift every such fall has a mean of 0.

References
----------
Dawid, A. P. (1984). Present position and potential developments: some personal views: statistical theory: the
prequential approach. Journal of the Royal Statistical Society A 147(2). doi:10.2307/2981683

Bengio, Y., Grandvalet, Y. (2004). No unbiased estimator of the variance of k-fold cross-validation. Journal of Machine
Learning Research 5.

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

PARTS = 5
"""Of each side, at random."""

SCORED = (2, 3, 4)
"""The parts that are scored, each by a model of those before it."""

MOST_ROWS = 5_000
"""Rows of each side; of more, the first: samples are in random order."""

MOST_MULTIPLIED = 40
"""Features whose products are looked at: the one of each column that varies most, then the others."""

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
    def fitted(cls, features: Matrix, is_live: NDArray[np.bool_], penalty: float = PENALTY) -> Classifier:
        """Fit it; both classes weigh the same, however many rows they have.

        Parameters
        ----------
        features
            Shape ``(rows, features)``.
        is_live
            Shape ``(rows,)``, with rows of both kinds.
        penalty
            Half of this times the squared weights is added to the mean loss of a row.
        """
        from scipy.optimize import minimize

        sign = np.where(is_live, 1.0, -1.0)
        weight = np.where(is_live, 0.5 / max(is_live.sum(), 1), 0.5 / max((~is_live).sum(), 1))

        def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            margin = sign * (features @ weights[1:] + weights[0])
            slope = -weight * sign * expit(-margin)
            gradient = np.concatenate([[slope.sum()], slope @ features + penalty * weights[1:]])
            added = 0.5 * penalty * float(weights[1:] @ weights[1:])
            return float(weight @ np.logaddexp(0.0, -margin)) + added, gradient

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
class _Part:
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
    """The AUC on probabilities of rows that no model had seen, with its interval, and the columns that give it away."""
    if samples.live.shape[1] == 0:
        return JointMeasurement.undefined(samples, tolerance, "no column varies")
    parts = list(_parts(samples))
    placed = [part.placements() for part in parts]
    auc = math.fsum(one.auc for one in placed) / len(SCORED)
    own = math.sqrt(math.fsum(one.variance for one in placed)) / len(SCORED)
    error = max(own, math.sqrt(math.fsum(one.variance_without_difference for one in placed)) / len(SCORED))
    p_value = float(ndtr(-(auc - tolerance) / error))
    columns = _named_columns(samples, parts, placed, rate) if p_value <= rate else ()
    return JointMeasurement(
        score=auc,
        threshold=tolerance,
        p_value=p_value,
        n_reference=sum(len(part.reference) for part in parts),
        n_live=sum(len(part.live) for part in parts),
        interval=(max(auc - Z_95 * error, 0.0), min(auc + Z_95 * error, 1.0)),
        columns=columns,
        text=f"live rows can {'' if auc > tolerance else 'hardly '}be told from reference rows: AUC {auc:.3f}",
    )


def _parts(samples: Samples) -> Iterator[_Part]:
    """Parts, each with a model of the parts before it."""
    reference, live = samples.reference[:MOST_ROWS], samples.live[:MOST_ROWS]
    multiplied = _multiplied(samples)
    features = expanded(np.vstack([reference, live]), multiplied)
    is_live = np.arange(len(features)) >= len(reference)
    part_of = np.concatenate([np.arange(len(reference)) % PARTS, np.arange(len(live)) % PARTS])
    for part in SCORED:
        before = part_of < part
        classifier = Classifier.fitted(features[before], is_live[before])
        yield _Part(classifier, reference[part::PARTS], live[part::PARTS], multiplied)


def _multiplied(samples: Samples) -> NDArray[np.intp]:
    """Those that vary most in the reference, of every column one before any has two."""
    variance = samples.scale.var(axis=0)
    turn = np.zeros(len(variance), dtype=np.intp)
    for column in range(len(samples.columns)):
        owned = np.flatnonzero(samples.owners == column)
        turn[owned[np.argsort(-variance[owned], kind="stable")]] = np.arange(len(owned))
    return np.sort(np.lexsort((-variance, turn))[:MOST_MULTIPLIED])


def _named_columns(samples: Samples, parts: list[_Part], placed: list[Placements], rate: float) -> tuple[str, ...]:
    rng = np.random.default_rng(SEED)
    p_values, falls = np.ones(len(samples.columns)), np.zeros(len(samples.columns))
    for position in range(len(samples.columns)):
        owned = np.flatnonzero(samples.owners == position)
        if len(owned) == 0:
            continue
        shuffled = [part.placements(owned, rng) for part in parts]
        pairs = list(zip(placed, shuffled, strict=True))
        fall = math.fsum(one.auc - other.auc for one, other in pairs) / len(SCORED)
        error = math.sqrt(math.fsum(one.variance_of_drop(other) for one, other in pairs)) / len(SCORED)
        falls[position] = fall
        p_values[position] = float(ndtr(-(fall - SMALLEST_FALL) / error)) if error > 0.0 else 1.0
    found = named(p_values, rate)
    return tuple(samples.columns[position] for position in sorted(found, key=lambda at: -falls[at]))


DOMAIN_CLASSIFIER = JointTest(name="domain_classifier", tolerance=0.55, minimum_rows=100, measure=measure)
