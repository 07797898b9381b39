"""Labelled rows of each task, drawn with a seed, and their sums."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from driftwatch.core.performance import PerformanceSums
from driftwatch.core.records import Task
from driftwatch.core.table import Names, Numbers


@dataclass(frozen=True)
class Rows:
    """Labels, predictions and scores as scikit-learn takes them: classes are whole numbers."""

    task: Task
    label: np.ndarray
    prediction: np.ndarray
    scores: np.ndarray | None = None
    n_classes: int = 0

    def take(self, rows) -> Rows:
        scores = None if self.scores is None else self.scores[rows]
        return Rows(self.task, self.label[rows], self.prediction[rows], scores, self.n_classes)

    def sums(self) -> PerformanceSums:
        if self.task is Task.REGRESSION:
            return PerformanceSums.of(self.task, (), Numbers(self.prediction), Numbers(self.label))
        classes = tuple(map(str, range(self.n_classes)))
        names = (*classes, "other")
        prediction, label = (Names(one.astype(np.int32), names) for one in (self.prediction, self.label))
        scores = [] if self.scores is None else list(self.scores.T)
        return PerformanceSums.of(self.task, classes, prediction, label, scores)


def binary(n=2_000, seed=1, digits=None, base_rate=0.3) -> Rows:
    rng = np.random.default_rng(seed)
    label = (rng.random(n) < base_rate).astype(int)
    scores = 1.0 / (1.0 + np.exp(-(1.6 * label - 1.2 + rng.normal(size=n))))
    if digits is not None:
        scores = np.round(scores, digits)
    return Rows(Task.BINARY, label, (scores > 0.5).astype(int), scores[:, np.newaxis], 2)


def multiclass(n=2_000, seed=2, n_classes=4, digits=None) -> Rows:
    rng = np.random.default_rng(seed)
    label = rng.choice(n_classes, n, p=np.arange(1, n_classes + 1) / (n_classes * (n_classes + 1) / 2))
    raw = rng.normal(size=(n, n_classes)) + 1.3 * np.eye(n_classes)[label]
    scores = np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)
    if digits is not None:
        scores = np.round(scores, digits)
    return Rows(Task.MULTICLASS, label, scores.argmax(axis=1), scores, n_classes)


def regression(n=2_000, seed=3, centre=20.0) -> Rows:
    rng = np.random.default_rng(seed)
    label = np.exp(rng.normal(size=n)) + centre
    return Rows(Task.REGRESSION, label, label + rng.gumbel(-0.3, 1.0, n))
