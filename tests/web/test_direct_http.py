"""Small requests that come whole are answered without the application, and as it would have answered."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

import pytest
from uvicorn import Server

from driftwatch.errors import StoreFull
from driftwatch.ports import SpoolReceipt
from driftwatch.settings import load_settings
from driftwatch.web import bounded_http
from driftwatch.web.app import build_app
from driftwatch.web.front import Front
from driftwatch.web.server import server_of
from driftwatch.web.tokens import hash_of, new_token
from tests.web.conftest import served_by
from tests.web.test_whole_answers import Answers, request

PATH = b"/v1/models/flights/predictions"
EVENT = b'{"prediction_id":"a","features":{"distance":800.0},"prediction":100.0}'


def post(body: bytes = EVENT, more: bytes = b"", path: bytes = PATH, version: bytes = b"1.1") -> bytes:
    head = b"POST %b HTTP/%b\r\nhost: localhost\r\ncontent-length: %d\r\n%b\r\n"
    return head % (path, version, len(body), more) + body


def until(holds: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)


class HeldSpool:
    """Takes batches at once, and says that they are durable when it is told to."""

    def __init__(self, append: Callable[..., Future[SpoolReceipt]]) -> None:
        self._append = append
        self.held: list[tuple[Any, Any, Future[SpoolReceipt]]] = []

    def __call__(self, batch: Any, received_time: Any) -> Future[SpoolReceipt]:
        future: Future[SpoolReceipt] = Future()
        self.held.append((batch, received_time, future))
        return future

    def release(self) -> None:
        while self.held:
            batch, received_time, future = self.held.pop()
            future.set_result(self._append(batch, received_time).result())


class Connections:
    """A server of its own over the service, and connections to it."""

    def __init__(self, web: Any, **options: Any) -> None:
        self._stack = ExitStack()
        self.server: Server = server_of(build_app(web.service, load_settings(**options)), most_connections=3)
        self.url = urlsplit(self._stack.enter_context(served_by(self.server)))

    def open(self) -> Answers:
        found = Answers(self)
        self._stack.callback(found.close)
        return found

    @property
    def client(self) -> Any:
        return self

    @property
    def base_url(self) -> Any:
        return type("Url", (), {"host": self.url.hostname, "port": self.url.port})

    @property
    def only(self) -> Any:
        """The service's end of the only connection."""
        until(lambda: len(self.server.server_state.connections) == 1)
        (found,) = self.server.server_state.connections
        return found

    def close(self) -> None:
        self._stack.close()


@pytest.fixture
def connections(web: Any) -> Iterator[Connections]:
    found = Connections(web)
    yield found
    found.close()


