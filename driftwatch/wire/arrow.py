"""Batches as Arrow IPC streams: how the spool keeps them.

One stream holds one batch. The schema's metadata says what it is (``driftwatch.format``, ``driftwatch.kind``,
``driftwatch.model``, ...), each field's metadata what the column is to the model (``driftwatch.role``). Fields are
told apart by role and position, so a feature may be called anything, ``prediction_id`` included.

Arrays are made of their buffers: ``pyarrow.array`` would load pandas, and cost a service 50 MB.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from driftwatch.core.arrow_memory import flat_values
from driftwatch.core.events import Batch, LabelBatch, PredictionBatch
from driftwatch.core.table import MISSING_CODE, Ages, Names, Numbers, Table, Values
from driftwatch.core.texts import Repeated, Texts
from driftwatch.errors import StoreError

FORMAT_VERSION = "1"
"""Goes up when a reader of the format before could not read what is written now."""

NAMES_TYPE = pa.dictionary(pa.int32(), pa.string())
"""How a column of names is kept."""

TIME_TYPE = pa.timestamp("us", tz="UTC")
"""How a time is kept."""

_NO_TIME = np.iinfo(np.int64).min
_PREDICTIONS, _LABELS = "predictions", "labels"
_MALFORMED = (pa.ArrowException, OSError, ValueError, KeyError, TypeError, IndexError, StopIteration)

_Layout = tuple[tuple[str, str, str], ...]
"""Name, role and what it holds (a key of `_TYPES`), for each column."""


def write(batch: Batch, sink: Any) -> None:
    """Write a batch as one Arrow IPC stream.

    Numbers are ``float64`` (``nan`` and the infinities stay what they are), names ``dictionary<int32, string>``
    with null where missing, times ``timestamp[us, UTC]``.

    Parameters
    ----------
    batch
        Any number of rows, none included.
    sink
        Arrow's output stream; it stays open.

    Raises
    ------
    StoreError
        If a text cannot be written as UTF-8, or columns differ in length: then nothing is written.
    OSError
        As the sink says.
    """
    try:
        if isinstance(batch, LabelBatch):
            schema = _schema(_LABELS, (batch.model, "", None, ()), (("label", "label", _held(batch.labels)),))
            arrays = [*_leading(batch), array_of(batch.labels)]
        else:
            schema = _schema(
                _PREDICTIONS, (batch.model, batch.model_version, batch.prediction, batch.scores), _layout(batch)
            )
            columns = (*batch.columns.columns.values(), *batch.extra.columns.values())
            arrays = [*_leading(batch), texts(batch.segments), *map(array_of, columns)]
        rows = pa.RecordBatch.from_arrays(arrays, schema=schema)
    except _MALFORMED as error:
        raise StoreError(f"A batch of model {batch.model!r} cannot be written: {error}") from error
    with pa.ipc.new_stream(sink, schema) as writer:
        writer.write_batch(rows)


def encode(batch: Batch) -> bytes:
    """What `write` writes.

    Raises
    ------
    StoreError
        As `write` does.

    Examples
    --------
    >>> import numpy as np
    >>> from driftwatch.core.table import Numbers
    >>> labels = LabelBatch(
    ...     model="flights", prediction_ids=("a",), event_time=np.array([0]), labels=Numbers(np.array([12.0]))
    ... )
    >>> decode(encode(labels)).prediction_ids
    Texts.of(['a'])
    """
    sink = pa.BufferOutputStream()
    write(batch, sink)
    encoded: bytes = sink.getvalue().to_pybytes()
    return encoded


def decode(data: bytes | memoryview) -> Batch:
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
    """A column as an Arrow array; ``nan_is_null`` writes missing numbers as null instead of ``nan``.

    Of ages the times are kept.
    """
    if isinstance(values, Ages):
        known = ~np.isnan(values.times)
        return _flat(TIME_TYPE, np.where(known, values.times, 0.0).astype(np.int64), known)
    if isinstance(values, Numbers):
        present = ~np.isnan(values.values) if nan_is_null else None
        return _flat(pa.float64(), values.values.astype(np.float64, copy=False), present)
    indices = _flat(pa.int32(), values.codes.astype(np.int32, copy=False), values.codes >= 0)
    return pa.DictionaryArray.from_arrays(indices, text_array(values.names))


def integer_array(values: NDArray[np.int64] | NDArray[np.int32]) -> Any:
    """Whole numbers as an Arrow array, of their own width."""
    return _flat(pa.int32() if values.dtype == np.int32 else pa.int64(), values, None)


def _flat(kind: Any, values: NDArray[Any], present: NDArray[np.bool_] | None) -> Any:
    """An array of fixed width over the values' own memory."""
    bits = None
    if present is not None and not present.all():
        bits = pa.py_buffer(np.packbits(present, bitorder="little"))
    return pa.Array.from_buffers(kind, len(values), [bits, pa.py_buffer(np.ascontiguousarray(values))])


def text_array(values: Sequence[str]) -> Any:
    """Texts as an Arrow array.

    Raises
    ------
    ValueError
        If a text is no Unicode, or all together are longer than 2 GB.
    """
    whole = Texts.of(values)
    data = whole.data[whole.offsets[0] : whole.offsets[-1]]
    if len(data) > np.iinfo(np.int32).max:
        raise ValueError("the texts of one column are longer than 2 GB")
    offsets = (whole.offsets - whole.offsets[0]).astype(np.int32)
    return pa.Array.from_buffers(pa.string(), len(whole), [None, pa.py_buffer(offsets), pa.py_buffer(data)])


