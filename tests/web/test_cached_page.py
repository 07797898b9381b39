import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from driftwatch.web.cached_page import CachedPage


class Source:
    """Something to render, which counts how often it was."""

    def __init__(self) -> None:
        self.revision = 0
        self.times = 0
        self.failing = False
        self.rendered = threading.Event()

    def render(self) -> bytes:
        self.times += 1
        try:
            if self.failing:
                raise RuntimeError("no facts")
            return f"revision {self.revision}".encode()
        finally:
            self.rendered.set()

    def wait(self) -> None:
        self.rendered.clear()
        assert self.rendered.wait(20)


@contextmanager
def running(source: Source, **seconds: float) -> Iterator[CachedPage]:
    page = CachedPage(source.render, lambda: source.revision, "text/plain", **seconds)
    page.start()
    try:
        yield page
    finally:
        page.stop()


def test_the_first_page_is_there_at_once() -> None:
    with running(Source(), pause_seconds=60) as page:
        assert page.answer({}).body == b"revision 0"


def test_requests_render_nothing() -> None:
    source = Source()
    with running(source, pause_seconds=60) as page:
        for _ in range(100):
            page.answer({"accept-encoding": "gzip"})
        assert source.times == 1


def test_nothing_is_rendered_while_nothing_changes() -> None:
    source = Source()
    with running(source, pause_seconds=0.001, refresh_seconds=3_600):
        threading.Event().wait(0.1)
        assert source.times == 1


def test_a_change_is_rendered() -> None:
    source = Source()
    with running(source, pause_seconds=0.001, refresh_seconds=3_600) as page:
        source.revision = 1
        source.wait()
    assert page.answer({}).body == b"revision 1"


def test_the_page_is_rendered_anew_after_a_while_without_a_change() -> None:
    source = Source()
    with running(source, pause_seconds=0.001, refresh_seconds=0.01):
        source.wait()
    assert source.times >= 2


def test_after_a_failure_there_is_a_problem_instead_of_an_old_page_until_it_works_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    source = Source()
    page = CachedPage(source.render, lambda: source.revision, "text/plain")
    page.render_now()
    source.failing = True
    page.render_now()
    assert (page.answer({}).status, "no facts" in caplog.text) == (503, True)
    source.failing = False
    page.render_now()
    assert page.answer({}).status == 200


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [("", False), ("gzip", True), ("br, GZIP;q=0.5", True), ("*", True), ("gzip;q=0", False), ("deflate", False)],
)
def test_gzip_is_for_those_who_take_it(accepted: str, packed: bool) -> None:
    page = CachedPage(Source().render, lambda: 0, "text/plain")
    page.render_now()
    answer = page.answer({"accept-encoding": accepted})
    assert ((b"content-encoding", b"gzip") in answer.headers) is packed
    assert (gzip.decompress(answer.body) if packed else answer.body) == b"revision 0"
    assert (b"vary", b"accept-encoding") in answer.headers
