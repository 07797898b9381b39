"""``/performance``: measures with intervals, labels and coverage; provisional ones where they are asked for."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.web.conftest import MODEL, START, event


@pytest.fixture
def waiting(make_web):
    """A complete day, and one that closed with half of its labels."""
    web = make_web(label_wait=timedelta(days=2))
    web.register()
    for day in range(3):
        web.day(day)
    web.send("predictions", [event(f"half-{row}", START + timedelta(days=3, minutes=row)) for row in range(60)])
    web.send("labels", [label(row, day=3) for row in range(30)])
    web.send("predictions", [event("next", START + timedelta(days=4, hours=2))])
    web.settle()
    return web


def label(row: int, *, day: float) -> dict[str, object]:
    moment = START + timedelta(days=day, minutes=row)
    return {"prediction_id": f"half-{row}", "label": 110.0, "event_time": moment.isoformat()}


def asked(web, **query):
    answer = web.client.get(f"/v1/models/{MODEL}/performance", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["windows"]


def test_measures_come_with_intervals_labels_and_the_rows_of_the_reference(drifted) -> None:
    [window] = asked(drifted)
    assert not window["provisional"]
    assert window["reference_source"] == "held_out"
    assert window["performance"].keys() == window["intervals"].keys() == window["reference"].keys()
    for name, interval in window["intervals"].items():
        undefined = name in {"msle", "rmsle"}  # Some labels are below -1.
        assert (window["performance"][name] is None) is undefined
        assert undefined or interval["lower"] <= window["performance"][name] <= interval["upper"], name
        assert interval["labels"] == window["labels"]
    assert window["intervals"]["error_p95"]["error_bound"] > 0.0 == window["intervals"]["mae"]["error_bound"]
    assert (window["classes"], window["confusion"], window["notices"]) == ([], [], [])


def test_windows_that_wait_for_labels_come_when_they_are_asked_for(waiting) -> None:
    assert {one["provisional"] for one in asked(waiting, limit=9)} == {False}
    newest = asked(waiting, provisional=True)[0]
    assert (newest["provisional"], newest["stage"], newest["label_coverage_ratio"]) == (True, "closed", 0.5)
    assert newest["performance"]["mae"] == pytest.approx(10.0)
    assert newest["notices"] == ["Provisional: 50% of the rows have a label by now, and more are waited for."]
    waiting.send("labels", [label(row, day=4) for row in range(30, 45)])
    waiting.settle()
    newest = asked(waiting, provisional=True)[0]
    assert (newest["labels"], newest["label_coverage_ratio"], newest["intervals"]["mae"]["labels"]) == (45, 0.75, 45)


def test_the_page_says_which_quality_is_provisional(waiting) -> None:
    page = waiting.client.get("/").text
    assert "<span>provisional</span>" in page
    assert "50 % so far" in page
    assert "Provisional: 50% of the rows have a label by now" in page
