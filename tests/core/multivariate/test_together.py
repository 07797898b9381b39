"""Findings of several columns, the verdict that follows, and the budget that it shares."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator

import numpy as np
import pytest

import driftwatch
from driftwatch.core.baseline import Baseline
from driftwatch.core.evidence import FalseAlarmBudget
from driftwatch.core.multivariate import JOINT_TESTS, together
from driftwatch.core.multivariate.joint_test import JointMeasurement, JointTest
from driftwatch.core.multivariate.together import JOINT_SHARE, chosen_tests, for_columns, judged_together
from driftwatch.core.policy import JudgePolicy
from driftwatch.core.records import AlertKind, Status, VerdictReason
from driftwatch.core.table import Table
from driftwatch.errors import InputError, SettingError

POLICY = JudgePolicy(budget=FalseAlarmBudget.parse("1 per 1000 windows"))


def telling(name: str, p_value: float, error: Exception | None = None) -> JointTest:
    """A test that says what it is told to."""

    def measure(samples: object, tolerance: float, rate: float) -> JointMeasurement:
        if error is not None:
            raise error
        return JointMeasurement(
            score=1.0, threshold=tolerance, p_value=p_value, n_reference=1, n_live=1, columns=("x0",), text=name
        )

    return JointTest(name=name, tolerance=0.5, minimum_rows=100, measure=measure)


@pytest.mark.parametrize(
    ("p_values", "expected"),
    [
        # A fifth of 1 in 1,000 for two tests: 1 in 10,000 for each.
        ((1e-4 * 0.99, 1.0), Status.DRIFT),
        ((1e-4 * 1.01, 1.0), Status.WARNING),
        ((1e-3 * 0.99, 1.0), Status.WARNING),
        ((1e-3 * 1.01, 1.0), Status.OK),
    ],
)
def test_each_test_has_its_part_of_a_fifth_of_the_budget(
    rows: Callable[..., Table], p_values: tuple[float, float], expected: Status
) -> None:
    tests = [telling("first", p_values[0]), telling("second", p_values[1])]
    found = judged_together(rows(150, 0.0, 1), rows(150, 0.0, 2), tests, POLICY)
    assert (found.findings[0].status, found.findings[1].status, found.verdict.status) == (expected, Status.OK, expected)


def test_the_parts_of_the_budget_add_up_to_it() -> None:
    budget = FalseAlarmBudget.parse("1 per 1000 windows")
    together_level = JOINT_SHARE / budget.run_length(None)
    assert together_level + 1.0 / for_columns(budget).run_length(None) == pytest.approx(1.0 / 1_000)


def test_columns_are_named_only_where_there_is_drift(rows: Callable[..., Table]) -> None:
    tests = [telling("surely", 1e-9), telling("hardly", 0.5)]
    found = judged_together(rows(150, 0.0, 1), rows(150, 0.0, 2), tests, POLICY)
    assert [one.columns for one in found.findings] == [("x0",), ()]
    assert found.verdict.columns == ("x0",)
    assert "surely" in found.verdict.text
    assert "hardly" not in found.verdict.text


def test_one_broken_test_is_an_error_and_the_others_are_done(rows: Callable[..., Table]) -> None:
    tests = [telling("broken", 1.0, np.linalg.LinAlgError("no convergence")), telling("sound", 1e-9)]
    found = judged_together(rows(150, 0.0, 1), rows(150, 0.0, 2), tests, POLICY)
    assert [one.status for one in found.findings] == [Status.ERROR, Status.DRIFT]
    assert "no convergence" in found.findings[0].text


@pytest.mark.parametrize(("before", "after"), [(99, 5_000), (5_000, 99), (0, 0)])
def test_too_few_rows_on_a_side_say_so(rows: Callable[..., Table], before: int, after: int) -> None:
    found = judged_together(rows(before, 0.8, 1), rows(after, -0.8, 2), chosen_tests(True), POLICY)
    assert {one.status for one in found.findings} == {Status.INSUFFICIENT_DATA}
    assert found.verdict.reason is VerdictReason.TOO_FEW_ROWS
    assert "100 are needed" in found.verdict.text


def test_a_tolerance_can_be_chosen_by_the_tests_name(rows: Callable[..., Table]) -> None:
    sides = rows(1_000, 0.7, 1), rows(1_000, -0.7, 2)
    assert judged_together(*sides, chosen_tests("correlation_change"), POLICY).verdict.status is Status.DRIFT
    assert judged_together(*sides, chosen_tests({"correlation_change": 1.5}), POLICY).verdict.status is Status.OK


@pytest.mark.parametrize("wrong", [-0.1, math.nan, math.inf, True, "0.1"])
def test_a_tolerance_that_is_none_is_refused(wrong: object) -> None:
    with pytest.raises(SettingError, match=r"together\.mmd: .* is no number"):
        chosen_tests({"mmd": wrong})  # type: ignore[dict-item]


def test_a_test_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(SettingError, match=r"there is no test 'ks'\. There are: domain_classifier"):
        chosen_tests(["mmd", "ks"])


def frame(n: int, correlation: float, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    x, y, z = rng.standard_normal((3, n))
    return {"x": x, "y": correlation * x + math.sqrt(1 - correlation**2) * y, "z": z}


REFERENCE, FLIPPED, SAME = frame(3_000, 0.8, 1), frame(1_500, -0.8, 2), frame(1_500, 0.8, 3)
BASELINE = Baseline.fit(REFERENCE)


def test_compare_finds_together_what_no_column_shows_alone() -> None:
    assert driftwatch.compare(REFERENCE, FLIPPED).status is Status.OK
    report = driftwatch.compare(REFERENCE, FLIPPED, together=True)
    assert report.status is Status.DRIFT
    assert set(report.drifted_columns) == {"x", "y"}
    assert [one.test for one in report.joint] == list(JOINT_TESTS)
    assert {one.status for one in report.joint} == {Status.DRIFT}
    assert all(one.status is Status.OK for one in report.findings)


def test_compare_is_quiet_together_where_nothing_happened() -> None:
    report = driftwatch.compare(REFERENCE, SAME, together=True)
    assert report.status is Status.OK
    together = [AlertKind.FEATURE_DRIFT, AlertKind.DATA_QUALITY, AlertKind.FEATURE_DRIFT]
    assert [one.kind for one in report.verdicts] == together


def test_without_being_asked_nothing_is_done_together() -> None:
    report = driftwatch.compare(REFERENCE, FLIPPED)
    assert report.joint == ()
    assert json.loads(report.to_json())["together"] == []


def test_a_baseline_needs_the_references_rows_beside_it() -> None:
    with pytest.raises(InputError, match=r"together: a baseline holds no rows.*reference_rows"):
        driftwatch.compare(BASELINE, FLIPPED, together=True)
    report = driftwatch.compare(BASELINE, FLIPPED, together="mmd", reference_rows=REFERENCE)
    assert [one.test for one in report.joint] == ["mmd"]
    assert report.status is Status.DRIFT


def test_rows_of_the_reference_are_not_given_twice() -> None:
    with pytest.raises(TypeError, match="reference_rows"):
        driftwatch.compare(REFERENCE, SAME, together=True, reference_rows=REFERENCE)


def parts(rows: dict[str, np.ndarray], size: int) -> Iterator[dict[str, np.ndarray]]:
    for start in range(0, len(rows["x"]), size):
        yield {name: values[start : start + size] for name, values in rows.items()}


def test_rows_that_come_in_parts_are_judged_like_rows_at_once() -> None:
    whole = driftwatch.compare(BASELINE, SAME, together=True, reference_rows=REFERENCE)
    by_part = driftwatch.compare(BASELINE, parts(SAME, 400), together=True, reference_rows=parts(REFERENCE, 700))
    assert by_part.findings == whole.findings
    assert by_part.joint == whole.joint
    assert (by_part.n_live, by_part.status) == (1_500, Status.OK)


def test_no_parts_are_too_few_rows() -> None:
    assert driftwatch.compare(BASELINE, iter(())).status is Status.INSUFFICIENT_DATA


def test_a_feature_that_is_not_there_is_left_out_and_said() -> None:
    live = {name: values for name, values in FLIPPED.items() if name != "z"}
    report = driftwatch.compare(BASELINE, live, together="correlation_change", reference_rows=REFERENCE)
    assert report.joint[0].pairs == (("x", "y"),)
    assert report.joint[0].note.endswith("without z")


def test_labels_and_predictions_are_not_looked_at_together() -> None:
    def rows(n: int, agree: float, seed: int) -> dict[str, np.ndarray]:
        made = frame(n, 0.5, seed)
        answer = np.random.default_rng(seed + 50).random(n) < 0.5
        return {**made, "y_true": answer, "y_pred": answer ^ (np.random.default_rng(seed).random(n) > agree)}

    report = driftwatch.compare(
        rows(2_000, 1.0, 4), rows(1_000, 0.0, 5), label="y_true", prediction="y_pred", together=True
    )
    assert {one.status for one in report.joint} == {Status.OK}


def test_json_has_each_joint_finding_whole() -> None:
    found = json.loads(driftwatch.compare(REFERENCE, FLIPPED, together=True).to_json())["together"]
    one = next(entry for entry in found if entry["test"] == "correlation_change")
    assert one["pairs"] == [["x", "y"]]
    assert one["interval"][0] <= one["score"] <= one["interval"][1]
    assert one["threshold"] == pytest.approx(0.1)
    assert one["note"] == "rows are taken for independent"
    assert (one["n_reference"], one["n_live"]) == (3_000, 1_500)


def test_evidence_is_capped_so_that_it_can_be_read() -> None:
    verdict = driftwatch.compare(REFERENCE, FLIPPED, together=True).verdicts[-1]
    assert verdict.evidence == 10.0 * verdict.limit.value == 10.0 * 1_000 / together.JOINT_SHARE
