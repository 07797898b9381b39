"""Requests that two readers could take for two different things never reach the model server."""

import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.capture.proxy.bodies import ChunkedBody
from driftwatch.capture.proxy.heads import Refused, RequestHead, ResponseHead
from tests.capture.proxy.wires import ModelServer, Start, eventually

POST = b"POST / HTTP/1.1\r\nHost: h\r\n"
SMUGGLED = b"GET /admin HTTP/1.1\r\nHost: h\r\n\r\n"

# What is wrong (RFC 9112 and the known ways to smuggle), the request, the status.
ATTEMPTS = [
    ("both lengths", POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED, 400),
    ("both, other order", POST + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n", 400),
    ("two lengths", POST + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcd", 400),
    ("the same length twice", POST + b"Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd", 400),
    ("a list of lengths", POST + b"Content-Length: 4, 4\r\n\r\nabcd", 400),
    ("a negative length", POST + b"Content-Length: -1\r\n\r\n", 400),
    ("a length with a sign", POST + b"Content-Length: +4\r\n\r\nabcd", 400),
    ("a length in hexadecimal", POST + b"Content-Length: 0x4\r\n\r\nabcd", 400),
    ("a length with an underscore", POST + b"Content-Length: 1_0\r\n\r\nabcd", 400),
    ("a length of other digits", POST + "Content-Length: ٤\r\n\r\nabcd".encode(), 400),
    ("an empty length", POST + b"Content-Length:\r\n\r\n", 400),
    ("a huge length", POST + b"Content-Length: " + b"9" * 40 + b"\r\n\r\n", 400),
    ("two codings", POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    ("chunked twice", POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 501),
    ("identity", POST + b"Transfer-Encoding: identity\r\n\r\n", 501),
    ("xchunked", POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501),
    ("chunked, then something", POST + b"Transfer-Encoding: chunked;a=b\r\n\r\n0\r\n\r\n", 501),
    ("chunked in HTTP/1.0", b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("a space before the colon", POST + b"Content-Length : 4\r\n\r\nabcd", 400),
    ("a space before the name", POST + b" Content-Length: 4\r\n\r\nabcd", 400),
    ("a folded header", POST + b"X-A: 1\r\n Content-Length: 4\r\n\r\nabcd", 400),
    ("a tab that folds", POST + b"Transfer-Encoding:\r\n\tchunked\r\n\r\n0\r\n\r\n", 400),
    ("a bare LF between headers", POST + b"X-A: 1\nContent-Length: 4\r\n\r\nabcd", 400),
    ("bare LFs alone", b"GET / HTTP/1.1\nHost: h\n\n", 400),
    ("a bare CR in a value", POST + b"X-A: 1\rContent-Length: 4\r\n\r\nabcd", 400),
    ("a zero byte", POST + b"X-A: a\0b\r\n\r\n", 400),
    ("a control character in a value", POST + b"X-A: a\x0bb\r\n\r\n", 400),
    ("a name with a control character", POST + b"Transfer-Encoding\x0b: chunked\r\n\r\n", 400),
    ("a header without a colon", POST + b"Nothing\r\n\r\n", 400),
    ("a header without a name", POST + b": 1\r\n\r\n", 400),
    ("no Host", b"GET / HTTP/1.1\r\n\r\n", 400),
    ("two Hosts", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    ("two spaces in the request line", b"GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    ("a tab in the request line", b"GET\t/ HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    ("no version", b"GET /\r\nHost: h\r\n\r\n", 400),
    ("another version", b"GET / HTTP/2.0\r\nHost: h\r\n\r\n", 400),
    ("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    ("a TLS handshake", b"\x16\x03\x01\x02\x00\r\n\r\n", 400),
    ("CONNECT", b"CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n", 501),
    ("a head that is too large", b"GET /" + b"a" * 70_000, 431),
    ("a whole head that is too large", b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: h\r\n\r\n", 431),
    ("too many headers", POST + b"a: 1\r\n" * 300 + b"\r\n", 431),
]  # fmt: skip


@pytest.mark.parametrize(("what", "request_bytes", "status"), ATTEMPTS, ids=[one[0] for one in ATTEMPTS])
def test_what_has_two_meanings_is_refused_and_the_connection_ends(
    start: Start, model_server: ModelServer, what: str, request_bytes: bytes, status: int
) -> None:
    running = start()
    answer = running.ask(request_bytes)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert answer.count(b"HTTP/1.1") == 1
    assert model_server.connections == 0
    assert running.value("failures_total", reason="bad_request") == 1


CHUNKS = [
    ("a size that is none", b"xyz\r\n"),
    ("a negative size", b"-1\r\n"),
    ("a size with 0x", b"0x5\r\nhello\r\n"),
    ("a huge size", b"f" * 17 + b"\r\n"),
    ("a size that ends with a bare LF", b"5\nhello\r\n"),
    ("a space behind the size", b"5 \r\nhello\r\n"),
    ("a chunk longer than its size", b"5\r\nhello!\r\n"),
    ("a chunk that ends with a bare LF", b"5\r\nhello\n0\r\n\r\n"),
    ("a bare CR in an extension", b"5;a\rb\r\nhello\r\n"),
    ("an extension without an end", b"5;" + b"a" * 20_000),
    ("a trailer that frames", b"0\r\nContent-Length: 5\r\n\r\n"),
    ("a trailer that is no header", b"0\r\nnothing\r\n\r\n"),
]


@pytest.mark.parametrize(("what", "body"), CHUNKS, ids=[one[0] for one in CHUNKS])
def test_malformed_chunks_end_the_request(start: Start, model_server: ModelServer, what: str, body: bytes) -> None:
    running = start()
    client = running.connect()
    client.send(POST + b"Transfer-Encoding: chunked\r\n\r\n")
    upstream = model_server.accept()
    upstream.until(b"\r\n\r\n")
    client.send(body + SMUGGLED)
    assert client.rest().startswith(b"HTTP/1.1 400 ")
    assert b"admin" not in upstream.rest()


ANSWERS = [
    b"nonsense\r\n\r\n",
    b"HTTP/2 200 OK\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70_000,
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n",
]


@pytest.mark.parametrize("answer", ANSWERS)
def test_malformed_answers_are_a_502(start: Start, model_server: ModelServer, answer: bytes) -> None:
    client = start().connect()
    client.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    upstream = model_server.accept()
    upstream.until(b"\r\n\r\n")
    upstream.send(answer)
    assert client.rest().startswith(b"HTTP/1.1 502 ")


def test_a_client_that_never_ends_its_head_is_given_up(
    start: Start, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("driftwatch.capture.proxy.downstream.HEAD_SECONDS", 0.1)
    running = start()
    client = running.connect()
    with suppress(ConnectionError):
        for _ in range(200):
            client.send(b"x")
            time.sleep(0.02)
    assert client.rest() in {b"", b"<reset>"}
    eventually(lambda: not running.proxy.clients)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_head_or_refused(data: bytes) -> None:
    for kind, line in ((RequestHead, b"GET / HTTP/1.1\r\nHost: h\r\n"), (ResponseHead, b"HTTP/1.1 200 OK\r\n")):
        for block in (data + b"\r\n\r\n", line + data + b"\r\n\r\n"):
            try:
                head = kind(block[: block.index(b"\r\n\r\n") + 4])
            except Refused:
                continue
            passed = head.forwarded() if isinstance(head, RequestHead) else head.forwarded([])
            assert passed.count(b"\r\n\r\n") == 1
            again = kind(passed)
            assert (again.length, again.chunked) == (head.length, head.chunked)


@given(
    st.lists(st.binary(min_size=1, max_size=20), max_size=6),
    st.lists(st.integers(1, 30), min_size=1, max_size=40),
    st.binary(max_size=10),
)
def test_chunks_cut_anywhere_give_the_content_and_end_where_they_end(
    pieces: list[bytes], cuts: list[int], behind: bytes
) -> None:
    body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\nX-A: 1\r\n\r\n"
    data = body + behind
    reader = ChunkedBody()
    content: list[bytes] = []
    at = turn = 0
    while not reader.done:
        piece = data[at : at + cuts[turn % len(cuts)]]
        at += reader.feed(piece, content.append)
        turn += 1
    assert (at, b"".join(content)) == (len(body), b"".join(pieces))
