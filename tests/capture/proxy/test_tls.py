"""TLS on both sides of the proxy, with real servers and clients."""

from __future__ import annotations

import shutil
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from driftwatch.capture.credentials import trust
from driftwatch.cli.listening import tls_context
from tests.capture.proxy.wires import ModelServer, Start, Wire, eventually
from tests.web.test_tls import self_signed

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed here")

ASK = b"POST /v1/models/m:predict HTTP/1.1\r\nHost: a\r\nContent-Length: 24\r\n\r\n" + b'{"instances":[[1.5, 2]]}'
TOLD = b"HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n" + b'{"predictions":[0.5]}'


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return self_signed(tmp_path_factory.mktemp("tls"), "127.0.0.1")


@pytest.fixture
def secure_server(pair: tuple[Path, Path]) -> Iterator[ModelServer]:
    """A model server that speaks TLS alone."""
    server = ModelServer(tls_context(*pair))
    yield server
    server.close()


def over_tls(port: int, context: ssl.SSLContext) -> Wire:
    return Wire(context.wrap_socket(socket.create_connection(("127.0.0.1", port), 10), server_hostname="127.0.0.1"))


def whole_answer(wire: Wire) -> bytes:
    wire.until(b"\r\n\r\n")
    return wire.take(21)


def test_clients_may_speak_tls_and_their_predictions_are_logged(
    start: Start, model_server: ModelServer, pair: tuple[Path, Path], service: Any
) -> None:
    model_server.answer(lambda head, body: TOLD)
    proxy = start(tls=tls_context(*pair))
    wire = over_tls(proxy.port, trust(pair[0]))
    assert wire.end.version() in {"TLSv1.2", "TLSv1.3"}  # type: ignore[attr-defined]
    for _ in range(3):
        wire.send(ASK)
        assert whole_answer(wire) == b'{"predictions":[0.5]}'
    wire.close()
    assert model_server.connections == 1
    assert proxy.buffer.flush(10)
    sent = [event for request in service.requests if request.method == "POST" for event in request.json]
    assert [event["features"] for event in sent] == [{"x": 1.5, "y": 2}] * 3


def test_over_tls_a_stream_passes_piece_by_piece_and_a_large_body_whole(
    start: Start, model_server: ModelServer, pair: tuple[Path, Path]
) -> None:
    proxy = start(tls=tls_context(*pair))
    wire = over_tls(proxy.port, trust(pair[0]))
    wire.send(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n")
    server = model_server.accept()
    server.until(b"\r\n\r\n")
    wire.send(b"a" * 3_000_000)
    assert server.take(3_000_000) == b"a" * 3_000_000
    server.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
    assert wire.until(b"1\r\na\r\n").endswith(b"1\r\na\r\n")
    server.send(b"0\r\n\r\n")
    wire.until(b"0\r\n\r\n")
    wire.close()


def test_who_speaks_no_tls_or_trusts_nobody_gets_no_answer(
    start: Start, model_server: ModelServer, pair: tuple[Path, Path]
) -> None:
    proxy = start(tls=tls_context(*pair))
    plain = proxy.connect()
    plain.send(ASK)
    assert not plain.rest().startswith(b"HTTP/")
    with pytest.raises(ssl.SSLCertVerificationError):
        over_tls(proxy.port, ssl.create_default_context())
    assert model_server.connections == 0


def test_a_client_over_tls_that_goes_away_cancels_its_request(
    start: Start, model_server: ModelServer, pair: tuple[Path, Path]
) -> None:
    proxy = start(tls=tls_context(*pair))
    wire = over_tls(proxy.port, trust(pair[0]))
    wire.send(ASK)
    server = model_server.accept()
    server.until(b"2]]}")
    wire.close()
    assert server.rest() in {b"", b"<reset>"}
    eventually(lambda: proxy.value("failures_total", reason="cancelled") == 1)


def test_the_model_server_may_speak_tls(
    start: Start, secure_server: ModelServer, pair: tuple[Path, Path], service: Any
) -> None:
    secure_server.answer(lambda head, body: TOLD)
    proxy = start(upstream_port=secure_server.port, upstream_tls=trust(pair[0]))
    wire = proxy.connect()
    for _ in range(3):
        wire.send(ASK)
        assert whole_answer(wire) == b'{"predictions":[0.5]}'
    assert secure_server.connections == 1
    assert proxy.buffer.flush(10)
    assert len([request for request in service.requests if request.method == "POST"]) >= 1


@pytest.mark.parametrize("what", ["authority", "name"])
def test_a_model_server_whose_certificate_is_not_good_is_a_502(
    start: Start, secure_server: ModelServer, pair: tuple[Path, Path], what: str
) -> None:
    secure_server.answer(lambda head, body: TOLD)
    options = {
        "authority": {"upstream_tls": ssl.create_default_context()},
        "name": {"upstream_tls": trust(pair[0]), "upstream_host": "localhost"},
    }
    proxy = start(upstream_port=secure_server.port, **options[what])
    assert proxy.ask(ASK.replace(b"Host: a", b"Host: a\r\nConnection: close")).startswith(b"HTTP/1.1 502 ")
    assert proxy.value("failures_total", reason="connect") == 1


def test_both_sides_may_speak_tls(start: Start, secure_server: ModelServer, pair: tuple[Path, Path]) -> None:
    secure_server.answer(lambda head, body: TOLD)
    proxy = start(upstream_port=secure_server.port, upstream_tls=trust(pair[0]), tls=tls_context(*pair))
    wire = over_tls(proxy.port, trust(pair[0]))
    wire.send(ASK)
    assert whole_answer(wire) == b'{"predictions":[0.5]}'
    wire.close()


@pytest.mark.parametrize("name", [b"grpc-timeout: 10S", b"X-Request-Timeout: 2.5", b"traceparent: 00-ab-cd-01"])
def test_deadlines_in_headers_reach_the_model_server(start: Start, model_server: ModelServer, name: bytes) -> None:
    proxy = start()
    wire = proxy.connect()
    wire.send(ASK.replace(b"Host: a", b"Host: a\r\n" + name))
    assert b"\r\n" + name + b"\r\n" in model_server.accept().until(b"\r\n\r\n")
