"""Request bodies, read and inflated within bounds."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from http import HTTPStatus

from starlette.types import Receive, Scope

from driftwatch.web.answer import CLOSE
from driftwatch.web.problems import ProblemError, problem
from driftwatch.wire.inflation import INFLATERS, Damaged, TooLarge

BODY_SECONDS = 30.0
"""How long a client may take to send its body."""


class Disconnected(Exception):
    """The client went away before its body was complete; there is nobody to answer."""


_OF_A_BODY = {name.encode(): name for name in ("content-encoding", "content-length", "content-type")}


def headers_of(scope: Scope) -> dict[str, str]:
    """Request headers, names in lower case; the last of equal names counts."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


def body_headers_of(scope: Scope) -> dict[str, str]:
    """Of these, the ones that say what the body is."""
    return {_OF_A_BODY[name]: value.decode("latin-1") for name, value in scope["headers"] if name in _OF_A_BODY}


async def read_body(receive: Receive, headers: Mapping[str, str], most_bytes: int) -> bytes:
    """The whole body, inflated.

    Raises
    ------
    ProblemError
        413 for a body (or what it inflates to) above ``most_bytes``, 415 for an encoding that is not read, 400 for a
        damaged one, 408 for one that takes too long.
    Disconnected
    """
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"", "identity", *INFLATERS}:
        raise ProblemError(
            problem(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                "unsupported-encoding",
                "Send the body as it is, or with gzip or zstd.",
                field="Content-Encoding",
                headers=((b"accept-encoding", b"gzip, zstd"),),
            )
        )
    length = headers.get("content-length", "")
    if length.isdecimal() and int(length[:20]) > most_bytes:
        raise _too_large(most_bytes)
    body = await _in_pieces(receive, most_bytes)
    if encoding in {"", "identity"}:
        return body
    try:
        # A thousandth of what it becomes may be all that came: other requests do not wait for it.
        return await asyncio.to_thread(INFLATERS[encoding], body, most_bytes)
    except TooLarge:
        raise _too_large(most_bytes) from None
    except Damaged as damage:
        raise ProblemError(problem(HTTPStatus.BAD_REQUEST, "damaged-body", f"The body {damage}.")) from None


async def _in_pieces(receive: Receive, most_bytes: int) -> bytes:
    pieces: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    raise Disconnected
                piece: bytes = message.get("body", b"")
                pieces.append(piece)
                size += len(piece)
                if size > most_bytes:
                    raise _too_large(most_bytes)
                if not message.get("more_body", False):
                    return b"".join(pieces)
    except TimeoutError:
        detail = f"The body did not arrive within {BODY_SECONDS:.0f} seconds."
        raise ProblemError(problem(HTTPStatus.REQUEST_TIMEOUT, "too-slow", detail, headers=(CLOSE,))) from None


def _too_large(most_bytes: int) -> ProblemError:
    return ProblemError(
        problem(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            "too-large",
            f"A body may hold at most {most_bytes:,} bytes, inflated too. Send less at once, "
            "or raise the setting max_body_bytes.",
            headers=(CLOSE,),
        )
    )


__all__ = ["Disconnected", "body_headers_of", "headers_of", "read_body"]
