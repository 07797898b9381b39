"""Long bodies that say their length are received in one message, however they arrive."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from driftwatch.web import bodies
from tests.web.test_direct_http import Connections, post, until

EVENTS = 4_000
BODY = json.dumps(
    [{"prediction_id": f"p{row}", "features": {"distance": 800.0 + row}, "prediction": 100.0} for row in range(EVENTS)]
).encode()
LONG = post(BODY)


@pytest.fixture
def connections(web: Any) -> Iterator[Connections]:
    found = Connections(web)
    yield found
    found.close()


@pytest.fixture
def usual(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was done uvicorn's way: received in pieces, and stopped reading."""
    done: list[str] = []
    receive, pause = RequestResponseCycle.receive, FlowControl.pause_reading

    async def received(self: RequestResponseCycle) -> Any:
        done.append("receive")
        return await receive(self)

    def paused(self: FlowControl) -> None:
        done.append("pause")
        pause(self)

    monkeypatch.setattr(RequestResponseCycle, "receive", received)
    monkeypatch.setattr(FlowControl, "pause_reading", paused)
    return done


def accepted(answer: tuple[int, dict[bytes, bytes], bytes]) -> int:
    assert answer[0] == 202
    return int(json.loads(answer[2])["accepted"])


def in_pieces(connection: Any, data: bytes, *, pieces: int) -> None:
    step = -(-len(data) // pieces)
    for start in range(0, len(data), step):
        connection.send(data[start : start + step])
        time.sleep(0.02)


def test_a_long_body_is_received_in_one_message_without_a_stop(connections: Connections, usual: list[str]) -> None:
    assert len(BODY) > 2 * 65_536
    one = connections.open()
    in_pieces(one, LONG, pieces=7)
    assert accepted(one.next()) == EVENTS
    assert usual == []


def test_a_body_without_a_length_is_received_in_pieces(connections: Connections, usual: list[str]) -> None:
    one = connections.open()
    head = b"POST /v1/models/flights/predictions HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n"
    in_pieces(one, head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY), pieces=5)
    assert accepted(one.next()) == EVENTS
    assert "receive" in usual


def test_who_waits_to_be_told_to_go_on_is_told(connections: Connections) -> None:
    one = connections.open()
    head, body = LONG.split(b"\r\n\r\n", 1)
    one.send(head + b"\r\nexpect: 100-continue\r\n\r\n")
    assert one.next(body=False)[0] == 100
    one.send(body)
    assert accepted(one.next()) == EVENTS


def test_requests_behind_a_long_body_are_answered_in_their_order(connections: Connections) -> None:
    one = connections.open()
    in_pieces(one, LONG + LONG + post(), pieces=9)
    assert [accepted(one.next()) for _ in range(3)] == [EVENTS, 0, 1]


def test_who_goes_away_in_the_middle_of_a_body_keeps_nobody(
    connections: Connections, caplog: pytest.LogCaptureFixture
) -> None:
    gone, other = connections.open(), connections.open()
    gone.send(LONG[:200_000])
    until(lambda: len(connections.server.server_state.tasks) == 1)
    gone.close()
    until(lambda: not connections.server.server_state.tasks)
    other.send(LONG)
    assert accepted(other.next()) == EVENTS
    assert not caplog.records


@pytest.mark.parametrize("sent", [len(LONG) - len(BODY), 200_000], ids=["not begun", "not ended"])
def test_a_body_that_does_not_come_is_not_waited_for(
    connections: Connections, monkeypatch: pytest.MonkeyPatch, sent: int
) -> None:
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.1)
    one = connections.open()
    one.send(LONG[:sent])
    assert one.next()[0] == 408
    assert one.is_over()
