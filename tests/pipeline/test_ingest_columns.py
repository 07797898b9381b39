"""Events that come as columns are taken as the same events are one by one."""

from datetime import UTC, datetime
from unittest import mock

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.core.baseline import Baseline
from driftwatch.errors import EventError, UnknownModel
from driftwatch.pipeline.ingest import Ingest, IngestLimits
from driftwatch.pipeline.telemetry import Telemetry
from driftwatch.wire.arrow_stream import labels, predictions
from driftwatch.wire.native import LabelEvent, PredictionEvent


def stream(events, schema=None):
    table = pa.Table.from_pylist(events, schema=schema)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def event(**changes):
    return {"prediction_id": "a", "features": {"distance": 100.0, "carrier": "AA"}, "prediction": 12.5, **changes}


def submit(world, *events):
    return world.service.ingest.prediction_columns("flights", predictions(stream(list(events))))


@pytest.mark.parametrize(
    ("changes", "field", "says"),
    [
        ({"prediction": float("nan")}, "prediction", "must be a finite number"),
        ({"prediction": None}, "prediction", "must be a finite number"),
        ({"event_time": datetime(2036, 1, 1, tzinfo=UTC)}, "event_time", "in the future"),
        ({"event_time": datetime(1960, 1, 1, tzinfo=UTC)}, "event_time", "before 1970"),
        ({"model_version": "9"}, "model_version", "no version '9'"),
        ({"prediction_id": "x" * 300}, "prediction_id", "1 to 256 characters"),
        ({"prediction_id": ""}, "prediction_id", "1 to 256 characters"),
        ({"segment": "x" * 300}, "segment", "at most 256 characters"),
    ],
)
def test_a_bad_row_is_rejected_with_its_index_and_field_and_the_rest_is_taken(world, changes, field, says):
    filled = dict.fromkeys(changes)
    filled |= {"prediction": 1.0} if "prediction" in changes else {}
    submission = submit(world, event(**filled), event(**changes), event(**(filled | {"prediction_id": "b"})))
    (rejection,) = submission.rejections
    assert (rejection.index, rejection.field) == (1, field)
    assert says in rejection.problem
    assert sum(receipt.result(5).accepted for receipt in submission.receipts) == 2


@pytest.mark.parametrize(
    ("features", "field"),
    [
        ({"distance": "far"}, "features.distance"),
        ({"distance": True}, "features.distance"),
        ({"carrier": datetime(2026, 1, 1, tzinfo=UTC)}, "features.carrier"),
        ({"carrier": [1, 2]}, "features.carrier"),
        ({"weather": [1, 2]}, "features.weather"),
    ],
)
def test_a_column_of_the_wrong_kind_is_refused_by_name(world, features, field):
    with pytest.raises(EventError) as caught:
        submit(world, event(features=features))
    assert caught.value.field == field


def test_missing_columns_are_missing_values_and_unknown_ones_are_kept(world):
    submission = submit(world, {"features": {"weather": "rain"}, "prediction": 1.0})
    assert not submission.rejections
    world.settle()
    (part,) = world.service.operations.export("flights")
    assert part.predictions.extra["weather"].to_list() == ["rain"]
    assert part.predictions.columns["distance"].to_list() == [None]


def test_rows_of_several_versions_are_parted_and_ids_come_back_in_order(world, fit):
    world.register(fit("2"))
    rows = [event(prediction_id=str(n), model_version=version) for n, version in enumerate(["1", "2", None, "1"])]
    submission = submit(world, *rows)
    assert submission.prediction_ids == ("0", "1", "2", "3")
    assert len(submission.receipts) == 2


def test_ids_are_made_where_there_are_none(world):
    first, second = submit(world, event(prediction_id=None), event(prediction_id="b")).prediction_ids
    assert first[14] == "7"
    assert second == "b"


