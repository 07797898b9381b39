r"""The inputs or the concept: how much of a change of quality the shifted inputs explain.

If only the inputs moved, the live loss is that of reference rows which are weighted to look like live ones. The weight
of a row with the inputs ``x`` is the ratio of both densities, which the domain classifier
(`driftwatch.core.multivariate.domain_classifier`) gives as its odds, :math:`w(x) = p(x) / (1 - p(x))`; scores, which
the model makes of the inputs, are among them:

.. math::
    \bar L_{live} - \bar L_{ref}
    = \underbrace{\frac{\sum w_i L_i}{\sum w_i} - \bar L_{ref}}_{\text{inputs}}
    + \underbrace{\bar L_{live} - \frac{\sum w_i L_i}{\sum w_i}}_{\text{concept}}

Weights that are wrong where they are large would tell of a concept that did not change. So the loss that the inputs
make one expect, :math:`m(x)`, is fitted on reference rows as well, and the weights are put on what it leaves:
:math:`\frac{1}{n} \sum_{live} m(x_j) + \sum w_i (L_i - m(x_i)) / \sum w_i` takes the place of the weighted mean, and is
right if either of the two is. Each half of the rows is told by what was fitted on the other half.

Where live rows lie where the reference had next to none, nothing makes up for it: with less than `FEWEST_EFFECTIVE`
effective rows, :math:`(\sum w)^2 / \sum w^2`, nothing is split. What neither fit can express counts as concept, which
is why the text says "they do not" explain it.

References
----------
Shimodaira, H. (2000). Improving predictive inference under covariate shift by weighting the log-likelihood function.
Journal of Statistical Planning and Inference 90(2). doi:10.1016/S0378-3758(00)00115-4

Robins, J. M., Rotnitzky, A., Zhao, L. P. (1994). Estimation of regression coefficients when some regressors are not
always observed. Journal of the American Statistical Association 89(427). doi:10.1080/01621459.1994.10476818

Cai, T. T., Namkoong, H., Yadlowsky, S. (2023). Diagnosing model performance under distribution shift.
arXiv:2303.02011

Bickel, S., Brückner, M., Scheffer, T. (2009). Discriminative learning under covariate shift. Journal of Machine
Learning Research 10.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.multivariate.domain_classifier import MOST_MULTIPLIED, Classifier, expanded
from driftwatch.core.multivariate.encoding import Encoding, Matrix
from driftwatch.core.multivariate.samples import MOST_ROWS, SEED
from driftwatch.core.performance import LOSS_MEASURE
from driftwatch.core.row_loss import row_losses
from driftwatch.core.schema import Schema
from driftwatch.core.table import Numbers, Table

Floats = NDArray[np.float64]

FEWEST_ROWS = 100
"""Of each side, with their losses."""

FEWEST_EFFECTIVE = 50
INTERVALS = 10
"""Of each column of numbers, of equal mass over both sides."""

PENALTY = 0.002
"""Of the classifier: ratios of densities are wanted, and these can be large."""

LARGEST_WEIGHT = 5.0
"""Larger ones are taken for this: few rows would decide, and a classifier knows large ratios the least."""

RIDGE = 0.001
"""Of the expected loss, relative to the number of rows."""

_LARGEST_ODDS = 1e4
_SURE = 2.5758293035489004
"""The normal distribution's quantile of an interval for 99 %."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LossSplit:
    """A change of the mean loss in two parts.

    Attributes
    ----------
    measure
        ``mae`` or ``error_rate``.
    reference, live
        Mean losses on both sides.
    inputs, concept
        What the shifted inputs explain of the difference, and what they do not; ``nan`` where that cannot be told.
    inputs_error, concept_error
        Their standard errors.
    n_reference, n_live
        Rows with a loss that were looked at.
    effective
        As many rows of the reference are like live ones.
    text
        The same in words.
    """

    measure: str
    reference: float
    live: float
    inputs: float
    concept: float
    inputs_error: float
    concept_error: float
    n_reference: int
    n_live: int
    effective: float
    text: str


