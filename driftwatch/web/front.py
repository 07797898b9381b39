"""The plain ASGI application in front of FastAPI: hot routes are answered here, the rest is passed on."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from functools import lru_cache
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from driftwatch.web.answer import ALWAYS, Answer, HeaderPairs
from driftwatch.web.bodies import Disconnected, body_headers_of, headers_of, read_body
from driftwatch.web.cached_page import CachedPage
from driftwatch.web.cloudevents import CloudEventsRoute
from driftwatch.web.direct_http import RECEIVE_WHOLE, Headers
from driftwatch.web.guard import CLOUDEVENTS_PATHS, Guard
from driftwatch.web.health import alive
from driftwatch.web.ingest import USUAL_TYPE, IngestRoutes, Kind
from driftwatch.web.names import is_model_name
from driftwatch.web.problems import ProblemError, problem, unforeseen
from driftwatch.web.whole_answers import CYCLE, write_whole

_LOGGER = logging.getLogger(__name__)
# A browser that once spoke TLS with this name does so for a year.
_OF_TLS: HeaderPairs = ((b"strict-transport-security", b"max-age=31536000"),)
_INGEST = re.compile(r"/v1/models/([^/]+)/(predictions|labels)")
# Bodies that are not as they are meant, or whose headers may come behind them.
_NOT_DIRECT = frozenset({b"content-encoding", b"transfer-encoding"})


class Front:
    """Turns away who may not ask, and answers ingest, ``/metrics`` and ``/healthz`` itself."""

    def __init__(
        self,
        rest: ASGIApp,
        guard: Guard,
        ingest: IngestRoutes,
        cloudevents: CloudEventsRoute,
        metrics: CachedPage,
        most_bytes: int,
    ) -> None:
        self._rest = rest
        self._guard = guard
        self._ingest = ingest
        self._cloudevents = cloudevents
        self._metrics = metrics
        self._most_bytes = most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on."""
        if scope["type"] != "http":
            await self._rest(scope, receive, send)
            return
        if scope["scheme"] == "https":
            send = _with_headers(send, _OF_TLS)
        try:
            answer = self._guard.refusal(scope) or await self._own(scope, receive)
        except Disconnected:
            return
        except ProblemError as error:
            answer = error.answer
        except Exception as error:  # noqa: BLE001 - it is answered, and logged
            answer = _of_defect(scope["method"], scope["path"], error)
        if answer is None:
            await self._rest(scope, receive, _with_headers(send, ALWAYS))
        elif not self._written_whole(scope, answer):
            await answer.send(send, head=scope["method"] == "HEAD")

    def direct(self, url: bytes, headers: Headers, body: bytes, answer: Callable[[Answer], None]) -> bool:
        """Begin to answer an ingest request of one event; see `TakesDirectly`. The rest is not taken."""
        found = _literal_ingest(url)
        given = dict(headers)
        if found is None or not _NOT_DIRECT.isdisjoint(given) or len(body) > self._most_bytes:
            return False
        path, kind, model = found

        def then(result: Answer | BaseException) -> None:
            answer(result if isinstance(result, Answer) else _of_defect("POST", path, result))

        try:
            refusal = self._guard.refusal({"method": "POST", "path": path, "headers": headers})
            if refusal is None:
                content_type = given.get(b"content-type")
                named = USUAL_TYPE if content_type is None else content_type.decode("latin-1")
                return self._ingest.take_one(kind, model, named, body, then)
        except Exception as error:  # noqa: BLE001 - it is answered, and logged
            refusal = _of_defect("POST", path, error)
        answer(refusal)
        return True

    def _written_whole(self, scope: Scope, answer: Answer) -> bool:
        """Write an answer without anything special to it at once, where the server can."""
        cycle = scope.get("state", {}).get(CYCLE)
        if cycle is None or scope["method"] == "HEAD" or scope["scheme"] == "https":
            return False
        return not answer.headers and write_whole(cycle, answer)

    async def _own(self, scope: Scope, receive: Receive) -> Answer | None:
        path, method = scope["path"], scope["method"]
        if found := _INGEST.fullmatch(path):
            if method != "POST":
                return _other_method(method, "POST")
            headers = body_headers_of(scope)
            # A body that says its length is refused by it, or may be kept whole.
            whole = scope.get("state", {}).get(RECEIVE_WHOLE, receive) if "content-length" in headers else receive
            body = await read_body(whole, headers, self._most_bytes)
            return await self._ingest.take(Kind(found[2]), found[1], body, headers)
        if path in CLOUDEVENTS_PATHS and (method == "POST" or path != "/"):
            if method != "POST":
                return _other_method(method, "POST")
            headers = headers_of(scope)
            body = await read_body(receive, headers, self._most_bytes)
            return await self._cloudevents.take(headers, body, scope["query_string"])
        if path in {"/metrics", "/healthz"}:
            if method not in {"GET", "HEAD"}:
                return _other_method(method, "GET, HEAD")
            return alive() if path == "/healthz" else self._metrics.answer(headers_of(scope))
        return None


@lru_cache(maxsize=1_024)
def _literal_ingest(url: bytes) -> tuple[str, Kind, str] | None:
    """The path, kind and model of an ingest address without a query and without anything escaped."""
    path = url.decode("latin-1")
    found = _INGEST.fullmatch(path)
    return (path, Kind(found[2]), found[1]) if found and is_model_name(found[1]) else None


def _of_defect(method: str, path: str, error: BaseException) -> Answer:
    _LOGGER.error("%s %s", method, path, exc_info=error)
    return unforeseen()


def _other_method(method: str, allowed: str) -> Answer:
    return problem(
        HTTPStatus.METHOD_NOT_ALLOWED,
        "method-not-allowed",
        f"{method} is not possible here; {allowed} is.",
        headers=((b"allow", allowed.encode()),),
    )


def _with_headers(send: Send, added: HeaderPairs) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            present = {name.lower() for name, _ in message["headers"]}
            message["headers"] = [*message["headers"], *(one for one in added if one[0] not in present)]
        await send(message)

    return sending


__all__ = ["Front"]
