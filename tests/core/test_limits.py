"""Limits that users choose: how they are written, and which of two goes first."""

from __future__ import annotations

import pytest

from driftwatch.core.limits import limit_of, read_limits
from driftwatch.core.policy import JudgePolicy
from driftwatch.core.records import AlertKind, ColumnKind, ColumnRole, ThresholdOrigin
from driftwatch.core.schema import Column
from driftwatch.core.thresholds import Tolerances
from driftwatch.errors import SettingError


@pytest.mark.parametrize(
    ("policy", "column", "statistic", "expected"),
    [
        ({"thresholds": {"psi": 0.2}}, "amount", "psi", (0.2, ThresholdOrigin.FIXED)),
        ({"thresholds": {"psi": 0.2, "amount": {"psi": 0.1}}}, "amount", "psi", (0.1, ThresholdOrigin.FIXED)),
        ({"thresholds": {"amount": {"psi": 0.1}}}, "age", "psi", None),
        ({"p_values": {"ks": 0.001}}, "age", "ks", (0.001, ThresholdOrigin.FIXED_P_VALUE)),
        (
            {"thresholds": {"ks": 0.2}, "p_values": {"age": {"ks": 0.001}}},
            "age",
            "ks",
            (0.001, ThresholdOrigin.FIXED_P_VALUE),
        ),
        ({"thresholds": {"age": {"ks": 0.2}}, "p_values": {"ks": 0.001}}, "age", "ks", (0.2, ThresholdOrigin.FIXED)),
        ({}, "age", "ks", None),
    ],
)
def test_what_is_said_of_a_column_goes_before_what_is_said_of_a_statistic(policy, column, statistic, expected):
    found = JudgePolicy(**policy).fixed(column, statistic)
    assert (None if found is None else (found.value, found.origin)) == expected


@pytest.mark.parametrize(
    ("policy", "says"),
    [
        ({"thresholds": {"psy": 0.2}}, "thresholds.psy: there is no statistic 'psy'. Did you mean psi?"),
        ({"thresholds": {"amount": {"psi": -0.2}}}, "thresholds.amount.psi: -0.2 is no number of 0 or more."),
        ({"thresholds": {"psi": "much"}}, "thresholds.psi: 'much' is no number"),
        ({"thresholds": {"psi": True}}, "thresholds.psi: True is no number"),
        ({"thresholds": {"psi": float("nan")}}, "thresholds.psi: nan is no number"),
        ({"p_values": {"ks": 1.5}}, "p_values.ks: 1.5 is no number between 0 and 1."),
        ({"p_values": {"hellinger": 0.1}}, "p_values.hellinger: hellinger has no p-value. Those that have: "),
        ({"p_values": {"a": {"ks": 0.1}}, "thresholds": {"a": {"ks": 0.1}}}, "p_values.a.ks: a threshold is fixed"),
        ({"tolerances": Tolerances(by_column={"a": {"kss": 0.1}})}, "tolerances.a.kss: there is no statistic"),
        ({"statistics": {ColumnKind.NUMERIC: ("chi_square",)}}, "statistics.numeric: chi_square does not fit numeric"),
        ({"statistics": {ColumnKind.BOOLEAN: ("fishers",)}}, "statistics.boolean: there is no statistic 'fishers'."),
        ({"shares": {AlertKind.QUALITY: -1.0}}, "shares.quality: -1.0 is no finite number"),
        ({"shares": {AlertKind.QUALITY: 0.0}}, "shares: no kind of alert has a share"),
        ({"importance": {"age": float("inf")}}, "importance.age: inf is no finite number"),
    ],
)
def test_a_policy_that_cannot_be_is_refused_and_the_entry_named(policy, says):
    with pytest.raises(SettingError) as caught:
        JudgePolicy(**policy)
    assert str(caught.value).startswith(says)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("psi=0.2", {"psi": 0.2}),
        ("amount.psi=0.1", {"amount": {"psi": 0.1}}),
        ("a=b.c.psi=1e-3", {"a=b.c": {"psi": 0.001}}),
    ],
)
def test_a_limit_is_read_from_a_command_line(text, expected):
    assert read_limits([text], "--threshold") == expected


@pytest.mark.parametrize("text", ["psi", "psi=", "psi=much", "=0.2", ".psi=0.2", ""])
def test_a_text_that_is_no_limit_is_refused(text):
    with pytest.raises(SettingError, match=r"--threshold: .* is no limit"):
        read_limits([text], "--threshold")


def test_limits_of_several_columns_and_statistics_stand_side_by_side():
    limits = read_limits(["psi=0.2", "a.psi=0.1", "a.ks=0.3"], "--threshold")
    assert [limit_of(limits, *pair) for pair in (("a", "psi"), ("a", "ks"), ("b", "psi"), ("b", "ks"))] == [
        0.1,
        0.3,
        0.2,
        None,
    ]


def test_a_statistic_with_a_fixed_limit_is_measured_where_it_fits():
    policy = JudgePolicy(thresholds={"wasserstein_std": 0.1, "plan": {"unseen_share": 0.01}})
    columns = [
        Column(name=name, kind=kind, role=ColumnRole.FEATURE)
        for name, kind in (
            ("age", ColumnKind.NUMERIC),
            ("plan", ColumnKind.CATEGORICAL),
            ("city", ColumnKind.CATEGORICAL),
        )
    ]
    assert [policy.measured(column) for column in columns] == [
        ("ks", "psi", "wasserstein_std"),
        ("chi_square", "psi", "unseen_share"),
        ("chi_square", "psi"),
    ]
