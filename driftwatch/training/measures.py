"""Measures of quality as functions of sums over rows, so that resampling costs nothing but adding up.

A measure gives every row a few numbers; its value is a function of their sums. With the sums of blocks of rows, a
resample of blocks is a weighted sum. The two measures of ranking, which are no function of sums, take weights of rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.records import Task
from driftwatch.errors import RecipeError

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Answers:
    """What a model says of some rows.

    Attributes
    ----------
    values
        Regression: the predictions. Classification: the position of the predicted class among ``classes``.
    probabilities
        Of shape ``(n, classes)``; None where the model has none.
    """

    values: Floats
    probabilities: Floats | None = None

    def take(self, rows: NDArray[np.intp]) -> Answers:
        """Some of the rows."""
        return Answers(
            values=self.values[rows], probabilities=None if self.probabilities is None else self.probabilities[rows]
        )


Terms = Callable[[Answers, Floats], Floats]
Value = Callable[[Floats], Floats]
Ranking = Callable[[Floats, Floats, Floats], float]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Measure:
    """A measure of quality.

    Attributes
    ----------
    name, tasks
        What it is called, and what it measures.
    higher_is_better
        Which way is up.
    terms
        Numbers of each row, of shape ``(n, k)``, from answers and labels.
    value
        From sums of shape ``(..., k)`` to values of shape ``(...)``; ``nan`` where undefined.
    ranking
        Instead of both: from scores, labels (0 or 1) and weights of rows to the value.
    needs_probabilities
        Whether classes alone do not do.
    """

    name: str
    tasks: frozenset[Task]
    higher_is_better: bool = False
    terms: Terms | None = None
    value: Value | None = None
    ranking: Ranking | None = None
    needs_probabilities: bool = False

    def of(self, answers: Answers, labels: Floats) -> float:
        """The measure over all rows; ``nan`` without rows, or where it is undefined.

        Parameters
        ----------
        answers, labels
            Of equal length; labels are numbers, or positions of classes.
        """
        if not len(labels):
            return float("nan")
        if self.ranking is not None:
            return self.ranking(positive_scores(answers), labels, np.ones(len(labels)))
        assert self.terms is not None
        assert self.value is not None
        return float(self.value(self.terms(answers, labels).sum(axis=0)))

    def gain(self, champion: float, challenger: float) -> float:
        """By how much the challenger is better; negative where it is worse."""
        return challenger - champion if self.higher_is_better else champion - challenger


def positive_scores(answers: Answers) -> Floats:
    """What a binary model's rows are ranked by: the probability of the last class, or the class itself."""
    return answers.values if answers.probabilities is None else answers.probabilities[:, -1]


def _error_terms(power: int) -> Terms:
    def terms(answers: Answers, labels: Floats) -> Floats:
        return np.stack([np.abs(answers.values - labels) ** power, np.ones(len(labels))], axis=1)

    return terms


def _r2_terms(answers: Answers, labels: Floats) -> Floats:
    return np.stack([(answers.values - labels) ** 2, labels, labels * labels, np.ones(len(labels))], axis=1)


def _r2(sums: Floats) -> Floats:
    squares, label, label_squares, n = (sums[..., at] for at in range(4))
    spread = label_squares - label * label / n
    return np.asarray(1.0 - np.divide(squares, spread, out=np.full_like(squares, np.nan), where=spread > 0))


def _mean(sums: Floats) -> Floats:
    return np.asarray(
        np.divide(sums[..., 0], sums[..., 1], out=np.full(sums.shape[:-1], np.nan), where=sums[..., 1] > 0)
    )


def _root_mean(sums: Floats) -> Floats:
    return np.asarray(np.sqrt(_mean(sums)))


def _hit_terms(answers: Answers, labels: Floats) -> Floats:
    return np.stack([answers.values == labels, np.ones(len(labels))], axis=1).astype(np.float64)


def _miss_terms(answers: Answers, labels: Floats) -> Floats:
    return np.stack([answers.values != labels, np.ones(len(labels))], axis=1).astype(np.float64)


def _confusion_terms(answers: Answers, labels: Floats) -> Floats:
    """True positives, false positives, false negatives, true negatives of the last of two classes."""
    yes, is_yes = answers.values > 0, labels > 0
    return np.stack([yes & is_yes, yes & ~is_yes, ~yes & is_yes, ~yes & ~is_yes], axis=1).astype(np.float64)


def _f1(sums: Floats) -> Floats:
    hits, divisor = 2.0 * sums[..., 0], 2.0 * sums[..., 0] + sums[..., 1] + sums[..., 2]
    return np.asarray(np.divide(hits, divisor, out=np.zeros_like(divisor), where=divisor > 0))


