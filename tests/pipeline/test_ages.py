"""A time among the features, from the event to the log and the judgement: measured as an age, kept as a time."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from driftwatch.capture.copying import copied_rows
from driftwatch.core.baseline import Baseline
from driftwatch.core.foreign_columns import raw_column
from driftwatch.core.table import Ages, Names, Numbers, Table
from driftwatch.core.windows import to_microseconds
from driftwatch.errors import EventError
from driftwatch.pipeline.export import NO_LABEL, EventPart
from driftwatch.ports import SpoolEntry
from driftwatch.stores.log import ParquetLog
from driftwatch.testing import prediction_batch
from driftwatch.wire import arrow
from driftwatch.wire.columnar import PredictionColumns
from driftwatch.wire.native import PredictionEvent
from driftwatch.wire.parquet import write_rows

DAY = 86_400.0
MOMENT = datetime(2026, 1, 4, 12, tzinfo=UTC)
"""Just before the world's clock."""


def aged_baseline() -> Baseline:
    rng = np.random.default_rng(7)
    when = pd.date_range("2025-01-01", periods=4_000, freq="10min", tz="UTC")
    reference = pd.DataFrame(
        {
            "last_login": when - pd.to_timedelta(rng.exponential(10.0, 4_000), unit="D"),
            "when": when,
            "predicted": rng.normal(size=4_000),
            "minutes": rng.normal(size=4_000),
        }
    )
    return Baseline.fit(
        reference, model="flights", label="minutes", prediction="predicted", timestamp="when", task="regression"
    )


def send(world, *values, moment=MOMENT):
    events = [
        PredictionEvent(features={"last_login": value}, prediction=1.0, event_time=moment, prediction_id=f"p{row}")
        for row, value in enumerate(values)
    ]
    return world.service.ingest.predictions("flights", list(enumerate(events)))


@pytest.fixture
def aged(make_world):
    world = make_world()
    world.register(aged_baseline())
    return world


def logged(world):
    (part,) = world.service.operations.export("flights")
    return part.predictions.columns["last_login"]


def test_live_times_are_measured_up_to_the_event_time_of_their_prediction(aged):
    submission = send(aged, "2026-01-03T12:00:00Z", "2026-01-03T14:00:00+02:00", "2026-01-03T12:00:00", "2026-01-02",
                      datetime(2026, 1, 3, 12, tzinfo=UTC).timestamp(), None)  # fmt: skip
    assert not submission.rejections
    aged.settle()
    ages = logged(aged)
    assert isinstance(ages, Ages)
    assert ages.to_list() == [DAY, DAY, DAY, 2.5 * DAY, DAY, None]


def test_a_prediction_without_a_time_has_the_age_at_its_receipt(aged):
    now = aged.clock.now()
    send(aged, (now - timedelta(hours=3)).isoformat(), moment=None)
    aged.settle()
    assert logged(aged).to_list() == [3 * 3_600.0]


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("soon", "must be a time such as 2026-01-31T08:00:00Z, not the text 'soon'."),
        (True, "must be a time, not a boolean."),
        (1_767_000_000_000.0, "too many seconds since 1970"),
        (float("inf"), "too many seconds since 1970"),
        ("2026-13-01", "not the text '2026-13-01'."),
    ],
)
def test_a_value_that_is_no_time_is_rejected_with_its_field(aged, value, says):
    (rejection,) = send(aged, "2026-01-03", value, "2026-01-03").rejections
    assert (rejection.index, rejection.field) == (1, "features.last_login")
    assert says in rejection.problem


def columns_of(values, moment=MOMENT):
    n = len(values)
    return PredictionColumns(
        n_rows=n,
        features={"last_login": raw_column(values, "last_login", EventError)},
        prediction=raw_column(np.ones(n), "prediction", EventError),
        event_time=raw_column([moment] * n, "event_time", EventError),
    )


@pytest.mark.parametrize(
    "values",
    [
        pa.array(["2026-01-03T12:00:00", None]).cast(pa.timestamp("s")),
        pa.array([datetime(2026, 1, 3, 12, tzinfo=UTC), None], pa.timestamp("ms", tz="Asia/Tokyo")),
        pa.array(["2026-01-03T12:00:00Z", None]),
        pa.array([datetime(2026, 1, 3, 12, tzinfo=UTC).timestamp(), None]),
    ],
    ids=["naive", "another zone", "text", "seconds"],
)
def test_events_in_columns_have_the_same_ages(aged, values):
    assert not aged.service.ingest.prediction_columns("flights", columns_of(values)).rejections
    aged.settle()
    assert logged(aged).to_list() == [DAY, None]


def test_a_bad_text_in_a_column_is_rejected_with_its_row(aged):
    submission = aged.service.ingest.prediction_columns("flights", columns_of(pa.array(["2026-01-03", "soon"])))
    (rejection,) = submission.rejections
    assert (rejection.index, rejection.field) == (1, "features.last_login")


