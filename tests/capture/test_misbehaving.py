"""Services that are away, slow or no services at all, behind real sockets: the model notices nothing."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from driftwatch.capture import BufferLimits, CaptureMiddleware, Watched, watch
from tests.capture.test_middleware import ORDER, ROUTES, application, ask

LIMITS = BufferLimits(events=200, batch_events=50, linger_seconds=0.0, exit_seconds=0.2)


class Bad:
    """Listens, and does with each connection what it was told; counts them."""

    def __init__(self, behave: Callable[[socket.socket, threading.Event], None]) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.over = threading.Event()
        self.came = threading.Event()
        self._behave = behave
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        while not self.over.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.came.set()
            thread = threading.Thread(target=self._serve, args=(connection,))
            thread.start()
            self._threads.append(thread)

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(0.05)
            self._behave(connection, self.over)

    def stop(self) -> None:
        self.over.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)


def read_some(connection: socket.socket) -> None:
    with contextlib.suppress(TimeoutError):
        while b"\r\n\r\n" not in connection.recv(65_536):
            continue


def never_reads(connection: socket.socket, over: threading.Event) -> None:
    over.wait(30)


def never_answers(connection: socket.socket, over: threading.Event) -> None:
    read_some(connection)
    over.wait(30)


def hangs_up_at_once(connection: socket.socket, over: threading.Event) -> None:
    return


def resets(connection: socket.socket, over: threading.Event) -> None:
    read_some(connection)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")


def says(answer: bytes) -> Callable[[socket.socket, threading.Event], None]:
    def behave(connection: socket.socket, over: threading.Event) -> None:
        read_some(connection)
        connection.sendall(answer)

    return behave


def drips(connection: socket.socket, over: threading.Event) -> None:
    read_some(connection)
    connection.sendall(b"HTTP/1.1 202 Accepted\r\ncontent-length: 100000\r\n\r\n")
    while not over.wait(0.02):
        connection.sendall(b" ")


def drips_heads(connection: socket.socket, over: threading.Event) -> None:
    read_some(connection)
    connection.sendall(b"HTTP/1.1 202 Accepted\r\nx: ")
    while not over.wait(0.02):
        connection.sendall(b"y")


def never_ends(connection: socket.socket, over: threading.Event) -> None:
    read_some(connection)
    connection.sendall(b"HTTP/1.1 202 Accepted\r\n\r\n")
    while not over.is_set():
        connection.sendall(b" " * 65_536)


def continues(connection: socket.socket, over: threading.Event) -> None:
    read_some(connection)
    while not over.is_set():
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)


MISBEHAVIOURS = {
    "never reads": never_reads,
    "never answers": never_answers,
    "hangs up at once": hangs_up_at_once,
    "resets": resets,
    "drips": drips,
    "drips heads": drips_heads,
    "continues": continues,
    "never ends": never_ends,
    "speaks no HTTP": says(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "speaks binary": says(bytes(range(256)) * 40),
    "heads without end": says(b"HTTP/1.1 202 Accepted\r\n" + b"x: y\r\n" * 10_000),
    "a line without end": says(b"HTTP/1.1 202 " + b"a" * 200_000),
    "a length that is none": says(b"HTTP/1.1 202 Accepted\r\ncontent-length: many\r\n\r\n{}"),
    "a length that is too long": says(b"HTTP/1.1 202 Accepted\r\ncontent-length: 900\r\n\r\n{}"),
    "chunks that are none": says(b"HTTP/1.1 202 Accepted\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"),
    "redirects to itself": says(b"HTTP/1.1 307 Temporary Redirect\r\nlocation: /\r\ncontent-length: 0\r\n\r\n"),
    "asks to wait for years": says(b"HTTP/1.1 503 No\r\nretry-after: 999999999999\r\ncontent-length: 0\r\n\r\n"),
    "JSON of another shape": says(
        b"HTTP/1.1 202 Accepted\r\ncontent-length: 21\r\n\r\n" + b'{"accepted": [[[[]]]]}'[:21]
    ),
    "deep JSON": says(b"HTTP/1.1 202 Accepted\r\ncontent-length: 60000\r\n\r\n" + b"[" * 60_000),
}


@pytest.fixture(params=MISBEHAVIOURS.values(), ids=MISBEHAVIOURS.keys())
def bad(request: pytest.FixtureRequest) -> Iterator[Bad]:
    service = Bad(request.param)
    yield service
    service.stop()


def doubled(rows: np.ndarray) -> np.ndarray:
    return 2 * rows[:, 0]


def let_go(model: Watched) -> None:
    """End the background thread: closed, and whatever it still waits for comes to its end."""
    model.close(timeout_seconds=0.1)
    thread = model._recorder.buffer._thread
    if thread is not None:
        thread.join(20)
        assert not thread.is_alive()


def test_results_come_and_every_row_is_sent_or_counted(bad: Bad) -> None:
    model = watch(doubled, url=bad.url, name="m", feature_names=["x"], limits=LIMITS, timeout_seconds=0.2)
    for value in range(300):
        assert model(np.array([[float(value)]])).tolist() == [2.0 * value]
    assert bad.came.wait(10)
    assert model._recorder.buffer.room() <= LIMITS.events
    let_go(model)
    bad.stop()
    assert set(model.dropped) <= {"buffer_full", "closed", "rejected"}
    assert model.dropped.total() == 300
    assert model(np.array([[1.0]])).tolist() == [2.0]


@pytest.mark.parametrize("kind", ["never answers", "speaks no HTTP", "resets"])
def test_an_application_behind_the_middleware_answers_all_the_same(kind: str) -> None:
    bad = Bad(MISBEHAVIOURS[kind])
    app = CaptureMiddleware(
        application(), name="m", routes=ROUTES, url=bad.url, limits=LIMITS, timeout_seconds=0.2
    )  # fmt: skip
    try:
        for _ in range(20):
            assert ask(app, "POST", "/score", json=ORDER).json()["result"]["label"] == "yes"
        app.close(timeout_seconds=0.1)
    finally:
        bad.stop()


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "http://no-such-host.invalid", "unix:///tmp/no/such.sock"])
def test_where_nobody_is_everything_is_counted_in_the_end(url: str) -> None:
    model = watch(doubled, url=url, name="m", feature_names=["x"], limits=LIMITS, timeout_seconds=0.2)
    for _ in range(300):
        model(np.array([[1.0]]))
    let_go(model)
    assert model.dropped.total() == 300


def test_a_service_that_comes_back_gets_what_the_buffer_held_and_the_rest_is_counted(service: Any) -> None:
    service.replies(*[service.Reply(503, headers={"Retry-After": "0"})] * 3, service.accepted)
    limits = BufferLimits(events=50, batch_events=10, linger_seconds=0.0)
    model = watch(doubled, url=service.url, name="m", feature_names=["x"], limits=limits)
    for value in range(500):
        model(np.array([[float(value)]]))
    assert model.flush(30)
    arrived = {event["prediction_id"] for request in service.requests[3:] for event in request.json}
    assert len(arrived) + model.dropped.total() == 500
    assert model.close()


def test_many_threads_that_take_turns_all_the_time_lose_and_mix_nothing(service: Any) -> None:
    """What free threads do by themselves: a switch between any two steps, here of the interpreter."""
    models = [
        watch(doubled, url=service.url, name=f"m{one}", feature_names=["x"], limits=limits)
        for one, limits in enumerate(
            (
                BufferLimits(batch_events=100, linger_seconds=0.0, idle_seconds=0.0),
                BufferLimits(events=100, batch_events=10, linger_seconds=0.0),
            )
        )
    ]
    mixed: list[float] = []

    def predict(thread: int) -> list[str]:
        ids = []
        for step in range(150):
            value = float(1_000 * thread + step)
            for model in models:
                with watch.request() as request:
                    if model(np.array([[value]])).tolist() != [2 * value]:
                        mixed.append(value)
                ids.append(f"{model._options['name']} {request.prediction_id}")
                if model.last_prediction_ids != request.prediction_ids:
                    mixed.append(value)
        return ids

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(12) as pool:
            ids = [one for found in pool.map(predict, range(12)) for one in found]
    finally:
        sys.setswitchinterval(interval)
    assert all(model.flush(30) for model in models)
    assert mixed == []
    assert len(set(ids)) == 12 * 150 * 2
    events = service.events
    assert all(event["prediction"] == 2 * event["features"]["x"] for event in events)
    assert len({event["prediction_id"] for event in events}) == len(events)
    assert len(events) + sum(model.dropped.total() for model in models) == 12 * 150 * 2
    assert models[0].dropped == {}
    assert set(models[1].dropped) <= {"buffer_full"}
    assert all(model.close() for model in models)
