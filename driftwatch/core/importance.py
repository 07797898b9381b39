r"""How much each column's evidence counts: half alike, half as the model's feature importance says.

A kind of alert alarms on an average of its columns' evidence. An average of e-detectors with any weights that were
fixed before the data is one too, so that weights cost nothing of the budget; they say where to look. Of ``K`` columns

.. math:: w_i = \frac{1 - s}{K} + s \frac{v_i}{\sum_j v_j}, \quad s = 1/2

with the importance ``v``. Importance is measured on old data, by methods that disagree, and a column of none can still
break the model the day it breaks: with half of the weight spread alike, no column needs more than twice the evidence
that it would need without importance; one that is all the model looks at needs ``2 / (K + 1)`` of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from driftwatch.core.frames import missing_column
from driftwatch.core.records import ColumnRole
from driftwatch.core.schema import Schema
from driftwatch.errors import ReferenceDataError

IMPORTANCE_SHARE = 0.5
"""The part ``s`` of the weight that follows the importance; the rest is spread alike."""


def column_weights(columns: Sequence[str], importance: Mapping[str, float]) -> dict[str, float]:
    """The weights of some columns, adding up to 1.

    Parameters
    ----------
    columns
        Their names, each once.
    importance
        By name, not negative, in any unit; a column that is not named has 0. Empty, or 0 for all: columns count alike.

    Examples
    --------
    >>> column_weights(["a", "b"], {"a": 3.0, "b": 1.0})
    {'a': 0.625, 'b': 0.375}
    >>> column_weights(["a", "b"], {})
    {'a': 0.5, 'b': 0.5}
    """
    shares = _shares({column: importance.get(column, 0.0) for column in columns})
    if not shares:
        return dict.fromkeys(columns, 1.0 / max(len(columns), 1))
    alike = (1.0 - IMPORTANCE_SHARE) / len(columns)
    return {column: alike + IMPORTANCE_SHARE * share for column, share in shares.items()}


def _shares(values: Mapping[str, float]) -> dict[str, float]:
    """Values divided by their sum; empty where all are 0."""
    largest = max(values.values(), default=0.0)
    if largest <= 0.0:
        return {}
    # Divided by the largest first: a sum of huge numbers could overflow, a part of tiny ones be nothing.
    total = math.fsum(value / largest for value in values.values())
    return {name: value / largest / total for name, value in values.items()}


def importance_shares(importance: Mapping[str, float], schema: Schema, existing: Sequence[str]) -> dict[str, float]:
    """What was said of the importance of features, as shares of those that are watched.

    Parameters
    ----------
    importance
        By column, in any unit. Columns that the schema sets aside, or that were ignored, are left out.
    schema
        Of the baseline.
    existing
        Every column of the reference.

    Returns
    -------
    dict
        Adding up to 1; empty where nothing was said.

    Raises
    ------
    ReferenceDataError
        If a column is not there or no feature, a number is negative or not finite, or all are 0.
    """
    targets = {column.name for column in schema.columns if column.role is not ColumnRole.FEATURE} | {schema.timestamp}
    for name, value in importance.items():
        if name not in existing:
            raise missing_column(name, existing, ReferenceDataError, of="the reference")
        if name in targets:
            raise ReferenceDataError("it is no feature, so it has no importance.", field=f"importance.{name}")
        if not 0.0 <= value < math.inf:
            raise ReferenceDataError(
                f"{value!r} is no importance.", field=f"importance.{name}", remedy="Write 0 for a negative one."
            )
    features = [column.name for column in schema.columns if column.role is ColumnRole.FEATURE]
    shares = _shares({name: float(importance[name]) for name in features if name in importance})
    if importance and not shares:
        raise ReferenceDataError("no column that is watched has any.", field="importance", remedy="Leave it out.")
    return shares
