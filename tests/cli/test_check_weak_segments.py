"""``driftwatch check --weak-segments`` over the log of a service that is stopped."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import driftwatch
from driftwatch.bootstrap import build_service
from driftwatch.cli.app import app
from driftwatch.settings import load_settings
from driftwatch.wire.native import LabelEvent, PredictionEvent

START = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a baseline, and the data of a service that logged 2,000 rows, half of ``pro`` wrong."""
    folder, rng = tmp_path_factory.mktemp("weak"), np.random.default_rng(1)
    age, plan = rng.uniform(18, 80, 4_000), rng.choice(["free", "pro"], 4_000, p=[0.7, 0.3])
    truth = rng.random(4_000) < 0.5
    wrong = rng.random(4_000) < np.where(plan == "pro", 0.4, 0.1)
    answer = np.where(wrong, ~truth, truth)
    columns = {"age": age, "plan": plan, "y": truth.astype(int), "y_pred": answer.astype(int)}
    reference = {name: values[:2_000] for name, values in columns.items()}
    baseline = driftwatch.Baseline.fit(reference, label="y", prediction="y_pred", model="m")
    (folder / "b.json").write_text(baseline.to_json())
    service = build_service(load_settings(data=folder / "data"))
    service.operations.register_baseline("m", baseline.to_json())
    times = [START + timedelta(minutes=row) for row in range(2_000)]
    predictions = [
        PredictionEvent(
            prediction_id=str(row),
            event_time=times[row],
            features={"age": float(age[2_000 + row]), "plan": str(plan[2_000 + row])},
            prediction=str(int(answer[2_000 + row])),
        )
        for row in range(2_000)
    ]
    labels = [
        LabelEvent(prediction_id=str(row), label=str(int(truth[2_000 + row])), event_time=times[row])
        for row in range(2_000)
    ]
    for submission in (
        service.ingest.predictions("m", list(enumerate(predictions))),
        service.ingest.labels("m", list(enumerate(labels))),
    ):
        assert not submission.rejections
        for receipt in submission.receipts:
            receipt.result(20)
    service.pipeline.flush()
    service.close()
    return folder


def test_the_rows_and_labels_of_the_log_show_where_the_model_is_weak(stopped: Path) -> None:
    where = ["--data", str(stopped / "data"), "--from", "2026-03-01", "--to", "2026-04-01", "--weak-segments"]
    done = CliRunner().invoke(app, ["check", str(stopped / "b.json"), *where, "--format", "json"])
    found = json.loads(done.stdout)["weak_segments"]
    assert (found["rows"], found["measure"]) == (2_000, "error_rate")
    assert [one["text"] for one in found["segments"]] == ["plan in pro"]
    assert found["segments"][0]["loss"] == pytest.approx(0.4, abs=0.08)
    assert found["segments"][0]["elsewhere"] == pytest.approx(0.1, abs=0.04)
