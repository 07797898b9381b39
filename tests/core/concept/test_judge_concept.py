"""Concept drift over windows: what moved, since when, and what follows an alarm."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from driftwatch.core.baseline import Baseline
from driftwatch.core.concept.judge import judge_concept
from driftwatch.core.concept.levels import levels_of
from driftwatch.core.concept.memory import AfterAlarm, ConceptMemory, Phase
from driftwatch.core.evidence import EvidenceMemory, FalseAlarmBudget, Turn
from driftwatch.core.frames import to_table
from driftwatch.core.performance import PerformanceSums
from driftwatch.core.policy import JudgePolicy
from driftwatch.core.records import AlertKind, Status, Task, VerdictReason
from driftwatch.pipeline.memory import decoded, encoded

SEA = Path(__file__).parents[4] / "shared" / "data" / "sea_50k" / "sea_50k.parquet"
POLICY = JudgePolicy(budget=FalseAlarmBudget(windows=1_000))
RNG = np.random.default_rng(3)


def rows(n, *, recall=0.8, specificity=0.95, positives=0.3):
    """Labels and predictions with these rates, exactly."""
    n_positive = round(n * positives)
    label = np.repeat([1, 0], [n_positive, n - n_positive])
    prediction = label.copy()
    prediction[: round(n_positive * (1 - recall))] = 0
    prediction[n_positive : n_positive + round((n - n_positive) * (1 - specificity))] = 1
    return {"x": np.arange(n) % 7.0, "y": label, "p": prediction}


def fitted(data, **more):
    return Baseline.fit(data, label="y", prediction="p", **more)


BASELINE = fitted(rows(4_000), task="binary", evaluation=rows(4_000))


def summed(data, baseline=BASELINE):
    return PerformanceSums.of_table(baseline.schema, to_table(data, baseline.schema))


def judged(windows, policy=POLICY, baseline=BASELINE, seconds=None, **more):
    memory, found = ConceptMemory(), []
    for number, data in enumerate(windows):
        one = judge_concept(baseline, summed(data, baseline), memory, policy, seconds, place=f"w{number}", **more)
        # What is remembered goes through the state's JSON between windows.
        memory = decoded(encoded(EvidenceMemory(concept=one.memory))).concept
        assert memory == one.memory
        found.append(one)
    return found


def statuses(found):
    return [one.verdict.status for one in found]


def test_windows_like_the_reference_are_within_tolerance():
    found = judged([rows(500)] * 30)
    assert set(statuses(found)) == {Status.OK}
    assert {one.statistic for one in found[-1].findings} == {
        "error_rate", "precision", "recall", "specificity", "actual_rate",
    }  # fmt: skip


def test_errors_that_only_change_sides_are_seen_though_their_rate_stays():
    # 60 of 1,000 missed and 35 false before; 35 missed and 60 false after: as many errors, other rows.
    other = rows(1_000, recall=1 - 35 / 300, specificity=1 - 60 / 700)
    before, after = (levels_of(summed(one))["error_rate"].mean for one in (rows(1_000), other))
    assert before == after
    found = judged([rows(1_000)] * 5 + [other] * 8)
    assert statuses(found)[:5] == [Status.OK] * 5
    first = statuses(found).index(Status.DRIFT)
    assert first < 12
    text = found[first].verdict.text
    assert "specificity fell from 0.95 to 0.914" in text
    assert "since about w5" in text
    moved = {one.statistic for one in found[first].findings if one.status is Status.DRIFT}
    assert "error_rate" not in moved


def test_a_change_for_the_better_wakes_nobody():
    better = rows(1_000, recall=0.95, specificity=0.99)
    found = judged([rows(1_000)] * 5 + [better] * 15)
    assert set(statuses(found)) == {Status.OK}


def test_a_strong_change_alarms_at_once_and_is_named_with_both_values():
    found = judged([rows(500)] * 10 + [rows(500, recall=0.5)])
    assert found[-1].verdict.status is Status.DRIFT
    assert found[-1].verdict.reason is VerdictReason.EVIDENCE_REACHED_BUDGET
    assert "recall fell from 0.8 to 0.5" in found[-1].verdict.text
    assert "since about w10" in found[-1].verdict.text
    assert found[-1].verdict.columns == ("p",)


def test_holding_keeps_the_alert_until_the_rows_are_as_before():
    found = judged([rows(500)] * 3 + [rows(500, recall=0.5)] * 6 + [rows(500)] * 4)
    assert statuses(found)[3:9] == [Status.DRIFT] * 6
    assert found[5].verdict.reason is VerdictReason.STILL_DRIFTING
    well = statuses(found).index(Status.OK, 9)
    assert well <= 10
    assert found[well].verdict.text.startswith("Back within tolerance: recall")
    assert found[-1].memory.phase is Phase.WATCHING


def test_rebasing_learns_the_new_level_and_sees_the_next_change():
    policy = replace(POLICY, after_alarm=AfterAlarm.REBASE)
    worse, worst = rows(500, recall=0.5), rows(500, recall=0.2)
    found = judged([rows(500)] * 3 + [worse] * 12 + [worst] * 3, policy)
    assert statuses(found)[3] is Status.DRIFT
    assert [one.verdict.reason for one in found[4:7]] == [VerdictReason.LEARNING] * 3
    assert "Learning the new level since about w3: 2 of 5 windows." in found[4].verdict.text
    assert statuses(found)[7:15] == [Status.OK] * 8
    assert found[15].verdict.status is Status.DRIFT
    assert "recall fell from 0.5 to 0.2" in found[15].verdict.text


def test_while_holding_the_next_change_is_named_too():
    found = judged([rows(500)] * 3 + [rows(500, recall=0.5)] * 4 + [rows(500, recall=0.5, specificity=0.6)] * 2)
    assert "specificity fell from 0.95" in found[-1].verdict.text


def test_few_labels_say_so_and_change_nothing():
    found = judged([rows(500), rows(20)])
    assert found[1].verdict.reason is VerdictReason.TOO_FEW_LABELS
    assert found[1].memory == found[0].memory


def test_without_a_reference_quality_there_is_nothing_to_say():
    bare = Baseline.fit({"x": RNG.normal(size=100)})
    assert judge_concept(bare, PerformanceSums.empty(Task.REGRESSION), ConceptMemory(), POLICY, None) is None


def test_quality_on_the_reference_s_own_rows_is_said_beside_an_alarm():
    own = fitted(rows(4_000), task="binary")
    found = judged([rows(500, recall=0.4)], baseline=own)
    assert "The reference quality is that of the reference's own rows" in found[0].verdict.text
    held_out = judged([rows(500, recall=0.4)])
    assert "own rows" not in held_out[0].verdict.text


def test_a_bias_is_seen_that_leaves_the_mean_error_as_it_was():
    label = RNG.normal(0.0, 10.0, 4_000)
    noise = RNG.choice([-1.0, 1.0], 4_000)
    baseline = fitted({"x": label, "y": label, "p": label + noise}, task="regression")
    shifted = {"x": label[:500], "y": label[:500], "p": label[:500] + 1.0}
    even = {"x": label[:500], "y": label[:500], "p": label[:500] + np.tile([1.0, -1.0], 250)}
    found = judged([even] * 3 + [shifted], baseline=baseline)
    assert statuses(found) == [Status.OK] * 3 + [Status.DRIFT]
    assert "predictions are too high by 1 on average (before: too" in found[-1].verdict.text
    assert {one.statistic for one in found[-1].findings if one.status is Status.DRIFT} == {"bias"}


def test_scores_that_lose_their_calibration_are_seen_though_no_prediction_changes():
    score = np.tile([0.2, 0.8], 2_000)

    def scored(shift):
        label = (np.arange(4_000) // 2 % 100 < 100 * np.clip(score, 0.0, 1.0)).astype(int)
        return {
            "x": score,
            "y": label,
            "p": (score > 0.5).astype(int),
            "s": score + shift * (1.0 - 2.0 * (score > 0.5)),
        }

    baseline = fitted(scored(0.0), score="s", task="binary")
    low = scored(0.0) | {"s": score - 0.15}
    found = judged([scored(0.0), low], baseline=baseline)
    assert statuses(found) == [Status.OK, Status.DRIFT]
    assert "scores are too low by 0.1" in found[-1].verdict.text


def test_overlapping_windows_take_turns_and_keep_a_small_memory():
    memory = ConceptMemory()
    for number in range(200):
        turn = Turn(number % 24, 24, 1.0)
        one = judge_concept(BASELINE, summed(rows(500)), memory, POLICY, 86_400.0, turn=turn, place=f"w{number}")
        memory = one.memory
        assert one.verdict.status is Status.OK
    assert len(memory.tracks) == 24
    assert len(encoded(EvidenceMemory(concept=memory))) < 60_000


@pytest.mark.parametrize("overlap", [1, 4])
def test_a_long_stream_leaves_a_memory_that_does_not_grow(overlap):
    memory, sizes = ConceptMemory(), []
    for number in range(600):
        turn = Turn(number % overlap, overlap, 1.0)
        sums = summed(rows(100, recall=RNG.choice([0.78, 0.8, 0.82])))
        memory = judge_concept(BASELINE, sums, memory, POLICY, None, turn=turn, place=f"row {number}").memory
        sizes.append(sum(len(track.stretches) for track in memory.tracks))
    # Twice as long a stream needs eight more at most, up to a bound.
    assert max(sizes[300:]) <= max(sizes[:300]) + 8 * overlap
    assert max(sizes) < 70 * overlap


@pytest.mark.skipif(not SEA.exists(), reason="the data set sea_50k is not beside the project")
def test_sea_s_blind_spot_is_caught_where_the_error_rate_stays():
    data = pd.read_parquet(SEA)
    baseline = Baseline.fit(
        data[12_500:18_000].reset_index(drop=True), label="y", prediction="y_pred", score="y_score", task="binary"
    )
    memory, alarms = ConceptMemory(), []
    for start in range(18_000, 37_500, 500):
        part = data[start : start + 500].reset_index(drop=True)
        one = judge_concept(baseline, summed(part, baseline), memory, POLICY, None, place=f"row {start:,}")
        memory = one.memory
        if one.verdict.status is Status.DRIFT:
            alarms.append((start + 500, one.verdict.text))
    row, text = alarms[0]
    assert 25_000 < row <= 26_500
    assert "precision fell from 0.9" in text
    assert "since about row 25,000" in text
    rate = [levels_of(summed(data[a:b].reset_index(drop=True), baseline))["error_rate"].mean
            for a, b in ((18_000, 25_000), (25_000, 32_000))]  # fmt: skip
    assert rate[0] == pytest.approx(rate[1], abs=0.015)


def test_the_kind_has_its_share_of_the_budget():
    limit = POLICY.limit(AlertKind.CONCEPT_DRIFT, BASELINE, None).value
    assert limit == judged([rows(500)])[0].verdict.limit.value
    muted = replace(POLICY, shares={AlertKind.QUALITY: 1.0})
    assert statuses(judged([rows(500, recall=0.2)] * 3, muted)) == [Status.OK] * 3
