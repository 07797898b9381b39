"""The plain ASGI application in front of FastAPI: hot routes are answered here, the rest is passed on."""

from __future__ import annotations

import logging
import re
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from driftwatch.web.answer import ALWAYS, Answer, HeaderPairs
from driftwatch.web.bodies import Disconnected, body_headers_of, headers_of, read_body
from driftwatch.web.bounded_http import CYCLE, write_whole
from driftwatch.web.cached_page import CachedPage
from driftwatch.web.cloudevents import CloudEventsRoute
from driftwatch.web.guard import CLOUDEVENTS_PATHS, Guard
from driftwatch.web.health import alive
from driftwatch.web.ingest import IngestRoutes, Kind
from driftwatch.web.problems import ProblemError, problem, unforeseen

_LOGGER = logging.getLogger(__name__)
# A browser that once spoke TLS with this name does so for a year.
_OF_TLS: HeaderPairs = ((b"strict-transport-security", b"max-age=31536000"),)
_INGEST = re.compile(r"/v1/models/([^/]+)/(predictions|labels)")


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
        except Exception:
            _LOGGER.exception("%s %s", scope["method"], scope["path"])
            answer = unforeseen()
        if answer is None:
            await self._rest(scope, receive, _with_headers(send, ALWAYS))
        elif not self._written_whole(scope, answer):
            await answer.send(send, head=scope["method"] == "HEAD")

    def _written_whole(self, scope: Scope, answer: Answer) -> bool:
        """Write an answer without anything special to it at once, where the server can."""
        cycle = scope.get("state", {}).get(CYCLE)
        if cycle is None or scope["method"] == "HEAD" or scope["scheme"] == "https":
            return False
        head = answer.in_one_piece()
        return head is not None and write_whole(cycle, answer.status, head, answer.body)

    async def _own(self, scope: Scope, receive: Receive) -> Answer | None:
        path, method = scope["path"], scope["method"]
        if found := _INGEST.fullmatch(path):
            if method != "POST":
                return _other_method(method, "POST")
            headers = body_headers_of(scope)
            body = await read_body(receive, headers, self._most_bytes)
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
