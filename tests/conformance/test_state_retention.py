"""What every state forgets when it is told to, and what it keeps."""

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
    RetrainEpisode,
    RetrainState,
    RetrainStep,
    Status,
    WindowKey,
    WindowRecord,
    WindowStage,
)
from driftwatch.core.windows import to_microseconds
from driftwatch.ports import (
    OutboxMessage,
    OutboxState,
    SliceKey,
    State,
    StoredBaseline,
    StoredSlice,
    StoredStream,
    StreamKey,
)
from driftwatch.stores.state import SqlState
from driftwatch.testing import MemoryState

T0 = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
ALL = 1_000


@pytest.fixture(params=["sql", "memory"])
def state(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[State]:
    state: State = SqlState.open(f"sqlite:///{tmp_path / 'state.db'}") if request.param == "sql" else MemoryState()
    yield state
    state.close()


def slice_at(start: int, reached: int, *, model: str = "m") -> StoredSlice:
    key = SliceKey(model=model, model_version="1", segment="", start=start)
    return StoredSlice(key=key, rows=1, labels=0, first_event=start, reached=reached, profile=b"p", performance=b"q")


def window_at(hours: int, *, model: str = "m") -> WindowRecord:
    start = T0 + hours * HOUR
    key = WindowKey(model=model, model_version="1", start=start, end=start + HOUR)
    return WindowRecord(key=key, stage=WindowStage.CLOSED, rows=1, labels=0, status=Status.OK)


def alert(alert_id: str, hours: int, ended: int | None, *, model: str = "m") -> Alert:
    return Alert(
        alert_id=alert_id,
        model=model,
        model_version="1",
        kind=AlertKind.QUALITY,
        state=AlertState.FIRING if ended is None else AlertState.RESOLVED,
        started=T0 + hours * HOUR,
        ended=None if ended is None else T0 + ended * HOUR,
        columns=(),
        evidence=1.0,
        reason="",
    )


def episode(retrain_id: str, hours: int, state: RetrainState, *, model: str = "m") -> RetrainEpisode:
    at = T0 + hours * HOUR
    return RetrainEpisode(
        retrain_id=retrain_id,
        model=model,
        model_version="1",
        state=state,
        triggered=at,
        until=at,
        reason="",
        alert_ids=(),
        history=(RetrainStep(at=at, state=state, note=""),),
    )


def message(message_id: str, hours: int, state: OutboxState) -> OutboxMessage:
    return OutboxMessage(
        message_id=message_id, sink="webhook", model="m", body="{}", created_at=T0 + hours * HOUR, state=state
    )


def test_slices_go_by_how_far_their_stream_had_come(state: State) -> None:
    with state.transaction() as transaction:
        transaction.put_slices([slice_at(1, 10), slice_at(2, 30), slice_at(3, 20), slice_at(1, 5, model="other")])
        assert transaction.forget_slices("m", 30, ALL) == 2
        assert [one.key.start for one in transaction.slices("m", "1", "", 0, 100)] == [2]
        assert len(transaction.slices("other", "1", "", 0, 100)) == 1
        assert transaction.forget_slices("m", 30, ALL) == 0


def test_only_so_many_go_at_once_and_the_oldest_first(state: State) -> None:
    with state.transaction() as transaction:
        transaction.put_slices([slice_at(start, start) for start in range(10)])
        assert transaction.forget_slices("m", 8, 3) == 3
        assert [one.key.start for one in transaction.slices("m", "1", "", 0, 100)] == list(range(3, 10))
        assert [transaction.forget_slices("m", 8, 3) for _ in range(3)] == [3, 2, 0]


def test_windows_that_ended_before_go(state: State) -> None:
    with state.transaction() as transaction:
        for one in (window_at(0), window_at(1), window_at(0, model="other")):
            transaction.put_window(one)
        assert transaction.forget_history("m", T0 + 2 * HOUR, ALL) == 1
        assert transaction.windows("m") == [window_at(1)]
        assert transaction.windows("other") == [window_at(0, model="other")]


def test_alerts_that_were_resolved_before_go_and_those_that_fire_stay(state: State) -> None:
    kept = [alert("fires", 0, None), alert("resolved later", 0, 9), alert("other", 0, 1, model="other")]
    with state.transaction() as transaction:
        for one in (*kept, alert("resolved", 0, 1)):
            transaction.put_alert(one)
        assert transaction.forget_history("m", T0 + 9 * HOUR, ALL) == 1
        assert {one.alert_id for one in transaction.alerts()} == {one.alert_id for one in kept}


def test_retrains_that_are_finished_go_but_for_the_latest(state: State) -> None:
    with state.transaction() as transaction:
        transaction.open_retrain(episode("finished", 0, RetrainState.PROMOTED))
        transaction.open_retrain(episode("open", 1, RetrainState.TRAINING))
        transaction.open_retrain(episode("latest", 2, RetrainState.REJECTED))
        transaction.open_retrain(episode("other", 0, RetrainState.FAILED, model="other"))
        assert transaction.forget_history("m", T0 + 9 * HOUR, ALL) == 1
        assert transaction.retrain("finished") is None
        assert {one.retrain_id for one in transaction.retrains()} == {"open", "latest", "other"}


def test_messages_that_wait_stay_however_old(state: State) -> None:
    with state.transaction() as transaction:
        for name, hours, condition in (
            ("waits", 0, OutboxState.PENDING),
            ("delivered", 0, OutboxState.DELIVERED),
            ("dead", 1, OutboxState.DEAD),
            ("recent", 5, OutboxState.DELIVERED),
        ):
            transaction.put_message(message(name, hours, condition))
        assert transaction.forget_messages(T0 + 5 * HOUR, ALL) == 2
        assert [one.message_id for one in transaction.outbox()] == ["waits", "recent"]


def test_the_evidence_of_a_version_that_was_replaced_goes_with_its_last_event(state: State) -> None:
    keys = {
        name: StreamKey(model="m", model_version=version, segment=segment)
        for name, version, segment in (("old", "1", ""), ("busy", "1", "s"), ("current", "2", ""))
    }
    with state.transaction() as transaction:
        for number, version in enumerate("12"):
            transaction.put_baseline(
                StoredBaseline(model="m", model_version=version, document="{}", registered_at=T0 + number * HOUR)
            )
        stream = StoredStream(key=keys["old"], rows=1, first=0, last=0, latest_event=to_microseconds(T0))
        later = to_microseconds(T0 + 9 * HOUR)
        transaction.put_streams(
            [stream, replace(stream, key=keys["busy"], latest_event=later), replace(stream, key=keys["current"])]
        )
        for key in keys.values():
            transaction.put_memory(key, WindowStage.CLOSED, 7, b"memory")
        assert transaction.forget_history("m", T0 + 9 * HOUR, ALL) == 1
        left = {name for name, key in keys.items() if transaction.memory_after(key, WindowStage.CLOSED, 7) is not None}
        assert left == {"busy", "current"}
