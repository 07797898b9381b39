"""What every inbox promises, held against the real one and the one in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from driftwatch.errors import StoreError, StoreFull
from driftwatch.ports import HalfKind, Inbox, InboxRoom, LoggedHalf
from driftwatch.stores.inbox import SqliteInbox
from driftwatch.testing import MemoryInbox

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

Opener = Callable[..., Inbox]


@pytest.fixture(params=["sqlite", "memory"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    made: list[Inbox] = []

    def open_inbox(**bounds: int) -> Inbox:
        sqlite = request.param == "sqlite"
        inbox: Inbox = SqliteInbox(tmp_path / f"inbox-{len(made)}.db", **bounds) if sqlite else MemoryInbox(**bounds)
        made.append(inbox)
        return inbox

    yield open_inbox
    for inbox in made:
        inbox.close()


@pytest.fixture
def inbox(opened: Opener) -> Inbox:
    return opened()


def half(key: str, kind: HalfKind = HalfKind.REQUEST, body: bytes = b"12345") -> LoggedHalf:
    return LoggedHalf(
        key=key.encode(), kind=kind, model="m", model_version="", prediction_id=f"id-{key}", event_time=NOW - MINUTE,
        content_type="application/json", protocol="v2", body=body,
    )  # fmt: skip


def response(key: str) -> LoggedHalf:
    return half(key, HalfKind.RESPONSE, b"6789")


def add(inbox: Inbox, *halves: LoggedHalf, at: datetime = NOW) -> tuple[int, ...]:
    return inbox.append(halves, at).result(timeout=10)


def test_a_new_inbox_is_empty(inbox: Inbox) -> None:
    assert (inbox.whole(10), inbox.room()) == ([], InboxRoom(halves=0, waiting=0, size_bytes=0))


def test_a_request_and_its_response_are_whole_whichever_comes_first(inbox: Inbox) -> None:
    add(inbox, half("a"))
    assert inbox.whole(10) == []
    assert not inbox.wait(0.0)
    add(inbox, response("b"), half("b"))
    add(inbox, response("a"))
    assert inbox.whole(10) == [(half("b"), response("b")), (half("a"), response("a"))]
    assert inbox.wait(0.0)
    assert inbox.room() == InboxRoom(halves=4, waiting=0, size_bytes=18)


def test_feedback_is_whole_by_itself(inbox: Inbox) -> None:
    add(inbox, half("f", HalfKind.FEEDBACK))
    assert inbox.whole(10) == [(half("f", HalfKind.FEEDBACK),)]


def test_no_more_are_answered_than_asked_for(inbox: Inbox) -> None:
    for key in "abc":
        add(inbox, half(key), response(key))
    assert [exchange[0].key for exchange in inbox.whole(2)] == [b"a", b"b"]


def test_the_same_half_again_is_known_before_and_after_it_is_done(inbox: Inbox) -> None:
    assert add(inbox, half("a"), replace(half("a"), body=b"other"), response("b")) == (1,)
    assert add(inbox, half("a")) == (0,)
    add(inbox, response("a"))
    assert inbox.whole(10) == [(half("a"), response("a"))]
    inbox.done([b"a"], NOW)
    assert inbox.whole(10) == []
    assert add(inbox, half("a"), response("a")) == (0, 1)
    assert inbox.room() == InboxRoom(halves=1, waiting=1, size_bytes=4)


def test_what_was_done_is_forgotten_when_its_time_is_over(inbox: Inbox) -> None:
    add(inbox, half("a"), response("a"))
    inbox.done([b"a"], NOW)
    inbox.forget_known(NOW)
    assert add(inbox, half("a")) == (0,)
    inbox.forget_known(NOW + MINUTE)
    assert add(inbox, half("a")) == ()


def test_halves_that_waited_too_long_are_forgotten_and_whole_exchanges_are_not(inbox: Inbox) -> None:
    add(inbox, half("late"), at=NOW - MINUTE)
    add(inbox, half("old"), at=NOW - 2 * MINUTE)
    add(inbox, half("whole"), response("whole"), at=NOW - 2 * MINUTE)
    add(inbox, response("new"), at=NOW)
    assert [one.key for one in inbox.forget_waiting(NOW, 1)] == [b"old"]
    assert inbox.forget_waiting(NOW, 10) == [replace(half("late"), body=b"")]
    assert inbox.forget_waiting(NOW, 10) == []
    assert inbox.room() == InboxRoom(halves=3, waiting=1, size_bytes=13)
    assert [exchange[0].key for exchange in inbox.whole(10)] == [b"whole"]


@pytest.mark.parametrize("bounds", [{"max_halves": 2}, {"max_bytes": 12}], ids=["halves", "bytes"])
def test_a_full_inbox_takes_only_what_makes_an_exchange_whole(opened: Opener, bounds: dict[str, int]) -> None:
    inbox = opened(**bounds)
    add(inbox, half("a"), half("b"))
    with pytest.raises(StoreFull):
        add(inbox, half("c"))
    with pytest.raises(StoreFull):
        add(inbox, response("a"), half("c"))
    assert inbox.room().halves == 2
    assert add(inbox, response("a")) == ()
    assert add(inbox, half("b")) == (0,)
    inbox.done([b"a"], NOW)
    assert add(inbox, half("c")) == ()


def test_many_threads_may_append(inbox: Inbox) -> None:
    threads = [
        threading.Thread(target=add, args=(inbox, each))
        for number in range(20)
        for each in (half(str(number)), response(str(number)))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(inbox.whole(100)) == 20


def test_waiting_ends_when_an_exchange_is_whole(inbox: Inbox) -> None:
    add(inbox, half("a"))
    later = threading.Timer(0.05, lambda: add(inbox, response("a")))
    later.start()
    assert inbox.wait(20.0)
    later.join()


def test_a_closed_inbox_takes_nothing(inbox: Inbox) -> None:
    inbox.close()
    inbox.close()
    with pytest.raises(StoreError):
        inbox.append([half("a")], NOW)


def test_what_was_acknowledged_is_there_after_a_restart(tmp_path: Path) -> None:
    first = SqliteInbox(tmp_path / "inbox.db")
    add(first, half("a"), half("b"), response("b"), half("c"), response("c"))
    first.done([b"c"], NOW)
    # Nothing is closed in order: a killed process does not either.
    second = SqliteInbox(tmp_path / "inbox.db")
    assert second.whole(10) == [(half("b"), response("b"))]
    assert second.room() == first.room() == InboxRoom(halves=3, waiting=1, size_bytes=14)
    assert add(second, half("c"), response("a")) == (0,)
    assert len(second.whole(10)) == 2
    first.close()
    second.close()


def test_an_inbox_of_a_later_driftwatch_is_refused(tmp_path: Path) -> None:
    inbox = SqliteInbox(tmp_path / "inbox.db")
    inbox._writer.execute("PRAGMA user_version = 99")
    inbox.close()
    with pytest.raises(StoreError, match="later driftwatch"):
        SqliteInbox(tmp_path / "inbox.db")
