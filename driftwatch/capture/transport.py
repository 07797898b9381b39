"""HTTP to a driftwatch service: connections that stay open, and errors that say whether to try again.

Over TCP, with TLS or without, or over a Unix socket.

Written on the standard library, because it also runs inside other people's model servers.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, unquote, urlsplit

from driftwatch.capture.credentials import authorization, trust
from driftwatch.errors import InputError, ServiceRejected, ServiceUnavailable

if TYPE_CHECKING:
    from http.client import HTTPConnection, HTTPResponse
    from pathlib import Path

URL_VARIABLE = "DRIFTWATCH_URL"
USUAL_URL = "http://localhost:8000"

_WAIT_STATUSES = frozenset({408, 425, 429})
# uvicorn closes a connection that was silent for five seconds.
_REUSED_FOR_SECONDS = 4.0
_LARGEST_ANSWER_BYTES = 64 * 2**20
_LARGEST_PROBLEM_BYTES = 2**20
_PIECE_BYTES = 2**18
_LONGEST_DETAIL = 500
_WHOLE_ANSWER_TIMES = 6
# What the system's address of a Unix socket holds.
_LONGEST_SOCKET_PATH = 103


@dataclass(frozen=True, slots=True)
class Reply:
    """What the service answered: a status of the 200s and a body."""

    status: int
    content_type: str
    body: bytes

    def json(self) -> Any:
        """The body as Python values.

        Raises
        ------
        ServiceUnavailable
            If it is no JSON: something else than driftwatch answered.
        """
        import msgspec

        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise _not_driftwatch(self.status, self.content_type) from None


class Transport:
    """Requests to one service. Safe to use from several threads.

    Parameters
    ----------
    url
        Where the service is, such as ``http://localhost:8000``, where a path is kept as a prefix, or
        ``unix:///run/driftwatch.sock``.
    timeout_seconds
        How long to wait for a connection, and for each piece of an answer; six times as long for all of one, but for
        downloads.
    headers
        Sent with every request, for a gateway in between.
    token, ca
        Shown to the service, and whom to trust over https: see `driftwatch.capture.credentials`.

    Raises
    ------
    InputError
        If ``url`` is no http, https or unix address, or the token cannot be sent.
    FileError
        If a file of these cannot be read.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout_seconds: float = 10.0,
        headers: Mapping[str, str] | None = None,
        token: str | None = None,
        ca: str | Path | None = None,
    ) -> None:
        self._parts = _checked_url(url)
        self._trust = trust(ca) if self._parts.scheme == "https" else None
        is_unix = self._parts.scheme == "unix"
        self._socket_path = unquote(self._parts.path) if is_unix else None
        self._prefix = "" if is_unix else self._parts.path.rstrip("/")
        self.url = url.rstrip("/")
        self._timeout_seconds = timeout_seconds
        self._headers = {
            "Accept": "application/json",
            "User-Agent": "driftwatch",
            **authorization(token),
            **(headers or {}),
        }
        self._open: deque[tuple[float, HTTPConnection]] = deque()

    def request(
        self, method: str, path: str, body: bytes | None = None, *, content_type: str = "application/json"
    ) -> Reply:
        """Ask, and read the whole answer.

        Raises
        ------
        ServiceUnavailable
            If the service cannot be reached, breaks off, asks to wait, or fails.
        ServiceRejected
            If it refuses the request.
        """
        until = time.monotonic() + _WHOLE_ANSWER_TIMES * self._timeout_seconds
        with self._answer(method, path, body, content_type, until) as response:
            answer = self._read(response, _LARGEST_ANSWER_BYTES + 1)
            if len(answer) > _LARGEST_ANSWER_BYTES:
                raise ServiceUnavailable(f"{self.url} gave an answer that does not end.", status=response.status)
            return Reply(response.status, response.headers.get_content_type(), answer)

    def download(self, path: str, content_type: str, write: Callable[[bytes], object]) -> None:
        """Hand the answer to ``write`` piece by piece; raises like :meth:`request`, and what ``write`` raises."""
        with self._answer("GET", path, None, "") as response:
            found = response.headers.get_content_type()
            if found != content_type:
                raise _not_driftwatch(response.status, found)
            while piece := self._read(response, _PIECE_BYTES):
                write(piece)

    @contextmanager
    def _answer(
        self, method: str, path: str, body: bytes | None, content_type: str, until: float | None = None
    ) -> Iterator[HTTPResponse]:
        headers = self._headers if body is None else {**self._headers, "Content-Type": content_type}
        with self._reached():
            connection, response = self._answered(method, self._prefix + path, body, headers, until)
        try:
            if not 200 <= response.status < 300:
                raise _error_of(response, self.url, self._read(response, _LARGEST_PROBLEM_BYTES))
            yield response
        finally:
            if response.isclosed() and not response.will_close:
                self._open.append((time.monotonic(), connection))
            else:
                connection.close()

    def _read(self, response: HTTPResponse, most: int) -> bytes:
        with self._reached():
            found = response.read(most)
        # http.client takes the end of a connection for the end of an answer where it is read in pieces.
        if len(found) < most and response.length:
            raise ServiceUnavailable(f"{self.url} broke off its answer.", status=response.status)
        return found

    @contextmanager
    def _reached(self) -> Iterator[None]:
        from http.client import HTTPException

        try:
            yield
        except (OSError, HTTPException, ValueError) as error:
            reason = str(error) or type(error).__name__
            raise ServiceUnavailable(f"No answer from {self.url} ({reason}). Is driftwatch serve running?") from error

    def close(self) -> None:
        """Close the open connections; a later request opens a new one."""
        while self._open:
            self._open.pop()[1].close()

    def _answered(
        self, method: str, target: str, body: bytes | None, headers: dict[str, str], until: float | None
    ) -> tuple[HTTPConnection, HTTPResponse]:
        from http.client import RemoteDisconnected

        reused = self._reusable()
        if reused is not None:
            try:
                return reused, _ask(reused, method, target, body, headers, until)
            except (RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                # The service closed the idle connection; whether it read the request is not known, and every
                # request of this interface can be repeated.
                reused.close()
            except BaseException:
                reused.close()
                raise
        fresh = self._connection()
        try:
            return fresh, _ask(fresh, method, target, body, headers, until)
        except BaseException:
            fresh.close()
            raise

    def _reusable(self) -> HTTPConnection | None:
        while self._open:
            try:
                since, connection = self._open.pop()
            except IndexError:
                return None
            if time.monotonic() - since < _REUSED_FOR_SECONDS:
                return connection
            connection.close()
        return None

    def _connection(self) -> HTTPConnection:
        from http.client import HTTPConnection, HTTPSConnection

        if self._socket_path is not None:
            from driftwatch.capture.unix_connection import UnixConnection

            return UnixConnection(self._socket_path, timeout=self._timeout_seconds)
        host, port = self._parts.hostname or "", self._parts.port
        if self._trust is not None:
            return HTTPSConnection(host, port, timeout=self._timeout_seconds, context=self._trust)
        return HTTPConnection(host, port, timeout=self._timeout_seconds)


def usual_url(url: str | None) -> str:
    """The service's address: as given, else what ``DRIFTWATCH_URL`` holds, else ``http://localhost:8000``."""
    return url or os.environ.get(URL_VARIABLE) or USUAL_URL


def _checked_url(url: str) -> SplitResult:
    remedy = "Give one such as http://localhost:8000 or unix:///run/driftwatch.sock."
    try:
        parts = urlsplit(url)
        if parts.scheme == "unix":
            length = len(os.fsencode(unquote(parts.path)))
            usable = parts.path.startswith("/") and not parts.netloc and length <= _LONGEST_SOCKET_PATH
        else:
            usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise InputError(f"{url!r} is no address of a service.", field="url", remedy=remedy) from None
    if not usable:
        raise InputError(f"{url!r} is no address of a service.", field="url", remedy=remedy)
    return parts


def _ask(
    connection: HTTPConnection,
    method: str,
    target: str,
    body: bytes | None,
    headers: dict[str, str],
    until: float | None,
) -> HTTPResponse:
    from driftwatch.capture.timed_answer import answered_until

    answered_until(connection, until)
    connection.request(method, target, body, headers)
    return connection.getresponse()


def _error_of(response: HTTPResponse, url: str, body: bytes) -> ServiceUnavailable | ServiceRejected:
    """What the status says, in the words of the problem document where there is one."""
    import msgspec

    try:
        problem = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        problem = None
    if not isinstance(problem, dict):
        problem = {}
    status = response.status
    detail = str(problem.get("detail") or problem.get("title") or f"{url} answered {status} {response.reason}.")
    detail = detail[:_LONGEST_DETAIL]
    field = problem.get("field")
    named = field if isinstance(field, str) else None
    if status >= 500 or status in _WAIT_STATUSES:
        wait = _seconds(response.headers.get("Retry-After"))
        return ServiceUnavailable(detail, field=named, status=status, retry_after_seconds=wait)
    if 300 <= status < 400:
        detail = f"{url} redirects to {response.headers.get('Location', 'another address')}. Use that address."
    return ServiceRejected(detail, field=named, status=status)


def _seconds(retry_after: str | None) -> float | None:
    if retry_after is None or not retry_after.strip().isdecimal():
        return None
    return float(retry_after)


def _not_driftwatch(status: int, content_type: str) -> ServiceUnavailable:
    return ServiceUnavailable(
        f"The answer ({status}, {content_type}) is not driftwatch's. Does the URL point to driftwatch serve?",
        status=status,
    )


__all__ = ["URL_VARIABLE", "USUAL_URL", "Reply", "Transport", "usual_url"]
