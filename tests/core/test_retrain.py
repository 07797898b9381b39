"""When a retrain is asked for."""

from datetime import UTC, datetime, timedelta

import pytest

from driftwatch.core.records import (
    AlertKind,
    RetrainEpisode,
    RetrainState,
    Status,
    Threshold,
    ThresholdOrigin,
    Verdict,
    VerdictReason,
)
from driftwatch.core.retrain import RetrainPolicy, RetrainReason, decide, may_follow

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
LIMIT = Threshold(value=90.0, origin=ThresholdOrigin.BUDGET)


def verdict(kind: AlertKind, status: Status) -> Verdict:
    return Verdict(kind=kind, status=status, reason=VerdictReason.WITHIN_TOLERANCE, evidence=1.0, limit=LIMIT)


def episode(state: RetrainState, triggered: datetime) -> RetrainEpisode:
    return RetrainEpisode(
        retrain_id="r",
        model="m",
        model_version="1",
        state=state,
        triggered=triggered,
        until=triggered,
        reason="",
        alert_ids=(),
        history=(),
    )


QUALITY, FEATURES = verdict(AlertKind.QUALITY, Status.DRIFT), verdict(AlertKind.FEATURE_DRIFT, Status.DRIFT)
RECENT, LONG_AGO = NOON - timedelta(days=2), NOON - timedelta(days=30)


@pytest.mark.parametrize(
    ("verdicts", "current", "latest", "expected", "sentence"),
    [
        ([QUALITY], True, None, RetrainReason.QUALITY_FELL, "worse quality asks for a retrain"),
        ([], True, None, RetrainReason.NOTHING_FIRES, "no verdict asks for nothing"),
        ([FEATURES], True, None, RetrainReason.NOTHING_FIRES, "moved inputs alone ask for nothing by default"),
        ([verdict(AlertKind.QUALITY, Status.WARNING)], True, None, RetrainReason.NOTHING_FIRES, "nor does a warning"),
        ([QUALITY], False, None, RetrainReason.SUPERSEDED_VERSION, "an old version is not retrained"),
        ([QUALITY], True, episode(RetrainState.TRAINING, LONG_AGO), RetrainReason.EPISODE_OPEN, "one at a time"),
        ([QUALITY], True, episode(RetrainState.REJECTED, RECENT), RetrainReason.COOLING_DOWN, "not again so soon"),
        ([QUALITY], True, episode(RetrainState.FAILED, LONG_AGO), RetrainReason.QUALITY_FELL, "again after a while"),
    ],
)
def test_a_decision_has_a_named_reason(
    verdicts: list[Verdict],
    current: bool,
    latest: RetrainEpisode | None,
    expected: RetrainReason,
    sentence: str,
) -> None:
    decision = decide(RetrainPolicy(), verdicts, window_end=NOON, is_current_version=current, latest=latest)
    assert decision.reason is expected, sentence
    assert decision.trigger is (expected is RetrainReason.QUALITY_FELL), sentence


def test_a_policy_can_ask_for_a_retrain_on_feature_drift() -> None:
    policy = RetrainPolicy(kinds=frozenset({AlertKind.FEATURE_DRIFT}))
    assert decide(policy, [FEATURES], window_end=NOON, is_current_version=True, latest=None).trigger


def test_an_episode_goes_forward_only() -> None:
    assert may_follow(RetrainState.REQUESTED, RetrainState.TRAINING)
    assert not may_follow(RetrainState.TRAINING, RetrainState.DELIVERED)


@pytest.mark.parametrize("finished", [RetrainState.PROMOTED, RetrainState.REJECTED, RetrainState.FAILED])
def test_a_finished_episode_goes_nowhere(finished: RetrainState) -> None:
    assert not any(may_follow(finished, state) for state in RetrainState)


@pytest.mark.parametrize("state", list(RetrainState))
def test_no_state_follows_itself(state: RetrainState) -> None:
    assert not may_follow(state, state)
