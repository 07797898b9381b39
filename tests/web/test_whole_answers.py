"""Answers that are written in one piece say what those say that go the usual way."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest

from driftwatch.web.answer import Answer

EVENT = b'{"prediction_id":"%b","features":{"distance":800.0},"prediction":100.0}'


def request(prediction_id: bytes, more: bytes = b"") -> bytes:
    body = EVENT % prediction_id
    head = b"POST /v1/models/flights/predictions HTTP/1.1\r\nhost: localhost\r\ncontent-length: %d\r\n%b\r\n"
    return head % (len(body), more) + body


class Answers:
    """A connection, and what comes back over it, one answer after the other."""

    def __init__(self, web: Any) -> None:
        url = web.client.base_url
        self._connection = socket.create_connection((url.host, url.port), timeout=10)
        self._received = b""

    def send(self, data: bytes) -> None:
        self._connection.sendall(data)

    def next(self, *, body: bool = True) -> tuple[int, dict[bytes, bytes], bytes]:
        while b"\r\n\r\n" not in self._received:
            self._receive()
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        status, *lines = head.split(b"\r\n")
        names = [line.partition(b": ")[0] for line in lines]
        assert len(set(names)) == len(names)
        headers = {name: value for name, _, value in (line.partition(b": ") for line in lines)}
        length = int(headers.get(b"content-length", b"0")) if body else 0
        while len(self._received) < length:
            self._receive()
        content, self._received = self._received[:length], self._received[length:]
        return int(status.split()[1]), headers, content

    def is_over(self) -> bool:
        return not self._received and self._connection.recv(1) == b""

    def close(self) -> None:
        self._connection.close()

    def _receive(self) -> None:
        piece = self._connection.recv(65_536)
        assert piece, "the service closed the connection"
        self._received += piece


@pytest.fixture
def answers(web: Any) -> Any:
    found = Answers(web)
    yield found
    found.close()


def test_an_answer_that_keeps_the_connection_takes_one_write(answers: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Answer, "send", None)
    answers.send(request(b"a"))
    status, _, body = answers.next()
    assert (status, json.loads(body)["prediction_ids"]) == (202, ["a"])


def test_its_head_is_that_of_the_usual_way(answers: Answers) -> None:
    answers.send(request(b"a"))
    _, whole, _ = answers.next()
    answers.send(request(b"b", b"connection: close\r\n"))
    _, usual, _ = answers.next()
    assert usual.pop(b"connection") == b"close"
    assert whole.keys() == usual.keys()
    assert {b"date", b"content-type", b"cache-control"} <= whole.keys()
    assert {name: whole[name] for name in whole if name != b"date"} == {n: usual[n] for n in usual if n != b"date"}
    assert answers.is_over()


def test_requests_that_come_together_are_answered_in_their_order(answers: Answers) -> None:
    answers.send(b"".join(request(b"%d" % number) for number in range(5)))
    found = [json.loads(answers.next()[2])["prediction_ids"] for _ in range(5)]
    assert found == [[str(number)] for number in range(5)]


def test_a_refusal_is_written_so_too(answers: Answers) -> None:
    answers.send(request(b""))
    status, headers, body = answers.next()
    assert (status, headers[b"content-type"]) == (422, b"application/problem+json")
    assert json.loads(body)["field"] == "prediction_id"


def test_who_waits_to_be_asked_for_a_body_is_asked(answers: Answers) -> None:
    head, _, body = request(b"a", b"expect: 100-continue\r\n").partition(b"\r\n\r\n")
    answers.send(head + b"\r\n\r\n")
    assert answers.next()[0] == 100
    answers.send(body)
    assert answers.next()[0] == 202


def test_asking_for_a_head_brings_no_body(answers: Answers) -> None:
    answers.send(b"HEAD /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
    status, headers, _ = answers.next(body=False)
    assert (status, int(headers[b"content-length"]) > 0) == (200, True)
    answers.send(request(b"a"))
    assert answers.next()[0] == 202
