"""A body of JSON read straight into columns makes what its events one by one make, or is left to that way."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from unittest import mock

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from driftwatch.core.baseline import Baseline
from driftwatch.pipeline.ingest import Ingest, IngestLimits
from driftwatch.pipeline.telemetry import Telemetry
from driftwatch.wire.native import JSON, NDJSON

RNG = np.random.default_rng(0)
FEATURES = {"age": RNG.normal(40.0, 9.0, 200), "plan": RNG.choice(["a", "b"], 200), "zone": RNG.choice(["1", "2"], 200)}
ANSWERS = {"answer": RNG.choice(["no", "yes"], 200), "p": RNG.random(200)}
BASELINES = {
    "binary": Baseline.fit({**FEATURES, **ANSWERS}, model="m", task="binary", prediction="answer", score="p"),
    "regression": Baseline.fit({**FEATURES, "y": RNG.random(200)}, model="m", task="regression", prediction="y"),
    "no prediction": Baseline.fit(FEATURES, model="m"),
}

anything = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.sampled_from(
    ["a", "yes", "no", "NaN", "12", "", "new", "2026-01-01T00:00:00Z", "2026-01-01T02:00:00.123456+02:00", "x" * 300]
)  # fmt: skip
numbers = st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53)
names = st.none() | st.sampled_from(["a", "b", "new"])
times = st.sampled_from([None, "2025-12-31T23:00:00Z", "2025-12-31T23:00:00.123457+01:00"])
plain = st.fixed_dictionaries(
    {
        "features": st.fixed_dictionaries(
            {}, optional={"age": numbers, "plan": names, "zone": names | st.integers(0, 3)}
        )
    },
    optional={
        "prediction_id": st.text(st.characters(codec="utf-8"), min_size=1, max_size=8),
        "event_time": times,
        "segment": names,
        "model_version": st.sampled_from([None, "1"]),
        "score": st.none() | st.floats(0.0, 1.0),
    },
)
predictions = st.sampled_from(["yes", "no"]) | st.integers(0, 2) | st.floats(0.0, 1.0)
odd = st.fixed_dictionaries(
    {"features": st.dictionaries(st.sampled_from(["age", "plan", "zone", "other"]), anything), "prediction": anything},
    optional={
        name: anything | st.dictionaries(st.sampled_from(["yes", "no"]), st.floats(0.0, 1.0))
        for name in ("prediction_id", "event_time", "segment", "model_version", "score")
    },
)


class Spooled(list):
    """Keeps the batches that it is given."""

    def append(self, batch, received_time):
        super().append(batch)


def ingest_of(baseline):
    known, noon = mock.Mock(), mock.Mock()
    known.get.return_value = baseline
    known.shadows.return_value = frozenset()
    noon.now.return_value = datetime(2026, 1, 1, 12, tzinfo=UTC)
    spooled = Spooled()
    return Ingest(known, spooled, noon, Telemetry(), IngestLimits()), spooled


def written(value):
    return None if value is None else value.to_list()


def held(batch):
    tables = {"columns": batch.columns.columns, "extra": batch.extra.columns}
    # An extra column of nothing but missing values has no kind.
    values = {name: {key: written(one) for key, one in table.items()} for name, table in tables.items()}
    return (batch.model_version, list(batch.segments), batch.event_time.tolist(), batch.scores, values)


def both_ways(baseline, wire_format, body):
    """What either way gives; None for both where the first left the body to the other."""
    ingest, spooled = ingest_of(baseline)
    reader, version = ingest.typed_json("m")
    columns = reader.read(wire_format, body, version)
    if columns is None:
        return None, None
    return compared(ingest, spooled, ingest.prediction_columns("m", columns), wire_format, body)


def one_by_one(baseline, bodies):
    """The same of events that came alone and were gathered."""
    ingest, spooled = ingest_of(baseline)
    reader, version = ingest.typed_json("m")
    read = [(body, reader.one(JSON, body, version)) for body in bodies]
    taken = [(body, event) for body, event in read if event is not None]
    if not taken:
        return None, None
    typed = ingest.typed_events("m", reader, [event for _, event in taken])
    return compared(ingest, spooled, typed, NDJSON, b"\n".join(body for body, _ in taken))


def compared(ingest, spooled, typed, wire_format, body):
    decoded = wire_format.predictions(body)
    rows = ingest.predictions("m", decoded.rows)
    assert not decoded.rejections
    assert typed.rejections == rows.rejections
    assert [list(one) for one in typed.positions] == [list(one) for one in rows.positions]
    given_ids = [one.prediction_id for _, one in decoded.rows]
    if None not in given_ids:
        assert list(typed.prediction_ids) == list(rows.prediction_ids)
    assert len(typed.prediction_ids) == len(rows.prediction_ids)
    return [held(one) for one in spooled[: len(spooled) // 2]], [held(one) for one in spooled[len(spooled) // 2 :]]


@pytest.mark.parametrize("kind", BASELINES)
@given(events=st.lists(plain, min_size=1, max_size=5), data=st.data())
def test_events_of_the_schema_are_read_alike(kind, events, data):
    own = {"binary": st.sampled_from(["yes", "no", "maybe"]), "regression": st.floats(0.0, 1.0) | st.integers(0, 9)}
    for one in events:
        one["prediction"] = data.draw(own.get(kind, predictions))
    typed, rows = both_ways(BASELINES[kind], JSON, json.dumps(events).encode())
    assert typed is not None
    assert typed == rows
    typed, rows = one_by_one(BASELINES[kind], [json.dumps(one).encode() for one in events])
    assert typed is not None
    assert typed == rows


@pytest.mark.parametrize("kind", BASELINES)
@given(events=st.lists(odd, min_size=1, max_size=4))
@example(events=[{"features": {"age": 2**64}, "prediction": 1}])
@example(events=[{"features": {"zone": 2**60}, "prediction": 2**60}])
@example(events=[{"features": {}, "prediction": 0, "score": {"yes": 0.5, "no": 0.5}}])
@example(events=[{"features": {}, "prediction": "yes", "prediction_id": "", "event_time": "1960-01-01T00:00:00Z"}])
def test_other_events_are_read_alike_or_left_to_the_other_way(kind, events):
    body = b"\n".join(json.dumps(one).encode() for one in events)
    for wire_format, sent in ((NDJSON, body), (JSON, json.dumps(events).encode())):
        typed, rows = both_ways(BASELINES[kind], wire_format, sent)
        assert typed == rows
    typed, rows = one_by_one(BASELINES[kind], [json.dumps(one).encode() for one in events])
    assert typed == rows


@given(st.text('[]{},:" \n0aefgitursn', max_size=40))
def test_what_is_no_list_of_events_is_left_to_the_other_way(text):
    ingest, _ = ingest_of(BASELINES["regression"])
    reader, version = ingest.typed_json("m")
    assert reader.read(JSON, text.encode(), version) is None


@pytest.mark.parametrize(
    ("event", "why"),
    [
        ({"features": {"age": "old"}, "prediction": 1}, "a text for a number"),
        ({"features": {"height": 1.0}, "prediction": 1}, "an unknown feature"),
        ({"features": {}, "prediction": 1, "model_version": "9"}, "another version"),
        ({"features": {}, "prediction": 1, "event_time": 5}, "seconds for a time"),
    ],
)
def test_what_single_values_must_be_looked_at_for_is_left_to_the_other_way(event, why):
    ingest, _ = ingest_of(BASELINES["regression"])
    reader, version = ingest.typed_json("m")
    good = {"features": {"age": 1.0}, "prediction": 1}
    assert reader.read(JSON, json.dumps([good]).encode(), version) is not None
    assert reader.read(JSON, json.dumps([good, event]).encode(), version) is None, why


def test_one_key_twice_counts_as_its_last():
    body = b'[{"features":{"age":1,"age":2},"prediction":1}]'
    typed, rows = both_ways(BASELINES["regression"], JSON, body)
    assert typed == rows
    assert typed[0][4]["columns"]["age"] == [2.0]


def test_a_name_that_needs_a_backslash_leaves_every_body_to_the_other_way():
    baseline = Baseline.fit({'the "x"': RNG.random(50)}, model="m")
    assert ingest_of(baseline)[0].typed_json("m") is None
