"""CloudEvents in every mode, as loggers and brokers send them."""

import base64
import json
from datetime import UTC, datetime

import pytest

from driftwatch.errors import EventError
from driftwatch.wire.cloudevents import BATCHED, MAX_EVENTS, STRUCTURED, CloudEvent, decode, is_cloudevent
from tests.wire.loggers import Sent, kserve, seldon


def read(sent: Sent) -> CloudEvent:
    [(_, event)] = decode({name.lower(): value for name, value in sent.headers.items()}, sent.body).rows
    return event


def enveloped(**attributes: object) -> CloudEvent:
    envelope = {"specversion": "1.0", "id": "1", "source": "/m", "type": "t", **attributes}
    [(_, event)] = decode({"content-type": STRUCTURED}, json.dumps(envelope).encode()).rows
    return event


def test_a_request_of_kserve_is_read_with_all_its_attributes() -> None:
    event = read(kserve("request", {"instances": [[6.8, 2.8]]}))
    assert (event.id, event.source) == ("0009174a-24a8-4603-b098-09c8799950e9", "http://localhost:9081/")
    assert event.type == "org.kubeflow.serving.inference.request"
    assert event.time == datetime(2026, 1, 6, 0, 23, 26, 80736, UTC).timestamp()
    assert event.content_type == "application/json"
    assert event.attributes["inferenceservicename"] == "flights"
    assert event.attributes["metadata"] == "{}"
    assert event.data == b'{"instances": [[6.8, 2.8]]}'


def test_an_event_of_seldon_says_which_request_it_belongs_to() -> None:
    event = read(seldon("inference.response", {"data": {}}, event_id="e-2"))
    assert (event.id, event.attributes["requestid"], event.attributes["modelid"]) == ("e-2", "a1b2c3", "classifier")


@pytest.mark.parametrize("version", ["1.0", "0.3", "0.2"])
def test_versions_that_loggers_in_use_name_are_read(version: str) -> None:
    assert read(kserve("request", {}, **{"Ce-Specversion": version})).id


def test_header_values_are_percent_encoded_text() -> None:
    assert read(kserve("request", {}, **{"Ce-Subject": "K%C3%B6ln%20%25"})).attributes["subject"] == "Köln %"
    assert read(kserve("request", {}, **{"Ce-Subject": "100%"})).attributes["subject"] == "100%"


def test_structured_data_stays_as_it_was_written() -> None:
    body = b'{"specversion":"1.0","id":"1","source":"/m","type":"t","data":{"b": 1.50, "a":[1 ,2]}}'
    [(_, event)] = decode({"content-type": STRUCTURED + "; charset=utf-8"}, body).rows
    assert event.data == b'{"b": 1.50, "a":[1 ,2]}'
    assert event.content_type == "application/json"


@pytest.mark.parametrize(
    ("given", "data"),
    [
        ({"data_base64": base64.b64encode(b"\x1f\x8b\0").decode(), "datacontenttype": "x/y"}, b"\x1f\x8b\0"),
        ({"data": base64.b64encode(b"old").decode(), "datacontentencoding": "base64"}, b"old"),
        ({"data": "x,y\n1,2\n", "datacontenttype": "text/csv"}, b"x,y\n1,2\n"),
        ({"data": "text", "datacontenttype": "application/json"}, b'"text"'),
        ({}, b""),
    ],
)
def test_data_is_found_however_it_is_written(given: dict[str, str], data: bytes) -> None:
    assert enveloped(**given).data == data


def test_attributes_of_an_envelope_become_texts_and_no_others_are_kept() -> None:
    event = enveloped(sequence=7, sampled=True, nested={"a": 1}, nothing=None, Upper="x", long="x" * 5_000)
    assert event.attributes == {"sequence": "7", "sampled": "true"}


def test_a_batch_keeps_the_places_of_its_events_and_names_what_is_none() -> None:
    good = {"specversion": "1.0", "id": "1", "source": "/m", "type": "t", "data": 1}
    body = json.dumps([good, {**good, "id": ""}, 7, {**good, "id": "4"}]).encode()
    found = decode({"content-type": BATCHED}, body)
    assert [(index, event.id) for index, event in found.rows] == [(0, "1"), (3, "4")]
    assert [(one.index, one.field) for one in found.rejections] == [(1, "id"), (2, "")]


@pytest.mark.parametrize("missing", ["Ce-Id", "Ce-Source", "Ce-Type", "Ce-Specversion"])
def test_an_event_without_what_it_needs_is_refused(missing: str) -> None:
    sent = kserve("request", {})
    del sent.headers[missing]
    with pytest.raises(EventError) as refused:
        read(sent)
    assert refused.value.field == missing.lower().removeprefix("ce-")


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (STRUCTURED, b"no json"),
        (STRUCTURED, b"[]"),
        (STRUCTURED, b'{"specversion":"9","id":"1","source":"s","type":"t"}'),
        (STRUCTURED, b'{"specversion":"1.0","id":"1","source":"s","type":"t","data_base64":"!"}'),
        (BATCHED, b"{}"),
        (BATCHED, json.dumps([1] * (MAX_EVENTS + 1)).encode()),
        ("application/cloudevents+avro", b""),
    ],
)
def test_what_is_no_event_is_refused(content_type: str, body: bytes) -> None:
    with pytest.raises(EventError):
        decode({"content-type": content_type}, body)


@pytest.mark.parametrize("time", ["soon", "2026-01-06T00:23:26", "", "9999-99-99T00:00:00Z"])
def test_a_time_that_is_none_costs_nothing_but_the_time(time: str) -> None:
    assert enveloped(time=time).time is None


def test_requests_say_themselves_whether_they_are_events() -> None:
    assert is_cloudevent({"content-type": "application/cloudevents+avro"})
    assert is_cloudevent({"ce-type": "t"})
    assert not is_cloudevent({"content-type": "application/json", "accept": "application/cloudevents+json"})
