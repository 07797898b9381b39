"""One window against a baseline: the report."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import driftwatch
from driftwatch.core.baseline import Baseline
from driftwatch.core.records import AlertKind, Status
from driftwatch.errors import SettingError

RNG = np.random.default_rng(13)


def frame(n, shift=0.0, wrong=0.1):
    label = RNG.random(n) < 0.4
    return pd.DataFrame(
        {
            "age": RNG.normal(40 + shift, 10, n),
            "plan": RNG.choice(["a", "b"], n),
            "y": label,
            "y_pred": label ^ (RNG.random(n) < wrong),
        }
    )


BASELINE = Baseline.fit(frame(5_000), label="y", prediction="y_pred")


def test_rows_like_the_reference_are_ok():
    report = driftwatch.compare(BASELINE, frame(1_000))
    assert report.status is Status.OK
    assert report.drifted_columns == ()
    # What drifts, and what is off; the others come from elsewhere.
    judged = {AlertKind.FEATURE_DRIFT, AlertKind.PREDICTION_DRIFT, AlertKind.LABEL_DRIFT, AlertKind.QUALITY}
    assert {one.kind for one in report.verdicts} == judged | {AlertKind.CONCEPT_DRIFT, AlertKind.DATA_QUALITY}


def test_rows_that_moved_are_drift_and_the_column_is_named():
    report = driftwatch.compare(BASELINE, frame(1_000, shift=8))
    assert report.status is Status.DRIFT
    assert report.drifted_columns == ("age",)


def test_two_frames_are_compared_by_fitting_the_first():
    report = driftwatch.compare(frame(2_000), frame(800, shift=8), label="y", prediction="y_pred", ignore=["plan"])
    assert report.drifted_columns == ("age",)
    assert "plan" not in {row["column"] for row in report.rows()}
    assert (report.n_reference, report.n_live) == (2_000, 800)


def test_without_labels_neither_quality_nor_label_drift_is_judged():
    report = driftwatch.compare(BASELINE, frame(500).drop(columns="y"))
    judged = {AlertKind.FEATURE_DRIFT, AlertKind.PREDICTION_DRIFT, AlertKind.DATA_QUALITY}
    assert {one.kind for one in report.verdicts} == judged


def test_with_labels_a_worse_model_is_quality_drift():
    report = driftwatch.compare(BASELINE, frame(900, wrong=0.35))
    assert [one.kind for one in report.verdicts if one.status is Status.DRIFT] == [
        AlertKind.QUALITY,
        AlertKind.CONCEPT_DRIFT,
    ]


def test_rows_without_a_label_are_no_label_drift():
    live = frame(2_000).astype({"y": object})
    live.loc[live.index[:1_200], "y"] = None
    report = driftwatch.compare(BASELINE, live)
    assert report.status is Status.OK
    assert {row["n_live"] for row in report.rows() if row["column"] == "y"} == {800}


def test_a_frame_of_findings_has_a_row_a_column_and_statistic():
    found = driftwatch.compare(BASELINE, frame(500)).to_frame()
    # Five of the concept: error rate, precision, recall, specificity, share of positive labels.
    assert len(found) == 2 * 4 + 1 + 5
    assert {"column", "statistic", "score", "threshold", "threshold_origin", "status", "change"} <= set(found.columns)


def test_json_is_strict_even_where_a_score_is_undefined():
    live = frame(400)
    live["age"] = math.nan
    document = json.loads(driftwatch.compare(BASELINE, live).to_json())
    undefined = next(row for row in document["findings"] if (row["column"], row["statistic"]) == ("age", "ks"))
    assert undefined["score"] is None
    assert document["status"] == "drift"
    assert document["drifted_columns"] == ["age"]


def test_a_stricter_budget_needs_more_evidence():
    live = frame(200, shift=6)
    lax = driftwatch.compare(BASELINE, live, false_alarms="1 per 2 windows")
    strict = driftwatch.compare(BASELINE, live, false_alarms="1 per 1000000000 windows")
    assert (lax.status, strict.status) == (Status.DRIFT, Status.OK)


def test_too_few_rows_say_so():
    assert driftwatch.compare(BASELINE, frame(5)).status is Status.INSUFFICIENT_DATA


def test_a_missing_feature_is_an_error_that_names_it_and_the_others_are_compared():
    report = driftwatch.compare(BASELINE, frame(50).drop(columns="age"))
    missing = [finding for finding in report.findings if finding.column == "age"]
    assert [finding.status for finding in missing] == [Status.ERROR]
    assert missing[0].note.startswith("age: ")
    assert {finding.column for finding in report.findings if finding.status is Status.OK}
    assert report.status is Status.ERROR


def test_a_budget_in_time_is_refused():
    with pytest.raises(SettingError, match="counted in rows"):
        driftwatch.compare(BASELINE, frame(50), false_alarms="1 per 90d")


def test_options_for_fitting_do_not_go_with_a_fitted_baseline():
    with pytest.raises(TypeError, match="label"):
        driftwatch.compare(BASELINE, frame(50), label="y")


def test_comparing_loads_no_pandas_until_a_frame_is_asked_for():
    code = (
        "import sys, driftwatch\n"
        "data = {'x': [float(i % 7) for i in range(100)]}\n"
        "report = driftwatch.compare(data, data)\n"
        "assert report.status.value == 'ok'\n"
        "assert 'pandas' not in sys.modules and 'scipy.stats' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
