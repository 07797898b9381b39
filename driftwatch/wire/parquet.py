"""Logged rows as one Parquet file that pandas, Polars, DuckDB and Spark read: what the next model is trained on."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from driftwatch.core.events import PredictionBatch
from driftwatch.core.table import Ages, Names, Numbers, Values, name_of
from driftwatch.wire.arrow import array_of, text_array, times

CONTENT_TYPE = "application/vnd.apache.parquet"
LEADING = ("prediction_id", "event_time", "model_version", "segment")
OUTCOMES = ("prediction", "score", "label", "label_time")

_NO_TIME = np.iinfo(np.int64).min
_TEXT, _NUMBER = pa.string(), pa.float64()


class LabelledRows(Protocol):
    """Predictions with what became of them, as columns of equal length."""

    @property
    def predictions(self) -> PredictionBatch:
        """The rows."""
        ...

    @property
    def labels(self) -> Values:
        """Their labels, missing where none has arrived."""
        ...

    @property
    def label_time(self) -> NDArray[np.int64]:
        """Microseconds since 1970; the smallest ``int64`` where there is no label."""
        ...


def write_rows(parts: Iterable[LabelledRows], file: IO[bytes], *, scratch: Path | None = None) -> int:
    """Write rows as one Parquet file; answers how many.

    The columns: ``prediction_id``, ``event_time``, ``model_version``, ``segment``; the features by name; then
    ``prediction``, ``score`` (or, with several classes, a column a class under the reference's names), ``label``,
    ``label_time``. A feature that has one of these names is written as ``feature_NAME``. Missing is null. Parts may
    differ in their columns: a column that a part lacks is null there, one that is numbers here and names there
    becomes text.

    Memory holds one part at a time: the parts wait in an unnamed file in ``scratch`` until all columns are known.
    """
    fields: dict[str, Any] = {"prediction_id": _TEXT}
    with tempfile.TemporaryFile(dir=scratch) as waiting:
        rows = _spill(parts, waiting, fields)
        schema = pa.schema([(name, fields[name]) for name in _ordered(fields)])
        waiting.seek(0)
        with pq.ParquetWriter(file, schema, compression="zstd") as writer:
            for table in _spilled(waiting):
                writer.write_table(_fitted(table, schema))
    return rows


def _spill(parts: Iterable[LabelledRows], waiting: IO[bytes], fields: dict[str, Any]) -> int:
    rows = 0
    for part in parts:
        table = _table(part)
        for field in table.schema:
            known = fields.setdefault(field.name, field.type)
            if known != field.type:
                fields[field.name] = _TEXT
        with pa.ipc.new_stream(waiting, table.schema) as stream:
            stream.write_table(table)
        rows += table.num_rows
    return rows


def _spilled(waiting: IO[bytes]) -> Iterator[Any]:
    end = waiting.seek(0, 2)
    waiting.seek(0)
    while waiting.tell() < end:
        with pa.ipc.open_stream(waiting) as stream:
            yield stream.read_all()


def _table(part: LabelledRows) -> Any:
    batch = part.predictions
    constant = pa.array([batch.model_version], type=_TEXT).take(pa.array(np.zeros(len(batch), dtype=np.int64)))
    columns: dict[str, Any] = {
        "prediction_id": text_array(batch.prediction_ids),
        "event_time": times(batch.event_time),
        "model_version": constant,
        "segment": pa.array([one or None for one in batch.segments], type=_TEXT),
    }
    outcomes = {batch.prediction: "prediction"}
    if len(batch.scores) == 1:
        outcomes[batch.scores[0]] = "score"
    own = {"prediction"} if batch.prediction is None else set()
    for name, values in (*batch.columns.columns.items(), *batch.extra.columns.items()):
        # Where the schema has no prediction, ingest keeps it beside the features under its own name.
        taken = name in LEADING or (name in OUTCOMES and name not in own)
        shown = outcomes.get(name) or (f"feature_{name}" if taken else name)
        columns[_free(shown, columns)] = _array(values)
    columns["label"] = _array(part.labels)
    columns["label_time"] = times(part.label_time)
    missing = pa.array(part.label_time == _NO_TIME)
    columns["label_time"] = pa.compute.if_else(
        missing, pa.scalar(None, columns["label_time"].type), columns["label_time"]
    )
    return pa.table(columns)


def _free(name: str, columns: dict[str, Any]) -> str:
    while name in columns:
        name = f"feature_{name}"
    return name


def _array(values: Values) -> Any:
    if isinstance(values, Ages):
        return array_of(values)
    if isinstance(values, Numbers):
        return pa.array(values.values, type=_NUMBER, from_pandas=True)
    assert isinstance(values, Names)
    return pa.array(values.to_list(), type=_TEXT)


def _ordered(fields: dict[str, Any]) -> list[str]:
    middle = [name for name in fields if name not in LEADING and name not in OUTCOMES]
    return [name for name in (*LEADING, *middle, *OUTCOMES) if name in fields]


def _fitted(table: Any, schema: Any) -> Any:
    arrays = []
    for field in schema:
        if field.name not in table.column_names:
            arrays.append(pa.nulls(table.num_rows, field.type))
        elif table.schema.field(field.name).type == field.type:
            arrays.append(table.column(field.name))
        else:
            values = table.column(field.name).to_pylist()
            arrays.append(pa.array([None if one is None else _name(one) for one in values], type=_TEXT))
    return pa.Table.from_arrays(arrays, schema=schema)


def _name(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else name_of(value)


__all__ = ["CONTENT_TYPE", "LabelledRows", "write_rows"]
