"""Which state of a retrain may follow which."""

from __future__ import annotations

import pytest

from driftwatch.core.episodes import CLOSED, FINISHED, FOLLOWERS, REPORTED, may_follow
from driftwatch.core.records import RetrainState


def test_an_episode_goes_forward_only() -> None:
    assert may_follow(RetrainState.REQUESTED, RetrainState.TRAINING)
    assert not may_follow(RetrainState.TRAINING, RetrainState.DELIVERED)


@pytest.mark.parametrize("state", sorted(CLOSED))
def test_a_closed_episode_goes_nowhere(state: RetrainState) -> None:
    assert not any(may_follow(state, other) for other in RetrainState)


def test_what_was_promoted_is_watched_and_nothing_else() -> None:
    assert FOLLOWERS[RetrainState.PROMOTED] == {RetrainState.RECOVERED, RetrainState.NOT_RECOVERED}
    assert {RetrainState.PROMOTED} == FINISHED - CLOSED


def test_approval_comes_before_everything() -> None:
    assert FOLLOWERS[RetrainState.AWAITING_APPROVAL] == {
        RetrainState.REQUESTED, RetrainState.CANCELLED, RetrainState.TIMED_OUT
    }  # fmt: skip


@pytest.mark.parametrize("state", list(RetrainState))
def test_no_state_follows_itself(state: RetrainState) -> None:
    assert not may_follow(state, state)


@pytest.mark.parametrize("state", sorted(set(RetrainState) - CLOSED - {RetrainState.PROMOTED}))
def test_whatever_is_open_can_be_cancelled_and_times_out(state: RetrainState) -> None:
    assert may_follow(state, RetrainState.CANCELLED)
    assert may_follow(state, RetrainState.TIMED_OUT)


def test_every_state_is_reached_from_the_beginning() -> None:
    reached, waiting = set(), {RetrainState.AWAITING_APPROVAL, RetrainState.DRY_RUN}
    while waiting:
        state = waiting.pop()
        reached.add(state)
        waiting |= FOLLOWERS[state] - reached
    assert reached == set(RetrainState)
    assert reached > REPORTED
