"""A page that is rendered in the background when something changed; a request gets the bytes as they are."""

from __future__ import annotations

import gzip
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

from driftwatch.web.answer import Answer
from driftwatch.web.problems import problem

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Rendered:
    plain: Answer
    gzipped: Answer


class CachedPage:
    """One page, kept as bytes.

    Parameters
    ----------
    render
        Makes the page. Called from one thread of its own.
    revision
        A number that grows when the page would change.
    content_type
        Of the page.
    pause_seconds
        At most one rendering in this time.
    refresh_seconds
        Render after this time also where the revision did not move.
    """

    def __init__(
        self,
        render: Callable[[], bytes],
        revision: Callable[[], int],
        content_type: str,
        *,
        pause_seconds: float = 1.0,
        refresh_seconds: float = 15.0,
    ) -> None:
        self._render = render
        self._revision = revision
        self._content_type = content_type
        self._pause_seconds = pause_seconds
        self._refresh_seconds = refresh_seconds
        self._page: _Rendered | None = None
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Render once, then whenever something changed."""
        self._stopped.clear()
        seen = self._revision()
        self.render_now()
        self._thread = threading.Thread(
            target=self._keep_fresh, args=(seen,), name="driftwatch-metrics-page", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Let the thread end; the page stays as it is."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(10)

    def answer(self, headers: Mapping[str, str]) -> Answer:
        """The page as it was rendered last, gzipped for who takes that."""
        page = self._page
        if page is None:
            return problem(
                HTTPStatus.SERVICE_UNAVAILABLE, "no-page", "The page could not be rendered. The log says why."
            )
        return page.gzipped if _takes_gzip(headers) else page.plain

    def render_now(self) -> None:
        """Render in this thread. After a failure nothing old is shown: a scraper must see that something is wrong."""
        try:
            body = self._render()
        except Exception:
            _LOGGER.exception("the metrics page could not be rendered")
            self._page = None
            return
        vary = ((b"vary", b"accept-encoding"),)
        small = gzip.compress(body, compresslevel=1, mtime=0)
        self._page = _Rendered(
            Answer(HTTPStatus.OK.value, body, self._content_type, vary),
            Answer(HTTPStatus.OK.value, small, self._content_type, (*vary, (b"content-encoding", b"gzip"))),
        )

    def _keep_fresh(self, seen: int) -> None:
        rendered_at = time.monotonic()
        while not self._stopped.wait(self._pause_seconds):
            revision = self._revision()
            if revision != seen or time.monotonic() - rendered_at >= self._refresh_seconds or self._page is None:
                seen = revision
                self.render_now()
                rendered_at = time.monotonic()


def _takes_gzip(headers: Mapping[str, str]) -> bool:
    for one in headers.get("accept-encoding", "").lower().split(","):
        coding, _, parameters = one.partition(";")
        if coding.strip() in {"gzip", "*"}:
            return parameters.replace(" ", "") not in {"q=0", "q=0.0"}
    return False


__all__ = ["CachedPage"]
