"""The judge: what it says of a window, why, and what it remembers."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest
import scipy.stats

from driftwatch.core.baseline import Baseline
from driftwatch.core.evidence import EvidenceMemory, FalseAlarmBudget
from driftwatch.core.frames import to_table
from driftwatch.core.judge import JudgePolicy, judge_inputs, judge_labels, judge_quality, judged_kinds
from driftwatch.core.performance import PerformanceSums
from driftwatch.core.profile import Profile
from driftwatch.core.records import AlertKind, ColumnKind, FindingReason, Status, ThresholdOrigin, VerdictReason
from driftwatch.core.table import Numbers, Table
from driftwatch.core.thresholds import Tolerances

N = 10_000
RNG = np.random.default_rng(6)
POLICY = JudgePolicy(budget=FalseAlarmBudget.parse("1 per 1000 windows"))


def rows(n, rng=RNG, shift=0.0, base_rate=0.3, error=0.1):
    label = rng.random(n) < base_rate
    wrong = rng.random(n) < error
    return {
        "age": rng.normal(40 + 10 * shift, 10, n),
        "amount": rng.lognormal(0, 1, n),
        "plan": rng.choice(["basic", "plus", "pro"], n, p=[0.6, 0.3, 0.1]),
        "bought": np.where(label, "yes", "no"),
        "predicted": np.where(label ^ wrong, "yes", "no"),
        "score": np.clip(rng.beta(2, 2, n), 0, 1),
    }


REFERENCE = rows(N)
BASELINE = Baseline.fit(REFERENCE, label="bought", prediction="predicted", score="score")
FEATURES_ONLY = Baseline.fit({name: values for name, values in rows(N).items() if name in ("age", "amount", "plan")})


def profile(data, baseline=BASELINE):
    return Profile.of(baseline, to_table(data, baseline.schema))


def sums(data):
    table = to_table(data, BASELINE.schema)
    schema = BASELINE.schema
    return PerformanceSums.of(schema.task, schema.classes, table["predicted"], table["bought"])


def inputs(data, memory=None, policy=POLICY, seconds=None):
    return judge_inputs(BASELINE, profile(data), memory or EvidenceMemory(), policy, seconds)


def labels(data, memory=None, policy=POLICY, seconds=None):
    return judge_labels(BASELINE, profile(data), sums(data), memory or EvidenceMemory(), policy, seconds)


def verdict(judgement, kind):
    return next(one for one in judgement.verdicts if one.kind is kind)


def finding(judgement, column, statistic):
    return next(one for one in judgement.findings if (one.column, one.statistic) == (column, statistic))


NOTHING_BUT_MISSING = {**rows(300), "amount": np.full(300, np.nan)}
NEVER_SEEN = {**rows(300), "plan": np.array(["ultra"] * 300)}
FLIPPED = {**rows(300), "predicted": np.array(["yes"] * 300)}


@pytest.mark.parametrize(
    ("data", "kind", "status", "reason", "columns", "why"),
    [
        (rows(500), AlertKind.FEATURE_DRIFT, Status.OK, VerdictReason.WITHIN_TOLERANCE, (), "rows like the reference"),
        (rows(500), AlertKind.PREDICTION_DRIFT, Status.OK, VerdictReason.WITHIN_TOLERANCE, (), "answers like before"),
        (
            rows(500, shift=1),
            AlertKind.FEATURE_DRIFT,
            Status.DRIFT,
            VerdictReason.EVIDENCE_REACHED_BUDGET,
            ("age",),
            "one strong window alarms at once",
        ),
        (
            NOTHING_BUT_MISSING,
            AlertKind.DATA_QUALITY,
            Status.DRIFT,
            VerdictReason.EVIDENCE_REACHED_BUDGET,
            ("amount",),
            "a column that goes all missing",
        ),
        (
            NEVER_SEEN,
            AlertKind.DATA_QUALITY,
            Status.DRIFT,
            VerdictReason.EVIDENCE_REACHED_BUDGET,
            ("plan",),
            "a name that the reference never had",
        ),
        (
            FLIPPED,
            AlertKind.PREDICTION_DRIFT,
            Status.DRIFT,
            VerdictReason.EVIDENCE_REACHED_BUDGET,
            ("predicted",),
            "answers of one class",
        ),
        (rows(29), AlertKind.FEATURE_DRIFT, Status.INSUFFICIENT_DATA, VerdictReason.TOO_FEW_ROWS, (), "one row short"),
        (rows(0), AlertKind.FEATURE_DRIFT, Status.INSUFFICIENT_DATA, VerdictReason.TOO_FEW_ROWS, (), "an empty window"),
        (rows(30), AlertKind.FEATURE_DRIFT, Status.OK, VerdictReason.WITHIN_TOLERANCE, (), "just enough rows"),
    ],
)
def test_what_a_first_window_comes_to(data, kind, status, reason, columns, why):
    found = verdict(inputs(data), kind)
    assert (found.status, found.reason, found.columns) == (status, reason, columns), why
    assert found.text.endswith("."), why


@pytest.mark.parametrize(
    ("data", "kind", "status", "reason", "why"),
    [
        (rows(500), AlertKind.QUALITY, Status.OK, VerdictReason.WITHIN_TOLERANCE, "as good as before"),
        (
            rows(900, error=0.3),
            AlertKind.QUALITY,
            Status.DRIFT,
            VerdictReason.EVIDENCE_REACHED_BUDGET,
            "thrice the errors",
        ),
        (rows(500, error=0.0), AlertKind.QUALITY, Status.OK, VerdictReason.WITHIN_TOLERANCE, "better is no drift"),
        (rows(29), AlertKind.QUALITY, Status.INSUFFICIENT_DATA, VerdictReason.TOO_FEW_LABELS, "one label short"),
        (rows(500), AlertKind.LABEL_DRIFT, Status.OK, VerdictReason.WITHIN_TOLERANCE, "labels like before"),
        (
            rows(900, base_rate=0.75),
            AlertKind.LABEL_DRIFT,
            Status.DRIFT,
            VerdictReason.EVIDENCE_REACHED_BUDGET,
            "another base rate",
        ),
        (
            rows(29),
            AlertKind.LABEL_DRIFT,
            Status.INSUFFICIENT_DATA,
            VerdictReason.TOO_FEW_ROWS,
            "too few labels to tell",
        ),
    ],
)
def test_what_the_labels_of_a_first_window_come_to(data, kind, status, reason, why):
    found = verdict(labels(data), kind)
    assert (found.status, found.reason) == (status, reason), why


def test_a_baseline_without_reference_quality_says_so_when_there_are_labels():
    bare = replace(BASELINE, performance=None)
    judged = judge_quality(bare, sums(rows(100)), EvidenceMemory(), POLICY, None)
    assert [one.reason for one in judged.verdicts] == [VerdictReason.NO_REFERENCE]
    none = PerformanceSums.empty(bare.schema.task, bare.schema.classes)
    assert judge_quality(bare, none, EvidenceMemory(), POLICY, None).verdicts == ()


def test_a_drift_is_told_with_column_direction_score_threshold_and_origin():
    judged = inputs(rows(500, shift=1))
    found = finding(judged, "age", "ks")
    assert found.status is Status.DRIFT
    assert (found.threshold.value, found.threshold.origin) == (0.05, ThresholdOrigin.FIXED)
    assert found.n_reference == N
    assert found.n_live == 500
    assert found.p_value < 1e-10
    text = verdict(judged, AlertKind.FEATURE_DRIFT).text
    assert text.startswith("Moved: age: mean ")
    assert "threshold" in text
    assert finding(judged, "amount", "ks").status is Status.OK


def test_a_quality_verdict_tells_both_losses():
    assert verdict(labels(rows(900, error=0.4)), AlertKind.QUALITY).text.startswith("Worse: error_rate 0.1")


def test_a_small_change_is_found_by_several_windows_together():
    rng, memory, seen = np.random.default_rng(3), EvidenceMemory(), []
    for _ in range(9):
        judged = inputs(rows(200, rng, shift=0.33), memory)
        memory = judged.memory
        seen.append(verdict(judged, AlertKind.FEATURE_DRIFT).status)
    assert seen[0] is not Status.DRIFT
    assert seen[-1] is Status.DRIFT


def test_evidence_of_a_tenth_of_the_limit_is_a_warning():
    data = rows(300, np.random.default_rng(4), shift=0.5)
    first = verdict(inputs(data), AlertKind.FEATURE_DRIFT)
    assert first.evidence > 10.0
    for times, status in ((0.9, Status.DRIFT), (5.0, Status.WARNING), (20.0, Status.OK)):
        run_length = first.evidence * times * 1_000 / first.limit.value
        found = verdict(inputs(data, policy=replace(POLICY, budget=FalseAlarmBudget(windows=run_length))), first.kind)
        assert found.status is status


def test_an_alarm_lasts_while_the_drift_does_and_ends_soon_after():
    memory, reasons = EvidenceMemory(), []
    for shift in (1, 1, 1, 0, 0, 0, 0, 1):
        judged = inputs(rows(300, shift=shift), memory)
        memory = judged.memory
        reasons.append(verdict(judged, AlertKind.FEATURE_DRIFT).reason)
    assert reasons[:3] == [VerdictReason.EVIDENCE_REACHED_BUDGET, *[VerdictReason.STILL_DRIFTING] * 2]
    assert VerdictReason.WITHIN_TOLERANCE in reasons[3:6]
    assert reasons[-1] is VerdictReason.EVIDENCE_REACHED_BUDGET


def test_when_an_alarm_ends_the_kind_starts_again_from_nothing():
    memory = inputs(rows(300, shift=1)).memory
    assert memory.of(AlertKind.FEATURE_DRIFT).alarmed
    while memory.of(AlertKind.FEATURE_DRIFT).alarmed:
        memory = inputs(rows(300), memory).memory
    assert memory.of(AlertKind.FEATURE_DRIFT).bets == {}


def test_too_few_rows_change_nothing_that_is_remembered():
    before = inputs(rows(300, shift=0.3))
    judged = inputs(rows(10, shift=3), before.memory)
    assert judged.memory == before.memory
    assert verdict(judged, AlertKind.FEATURE_DRIFT).evidence == verdict(before, AlertKind.FEATURE_DRIFT).evidence


def test_the_same_window_is_judged_the_same_after_a_round_trip_of_the_memory():
    data, memory = rows(300, shift=0.4), inputs(rows(300, shift=0.4)).memory
    restored = msgspec.json.decode(msgspec.json.encode(memory), type=EvidenceMemory)
    assert inputs(data, restored) == inputs(data, memory)


def test_inputs_do_not_touch_what_labels_gathered_and_the_other_way_round():
    memory = labels(rows(300, error=0.2), inputs(rows(300)).memory).memory
    assert set(memory.kinds) == {
        AlertKind.FEATURE_DRIFT,
        AlertKind.PREDICTION_DRIFT,
        AlertKind.LABEL_DRIFT,
        AlertKind.QUALITY,
        AlertKind.DATA_QUALITY,
    }
    after = inputs(rows(300), memory).memory
    assert after.of(AlertKind.QUALITY) == memory.of(AlertKind.QUALITY)


def test_scores_belong_to_prediction_drift():
    judged = inputs({**rows(400), "score": np.full(400, 0.5)})
    assert verdict(judged, AlertKind.PREDICTION_DRIFT).columns == ("score",)
    assert verdict(judged, AlertKind.FEATURE_DRIFT).status is Status.OK


def test_the_kinds_share_the_budget_and_all_of_it():
    limits = [POLICY.limit(kind, BASELINE, None).value for kind in judged_kinds(BASELINE)]
    assert len(limits) == 6
    assert sum(1_000 / limit for limit in limits) == pytest.approx(1.0)
    assert judged_kinds(FEATURES_ONLY) == (AlertKind.FEATURE_DRIFT, AlertKind.DATA_QUALITY)
    assert POLICY.limit(AlertKind.FEATURE_DRIFT, FEATURES_ONLY, None).value == pytest.approx(1_000 / 0.875)


def test_a_kind_without_a_share_never_alarms():
    policy = replace(POLICY, shares={AlertKind.QUALITY: 1.0})
    assert verdict(inputs(rows(500, shift=3), policy=policy), AlertKind.FEATURE_DRIFT).status is Status.OK


def test_a_budget_in_time_depends_on_the_windows_duration():
    policy = replace(POLICY, budget=FalseAlarmBudget.parse("1 per 90d"))
    assert policy.limit(AlertKind.FEATURE_DRIFT, FEATURES_ONLY, 86_400.0).value == pytest.approx(90 / 0.875)


@pytest.mark.parametrize(
    ("limit", "status", "reason"),
    [
        (0.2, Status.DRIFT, VerdictReason.FIXED_THRESHOLD_PASSED),
        (99.0, Status.OK, VerdictReason.WITHIN_TOLERANCE),
    ],
)
def test_a_fixed_threshold_judges_by_the_score_alone(limit, status, reason):
    policy = replace(POLICY, statistics=dict.fromkeys(ColumnKind, ("psi",)), thresholds={"psi": limit})
    judged = inputs(rows(500, shift=1), policy=policy)
    found = verdict(judged, AlertKind.FEATURE_DRIFT)
    assert (found.status, found.reason) == (status, reason)
    assert found.columns == (("age",) if status is Status.DRIFT else ())
    assert finding(judged, "age", "psi").status is status
    assert finding(judged, "age", "psi").threshold.value == limit


def test_a_fixed_threshold_of_one_column_leaves_the_others_to_evidence():
    policy = replace(POLICY, thresholds={"age": {"ks": 0.01}})
    judged = inputs(rows(500), policy=policy)
    found = verdict(judged, AlertKind.FEATURE_DRIFT)
    assert (found.status, found.reason) == (Status.DRIFT, VerdictReason.FIXED_THRESHOLD_PASSED)
    assert found.columns == ("age",)
    assert "fixed" in found.text
    assert finding(judged, "age", "ks").reason is FindingReason.FIXED_THRESHOLD_PASSED
    assert finding(judged, "amount", "ks").threshold.value == 0.05
    assert finding(judged, "age", "ks").evidence == 0.0
    assert finding(judged, "age", "psi").evidence > 0.0


def test_what_is_fixed_has_no_part_in_the_evidence():
    data = rows(300, np.random.default_rng(4), shift=0.5)
    alone = inputs(data, policy=replace(POLICY, statistics={ColumnKind.NUMERIC: ("ks",)}))
    beside = inputs(data, policy=replace(POLICY, thresholds={"age": {"psi": 9.0}, "amount": {"psi": 9.0}}))
    kind = AlertKind.FEATURE_DRIFT
    assert verdict(alone, kind).evidence == verdict(beside, kind).evidence


@pytest.mark.parametrize(("shift", "status"), [(0.0, Status.OK), (1.0, Status.DRIFT)])
def test_a_fixed_p_value_is_that_of_the_plain_two_sample_test(shift, status):
    live = rows(500, np.random.default_rng(8), shift=shift)
    judged = inputs(live, policy=replace(POLICY, p_values={"age": {"mean_shift": 0.001}}))
    found = finding(judged, "age", "mean_shift")
    expected = scipy.stats.ttest_ind(live["age"], REFERENCE["age"], equal_var=False).pvalue
    assert found.p_value == pytest.approx(expected, rel=1e-6, abs=1e-300)
    assert (found.threshold.value, found.threshold.origin) == (0.001, ThresholdOrigin.FIXED_P_VALUE)
    assert found.status is status
    assert found.reason is (
        FindingReason.FIXED_P_VALUE_PASSED if status is Status.DRIFT else FindingReason.WITHIN_THRESHOLD
    )


def test_a_window_that_passes_a_fixed_p_value_says_which():
    policy = replace(POLICY, statistics={ColumnKind.NUMERIC: ("psi",)}, p_values={"ks": 0.001}, thresholds={"psi": 9.0})
    found = verdict(inputs(rows(500, shift=1), policy=policy), AlertKind.FEATURE_DRIFT)
    assert (found.status, found.reason) == (Status.DRIFT, VerdictReason.FIXED_THRESHOLD_PASSED)
    assert "below 0.001" in found.text


def test_bonferroni_divides_the_p_value_by_the_tests_of_its_kind():
    policy = replace(POLICY, p_values={"ks": 0.01, "plan": {"chi_square": 0.01}}, bonferroni=True)
    judged = inputs(rows(500), policy=policy)
    for column, statistic in (("age", "ks"), ("amount", "ks"), ("plan", "chi_square")):
        assert finding(judged, column, statistic).threshold.value == pytest.approx(0.01 / 3)
    # Of the prediction's two columns only the score is numeric.
    assert finding(judged, "score", "ks").threshold.value == pytest.approx(0.01)


def test_a_fixed_limit_waits_for_enough_rows_too():
    judged = inputs(rows(29, shift=3), policy=replace(POLICY, thresholds={"ks": 0.1}, p_values={"psi": 0.5}))
    assert verdict(judged, AlertKind.FEATURE_DRIFT).status is Status.INSUFFICIENT_DATA
    assert {one.reason for one in judged.findings} == {FindingReason.TOO_FEW_ROWS}


def test_every_finding_has_a_reason_that_goes_with_its_status():
    by_status = {
        Status.OK: {FindingReason.WITHIN_THRESHOLD, FindingReason.TOO_LITTLE_EVIDENCE, FindingReason.UNDEFINED},
        Status.WARNING: {FindingReason.EVIDENCE_GROWING},
        Status.DRIFT: {FindingReason.CARRIES_THE_ALARM},
        Status.INSUFFICIENT_DATA: {FindingReason.TOO_FEW_ROWS},
    }
    seen = set()
    without_scores = {**rows(500), "score": np.full(500, np.nan)}
    for data in (rows(500), rows(50), rows(500, shift=1), rows(300, shift=0.45), rows(3), without_scores):
        for one in (*inputs(data).findings, *labels(data).findings):
            assert one.reason in by_status[one.status], one
            beyond = one.score > one.threshold.value
            if one.kind is AlertKind.CONCEPT_DRIFT:  # beyond may be below
                continue
            assert (one.reason is FindingReason.TOO_LITTLE_EVIDENCE) <= beyond
            assert (one.reason is FindingReason.WITHIN_THRESHOLD) <= (not beyond)
            seen.add(one.reason)
    assert seen >= set().union(*by_status.values()) - {FindingReason.EVIDENCE_GROWING}


@pytest.mark.parametrize(
    ("seconds", "n", "status"),
    [(3_600.0, 29, Status.INSUFFICIENT_DATA), (3_600.0, 30, Status.OK), (60.0, 5, Status.OK), (None, 5, Status.OK)],
)
def test_windows_of_a_natural_variation_need_30_rows_whatever_is_asked(seconds, n, status):
    """Windows of an hour and more are known here; of those of a minute, and of counts, nothing is."""
    when = np.datetime64("2024-01-01", "us") + np.arange(2_000) * np.timedelta64(60, "s")
    timed = Baseline.fit({"x": RNG.normal(size=2_000), "ts": when}, timestamp="ts")
    live = Profile.of(timed, to_table({"x": RNG.normal(size=n)}, timed.schema))
    judged = judge_inputs(timed, live, EvidenceMemory(), replace(POLICY, minimum_rows=2), seconds)
    found = judged.verdicts[0]
    assert found.status is status
    if status is Status.INSUFFICIENT_DATA:
        assert found.text == (
            "29 rows are too few: 30 are needed, as natural variation was learned from windows of so many."
        )


def test_a_wider_tolerance_of_one_column_keeps_that_column_quiet():
    wide = Tolerances(by_column={"age": {"ks": 0.9, "psi": 9.0}})
    assert verdict(
        inputs(rows(500, shift=1), policy=replace(POLICY, tolerances=wide)), AlertKind.FEATURE_DRIFT
    ).status is (Status.OK)


def test_a_score_above_its_threshold_by_chance_is_explained():
    judged = inputs(rows(50, np.random.default_rng(1)))
    loud = [one for one in judged.findings if one.score > one.threshold.value]
    assert loud
    assert all(one.status is Status.OK and "within chance at 50 rows" in one.note for one in loud)


def test_a_column_of_nothing_but_missing_values_keeps_what_its_undefined_statistic_had():
    memory = inputs(rows(300, shift=0.3)).memory
    data = {**rows(300), "age": np.full(300, np.nan)}
    judged = inputs(data, memory)
    kept = judged.memory.of(AlertKind.FEATURE_DRIFT)
    assert kept.of("age", "ks") == memory.of(AlertKind.FEATURE_DRIFT).of("age", "ks")
    assert finding(judged, "age", "ks").note == "undefined: no value to measure"


def world(seed):
    """A baseline of 25 columns, as in the promise."""
    rng = np.random.default_rng(seed)
    reference = {f"x{i:02d}": rng.normal(size=N) for i in range(25)}
    return rng, Baseline.fit(reference)


def drawn(rng, baseline, n, shift):
    columns = {name: Numbers(rng.normal(shift if name == "x00" else 0.0, 1.0, n)) for name in baseline.columns}
    return Profile.of(baseline, Table(columns, n))


def test_half_a_standard_deviation_in_one_of_25_columns_is_found_in_three_windows_of_200():
    found = 0
    for seed in range(3):
        rng, baseline = world(seed)
        for _ in range(8):
            memory = EvidenceMemory()
            for _ in range(3):
                judged = judge_inputs(baseline, drawn(rng, baseline, 200, 0.5), memory, POLICY, None)
                memory = judged.memory
            found += judged.verdicts[0].columns == ("x00",)
    assert found >= 23


def test_without_drift_there_is_no_alarm_in_80_small_windows():
    rng, baseline = world(9)
    memory = EvidenceMemory()
    for _ in range(80):
        judged = judge_inputs(baseline, drawn(rng, baseline, 50, 0.0), memory, POLICY, None)
        memory = judged.memory
        assert judged.verdicts[0].status is not Status.DRIFT
