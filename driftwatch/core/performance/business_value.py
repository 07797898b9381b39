"""What predictions are worth: a matrix with the value of each pair of label and prediction, and the mean over rows."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import numpy as np

from driftwatch.core.performance.confusion import Confusion
from driftwatch.core.performance.measure import Measure, normal, undefined

if TYPE_CHECKING:
    from driftwatch.core.performance.sums import PerformanceSums
    from driftwatch.core.schema import Schema

BUSINESS_VALUE = "business_value"
"""The name of the measure."""

ValueMatrix = tuple[tuple[float, ...], ...]
"""By label, then prediction, in the order of the classes."""


def value_matrix(values: Mapping[str, Mapping[str, float]], classes: tuple[str, ...]) -> ValueMatrix:
    """The matrix of values that were named; pairs that were not are worth 0.

    Parameters
    ----------
    values
        By label, then prediction: ``{"fraud": {"fine": -500.0}, "fine": {"fraud": -5.0}}``.
    classes
        In their order.

    Raises
    ------
    ValueError
        If a name is none of the classes, or a value is not finite.

    Examples
    --------
    >>> value_matrix({"fraud": {"fine": -500.0}}, ("fine", "fraud"))
    ((0.0, 0.0), (-500.0, 0.0))
    """
    for label, row in values.items():
        for name in (label, *row):
            if name not in classes:
                raise ValueError(f"{name!r} is none of the classes {', '.join(classes) or '(there are none)'}")
        if not all(math.isfinite(value) for value in row.values()):
            raise ValueError(f"a value of label {label!r} is not finite")
    return tuple(tuple(float(values.get(label, {}).get(one, 0.0)) for one in classes) for label in classes)


def business_value(sums: PerformanceSums, matrix: ValueMatrix) -> Measure:
    """The mean value of a row; undefined where a label or a prediction is none of the classes.

    Times the number of labels it is the value of all of them.
    """
    counts = Confusion.of(sums)
    if counts.n == 0 or counts.counts[-1].any() or counts.counts[:, -1].any():
        return undefined(counts.n)
    values = np.zeros(counts.counts.shape)
    values[:-1, :-1] = matrix
    return normal(float((values * counts.counts).sum()) / counts.n, counts.error_of(values), counts.n)


def measured(schema: Schema, sums: PerformanceSums, names: Collection[str] | None = None) -> Mapping[str, Measure]:
    """The measures of sums, and the business value where the schema has values.

    Parameters
    ----------
    schema
        Of the model.
    sums
        Of its labelled rows.
    names
        The measures wanted, as of `PerformanceSums.measures`; the business value is always there.
    """
    found = dict(sums.measures(names))
    if schema.values:
        found[BUSINESS_VALUE] = business_value(sums, schema.values)
    return found