def test_the_same_stream_again_is_all_duplicates(world):
    submit(world, event(), event(prediction_id="b"))
    (receipt,) = submit(world, event(), event(prediction_id="b")).receipts
    assert receipt.result(5).duplicates == (0, 1)


def test_an_unknown_model_is_refused(world):
    with pytest.raises(UnknownModel):
        world.service.ingest.prediction_columns("nobody", predictions(stream([event()])))


def test_labels_come_as_columns_too(world):
    given = [
        {"prediction_id": "a", "label": 3.0},
        {"prediction_id": None, "label": 3.0},
        {"prediction_id": "b", "label": None},
    ]
    submission = world.service.ingest.label_columns("flights", labels(stream(given)))
    assert [(one.index, one.field) for one in submission.rejections] == [(1, "prediction_id"), (2, "label")]
    assert sum(receipt.result(5).accepted for receipt in submission.receipts) == 1


numbers = st.none() | st.floats(allow_nan=False) | st.integers(-(2**53), 2**53).map(float)
events = st.fixed_dictionaries(
    {
        "prediction_id": st.text(st.characters(codec="utf-8"), min_size=1, max_size=8),
        "features": st.fixed_dictionaries({"age": numbers, "plan": st.none() | st.sampled_from(["a", "b", "new"])}),
        "prediction": st.sampled_from(["no", "yes"]),
        "score": st.none() | st.floats(0.0, 1.0),
        "event_time": st.none() | st.floats(0.0, 1e9),
    }
)
SCHEMA = pa.schema(
    {
        "prediction_id": pa.string(),
        "features": pa.struct({"age": pa.float64(), "plan": pa.string()}),
        "prediction": pa.string(),
        "score": pa.float64(),
        "event_time": pa.float64(),
    }
)


@pytest.fixture(scope="module")
def churn():
    rng = np.random.default_rng(0)
    frame = {"age": rng.normal(40.0, 9.0, 200), "plan": rng.choice(["a", "b"], 200)}
    frame |= {"answer": rng.choice(["no", "yes"], 200), "p": rng.random(200)}
    return Baseline.fit(frame, model="churn", task="binary", prediction="answer", score="p")


class Spooled(list):
    """Keeps the batches that it is given."""

    def append(self, batch, received_time):
        super().append(batch)


def ingest_into(spooled, baseline):
    known, noon = mock.Mock(), mock.Mock()
    known.get.return_value = baseline
    known.shadows.return_value = frozenset()
    noon.now.return_value = datetime(2026, 1, 1, 12, tzinfo=UTC)
    return Ingest(known, spooled, noon, Telemetry(), IngestLimits())


@given(st.lists(events, min_size=1, max_size=5))
def test_columns_and_rows_make_the_same_batch(churn, given):
    spooled = Spooled()
    ingest = ingest_into(spooled, churn)
    ingest.prediction_columns("churn", predictions(stream(given, SCHEMA)))
    ingest.predictions("churn", [(index, PredictionEvent(**one)) for index, one in enumerate(given)])
    columns, rows = spooled
    assert columns.prediction_ids == rows.prediction_ids
    assert columns.segments == rows.segments
    assert columns.event_time.tolist() == rows.event_time.tolist()
    assert {name: one.to_list() for name, one in columns.columns.columns.items()} == {
        name: one.to_list() for name, one in rows.columns.columns.items()
    }


def test_labels_as_columns_and_as_rows_make_the_same_batch(churn):
    spooled = Spooled()
    ingest = ingest_into(spooled, churn)
    given = [{"prediction_id": "a", "label": "yes"}, {"prediction_id": "b", "label": "no"}]
    ingest.label_columns("churn", labels(stream(given)))
    ingest.labels("churn", [(index, LabelEvent(**one)) for index, one in enumerate(given)])
    columns, rows = spooled
    assert columns.prediction_ids == rows.prediction_ids
    assert columns.labels.to_list() == rows.labels.to_list()
    assert columns.event_time.tolist() == rows.event_time.tolist()
