import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftwatch.errors import EventError
from driftwatch.wire import FORMATS
from driftwatch.wire.native import JSON, MAX_EVENTS, NDJSON, LabelEvent

GOOD = {"features": {"age": 41}, "prediction": 0.5}


def predictions(*events: Any) -> Any:
    return JSON.predictions(json.dumps(events if len(events) > 1 else events[0]).encode())


def test_one_object_is_one_event_and_is_said_to_be_single() -> None:
    decoded = predictions(
        {
            "prediction_id": "a",
            "event_time": "2013-03-01T06:00:00+02:00",
            "model_version": "3",
            "segment": "DE",
            "features": {"age": 41, "income": None, "member": True, "country": "DE", "score": 1.5},
            "prediction": "yes",
            "score": {"no": 0.25, "yes": 0.75},
        }
    )
    [(index, event)] = decoded.rows
    assert (index, decoded.single, decoded.rejections) == (0, True, [])
    assert event.event_time == datetime(2013, 3, 1, 4, tzinfo=UTC)
    assert event.features == {"age": 41, "income": None, "member": True, "country": "DE", "score": 1.5}
    assert (event.prediction_id, event.model_version, event.segment) == ("a", "3", "DE")
    assert (event.prediction, event.score) == ("yes", {"no": 0.25, "yes": 0.75})


def test_an_integer_stays_an_integer_so_that_a_category_keeps_its_name() -> None:
    [(_, event)] = predictions({"features": {"zip": 10115}, "prediction": 1}).rows
    assert (type(event.features["zip"]), type(event.prediction)) == (int, int)


@pytest.mark.parametrize("moment", [1362117600, 1362117600.25])
def test_seconds_since_1970_are_a_time(moment: float) -> None:
    [(_, event)] = predictions({**GOOD, "event_time": moment}).rows
    assert event.event_time == moment


def test_an_array_of_one_is_not_single() -> None:
    assert not JSON.predictions(json.dumps([GOOD]).encode()).single


def test_an_empty_array_holds_nothing_and_is_no_error() -> None:
    decoded = JSON.predictions(b" [ ] ")
    assert (decoded.rows, decoded.rejections) == ([], [])


def test_one_bad_event_is_named_and_the_others_keep_their_index() -> None:
    decoded = predictions(GOOD, {"features": {"age": [1]}, "prediction": 1}, GOOD)
    assert [index for index, _ in decoded.rows] == [0, 2]
    [rejection] = decoded.rejections
    assert (rejection.index, rejection.field) == (1, "features.age")


REJECTED = [
    ({"prediction": 1}, "features", "is missing."),
    ({"features": {}}, "prediction", "is missing."),
    ({**GOOD, "features": None}, "features", "must be an object of feature names and values, not null."),
    (
        {**GOOD, "features": {"a": {"b": 1}}},
        "features.a",
        "must be a number, a text, a boolean or null, not an object.",
    ),
    ({**GOOD, "features": {"a": 2**63}}, "features.a", "not an integer beyond 64 bits."),
    ({**GOOD, "prediction": None}, "prediction", "must be a number, a text or a boolean, not null."),
    ({**GOOD, "prediction_id": 7}, "prediction_id", "must be a text of 1 to 256 characters, not a number."),
    ({**GOOD, "prediction_id": ""}, "prediction_id", "must be a text of 1 to 256 characters."),
    ({**GOOD, "prediction_id": "x" * 257}, "prediction_id", "must be a text of 1 to 256 characters."),
    ({**GOOD, "event_time": "2013-03-01T06:00:00"}, "event_time", "must be a time with an offset"),
    ({**GOOD, "event_time": "yesterday"}, "event_time", "must be a time with an offset"),
    ({**GOOD, "event_time": True}, "event_time", "not a boolean."),
    ({**GOOD, "model_version": ""}, "model_version", "must be a text of 1 to 256 characters."),
    ({**GOOD, "score": "high"}, "score", "must be a number, or an object of class names and numbers, not a text."),
    ({**GOOD, "score": {"yes": "high"}}, "score.yes", "must be a number, not a text."),
    ({**GOOD, "score": {"yes": True}}, "score.yes", "must be a number, not a boolean."),
    ({**GOOD, "timestamp": 1}, "timestamp", "is no field of an event. The fields are: features, prediction,"),
    ([1], "", "An event must be an object, not a list."),
    (7, "", "An event must be an object, not a number."),
    (None, "", "An event must be an object, not null."),
]


@pytest.mark.parametrize(("event", "field", "problem"), REJECTED)
def test_a_bad_event_is_rejected_with_its_field_alone_and_in_a_batch(event: Any, field: str, problem: str) -> None:
    batch = JSON.predictions(json.dumps([GOOD, event]).encode())
    line = NDJSON.predictions(f"{json.dumps(GOOD)}\n{json.dumps(event)}\n".encode())
    for decoded in (batch, line):
        assert [index for index, _ in decoded.rows] == [0]
        [rejection] = decoded.rejections
        assert (rejection.index, rejection.field) == (1, field)
        assert problem in rejection.problem


