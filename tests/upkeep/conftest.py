"""A data folder with something of everything in it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from driftwatch import Baseline
from driftwatch.bootstrap import build_service
from driftwatch.settings import load_settings
from driftwatch.stores import id_index
from driftwatch.wire.native import LabelEvent, PredictionEvent

START = datetime(2026, 1, 5, tzinfo=UTC)


def fill(data: Path, *, first: int = 0) -> None:
    """Two files of predictions and one of labels in the log, and four rows that wait in the spool."""
    service = build_service(load_settings(data=data, disk_reserve_bytes=0))
    with closing(service):
        reference = {"x": [float(n % 7) for n in range(100)], "y": [0.5] * 100, "p": [0.5] * 100}
        baseline = Baseline.fit(reference, model="m", task="regression", label="y", prediction="p")
        service.operations.register_baseline("m", baseline.to_json())
        for part in range(3):
            ids = [f"{first + part}-{row}" for row in range(4)]
            events = [
                PredictionEvent(prediction_id=one, event_time=START, features={"x": 1.0}, prediction=0.5) for one in ids
            ]
            for receipt in service.ingest.predictions("m", list(enumerate(events))).receipts:
                receipt.result(10)
            if part < 2:
                service.pipeline.flush()
        labels = [(0, LabelEvent(prediction_id=f"{first}-0", label=1.0, event_time=START))]
        for receipt in service.ingest.labels("m", labels).receipts:
            receipt.result(10)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(id_index, "_IN_MEMORY", 6)
    fill(tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
def add_to() -> Callable[..., None]:
    return fill
