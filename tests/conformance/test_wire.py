"""What every wire format promises, for each of ``driftwatch.wire.FORMATS``."""

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pyarrow as pa
import pytest

from driftwatch.errors import EventError
from driftwatch.wire import FORMATS
from driftwatch.wire.columnar import LabelColumns, PredictionColumns
from driftwatch.wire.native import MAX_EVENTS, LabelEvent, PredictionEvent


def as_arrow_stream(events: list[Any]) -> bytes:
    table = pa.Table.from_pylist(events)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


# A new format adds one line: how a list of events is written in it.
ENCODERS: dict[str, Callable[[list[Any]], bytes]] = {
    "application/json": lambda events: json.dumps(events).encode(),
    "application/x-ndjson": lambda events: "\n".join(json.dumps(event) for event in events).encode(),
    "application/vnd.apache.arrow.stream": as_arrow_stream,
}

# In a column all values are of one type: what is wrong with a single row is found when it meets the schema.
OF_COLUMNS = {"application/vnd.apache.arrow.stream"}

PREDICTION = {"prediction_id": "a", "features": {"age": 41.5, "carrier": "AA", "gone": None}, "prediction": 2.5}
LABEL = {"prediction_id": "a", "label": 3.5}

every_format = pytest.mark.parametrize("content_type", FORMATS)
every_format_of_rows = pytest.mark.parametrize("content_type", [one for one in FORMATS if one not in OF_COLUMNS])


def rows_of(decoded: Any) -> list[tuple[int, Any]]:
    """Events with their index, also of what came as columns."""
    if isinstance(decoded, PredictionColumns):
        features = {name: raw.values.to_list() for name, raw in decoded.features.items()}
        events = [
            PredictionEvent(
                prediction_id=decoded.prediction_ids[row] if decoded.prediction_ids else None,
                features={name: values[row] for name, values in features.items()},
                prediction=decoded.prediction.values.to_list()[row],
            )
            for row in range(decoded.n_rows)
        ]
        return list(enumerate(events))
    if isinstance(decoded, LabelColumns):
        labels = decoded.label.values.to_list()
        return [
            (row, LabelEvent(prediction_id=decoded.prediction_ids[row], label=labels[row]))
            for row in range(decoded.n_rows)
        ]
    return decoded.rows


def test_every_format_has_an_encoder_here() -> None:
    assert ENCODERS.keys() == FORMATS.keys()


@every_format
def test_content_types_are_lower_case_and_have_a_title(content_type: str) -> None:
    assert content_type == content_type.lower()
    assert FORMATS[content_type].title


@every_format
def test_predictions_and_labels_come_back_with_their_index(content_type: str) -> None:
    encode, wire_format = ENCODERS[content_type], FORMATS[content_type]
    predictions = wire_format.predictions(encode([PREDICTION, PREDICTION]))
    assert rows_of(predictions) == [(index, PredictionEvent(**PREDICTION)) for index in (0, 1)]
    labels = wire_format.labels(encode([LABEL, LABEL]))
    assert rows_of(labels) == [(index, LabelEvent(**LABEL)) for index in (0, 1)]


@every_format_of_rows
@pytest.mark.parametrize("position", [0, 1, 2])
def test_a_bad_event_is_rejected_by_index_and_field_and_the_rest_is_taken(content_type: str, position: int) -> None:
    events = [PREDICTION, PREDICTION]
    events.insert(position, {**PREDICTION, "features": {"age": {"nested": 1}}})
    decoded = FORMATS[content_type].predictions(ENCODERS[content_type](events))
    assert [index for index, _ in decoded.rows] == [index for index in range(3) if index != position]
    assert [(one.index, one.field) for one in decoded.rejections] == [(position, "features.age")]


@every_format
@pytest.mark.parametrize("body", [b"", b"\x00", b"\xff" * 64, b"\n\n"])
def test_a_body_without_events_is_an_event_error_or_names_its_lines(content_type: str, body: bytes) -> None:
    for decode in (FORMATS[content_type].predictions, FORMATS[content_type].labels):
        with suppress(EventError):
            decoded = decode(body)
            assert not decoded.rows
            assert decoded.rejections


@every_format
def test_the_number_of_events_is_bounded(content_type: str) -> None:
    full = ENCODERS[content_type]([LABEL] * MAX_EVENTS)
    assert len(rows_of(FORMATS[content_type].labels(full))) == MAX_EVENTS
    with pytest.raises(EventError):
        FORMATS[content_type].labels(ENCODERS[content_type]([LABEL] * (MAX_EVENTS + 1)))
