"""The head of a request is bounded before any of it is looked at."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from driftwatch.web import bounded_http


@contextmanager
def connected(web: Any) -> Iterator[socket.socket]:
    url = web.client.base_url
    with socket.create_connection((url.host, url.port), timeout=10) as connection:
        yield connection


def answer(connection: socket.socket) -> bytes:
    """Everything until the service closes the connection."""
    pieces = []
    try:
        while piece := connection.recv(65_536):
            pieces.append(piece)
    except ConnectionResetError:
        pass  # it closed while something was still on its way
    return b"".join(pieces)


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\nhost: localhost\r\n\r\n",
        b"GET /?" + b"a" * 40_000 + b" HTTP/1.1\r\nhost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: localhost\r\nx: " + b"a" * 40_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: localhost\r\n" + b"".join(b"x%d: y\r\n" % n for n in range(200)) + b"\r\n",
        b"POST /v1/models/m/labels HTTP/1.1\r\nhost: localhost\r\nx: "
        + b"a" * 40_000
        + b"\r\ncontent-length: 2\r\n\r\n[]",
    ],
    ids=["path", "query", "one header", "many headers", "with a body"],
)
def test_a_head_that_is_too_large_is_answered_with_431(drifted: Any, head: bytes) -> None:
    with connected(drifted) as connection:
        connection.sendall(head)
        found = answer(connection)
    assert found.startswith(b"HTTP/1.1 431 "), found[:200]
    document = json.loads(found.partition(b"\r\n\r\n")[2])
    assert (document["status"], document["type"]) == (431, "urn:problem-type:driftwatch:too-large")


@pytest.mark.parametrize("begin", [b"GET /", b"GET / HTTP/1.1\r\nx: ", b"GET / HTTP/1.1\r\nx"])
def test_a_head_that_never_ends_is_not_gathered(drifted: Any, begin: bytes) -> None:
    sent = 0
    with connected(drifted) as connection:
        connection.sendall(begin)
        try:
            for _ in range(1_000):
                connection.sendall(b"a" * 10_000)
                sent += 10_000
        except OSError:
            pass
    assert sent < 10_000_000


@pytest.mark.parametrize("trailer", [b"x: ", b"x: y\r\n"], ids=["one", "many"])
def test_trailers_that_never_end_are_not_gathered(drifted: Any, trailer: bytes) -> None:
    sent = 0
    with connected(drifted) as connection:
        connection.sendall(
            b"POST /v1/models/m/labels HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n0\r\n"
        )
        try:
            connection.sendall(trailer)
            for _ in range(1_000):
                connection.sendall((trailer if trailer.endswith(b"\n") else b"a") * 2_000)
                sent += 2_000
                time.sleep(0.0005)
        except OSError:
            pass
    assert sent < 1_500_000


def test_a_chunked_body_is_no_large_head(drifted: Any) -> None:
    pieces = iter([b"["] + [b" " * 10] * 20_000 + [b"]"])
    assert drifted.client.post("/v1/models/flights/labels", content=pieces).status_code == 202


def test_a_large_body_is_no_large_head(drifted: Any) -> None:
    body = b"[" + b" " * 200_000 + b"]"
    assert drifted.client.post("/v1/models/flights/labels", content=body).status_code == 202


def test_requests_one_after_the_other_each_have_their_own_head(drifted: Any) -> None:
    request = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nx: " + b"a" * 20_000 + b"\r\n%b\r\n"
    with connected(drifted) as connection:
        connection.sendall(request % b"" + request % b"" + request % b"connection: close\r\n")
        assert answer(connection).count(b"HTTP/1.1 200 ") == 3


def test_a_head_that_does_not_come_is_given_up(web: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_http, "HEAD_SECONDS", 0.1)
    for begin in (b"", b"GET / HTT"):
        with connected(web) as connection:
            connection.sendall(begin)
            assert answer(connection) == b""
    with connected(web) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        assert answer(connection).startswith(b"HTTP/1.1 200 ")


def test_beyond_the_most_connections_the_answer_says_what_is_the_matter_and_when_to_come_back(web: Any) -> None:
    from driftwatch.settings import load_settings
    from driftwatch.web.app import build_app
    from driftwatch.web.server import server_of
    from tests.web.conftest import served_by

    app = build_app(web.service, load_settings())
    with served_by(server_of(app, most_connections=3)) as address:
        host, port = address.removeprefix("http://").split(":")
        held = [socket.create_connection((host, int(port)), timeout=10) for _ in range(3)]
        try:
            for one in held:
                one.sendall(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
                assert one.recv(65_536).startswith(b"HTTP/1.1 200 ")
            with socket.create_connection((host, int(port)), timeout=10) as another:
                another.sendall(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
                head, _, body = answer(another).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 503 ")
            lines = head.lower().split(b"\r\n")
            assert {b"retry-after: 5", b"connection: close", b"content-type: application/problem+json"} <= set(lines)
            assert json.loads(body)["type"] == "urn:problem-type:driftwatch:too-busy"
            held.pop().close()
            deadline = time.monotonic() + 10
            while time.monotonic() < deadline:
                with socket.create_connection((host, int(port)), timeout=10) as another:
                    another.sendall(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
                    if answer(another).startswith(b"HTTP/1.1 200 "):
                        break
            else:
                raise AssertionError("there was no room again")
        finally:
            for one in held:
                one.close()
