"""Batches to Arrow and back."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.core.events import Batch, LabelBatch, PredictionBatch
from driftwatch.core.table import Names, Numbers, Table, Values
from driftwatch.errors import StoreError
from driftwatch.testing import as_rows, prediction_batch
from driftwatch.wire.arrow import decode, encode, whole_texts_of

TEXTS = st.text(max_size=8)
INT64 = st.integers(-(2**63), 2**63 - 1)


@st.composite
def values(draw: st.DrawFn, n_rows: int) -> Values:
    if draw(st.booleans()):
        return Numbers(np.array(draw(st.lists(st.floats(), min_size=n_rows, max_size=n_rows)), dtype=np.float64))
    names = tuple(draw(st.lists(TEXTS, unique=True, max_size=5)))
    codes = draw(st.lists(st.integers(-1, len(names) - 1), min_size=n_rows, max_size=n_rows))
    return Names(np.array(codes, dtype=np.int32), names)


@st.composite
def tables(draw: st.DrawFn, n_rows: int, names: st.SearchStrategy[str]) -> Table:
    return Table({name: draw(values(n_rows)) for name in draw(st.lists(names, unique=True, max_size=4))}, n_rows)


@st.composite
def batches(draw: st.DrawFn) -> Batch:
    n_rows = draw(st.integers(0, 5))
    model = draw(TEXTS)
    ids = tuple(draw(st.lists(TEXTS, min_size=n_rows, max_size=n_rows)))
    event_time = np.array(draw(st.lists(INT64, min_size=n_rows, max_size=n_rows)), dtype=np.int64)
    if draw(st.booleans()):
        return LabelBatch(model=model, prediction_ids=ids, event_time=event_time, labels=draw(values(n_rows)))
    columns = draw(tables(n_rows, TEXTS | st.sampled_from(["prediction_id", "event_time", "segment", "label"])))
    return PredictionBatch(
        model=model,
        model_version=draw(TEXTS),
        prediction_ids=ids,
        event_time=event_time,
        segments=tuple(draw(st.lists(TEXTS, min_size=n_rows, max_size=n_rows))),
        columns=columns,
        extra=draw(tables(n_rows, TEXTS)),
        prediction=draw(st.none() | st.sampled_from(list(columns.columns) or [None])),
        scores=tuple(draw(st.lists(st.sampled_from(list(columns.columns)), unique=True)) if columns.columns else ()),
    )


def same_values(one: Values, other: Values) -> bool:
    if isinstance(one, Numbers) and isinstance(other, Numbers):
        return np.array_equal(one.values, other.values, equal_nan=True)
    if isinstance(one, Names) and isinstance(other, Names):
        return np.array_equal(one.codes, other.codes) and one.names == other.names
    return False


def same_tables(one: Table, other: Table) -> bool:
    return (
        list(one.columns) == list(other.columns)
        and one.n_rows == other.n_rows
        and all(same_values(one[name], other[name]) for name in one.columns)
    )


@given(batches())
def test_a_batch_comes_back_exactly(batch: Batch) -> None:
    back = decode(encode(batch))
    assert type(back) is type(batch)
    assert (back.model, back.prediction_ids) == (batch.model, batch.prediction_ids)
    assert np.array_equal(back.event_time, batch.event_time)
    if isinstance(batch, LabelBatch) and isinstance(back, LabelBatch):
        assert same_values(back.labels, batch.labels)
    if isinstance(batch, PredictionBatch) and isinstance(back, PredictionBatch):
        assert same_tables(back.columns, batch.columns)
        assert same_tables(back.extra, batch.extra)
        assert back.segments == batch.segments
        assert (back.model_version, back.prediction, back.scores) == (
            batch.model_version,
            batch.prediction,
            batch.scores,
        )


@given(batches())
def test_the_same_batch_gives_the_same_bytes(batch: Batch) -> None:
    assert encode(batch) == encode(batch)


def test_the_stream_says_what_it_holds() -> None:
    batch = prediction_batch(
        ["a"], {"x": [1.0], "y": ["no"], "p": [0.5]}, extra={"z": [2.0]}, prediction="y", scores=("p",)
    )
    schema = pa.ipc.open_stream(encode(batch)).schema
    assert schema.metadata[b"driftwatch.kind"] == b"predictions"
    assert schema.metadata[b"driftwatch.model"] == b"model"
    assert schema.metadata[b"driftwatch.model_version"] == b"1"
    assert schema.metadata[b"driftwatch.format"] == b"1"
    roles = {field.name: field.metadata[b"driftwatch.role"].decode() for field in schema}
    assert (roles["x"], roles["y"], roles["p"], roles["z"]) == ("feature", "prediction", "score", "extra")
    assert schema.field("event_time").type == pa.timestamp("us", tz="UTC")
    assert schema.field("y").type == pa.dictionary(pa.int32(), pa.string())


def test_decoded_numbers_are_not_copied() -> None:
    decoded = decode(encode(prediction_batch(["a", "b"])))
    assert isinstance(decoded, PredictionBatch)
    column = decoded.columns["x"]
    assert isinstance(column, Numbers)
    assert not column.values.flags.owndata


def test_text_that_is_no_unicode_is_refused() -> None:
    with pytest.raises(StoreError, match="cannot be written"):
        encode(prediction_batch(["\ud800"]))


def test_columns_of_different_length_are_refused() -> None:
    with pytest.raises(StoreError, match="cannot be written"):
        encode(prediction_batch(["a", "b"], {"x": [1.0]}))


def test_a_later_format_is_refused_by_its_number() -> None:
    later = pa.schema([], metadata={"driftwatch.format": "2"})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, later) as writer:
        writer.write_batch(pa.record_batch([], schema=later))
    with pytest.raises(StoreError, match="format '2'"):
        decode(sink.getvalue().to_pybytes())


@pytest.mark.parametrize("data", [b"", b"\x00", b"driftwatch", b"\xff" * 64])
def test_bytes_that_are_no_stream_are_refused(data: bytes) -> None:
    with pytest.raises(StoreError):
        decode(data)


def test_a_stream_cut_short_anywhere_is_refused() -> None:
    data = encode(prediction_batch(["a", "b"], {"x": [1.0, None], "c": ["u", None]}))
    # The last eight bytes only say that no further batch follows.
    for end in range(0, len(data) - 8, 7):
        with pytest.raises(StoreError):
            decode(data[:end])


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_an_altered_byte_is_refused_or_gives_a_batch_that_can_be_read(position: int, change: int) -> None:
    data = bytearray(
        encode(prediction_batch(["a", "b"], {"x": [1.0, None], "c": ["u", None]}, extra={"e": [1.0, 2.0]}))
    )
    data[position % len(data)] ^= change
    try:
        batch = decode(bytes(data))
    except StoreError:
        return
    assert len(as_rows(batch)) == len(batch)


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_texts_of_a_part_of_an_array_are_those_of_the_part(kind) -> None:
    array = pa.array(["a", "bb", "née", ""], kind)
    assert list(whole_texts_of(array[1:])) == ["bb", "née", ""]
    assert list(whole_texts_of(array[:0])) == []
    assert list(whole_texts_of(pa.array(["", ""], kind))) == ["", ""]
    (inside,) = pa.StructArray.from_arrays([array], ["x"])[1:3].flatten()
    assert list(whole_texts_of(inside)) == ["bb", "née"]
    with pytest.raises(TypeError):
        whole_texts_of(pa.array(["a", None], kind))
