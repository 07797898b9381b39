"""``driftwatch.Monitor``: it says what the service says, at the row that makes it due, from labels that are known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import driftwatch
from driftwatch.bootstrap import assemble
from driftwatch.core.baseline import Baseline
from driftwatch.core.event_names import EventNames
from driftwatch.core.records import AlertKind, Status
from driftwatch.errors import EventError, MeasureError, SettingError
from driftwatch.settings import load_settings
from driftwatch.testing import ManualClock, MemoryLog, MemorySpool, MemoryState
from driftwatch.wire.native import LabelEvent, PredictionEvent

HOURLY = {"window": "2h", "lateness": "10min", "false_alarms": "1 per 30d"}


def told(monitor: driftwatch.Monitor) -> list[tuple[object, ...]]:
    return [(one.kind.value, one.row, one.start, one.columns, one.reason) for one in monitor.alerts]


def judged(monitor: driftwatch.Monitor) -> list[tuple[object, ...]]:
    return [(one.start, one.end, one.rows, one.labels, one.status, one.evidence, one.seen) for one in monitor.windows]


def watched(
    baseline: Baseline, frame: pd.DataFrame, at_once: int | None = None, **options: object
) -> driftwatch.Monitor:
    monitor = driftwatch.Monitor(baseline, **options)
    step = at_once or len(frame)
    for first in range(0, len(frame), step):
        monitor.update(frame.iloc[first : first + step])
    monitor.finish()
    return monitor


@pytest.mark.parametrize("options", [HOURLY, {"window": "250 rows"}, {"window": "400 rows", "slide": "200 rows"}])
def test_it_does_not_matter_in_which_parts_rows_come(baseline, moving, options) -> None:
    whole = watched(baseline, moving, **options)
    assert {one.kind for one in whole.alerts} == {AlertKind.FEATURE_DRIFT, AlertKind.QUALITY, AlertKind.CONCEPT_DRIFT}
    parts = watched(baseline, moving, 61, **options)
    assert told(parts) == told(whole)
    assert judged(parts) == judged(whole)


def test_a_window_of_time_is_judged_by_the_first_row_beyond_its_lateness(baseline, moving) -> None:
    # Rows come every minute; windows of 2 h close 10 minutes after their end, with the row of that minute.
    monitor = watched(baseline, moving, **HOURLY, label_wait="10min")
    assert [one.seen for one in monitor.windows][:3] == [131, 251, 371]
    fired = {one.kind: one for one in monitor.alerts}
    assert (fired[AlertKind.FEATURE_DRIFT].row - 11) % 120 == 0
    assert fired[AlertKind.FEATURE_DRIFT].at == moving.event_time[fired[AlertKind.FEATURE_DRIFT].row - 1]


def test_windows_of_rows_are_judged_with_their_last_row(baseline, moving) -> None:
    monitor = watched(baseline, moving.drop(columns="event_time"), window="250 rows")
    assert [one.seen for one in monitor.windows] == list(range(250, 6_001, 250))
    drift = monitor.alerts[0]
    assert (drift.kind, drift.start_row, drift.row % 250) == (AlertKind.FEATURE_DRIFT, 3_000, 0)
    assert drift.row <= 3_500


def test_the_estimated_start_is_that_of_the_first_window_in_which_the_evidence_grew(baseline, moving) -> None:
    monitor = watched(baseline, moving, window="100 rows")
    first = next(one for one in monitor.alerts if one.kind is AlertKind.FEATURE_DRIFT)
    assert first.start_row == 3_000 < first.row
    assert first.start == moving.event_time[3_000]
    assert first.delay == moving.event_time[first.row - 1] - moving.event_time[3_000]


def test_it_says_what_the_service_says(baseline, moving) -> None:
    """The same events through the service, an hour at a time: the same windows, verdicts and alerts."""
    options = {**HOURLY, "label_wait": "10min", "again_after": "0s"}
    clock, state, spool = ManualClock(datetime(2026, 3, 1, tzinfo=UTC)), MemoryState(), MemorySpool()
    service = assemble(load_settings(**options), spool=spool, log=MemoryLog(), state=state, clock=clock, told={})
    service.operations.register_baseline("lamps", baseline.to_json())
    for first in range(0, len(moving), 5):
        rows = moving.iloc[first : first + 5].to_dict("records")
        clock.set(rows[-1]["event_time"].to_pydatetime())
        service.ingest.predictions(
            "lamps",
            [
                (
                    at,
                    PredictionEvent(
                        prediction_id=str(first + at),
                        event_time=row["event_time"].to_pydatetime(),
                        features={"x": row["x"], "colour": row["colour"]},
                        prediction=str(row["prediction"]),
                        score=row["score"],
                    ),
                )
                for at, row in enumerate(rows)
            ],
        )
        service.ingest.labels(
            "lamps",
            [
                (
                    at,
                    LabelEvent(
                        prediction_id=str(first + at),
                        label=str(row["label"]),
                        event_time=row["event_time"].to_pydatetime(),
                    ),
                )
                for at, row in enumerate(rows)
            ],
        )
        while service.pipeline.step():
            continue
    with state.read() as reader:
        windows, alerts = reader.windows("lamps")[::-1], reader.alerts("lamps")[::-1]
    service.close()
    monitor = driftwatch.Monitor(baseline, **options)
    monitor.update(moving)
    assert len(windows) > 40
    assert [(one.start, one.rows, one.labels, one.status) for one in monitor.windows] == [
        (one.key.start, one.rows, one.labels, one.status) for one in windows
    ]
    assert [sorted(one.evidence.values()) for one in monitor.windows] == [
        sorted(verdict.evidence / verdict.limit.value for verdict in one.verdicts) for one in windows
    ]
    assert {(one.kind, one.reason) for one in monitor.alerts} == {(one.kind, one.reason) for one in alerts}


def test_a_label_is_known_from_its_time_on(baseline, moving) -> None:
    late = moving.assign(label_time=moving.event_time + timedelta(hours=20))
    monitor = watched(baseline, late, **HOURLY, label_wait="20h")
    (quality,) = [one for one in monitor.alerts if one.kind is AlertKind.QUALITY]
    # The errors began with row 4,500; the first of their labels came 1,200 minutes later.
    assert quality.row > 4_500 + 1_200
    assert quality.start >= moving.event_time[4_380]
    at_once = watched(baseline, moving, **HOURLY, label_wait="20h")
    assert judged(at_once) == judged(monitor)


def test_labels_may_come_in_frames_of_their_own_and_wait_for_their_time(baseline, moving) -> None:
    named = moving.assign(prediction_id=[f"p{row}" for row in range(len(moving))])
    labels = named[["prediction_id", "label"]].assign(label_time=named.event_time + timedelta(hours=20))
    monitor = driftwatch.Monitor(baseline, **HOURLY, label_wait="20h")
    monitor.labels(labels)
    monitor.update(named.drop(columns="label"))
    monitor.finish()
    same = named.assign(label_time=labels.label_time)
    expected = watched(baseline, same, **HOURLY, label_wait="20h")
    assert judged(monitor) == judged(expected)
    assert told(monitor) == told(expected)


def test_labels_that_come_later_than_their_window_was_judged_are_looked_at_with_the_next_rows(baseline, moving) -> None:
    rows = moving.drop(columns=["label", "event_time"]).assign(prediction_id=[f"p{row}" for row in range(len(moving))])
    monitor = driftwatch.Monitor(baseline, window="500 rows")
    for first in range(0, 6_000, 500):
        monitor.update(rows.iloc[first : first + 500])
        monitor.labels(
            {"prediction_id": rows.prediction_id[first : first + 500], "label": moving.label[first : first + 500]}
        )
    monitor.finish()
    assert [one.labels for one in monitor.windows] == [500] * 12
    quality = [one for one in monitor.alerts if one.kind is AlertKind.QUALITY]
    assert [one.start_row for one in quality] == [4_500]


def test_frames_of_all_kinds_are_the_same(baseline, moving) -> None:
    expected = watched(baseline, moving, window="250 rows")
    for frame in (
        pl.from_pandas(moving),
        pa.Table.from_pandas(moving),
        {name: moving[name] for name in moving.columns},
    ):
        monitor = driftwatch.Monitor(baseline, window="250 rows")
        monitor.update(frame)
        monitor.finish()
        assert told(monitor) == told(expected)


def test_what_it_holds_does_not_grow_with_the_stream(baseline, stream) -> None:
    monitor = driftwatch.Monitor(baseline, window="500 rows")
    held = []
    for seed in range(4):
        monitor.update(stream(5_000, seed=seed).drop(columns="event_time"))
        held.append(monitor._engine._state.waiting() + len(monitor._pending))
    assert held == [0, 0, 0, 0]


def test_rows_of_other_versions_are_passed_over_and_counted(baseline, moving) -> None:
    versions = np.where(np.arange(len(moving)) % 3 == 0, "2", "3")
    monitor = watched(baseline, moving.assign(model_version=versions), window="250 rows")
    mine = watched(baseline, moving[versions == "3"], window="250 rows")
    assert [one.rows for one in monitor.windows] == [one.rows for one in mine.windows]
    # Of three rows of the stream two are of this version.
    assert monitor.windows[0].seen == 375
    assert "2,000 rows of other versions than '3' were passed over" in monitor.history().notes[0]


def test_rows_that_are_rejected_are_said_and_no_window_is_cut_wrongly(baseline, moving) -> None:
    bad = moving.assign(prediction=moving.prediction.where(moving.index % 1_000 != 7, 5))
    monitor = watched(baseline, bad.drop(columns="event_time"), window="250 rows")
    assert [one.rows for one in monitor.windows] == [250] * 23
    assert [one.seen for one in monitor.windows][:3] == [251, 501, 751]
    assert "6 predictions and labels were rejected" in monitor.history().notes[0]
    assert "none of the model's classes" in monitor.history().notes[0]


def test_a_prediction_that_comes_twice_counts_once(baseline, moving) -> None:
    twice = moving.iloc[:500].assign(prediction_id=[f"p{row // 2}" for row in range(500)])
    monitor = watched(baseline, twice.drop(columns="event_time"), window="100 rows")
    assert sum(one.rows for one in monitor.windows) == 200
    assert "250 predictions came twice" in monitor.history().notes[-1]


def test_segments_have_windows_and_alerts_of_their_own(stream) -> None:
    reference = stream(6_000, seed=1)
    fitted = Baseline.fit(reference, label="label", prediction="prediction", score="score", segments=["colour"])
    frame = stream(6_000, seed=5)
    wrong = frame.colour.eq("red") & (frame.index >= 3_000) & (np.random.default_rng(1).random(6_000) < 0.5)
    frame = frame.assign(prediction=frame.prediction.where(~wrong, 1 - frame.prediction)).drop(columns="event_time")
    monitor = watched(fitted, frame, window="500 rows", segments=("colour",))
    assert {"", "colour=red", "colour=blue"} <= {one.segment for one in monitor.windows}
    assert {one.segment for one in monitor.alerts if one.kind is AlertKind.QUALITY} == {"", "colour=red"}


def test_status_latest_window_and_frame(baseline, moving) -> None:
    monitor = driftwatch.Monitor(baseline, window="250 rows")
    assert monitor.status is Status.INSUFFICIENT_DATA
    assert monitor.update(moving.iloc[:1_000]) == []
    assert monitor.status is Status.OK
    fired = monitor.update(moving.iloc[1_000:])
    assert [one.alert_id for one in fired] == [one.alert_id for one in monitor.alerts]
    assert monitor.status is Status.DRIFT
    assert monitor.latest is not None
    assert {one.column for one in monitor.latest.findings} >= {"x", "colour", "score"}
    frame = monitor.to_frame()
    assert len(frame) == 24
    assert frame.evidence_feature_drift.iloc[-1] >= 1.0 > frame.evidence_feature_drift.iloc[0]
    assert frame.error_rate.iloc[-1] == pytest.approx((moving.prediction != moving.label)[-250:].mean())


def test_a_trigger_is_taken_to_have_brought_nothing_and_cools_down(baseline, moving) -> None:
    monitor = watched(baseline, moving, window="250 rows", retrain_cooldown="500min")
    apart = np.diff([one.row for one in monitor.triggers])
    assert len(apart) >= 1
    assert apart.min() >= 500
    assert monitor.triggers[0].reason.startswith("Worse: error_rate")


def test_known_changes_give_delays(baseline, moving) -> None:
    changes = [3_000, moving.event_time[4_500].to_pydatetime()]
    monitor = driftwatch.Monitor(baseline, window="250 rows", known_changes=[*changes, 10**9])
    monitor.update(moving)
    monitor.finish()
    history = monitor.history("mine")
    assert [one.row for one in history.changes] == [3_000, 4_500]
    delays = {(one.change.row, one.kind): one.delay_rows for one in history.detections()}
    assert delays[3_000, AlertKind.FEATURE_DRIFT] in {250, 500}
    assert delays[4_500, AlertKind.QUALITY] in {250, 500}
    assert delays[3_000, AlertKind.QUALITY] is None
    assert history.before_changes() == ()
    assert "row 1,000,000,000 lies beyond the stream" in history.notes[0]


def test_a_service_s_file_of_settings_is_taken(baseline, moving, tmp_path) -> None:
    (tmp_path / "driftwatch.toml").write_text('window = "300 rows"\nfalse_alarms = "1 per 500 windows"\nport = 9\n')
    monitor = driftwatch.Monitor(baseline, config=tmp_path / "driftwatch.toml")
    monitor.update(moving)
    settings = monitor.history().settings
    assert (settings["window"], settings["false_alarms"]) == ("300 rows", "1 per 500 windows")
    assert len(monitor.windows) == 20


def test_what_cannot_work_is_refused(baseline, moving) -> None:
    with pytest.raises(SettingError, match="no_such_setting"):
        driftwatch.Monitor(baseline, no_such_setting=1)
    with pytest.raises(SettingError, match="budget"):
        driftwatch.Monitor(baseline, window="100 rows", false_alarms="1 per 90d")
    with pytest.raises(SettingError, match="no column event_time"):
        driftwatch.Monitor(baseline, window="1h").update(moving.drop(columns="event_time"))
    with pytest.raises(EventError, match="colour"):
        driftwatch.Monitor(baseline).update(moving.drop(columns="colour"))
    with pytest.raises(EventError, match="prediction"):
        driftwatch.Monitor(baseline).update(moving.drop(columns="prediction"))
    with pytest.raises(EventError, match="prediction_id"):
        driftwatch.Monitor(baseline).labels({"label": [1]})
    with pytest.raises(EventError, match="answer"):
        driftwatch.Monitor(baseline, columns=EventNames(prediction="answer")).update(moving)


def test_columns_may_have_other_names(baseline, moving) -> None:
    renamed = moving.rename(columns={"prediction": "answer", "label": "truth", "score": "p", "event_time": "at"})
    names = EventNames(prediction="answer", label="truth", scores=("p",), event_time="at")
    monitor = driftwatch.Monitor(baseline, window="250 rows", columns=names)
    monitor.update(renamed)
    monitor.finish()
    assert told(monitor) == told(watched(baseline, moving, window="250 rows"))


def test_sea_moves_in_its_concept_alone_and_no_input_alarms(data) -> None:
    sea = pd.read_parquet(data / "sea_50k" / "sea_50k.parquet")
    fitted = Baseline.fit(sea.iloc[:6_250], label="y", prediction="y_pred", score="y_score")
    monitor = watched(fitted, sea.iloc[6_250:], window="1000 rows", false_alarms="1 per 1000 windows")
    kinds = {one.kind for one in monitor.alerts}
    assert AlertKind.QUALITY in kinds
    assert not kinds & {AlertKind.FEATURE_DRIFT, AlertKind.PREDICTION_DRIFT}


def test_car_loan_moves_at_its_row_in_its_columns(data) -> None:
    loans = pd.read_parquet(data / "car_loan" / "car_loan.parquet").drop(columns=["id", "period"])
    fitted = Baseline.fit(
        loans.iloc[:50_000], label="repaid", prediction="y_pred", score="y_pred_proba", timestamp="timestamp"
    )
    monitor = watched(fitted, loans.iloc[50_000:], window="1000 rows", false_alarms="1 per 1000 windows")
    (drift,) = [one for one in monitor.alerts if one.kind is AlertKind.FEATURE_DRIFT]
    assert (drift.start_row, drift.row) == (25_000, 26_000)
    assert set(drift.columns) == {"car_value", "salary_range", "loan_length", "repaid_loan_on_prev_car"}


def test_own_measures_are_had_of_every_window() -> None:
    rng = np.random.default_rng(9)

    def rows(n: int) -> dict[str, np.ndarray]:
        y = rng.normal(size=n)
        return {"x": rng.normal(size=n), "y": y, "p": y + 0.25}

    reference = Baseline.fit(rows(2_000), label="y", prediction="p")
    monitor = driftwatch.Monitor(
        reference, window="200 rows", measures={"off": lambda given: np.abs(given["y"] - given["p"]) > 0.2}
    )
    monitor.update(rows(600))
    monitor.finish()
    assert [one.performance["off"] for one in monitor.windows] == [1.0, 1.0, 1.0]
    assert monitor.windows[0].performance["mae"] == pytest.approx(0.25)
    with pytest.raises(MeasureError, match="mae: driftwatch has a measure of this name"):
        driftwatch.Monitor(reference, measures={"mae": lambda given: given["y"]})
