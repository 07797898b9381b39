"""The loss of each row by itself: what weak segments are found by."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.multivariate.rows import RowSample
from driftwatch.core.performance import LOSS_MEASURE
from driftwatch.core.records import ColumnRole, Task
from driftwatch.core.schema import Schema
from driftwatch.core.table import Names, Numbers, Table, Values
from driftwatch.core.weak_segments import WeakSegments, find_weak_segments
from driftwatch.errors import InputError

MOST_ROWS = 100_000
"""Rows that weak segments are looked for in; of more, a uniform sample."""


def row_losses(task: Task, prediction: Values, label: Values) -> NDArray[np.float64]:
    """The absolute error of a regression, 1 for a wrong class and 0 for the right one.

    Parameters
    ----------
    task
        Of the model.
    prediction, label
        Columns of equal length.

    Returns
    -------
    array of shape ``(n,)``
        ``nan`` where either is missing.

    Examples
    --------
    >>> row_losses(Task.BINARY, Names.of(["a", "b", None]), Names.of(["a", "a", "a"])).tolist()
    [0.0, 1.0, nan]
    """
    if task is Task.REGRESSION:
        if not (isinstance(prediction, Numbers) and isinstance(label, Numbers)):
            raise TypeError("regression compares numbers with numbers")
        with np.errstate(over="ignore", invalid="ignore"):
            errors = np.abs(prediction.values - label.values)
        return np.where(np.isfinite(errors), errors, np.nan)
    if not (isinstance(prediction, Names) and isinstance(label, Names)):
        raise TypeError("classification compares names with names")
    predicted = prediction.recoded(label.names)
    wrong = (predicted != label.codes).astype(np.float64)
    return np.where((predicted < 0) | (label.codes < 0), np.nan, wrong)


class LabelledRows:
    """A sample of rows with what their loss needs, from frames that come one after another.

    Parameters
    ----------
    schema
        Of the baseline.
    most
        Rows at most.

    Raises
    ------
    InputError
        If the baseline has no prediction or no label.
    """

    def __init__(self, schema: Schema, most: int = MOST_ROWS) -> None:
        if schema.prediction is None or schema.label is None:
            raise InputError(
                "weak segments are found by the model's errors, and the baseline knows no prediction or no label.",
                field="weak_segments",
                remedy="Fit it with both.",
            )
        self._schema = schema
        roles = (ColumnRole.FEATURE, ColumnRole.PREDICTION, ColumnRole.LABEL)
        columns = [column for column in schema.columns if column.role in roles]
        self.sample = RowSample(columns, most, timestamp=schema.timestamp)

    def add(self, frame: Any) -> None:
        """Take rows in, as `RowSample.add`."""
        self.sample.add(frame)

    def found(self) -> WeakSegments:
        """The weak segments of the rows that have a label."""
        schema, table = self._schema, self.sample.table()
        measure = LOSS_MEASURE[schema.task]
        if schema.prediction not in table or schema.label not in table:
            return find_weak_segments(Table({}, 0), np.zeros(0), measure=measure)
        losses = row_losses(schema.task, table[schema.prediction or ""], table[schema.label or ""])
        features = {column.name: table[column.name] for column in schema.features if column.name in table}
        return find_weak_segments(Table(features, len(table)), losses, measure=measure)


__all__ = ["MOST_ROWS", "LabelledRows", "row_losses"]
