"""Events as an Arrow stream: a column a field, read without looking at single rows.

Columns have the names of an event's fields: ``prediction``, and where wanted ``prediction_id``, ``event_time``,
``model_version``, ``segment`` and ``score`` (a number, or a structure of classes). Every other column is a feature;
or the features are the fields of a structure ``features``. Labels have ``prediction_id``, ``label``, ``event_time``.

Streams come from anybody. Buffers that are compressed inside the stream are refused, since nothing bounds what they
inflate to; the body as a whole may be compressed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftwatch.wire.native import Format

if TYPE_CHECKING:
    from driftwatch.wire.columnar import LabelColumns, PredictionColumns


def predictions(body: bytes) -> PredictionColumns:
    """Read predictions.

    Raises
    ------
    EventError
        If the body is no Arrow stream, holds too many rows, or lacks the column ``prediction``.
    """
    from driftwatch.wire.arrow_columns import read_predictions

    return read_predictions(body)


def labels(body: bytes) -> LabelColumns:
    """Read labels.

    Raises
    ------
    EventError
        If the body is no Arrow stream, holds too many rows, or lacks a column that labels must have.
    """
    from driftwatch.wire.arrow_columns import read_labels

    return read_labels(body)


ARROW_STREAM = Format("an Arrow stream, a column a field", predictions, labels)

__all__ = ["ARROW_STREAM", "labels", "predictions"]