@pytest.fixture
def spool(web: Any, monkeypatch: pytest.MonkeyPatch) -> HeldSpool:
    held = HeldSpool(web.service.spool.append)
    monkeypatch.setattr(web.service.spool, "append", held)
    return held


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths for which the application was called."""
    paths: list[str] = []
    usual = Front.__call__

    async def noted(self: Front, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            paths.append(scope["path"])
        await usual(self, scope, receive, send)

    monkeypatch.setattr(Front, "__call__", noted)
    return paths


@pytest.mark.parametrize(
    "sent",
    [
        post(),
        post(b'{"prediction_id":"a","features":{"distance":800.0,"new":1},"prediction":100.0}'),
        post(b'{"prediction_id":"a","label":3.0}', path=b"/v1/models/flights/labels"),
        post(more=b"content-type: application/json; charset=utf-8\r\n"),
    ],
    ids=["typed", "with an unknown feature", "a label", "with a content type"],
)
def test_an_event_that_comes_whole_does_not_call_the_application(
    connections: Connections, called: list[str], sent: bytes
) -> None:
    one = connections.open()
    one.send(sent)
    status, _, body = one.next()
    assert (status, json.loads(body)["prediction_ids"], called) == (202, ["a"], [])


@pytest.mark.parametrize(
    "sent",
    [
        post(more=b"connection: close\r\n"),
        post(version=b"1.0"),
        post(version=b"1.0", more=b"connection: keep-alive\r\n"),
        post(path=PATH + b"?"),
        post(path=b"/v1/models/fl%69ghts/predictions"),
        post(path=b"http://localhost" + PATH),
        post(b"[" + EVENT + b"]"),
        post(b"[" + b" " * 40_000 + b"]"),
        post(EVENT[:-1] + b" " * 40_000 + b"}"),
        post(more=b"content-encoding: identity\r\n"),
        b"POST " + PATH + b" HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n"
        % (len(EVENT), EVENT),
    ],
    ids=["close", "1.0", "1.0 kept", "query", "escaped", "absolute", "batch", "many bytes", "one of many "
         "bytes", "encoding", "chunked"],
)  # fmt: skip
def test_what_is_no_plain_small_event_calls_the_application(
    connections: Connections, called: list[str], sent: bytes
) -> None:
    one = connections.open()
    one.send(sent)
    status, _, body = one.next()
    assert (status, len(called)) == (202, 1), body


def test_a_body_that_comes_behind_its_head_calls_the_application(connections: Connections, called: list[str]) -> None:
    one = connections.open()
    for cut in (-len(EVENT), -10):
        whole = post()
        one.send(whole[:cut])
        until(lambda: len(called) > 0)
        one.send(whole[cut:])
        assert one.next()[0] == 202
        called.clear()


@pytest.mark.parametrize(
    "sent",
    [
        post(),
        post(b'{"prediction_id":"","features":{},"prediction":1}'),
        post(b'{"prediction_id":"a","features":{"distance":"far"},"prediction":1}'),
        post(b'{"prediction_id":"a","features":{"distance":NaN},"prediction":1}'),
        post(b'{"prediction_id":"a","model_version":"9","features":{},"prediction":1}'),
        post(b'{"prediction_id":"a"}'),
        post(b'{"prediction_id":"a","label":"late"}', path=b"/v1/models/flights/labels"),
        post(b"{"),
        post(b""),
        post(path=b"/v1/models/nobody/predictions"),
        post(path=b"/v1/models/-/predictions"),
        post(path=b"/v1/models/flights/others"),
        post(more=b"content-type: text/csv\r\n"),
        post(more=b"content-type: application/x-ndjson\r\n"),
        post().replace(b"localhost", b"example.org"),
        post(more=b"origin: http://example.org\r\n"),
        post(more=b"upgrade: h2c\r\nconnection: upgrade\r\n"),
        post().replace(b"POST", b"PUT"),
    ],
)
def test_both_ways_say_the_same(connections: Connections, monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    one = connections.open()
    one.send(post())
    assert one.next()[0] == 202
    one.send(sent)
    direct = one.next()
    monkeypatch.setattr(Front, "direct", lambda *_: False)
    another = connections.open()
    another.send(sent)
    usual = another.next()
    for _, headers, _ in (direct, usual):
        assert headers.pop(b"date")
    assert direct == usual


def test_who_has_no_token_is_turned_away_without_the_application(make_web: Any, called: list[str]) -> None:
    token = new_token()
    web = make_web(tokens=[{"name": "ops", "scopes": ["admin"], "hash": hash_of(token)}])
    web.client.headers["authorization"] = f"Bearer {token}"
    web.register()
    called.clear()
    one = Answers(web)
    found = []
    for shown in (b"", b"authorization: Bearer x\r\n", b"authorization: Bearer %b\r\n" % token.encode()):
        one.send(post(more=shown))
        status, headers, _ = one.next()
        found.append((status, b"www-authenticate" in headers))
    one.close()
    assert (found, called) == ([(401, True), (401, True), (202, False)], [])


def test_a_body_above_the_bound_is_refused(make_web: Any) -> None:
    web = make_web(max_body_bytes=2_000)
    one = Answers(web)
    one.send(post(EVENT[:-1] + b" " * 2_000 + b"}"))
    assert one.next()[0] == 413
    one.close()


@pytest.mark.parametrize(
    ("error", "status"), [(StoreFull("There is no room."), 503), (ZeroDivisionError("secret"), 500)]
)
def test_an_error_of_the_store_is_an_answer_and_keeps_the_connection(
    web: Any, connections: Connections, called: list[str], monkeypatch: pytest.MonkeyPatch, error: Exception,
    status: int, caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    def broken(*_: object) -> Future[SpoolReceipt]:
        raise error

    one = connections.open()
    with monkeypatch.context() as patch:
        patch.setattr(web.service.spool, "append", broken)
        one.send(post())
        found, _, body = one.next()
    assert (found, b"secret" in body, "secret" in caplog.text) == (status, False, status == 500)
    one.send(post())
    assert (one.next()[0], called) == (202, [])


def test_nothing_is_answered_before_it_is_durable(connections: Connections, spool: HeldSpool) -> None:
    one = connections.open()
    one.send(post())
    until(lambda: spool.held)
    assert connections.only.is_answering()
    spool.release()
    assert one.next()[0] == 202


def test_requests_sent_ahead_wait_for_the_one_in_front(connections: Connections, spool: HeldSpool) -> None:
    one = connections.open()
    one.send(request(b"a") + b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n" + request(b"b"))
    until(lambda: spool.held)
    spool.release()
    first, second = one.next(), one.next()
    until(lambda: spool.held)
    spool.release()
    third = one.next()
    assert [json.loads(body).get("prediction_ids") for _, _, body in (first, second, third)] == [["a"], None, ["b"]]


def test_a_client_that_goes_away_before_its_answer_keeps_nobody(
    connections: Connections, spool: HeldSpool, caplog: pytest.LogCaptureFixture
) -> None:
    gone, other = connections.open(), connections.open()
    gone.send(request(b"a"))
    until(lambda: spool.held)
    gone.close()
    until(lambda: len(connections.server.server_state.connections) == 1)
    spool.release()
    other.send(request(b"a"))
    until(lambda: spool.held)
    spool.release()
    assert json.loads(other.next()[2])["duplicates"] == 1
    assert not caplog.records


def test_an_answer_under_way_is_sent_before_the_service_ends(connections: Connections, spool: HeldSpool) -> None:
    one, idle = connections.open(), connections.open()
    one.send(post())
    until(lambda: spool.held and len(connections.server.server_state.connections) == 2)
    connections.server.should_exit = True
    assert idle.is_over()
    spool.release()
    status, headers, _ = one.next()
    assert (status, headers[b"connection"], one.is_over()) == (202, b"close", True)


def test_a_connection_is_kept_as_long_as_it_is_used_and_given_up_when_it_is_idle(web: Any, spool: HeldSpool) -> None:
    connections = Connections(web)
    connections.server.config.timeout_keep_alive = 0.3  # type: ignore[assignment]
    one = connections.open()
    for _ in range(3):
        one.send(post())
        until(lambda: spool.held)
        time.sleep(0.2)
        spool.release()
        assert one.next()[0] == 202
        time.sleep(0.2)
    begun = time.monotonic()
    assert one.is_over()
    assert time.monotonic() - begun < 2.0
    connections.close()


def test_what_is_sent_ahead_of_an_answer_is_waited_for(
    web: Any, spool: HeldSpool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_http, "HEAD_SECONDS", 0.2)
    connections = Connections(web)
    connections.server.config.timeout_keep_alive = 0.2  # type: ignore[assignment]
    one = connections.open()
    one.send(post() + b"GET /healthz HTTP/1.1\r\n")
    until(lambda: spool.held)
    time.sleep(0.6)
    spool.release()
    assert one.next()[0] == 202
    connections.close()


def test_a_body_that_still_comes_behind_its_answer_keeps_the_connection(web: Any) -> None:
    connections = Connections(web, tokens=[{"name": "ops", "scopes": ["admin"], "hash": hash_of(new_token())}])
    connections.server.config.timeout_keep_alive = 0.3  # type: ignore[assignment]
    one = connections.open()
    whole = post()
    one.send(whole[:-10])
    assert one.next()[0] == 401
    for at in range(10, 0, -1):
        time.sleep(0.1)
        one.send(whole[-at : -at + 1 or None])
    one.send(post())
    assert one.next()[0] == 401
    connections.close()


def test_who_does_not_read_the_answers_gets_no_more_of_them(connections: Connections, called: list[str]) -> None:
    one = connections.open()
    one.send(post())
    assert (one.next()[0], called) == (202, [])
    protocol = connections.only
    protocol.loop.call_soon_threadsafe(protocol.pause_writing)
    until(lambda: protocol.flow.write_paused)
    one.send(post())
    until(lambda: called)
    time.sleep(0.1)
    assert protocol.is_answering()
    protocol.loop.call_soon_threadsafe(protocol.resume_writing)
    assert one.next()[0] == 202


def test_answers_are_counted(connections: Connections) -> None:
    one = connections.open()
    for _ in range(3):
        one.send(post())
        one.next()
    assert connections.server.server_state.total_requests == 3


def test_beyond_the_most_connections_an_event_is_not_taken(connections: Connections) -> None:
    opened = [connections.open() for _ in range(3)]
    until(lambda: len(connections.server.server_state.connections) == 3)
    another = connections.open()
    another.send(post())
    assert another.next()[0] == 503
    until(lambda: len(connections.server.server_state.connections) == 3)
    opened[0].send(post())
    assert opened[0].next()[0] == 202


def test_what_is_no_http_behind_a_head_is_answered_with_400(connections: Connections, called: list[str]) -> None:
    one = connections.open()
    one.send(b"POST " + PATH + b" HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n")
    assert (one.next()[0], one.is_over(), called) == (400, True, [])
