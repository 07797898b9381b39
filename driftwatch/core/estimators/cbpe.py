"""Confidence-based performance estimation: what calibrated scores say of a classifier's quality.

The scores were calibrated on labelled rows (`Calibration`): a block of scores stands for a share ``p`` of rows of the
class. Of ``n`` rows of a block that were predicted to be of the class, ``n p`` are then expected to be hits. Which rows
they are makes no difference: counts by block and prediction give every measure, and they add up.

It holds as long as a score means what it meant: whatever the inputs do, but not when the concept changes. It is blind
to the latter, which is why what it said before is held against the labels that came since.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.estimators.calibration import Calibration, Floats
from driftwatch.core.performance.measure import SHARE, Measure, normal, undefined
from driftwatch.core.records import Task

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class ExpectedClass:
    """One class against all others, by block of its score and by whether it was what the model answered.

    Attributes
    ----------
    rows
        Shape ``(2, k)``: rows by block whose prediction is another class, then those whose prediction is this one.
    share
        Shape ``(k,)``: the share of rows of the class in each block.
    known
        Shape ``(k,)``: labelled rows that each share was measured on.
    """

    rows: Counts
    share: Floats
    known: Counts

    @property
    def n(self) -> int:
        """All rows."""
        return int(self.rows.sum())

    @property
    def hits(self) -> float:
        """Expected rows of the class that were predicted to be."""
        return float(self.rows[1] @ self.share)

    @property
    def labelled(self) -> float:
        """Expected rows of the class."""
        return float(self.rows.sum(axis=0) @ self.share)

    @property
    def predicted(self) -> int:
        """Rows that were predicted to be of the class."""
        return int(self.rows[1].sum())

    def error_of(self, gradient: Floats) -> float:
        """The standard error of a measure.

        Two things are uncertain: which labels the window's rows will have, given the shares, and the shares, which
        come from so many labelled rows.

        Parameters
        ----------
        gradient
            Shape ``(2, k)``: how the measure changes with the number of rows of the class, by prediction and block.
        """
        # A block of nothing but one class in a few rows is not certain: as if half a row of each had been seen, too.
        likely = (self.share * self.known + 0.5) / (self.known + 1.0)
        of_one = likely * (1.0 - likely)
        of_window = float((np.square(gradient) * self.rows).sum(axis=0) @ of_one)
        of_shares = float(np.square((gradient * self.rows).sum(axis=0)) @ (of_one / self.known))
        return math.sqrt(of_window + of_shares)


Measured = tuple[float, Floats] | None
"""A value, and how it changes with rows of the class (`ExpectedClass.error_of`); None where it is undefined."""


def accuracy(one: ExpectedClass) -> Measured:
    """The expected share of rows whose answer, this class or not, is right."""
    right = one.hits + float(one.rows[0] @ (1.0 - one.share))
    return right / one.n, _signed(one) / one.n


def precision(one: ExpectedClass) -> Measured:
    """The expected share of hits among the predictions of the class; 0 without any."""
    if one.predicted == 0:
        return 0.0, np.zeros(one.rows.shape)
    return one.hits / one.predicted, _of_predicted(one) / one.predicted


def recall(one: ExpectedClass) -> Measured:
    """Expected hits by expected rows of the class."""
    if one.labelled == 0.0:
        return None
    value = one.hits / one.labelled
    return value, (_of_predicted(one) - value) / one.labelled


def specificity(one: ExpectedClass) -> Measured:
    """The expected share of rows of other classes that were predicted to be of another one."""
    others = one.n - one.labelled
    if others <= 0.0:
        return None
    value = float(one.rows[0] @ (1.0 - one.share)) / others
    return value, (value - (1.0 - _of_predicted(one))) / others


def f1(one: ExpectedClass) -> Measured:
    """``2 hits / (rows of the class + predictions of it)``, of expected numbers."""
    both = one.labelled + one.predicted
    if both == 0.0:
        return None
    value = 2.0 * one.hits / both
    return value, (2.0 * _of_predicted(one) - value) / both


def actual_rate(one: ExpectedClass) -> Measured:
    """The expected share of the class."""
    return one.labelled / one.n, np.ones(one.rows.shape) / one.n


def roc_auc(one: ExpectedClass) -> Measured:
    """The expected area under the ROC curve of the class's score; None without either kind of rows.

    Rows of one block are ties: the share being the same all over it, any order within it is expected to give half.
    """
    rows = one.rows.sum(axis=0)
    positive = rows * one.share
    negative = rows - positive
    n_positive, n_negative = positive.sum(), negative.sum()
    if min(n_positive, n_negative) <= 1e-9 * one.n:
        return None
    below = (np.cumsum(negative) - negative / 2.0) / n_negative
    above = (n_positive - np.cumsum(positive) + positive / 2.0) / n_positive
    value = float(positive @ below / n_positive)
    gradient = (below - value) / n_positive - (above - value) / n_negative
    return value, np.broadcast_to(gradient, one.rows.shape)


def average_precision(one: ExpectedClass) -> Measured:
    """The expected mean precision at the scores of rows of the class, in descending order of blocks.

    The ratio of expected numbers stands for the expected ratio; of many rows they are the same.
    """
    rows = one.rows.sum(axis=0)[::-1].astype(np.float64)
    held = rows > 0
    positive = rows[held] * one.share[::-1][held]
    n_positive = positive.sum()
    if n_positive <= 1e-9 * one.n:
        return None
    taken = np.cumsum(rows[held])
    at = np.cumsum(positive) / taken
    value = float(positive @ at / n_positive)
    later = np.cumsum((positive / taken)[::-1])[::-1]
    gradient = np.zeros(one.rows.shape[1])
    gradient[held] = (at + later - value) / n_positive
    return value, np.broadcast_to(gradient[::-1], one.rows.shape)


def _signed(one: ExpectedClass) -> Floats:
    """1 for rows that were predicted to be of the class, -1 for others."""
    return np.repeat(np.array([[-1.0], [1.0]]), one.rows.shape[1], axis=1)


def _of_predicted(one: ExpectedClass) -> Floats:
    return (_signed(one) + 1.0) / 2.0


def _error_rate(one: ExpectedClass) -> Measured:
    found = accuracy(one)
    return None if found is None else (1.0 - found[0], found[1])


_OF_BINARY: Mapping[str, Callable[[ExpectedClass], Measured]] = MappingProxyType(
    {
        "error_rate": _error_rate,
        "accuracy": accuracy,
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "specificity": specificity,
        "actual_rate": actual_rate,
        "roc_auc": roc_auc,
        "average_precision": average_precision,
    }
)
_OF_CLASSES: Mapping[str, Callable[[ExpectedClass], Measured]] = MappingProxyType(
    {"macro_precision": precision, "macro_recall": recall, "macro_f1": f1, "roc_auc": roc_auc}
)
"""Of several classes: means over those that occur."""


def estimated(task: Task, classes: Sequence[tuple[Calibration, Counts]]) -> dict[str, Measure]:
    """Estimate every measure that scores let one expect.

    Parameters
    ----------
    task
        ``binary`` or ``multiclass``.
    classes
        Of each class whose scores are calibrated (of a binary model the positive one) its calibration, and the rows by
        prediction and block, shape ``(2, k)`` as in `ExpectedClass`.

    Returns
    -------
    dict
        By name, as in `driftwatch.core.performance.MEASURES`. ``nan`` where undefined, and without rows. The interval
        is of what labels will show of these very rows, if scores mean what they meant.

    References
    ----------
    Garg, S., Balakrishnan, S., Lipton, Z. C., Neyshabur, B., Sedghi, H. (2022): Leveraging unlabeled data to predict
    out-of-distribution performance. https://doi.org/10.48550/arXiv.2201.04234

    Examples
    --------
    >>> calibration = Calibration.of(np.array([0, 1]), np.array([10, 90]), np.array([90, 10]))
    >>> found = estimated(Task.BINARY, [(calibration, np.array([[50, 0], [0, 50]]))])
    >>> round(found["accuracy"].value, 3), round(found["roc_auc"].value, 3)
    (0.9, 0.9)
    """
    parts = [ExpectedClass(rows, calibration.share, calibration.rows) for calibration, rows in classes]
    if task is Task.BINARY:
        return {name: _one(measure, parts) for name, measure in _OF_BINARY.items()}
    found = {"accuracy": _share_of_hits(parts)}
    right = found["accuracy"]
    found["error_rate"] = Measure(
        value=1.0 - right.value,
        standard_error=right.standard_error,
        n=right.n,
        lower=1.0 - right.upper,
        upper=1.0 - right.lower,
    )
    return found | {name: _one(measure, parts) for name, measure in _OF_CLASSES.items()}


def _one(measure: Callable[[ExpectedClass], Measured], parts: Sequence[ExpectedClass]) -> Measure:
    """A measure of one class, or its mean over several.

    Errors of several classes are added up as if they went together, since they may.
    """
    n = parts[0].n if parts else 0
    found = [(measure(part), part) for part in parts if part.n]
    known = [(value, part.error_of(gradient)) for (value, gradient), part in _defined(found)]
    if not known:
        return undefined(n)
    value, error = (sum(one) / len(known) for one in zip(*known, strict=True))
    return normal(value, error, n, within=SHARE)


def _defined(
    found: Sequence[tuple[Measured, ExpectedClass]],
) -> list[tuple[tuple[float, Floats], ExpectedClass]]:
    return [(one, part) for one, part in found if one is not None]


def _share_of_hits(parts: Sequence[ExpectedClass]) -> Measure:
    """Accuracy over several classes: each row was predicted to be of one of them."""
    n = parts[0].n if parts else 0
    if n == 0:
        return undefined(0)
    value = sum(part.hits for part in parts) / n
    error = math.hypot(*(part.error_of(_of_predicted(part) / n) for part in parts))
    return normal(value, error, n, within=SHARE)
