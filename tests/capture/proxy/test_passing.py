"""What goes in comes out, both ways, as it came."""

import socket
import threading
import time

import pytest

from driftwatch.capture.proxy.server import ProxyLimits
from tests.capture.proxy.wires import ModelServer, Start, eventually

GET = b"GET /a?b=%20c HTTP/1.1\r\nHost: model.example\r\n\r\n"
LAST = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def ok(head: bytes, body: bytes) -> bytes:
    return OK


def test_head_and_body_pass_unchanged_both_ways(start: Start, model_server: ModelServer) -> None:
    client = start().connect()
    asked = (
        b"PATCH /v2/x;y?q=1&q=%41 HTTP/1.1\r\nHost: Model.Example:1\r\nX-Odd:  spaced \r\nx-twice: 1\r\nX-Twice: 2\r\n"
    )
    asked += (
        b"Authorization: Bearer s\r\ngrpc-timeout: 1S\r\nX-Request-Timeout: 3\r\nContent-Length: 3\r\n\r\n\x00\xffz"
    )
    client.send(asked)
    upstream = model_server.accept()
    assert upstream.take(len(asked)) == asked
    answer = (
        b"HTTP/1.1 299 Fine, really\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\nX-Odd: \xe4\r\nContent-Length: 1\r\n\r\nA"
    )
    upstream.send(answer)
    assert client.take(len(answer)) == answer


def test_headers_of_one_connection_end_there(start: Start, model_server: ModelServer) -> None:
    client = start().connect()
    client.send(
        b"GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, X-Mine\r\nX-Mine: 1\r\nKeep-Alive: 5\r\n"
        b"Proxy-Connection: keep-alive\r\nUpgrade: h2c\r\nX-Other: 2\r\n\r\n"
    )
    upstream = model_server.accept()
    assert upstream.until(b"\r\n\r\n") == b"GET / HTTP/1.1\r\nHost: h\r\nX-Other: 2\r\n\r\n"
    upstream.send(b"HTTP/1.1 200 OK\r\nConnection: X-Its\r\nX-Its: 1\r\nKeep-Alive: 5\r\nContent-Length: 0\r\n\r\n")
    assert client.until(b"\r\n\r\n") == b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def test_a_header_that_frames_the_message_cannot_be_named_away(start: Start, model_server: ModelServer) -> None:
    client = start().connect()
    client.send(b"POST / HTTP/1.1\r\nHost: h\r\nConnection: Content-Length, Host\r\nContent-Length: 2\r\n\r\nhi")
    asked = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi"
    assert model_server.accept().take(len(asked)) == asked


