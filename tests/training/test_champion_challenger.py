"""Champion and challenger on the same rows: intervals that hold what they promise, and decisions with their reasons."""

import math
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from scipy import stats

from driftwatch.core.records import Task
from driftwatch.core.windows import to_microseconds
from driftwatch.errors import TrainingStopped
from driftwatch.training.champion_challenger import (
    Contest,
    Costs,
    Decision,
    Reason,
    calibration_error,
    compare,
    decide,
)
from driftwatch.training.guard import Certificate, TrainingGuard
from driftwatch.training.measures import Answers, measure_of
from driftwatch.training.recipe import PromotionRecipe
from driftwatch.training.resampling import Blocks, holm, p_worse, paired

MAE = measure_of("mae", Task.REGRESSION)
DAY = 86_400_000_000
START = to_microseconds(datetime(2026, 1, 5, tzinfo=UTC))


def times(n: int, days: int) -> np.ndarray:
    return START + np.arange(n) * days * DAY // n


def meeting(
    *, better: float, n: int = 2_000, days: int = 40, seed: int = 0, day_effect: float = 0.0, worse_in_b: float = 0.0
) -> Contest:
    """Absolute errors of the champion around 5; those of the challenger are smaller by ``better`` on average."""
    random = np.random.default_rng(seed)
    at = times(n, days)
    of_day = random.normal(0, day_effect, days)[(at - START) // DAY]
    in_b = np.arange(n) % 4 == 0
    old = 5.0 + random.normal(0, 1.0, n)
    new = old - better + of_day + random.normal(0, 1.0, n) + (worse_in_b + better) * in_b * (worse_in_b > 0)
    labels = np.zeros(n)
    return Contest(
        task=Task.REGRESSION,
        labels=labels,
        times=at,
        champion=Answers(values=np.abs(old) * np.where(np.arange(n) % 2, 1, -1)),
        challenger=Answers(values=np.abs(new) * np.where(np.arange(n) % 2, 1, -1)),
        segments={"part=a": np.flatnonzero(~in_b), "part=b": np.flatnonzero(in_b)},
    )


def certificate() -> Certificate:
    return TrainingGuard().certificate()


def judged(contest: Contest, costs: Costs | None = None, **recipe: Any) -> Decision:
    asked = PromotionRecipe(**recipe)
    costs = costs or Costs(latency_ms=1.0, size_bytes=1_000)
    return decide(compare(contest, MAE, asked, champion="version 1", costs=costs), asked, certificate())


def test_the_standard_error_of_a_mean_over_days_is_that_of_the_days_means() -> None:
    """Closed form: with equally large days, the standard deviation of their means over the root of their number."""
    contest = meeting(better=1.0, day_effect=0.5)
    gains = np.abs(contest.champion.values) - np.abs(contest.challenger.values)
    means = gains.reshape(40, 50).mean(axis=1)
    found = paired(
        MAE,
        contest.champion,
        contest.challenger,
        contest.labels,
        Blocks.of(contest.times, 2_000, 0),
        confidence=0.95,
        seed=0,
    )
    assert found.gain.value == pytest.approx(gains.mean())
    assert found.gain.standard_error == pytest.approx(means.std(ddof=1) / math.sqrt(40), rel=0.05)
    reach = stats.t.ppf(0.975, 39) * found.gain.standard_error
    assert (found.gain.low, found.gain.high) == pytest.approx((found.gain.value - reach, found.gain.value + reach))


@pytest.mark.parametrize("days", [10, 40])
def test_the_interval_holds_the_truth_as_often_as_it_says_though_rows_of_a_day_are_alike(days: int) -> None:
    """200 data sets: 95 % of intervals over days have the truth in them; over rows alone far fewer would."""
    hits = naive = 0
    for seed in range(200):
        contest = meeting(better=0.3, n=50 * days, days=days, seed=seed, day_effect=0.5)
        blocks = Blocks.of(contest.times, len(contest.labels), 0)
        found = paired(
            MAE, contest.champion, contest.challenger, contest.labels, blocks, confidence=0.95, seed=seed
        ).gain
        hits += found.low <= 0.3 <= found.high
        gains = np.abs(contest.champion.values) - np.abs(contest.challenger.values)
        reach = 1.96 * gains.std(ddof=1) / math.sqrt(len(gains))
        naive += abs(gains.mean() - 0.3) <= reach
    # Three binomial standard errors below 190.
    assert hits >= 180
    assert naive < 150


def test_blocks_are_days_stretches_or_random_groups_as_the_times_allow() -> None:
    assert Blocks.of(times(1_000, 10), 1_000, 0).kind == "days"
    assert len(set(Blocks.of(times(1_000, 10), 1_000, 0).codes)) == 10
    short = Blocks.of(times(1_000, 3), 1_000, 0)
    assert (short.kind, len(set(short.codes))) == ("stretches of equal length", 20)
    without = Blocks.of(None, 1_000, 0)
    assert (without.kind, set(np.bincount(without.codes))) == ("rows in random groups", {2})


def test_a_challenger_that_is_better_by_the_margin_is_promoted() -> None:
    made = judged(meeting(better=1.0), margin=0.8)
    assert (made.promoted, made.reason) == (True, Reason.BETTER_BY_THE_MARGIN)
    assert "of version 1" in made.text


def test_better_but_not_by_the_margin_is_rejected() -> None:
    made = judged(meeting(better=1.0), margin=0.99)
    assert (made.promoted, made.reason) == (False, Reason.NOT_BETTER_BY_THE_MARGIN)
    assert "must lie above 0.99" in made.text


def test_a_gain_that_may_be_chance_is_rejected() -> None:
    contest = meeting(better=0.05, n=400, day_effect=0.5)
    gain = np.abs(contest.champion.values).mean() - np.abs(contest.challenger.values).mean()
    assert judged(contest).reason is Reason.NOT_BETTER_BY_THE_MARGIN
    assert gain > -0.5


def test_two_alike_are_seldom_promoted() -> None:
    """The interval is two-sided: 2.5 % at most, in 120 data sets 3 expected."""
    promoted = sum(judged(meeting(better=0.0, n=400, seed=seed)).promoted for seed in range(120))
    assert promoted <= 8


def test_worse_in_a_segment_is_rejected_though_better_on_the_whole() -> None:
    made = judged(meeting(better=2.0, worse_in_b=0.5))
    assert (made.promoted, made.reason) == (False, Reason.WORSE_IN_A_SEGMENT)
    assert "part=b" in made.text


def test_a_segment_may_be_worse_by_its_margin() -> None:
    assert judged(meeting(better=2.0, worse_in_b=0.5), segment_margin=0.7).promoted


def test_many_segments_reject_no_challenger_by_chance() -> None:
    """Fifty segments in which the two are alike: without the adjustment most would show one that is worse."""
    rejected = 0
    for seed in range(12):
        contest = meeting(better=0.0, n=10_000, days=20, seed=seed)
        parts = {f"s={at}": np.arange(at, 10_000, 50) for at in range(50)}
        made = compare(
            Contest(
                task=contest.task, labels=contest.labels, times=contest.times,
                champion=contest.champion, challenger=contest.challenger, segments=parts,
            ),
            MAE, PromotionRecipe(), champion="v", costs=Costs(latency_ms=1, size_bytes=1),
        )  # fmt: skip
        rejected += any(one.p_worse is not None and one.p_worse < 0.05 for one in made.segments)
    assert rejected <= 3


def test_segments_with_few_rows_are_shown_and_not_judged() -> None:
    contest = meeting(better=1.0)
    few = Contest(
        task=contest.task, labels=contest.labels, times=contest.times, champion=contest.champion,
        challenger=contest.challenger, segments={"s=few": np.arange(50)},
    )  # fmt: skip
    made = compare(few, MAE, PromotionRecipe(), champion="v", costs=Costs(latency_ms=1, size_bytes=1))
    assert made.segments[0].p_worse is None
    assert made.segments[0].paired.rows == 50


@pytest.mark.parametrize(("n", "days"), [(60, 30), (2_000, 0)])
def test_too_few_rows_or_blocks_decide_nothing(n: int, days: int) -> None:
    contest = meeting(better=3.0, n=n, days=max(days, 1))
    if not days:
        contest = Contest(
            task=contest.task, labels=contest.labels, times=np.full(n, START), champion=contest.champion,
            challenger=contest.challenger, segments={},
        )  # fmt: skip
    assert judged(contest).reason is Reason.TOO_FEW_ROWS


def test_a_model_that_is_too_slow_or_too_large_is_rejected() -> None:
    costs = Costs(latency_ms=12.0, size_bytes=3_000_000)
    assert judged(meeting(better=1.0), costs, max_latency_ms=10.0).reason is Reason.TOO_SLOW
    assert judged(meeting(better=1.0), costs, max_size_mb=2.0).reason is Reason.TOO_LARGE
    assert judged(meeting(better=1.0), costs, max_latency_ms=20.0, max_size_mb=4.0).promoted


def test_a_model_that_is_calibrated_worse_is_rejected() -> None:
    """Better by its classes, and much too sure of them."""
    random = np.random.default_rng(0)
    n = 4_000
    labels = (random.random(n) < 0.5).astype(float)

    def says(right: float, sure: float) -> Answers:
        said = np.where(random.random(n) < right, labels, 1 - labels)
        p = np.where(said > 0, sure, 1 - sure)
        return Answers(values=said, probabilities=np.stack([1 - p, p], axis=1))

    contest = Contest(
        task=Task.BINARY,
        labels=labels,
        times=times(n, 40),
        champion=says(0.7, 0.7),
        challenger=says(0.8, 0.99),
        segments={},
    )
    asked = PromotionRecipe()
    made = compare(
        contest, measure_of("error_rate", Task.BINARY), asked, champion="v", costs=Costs(latency_ms=1, size_bytes=1)
    )
    assert made.challenger_calibration == pytest.approx(0.19, abs=0.03)
    assert decide(made, asked, certificate()).reason is Reason.WORSE_CALIBRATED


def test_a_run_that_its_guard_stopped_is_rejected_however_good_it_is() -> None:
    guard = TrainingGuard()
    worthless = guard.certificate()
    with pytest.raises(TrainingStopped):
        guard.step(loss=math.nan)
    asked = PromotionRecipe()
    made = compare(meeting(better=3.0), MAE, asked, champion="v", costs=Costs(latency_ms=1, size_bytes=1))
    assert decide(made, asked, worthless).reason is Reason.STOPPED_BY_THE_GUARD


def test_calibration_error_of_a_regression_is_its_bias_in_standard_deviations() -> None:
    labels = np.random.default_rng(0).normal(0, 2, 1_000)
    assert calibration_error(Task.REGRESSION, Answers(values=labels + 1.0), labels) == pytest.approx(1.0 / labels.std())


def test_a_perfectly_calibrated_model_has_next_to_no_calibration_error() -> None:
    random = np.random.default_rng(0)
    p = random.random(50_000)
    labels = (random.random(50_000) < p).astype(float)
    answers = Answers(values=(p > 0.5).astype(float), probabilities=np.stack([1 - p, p], axis=1))
    assert calibration_error(Task.BINARY, answers, labels) < 0.01


def test_holm_s_p_values_are_those_of_its_definition() -> None:
    assert holm([0.01, 0.02, 0.03, 0.5]) == pytest.approx([0.04, 0.06, 0.06, 0.5])
    assert holm([]) == []


def test_p_of_being_worse_is_that_of_a_one_sided_t_test() -> None:
    gains = np.random.default_rng(0).normal(-0.2, 1.0, 30)
    from driftwatch.training.resampling import Interval

    interval = Interval(value=float(gains.mean()), standard_error=float(stats.sem(gains)), low=0.0, high=0.0)
    expected = stats.ttest_1samp(gains, -0.1, alternative="less").pvalue
    assert p_worse(interval, 30, 0.1) == pytest.approx(expected)