def split_loss(schema: Schema, reference: Table, live: Table) -> LossSplit | None:
    """Split the difference of two mean losses.

    Parameters
    ----------
    schema
        Says which columns are features, label and prediction.
    reference, live
        Rows with all of these columns, or uniform samples of them. The reference's should be held out: on rows that
        the model was trained on losses are too small, and the rest would count as concept.

    Returns
    -------
    LossSplit or None
        None where label, prediction or every feature is missing on a side, or fewer than `FEWEST_ROWS` have a loss.

    Examples
    --------
    >>> from driftwatch.core.baseline import Baseline
    >>> from driftwatch.core.frames import to_table
    >>> rng = np.random.default_rng(1)
    >>> def rows(n, share, harder):
    ...     x = (rng.random(n) < share) * 1.0 + rng.normal(0.0, 0.1, n)
    ...     return {"x": x, "y": np.zeros(n), "p": rng.normal(0.0, np.where(x > 0.5, 4.0, 1.0) * harder)}
    >>> reference = rows(4000, 0.2, 1.0)
    >>> schema = Baseline.fit(reference, label="y", prediction="p", task="regression").schema
    >>> def split(live):
    ...     return split_loss(schema, to_table(reference, schema), to_table(live, schema))
    >>> print(split(rows(4000, 0.6, 1.0)).text.split(":")[0])
    The inputs, not the concept
    >>> print(split(rows(4000, 0.2, 2.0)).text.split(":")[0])
    The concept, not the inputs
    """
    # What the model makes of the inputs tells the best where its losses are.
    names = [*(one.name for one in schema.features), *schema.scores]
    features = [name for name in names if name in reference.columns and name in live.columns]
    losses = [_row_losses(schema, one) for one in (reference, live)]
    if not features or losses[0] is None or losses[1] is None:
        return None
    rng = np.random.default_rng(SEED)
    chosen = [rng.permutation(np.flatnonzero(~np.isnan(one)))[:MOST_ROWS] for one in losses if one is not None]
    if min(map(len, chosen)) < FEWEST_ROWS:
        return None
    was, now = losses[0][chosen[0]], losses[1][chosen[1]]
    tables = [
        Table({name: table[name].take(at.astype(np.intp)) for name in features}, len(at))
        for table, at in zip((reference, live), chosen, strict=True)
    ]
    return _split(LOSS_MEASURE[schema.task], was, now, _told(tables[0], tables[1], was))


@dataclass(frozen=True, slots=True, eq=False)
class _Told:
    """What is known of rows: the reference's weights, and what losses the inputs of both sides make one expect."""

    weights: Floats
    effective: float
    expected_was: Floats
    expected_now: Floats


def _split(measure: str, was: Floats, now: Floats, told: _Told) -> LossSplit:
    weights, total = told.weights, float(told.weights.sum())
    left = was - told.expected_was
    if_inputs_alone = float(told.expected_now.mean()) + float(weights @ left) / total
    before, after = float(was.mean()), float(now.mean())
    of_weighted = float(np.square(weights * left).sum()) / total**2
    of_expected = float(told.expected_now.var(ddof=1)) / len(now)
    found = LossSplit(
        measure=measure,
        reference=before,
        live=after,
        inputs=if_inputs_alone - before,
        concept=after - if_inputs_alone,
        inputs_error=math.sqrt(of_weighted + of_expected + float(was.var(ddof=1)) / len(was)),
        concept_error=math.sqrt(of_weighted + float((now - told.expected_now).var(ddof=1)) / len(now)),
        n_reference=len(was),
        n_live=len(now),
        effective=told.effective,
        text="",
    )
    return _in_words(found)


def _in_words(found: LossSplit) -> LossSplit:
    name = {"mae": "mean absolute error"}.get(found.measure, found.measure.replace("_", " "))
    change = f"{name} {found.reference:.4g} -> {found.live:.4g}"
    if found.effective < FEWEST_EFFECTIVE:
        text = f"It cannot be told: {change}, and the inputs moved to where the reference had next to no rows."
        return _with(found, text, inputs=math.nan, concept=math.nan)
    by_inputs = abs(found.inputs) > _SURE * found.inputs_error
    by_concept = abs(found.concept) > _SURE * found.concept_error
    head = {
        (True, True): "Both the inputs and the concept",
        (True, False): "The inputs, not the concept",
        (False, True): "The concept, not the inputs",
        (False, False): "Neither, for sure",
    }[by_inputs, by_concept]
    parts = (
        f"the shifted inputs explain {found.inputs:+.3g} (give or take {_SURE * found.inputs_error:.2g}), "
        f"and {found.concept:+.3g} (give or take {_SURE * found.concept_error:.2g}) they do not"
    )
    return _with(found, f"{head}: {change}, of which {parts}.", inputs=found.inputs, concept=found.concept)