def test_chunks_extensions_and_trailers_pass_both_ways(start: Start, model_server: ModelServer) -> None:
    client = start().connect()
    head = b"POST / HTTP/1.1\r\nHost: h\r\nTE: trailers\r\nConnection: TE\r\nTransfer-Encoding: chunked\r\n\r\n"
    body = b"5;a=b\r\nhello\r\n0003\r\n\r\n\n\r\n0\r\nX-Sum: 1\r\nX-Other: 2\r\n\r\n"
    for byte in head + body:
        client.send(bytes([byte]))
    upstream = model_server.accept()
    assert b"TE: trailers\r\nConnection: TE\r\n" in upstream.until(b"\r\n\r\n")
    assert upstream.take(len(body)) == body
    answer = b"HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n" + body
    upstream.send(answer)
    assert client.take(len(answer)) == answer
    client.send(GET)
    assert upstream.take(len(GET)) == GET


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        (b"HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"),
        (b"HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        (b"GET", b"HTTP/1.1 204 No Content\r\n\r\n"),
        (b"GET", b'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\nContent-Length: 77\r\n\r\n'),
        (b"OPTIONS", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        (b"DELETE", b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n"),
    ],
)
def test_answers_without_a_body_end_with_their_head(
    start: Start, model_server: ModelServer, method: bytes, answer: bytes
) -> None:
    model_server.answer(lambda head, body: answer)
    client = start().connect()
    for _ in range(3):
        client.send(method + b" / HTTP/1.1\r\nHost: h\r\n\r\n")
        assert client.take(len(answer)) == answer
    assert model_server.connections == 1


def test_requests_sent_ahead_are_answered_in_order_over_one_connection(start: Start, model_server: ModelServer) -> None:
    model_server.answer(lambda head, body: b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
    client = start().connect()
    count = 200
    client.send(b"".join(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n%03d" % one for one in range(count)))
    for one in range(count):
        assert client.until(b"\r\n\r\n")
        assert client.take(3) == b"%03d" % one
    assert model_server.connections == 1


def test_a_stream_passes_piece_by_piece(start: Start, model_server: ModelServer) -> None:
    client = start().connect()
    client.send(GET)
    upstream = model_server.accept()
    upstream.until(b"\r\n\r\n")
    upstream.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
    client.until(b"\r\n\r\n")
    for one in range(5):
        piece = b"9\r\ndata: %d\n\n\r\n" % one
        # Nothing more comes before this piece has arrived.
        upstream.send(piece)
        assert client.take(len(piece)) == piece


def test_both_sides_may_speak_at_once(start: Start, model_server: ModelServer) -> None:
    client = start().connect()
    client.send(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
    upstream = model_server.accept()
    upstream.until(b"\r\n\r\n")
    upstream.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    client.until(b"\r\n\r\n")
    for piece in (b"2\r\nab\r\n", b"0\r\n\r\n"):
        client.send(piece)
        assert upstream.take(len(piece)) == piece
        upstream.send(piece)
        assert client.take(len(piece)) == piece
    client.send(GET)
    assert upstream.take(len(GET)) == GET


@pytest.mark.slow
@pytest.mark.parametrize("upload", [True, False])
def test_a_large_body_is_never_held_whole(start: Start, model_server: ModelServer, upload: bool) -> None:
    """The reader stands still: the writer must soon stand still, too, whatever there is to write."""
    total = 256 * 2**20
    client = start().connect()
    client.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % (total if upload else 0))
    upstream = model_server.accept()
    upstream.until(b"\r\n\r\n")
    if not upload:
        upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % total)
        client.until(b"\r\n\r\n")
    writer, reader = (client, upstream) if upload else (upstream, client)
    writer.end.settimeout(0.5)
    sent = 0
    piece = b"x" * 2**20
    try:
        while sent < total:
            sent += writer.end.send(piece)
    except TimeoutError:
        pass
    assert sent < 64 * 2**20

    def write_on() -> None:
        left = total - sent
        writer.end.settimeout(20)
        while left:
            left -= writer.end.send(piece[:left])

    thread = threading.Thread(target=write_on)
    thread.start()
    read = len(reader.got)
    while read < total:
        read += len(reader.end.recv(2**20))
    thread.join()
    assert read == total


def test_an_interim_answer_passes_before_the_body_is_sent(start: Start, model_server: ModelServer) -> None:
    client = start().connect()
    client.send(b"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
    upstream = model_server.accept()
    assert b"Expect: 100-continue" in upstream.until(b"\r\n\r\n")
    upstream.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n")
    assert client.until(b"\r\n\r\n") == b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    assert client.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.send(b"hi")
    assert upstream.take(2) == b"hi"
    upstream.send(OK)
    assert client.take(len(OK)) == OK


def test_an_answer_that_comes_before_the_body_passes_and_ends_the_connection(
    start: Start, model_server: ModelServer
) -> None:
    client = start().connect()
    client.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\nabc")
    upstream = model_server.accept()
    upstream.until(b"abc")
    refusal = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n"
    upstream.send(refusal)
    assert client.rest() == refusal
    assert upstream.rest() in {b"", b"<reset>"}


def test_an_answer_without_a_length_ends_with_its_connection(start: Start, model_server: ModelServer) -> None:
    client = start().connect()
    client.send(GET)
    upstream = model_server.accept()
    upstream.until(b"\r\n\r\n")
    upstream.send(b"HTTP/1.0 200 OK\r\n\r\nabc")
    upstream.close()
    assert client.rest() == b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc"


def test_a_client_of_http_1_0_gets_no_chunks(start: Start, model_server: ModelServer) -> None:
    running = start()
    client = running.connect()
    client.send(b"GET / HTTP/1.0\r\n\r\n")
    upstream = model_server.accept()
    assert upstream.until(b"\r\n\r\n") == b"GET / HTTP/1.1\r\nHost:\r\n\r\n"
    upstream.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX-A: 1\r\n\r\n")
    assert client.rest() == b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabcde"


def test_a_websocket_passes_as_a_tunnel(start: Start, model_server: ModelServer) -> None:
    client = start().connect()
    client.send(
        b"GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: k\r\n\r\n"
    )
    upstream = model_server.accept()
    asked = upstream.until(b"\r\n\r\n")
    assert b"Upgrade: websocket\r\nConnection: Upgrade\r\n" in asked
    upstream.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x81\x02hi")
    assert client.until(b"\r\n\r\n").startswith(b"HTTP/1.1 101 ")
    assert client.take(4) == b"\x81\x02hi"
    client.send(b"GET / not HTTP \x00\r\n\r\n")
    assert upstream.take(20) == b"GET / not HTTP \x00\r\n\r\n"
    upstream.close()
    assert client.rest() == b""


def test_a_client_that_goes_away_cancels_its_request(start: Start, model_server: ModelServer) -> None:
    running = start()
    client = running.connect()
    client.send(b"POST /v2/models/m/infer HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
    upstream = model_server.accept()
    upstream.until(b"\r\n\r\n")
    client.close()
    assert upstream.rest() in {b"", b"<reset>"}
    assert eventually(lambda: running.value("predictions_total", model="m", outcome="cancelled")) == 1


def test_a_model_server_that_is_away_is_a_502(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    running = start(upstream_port=port)
    answer = running.ask(b"POST /invocations HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}")
    assert answer.startswith(b"HTTP/1.1 502 Bad Gateway\r\n")
    assert b'"detail": "The model server cannot be reached."' in answer
    assert running.ask(b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n").endswith(b"\r\n\r\n")
    assert running.value("failures_total", reason="connect") == 2
    assert running.value("predictions_total", model="m", outcome="no_answer") == 1


def test_a_model_server_that_breaks_off_before_its_answer_is_a_502(start: Start, model_server: ModelServer) -> None:
    client = start().connect()
    client.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
    upstream = model_server.accept()
    upstream.until(b"\r\n\r\n")
    upstream.close()
    assert client.rest().startswith(b"HTTP/1.1 502 ")


@pytest.mark.parametrize("framing", [b"Content-Length: 10", b"Transfer-Encoding: chunked"])
def test_an_answer_that_breaks_off_is_seen_to_be_cut_short(
    start: Start, model_server: ModelServer, framing: bytes
) -> None:
    running = start()
    client = running.connect()
    client.send(GET)
    upstream = model_server.accept()
    upstream.until(b"\r\n\r\n")
    began = b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n\r\n5\r\nab"
    upstream.send(began)
    client.take(len(began))
    upstream.close()
    assert client.rest() in {b"", b"<reset>"}
    assert eventually(lambda: running.value("failures_total", reason="broken_off")) == 1


def test_a_model_server_that_takes_too_long_is_a_504(start: Start, model_server: ModelServer) -> None:
    running = start(limits=ProxyLimits(timeout_seconds=0.2, drain_seconds=0.2))
    client = running.connect()
    client.send(GET)
    upstream = model_server.accept()
    upstream.until(b"\r\n\r\n")
    assert client.rest().startswith(b"HTTP/1.1 504 Gateway Timeout\r\n")
    assert upstream.rest() in {b"", b"<reset>"}


def test_a_stream_may_take_longer_than_the_time_in_which_nothing_moves(start: Start, model_server: ModelServer) -> None:
    client = start(limits=ProxyLimits(timeout_seconds=0.5, drain_seconds=0.2)).connect()
    client.send(GET)
    upstream = model_server.accept()
    upstream.until(b"\r\n\r\n")
    upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n")
    client.until(b"\r\n\r\n")
    for _ in range(8):
        time.sleep(0.1)
        upstream.send(b"x")
        assert client.take(1) == b"x"


def test_an_idle_connection_that_the_model_server_closed_is_not_used_again(
    start: Start, model_server: ModelServer
) -> None:
    model_server.answer(ok, times=1)
    running = start()
    client = running.connect()
    for _ in range(5):
        client.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
        assert client.take(len(OK)) == OK
        eventually(lambda: not running.proxy.pool._idle)


def test_a_request_without_effect_is_sent_again_over_a_new_connection(start: Start, model_server: ModelServer) -> None:
    client = start().connect()
    client.send(GET)
    first = model_server.accept()
    first.until(b"\r\n\r\n")
    first.send(OK)
    client.take(len(OK))
    client.send(GET)
    first.until(b"\r\n\r\n")
    first.close()
    second = model_server.accept()
    assert second.until(b"\r\n\r\n") == GET
    second.send(OK)
    assert client.take(len(OK)) == OK


def test_a_request_with_effect_is_never_sent_twice(start: Start, model_server: ModelServer) -> None:
    client = start().connect()
    client.send(GET)
    first = model_server.accept()
    first.until(b"\r\n\r\n")
    first.send(OK)
    client.take(len(OK))
    client.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
    first.until(b"\r\n\r\n")
    first.close()
    assert client.rest().startswith(b"HTTP/1.1 502 ")
    assert model_server.connections == 1


def test_bytes_behind_an_answer_are_not_taken_for_the_next_one(start: Start, model_server: ModelServer) -> None:
    client = start().connect()
    client.send(GET)
    first = model_server.accept()
    first.until(b"\r\n\r\n")
    first.send(OK + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
    assert client.take(len(OK)) == OK
    client.send(GET)
    second = model_server.accept()
    second.until(b"\r\n\r\n")
    second.send(OK)
    assert client.take(len(OK)) == OK


def test_requests_on_their_way_end_before_the_proxy_does(start: Start, model_server: ModelServer) -> None:
    running = start(limits=ProxyLimits(drain_seconds=5))
    idle, client = running.connect(), running.connect()
    client.send(GET)
    upstream = model_server.accept()
    upstream.until(b"\r\n\r\n")
    ending = threading.Thread(target=running.stop)
    ending.start()
    assert idle.rest() == b""
    upstream.send(OK)
    assert client.rest() == b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
    ending.join(5)
    with pytest.raises(OSError, match="refused"):
        running.connect()
