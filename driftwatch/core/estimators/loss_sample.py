"""A uniform sample of labelled rows that go by: the cells of their features, and their errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.cells import cell_codes
from driftwatch.core.estimators.dle import MOST_ROWS, LossModel, fitted_loss_model
from driftwatch.core.records import ColumnRole
from driftwatch.core.schema import Schema
from driftwatch.core.table import Numbers, Table

if TYPE_CHECKING:
    from driftwatch.core.baseline import ColumnBaseline

_SEED = 20_240_229


class LossSample:
    """Rows of a regression that a model of the loss is fitted on.

    Every row draws a key, and those with the smallest keys stay: the same rows in other batches give the same sample.

    Parameters
    ----------
    schema
        Of the watched model.
    columns
        The baseline's, over whose cells the features are told.
    """

    def __init__(self, schema: Schema, columns: Mapping[str, ColumnBaseline]) -> None:
        self._schema = schema
        self._columns = columns
        self._random = np.random.default_rng(_SEED)
        self._keys = np.zeros(0)
        self._errors = np.zeros(0)
        self._codes: dict[str, NDArray[np.int32]] = {}

    def add(self, table: Table) -> None:
        """Let rows go by; those without label or prediction, and features that the table lacks, are left out."""
        label, prediction = (
            table.columns.get(self._schema.label or ""),
            table.columns.get(self._schema.prediction or ""),
        )
        if not (isinstance(label, Numbers) and isinstance(prediction, Numbers)):
            return
        keys = self._random.random(len(table))
        with np.errstate(over="ignore", invalid="ignore"):
            errors = np.abs(prediction.values - label.values)
        chosen = np.flatnonzero(np.isfinite(errors))
        if len(self._keys) >= MOST_ROWS:
            chosen = chosen[keys[chosen] < self._keys.max()]
        if len(chosen) > MOST_ROWS:
            chosen = np.sort(chosen[np.argpartition(keys[chosen], MOST_ROWS - 1)[:MOST_ROWS]])
        if len(chosen) == 0:
            return
        rows = table.take(chosen)
        names = [
            column.name for column in self._schema.columns if column.role is ColumnRole.FEATURE and column.name in table
        ]
        if len(self._keys):
            names = [name for name in names if name in self._codes]
        self._codes = {
            name: np.concatenate(
                [
                    self._codes.get(name, np.zeros(0, dtype=np.int32)),
                    cell_codes(self._columns[name].cells, rows[name]).astype(np.int32),
                ]
            )
            for name in names
        }
        self._keys = np.concatenate([self._keys, keys[chosen]])
        self._errors = np.concatenate([self._errors, errors[chosen]])
        if len(self._keys) > MOST_ROWS:
            self._keep(np.sort(np.argpartition(self._keys, MOST_ROWS - 1)[:MOST_ROWS]))

    def _keep(self, rows: NDArray[np.intp]) -> None:
        self._keys, self._errors = self._keys[rows], self._errors[rows]
        self._codes = {name: codes[rows] for name, codes in self._codes.items()}

    def model(self) -> LossModel | None:
        """What features say of errors; None where that is nothing, or there are too few rows."""
        return fitted_loss_model(self._columns, self._codes, self._errors)
