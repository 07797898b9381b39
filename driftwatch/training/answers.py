"""What models say of rows, and what the rows' labels are, in the form that measures take."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from driftwatch.core.records import Task
from driftwatch.errors import TrainingFailed
from driftwatch.training.columns import Classes, Columns
from driftwatch.training.measures import Answers
from driftwatch.training.rows import Rows

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Material:
    """What every trial gets: training and validation rows, and what their columns and classes are."""

    train: Rows
    validation: Rows
    columns: Columns
    classes: Classes

    @classmethod
    def of(cls, train: Rows, validation: Rows, columns: Columns) -> Material:
        """The material, with the classes that the training rows have.

        Raises
        ------
        TrainingFailed
            If a classification has fewer than two classes, or a binary one more.
        """
        classes = Classes()
        if columns.task is not Task.REGRESSION:
            names: set[str] = set()
            for frame in train.batches():
                names |= set(frame[columns.label].unique())
            classes = Classes.of(sorted(names))
            if len(names) < 2 or (columns.task is Task.BINARY and len(names) > 2):
                shown = ", ".join(classes.names[:6]) or "none"
                raise TrainingFailed(
                    f"The training rows have {len(names)} classes ({shown}), which is no {columns.task.value} task."
                )
        return cls(train=train, validation=validation, columns=columns, classes=classes)

    def target(self, frame: pd.DataFrame) -> Any:
        """The labels of rows as a model is trained on them."""
        label = frame[self.columns.label]
        if self.columns.task is Task.REGRESSION:
            return label.to_numpy(dtype=np.float64)
        return self.classes.values(label)

    def labels(self, frame: pd.DataFrame) -> Floats:
        """The labels of rows as measures take them."""
        label = frame[self.columns.label]
        if self.columns.task is Task.REGRESSION:
            return label.to_numpy(dtype=np.float64)
        return self.classes.positions(label)

    def answers(self, model: Any, rows: Any) -> Answers:
        """What a fitted model says of rows, which are in whatever form it takes."""
        predicted = model.predict(rows)
        if self.columns.task is Task.REGRESSION:
            return Answers(values=np.asarray(predicted, dtype=np.float64).reshape(len(predicted)))
        return Answers(values=self.classes.positions(predicted), probabilities=self._probabilities(model, rows))

    def logged_answers(self, frame: pd.DataFrame) -> tuple[Answers, NDArray[np.bool_]]:
        """What the live model said of rows when they were served, and which rows have it."""
        columns = self.columns
        assert columns.prediction is not None
        given = frame[columns.prediction]
        if columns.task is Task.REGRESSION:
            values = given.to_numpy(dtype=np.float64)
            return Answers(values=values), np.isfinite(values)
        values = self.classes.positions(given)
        known = given.notna().to_numpy()
        if not columns.scores:
            return Answers(values=values), known
        scores = frame[list(columns.scores)].to_numpy(dtype=np.float64)
        known = known & np.isfinite(scores).all(axis=1)
        if scores.shape[1] == 1:
            scores = np.hstack([1.0 - scores, scores])
        return Answers(values=values, probabilities=scores), known

    def _probabilities(self, model: Any, rows: Any) -> Floats | None:
        if not hasattr(model, "predict_proba"):
            return None
        given = np.asarray(model.predict_proba(rows), dtype=np.float64)
        place = self.classes.positions(model.classes_).astype(np.intp)
        ordered = np.zeros((len(given), len(self.classes.names)))
        ordered[:, place] = given
        return ordered


def together(parts: Iterable[tuple[Answers, Floats]]) -> tuple[Answers, Floats]:
    """Answers and labels of several batches as one."""
    answers, labels = zip(*parts, strict=True)
    probabilities = [one.probabilities for one in answers]
    return (
        Answers(
            values=np.concatenate([one.values for one in answers]),
            probabilities=None
            if any(one is None for one in probabilities)
            else np.concatenate([one for one in probabilities if one is not None]),
        ),
        np.concatenate(labels),
    )
