"""The columns of an Arrow stream of events: see `driftwatch.wire.arrow_stream`, which says what they are.

Here, since reading them takes the Arrow library, which those who only name the format do without.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

from driftwatch.core.foreign_columns import raw_column
from driftwatch.core.raw_column import RawColumn
from driftwatch.errors import EventError
from driftwatch.wire.arrow import whole_texts_of
from driftwatch.wire.columnar import LONE_SCORE, LabelColumns, PredictionColumns
from driftwatch.wire.native import MAX_EVENTS, too_many_events

_PREDICTION_FIELDS = ("prediction_id", "event_time", "model_version", "segment", "prediction", "score")
_LABEL_FIELDS = ("prediction_id", "label", "event_time")
_MALFORMED = (pa.ArrowException, OSError, ValueError, TypeError, IndexError, struct.error, OverflowError)

Columns = dict[str, Any]
"""Arrow arrays by name."""


def read_predictions(body: bytes) -> PredictionColumns:
    """Read predictions.

    Raises
    ------
    EventError
        If the body is no Arrow stream, holds too many rows, or lacks the column ``prediction``.
    """
    with _malformed_refused():
        return _predictions(*_read(body))


def _predictions(columns: Columns, n_rows: int) -> PredictionColumns:
    if "prediction" not in columns:
        raise _absent("prediction")
    features = {name: one for name, one in columns.items() if name not in _PREDICTION_FIELDS}
    if "features" in features and pa.types.is_struct(features["features"].type):
        grouped = features.pop("features")
        if features:
            raise EventError(
                "is neither a field of an event nor in the structure features.",
                field=next(iter(features)),
                remedy="Put all features in the structure, or none.",
            )
        features = _fields_of(grouped)
    return PredictionColumns(
        n_rows=n_rows,
        features=_raw(features, "features."),
        prediction=raw_column(columns["prediction"], "prediction", EventError),
        scores=_scores(columns.get("score")),
        event_time=_raw_or_none(columns, "event_time"),
        prediction_ids=_texts(columns, "prediction_id"),
        model_versions=_texts(columns, "model_version"),
        segments=_texts(columns, "segment"),
    )


def read_labels(body: bytes) -> LabelColumns:
    """Read labels.

    Raises
    ------
    EventError
        If the body is no Arrow stream, holds too many rows, or lacks a column that labels must have.
    """
    with _malformed_refused():
        return _labels(*_read(body))


def _labels(columns: Columns, n_rows: int) -> LabelColumns:
    for name in columns:
        if name not in _LABEL_FIELDS:
            raise EventError("is no field of a label.", field=name, remedy=f"Labels have {', '.join(_LABEL_FIELDS)}.")
    ids = _texts(columns, "prediction_id")
    if ids is None:
        raise _absent("prediction_id")
    if "label" not in columns:
        raise _absent("label")
    return LabelColumns(
        n_rows=n_rows,
        prediction_ids=ids,
        label=raw_column(columns["label"], "label", EventError),
        event_time=_raw_or_none(columns, "event_time"),
    )


@contextmanager
def _malformed_refused() -> Iterator[None]:
    """Whatever the library says of bytes that are no stream, or of texts that are no Unicode, is the sender's fault."""
    try:
        yield
    except _MALFORMED as error:
        raise EventError(f"The body is no Arrow stream ({type(error).__name__}).") from None


def _read(body: bytes) -> tuple[Columns, int]:
    for message in pa.ipc.MessageReader.open_stream(body):
        _refuse_compressed(bytes(message.metadata), message.type)
    batches = []
    n_rows = 0
    with pa.ipc.open_stream(body) as reader:
        names = reader.schema.names
        for batch in reader:
            n_rows += batch.num_rows
            if n_rows > MAX_EVENTS:
                raise too_many_events()
            # Lengths, offsets and codes are the sender's word: nothing reads beyond a buffer on it.
            batch.validate(full=True)
            batches.append(batch)
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise EventError("two columns have this name.", field=twice, remedy="Rename one of them.")
    if n_rows == 0:
        raise EventError("The stream holds no rows.", remedy="Send at least one event.")
    if len(batches) == 1:
        return dict(zip(names, batches[0].columns, strict=True)), n_rows
    table = pa.Table.from_batches(batches).combine_chunks()
    return {name: _whole(table.column(at)) for at, name in enumerate(names)}, n_rows


def _whole(column: Any) -> Any:
    """A column's rows as one array."""
    chunks = column.chunks
    return chunks[0] if len(chunks) == 1 else column.combine_chunks()


def _refuse_compressed(metadata: bytes, kind: str) -> None:
    """Look for the field ``compression`` in a message's flatbuffer: the library would inflate without a bound."""
    if kind not in ("record batch", "dictionary"):
        return
    header = _table_at(metadata, _table_at(metadata, 0, None), 2)
    batch = header if kind == "record batch" else _table_at(metadata, header, 1)
    if _field_offset(metadata, batch, 3):
        raise EventError(
            "Buffers in the stream are compressed.",
            remedy="Write the stream without compression, and compress the body (Content-Encoding: zstd).",
        )


def _field_offset(data: bytes, table: int, field: int) -> int:
    """Where a field of a flatbuffer's table begins, from the table; 0 where it is absent."""
    vtable = table - struct.unpack_from("<i", data, table)[0]
    size = struct.unpack_from("<H", data, vtable)[0]
    at = 4 + 2 * field
    return struct.unpack_from("<H", data, vtable + at)[0] if at + 2 <= size else 0


def _table_at(data: bytes, table: int, field: int | None) -> int:
    """The table that a field points to; the root for None."""
    at = table
    if field is not None:
        offset = _field_offset(data, table, field)
        if offset == 0:
            raise ValueError("a message without a body")
        at = table + offset
    found: int = at + struct.unpack_from("<I", data, at)[0]
    return found


def _fields_of(array: Any) -> Columns:
    """The fields of a structure, missing where it is missing."""
    return dict(zip((field.name for field in array.type), array.flatten(), strict=True))


def _scores(array: Any) -> Mapping[str, RawColumn]:
    if array is None:
        return {}
    if pa.types.is_struct(array.type):
        return _raw(_fields_of(array), "score.")
    return {LONE_SCORE: raw_column(array, "score", EventError)}


def _raw(columns: Columns, prefix: str) -> dict[str, RawColumn]:
    return {name: raw_column(array, f"{prefix}{name}", EventError) for name, array in columns.items()}


def _raw_or_none(columns: Columns, name: str) -> RawColumn | None:
    return raw_column(columns[name], name, EventError) if name in columns else None


def _texts(columns: Columns, name: str) -> Sequence[str | None] | None:
    if name not in columns:
        return None
    array = columns[name]
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_null(array.type):
        return None
    if not (pa.types.is_string(array.type) or pa.types.is_large_string(array.type)):
        raise EventError(f"must be a column of texts, not {array.type}.", field=name)
    if not array.null_count:
        return whole_texts_of(array)
    found: list[str | None] = array.to_pylist()
    return found


def _absent(name: str) -> EventError:
    return EventError("The stream has no such column.", field=name, remedy="Send it with every event.")


__all__ = ["read_labels", "read_predictions"]
