"""One trial: a pipeline is fitted on training rows and measured on validation rows."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from sklearn.pipeline import Pipeline

from driftwatch.training.answers import Material
from driftwatch.training.estimators import ALLOWED
from driftwatch.training.guard import Certificate, TrainingGuard
from driftwatch.training.measures import Answers, Measure
from driftwatch.training.preparation import MODEL, build_pipeline, parameter_name
from driftwatch.training.recipe import Recipe
from driftwatch.training.watching import Watching

_MOST_NOTES = 5
_CURVES = ("loss_curve_", "train_score_")


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Fitted:
    """A fitted pipeline, its value on the validation rows, and that its guard did not stop it."""

    pipeline: Pipeline
    value: float
    certificate: Certificate
    notes: tuple[str, ...] = ()
    epochs: int | None = None


class Fitter(Protocol):
    """Fits one point of a search space."""

    def fit(self, parameters: Mapping[str, Any], seed: int, share: float, deadline: float) -> Fitted:
        """Fit with these parameters, this seed, and a share of the rows or epochs.

        Raises
        ------
        TrainingStopped
            If the guard stops it.
        """
        ...


class WholeFitter:
    """Fits on all training rows at once, by ``fit``. The rows are read into memory when the first trial begins.

    Parameters
    ----------
    material, recipe, measure
        What is fitted, and what it is measured by.
    allowed
        Packages that estimators may come from.
    watching
        Makes the guards.
    """

    def __init__(
        self,
        material: Material,
        recipe: Recipe,
        measure: Measure,
        watching: Watching,
        allowed: Collection[str] = ALLOWED,
    ) -> None:
        self._material = material
        self._recipe = recipe
        self._measure = measure
        self._watching = watching
        self._allowed = allowed
        self._train: tuple[Any, Any] | None = None
        self._validation: tuple[Any, Any] | None = None

    def fit(self, parameters: Mapping[str, Any], seed: int, share: float, deadline: float) -> Fitted:
        """See `Fitter`; a share of the rows is drawn at random, by the recipe's seed."""
        pipeline = configured(self._recipe, parameters, seed, self._allowed)
        X, y = self._training_rows()
        if share < 1.0:
            random = np.random.default_rng(self._recipe.seed)
            rows = np.sort(random.permutation(len(X))[: max(int(share * len(X)), 2)])
            X, y = X.iloc[rows], y[rows]
        guard = self._watching.guard()
        with noted() as notes:
            pipeline.fit(X, y)
            look_back(pipeline.named_steps[MODEL], guard)
            frame, labels = self._validation_rows()
            answers = self._material.answers(pipeline, frame)
        look_at(answers, guard)
        return Fitted(
            pipeline=pipeline,
            value=self._measure.of(answers, labels),
            certificate=guard.certificate(),
            notes=tuple(notes),
        )

    def _training_rows(self) -> tuple[Any, Any]:
        if self._train is None:
            frame = self._material.train.frame()
            self._train = frame[self._material.columns.features], self._material.target(frame)
        return self._train

    def _validation_rows(self) -> tuple[Any, Any]:
        if self._validation is None:
            frame = self._material.validation.frame()
            self._validation = frame[self._material.columns.features], self._material.labels(frame)
        return self._validation


def configured(recipe: Recipe, parameters: Mapping[str, Any], seed: int, allowed: Collection[str]) -> Pipeline:
    """The recipe's pipeline with some parameters set.

    Raises
    ------
    RecipeError
        If there is no such parameter.
    """
    pipeline = build_pipeline(recipe, allowed=allowed, seed=seed)
    return pipeline.set_params(**{parameter_name(pipeline, name): value for name, value in parameters.items()})


def look_back(estimator: Any, guard: TrainingGuard) -> None:
    """Tell a guard the losses that an estimator kept of its own training, where it keeps any.

    Raises
    ------
    TrainingStopped
        If they show that it went wrong.
    """
    for name in _CURVES:
        for loss in np.asarray(getattr(estimator, name, ()), dtype=np.float64).ravel().tolist():
            guard.step(loss=loss)


def look_at(answers: Answers, guard: TrainingGuard) -> None:
    """Tell a guard of answers that are no numbers.

    Raises
    ------
    TrainingStopped
        If there are any.
    """
    given = answers.values if answers.probabilities is None else answers.probabilities
    if not np.isfinite(given).all():
        guard.step(loss=math.nan)


@contextmanager
def noted() -> Iterator[list[str]]:
    """Collect the warnings of a fit, each once, as notes; a trial that does not converge is still a trial."""
    notes: list[str] = []
    with warnings.catch_warnings(record=True) as caught, np.errstate(all="ignore"):
        warnings.simplefilter("always")
        yield notes
    seen = dict.fromkeys(f"{one.category.__name__}: {' '.join(str(one.message).split())[:200]}" for one in caught)
    notes += list(seen)[:_MOST_NOTES]


def in_time(deadline: float) -> bool:
    """Whether there is time left."""
    return time.monotonic() < deadline
