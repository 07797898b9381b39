"""Rows of the log under the names that the reference had."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa

import driftwatch
from driftwatch.cli.logged import _named_as_in
from driftwatch.core.baseline import Baseline


def test_ages_of_logged_rows_are_measured_up_to_their_event_time():
    when = pd.date_range("2026-01-01", periods=400, freq="h", tz="UTC")
    baseline = Baseline.fit({"last_login": when - pd.Timedelta(days=2), "when": when}, timestamp="when")
    logged = pa.table({"event_time": when, "last_login": when - pd.Timedelta(days=2), "other": range(400)})
    rows = _named_as_in(baseline.schema, logged)
    assert rows.column_names == ["last_login", "when"]
    assert driftwatch.compare(baseline, rows).status.value == "ok"
