"""Gradient training by ``partial_fit``: full batches, mini-batches or single examples, over epochs, in bounded memory.

One pass over the training rows finds the categories and fits the scaler; then every epoch reads the rows anew, in a
random order out of a bounded buffer (`driftwatch.training.rows.Rows.shuffled`). After each epoch the validation rows
are measured, and the weights of the best epoch are kept; the training ends when so many epochs were no better. Memory
does not grow with the number of rows, except with full batches, whose nature it is.

What an estimator makes of a batch is its own: scikit-learn's SGD estimators go through it row by row, its neural
networks take one step a batch (their ``batch_size`` is set to that of the recipe).
"""

from __future__ import annotations

import copy
import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from sklearn import config_context
from sklearn.pipeline import Pipeline

from driftwatch.errors import RecipeError
from driftwatch.training.answers import Floats, Material, together
from driftwatch.training.callbacks import GuardedEstimator
from driftwatch.training.category_names import CategoryNames
from driftwatch.training.estimators import ALLOWED
from driftwatch.training.fitting import Fitted, configured, in_time, look_at, noted
from driftwatch.training.measures import Answers, Measure
from driftwatch.training.preparation import MODEL, NUMERIC, PREPARE, SCALE, streamed_preparation
from driftwatch.training.recipe import BatchKind, GradientRecipe, Recipe
from driftwatch.training.rows import GROUP_ROWS
from driftwatch.training.watching import Watching

_SINGLES_A_STEP = 64
"""Single examples between two looks of the guard."""

_WIDEST_DENSE = 2_000
"""Columns up to which rows are taken one by one from a dense array, which is faster."""

_MOST_CATEGORIES_MET = 100_000


