"""Segments as the API, the metrics and the page show them."""

import time
from typing import Any

import pytest


@pytest.fixture
def segmented(make_web: Any) -> Any:
    web = make_web(segments=("carrier",), minimum_rows=10)
    web.register()
    for number in range(4):
        web.day(number)
    return web


def test_the_api_answers_for_all_rows_and_for_one_segment(segmented: Any) -> None:
    (whole,) = segmented.client.get("/v1/models/flights/drift").json()["windows"]
    (part,) = segmented.client.get("/v1/models/flights/drift", params={"segment": "carrier=AA"}).json()["windows"]
    assert (whole["segment"], whole["rows"]) == ("", 200)
    assert part["segment"] == "carrier=AA"
    assert (part["start"], part["end"]) == (whole["start"], whole["end"])
    assert 0 < part["rows"] < 200
    assert (part["first_row"], part["end_row"], part["revised"]) == (None, None, 0)


def test_the_quality_of_a_segment_is_of_its_own_rows(segmented: Any) -> None:
    answers = [
        segmented.client.get("/v1/models/flights/performance", params={"segment": segment}).json()["windows"][0]
        for segment in ("", "carrier=AA", "carrier=DL", "carrier=UA")
    ]
    whole, parts = answers[0], answers[1:]
    assert sum(one["labels"] for one in parts) == whole["labels"]
    weighted = sum(one["labels"] * one["performance"]["mae"] for one in parts) / whole["labels"]
    assert whole["performance"]["mae"] == pytest.approx(weighted)


def test_an_unknown_segment_has_no_windows(segmented: Any) -> None:
    answer = segmented.client.get("/v1/models/flights/drift", params={"segment": "carrier=XX"})
    assert (answer.status_code, answer.json()["windows"]) == (200, [])


def test_the_page_lists_the_segments(segmented: Any) -> None:
    text = segmented.client.get("/").text
    assert "Segments of flights" in text
    for name in ("carrier=AA", "carrier=DL", "carrier=UA"):
        assert name in text


def test_the_metrics_have_the_segments(segmented: Any) -> None:
    facts = segmented.service.operations.metrics_facts()
    assert [one.segment for one in facts.segments] == ["carrier=AA", "carrier=DL", "carrier=UA"]
    wanted = 'driftwatch_window_rows{model="flights",model_version="1",segment="carrier=AA",stage="inputs"}'
    deadline = time.monotonic() + 20
    while wanted not in segmented.client.get("/metrics").text:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_windows_of_rows_say_which_rows_they_hold(make_web: Any) -> None:
    web = make_web(window="150 rows", false_alarms="1 per 1000 windows")
    web.register()
    web.day(0)
    web.day(1)
    windows = web.client.get("/v1/models/flights/drift", params={"limit": 9}).json()["windows"]
    assert [(one["first_row"], one["end_row"], one["rows"]) for one in windows] == [(150, 300, 150), (0, 150, 150)]