def test_ages_that_grow_raise_an_alert_and_times_that_move_on_do_not(aged):
    rng = np.random.default_rng(3)
    alerts = []
    for day in range(12):
        begin = datetime(2026, 1, 5, tzinfo=UTC) + timedelta(days=day)
        events = [
            PredictionEvent(
                features={"last_login": (moment - timedelta(days=float(age))).isoformat()},
                prediction=float(rng.normal()),
                event_time=moment,
            )
            for moment, age in zip(
                (begin + timedelta(minutes=7 * row) for row in range(200)),
                rng.exponential(10.0 if day < 6 else 25.0, 200),
                strict=True,
            )
        ]
        aged.predict(events)
        aged.settle()
        alerts.append({name for alert in aged.service.operations.alerts() for name in alert.columns})
    assert alerts[6] == set()
    assert alerts[-1] == {"last_login"}


FRAME = pd.DataFrame({"last_login": pd.to_datetime(["2026-01-03 12:00", None])})


@pytest.mark.parametrize(
    "rows",
    [
        FRAME,
        FRAME.assign(last_login=FRAME["last_login"].dt.tz_localize("UTC").dt.tz_convert("Europe/Berlin")),
        FRAME.astype("datetime64[ns]"),
        pl.from_pandas(FRAME),
        pa.Table.from_pandas(FRAME),
        {"last_login": FRAME["last_login"].to_numpy()},
        [{"last_login": datetime(2026, 1, 3, 12, tzinfo=UTC)}, {"last_login": None}],
    ],
    ids=["pandas", "pandas with a zone", "nanoseconds", "polars", "arrow", "mapping", "rows"],
)
def test_times_in_the_rows_of_a_watched_model_arrive(aged, rows):
    sent = copied_rows(rows, 10).features(None, 2)
    assert not send(aged, *(one["last_login"] for one in sent)).rejections
    aged.settle()
    assert logged(aged).to_list() == [DAY, None]


BORN = datetime(1950, 5, 1, 1, 2, 3, 456_789, tzinfo=UTC)


def batch():
    plain = prediction_batch(["a", "b"], event_time=to_microseconds(MOMENT))
    times = np.array([float(to_microseconds(BORN)), np.nan])
    return replace(plain, columns=Table({"birth_date": Ages.of(times, plain.event_time)}, 2))


def same(found, expected):
    return isinstance(found, Ages) and [found.to_list(), found.times.tolist()[0]] == [
        expected.to_list(),
        expected.times.tolist()[0],
    ]


def test_the_spools_form_keeps_the_time_and_gives_the_age_back():
    assert same(arrow.decode(arrow.encode(batch())).columns["birth_date"], batch().columns["birth_date"])


def test_the_log_has_the_original_time_as_a_timestamp(tmp_path: Path):
    log = ParquetLog(tmp_path)
    files = log.write([SpoolEntry(sequence=1, received_time=MOMENT, batch=batch())])
    path = tmp_path / files[0].path
    assert pq.read_schema(path).field("birth_date").type == pa.timestamp("us", tz="UTC")
    assert pl.read_parquet(path)["birth_date"].to_list() == [BORN, None]
    (read,) = log.read_predictions(files, None, None)
    assert same(read.columns["birth_date"], batch().columns["birth_date"])


def test_exported_rows_have_the_original_time_and_a_baseline_can_be_fitted_from_them(aged, tmp_path: Path):
    send(aged, "2026-01-03T12:00:00Z", None, *["2026-01-01"] * 20)
    aged.settle()
    path = tmp_path / "rows.parquet"
    with path.open("wb") as file:
        write_rows(aged.service.operations.export("flights"), file)
    rows = pd.read_parquet(path)
    assert str(rows["last_login"].dtype).endswith("UTC]")
    assert rows["last_login"].iloc[0] == pd.Timestamp("2026-01-03 12:00", tz="UTC")
    assert rows["last_login"].isna().tolist()[:3] == [False, True, False]
    fitted = Baseline.fit(rows[["last_login", "event_time"]], timestamp="event_time")
    assert fitted.columns["last_login"].moments.maximum == 3.5 * DAY


def test_a_column_that_was_a_text_in_an_earlier_version_is_text_in_the_export():
    texts = replace(batch(), model_version="0", columns=Table({"birth_date": Names.of(["1950-05-01", None])}, 2))
    parts = [
        EventPart(predictions=one, labels=Numbers(np.full(2, np.nan)), label_time=np.full(2, NO_LABEL))
        for one in (texts, batch())
    ]
    file = io.BytesIO()
    write_rows(parts, file)
    found = pq.read_table(io.BytesIO(file.getvalue()))["birth_date"].to_pylist()
    assert found == ["1950-05-01", None, BORN.isoformat(), None]