def _balanced_accuracy(sums: Floats) -> Floats:
    hit, false, missed, other = (sums[..., at] for at in range(4))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((hit / (hit + missed) + other / (other + false)) / 2.0)


def _of_label(answers: Answers, labels: Floats) -> Floats:
    assert answers.probabilities is not None
    known = labels >= 0
    chosen = np.where(known, labels, 0).astype(np.intp)
    return np.where(known, answers.probabilities[np.arange(len(labels)), chosen], 0.0)


def _log_loss_terms(answers: Answers, labels: Floats) -> Floats:
    smallest = np.finfo(np.float64).eps
    return np.stack([-np.log(np.clip(_of_label(answers, labels), smallest, 1.0)), np.ones(len(labels))], axis=1)


def _brier_terms(answers: Answers, labels: Floats) -> Floats:
    assert answers.probabilities is not None
    squares = (answers.probabilities**2).sum(axis=1) - 2.0 * _of_label(answers, labels) + 1.0
    # As with two classes: the squared error of the last one's probability.
    scale = 2.0 if answers.probabilities.shape[1] == 2 else 1.0
    return np.stack([squares / scale, np.ones(len(labels))], axis=1)


def _roc_auc(scores: Floats, labels: Floats, weights: Floats) -> float:
    order = np.argsort(scores, kind="stable")
    score, weight, is_yes = scores[order], weights[order], labels[order] > 0
    ends = np.flatnonzero(np.r_[score[1:] != score[:-1], True])
    yes = np.diff(np.r_[0.0, np.cumsum(weight * is_yes)[ends]])
    no = np.diff(np.r_[0.0, np.cumsum(weight * ~is_yes)[ends]])
    total = yes.sum() * no.sum()
    below = np.cumsum(no) - no
    return float((yes * (below + 0.5 * no)).sum() / total) if total > 0 else float("nan")


def _average_precision(scores: Floats, labels: Floats, weights: Floats) -> float:
    order = np.argsort(-scores, kind="stable")
    score, weight, is_yes = scores[order], weights[order], labels[order] > 0
    ends = np.flatnonzero(np.r_[score[1:] != score[:-1], True])
    yes, every = np.cumsum(weight * is_yes)[ends], np.cumsum(weight)[ends]
    if not yes[-1] > 0:
        return float("nan")
    precision = np.divide(yes, every, out=np.zeros_like(yes), where=every > 0)
    return float((np.diff(np.r_[0.0, yes]) * precision).sum() / yes[-1])


_REGRESSION = frozenset({Task.REGRESSION})
_BINARY = frozenset({Task.BINARY})
_CLASSES = frozenset({Task.BINARY, Task.MULTICLASS})

MEASURES: Mapping[str, Measure] = MappingProxyType(
    {
        one.name: one
        for one in (
            Measure(name="mae", tasks=_REGRESSION, terms=_error_terms(1), value=_mean),
            Measure(name="mse", tasks=_REGRESSION, terms=_error_terms(2), value=_mean),
            Measure(name="rmse", tasks=_REGRESSION, terms=_error_terms(2), value=_root_mean),
            Measure(name="r2", tasks=_REGRESSION, higher_is_better=True, terms=_r2_terms, value=_r2),
            Measure(name="error_rate", tasks=_CLASSES, terms=_miss_terms, value=_mean),
            Measure(name="accuracy", tasks=_CLASSES, higher_is_better=True, terms=_hit_terms, value=_mean),
            Measure(name="f1", tasks=_BINARY, higher_is_better=True, terms=_confusion_terms, value=_f1),
            Measure(
                name="balanced_accuracy",
                tasks=_BINARY,
                higher_is_better=True,
                terms=_confusion_terms,
                value=_balanced_accuracy,
            ),
            Measure(name="log_loss", tasks=_CLASSES, terms=_log_loss_terms, value=_mean, needs_probabilities=True),
            Measure(name="brier", tasks=_CLASSES, terms=_brier_terms, value=_mean, needs_probabilities=True),
            Measure(name="roc_auc", tasks=_BINARY, higher_is_better=True, ranking=_roc_auc, needs_probabilities=True),
            Measure(
                name="average_precision",
                tasks=_BINARY,
                higher_is_better=True,
                ranking=_average_precision,
                needs_probabilities=True,
            ),
        )
    }
)


def measure_of(name: str, task: Task) -> Measure:
    """A measure by its name.

    Raises
    ------
    RecipeError
        If there is none of this name for the task.
    """
    found = MEASURES.get(name)
    if found is None or task not in found.tasks:
        fitting = ", ".join(one.name for one in MEASURES.values() if task in one.tasks)
        raise RecipeError(
            f"{name!r} measures no {task.value} model.", field="promotion.measure", remedy=f"Use one of {fitting}."
        )
    return found
