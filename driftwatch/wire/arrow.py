"""Batches as Arrow IPC streams: how the spool keeps them.

One stream holds one batch. The schema's metadata says what it is (``driftwatch.format``, ``driftwatch.kind``,
``driftwatch.model``, ...), each field's metadata what the column is to the model (``driftwatch.role``). Fields are
told apart by role and position, so a feature may be called anything, ``prediction_id`` included.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from driftwatch.core.events import Batch, LabelBatch, PredictionBatch
from driftwatch.core.table import MISSING_CODE, Names, Numbers, Table, Values
from driftwatch.errors import StoreError

FORMAT_VERSION = "1"
"""Goes up when a reader of the format before could not read what is written now."""

NAMES_TYPE = pa.dictionary(pa.int32(), pa.string())
"""How a column of names is kept."""

TIME_TYPE = pa.timestamp("us", tz="UTC")
"""How a time is kept."""

_PREDICTIONS, _LABELS = "predictions", "labels"
_MALFORMED = (pa.ArrowException, OSError, ValueError, KeyError, TypeError, IndexError, StopIteration)

_Layout = tuple[tuple[str, str, bool], ...]
"""Name, role and whether it holds names, for each column."""


def encode(batch: Batch) -> bytes:
    """Write a batch as one Arrow IPC stream.

    Numbers are ``float64`` (``nan`` and the infinities stay what they are), names ``dictionary<int32, string>``
    with null where missing, times ``timestamp[us, UTC]``.

    Parameters
    ----------
    batch
        Any number of rows, none included.

    Raises
    ------
    StoreError
        If a text cannot be written as UTF-8, or columns differ in length.

    Examples
    --------
    >>> import numpy as np
    >>> from driftwatch.core.table import Numbers
    >>> labels = LabelBatch(
    ...     model="flights", prediction_ids=("a",), event_time=np.array([0]), labels=Numbers(np.array([12.0]))
    ... )
    >>> decode(encode(labels)).prediction_ids
    ('a',)
    """
    try:
        if isinstance(batch, LabelBatch):
            schema = _schema(_LABELS, (batch.model, "", None, ()), (("label", "label", _holds_names(batch.labels)),))
            arrays = [*_leading(batch), array_of(batch.labels)]
        else:
            schema = _schema(
                _PREDICTIONS, (batch.model, batch.model_version, batch.prediction, batch.scores), _layout(batch)
            )
            columns = (*batch.columns.columns.values(), *batch.extra.columns.values())
            arrays = [*_leading(batch), texts(batch.segments), *map(array_of, columns)]
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, schema) as writer:
            writer.write_batch(pa.record_batch(arrays, schema=schema))
        encoded: bytes = sink.getvalue().to_pybytes()
    except _MALFORMED as error:
        raise StoreError(f"A batch of model {batch.model!r} cannot be written: {error}") from error
    return encoded


def decode(data: bytes) -> Batch:
    """Read what `encode` wrote. Number columns are read-only views of ``data``.

    Raises
    ------
    StoreError
        If it is no such stream, of a later format, cut short or inconsistent.
    """
    try:
        with pa.ipc.open_stream(data) as reader:
            metadata = _text_metadata(reader.schema.metadata)
            found = metadata.get("driftwatch.format")
            if found != FORMAT_VERSION:
                raise StoreError(
                    f"A stored batch has the format {found!r}; this driftwatch reads {FORMAT_VERSION!r}. "
                    "Use the driftwatch that wrote it, or a later one."
                )
            rows = reader.read_next_batch()
            rows.validate(full=True)
            return _batch(metadata, rows)
    except _MALFORMED as error:
        raise StoreError(f"A stored batch cannot be read: {error}. The file was altered or cut short.") from error


def array_of(values: Values, *, nan_is_null: bool = False) -> Any:
    """A column as an Arrow array; ``nan_is_null`` writes missing numbers as null instead of ``nan``."""
    if isinstance(values, Numbers):
        return pa.array(values.values, type=pa.float64(), from_pandas=nan_is_null)
    codes = values.codes
    missing = codes < 0
    indices = pa.array(codes, type=pa.int32(), mask=missing if missing.any() else None)
    return pa.DictionaryArray.from_arrays(indices, pa.array(values.names, type=pa.string()))


def values_of(array: Any) -> Values:
    """The inverse of `array_of`; null numbers become ``nan``.

    Raises
    ------
    TypeError
        If the array holds neither ``float64`` nor dictionary-encoded text.
    """
    if array.type == pa.float64():
        return Numbers(array.to_numpy(zero_copy_only=False))
    if array.type != NAMES_TYPE:
        raise TypeError(f"a column of type {array.type} is not expected")
    indices = array.indices.fill_null(MISSING_CODE) if array.null_count else array.indices
    return Names(indices.to_numpy(zero_copy_only=False), tuple(array.dictionary.to_pylist()))


def texts(values: Sequence[str]) -> Any:
    """Texts that repeat much, dictionary-encoded."""
    return pa.array(values, type=pa.string()).dictionary_encode()


def texts_of(array: Any) -> tuple[str, ...]:
    """The inverse of `texts`.

    Raises
    ------
    TypeError
        If the array holds something else, or a null.
    """
    if array.type != NAMES_TYPE or array.null_count:
        raise TypeError("a column of texts is expected")
    found: list[str] = array.dictionary.to_pylist()
    return tuple(map(found.__getitem__, array.indices.to_numpy().tolist()))


def times(microseconds: NDArray[np.int64]) -> Any:
    """Microseconds since 1970 as Arrow timestamps, without a copy."""
    return pa.array(microseconds, type=pa.int64()).view(TIME_TYPE)


def microseconds_of(array: Any) -> NDArray[np.int64]:
    """The inverse of `times`.

    Raises
    ------
    TypeError
        If the array holds something else, or a null.
    """
    if array.type != TIME_TYPE or array.null_count:
        raise TypeError("a column of times is expected")
    found: NDArray[np.int64] = array.view(pa.int64()).to_numpy()
    return found


def _holds_names(values: Values) -> bool:
    return isinstance(values, Names)


def _layout(batch: PredictionBatch) -> _Layout:
    scores = set(batch.scores)
    return (
        *(
            (name, "prediction" if name == batch.prediction else "score" if name in scores else "feature", held)
            for name, held in ((name, _holds_names(values)) for name, values in batch.columns.columns.items())
        ),
        *((name, "extra", _holds_names(values)) for name, values in batch.extra.columns.items()),
    )


@lru_cache(maxsize=256)
def _schema(kind: str, identity: tuple[str, str, str | None, tuple[str, ...]], layout: _Layout) -> Any:
    model, model_version, prediction, scores = identity
    fields = [
        pa.field("prediction_id", pa.string(), metadata={"driftwatch.role": "prediction_id"}),
        pa.field("event_time", TIME_TYPE, metadata={"driftwatch.role": "event_time"}),
    ]
    if kind == _PREDICTIONS:
        fields.append(pa.field("segment", NAMES_TYPE, metadata={"driftwatch.role": "segment"}))
    fields += [
        pa.field(name, NAMES_TYPE if held else pa.float64(), metadata={"driftwatch.role": role})
        for name, role, held in layout
    ]
    metadata = {
        "driftwatch.format": FORMAT_VERSION,
        "driftwatch.kind": kind,
        "driftwatch.model": model,
        "driftwatch.model_version": model_version,
        "driftwatch.outputs": json.dumps({"prediction": prediction, "scores": scores}),
    }
    return pa.schema(fields, metadata=metadata)


def _leading(batch: Batch) -> list[Any]:
    return [pa.array(batch.prediction_ids, type=pa.string()), times(batch.event_time)]


def _text_metadata(metadata: Mapping[bytes, bytes] | None) -> dict[str, str]:
    return {key.decode(): value.decode() for key, value in (metadata or {}).items()}


def _ids_of(array: Any) -> tuple[str, ...]:
    if array.type != pa.string() or array.null_count:
        raise TypeError("a column of ids is expected")
    return tuple(array.to_pylist())


def _batch(metadata: Mapping[str, str], rows: Any) -> Batch:
    roles = [_text_metadata(field.metadata).get("driftwatch.role", "") for field in rows.schema]
    by_role: dict[str, dict[str, int]] = {}
    for position, role in enumerate(roles):
        by_role.setdefault(role, {})[rows.schema.field(position).name] = position

    def sole(role: str) -> Any:
        (position,) = by_role[role].values()
        return rows.column(position)

    prediction_ids = _ids_of(sole("prediction_id"))
    event_time = microseconds_of(sole("event_time"))
    if metadata["driftwatch.kind"] == _LABELS:
        return LabelBatch(
            model=metadata["driftwatch.model"],
            prediction_ids=prediction_ids,
            event_time=event_time,
            labels=values_of(sole("label")),
        )
    if metadata["driftwatch.kind"] != _PREDICTIONS:
        raise ValueError(f"a batch of {metadata['driftwatch.kind']!r} is not expected")
    outputs = json.loads(metadata["driftwatch.outputs"])
    measured = {"feature", "prediction", "score"}
    columns = {
        rows.schema.field(at).name: values_of(rows.column(at)) for at, role in enumerate(roles) if role in measured
    }
    extra = {name: values_of(rows.column(at)) for name, at in by_role.get("extra", {}).items()}
    return PredictionBatch(
        model=metadata["driftwatch.model"],
        model_version=metadata["driftwatch.model_version"],
        prediction_ids=prediction_ids,
        event_time=event_time,
        segments=texts_of(sole("segment")),
        columns=Table(columns, len(prediction_ids)),
        extra=Table(extra, len(prediction_ids)),
        prediction=outputs["prediction"],
        scores=tuple(outputs["scores"]),
    )
