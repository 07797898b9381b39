"""Request bodies, read and inflated within bounds."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Mapping
from http import HTTPStatus

from starlette.types import Receive, Scope

from driftwatch.web.problems import ProblemError, problem

BODY_SECONDS = 30.0
"""How long a client may take to send its body."""

_GZIP_WINDOW = 31
_CLOSE = ((b"connection", b"close"),)


class Disconnected(Exception):
    """The client went away before its body was complete; there is nobody to answer."""


def headers_of(scope: Scope) -> dict[str, str]:
    """Request headers, names in lower case; the last of equal names counts."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


async def read_body(receive: Receive, headers: Mapping[str, str], most_bytes: int) -> bytes:
    """The whole body, inflated.

    Raises
    ------
    ProblemError
        413 for a body (or what it inflates to) above ``most_bytes``, 415 for another encoding than gzip, 400 for
        damaged gzip, 408 for one that takes too long.
    Disconnected
    """
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"", "identity", "gzip", "x-gzip"}:
        raise ProblemError(
            problem(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                "unsupported-encoding",
                "Send the body as it is, or with gzip.",
                field="Content-Encoding",
                headers=((b"accept-encoding", b"gzip"),),
            )
        )
    length = headers.get("content-length", "")
    if length.isdecimal() and int(length[:20]) > most_bytes:
        raise _too_large(most_bytes)
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body", False):
        body: bytes = message.get("body", b"")
        if len(body) > most_bytes:
            raise _too_large(most_bytes)
    else:
        body = await _in_pieces(message, receive, most_bytes)
    return body if encoding in {"", "identity"} else inflated(body, most_bytes)


async def _in_pieces(message: Mapping[str, object], receive: Receive, most_bytes: int) -> bytes:
    pieces = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                if message["type"] != "http.request":
                    raise Disconnected
                piece = message.get("body", b"")
                assert isinstance(piece, bytes)
                pieces += piece
                if len(pieces) > most_bytes:
                    raise _too_large(most_bytes)
                if not message.get("more_body", False):
                    return bytes(pieces)
                message = await receive()
    except TimeoutError:
        detail = f"The body did not arrive within {BODY_SECONDS:.0f} seconds."
        raise ProblemError(problem(HTTPStatus.REQUEST_TIMEOUT, "too-slow", detail, headers=_CLOSE)) from None


def inflated(body: bytes, most_bytes: int) -> bytes:
    """What gzip made small, member by member, never more than ``most_bytes`` of it.

    Raises
    ------
    ProblemError
        413 where it would be more, 400 where it is damaged or cut short.
    """
    pieces = bytearray()
    rest = body
    while rest:
        inflater = zlib.decompressobj(_GZIP_WINDOW)
        try:
            pieces += inflater.decompress(rest, most_bytes + 1 - len(pieces))
        except zlib.error:
            raise _damaged("is no gzip, although Content-Encoding says so") from None
        if len(pieces) > most_bytes:
            raise _too_large(most_bytes)
        if not inflater.eof:
            raise _damaged("is gzip that was cut short")
        rest = inflater.unused_data
    return bytes(pieces)


def _damaged(what: str) -> ProblemError:
    return ProblemError(problem(HTTPStatus.BAD_REQUEST, "damaged-body", f"The body {what}."))


def _too_large(most_bytes: int) -> ProblemError:
    return ProblemError(
        problem(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            "too-large",
            f"A body may hold at most {most_bytes:,} bytes, inflated too. Send less at once, "
            "or raise the setting max_body_bytes.",
            headers=_CLOSE,
        )
    )


__all__ = ["Disconnected", "headers_of", "inflated", "read_body"]
