"""What a policy does in life: episodes that begin, wait, are told, stand still, and are watched."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from driftwatch.core.records import AlertKind, AlertState, RetrainEpisode, RetrainState
from driftwatch.errors import StateConflict, UnknownRetrain
from driftwatch.pipeline.episodes import EpisodeKeeper
from driftwatch.pipeline.loop_operations import ExternalCall
from driftwatch.ports import OutboxState
from driftwatch.settings import load_settings, retrain_policies

from .streams import counted

START = datetime(2026, 1, 5, tzinfo=UTC)
MakeWorld = Callable[..., Any]
CALL = ExternalCall(model="flights", source="alertmanager", key="f00d.2026", reason="LatencyHigh: p99 above 2 s")


def worse(make_world: MakeWorld, days: int = 12, **retrain: Any) -> Any:
    """A world whose model has a threefold error, under a policy."""
    world = make_world(retrain=retrain)
    world.register()
    for number in range(days):
        world.day(number, error=15.0)
    return world


def only(world: Any) -> RetrainEpisode:
    (episode,) = world.service.operations.retrains()
    return episode


def deliver(world: Any) -> int:
    return int(world.service.runner._deliverer.deliver_due())


def keep_episodes(world: Any, **retrain: Any) -> None:
    settings = load_settings(retrain=retrain)
    EpisodeKeeper(world.state, world.clock, retrain_policies(settings), world.service.telemetry).step()


class TestPolicies:
    def test_two_windows_are_waited_for(self, make_world: MakeWorld) -> None:
        at_once, later = only(worse(make_world)), only(worse(make_world, windows=3))
        assert later.triggered - at_once.triggered == timedelta(days=2)

    def test_a_measure_calls_before_the_evidence_does(self, make_world: MakeWorld) -> None:
        world = make_world(retrain={"any": [{"measure": "mae", "worse_by": "15%"}]})
        world.register()
        for number in range(4):
            world.day(number, error=6.5)
        assert world.service.operations.alerts() == []
        assert only(world).calls == ("quality_below",)
        assert "in the reference" in only(world).reason

    def test_age_calls_by_event_time(self, make_world: MakeWorld) -> None:
        world = make_world(retrain={"any": [{"age": "5d"}]})
        world.register()
        for number in range(9):
            world.day(number, rows=40)
        assert only(world).calls == ("age",)
        assert START + timedelta(days=5) <= only(world).triggered < START + timedelta(days=7)

    def test_labels_call_when_there_are_enough_and_count_anew_afterwards(self, make_world: MakeWorld) -> None:
        world = make_world(retrain={"any": [{"labels": 200}], "cooldown": "0s", "dry_run": True})
        world.register()
        for number in range(11):
            world.day(number, rows=50)
        episodes = world.service.operations.retrains()
        assert {one.state for one in episodes} == {RetrainState.DRY_RUN}
        assert len(episodes) == 2

    def test_too_few_labels_are_waited_for(self, make_world: MakeWorld) -> None:
        assert only(worse(make_world)).triggered < only(worse(make_world, minimum_labels=1_600)).triggered

    def test_a_model_has_a_policy_of_its_own(self, make_world: MakeWorld) -> None:
        world = worse(make_world, models={"flights": {"any": ["label_drift"]}})
        assert any(one.kind is AlertKind.QUALITY for one in world.service.operations.alerts())
        assert world.service.operations.retrains() == []

    def test_a_dry_run_writes_down_what_would_have_been_and_tells_nobody(self, make_world: MakeWorld) -> None:
        world = worse(make_world, dry_run=True, cooldown="365d")
        assert only(world).state is RetrainState.DRY_RUN
        assert (deliver(world), world.sink.messages) == (0, [])
        assert counted(world, "retrain_triggers_total") == 0

    def test_quiet_hours_hold_the_request_back_until_they_are_over_though_the_stream_is_silent(
        self, make_world: MakeWorld
    ) -> None:
        world = worse(make_world, days=8, quiet_hours=["22:00-02:00"])
        assert world.service.operations.alerts() != []
        for hours in (0, 1):
            world.clock.advance(timedelta(hours=hours))
            world.settle()
            assert world.service.operations.retrains() == []
        world.clock.advance(timedelta(hours=2))
        world.settle()
        assert only(world).triggered >= START + timedelta(days=8, hours=2)


class TestApproval:
    def test_nobody_is_told_before_a_person_approves(self, make_world: MakeWorld) -> None:
        world = worse(make_world, approval=True)
        assert only(world).state is RetrainState.AWAITING_APPROVAL
        assert deliver(world) == 0
        world.service.operations.approve(only(world).retrain_id, "ada", "go on")
        assert deliver(world) == 1
        assert [(step.state, step.by) for step in only(world).history] == [
            (RetrainState.AWAITING_APPROVAL, ""), (RetrainState.REQUESTED, "ada"), (RetrainState.DELIVERED, ""),
        ]  # fmt: skip
        (message,) = world.sink.messages
        assert msgspec.json.decode(message.body)["data"]["calls"] == ["quality"]

    def test_approval_is_given_once_and_to_what_awaits_it(self, make_world: MakeWorld) -> None:
        world = worse(make_world)
        with pytest.raises(StateConflict, match="does not await approval"):
            world.service.operations.approve(only(world).retrain_id, "ada")
        with pytest.raises(UnknownRetrain):
            world.service.operations.approve("nobody", "ada")

    def test_what_is_cancelled_is_told_to_nobody(self, make_world: MakeWorld) -> None:
        world = worse(make_world)
        retrain_id = only(world).retrain_id
        world.service.operations.cancel(retrain_id, "ada", "we know why")
        assert deliver(world) == 0
        assert [one.state for one in world.service.operations.outbox()] == [OutboxState.WITHDRAWN]
        with pytest.raises(StateConflict, match="cancelled"):
            world.service.operations.retrain_status(retrain_id, RetrainState.TRAINING)
        with pytest.raises(StateConflict, match="nothing to cancel"):
            world.service.operations.cancel(retrain_id, "ada")


class TestTimeouts:
    @pytest.mark.parametrize("state", [RetrainState.ACKNOWLEDGED, RetrainState.TRAINING, RetrainState.EVALUATING])
    def test_a_trainer_that_says_nothing_more_is_given_up(self, make_world: MakeWorld, state: RetrainState) -> None:
        world = worse(make_world)
        world.service.operations.retrain_status(only(world).retrain_id, state)
        world.clock.advance(timedelta(hours=5))
        keep_episodes(world, timeouts={state: "6h"})
        assert only(world).state is state
        world.clock.advance(timedelta(hours=1))
        keep_episodes(world, timeouts={state: "6h"})
        assert only(world).state is RetrainState.TIMED_OUT
        assert only(world).history[-1].note == f"It was {state.value} for 6h, and nothing was heard."

    def test_what_nobody_was_told_by_then_is_withdrawn(self, make_world: MakeWorld) -> None:
        world = worse(make_world, approval=True)
        world.clock.advance(timedelta(days=7))
        keep_episodes(world)
        assert only(world).state is RetrainState.TIMED_OUT
        assert [one.state for one in world.service.operations.outbox()] == [OutboxState.WITHDRAWN]

    def test_the_next_one_may_follow(self, make_world: MakeWorld) -> None:
        world = worse(make_world, cooldown="1d")
        world.clock.advance(timedelta(days=2))
        keep_episodes(world)
        for number in range(12, 16):
            world.day(number, error=15.0)
        assert [one.state for one in world.service.operations.retrains()] == [
            RetrainState.REQUESTED, RetrainState.TIMED_OUT
        ]  # fmt: skip


class TestRecovery:
    def promoted(self, make_world: MakeWorld, fit: Callable[..., Any], *, noise: float, **retrain: Any) -> Any:
        world = worse(make_world, **retrain)
        world.register(fit("2", noise=noise))
        world.service.operations.retrain_status(only(world).retrain_id, RetrainState.PROMOTED, new_version="2")
        return world

    def test_a_version_that_is_better_has_recovered(self, make_world: MakeWorld, fit: Callable[..., Any]) -> None:
        world = self.promoted(make_world, fit, noise=5.0)
        for number in range(12, 16):
            world.day(number, error=5.0)
        assert only(world).state is RetrainState.PROMOTED
        for number in range(16, 18):
            world.day(number, error=5.0)
        assert only(world).state is RetrainState.RECOVERED
        note = only(world).history[-1].note
        assert note.startswith("mae ")
        assert "over 3 windows with 600 labels" in note
        assert "when the retrain was asked for" in note

    def test_the_same_report_again_changes_nothing_also_when_it_has_recovered(
        self, make_world: MakeWorld, fit: Callable[..., Any]
    ) -> None:
        world = self.promoted(make_world, fit, noise=5.0)
        for number in range(12, 18):
            world.day(number, error=5.0)
        known = only(world)
        again = world.service.operations.retrain_status(known.retrain_id, RetrainState.PROMOTED, new_version="2")
        assert again == known
        with pytest.raises(StateConflict):
            world.service.operations.retrain_status(known.retrain_id, RetrainState.PROMOTED, new_version="3")

    def test_a_version_that_is_as_bad_has_not_and_says_what_to_look_at(
        self, make_world: MakeWorld, fit: Callable[..., Any]
    ) -> None:
        world = self.promoted(make_world, fit, noise=5.0)
        for number in range(12, 18):
            world.day(number, error=16.0)
        first = world.service.operations.retrains()[-1]
        assert first.state is RetrainState.NOT_RECOVERED
        assert "Look at: quality: Still worse: mae" in first.history[-1].note

    def test_no_other_retrain_begins_while_one_is_watched(self, make_world: MakeWorld, fit: Callable[..., Any]) -> None:
        world = self.promoted(make_world, fit, noise=5.0, cooldown="0s", watch_windows=10)
        for number in range(12, 20):
            world.day(number, error=16.0)
        assert only(world).state is RetrainState.PROMOTED

    def test_a_version_without_labels_is_not_watched_for_ever(
        self, make_world: MakeWorld, fit: Callable[..., Any]
    ) -> None:
        world = self.promoted(make_world, fit, noise=5.0)
        for number in range(12, 20):
            world.day(number, labelled=False)
        keep_episodes(world)
        assert only(world).state is RetrainState.PROMOTED
        keep_episodes(world, timeouts={"promoted": "7d"})
        assert only(world).state is RetrainState.NOT_RECOVERED
        assert "whether its labels arrive" in only(world).history[-1].note

    def test_a_version_that_another_replaced_is_watched_no_longer(
        self, make_world: MakeWorld, fit: Callable[..., Any]
    ) -> None:
        world = self.promoted(make_world, fit, noise=5.0)
        world.clock.advance(timedelta(seconds=1))
        world.register(fit("3", noise=5.0))
        keep_episodes(world)
        assert "Version 3 took over" in only(world).history[-1].note


class TestCallsFromOutside:
    def test_an_alert_from_outside_asks_for_a_retrain_through_the_policy(self, world: Any) -> None:
        world.day(0)
        world.service.operations.external_alert(CALL)
        world.settle()
        assert (only(world).calls, only(world).reason) == (("external",), CALL.reason)
        assert only(world).alert_ids == ("alertmanager:f00d.2026",)

    def test_the_same_again_changes_nothing(self, make_world: MakeWorld) -> None:
        world = make_world(retrain={"cooldown": "0s", "dry_run": True})
        world.register()
        for _ in range(3):
            world.service.operations.external_alert(CALL)
            world.settle()
        assert len(world.service.operations.alerts()) == 1
        assert only(world).state is RetrainState.DRY_RUN

    def test_a_policy_without_it_is_not_moved(self, make_world: MakeWorld) -> None:
        world = make_world(retrain={"any": ["quality"]})
        world.register()
        world.service.operations.external_alert(CALL)
        world.settle()
        assert world.service.operations.retrains() == []

    def test_it_is_over_when_whoever_raised_it_says_so(self, world: Any) -> None:
        world.service.operations.external_alert(CALL)
        over = world.service.operations.external_over(CALL)
        assert (over.state, over.ended is not None) == (AlertState.RESOLVED, True)
        assert world.service.operations.external_over(CALL) == over

    def test_there_is_a_bound_on_those_that_fire(self, world: Any) -> None:
        for number in range(500):
            call = ExternalCall(model="flights", source="am", key=str(number), reason="again")
            world.service.operations.external_alert(call)
        with pytest.raises(StateConflict, match="resolve some first"):
            world.service.operations.external_alert(CALL)

    def test_a_cooldown_holds_for_it_too(self, world: Any) -> None:
        world.day(0)
        world.service.operations.external_alert(CALL)
        world.settle()
        world.service.operations.retrain_status(only(world).retrain_id, RetrainState.REJECTED)
        world.service.operations.external_alert(ExternalCall(model="flights", source="am", key="2", reason="again"))
        world.settle()
        assert only(world).state is RetrainState.REJECTED