class GradientFitter:
    """Fits by ``partial_fit``; see `driftwatch.training.fitting.Fitter`. A share of the resource is one of the epochs.

    Parameters
    ----------
    material, recipe, measure
        What is fitted, and what it is measured by. The recipe has a ``gradient``.
    allowed
        Packages that estimators may come from.
    watching
        Makes the guards.

    Raises
    ------
    RecipeError
        If the estimator has no ``partial_fit``, or preparation is asked for that cannot be fitted batch by batch.
    """

    def __init__(
        self,
        material: Material,
        recipe: Recipe,
        measure: Measure,
        watching: Watching,
        allowed: Collection[str] = ALLOWED,
    ) -> None:
        assert recipe.gradient is not None
        self._material = material
        self._recipe = recipe
        self._gradient: GradientRecipe = recipe.gradient
        self._measure = measure
        self._watching = watching
        self._allowed = allowed
        self._prepared: list[tuple[str, Any]] | None = None
        _check(configured(recipe, {}, 0, allowed), recipe)

    def fit(self, parameters: Mapping[str, Any], seed: int, share: float, deadline: float) -> Fitted:
        """See `driftwatch.training.fitting.Fitter`."""
        touched = [name for name in parameters if "__" in name and not name.startswith(f"{MODEL}__")]
        if touched:
            raise RecipeError(
                "is fitted once for all trials of gradient training.",
                field=f"search.space.{touched[0]}",
                remedy="Search parameters of the estimator.",
            )
        if self._prepared is None:
            self._prepared = self._prepare()
        estimator = configured(self._recipe, parameters, seed, self._allowed).named_steps[MODEL]
        if "batch_size" in estimator.get_params() and self._gradient.batch is not BatchKind.SINGLE:
            estimator.set_params(batch_size=self._batch_rows())
        guarded = GuardedEstimator(estimator, self._watching.guard())
        epochs = max(math.ceil(share * self._gradient.epochs), 1)
        with noted() as notes:
            best, value, used = self._epochs(guarded, epochs, seed, deadline)
        return Fitted(
            pipeline=Pipeline([*self._prepared, (MODEL, best)]),
            value=value,
            certificate=guarded.guard.certificate(),
            notes=tuple(notes),
            epochs=used,
        )

    def _epochs(self, guarded: GuardedEstimator, epochs: int, seed: int, deadline: float) -> tuple[Any, float, int]:
        """The best weights on the validation rows, their value, and after how many epochs they were had."""
        random = np.random.default_rng(seed)
        best: tuple[Any, float, int] | None = None
        for epoch in range(1, epochs + 1):
            for X, y in self._chunks(random):
                self._learn(guarded, X, y)
                if best is not None and not in_time(deadline):
                    return best
            value = self._value(guarded)
            if best is None or self._measure.gain(best[1], value) > self._gradient.least_improvement:
                best = copy.deepcopy(guarded.estimator), value, epoch
            elif epoch - best[2] >= self._gradient.patience:
                break
            if not in_time(deadline):
                break
        assert best is not None
        return best

    def _learn(self, guarded: GuardedEstimator, X: Any, y: Any) -> None:
        """Learn from prepared rows, a batch a step."""
        rows = self._batch_rows()
        options = {"classes": self._classes()} if self._material.classes.names else {}
        if self._gradient.batch is BatchKind.SINGLE:
            if hasattr(X, "toarray") and X.shape[1] <= _WIDEST_DENSE:
                X = X.toarray()
            # The same checks for each single row would take most of the time; what was prepared has passed them.
            with config_context(assume_finite=True, skip_parameter_validation=True):
                for start in range(0, len(y), _SINGLES_A_STEP):
                    end = start + _SINGLES_A_STEP
                    guarded.partial_fit(X[start:end], y[start:end], rows=1, **options)
            return
        for start in range(0, len(y), rows):
            guarded.partial_fit(X[start : start + rows], y[start : start + rows], **options)

    def _batch_rows(self) -> int:
        if self._gradient.batch is BatchKind.FULL:
            return len(self._material.train)
        return 1 if self._gradient.batch is BatchKind.SINGLE else self._gradient.rows

    def _classes(self) -> Any:
        return self._material.classes.values(list(self._material.classes.names))

    def _chunks(self, random: np.random.Generator) -> Iterator[tuple[Any, Any]]:
        """An epoch's rows, prepared, in chunks of whole batches."""
        train, rows = self._material.train, self._batch_rows()
        if self._gradient.batch is BatchKind.FULL:
            frames: Iterator[pd.DataFrame] = iter([train.frame()])
        else:
            chunk = max(GROUP_ROWS // rows, 1) * rows
            frames = (
                train.shuffled(chunk, self._gradient.buffer_rows, random)
                if self._gradient.shuffle
                else train.batches(chunk)
            )
        for frame in frames:
            yield self._transformed(frame), self._material.target(frame)

    def _transformed(self, frame: pd.DataFrame) -> Any:
        assert self._prepared is not None
        return Pipeline(self._prepared).transform(frame[self._material.columns.features])

    def _value(self, guarded: GuardedEstimator) -> float:
        """The value on the validation rows, read batch by batch."""
        parts: list[tuple[Answers, Floats]] = []
        for frame in self._material.validation.batches():
            answers = self._material.answers(guarded.estimator, self._transformed(frame))
            parts.append((answers, self._material.labels(frame)))
        answers, labels = together(parts)
        look_at(answers, guarded.guard)
        return self._measure.of(answers, labels)

    def _prepare(self) -> list[tuple[str, Any]]:
        """The preparation and the further steps, fitted on the training rows in passes over them."""
        data = self._recipe.data
        train, features = self._material.train, self._material.columns.features
        template = configured(self._recipe, {}, self._recipe.seed, self._allowed)
        prepare = streamed_preparation(
            data,
            self._recipe.preparation,
            self._categories(),
            sparse_threshold=template.named_steps[PREPARE].sparse_threshold,
        )
        scaler: Any = None
        for number, frame in enumerate(train.batches()):
            if number == 0:
                prepare.fit(frame[features])
                scaler = prepare.named_transformers_[NUMERIC].named_steps[SCALE] if data.numeric else None
            elif hasattr(scaler, "partial_fit"):
                scaler.partial_fit(frame[list(data.numeric)])
        fitted: list[tuple[str, Any]] = [(PREPARE, prepare)]
        for name, step in template.steps[1:-1]:
            for frame in train.batches():
                step.partial_fit(Pipeline(fitted).transform(frame[features]))
            fitted.append((name, step))
        return fitted

    def _categories(self) -> list[list[str]]:
        """The categories of each column that training rows have often enough, the most frequent first to stay."""
        data, recipe = self._recipe.data, self._recipe.preparation
        counts: list[Counter[str]] = [Counter() for _ in data.categorical]
        if recipe.categories == "none":
            return [[] for _ in counts]
        for frame in self._material.train.batches():
            names = CategoryNames().fit_transform(frame[list(data.categorical)]) if counts else None
            for position, count in enumerate(counts):
                assert names is not None
                count.update(names[:, position].tolist())
                if len(count) > _MOST_CATEGORIES_MET:
                    raise RecipeError(
                        f"has more than {_MOST_CATEGORIES_MET:,} categories.",
                        field=f"data.categorical: {data.categorical[position]}",
                        remedy="Leave it out, or group it.",
                    )
        return [
            sorted(name for name, n in one.most_common(recipe.most_categories) if n >= recipe.least_rows)
            for one in counts
        ]


def _check(pipeline: Pipeline, recipe: Recipe) -> None:
    if not hasattr(pipeline.named_steps[MODEL], "partial_fit"):
        raise RecipeError(
            f"{recipe.estimator.name} has no partial_fit.", field="gradient", remedy="Leave the section out."
        )
    for number, (_, step) in enumerate(pipeline.steps[1:-1]):
        if not hasattr(step, "partial_fit"):
            raise RecipeError("cannot be fitted batch by batch (it has no partial_fit).", field=f"steps[{number}]")
    if recipe.preparation.scale == "robust":
        raise RecipeError(
            "'robust' cannot be fitted batch by batch.", field="preparation.scale", remedy="Use standard."
        )
    if recipe.preparation.categories == "none" and recipe.data.categorical:
        raise RecipeError("'none' gives an estimator no numbers.", field="preparation.categories")
