"""Accepted predictions and labels, as columns: what ingest hands to the spool and the spool to the pipeline."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.table import Table, Values


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PredictionBatch:
    """Predictions of one version of one model, checked against its schema; all columns have equal length.

    ``event_time`` is in microseconds since 1970-01-01 UTC. ``columns`` holds the features, the prediction and
    the scores under the names that the baseline's schema gives them. ``extra`` holds features that the schema
    does not know: they are kept in the log and judged by nobody.
    """

    model: str
    model_version: str
    prediction_ids: tuple[str, ...]
    event_time: NDArray[np.int64]
    segments: tuple[str, ...]
    columns: Table
    extra: Table

    def __len__(self) -> int:
        return len(self.prediction_ids)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class LabelBatch:
    """Labels of one model. ``event_time`` is when the label became known, in microseconds since 1970 UTC."""

    model: str
    prediction_ids: tuple[str, ...]
    event_time: NDArray[np.int64]
    labels: Values

    def __len__(self) -> int:
        return len(self.prediction_ids)


Batch = PredictionBatch | LabelBatch
