"""What every state promises about alerts, retrains and the outbox, for the database and the one in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from driftwatch.core.records import (
    Alert,
    AlertKind,
    AlertState,
    AlertStep,
    RetrainEpisode,
    RetrainState,
    RetrainStep,
)
from driftwatch.ports import MessageKind, OutboxMessage, OutboxState, State, StoredBaseline, VersionRole, current_of
from driftwatch.stores.state import SqlState
from driftwatch.testing import MemoryState

T0 = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(params=["sql", "memory"])
def state(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[State]:
    state: State = SqlState.open(f"sqlite:///{tmp_path / 'state.db'}") if request.param == "sql" else MemoryState()
    yield state
    state.close()


def alert(alert_id: str, state: AlertState = AlertState.FIRING) -> Alert:
    return Alert(
        alert_id=alert_id,
        model="m",
        model_version="1",
        kind=AlertKind.EXTERNAL,
        state=state,
        started=T0,
        ended=None,
        columns=(),
        evidence=0.0,
        reason="a rule says so",
        windows=3,
        silenced_until=T0 + timedelta(hours=1),
        history=(AlertStep(at=T0, state=state, by="ada", note="known"),),
    )


def message(message_id: str, *, sink: str = "a", model: str = "m", due: int | None = None, **fields) -> OutboxMessage:
    return OutboxMessage(
        message_id=message_id,
        sink=sink,
        model=model,
        body="{}",
        created_at=T0,
        next_attempt_at=None if due is None else T0 + timedelta(minutes=due),
        **fields,
    )


def put(state: State, *messages: OutboxMessage) -> None:
    with state.transaction() as transaction:
        for one in messages:
            transaction.put_message(one)


def heads(state: State, sink: str = "a", minutes: int = 0, limit: int = 10) -> list[str]:
    with state.read() as reader:
        return [one.message_id for one in reader.heads(sink, T0 + timedelta(minutes=minutes), limit)]


class TestAlerts:
    def test_one_comes_back_whole(self, state: State) -> None:
        with state.transaction() as transaction:
            transaction.put_alert(alert("a"))
            assert transaction.alert("a") == alert("a")
            assert transaction.alert("nobody") is None

    def test_those_that_are_not_over_are_open(self, state: State) -> None:
        with state.transaction() as transaction:
            for one in AlertState:
                transaction.put_alert(alert(one.value, one))
            found = {one.alert_id for one in transaction.alerts(is_open=True)}
        assert found == {"pending", "firing", "acknowledged", "silenced"}


class TestRetrains:
    def test_what_is_known_of_one_comes_back(self, state: State) -> None:
        step = RetrainStep(at=T0, state=RetrainState.REQUESTED, note="go on", by="ada")
        given = RetrainEpisode(
            retrain_id="r", model="m", model_version="1", state=step.state, triggered=T0, until=T0, reason="worse",
            alert_ids=("a",), history=(step,), segment="country=DE", calls=("quality", "age"),
        )  # fmt: skip
        promoted = RetrainStep(at=T0, state=RetrainState.PROMOTED)
        with state.transaction() as transaction:
            transaction.open_retrain(given)
            assert transaction.retrain("r") == given
            transaction.step_retrain("r", promoted, "2", T0 + timedelta(days=1))
            transaction.step_retrain("r", replace(promoted, state=RetrainState.RECOVERED))
            back = transaction.retrain("r")
        assert back is not None
        assert (back.new_version, back.watched_from, back.segment) == ("2", T0 + timedelta(days=1), "country=DE")


class TestOutbox:
    def test_what_is_known_of_one_comes_back(self, state: State) -> None:
        given = message("1", kind=MessageKind.ALERT, tried_since=T0, state=OutboxState.HELD)
        put(state, given)
        with state.read() as reader:
            assert reader.message("1") == given
            assert reader.message("nobody") is None

    def test_the_head_of_each_model_is_its_oldest_that_is_pending(self, state: State) -> None:
        put(state, message("1", state=OutboxState.DELIVERED), message("2"), message("3"), message("4", model="n"))
        assert heads(state) == ["2", "4"]
        assert heads(state, limit=1) == ["2"]
        assert heads(state, sink="b") == []

    def test_a_head_that_waits_holds_those_behind_it(self, state: State) -> None:
        put(state, message("1", due=5), message("2"))
        assert heads(state) == []
        assert heads(state, minutes=5) == ["1"]

    def test_what_is_held_withdrawn_or_dead_holds_nobody(self, state: State) -> None:
        others = [OutboxState.HELD, OutboxState.WITHDRAWN, OutboxState.DEAD]
        put(state, *(message(one.value, state=one) for one in others), message("next"))
        assert heads(state) == ["next"]

    def test_those_that_are_due_longest_come_first(self, state: State) -> None:
        put(state, message("1", model="a", due=3), message("2", model="b", due=1), message("3", model="c"))
        assert heads(state, minutes=3) == ["3", "2", "1"]

    def test_one_that_is_sent_again_keeps_its_place(self, state: State) -> None:
        put(state, message("1", state=OutboxState.DEAD), message("2"))
        put(state, message("1"))
        assert heads(state) == ["1"]

    def test_they_are_found_by_their_retrain(self, state: State) -> None:
        put(state, message("1", retrain_id="r"), message("2", retrain_id="s"), message("3", retrain_id="r"))
        with state.read() as reader:
            assert [one.message_id for one in reader.outbox(retrain_id="r")] == ["1", "3"]

    def test_those_that_are_pending_are_counted_by_sink(self, state: State) -> None:
        put(state, message("1"), message("2"), message("3", sink="b"), message("4", sink="c", state=OutboxState.DEAD))
        with state.read() as reader:
            assert reader.pending_sinks() == {"a": 2, "b": 1}

    def test_what_still_waits_is_not_forgotten(self, state: State) -> None:
        put(state, *(message(one.value, state=one) for one in OutboxState))
        with state.transaction() as transaction:
            transaction.forget_messages(T0 + timedelta(days=1), 10)
            assert {one.state for one in transaction.outbox()} == {OutboxState.HELD, OutboxState.PENDING}


def test_the_current_version_is_the_last_that_is_live(state: State) -> None:
    given = [
        StoredBaseline(model="m", model_version=str(one), document="{}", registered_at=T0 + timedelta(one), role=role)
        for one, role in enumerate([VersionRole.SHADOW, VersionRole.LIVE, VersionRole.LIVE, VersionRole.SHADOW])
    ]
    with state.transaction() as transaction:
        for one in given:
            transaction.put_baseline(one)
        assert transaction.baselines("m") == given
        assert current_of(transaction.baselines("m")) == given[2]
    assert current_of(given[:1]) == given[0]
