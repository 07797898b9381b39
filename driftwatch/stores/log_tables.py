"""Rows of the log as tables: the columns of a file, a row group at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from driftwatch.core.table import Names, Table
from driftwatch.stores.log_columns import LABEL_COLUMNS, PREDICTION_LEADING, log_columns
from driftwatch.stores.log_parts import (
    Part,
    extra_of,
    joined_labels_of,
    joined_predictions_of,
    received_of,
    sequences_of,
)
from driftwatch.wire.arrow import array_of, integer_array, text_array, texts, times

FORMAT_VERSION = 1
"""Goes up when a reader of the format before could not read what is written now."""

METADATA_KEY = b"driftwatch"
"""Under which a file says what its columns are."""

ROWS_A_GROUP = 25_000
"""About so many rows are joined and written at once: a file needs no memory for all of its rows."""


def row_groups(kind: str, parts: Sequence[Part]) -> Iterator[Any]:
    """Tables of one schema that hold the rows of one file, in their order; one at least.

    Raises
    ------
    pyarrow.ArrowException, ValueError
        A text is no Unicode, or a column is too large.
    """
    extra = extra_of(parts)
    for group in _gathered(parts):
        yield _prediction_table(group, extra) if kind == "predictions" else _label_table(group)


def _gathered(parts: Sequence[Part]) -> Iterator[list[Part]]:
    group: list[Part] = []
    for part in parts:
        group.append(part)
        if sum(len(one.rows) for one in group) >= ROWS_A_GROUP:
            yield group
            group = []
    if group:
        yield group


def _prediction_table(parts: Sequence[Part], extra: Mapping[str, bool]) -> Any:
    batch = joined_predictions_of(parts, extra)
    columns = log_columns(_kinds(batch.columns), extra, batch.prediction, batch.scores)
    version = Names(np.zeros(len(batch), dtype=np.int32), (batch.model_version,))
    arrays = [
        text_array(batch.prediction_ids),
        times(batch.event_time),
        times(received_of(parts)),
        array_of(version),
        texts(batch.segments),
        integer_array(sequences_of(parts)),
        *(array_of((batch.extra if one.is_extra else batch.columns)[one.name], nan_is_null=True) for one in columns),
    ]
    described = {
        "format": FORMAT_VERSION,
        "model": batch.model,
        "model_version": batch.model_version,
        "prediction": batch.prediction,
        "scores": batch.scores,
        "order": list(batch.columns.columns),
        "columns": [[one.file_name, one.name, one.is_extra, one.holds_names] for one in columns],
    }
    return _table([*PREDICTION_LEADING, *(one.file_name for one in columns)], arrays, described)


def _label_table(parts: Sequence[Part]) -> Any:
    batch = joined_labels_of(parts)
    arrays = [
        text_array(batch.prediction_ids),
        array_of(batch.labels, nan_is_null=True),
        times(batch.event_time),
        times(received_of(parts)),
        integer_array(sequences_of(parts)),
        integer_array(np.concatenate([part.rows for part in parts]).astype(np.int32)),
    ]
    return _table(LABEL_COLUMNS, arrays, {"format": FORMAT_VERSION, "model": batch.model})


def _table(names: Sequence[str], arrays: Sequence[Any], described: dict[str, Any]) -> Any:
    table = pa.Table.from_arrays(list(arrays), names=list(names))
    return table.replace_schema_metadata({METADATA_KEY: json.dumps(described)})


def _kinds(table: Table) -> dict[str, bool]:
    return {name: isinstance(values, Names) for name, values in table.columns.items()}


__all__ = ["FORMAT_VERSION", "METADATA_KEY", "ROWS_A_GROUP", "row_groups"]
