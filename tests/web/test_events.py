"""Logged rows out again."""

import io
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from driftwatch.web import events


def read(answer: Any) -> pd.DataFrame:
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/vnd.apache.parquet"
    assert int(answer.headers["content-length"]) == len(answer.content)
    return pd.read_parquet(io.BytesIO(answer.content))


def test_everything_acknowledged_comes_out_with_its_labels(drifted: Any) -> None:
    frame = read(drifted.client.get("/v1/models/flights/events"))
    assert len(frame) == 12 * 200
    assert {"distance", "carrier", "prediction", "label", "event_time", "label_time"} <= set(frame)
    assert (frame["label_time"] - frame["event_time"]).eq(pd.Timedelta(hours=2)).all()


def test_a_range_of_event_time_is_half_open(drifted: Any) -> None:
    asked = {"from": "2026-01-06T00:00:00Z", "to": "2026-01-07T00:00:00Z"}
    frame = read(drifted.client.get("/v1/models/flights/events", params=asked))
    assert len(frame) == 200
    assert set(frame["event_time"].dt.day) == {6}


def test_labelled_rows_alone(web: Any) -> None:
    for name in ("a", "b"):
        web.send("predictions", {"prediction_id": name, "features": {"distance": 1.0}, "prediction": 2.0})
    web.send("labels", {"prediction_id": "b", "label": 3.0})
    answer = web.client.get("/v1/models/flights/events", params={"labelled": "true"})
    assert read(answer)["prediction_id"].tolist() == ["b"]


def test_no_rows_are_a_file_too(web: Any) -> None:
    assert len(read(web.client.get("/v1/models/flights/events"))) == 0


def test_nothing_is_left_in_the_data_folder(web: Any, tmp_path: Path) -> None:
    web.client.get("/v1/models/flights/events")
    assert list(tmp_path.iterdir()) == []


def test_more_exports_than_there_are_places_are_asked_to_come_again(web: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, end = threading.Semaphore(0), threading.Event()

    def slow(*_: object, **__: object) -> list[object]:
        begun.release()
        end.wait(20)
        return []

    monkeypatch.setattr(web.service.operations, "export", slow)
    with ThreadPoolExecutor(events.AT_ONCE) as pool:
        running = [pool.submit(web.client.get, "/v1/models/flights/events") for _ in range(events.AT_ONCE)]
        try:
            for _ in running:
                assert begun.acquire(timeout=20)
            refused = web.client.get("/v1/models/flights/events")
        finally:
            end.set()
    assert refused.status_code == 503
    assert int(refused.headers["retry-after"]) > 0
    assert [one.result().status_code for one in running] == [200] * events.AT_ONCE
    assert web.client.get("/v1/models/flights/events").status_code == 200
