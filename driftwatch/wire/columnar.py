"""Events that came as columns: what a format gives that has no single rows to look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.raw_column import RawColumn
from driftwatch.core.texts import Texts, taken

LONE_SCORE = ""
"""The key of scores that are one number a row: the probability of a binary model's last class."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PredictionColumns:
    """Predictions, each column as it came and of ``n_rows`` values; None where there is no such column.

    Attributes
    ----------
    features
        By name.
    scores
        By class, or under `LONE_SCORE`.
    prediction_ids, model_versions, segments
        One text a row, None where it is missing.
    """

    n_rows: int
    features: Mapping[str, RawColumn]
    prediction: RawColumn
    scores: Mapping[str, RawColumn] = field(default_factory=dict)
    event_time: RawColumn | None = None
    prediction_ids: Sequence[str | None] | None = None
    model_versions: Sequence[str | None] | None = None
    segments: Sequence[str | None] | None = None

    def take(self, rows: NDArray[np.bool_]) -> PredictionColumns:
        """The rows chosen by a mask."""

        def texts(values: Sequence[str | None] | None) -> Sequence[str | None] | None:
            return taken(values, np.flatnonzero(rows)) if isinstance(values, Texts) else _chosen(values, rows)

        return PredictionColumns(
            n_rows=int(np.count_nonzero(rows)),
            features={name: _taken(one, rows) for name, one in self.features.items()},
            prediction=_taken(self.prediction, rows),
            scores={name: _taken(one, rows) for name, one in self.scores.items()},
            event_time=None if self.event_time is None else _taken(self.event_time, rows),
            prediction_ids=texts(self.prediction_ids),
            model_versions=texts(self.model_versions),
            segments=texts(self.segments),
        )


def _chosen(values: Sequence[str | None] | None, rows: NDArray[np.bool_]) -> Sequence[str | None] | None:
    return None if values is None else list(compress(values, rows.tolist()))


def _taken(column: RawColumn, rows: NDArray[np.bool_]) -> RawColumn:
    return RawColumn(column.kind, column.values.take(rows))


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class LabelColumns:
    """Labels as columns of ``n_rows`` values."""

    n_rows: int
    prediction_ids: Sequence[str | None]
    label: RawColumn
    event_time: RawColumn | None = None