def test_a_number_beyond_a_double_is_rejected() -> None:
    [rejection] = JSON.predictions(b'{"features":{"a":1e999},"prediction":1}').rejections
    assert (rejection.field, rejection.problem) == ("features", "holds a number beyond the range of a 64-bit float.")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"features":{"age":NaN},"prediction":1}', "features.age"),
        (b'{"features":{"a \\" NaN":-Infinity},"prediction":1}', 'features.a \\" NaN'),
        (b'{"features":{"a":"NaN"},"prediction": NaN}', "prediction"),
        (b'{"features":{},"prediction":1,"score":{"yes":Infinity}}', "score.yes"),
        (b"[NaN]", None),
    ],
)
def test_nan_is_explained_and_its_field_named(body: bytes, field: str | None) -> None:
    with pytest.raises(EventError, match=r"JSON has no (NaN|Infinity); send null for a missing value") as caught:
        JSON.predictions(body)
    assert caught.value.field == field


def test_the_word_nan_in_a_text_is_not_blamed_for_a_missing_brace() -> None:
    with pytest.raises(EventError, match="is no JSON: ") as caught:
        JSON.predictions(b'{"features":{"a":"say NaN"},"prediction":1')
    assert caught.value.field is None


def test_a_line_with_nan_spoils_no_other_line() -> None:
    decoded = NDJSON.predictions(b'{"features":{"a":NaN},"prediction":1}\n\n{"features":{},"prediction":1}')
    assert [index for index, _ in decoded.rows] == [1]
    [rejection] = decoded.rejections
    assert (rejection.index, rejection.field) == (0, "features.a")
    assert rejection.problem == "JSON has no NaN; send null for a missing value."


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" \r\n",
        b"{",
        b'{"features":{},"prediction":1',
        b'{"features":{},"prediction":1}x',
        b'[{"features":{},"prediction":1}',
        b'[{"features":{},"prediction":1},]',
        b'[{"prediction":1},]',
        b'[{"prediction":1} {"prediction":1}]',
        b'[{"prediction":1}',
        b'[{"prediction":1}]x',
        b'[{"prediction":1},{"features":{"a":"\\ud800"},"prediction":1}]',
        b'{"features":{"a":"\xff"},"prediction":1}',
        b'[{"prediction":1},"\xff"]',
        b"\xff\xfe",
        b"[" * 200_000,
        b'{"features":' * 200_000,
        b'[{"prediction":1},' + b"[" * 200_000,
        b"user=1&value=2",
    ],
)
def test_a_body_that_is_no_json_is_an_error_of_its_own(body: bytes) -> None:
    with pytest.raises(EventError):
        JSON.predictions(body)


@pytest.mark.parametrize("element", [b'{"features":{},"prediction":1}', b"1", b"{}"])
def test_more_events_than_allowed_are_refused_as_a_whole(element: bytes) -> None:
    for decode, joint, opening, closing in (
        (JSON.predictions, b",", b"[", b"]"),
        (NDJSON.predictions, b"\n", b"", b""),
    ):
        with pytest.raises(EventError, match=f"more than {MAX_EVENTS:,} events"):
            decode(opening + joint.join([element] * (MAX_EVENTS + 1)) + closing)


def test_a_label_has_its_own_fields() -> None:
    decoded = JSON.labels(b'[{"prediction_id":"a","label":11.5,"event_time":0},{"label":1},{"prediction_id":"a"}]')
    assert decoded.rows == [(0, LabelEvent(prediction_id="a", label=11.5, event_time=0))]
    assert [(one.index, one.field, one.problem) for one in decoded.rejections] == [
        (1, "prediction_id", "is missing."),
        (2, "label", "is missing."),
    ]


values = st.one_of(
    st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False), st.booleans(), st.none()
)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
events = st.fixed_dictionaries(
    {"features": st.dictionaries(texts, values | texts, max_size=5), "prediction": st.integers(0, 9) | texts},
    optional={"prediction_id": texts.filter(bool), "segment": texts, "score": st.floats(0, 1)},
)


@given(st.lists(events, min_size=1, max_size=6))
def test_every_good_event_comes_back_as_it_was_sent_in_every_format(sent: list[dict[str, Any]]) -> None:
    array = json.dumps(sent).encode()
    lines = "\n".join(json.dumps(one) for one in sent).encode()
    for decoded in (JSON.predictions(array), NDJSON.predictions(lines)):
        assert decoded.rejections == []
        assert [index for index, _ in decoded.rows] == list(range(len(sent)))
        for (_, event), original in zip(decoded.rows, sent, strict=True):
            assert {name: getattr(event, name) for name in original} == original


json_values = st.recursive(
    values | texts, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=12
)
near_events = st.dictionaries(
    st.sampled_from(["features", "prediction", "prediction_id", "event_time", "score", "label", "other"]), json_values
)


@settings(max_examples=50)
@given(st.lists(near_events | json_values | events, max_size=6))
def test_every_element_of_an_array_is_either_taken_or_rejected(sent: list[Any]) -> None:
    for decoded in (
        JSON.predictions(json.dumps(sent).encode()),
        JSON.labels(json.dumps(sent).encode()),
    ):
        named = sorted([index for index, _ in decoded.rows] + [one.index for one in decoded.rejections])
        assert named == list(range(len(sent)))
        assert all(one.problem.endswith(".") for one in decoded.rejections)


@given(st.binary(max_size=200) | st.text(alphabet='[]{}",:\\ \n1eN-featurspdicon', max_size=80).map(str.encode))
def test_no_body_whatever_raises_anything_but_an_event_error(body: bytes) -> None:
    for wire_format in FORMATS.values():
        for decode in (wire_format.predictions, wire_format.labels):
            with suppress(EventError):
                decoded = decode(body)
                assert len(decoded.rows) + len(decoded.rejections) <= MAX_EVENTS