def _with(found: LossSplit, text: str, *, inputs: float, concept: float) -> LossSplit:
    return replace(found, text=text, inputs=inputs, concept=concept)


def _told(reference: Table, live: Table, was: Floats) -> _Told:
    """Each half of the reference's rows is told by what was fitted on the other half."""
    plain, multiplied = _features(reference, live)
    both = [np.hstack(pair) for pair in zip(plain, multiplied, strict=True)]
    weights, expected_was, expected_now = np.empty(len(was)), np.empty(len(was)), np.zeros(len(both[1]))
    for half in (0, 1):
        fitting = np.vstack([both[0][1 - half :: 2], both[1][1 - half :: 2]])
        is_live = np.arange(len(fitting)) >= len(both[0][1 - half :: 2])
        chance = Classifier.fitted(fitting, is_live, PENALTY).probabilities(both[0][half::2])
        odds = np.minimum(chance / np.maximum(1.0 - chance, 1e-300), _LARGEST_ODDS)
        # Each half's weights have a mean of 1, as ratios of densities have.
        weights[half::2] = odds / max(float(odds.mean()), 1e-300)
        expected = _Expected.fitted(plain[0][1 - half :: 2], was[1 - half :: 2])
        expected_was[half::2] = expected.losses(plain[0][half::2])
        expected_now += 0.5 * expected.losses(plain[1])
    effective = float(weights.sum()) ** 2 / float(weights @ weights)
    return _Told(np.minimum(weights, LARGEST_WEIGHT), effective, expected_was, expected_now)


@dataclass(frozen=True, slots=True, eq=False)
class _Expected:
    """Ridge regression of the loss."""

    middle: Floats
    weights: Floats
    mean: float

    @classmethod
    def fitted(cls, features: Matrix, losses: Floats) -> _Expected:
        middle = features.mean(axis=0)
        apart = features - middle
        gram = apart.T @ apart + (RIDGE * len(losses)) * np.eye(features.shape[1])
        mean = float(losses.mean())
        return cls(middle, np.linalg.solve(gram, apart.T @ (losses - mean)), mean)

    def losses(self, features: Matrix) -> Floats:
        found: Floats = np.maximum((features - self.middle) @ self.weights + self.mean, 0.0)
        return found


def _features(reference: Table, live: Table) -> tuple[list[Matrix], list[Matrix]]:
    """Of both sides: columns on one scale and the parts of their range that numbers lie in; then products."""
    encoding, was = Encoding.fitted(reference)
    now = encoding.matrix(live)
    varying = np.flatnonzero(np.vstack([was, now]).std(axis=0) > 0.0)
    chosen = np.sort(varying[np.argsort(-was[:, varying].var(axis=0), kind="stable")[:MOST_MULTIPLIED]])
    plain = [[was], [now]]
    for name, values in reference.columns.items():
        others = live[name]
        if isinstance(values, Numbers) and isinstance(others, Numbers):
            edges = _edges(np.concatenate([values.values, others.values]))
            parts = np.arange(len(edges) + 1)
            for side, numbers in zip(plain, (values.values, others.values), strict=True):
                # Missing values sort after all: a part of their own.
                side.append((np.searchsorted(edges, numbers)[:, np.newaxis] == parts).astype(np.float64))
    products = [expanded(one, chosen)[:, one.shape[1] :] for one in (was, now)]
    return [np.hstack(side) for side in plain], products


def _edges(numbers: Floats) -> Floats:
    known = numbers[np.isfinite(numbers)]
    inner = np.unique(np.quantile(known, np.linspace(0.0, 1.0, INTERVALS + 1)[1:-1])) if len(known) else np.zeros(0)
    return np.append(inner, np.finfo(np.float64).max)


def _row_losses(schema: Schema, table: Table) -> Floats | None:
    """The loss of each row, ``nan`` where it has no label or prediction; None where no row can have one."""
    label, prediction = table.columns.get(schema.label or ""), table.columns.get(schema.prediction or "")
    if label is None or prediction is None or type(label) is not type(prediction):
        return None
    return row_losses(schema.task, prediction, label)
