"""Feature importance: how it weighs the evidence of columns."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.core.baseline import Baseline
from driftwatch.core.evidence import EvidenceMemory, FalseAlarmBudget, blamed
from driftwatch.core.frames import to_table
from driftwatch.core.importance import column_weights
from driftwatch.core.judge import JudgePolicy, judge_inputs
from driftwatch.core.profile import Profile
from driftwatch.errors import BaselineError, ReferenceDataError

NAMES = [f"x{position}" for position in range(10)]
POLICY = JudgePolicy(budget=FalseAlarmBudget.parse("1 per 1000 windows"))
IMPORTANCE = dict.fromkeys(NAMES, 0.0) | {"x0": 1.0}


def rows(n, seed=0, **shifts):
    rng = np.random.default_rng(seed)
    return {name: rng.normal(shifts.get(name, 0.0), 1.0, n) for name in NAMES}


BASELINE = Baseline.fit(rows(10_000), importance=IMPORTANCE)


def judged(data, policy=POLICY, baseline=BASELINE):
    return judge_inputs(baseline, Profile.of(baseline, to_table(data, baseline.schema)), EvidenceMemory(), policy, None)


@given(st.lists(st.floats(0.0, 1.7e308), min_size=1, max_size=30))
def test_weights_add_up_to_1_and_leave_no_column_below_half_of_an_equal_share(values):
    names = [str(position) for position in range(len(values))]
    weights = column_weights(names, dict(zip(names, values, strict=True)))
    assert math.fsum(weights.values()) == pytest.approx(1.0)
    assert min(weights.values()) >= 0.5 / len(names) - 1e-15


def test_the_evidence_is_the_average_that_the_weights_ask_for():
    found = judged(rows(300, seed=1, x0=0.4, x3=0.4))
    by_column = {}
    for one in found.findings:
        by_column.setdefault(one.column, []).append(one.evidence)
    expected = sum((0.05 + 0.5 * (column == "x0")) * sum(values) / len(values) for column, values in by_column.items())
    assert found.verdicts[0].evidence == pytest.approx(expected)


def test_a_change_of_an_important_column_weighs_eleven_times_that_of_one_without_importance():
    """Of ten columns: 1/20 + 1/2 against 1/20."""
    moved = rows(300, seed=1, x0=0.45)
    important = judged(moved).verdicts[0].evidence
    other = judged(moved, replace(POLICY, importance={"x1": 1.0})).verdicts[0].evidence
    assert important / other == pytest.approx(11.0, rel=0.05)


def test_the_policys_importance_takes_the_place_of_the_baselines():
    moved = rows(300, seed=1, x0=0.45)
    alike = judged(moved, replace(POLICY, importance={}))
    plain = judged(moved, baseline=replace(BASELINE, importance={}))
    assert alike.verdicts == plain.verdicts


def test_a_column_without_importance_still_alarms():
    found = judged(rows(1_000, seed=2, x7=0.6)).verdicts[0]
    assert found.columns == ("x7",)


def test_blame_follows_weighted_e_bh():
    """By hand: with weights times the number of columns, 60, 10 and 1 against 3 / (0.1 * k): 30, 15, 10."""
    evidence = {"a": 40.0, "b": 40.0, "c": 4.0}
    weights = {"a": 0.5, "b": 0.25 / 3, "c": 0.25 / 3}
    assert blamed(evidence, 0.1, weights) == ("a",)
    assert blamed(evidence, 0.1) == ("a", "b")


def test_weights_do_not_make_false_blame_more_frequent():
    """E-values of mean 1 that are 0 or 1 / q: weighted e-BH names a false column in at most a share ``rate``."""
    rng = np.random.default_rng(3)
    weights = column_weights(NAMES, IMPORTANCE)
    false = 0
    for _ in range(4_000):
        values = np.where(rng.random(10) < 0.005, 200.0, 0.0)
        false += bool(blamed(dict(zip(NAMES, values.tolist(), strict=True)), 0.1, weights))
    assert false / 4_000 <= 0.1


def test_the_document_keeps_the_importance_and_old_documents_have_none():
    again = Baseline.from_json(BASELINE.to_json())
    assert again.importance == BASELINE.importance == {name: float(name == "x0") for name in NAMES}
    assert "importance" not in json.loads(Baseline.fit(rows(100)).to_json())["baseline"]


def test_rows_that_are_added_leave_the_importance_as_it_was():
    assert BASELINE.partial_fit(rows(10)).importance == BASELINE.importance


@pytest.mark.parametrize(
    ("importance", "says"),
    [
        ({"x99": 1.0}, "x99: the reference has no such column. Did you mean"),
        ({"x1": -0.1}, "importance.x1: -0.1 is no importance. Write 0 for a negative one."),
        ({"x1": math.nan}, "importance.x1: nan is no importance."),
        ({"x1": 0.0}, "importance: no column that is watched has any."),
        ({"x9": 1.0}, "importance.x9: it is no feature"),
    ],
)
def test_an_importance_that_cannot_be_is_refused(importance, says):
    with pytest.raises(ReferenceDataError) as caught:
        Baseline.fit(rows(100), prediction="x9", task="regression", importance=importance)
    assert str(caught.value).startswith(says)


def test_columns_that_are_not_watched_leave_their_importance_to_the_others():
    data = {**rows(100), "comment": [f"a long remark, number {number}" for number in range(100)]}
    baseline = Baseline.fit(data, importance={"x0": 3.0, "x1": 1.0, "comment": 4.0})
    assert baseline.importance == {"x0": 0.75, "x1": 0.25}
    assert "comment has an importance but is not watched." in baseline.notices
    assert any(notice.startswith("No importance was given for x2, x3") for notice in baseline.notices)


def test_huge_importance_does_not_overflow():
    baseline = Baseline.fit(rows(100), importance={"x0": 1.7e308, "x1": 1.7e308})
    assert baseline.importance["x0"] == pytest.approx(0.5)


def test_a_document_whose_importance_cannot_be_is_refused():
    for wrong in ({"nobody": 1.0}, {"x0": 0.5}, {"x0": -1.0}):
        with pytest.raises(BaselineError, match=r"importance|no distance"):
            Baseline.from_json(replace(BASELINE, importance=wrong).to_json())
