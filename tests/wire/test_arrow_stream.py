"""Arrow streams of events: what is read, and what is refused before anything is inflated or read out of bounds."""

from contextlib import suppress

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.core.raw_column import RawKind
from driftwatch.errors import EventError
from driftwatch.wire.arrow_stream import labels, predictions
from driftwatch.wire.columnar import LONE_SCORE
from driftwatch.wire.native import MAX_EVENTS

TABLE = pa.table(
    {"prediction_id": ["a", "b", None], "x": [1.0, None, 3.0], "c": ["r", "g", "r"], "prediction": [1, 2, 3]}
)


def stream(table, *, compression=None, rows_a_batch=None):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_table(table, max_chunksize=rows_a_batch)
    return sink.getvalue().to_pybytes()


def test_columns_that_are_no_field_of_an_event_are_features():
    read = predictions(stream(TABLE))
    assert read.n_rows == 3
    assert {name: raw.values.to_list() for name, raw in read.features.items()} == {
        "x": [1.0, None, 3.0],
        "c": ["r", "g", "r"],
    }
    assert read.prediction_ids == ["a", "b", None]


def test_features_may_be_a_structure_so_that_they_can_have_the_names_of_fields():
    features = pa.array([{"score": 1.0}, {"score": 2.0}])
    read = predictions(stream(pa.table({"features": features, "prediction": [1.0, 2.0]})))
    assert read.features["score"].values.to_list() == [1.0, 2.0]
    assert not read.scores


def test_a_feature_beside_the_structure_is_named():
    features = pa.array([{"y": 1.0}])
    with pytest.raises(EventError, match="structure features") as caught:
        predictions(stream(pa.table({"features": features, "x": [1.0], "prediction": [1.0]})))
    assert caught.value.field == "x"


def test_scores_are_a_number_or_a_structure_of_classes():
    lone = predictions(stream(pa.table({"prediction": ["a"], "score": [0.25]})))
    assert lone.scores[LONE_SCORE].values.to_list() == [0.25]
    by_class = predictions(stream(pa.table({"prediction": ["a"], "score": pa.array([{"a": 0.25, "b": 0.75}])})))
    assert {name: raw.values.to_list() for name, raw in by_class.scores.items()} == {"a": [0.25], "b": [0.75]}


def test_several_batches_and_dictionaries_are_one():
    table = pa.table({"c": pa.array(["r", "g", "r"]).dictionary_encode(), "prediction": [1.0, 2.0, 3.0]})
    read = predictions(stream(table, rows_a_batch=1))
    assert read.features["c"].values.to_list() == ["r", "g", "r"]
    assert read.features["c"].kind is RawKind.CATEGORY


@pytest.mark.parametrize("compression", ["lz4", "zstd"])
@pytest.mark.parametrize("is_dictionary", [False, True])
def test_compressed_buffers_are_refused_before_they_are_inflated(compression, is_dictionary):
    column = pa.array(["word"] * 1_000)
    table = pa.table({"c": column.dictionary_encode() if is_dictionary else column, "prediction": np.zeros(1_000)})
    with pytest.raises(EventError, match="compress the body"):
        predictions(stream(table, compression=compression))


@pytest.mark.parametrize(
    ("table", "field"),
    [
        (pa.table({"x": [1.0]}), "prediction"),
        (pa.table({"prediction": [1.0], "prediction_id": [7]}), "prediction_id"),
        (pa.Table.from_arrays([pa.array([1.0])] * 3, names=["x", "x", "prediction"]), "x"),
    ],
)
def test_what_is_wrong_with_a_column_is_said_with_its_name(table, field):
    with pytest.raises(EventError) as caught:
        predictions(stream(table))
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("table", "field"),
    [
        (pa.table({"label": [1.0]}), "prediction_id"),
        (pa.table({"prediction_id": ["a"]}), "label"),
        (pa.table({"prediction_id": ["a"], "label": [1.0], "lable": [1.0]}), "lable"),
    ],
)
def test_labels_have_their_columns_and_no_others(table, field):
    with pytest.raises(EventError) as caught:
        labels(stream(table))
    assert caught.value.field == field


def test_too_many_rows_in_many_batches_are_refused():
    table = pa.table({"prediction": np.zeros(MAX_EVENTS + 1)})
    with pytest.raises(EventError, match="more than"):
        predictions(stream(table, rows_a_batch=1_000))


def test_codes_beyond_their_dictionary_are_refused():
    codes = pa.DictionaryArray.from_arrays(pa.array([0, 99], pa.int32()), pa.array(["a"]), safe=False)
    with pytest.raises(EventError, match="no Arrow stream"):
        predictions(stream(pa.table({"c": codes, "prediction": [1.0, 2.0]})))


GOOD = stream(TABLE)


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255))
def test_a_damaged_stream_is_read_or_refused_and_nothing_else(at, byte):
    damaged = GOOD[:at] + bytes([byte]) + GOOD[at + 1 :]
    for body in (damaged, damaged[:at]):
        for decode in (predictions, labels):
            with suppress(EventError):
                decode(body)
