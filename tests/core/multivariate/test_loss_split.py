"""The inputs or the concept, on rows where the answer is known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import driftwatch
from driftwatch.core.baseline import Baseline
from driftwatch.core.frames import to_table
from driftwatch.core.multivariate.loss_split import split_loss

DATA = Path(__file__).parents[4] / "shared" / "data"
RNG = np.random.default_rng(8)


def rows(n=5_000, *, middle=0.0, worse=1.0):
    """A regression whose errors grow with ``x``: moving ``x`` makes them larger with nothing else changed."""
    x = RNG.normal(middle, 1.0, n)
    return {"x": x, "z": RNG.normal(size=n), "y": np.zeros(n), "p": RNG.normal(0.0, np.exp(0.5 * x)) * worse}


REFERENCE = rows()
SCHEMA = Baseline.fit(REFERENCE, label="y", prediction="p", task="regression").schema


def split(live):
    return split_loss(SCHEMA, to_table(REFERENCE, SCHEMA), to_table(live, SCHEMA))


def test_inputs_that_moved_explain_what_they_do_by_the_closed_form():
    found = split(rows(middle=0.7))
    # The mean absolute error of N(0, exp(x / 2)) over x ~ N(m, 1) is sqrt(2 / pi) exp(m / 2 + 1 / 8).
    expected = np.sqrt(2 / np.pi) * (np.exp(0.7 / 2 + 1 / 8) - np.exp(1 / 8))
    assert found.inputs == pytest.approx(expected, abs=3 * found.inputs_error)
    assert abs(found.concept) < 3 * found.concept_error
    assert found.text.startswith("The inputs, not the concept: mean absolute error")


def test_a_concept_that_changed_is_not_explained_by_inputs_that_did_not():
    found = split(rows(worse=1.5))
    assert found.concept == pytest.approx(0.5 * found.reference, rel=0.2)
    assert abs(found.inputs) < 0.1 * found.concept
    assert not found.text.startswith("The inputs")


def test_both_parts_add_up_to_the_whole_change():
    found = split(rows(middle=0.7, worse=1.5))
    assert found.inputs + found.concept == pytest.approx(found.live - found.reference)
    assert found.text.startswith("Both the inputs and the concept")


def test_rows_like_the_reference_changed_in_neither_way():
    assert split(rows()).text.startswith("Neither, for sure")


def test_rows_from_where_the_reference_had_none_are_not_split():
    found = split(rows(middle=30.0))
    assert np.isnan([found.inputs, found.concept]).all()
    assert "cannot be told" in found.text


@pytest.mark.parametrize("column", ["y", "p", "x"])
def test_without_labels_predictions_or_enough_rows_there_is_no_split(column):
    assert split(rows(60)) is None
    live = rows(500)
    if column != "x":
        table = to_table(live, SCHEMA)
        short = type(table)({name: values for name, values in table.columns.items() if name != column}, len(table))
        assert split_loss(SCHEMA, to_table(REFERENCE, SCHEMA), short) is None


def test_a_report_says_it_where_rows_of_both_sides_have_labels():
    live = rows(1_000, worse=3.0)
    report = driftwatch.compare(
        REFERENCE, live, label="y", prediction="p", task="regression", together="domain_classifier"
    )
    document = json.loads(report.to_json())["quality"]
    assert report.split.text in document["notices"]
    assert document["inputs_or_concept"]["concept"] == pytest.approx(report.split.concept)
    assert report.split.text.partition(":")[0] in report.to_html()
    bare = {name: values for name, values in live.items() if name != "y"}
    again = driftwatch.compare(
        REFERENCE, bare, label="y", prediction="p", task="regression", together="domain_classifier"
    )
    assert again.split is None


@pytest.mark.skipif(not DATA.exists(), reason="the data sets are not beside the project")
@pytest.mark.parametrize(
    ("name", "label", "score", "reference", "live", "head"),
    [
        ("car_loan", "repaid", "y_pred_proba", (0, 50_000), (75_000, 100_000), "The inputs, not the concept"),
        ("sea_50k", "y", "y_score", (6_250, 12_500), (12_500, 25_000), "The concept, not the inputs"),
    ],
)
def test_it_is_right_about_two_known_data_sets(name, label, score, reference, live, head):
    data = pd.read_parquet(DATA / name / f"{name}.parquet").drop(columns=["id", "timestamp", "period"], errors="ignore")
    was, now = (data[slice(*part)].reset_index(drop=True) for part in (reference, live))
    schema = Baseline.fit(was, label=label, prediction="y_pred", score=score, task="binary").schema
    found = split_loss(schema, to_table(was, schema), to_table(now, schema))
    assert found.text.startswith(head), found.text
