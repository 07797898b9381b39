"""Data quality is a kind of alert of its own: gaps and strange values are no drift of the world."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from driftwatch.core.baseline import Baseline
from driftwatch.core.data_quality import with_usual_gaps
from driftwatch.core.evidence import EvidenceMemory, FalseAlarmBudget
from driftwatch.core.frames import to_table
from driftwatch.core.judge import Judgement, JudgePolicy, judge_inputs
from driftwatch.core.profile import Profile
from driftwatch.core.records import AlertKind, ColumnKind, Status, Verdict, VerdictReason

POLICY = JudgePolicy(budget=FalseAlarmBudget.parse("1 per 1000 windows"))


def rows(n: int, *, seed: int, shift: float = 0.0, missing: float = 0.05) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    amount = rng.normal(10.0 + shift, 2.0, n)
    amount[rng.random(n) < missing] = np.nan
    return {"amount": amount, "plan": rng.choice(["free", "pro", "team"], n, p=[0.6, 0.3, 0.1])}


BASELINE = Baseline.fit(rows(10_000, seed=1))


def judged(
    data: dict[str, np.ndarray], policy: JudgePolicy = POLICY, memory: EvidenceMemory | None = None
) -> Judgement:
    profile = Profile.of(BASELINE, to_table(data, BASELINE.schema))
    return judge_inputs(BASELINE, profile, memory or EvidenceMemory(), policy, None)


def verdict(judgement: Judgement, kind: AlertKind) -> Verdict:
    return next(one for one in judgement.verdicts if one.kind is kind)


def drifting(judgement: Judgement) -> dict[AlertKind, tuple[str, ...]]:
    return {one.kind: one.columns for one in judgement.verdicts if one.status is Status.DRIFT}


def with_new_names(data: dict[str, np.ndarray], share: float) -> dict[str, np.ndarray]:
    chosen = np.random.default_rng(9).random(len(data["plan"])) < share
    return {**data, "plan": np.where(chosen, "PRO ", data["plan"])}


def test_values_that_go_missing_are_no_drift_of_the_feature() -> None:
    found = judged(rows(1_000, seed=2, missing=0.4))
    assert drifting(found) == {AlertKind.DATA_QUALITY: ("amount",)}
    assert verdict(found, AlertKind.FEATURE_DRIFT).status is Status.OK
    text = verdict(found, AlertKind.DATA_QUALITY).text
    assert text.startswith("Off: amount: missing 5.")
    assert "(missing_share 0.3" in text


def test_values_that_come_back_are_data_quality_too() -> None:
    assert drifting(judged(rows(2_000, seed=3, missing=0.0))) == {AlertKind.DATA_QUALITY: ("amount",)}


def test_names_that_the_reference_never_had_are_no_drift_of_the_feature() -> None:
    found = judged(with_new_names(rows(1_000, seed=4), 0.2))
    assert drifting(found) == {AlertKind.DATA_QUALITY: ("plan",)}
    assert "new values 0 % -> " in verdict(found, AlertKind.DATA_QUALITY).text


def test_numbers_far_out_of_range_are_both() -> None:
    data = rows(1_000, seed=5)
    data["amount"] = np.where(np.random.default_rng(1).random(1_000) < 0.3, 9_999.0, data["amount"])
    found = drifting(judged(data))
    assert found == {AlertKind.FEATURE_DRIFT: ("amount",), AlertKind.DATA_QUALITY: ("amount",)}


def test_a_shift_within_the_range_is_drift_alone_whatever_is_missing_as_usual() -> None:
    assert drifting(judged(rows(1_000, seed=6, shift=1.5))) == {AlertKind.FEATURE_DRIFT: ("amount",)}


def test_drift_is_found_beneath_many_gaps() -> None:
    found = drifting(judged(rows(2_000, seed=7, shift=1.5, missing=0.6)))
    assert set(found) == {AlertKind.FEATURE_DRIFT, AlertKind.DATA_QUALITY}


def test_nothing_is_said_where_nothing_happens() -> None:
    found = judged(rows(1_000, seed=8))
    assert drifting(found) == {}
    assert [one for one in found.findings if one.kind is AlertKind.DATA_QUALITY] == []
    assert verdict(found, AlertKind.DATA_QUALITY).text.startswith("Within tolerance")


def test_what_somebody_asked_for_is_shown_and_belongs_to_data_quality() -> None:
    policy = replace(POLICY, statistics={ColumnKind.NUMERIC: ("ks", "missing_share"), ColumnKind.CATEGORICAL: ("psi",)})
    found = judged(rows(1_000, seed=8), policy)
    assert [(one.kind, one.column, one.statistic) for one in found.findings] == [
        (AlertKind.FEATURE_DRIFT, "amount", "ks"),
        (AlertKind.FEATURE_DRIFT, "plan", "psi"),
        (AlertKind.DATA_QUALITY, "amount", "missing_share"),
    ]


def test_a_fixed_threshold_of_a_share_is_data_quality() -> None:
    policy = replace(POLICY, thresholds={"amount": {"missing_share": 0.1}})
    assert drifting(judged(rows(1_000, seed=8), policy)) == {}
    found = judged(rows(1_000, seed=9, missing=0.2), policy)
    assert verdict(found, AlertKind.DATA_QUALITY).reason in {
        VerdictReason.FIXED_THRESHOLD_PASSED,
        VerdictReason.EVIDENCE_REACHED_BUDGET,
    }


def test_only_data_quality_asked_for_leaves_no_feature_verdict() -> None:
    names = {ColumnKind.NUMERIC: ("missing_share",), ColumnKind.CATEGORICAL: ("missing_share",)}
    kinds = {one.kind for one in judged(rows(500, seed=1), replace(POLICY, statistics=names)).verdicts}
    assert kinds == {AlertKind.DATA_QUALITY}


@pytest.mark.parametrize("missing", [0.0, 0.05, 0.5, 1.0])
def test_usual_gaps_are_the_reference_s_share_of_the_live_values(missing: float) -> None:
    live = Profile.of(BASELINE, to_table(rows(4_000, seed=2, missing=missing), BASELINE.schema)).columns["amount"]
    column = BASELINE.columns["amount"]
    usual = with_usual_gaps(column, live)
    assert usual.counts[:-2].tolist() == live.counts[:-2].tolist()
    present, share = int(live.counts[:-2].sum()), int(column.counts[-2]) / int(column.counts[:-2].sum())
    assert int(usual.counts[-2]) == round(present * share)
    assert usual.moments == live.moments


def test_the_budget_holds_for_gaps_that_come_and_go_by_chance() -> None:
    """1,000 windows of 300 rows, two columns: one false alarm of data quality in 20,000 windows is what is asked."""
    memory, alarms = EvidenceMemory(), 0
    for seed in range(1_000):
        found = judged(rows(300, seed=100 + seed), memory=memory)
        memory = found.memory
        alarms += sum(one.reason is VerdictReason.EVIDENCE_REACHED_BUDGET for one in found.verdicts)
    assert alarms <= 2