def whole_texts_of(array: Any) -> Texts:
    """The inverse of `text_array`, a view; also of arrays with offsets of 64 bits.

    Raises
    ------
    TypeError
        If the array holds something else, or a null.
    """
    if array.type not in (pa.string(), pa.large_string()) or array.null_count:
        raise TypeError("a column of texts is expected")
    _, offsets, data = array.buffers()
    if not len(array):
        return Texts(np.empty(0, dtype=np.uint8), np.zeros(1, dtype=np.int64))
    kind = np.int32 if array.type == pa.string() else np.int64
    bounds: NDArray[Any] = np.frombuffer(offsets, dtype=kind, count=array.offset + len(array) + 1)[array.offset :]
    # Where all texts are empty there may be no data at all.
    return Texts(np.empty(0, dtype=np.uint8) if data is None else np.frombuffer(data, dtype=np.uint8), bounds)


def values_of(array: Any, event_time: NDArray[np.int64] | None = None) -> Values:
    """The inverse of `array_of`; null numbers become ``nan``, times ages up to ``event_time``.

    Raises
    ------
    TypeError
        If the array holds neither ``float64`` nor dictionary-encoded text, nor times of rows whose own is known.
    """
    if array.type == TIME_TYPE and event_time is not None:
        times = flat_values(array, np.int64, _NO_TIME).astype(np.float64)
        times[times == float(_NO_TIME)] = np.nan
        return Ages.of(times, event_time)
    if array.type == pa.float64():
        return Numbers(flat_values(array, np.float64, np.nan))
    if array.type != NAMES_TYPE:
        raise TypeError(f"a column of type {array.type} is not expected")
    return Names(flat_values(array.indices, np.int32, MISSING_CODE), tuple(array.dictionary.to_pylist()))


def integers_of(array: Any) -> NDArray[Any]:
    """The inverse of `integer_array`.

    Raises
    ------
    TypeError
        If the array holds something else, or a null.
    """
    if array.type not in (pa.int32(), pa.int64()) or array.null_count:
        raise TypeError("a column of whole numbers is expected")
    return flat_values(array, np.int32 if array.type == pa.int32() else np.int64, 0)


def texts(values: Sequence[str]) -> Any:
    """Texts that repeat much, dictionary-encoded."""
    return array_of(Repeated.of(values).named)


def texts_of(array: Any) -> Repeated:
    """The inverse of `texts`.

    Raises
    ------
    TypeError
        If the array holds something else, or a null.
    """
    if array.type != NAMES_TYPE or array.null_count:
        raise TypeError("a column of texts is expected")
    return Repeated(Names(flat_values(array.indices, np.int32, MISSING_CODE), tuple(array.dictionary.to_pylist())))


def times(microseconds: NDArray[np.int64]) -> Any:
    """Microseconds since 1970 as Arrow timestamps, without a copy."""
    return _flat(TIME_TYPE, microseconds.astype(np.int64, copy=False), None)


def microseconds_of(array: Any) -> NDArray[np.int64]:
    """The inverse of `times`.

    Raises
    ------
    TypeError
        If the array holds something else, or a null.
    """
    if array.type != TIME_TYPE or array.null_count:
        raise TypeError("a column of times is expected")
    return flat_values(array, np.int64, 0)


_TYPES = {"names": NAMES_TYPE, "numbers": pa.float64(), "times": TIME_TYPE}


def _held(values: Values) -> str:
    return "names" if isinstance(values, Names) else "times" if isinstance(values, Ages) else "numbers"


def _layout(batch: PredictionBatch) -> _Layout:
    scores = set(batch.scores)
    return (
        *(
            (name, "prediction" if name == batch.prediction else "score" if name in scores else "feature", held)
            for name, held in ((name, _held(values)) for name, values in batch.columns.columns.items())
        ),
        *((name, "extra", _held(values)) for name, values in batch.extra.columns.items()),
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
    fields += [pa.field(name, _TYPES[held], metadata={"driftwatch.role": role}) for name, role, held in layout]
    metadata = {
        "driftwatch.format": FORMAT_VERSION,
        "driftwatch.kind": kind,
        "driftwatch.model": model,
        "driftwatch.model_version": model_version,
        "driftwatch.outputs": json.dumps({"prediction": prediction, "scores": scores}),
    }
    return pa.schema(fields, metadata=metadata)


def _leading(batch: Batch) -> list[Any]:
    return [text_array(batch.prediction_ids), times(batch.event_time)]


def _text_metadata(metadata: Mapping[bytes, bytes] | None) -> dict[str, str]:
    return {key.decode(): value.decode() for key, value in (metadata or {}).items()}


def _batch(metadata: Mapping[str, str], rows: Any) -> Batch:
    roles = [_text_metadata(field.metadata).get("driftwatch.role", "") for field in rows.schema]
    by_role: dict[str, dict[str, int]] = {}
    for position, role in enumerate(roles):
        by_role.setdefault(role, {})[rows.schema.field(position).name] = position

    def sole(role: str) -> Any:
        (position,) = by_role[role].values()
        return rows.column(position)

    prediction_ids = whole_texts_of(sole("prediction_id"))
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
        rows.schema.field(at).name: values_of(rows.column(at), event_time)
        for at, role in enumerate(roles)
        if role in measured
    }
    extra = {name: values_of(rows.column(at), event_time) for name, at in by_role.get("extra", {}).items()}
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
