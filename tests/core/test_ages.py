"""Dates and times among the features: measured as the age that each has in its row."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy.stats import ks_2samp

import driftwatch
from driftwatch.core.baseline import Baseline
from driftwatch.core.frames import to_table
from driftwatch.core.table import Ages, Numbers, concatenated
from driftwatch.errors import ReferenceDataError

N = 4_000
DAY = 86_400.0


def frame(days_ago=10.0, start="2024-03-01", seed=1, n=N):
    rng = np.random.default_rng(seed)
    when = pd.date_range(start, periods=n, freq="10min")
    return pd.DataFrame(
        {
            "x": rng.normal(size=n),
            "last_login": when - pd.to_timedelta(rng.exponential(days_ago, n), unit="D").round("s"),
            "when": when,
        }
    )


BASELINE = Baseline.fit(frame(), timestamp="when")


def ages_in(data, schema=BASELINE.schema):
    return to_table(data, schema)["last_login"].to_list()


def test_a_time_is_measured_as_the_seconds_up_to_its_row():
    column = BASELINE.columns["last_login"]
    ages = (frame()["when"] - frame()["last_login"]).dt.total_seconds()
    assert (column.column.kind.value, column.column.is_age) == ("numeric", True)
    assert column.moments.minimum == ages.min()
    assert column.moments.maximum == ages.max()
    assert column.moments.mean == pytest.approx(ages.mean(), rel=1e-12)


def test_without_a_timestamp_it_is_set_aside_with_what_to_do():
    baseline = Baseline.fit(frame())
    assert {aside.name for aside in baseline.schema.set_aside} == {"last_login", "when"}
    assert any("name the timestamp column to have it measured as an age" in notice for notice in baseline.notices)


@pytest.mark.parametrize(
    ("column", "words"),
    [([pd.NaT] * 60, "no value"), ([f"2024-01-{1 + i % 28:02}" for i in range(60)], None)],
    ids=["nothing", "dates as text"],
)
def test_columns_that_are_no_times_are_no_ages(column, words):
    data = {"x": np.arange(60.0), "odd": column, "when": pd.date_range("2024-01-01", periods=60)}
    baseline = Baseline.fit(data, timestamp="when")
    if words is None:
        assert baseline.columns["odd"].column.kind.value == "categorical"
    else:
        assert words in baseline.schema.set_aside[0].reason


UTC = dt.UTC
MOMENT = dt.datetime(2024, 5, 1, 12, 0, 0, tzinfo=UTC)
EARLIER = dt.datetime(2024, 4, 30, 10, 30, 0, 250_000, tzinfo=UTC)
NAIVE = EARLIER.replace(tzinfo=None)
AGE = 25.5 * 3_600 - 0.25
BERLIN = dt.timezone(dt.timedelta(hours=2))
FORMS = {
    "pandas, naive": pd.Series([NAIVE, None]),
    "pandas, UTC": pd.Series([EARLIER, None]),
    "pandas, another zone": pd.Series([EARLIER, None]).dt.tz_convert("Europe/Berlin"),
    "pandas, nanoseconds": pd.Series([NAIVE, None]).astype("datetime64[ns]"),
    "pandas, Arrow": pd.Series([NAIVE, None], dtype=pd.ArrowDtype(pa.timestamp("us"))),
    "polars, naive": pl.Series([NAIVE, None]),
    "polars, another zone": pl.Series([EARLIER, None]).dt.convert_time_zone("Asia/Tokyo"),
    "Arrow": pa.array([NAIVE, None]),
    "Arrow, another zone": pa.array([EARLIER, None], pa.timestamp("ns", tz="Europe/Berlin")),
    "numpy": np.array([NAIVE, "NaT"], dtype="datetime64[us]"),
    "Python": [EARLIER.astimezone(BERLIN), None],
    "text": ["2024-04-30T10:30:00.25Z", None],
    "text with an offset": ["2024-04-30 12:30:00.250+02:00", None],
    "naive text": ["2024-04-30T10:30:00.250", None],
    "seconds": [EARLIER.timestamp(), None],
}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_of_a_time_gives_the_same_age(name):
    found = ages_in({"x": [0.0, 0.0], "last_login": FORMS[name], "when": [MOMENT, MOMENT]})
    assert found == [AGE, None]


@pytest.mark.parametrize("date", [pa.array([dt.date(2024, 4, 30)]), [dt.date(2024, 4, 30)], ["2024-04-30"],
                                  pl.Series([dt.date(2024, 4, 30)])])  # fmt: skip
def test_a_date_is_its_midnight_in_utc(date):
    assert ages_in({"x": [0.0], "last_login": date, "when": [MOMENT]}) == [1.5 * DAY]


def test_an_age_is_unknown_where_the_row_has_no_time_and_negative_where_it_lies_ahead():
    data = {"x": [0.0] * 2, "last_login": [EARLIER, MOMENT + dt.timedelta(days=1)], "when": [None, MOMENT]}
    assert ages_in(data) == [None, -DAY]


def test_times_that_move_on_with_their_rows_are_no_drift():
    report = driftwatch.compare(BASELINE, frame(start="2026-01-01", seed=2))
    assert "last_login" not in report.drifted_columns


def test_ages_that_grow_are_drift():
    assert driftwatch.compare(BASELINE, frame(days_ago=20.0, start="2026-01-01", seed=2)).drifted_columns == (
        "last_login",
    )


def test_a_change_of_ages_is_said_in_days():
    report = driftwatch.compare(BASELINE, frame(days_ago=20.0, seed=2))
    (text,) = {one.change.text for one in report.findings if one.column == "last_login"}
    before, after = text.removeprefix("mean age ").split(" -> ")
    assert [float(one.removesuffix(" d")) for one in (before, after)] == pytest.approx([10, 20], rel=0.1)


def test_columns_are_looked_at_together_with_their_ages():
    live = frame(days_ago=40.0, start="2026-01-01", seed=2)
    found = driftwatch.compare(frame(), live, timestamp="when", together=["domain_classifier"]).joint
    assert not any("last_login" in one.note for one in found)
    assert found[0].score > 0.6


def test_the_time_column_has_a_time_for_every_row():
    report = driftwatch.compare(BASELINE, {"x": [0.0] * 2, "last_login": [EARLIER] * 2, "when": [MOMENT]})
    (finding,) = [one for one in report.findings if one.status.value == "error"]
    assert finding.note.startswith("last_login: it has 2 values where 'when' has 1.")


def test_with_the_rows_of_the_reference_the_statistic_is_that_of_all_ages():
    live = frame(days_ago=11.0, seed=3, n=500)
    for reference in (frame(), Baseline.fit(frame(), timestamp="when", keep_reference=True)):
        options = {} if isinstance(reference, Baseline) else {"timestamp": "when"}
        rows = driftwatch.compare(reference, live, **options).rows()
        (row,) = [row for row in rows if (row["column"], row["statistic"]) == ("last_login", "ks")]
        one, other = ((part["when"] - part["last_login"]).dt.total_seconds() for part in (frame(), live))
        assert row["score"] == pytest.approx(ks_2samp(one, other).statistic, abs=1e-12)


def test_live_rows_without_their_time_are_an_error_finding_that_says_what_to_give():
    report = driftwatch.compare(BASELINE, frame(seed=2).drop(columns="when"))
    (finding,) = [one for one in report.findings if one.status.value == "error"]
    assert finding.column == "last_login"
    assert finding.note == (
        "last_login: its age cannot be told without the time of each row, 'when'. Give the column 'when' too."
    )
    assert any(one.column == "x" for one in report.findings if one.status.value != "error")


def test_a_value_that_is_no_time_is_named():
    report = driftwatch.compare(BASELINE, {"x": [0.0], "last_login": ["soon"], "when": [MOMENT]})
    (finding,) = [one for one in report.findings if one.status.value == "error"]
    assert "last_login: 'soon' is not a time" in finding.note


def test_more_rows_of_the_reference_need_their_time_too():
    both = BASELINE.partial_fit(frame(seed=5))
    assert both.columns["last_login"].n == 2 * N
    with pytest.raises(ReferenceDataError, match="cannot be told without the time of each row"):
        BASELINE.partial_fit(frame(seed=5).drop(columns="when"))


def test_in_batches_ages_are_those_of_the_whole():
    parts = [frame().iloc[start : start + 900] for start in range(0, N, 900)]
    assert Baseline.fit_batches(parts, timestamp="when").to_json() == BASELINE.to_json()


def test_the_document_says_that_it_is_a_datetime_and_is_read_back():
    again = Baseline.from_json(BASELINE.to_json())
    assert '"kind":"datetime"' in BASELINE.to_json()
    assert again.schema == BASELINE.schema
    assert again.to_json() == BASELINE.to_json()
    assert again.layout == BASELINE.layout


def test_ages_keep_the_times_that_they_were_made_of():
    ages = Ages.of(np.array([0.0, 1e6, np.nan]), np.array([2_000_000] * 3))
    assert ages.to_list() == [2.0, 1.0, None]
    both = concatenated([ages.take(np.array([2, 0])), ages])
    assert isinstance(both, Ages)
    assert both.to_list() == [None, 2.0, 2.0, 1.0, None]
    assert math.isnan(both.times[0])
    assert both.times[1:4].tolist() == [0.0, 0.0, 1e6]
    assert not isinstance(concatenated([ages, Numbers(np.zeros(1))]), Ages)
